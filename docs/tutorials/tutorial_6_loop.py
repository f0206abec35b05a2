"""
The closed loop of carbon, soil and moisture
============================================

Soil carbon changes soil properties, these change soil moisture, moisture changes respiration, and respiration changes soil
carbon. This tutorial runs the loop for 40 years, with learned curves of respiration, and compares it with a run in which the
soil does not follow the carbon.

The site is synthetic, and the soil of the loop is that of the pedotransfer function HYPRES, whose inputs contain organic
carbon.
"""

# %%
# Learned respiration
# -------------------

import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import xarray as xr

sys.path.insert(0, str(Path("../examples").resolve()))
from tutorial_inputs import Tower, command, write_tower

folder = Path(tempfile.mkdtemp(prefix="tutorial_loop_"))
experiment = write_tower(folder, Tower("meadow", years=2))
text = experiment.read_text(encoding="utf-8")
experiment.write_text(text + "\n[respiration]\nmembers = 4\n", encoding="utf-8")
command("jules-ml fit respiration meadow.toml --out modules/meadow --quiet", folder)

# %%
# The loop
# --------
#
# With ``[closed_loop]``, ``jules-ml run`` repeats the two years of weather. At the start, the soil loses about 0.4 kg m-2 of
# carbon in a year. Litter brings 0.75 kg m-2, so that carbon accumulates. ``soil_follows = false`` keeps the soil of the start.

loop = """
[modules]
respiration = "modules/meadow"

[closed_loop]
years = 40
litter = {litter}
soil_follows = {follows}
"""
for name, follows in (("coupled", "true"), ("constant_soil", "false")):
    path = folder / f"{name}.toml"
    path.write_text(
        text.replace("cycles = 1", "cycles = 6") + loop.format(litter=0.75, follows=follows), encoding="utf-8"
    )
    command(f"jules-ml run {name}.toml --out runs/{name}", folder)

# %%
# Results
# -------

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
for name, colour in (("coupled", "#0072B2"), ("constant_soil", "#D55E00")):
    with xr.open_dataset(folder / f"runs/{name}/closed_loop.nc") as run:
        year, carbon = run["year"].to_numpy(), run["cs"].to_numpy()
        porosity = run["sm_sat"].isel(soil=0).to_numpy()
        water = run["smcl"].isel(soil=0).to_numpy()
        start = run["pass"].to_numpy()
    label = name.replace("_", " ")
    left.plot(year, carbon, color=colour, label=label)
    middle.step(start, porosity, where="post", color=colour, label=label)
    mean = water.reshape(len(start), -1).mean(1)  # over each pass of the two years of weather
    right.plot(start + 1.0, mean, color=colour, label=label)
    print(
        f"{label}: carbon after 40 years {carbon[-1]:.2f} kg m-2, mean water of the first layer {mean[-1]:.1f} kg m-2"
    )
left.set(xlabel="Year", ylabel="Soil carbon [kg m$^{-2}$]", title="Carbon")
middle.set(xlabel="Year", ylabel="sm_sat [m$^{3}$ m$^{-3}$]", title="Porosity of the first layer")
right.set(xlabel="Year", ylabel="Water [kg m$^{-2}$]", title="Mean water of the first layer")
left.legend()
plt.show()

# %%
# More carbon makes the soil looser, and it stores more water. Whether that changes carbon in turn depends on where on the curve
# f(θ) the site is.
#
# Learned soil hydraulics, learned carbon and learned soil moisture take part with ``hydraulics``, ``carbon`` and ``moisture``
# under ``[closed_loop]``: :doc:`/how_to/carbon`.
