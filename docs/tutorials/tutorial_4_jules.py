"""
Learned curves in a running JULES
=================================

JULES is linked again with hooks, without an edit of its source, and reads the learned curves from files. This tutorial fits
curves to the soil of the model, checks whether they make a run better, and puts them into a running land model.

Where there is no JULES, a small Fortran program stands in for it: the *host*, with the modules, procedures and arguments of
JULES that the hooks use. The steps are the same for JULES. The tutorial needs gfortran, CMake, and the sources of ``jules_ml``.
"""

# %%
# Curves for a model
# ------------------
#
# The experiment describes soil and surface, so that ``fit`` first runs the soil column and fits the curves to its soil moisture
# and temperature.

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import f90nml
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path("../examples").resolve()))
from tutorial_inputs import Tower, command, write_tower

sources = Path("../..").resolve()
folder = Path(tempfile.mkdtemp(prefix="tutorial_jules_"))
experiment = write_tower(folder, Tower("meadow", years=3))
experiment.write_text(experiment.read_text(encoding="utf-8") + "\n[respiration]\nmembers = 4\n", encoding="utf-8")
command("jules-ml fit respiration meadow.toml --out modules/meadow --quiet", folder)

# %%
# Does the swap help? ``evaluate --in-model`` compares the column with JULES's own curves and with the learned ones, on the test
# period.

command("jules-ml evaluate modules/meadow --in-model meadow.toml --out verdict", folder)

# %%
# *As run*, the swapped run respires less than the tower. The tower measures roots and leaves too, and the model gets only the
# heterotrophic fraction of the fitted rate (``heterotrophic_fraction``). With the base rate fitted, the scores compare the curves.
#
# ``export`` writes the curves, and the rate that belongs to them for the soil carbon of the experiment.

command("jules-ml export modules/meadow --to curves --experiment meadow.toml --out curves", folder)

# %%
# Hooks
# -----
#
# Build the host (for JULES, ``fcm make``). ``jules-ml hooks`` then compiles the hooks against its ``.mod`` files.

build = folder / "build"
for arguments in (
    ("-S", sources, "-B", build, "-DCMAKE_BUILD_TYPE=Debug"),
    ("--build", build, "--parallel", "2", "--target", "host_plain_r32", "host_r32"),
):
    subprocess.run(["cmake", *arguments], check=True, stdout=subprocess.DEVNULL)
binaries = Path("build/fortran_bridge/host")
command(f"jules-ml hooks --jules-build {binaries}/host_r32_objects_mod --out hooks", folder)

# %%
# ``host_r32`` is the host that was linked with the hooks. ``--check`` confirms that no hook was lost in linking.

command(f"jules-ml hooks --check {binaries}/host_r32", folder)

# %%
# Two runs
# --------
#
# The run folder gets the curves and ``jules_ml.nml``, which switches the hook on. Nothing else differs between the two runs.

switch = """\
&jules_ml_respiration
fsth_table = 'fsth.nml', ftemp_table = 'ftemp.nml'
/
"""
for name in ("stock", "learned"):
    (folder / name / "output").mkdir(parents=True)
    (folder / name / "host.nml").write_text("&host n_days = 60, start_date = 2001, 5, 1, 0 /\n", encoding="utf-8")
for curve in ("fsth.nml", "ftemp.nml"):
    shutil.copy(folder / "curves" / curve, folder / "learned")
(folder / "learned" / "jules_ml.nml").write_text(switch, encoding="utf-8")

for name, executable in (("stock", "host_plain_r32"), ("learned", "host_r32")):
    command(f"../{binaries / executable} .", folder / name)

# %%
# The result
# ----------
#
# The output of ``fsth`` is the learned curve at the wetness of the previous step.


def first_layer(name):
    """First layer of all points with soil."""
    steps = pd.read_csv(next((folder / name / "output").glob("host.[0-9]*.csv")))
    return steps[(steps["level"] == 1) & (steps["point"] < steps["point"].max())]


runs = {name: first_layer(name) for name in ("stock", "learned")}
curve = f90nml.read(folder / "curves/fsth.nml")["jules_ml_curve"]
wetness, f = np.linspace(curve["x_min"], curve["x_max"], curve["n"]), np.array(curve["y"])
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
left.plot(wetness, f, color="0.3", label="curve in fsth.nml")
for (name, steps), colour in zip(runs.items(), ("#D55E00", "#0072B2"), strict=True):
    points = steps.assign(previous=steps.groupby("point")["sthu"].shift())
    left.plot(points["previous"], points["fsth"], ".", markersize=2, color=colour, label=f"fsth of the {name} run")
    one = steps[steps["point"] == 1]
    right.plot(np.arange(len(one)), one["resp"], color=colour, label=name)
left.set(
    xlabel="Unfrozen wetness of the previous step [1]", ylabel="f [1]", title="Moisture modifier in the running model"
)
left.legend(markerscale=5)
right.set(xlabel="Time step", ylabel="Respiration [kg m$^{-2}$ s$^{-1}$]", title="Soil respiration at one point")
right.legend()
plt.show()

# %%
# With JULES
# ----------
#
# The same with an executable of JULES: ``jules-ml hooks --jules-build DIR`` prints the command that links it. Then an
# experiment names it, and ``jules-ml run`` prepares the folder, starts JULES and checks the result.
#
# .. code-block:: toml
#
#    [jules]
#    executable = "jules_ml.exe"
#    folder = "my_site"
#    via = "hooks"
#
#    [modules]
#    respiration = "modules/meadow"
#
# Next: :doc:`/how_to/hooks`.
