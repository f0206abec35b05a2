"""
Learned soil on a map, for JULES
================================

JULES reads its soil properties from a map, which a pedotransfer function makes from texture. This tutorial trains a network on
soil moisture at six sites, exports the soil properties of a map of texture as a file for ``JULES_SOIL_PROPS``, and runs the
soil column with it.

Sites and map are synthetic: their true soil properties follow from texture in another way than the pedotransfer function
assumes.
"""

# %%
# Sites
# -----
#
# Each site has an experiment file with weather, soil moisture at two depths, and texture.

import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

sys.path.insert(0, str(Path("../examples").resolve()))
from tutorial_inputs import Tower, command, write_tower

folder = Path(tempfile.mkdtemp(prefix="tutorial_map_"))
sand = (0.15, 0.30, 0.45, 0.55, 0.70, 0.85)
towers = [
    Tower(f"site{i}", sand=s, clay=0.35 - 0.33 * s, t_mean=8.0 + i % 3, rain=650.0 + 60.0 * (i % 4), years=1, seed=i)
    for i, s in enumerate(sand, start=1)
]
settings = "\n[hydraulics]\nmembers = 2\nhidden = 4\nrounds = 4\nspin_up_days = 120\n"
for tower in towers:
    path = write_tower(folder, tower)
    path.write_text(path.read_text(encoding="utf-8") + settings, encoding="utf-8")

# %%
# One network for all sites
# -------------------------
#
# Texture, density, carbon and climate are the inputs of the network. Its soil properties drive the soil column, and errors of
# soil moisture train it.

names = " ".join(f"{tower.name}.toml" for tower in towers)
command(f"jules-ml fit hydraulics {names} --out modules/soils", folder)

# %%
# The map
# -------
#
# A map of the static inputs: the south is clayey, the north is sandy, and the west is wetter than the east.

lat, lon = np.linspace(51.0, 53.0, 9), np.linspace(-2.0, 1.0, 13)
north, east = np.meshgrid((lat - lat[0]) / 2.0, (lon - lon[0]) / 3.0, indexing="ij")
fields = {
    "sand": (0.15 + 0.70 * north, "1"),
    "clay": (0.30 - 0.23 * north, "1"),
    "bulk_density": (np.full_like(north, 1300.0), "kg m-3"),
    "organic_carbon": (np.full_like(north, 0.02), "kg kg-1"),
    "precip_annual": (850.0 - 200.0 * east, "kg m-2 a-1"),
    "t_air_mean": (282.5 - 1.0 * north, "K"),
}
static = xr.Dataset(
    {name: (("lat", "lon"), values, {"units": unit}) for name, (values, unit) in fields.items()},
    {"lat": ("lat", lat, {"units": "degrees_north"}), "lon": ("lon", lon, {"units": "degrees_east"})},
)
static.to_netcdf(folder / "static.nc")
command("jules-ml export modules/soils --to ancillary --grid static.nc --out maps/soils", folder)

# %%
# ``soil_properties.nc`` has the dimensions and names that JULES expects, and ``training_range.nc`` says where an input is
# outside of what the network has seen.

with xr.open_dataset(folder / "maps/soils/soil_properties.nc") as maps:
    print(maps)
    learned = {name: maps[name].isel(soil=0).to_numpy().reshape(north.shape) for name in ("satcon", "sm_sat", "b")}
soils = [
    Tower("true", sand=s, clay=c).soil for s, c in zip(fields["sand"][0].flat, fields["clay"][0].flat, strict=True)
]
truth = {name: np.reshape([soil[name] for soil in soils], north.shape) for name in learned}

figure, axes = plt.subplots(2, 3, figsize=(10, 5), layout="constrained", sharex=True, sharey=True)
units = {"satcon": "kg m$^{-2}$ s$^{-1}$", "sm_sat": "m$^{3}$ m$^{-3}$", "b": "1"}
for column, name in enumerate(truth):
    low, high = np.nanmin([truth[name], learned[name]]), np.nanmax([truth[name], learned[name]])
    for row, (label, values) in enumerate((("true", truth), ("learned", learned))):
        mesh = axes[row, column].pcolormesh(lon, lat, values[name], vmin=low, vmax=high)
        axes[row, column].set_title(f"{name}, {label}")
    figure.colorbar(mesh, ax=axes[:, column], label=f"{name} [{units[name]}]", orientation="horizontal", shrink=0.9)
for axis in axes[:, 0]:
    axis.set_ylabel("Latitude [°]")
for axis in axes[1]:
    axis.set_xlabel("Longitude [°]")
plt.show()

# %%
# Into JULES
# ----------
#
# In an experiment with ``[jules]``, the command below makes a run folder whose ``JULES_SOIL_PROPS`` names the new file, and
# starts JULES. The same file also drives the soil column, for one site or on a :doc:`grid </how_to/grids>`.
#
# .. code-block:: toml
#
#    [jules]
#    executable = "jules.exe"
#    folder = "my_run"
#    via = "ancillary"
#    ancillary = "maps/soils"
#
# Does the learned soil help at a site that the network has not seen? ``evaluate`` runs the column with both soils and compares
# soil moisture with the sensors.

elsewhere = Tower("elsewhere", sand=0.62, clay=0.14, t_mean=9.5, rain=700.0, years=1, seed=20)
path = write_tower(folder, elsewhere)
path.write_text(path.read_text(encoding="utf-8") + settings, encoding="utf-8")
command("jules-ml evaluate modules/soils --data elsewhere.toml --out scores/elsewhere", folder)

# %%
# Next: :doc:`/how_to/hydraulics` has the names of variables in published maps of soil, and :doc:`/validation/hydraulics` what
# was measured at real sites.
