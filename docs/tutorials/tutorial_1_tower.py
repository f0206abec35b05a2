"""
f(θ) and g(T) from one flux tower
=================================

JULES multiplies soil respiration by two fixed curves, a moisture modifier f(θ) and a temperature modifier g(T). This tutorial
fits both to the night-time fluxes of a tower, looks at the scores on a period that the fit does not use, and writes the curves
as files for JULES.

The tower is synthetic. Its curves are known, so that the result can be compared with them. For your own tower, replace the
file.
"""

# %%
# The record
# ----------
#
# ``write_tower`` writes three years of hourly weather, soil moisture, soil temperature and net ecosystem exchange to
# ``meadow.csv``, and an experiment file, ``meadow.toml``. ``command`` executes a command as in a terminal.

import sys
import tempfile
from pathlib import Path

import f90nml
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

sys.path.insert(0, str(Path("../examples").resolve()))
from tutorial_inputs import Tower, command, true_f, true_g, write_tower

folder = Path(tempfile.mkdtemp(prefix="tutorial_tower_"))
experiment = write_tower(folder, Tower("meadow", years=3))

# %%
# ``[data]`` describes the columns of the table. ``jules-ml inspect meadow.csv`` drafts this section, and ``jules-ml init
# respiration --from meadow.csv --out meadow`` a complete experiment.

text = experiment.read_text(encoding="utf-8")
print(text[text.index("[data]") : text.index("[soil.texture]")])

# %%
# The fit
# -------
#
# The fit uses measured fluxes of windy nights only. ``state = "sensors"`` fits the curves to the sensors of the tower. Curves
# for a run of the model are fitted to the soil of the model: see :doc:`tutorial_4_jules`.

experiment.write_text(text + '\n[respiration]\nstate = "sensors"\nmembers = 4\n', encoding="utf-8")
command("jules-ml fit respiration meadow.toml --out modules/meadow", folder)

# %%
# The command ends with the scores on the test period, the last fifth of the record, beside those of Lloyd and Taylor's form and
# other baselines.
#
# The curves
# ----------
#
# ``export --to curves`` writes each curve as a namelist, which JULES's hooks read.

command("jules-ml export modules/meadow --to curves --out curves", folder)


def table(name):
    """Nodes and values of a curve, and the range of its training data."""
    curve = f90nml.read(folder / f"curves/{name}.nml")["jules_ml_curve"]
    return np.linspace(curve["x_min"], curve["x_max"], curve["n"]), np.array(curve["y"]), curve


figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for axis, name, truth, label in zip(
    axes, ("fsth", "ftemp"), (true_f, true_g), ("Wetness [1]", "Soil temperature [K]"), strict=True
):
    x, y, curve = table(name)
    axis.axvspan(curve["seen_min"], curve["seen_max"], color="0.93", label="training range")
    inside = (x > curve["seen_min"]) & (x < curve["seen_max"])
    scale = np.mean(y[inside]) / np.mean(truth(x[inside]))
    axis.plot(x, scale * truth(x), color="0.3", linestyle="--", label="true")
    axis.plot(x, y, color="#0072B2", label="learned")
    axis.set(xlabel=label, ylabel=f"{'f' if name == 'fsth' else 'g'} [1]")
    axis.set_xlim(max(x[0], curve["seen_min"] - 0.1 * np.ptp(x)), min(x[-1], curve["seen_max"] + 0.1 * np.ptp(x)))
axes[0].set(title="Moisture modifier", ylim=(0, None))
axes[1].set(title="Temperature modifier", ylim=(0, 4))
axes[1].legend(loc="upper left")
plt.show()

# %%
# The true curves are drawn with the mean of the learned ones, because only the product R0 · f · g is determined. Outside the
# training range a learned curve is held at its edge.
#
# Observed and predicted respiration
# ----------------------------------
#
# ``predictions.nc`` has every row that the fit used, with the prediction and its interval.

with xr.open_dataset(folder / "modules/meadow/predictions.nc") as predictions:
    test = predictions.isel(row=np.flatnonzero(predictions["split"].to_numpy() == 2))  # 2: test period
    observed, predicted = test["observed"].to_numpy(), test["predicted"].to_numpy()
figure, axis = plt.subplots(figsize=(4.5, 4.2), layout="constrained")
axis.hexbin(observed, predicted, gridsize=40, mincnt=1, cmap="viridis", bins="log")
axis.axline((0, 0), slope=1, color="0.3", linewidth=1)
axis.set(
    xlabel="Observed [umol m$^{-2}$ s$^{-1}$]",
    ylabel="Predicted [umol m$^{-2}$ s$^{-1}$]",
    title=f"Night-time respiration, test period, r = {np.corrcoef(observed, predicted)[0, 1]:.2f}",
)
plt.show()

# %%
# Next: :doc:`tutorial_4_jules` puts curves into a running model. :doc:`/how_to/respiration` describes the choices of the fit.
