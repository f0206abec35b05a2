"""
Soil moisture at a sensor, and at a place with no sensor
========================================================

A network predicts soil moisture from weather and a run of the soil column. This tutorial trains it for one cosmic-ray site, and
scores it on the last part of the record. Then it trains one network on eight sites and predicts a ninth, without data of its
sensor.

The cosmic-ray site is Spen Farm of COSMOS-UK if the folder ``JULES_ML_DATA`` has its file
``moisture/SPENF-2016-11-24-2021-09-05.csv``, as exported from the COSMOS-UK portal (Open Government Licence, UK Centre for
Ecology & Hydrology). Without it, a synthetic site in the same format is written. The other sites are synthetic.
"""

# %%
# A COSMOS-UK site
# ----------------

import os
import shutil
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

sys.path.insert(0, str(Path("../examples").resolve()))
from tutorial_inputs import Tower, command, write_portal_file, write_tower

measured = Path(os.environ.get("JULES_ML_DATA", "no folder")).resolve() / "moisture" / "SPENF-2016-11-24-2021-09-05.csv"
folder = Path(tempfile.mkdtemp(prefix="tutorial_moisture_"))
if measured.is_file():
    shutil.copy(measured, folder / "cosmos.csv")
else:
    write_portal_file(folder / "cosmos.csv", Tower("synthetic", years=3))
print("measured record of Spen Farm" if measured.is_file() else "SYNTHETIC record")

# %%
# The file contains no position. Settings of the network are small here, so that the tutorial takes a minute.

network = """
[moisture]
members = 2
steps = 100
width = 12
"""
experiment = """\
[site]
latitude = 53.87
longitude = -1.32
elevation = 57.0

[data]
reader = "cosmos_uk"
path = "cosmos.csv"
"""
(folder / "cosmos.toml").write_text(experiment + network, encoding="utf-8")
command("jules-ml fit moisture cosmos.toml --out modules/cosmos", folder)

# %%
# The command scores the module on the last 30 % of the record, beside regressions and climatology on the same days.


def draw(results, site, title):
    """Observed and predicted soil moisture of the shallowest sensor."""
    with xr.open_dataset(folder / results / "predictions.nc") as predictions:
        rows = predictions.isel(row=np.flatnonzero(predictions["site"].to_numpy() == site))
        series = {name: rows[name].to_numpy() for name in ("observed", "predicted", "lower", "upper")}
        time, split = rows["time"].to_numpy(), rows["split"].to_numpy()
    series = {name: values if values.ndim == 1 else values[:, 0] for name, values in series.items()}
    _, axis = plt.subplots(figsize=(9, 3.4), layout="constrained")
    axis.fill_between(
        time, series["lower"], series["upper"], color="#0072B2", alpha=0.25, linewidth=0, label="90 % interval"
    )
    axis.plot(time, series["predicted"], color="#0072B2", label="predicted")
    axis.plot(time, series["observed"], ".", markersize=2, color="0.2", label="observed")
    test = time[split == 2]  # 2: test period
    if 0 < len(test) < len(time):
        axis.axvspan(test[0], test[-1], color="0.93", zorder=0, label="test period")
    axis.set(ylabel="Soil moisture [m$^{3}$ m$^{-3}$]", title=title)
    axis.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.12))
    plt.show()


with xr.open_dataset(folder / "modules/cosmos/predictions.nc") as predictions:
    site = str(predictions["site"].to_numpy()[0])
draw("modules/cosmos", site, f"Soil moisture at {site}")

# %%
# A place with no sensor
# ----------------------
#
# A network for eight sites, the smallest number from which the mean at a new site can be predicted. Texture is a static input.
# ``jules-ml run`` makes a run of the soil column at each site, which is the first guess of the network.

sites = [
    Tower(f"site{i}", sand=s, clay=0.35 - 0.33 * s, t_mean=8.0 + i % 3, rain=650.0 + 60.0 * (i % 4), years=2, seed=i)
    for i, s in enumerate((0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85), start=1)
]
elsewhere = Tower("elsewhere", sand=0.55, clay=0.17, t_mean=9.0, rain=720.0, years=2, seed=20)
for tower in (*sites, elsewhere):
    path = write_tower(folder, tower)
    command(f"jules-ml run {path.name} --out runs/{tower.name} --quiet", folder)
    text = path.read_text(encoding="utf-8")
    path.write_text(f'{text}{network}jules = "runs/{tower.name}/column.nc"\n', encoding="utf-8")
names = " ".join(f"{tower.name}.toml" for tower in sites)
command(f"jules-ml fit moisture {names} --out modules/theta --quiet", folder)

# %%
# ``elsewhere`` is not among them. Its weather, its texture and a run of the column are the inputs, as they would be at a place
# with no sensor. The sensor is used for the scores alone.

command("jules-ml evaluate modules/theta --data elsewhere.toml --out scores/elsewhere", folder)
draw("scores/elsewhere", "elsewhere", "Soil moisture at a place with no sensor")

# %%
# The interval is wider than at a training site, because mean and variance of the sensor are predicted too.
#
# Next: :doc:`/how_to/moisture`, and :doc:`/validation/moisture` for real sites.
