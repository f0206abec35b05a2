"""
An ensemble over MPI
====================

A fitted module is a distribution of curves, and soil properties are uncertain. This tutorial runs the soil column for draws of
both, with the members distributed over two MPI processes, and asks which of the two sources makes respiration more uncertain.
"""

# %%
# A module to draw from
# ---------------------

import os
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.dates import ConciseDateFormatter

sys.path.insert(0, str(Path("../examples").resolve()))
from tutorial_inputs import Tower, command, write_tower

folder = Path(tempfile.mkdtemp(prefix="tutorial_ensemble_"))
experiment = write_tower(folder, Tower("meadow", years=2))
text = experiment.read_text(encoding="utf-8")
experiment.write_text(text + "\n[respiration]\nmembers = 4\n", encoding="utf-8")
command("jules-ml fit respiration meadow.toml --out modules/meadow --quiet", folder)

# %%
# The ensemble
# ------------
#
# ``[ensemble]`` says how many members there are and what differs between them: each takes one draw of the module, and two soil
# properties are multiplied by a factor from a prior.

ensemble = """
[modules]
respiration = "modules/meadow"

[ensemble]
members = 48
draws = ["respiration"]

[[ensemble.parameters]]
parameter = "soil.properties.satcon"
prior = "lognormal"
mean = 1.0
sd = 1.0
bounds = [0.1, 10.0]
factor = true

[[ensemble.parameters]]
parameter = "soil.properties.b"
prior = "lognormal"
mean = 1.0
sd = 0.2
bounds = [0.6, 1.7]
factor = true
"""
soil = text[text.index("[soil.texture]") : text.index("[surface]")]
properties = """\
[soil]
form = "van_genuchten"

[soil.properties]
b = 5.1
sathh = 0.09
satcon = 0.004
sm_sat = 0.425
sm_crit = 0.23
sm_wilt = 0.10
hcap = 1.2e6
hcon = 0.23

"""
(folder / "members.toml").write_text(text.replace(soil, properties) + ensemble, encoding="utf-8")

# %%
# ``--dry-run`` prints what would be done. Nothing is written.

command("jules-ml ensemble members.toml --dry-run", folder)

# %%
# The same command under ``mpiexec`` distributes the members. Any number of processes gives the same data. On a cluster, the
# launcher is that of the batch system, for example ``srun``.

os.environ |= {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}
command("mpiexec -n 2 jules-ml ensemble members.toml --out runs/members", folder)

# %%
# Results
# -------
#
# ``ensemble.nc`` has all members along the dimension ``member``, ``summary.nc`` their quantiles.

with xr.open_dataset(folder / "runs/members/ensemble.nc") as runs:
    respiration = 86400.0e3 * runs["resp_s_gb"].squeeze().transpose("member", "time")
    satcon = runs["parameter_satcon"].to_numpy()
    time = runs["time"].to_numpy()
weekly = respiration.rolling(time=7, center=True).mean().to_numpy()
mean = respiration.mean("time").to_numpy()

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", width_ratios=(2, 1))
inner = slice(3, -3)  # a centred mean of seven days
for low, high in ((5, 95), (25, 75)):
    band = np.percentile(weekly[:, inner], (low, high), axis=0)
    left.fill_between(
        time[inner], *band, color="#0072B2", alpha=0.3, linewidth=0, label=f"{high - low} % of the members"
    )
left.plot(time[inner], np.median(weekly[:, inner], axis=0), color="#0072B2", label="median")
left.set(ylabel="Respiration [g m$^{-2}$ d$^{-1}$]", title="Soil respiration, mean of seven days")
left.xaxis.set_major_formatter(ConciseDateFormatter(left.xaxis.get_major_locator()))
left.legend()
right.plot(satcon, mean, ".", color="#0072B2")
right.set(
    xlabel="Factor of satcon [1]", ylabel="Respiration [g m$^{-2}$ d$^{-1}$]", title="Mean of each member", xscale="log"
)
right.set_xticks((0.25, 0.5, 1, 2, 4), ("0.25", "0.5", "1", "2", "4"))
right.minorticks_off()
plt.show()

# %%
# How much of the spread of the mean comes from the soil? The squared rank correlation with the factor of ``satcon`` is a rough
# measure.

order = np.corrcoef(np.argsort(np.argsort(satcon)), np.argsort(np.argsort(mean)))[0, 1]
print(f"mean respiration: {mean.mean():.2f} g m-2 d-1, standard deviation {mean.std():.2f} over {len(mean)} members")
print(f"squared rank correlation with satcon: {order**2:.2f}")

# %%
# Next: :doc:`/how_to/ensemble` has all sources of uncertainty and the weights of members, :doc:`/how_to/batch` the scripts for
# batch queues.
