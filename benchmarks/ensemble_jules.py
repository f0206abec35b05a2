"""Ensembles of a real JULES: members by file and by hooks, one and two at a time, and the effect of uncertain parameters and curves.

JULES is not part of this project. These environment variables say where it is, as for
``bridge_jules.py``:

JULES_BUILD_DIR
    Folder where JULES was built with FCM; the hooks are compiled against it and linked to its objects.
JULES_EXE
    The unmodified executable of that build.
JULES_RUN_DIR
    Folder with the run ``colvg`` of a year at Loobos: its input and ``nml``, its namelists.
JULES_VERSION
    Version of JULES, for the result file.

By file, eight members differ in b of the soil and in Q10. By hooks, each of eight members has one draw of the curves f and g, trained
here on the nights at Hyytiälä.

Run as ``python benchmarks/ensemble_jules.py [--quick]``; ``--quick`` is four members of each, for a month.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import netCDF4
import numpy as np
import xarray as xr
from _claims import RESULTS, Claims, argument_parser
from _hyytiala import hyytiala
from _relink import hooked_jules

from jules_ml.ensemble.gathering import gathered_dataset
from jules_ml.ensemble.manifest import member_folder
from jules_ml.ensemble.member_experiment import member_experiment
from jules_ml.ensemble.member_file import read_member
from jules_ml.ensemble.process_pool import pool
from jules_ml.ensemble.results import write_results
from jules_ml.ensemble.run import EnsembleRun, run_ensemble
from jules_ml.ensemble.schedule import serial_pool
from jules_ml.experiment import load_experiment
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.jules.run import run_jules
from jules_ml.learned.respiration.fit import fit_respiration

VARIABLES = ("JULES_BUILD_DIR", "JULES_EXE", "JULES_RUN_DIR", "JULES_VERSION")
OUTPUT = ("sthu", "t_soil", "resp_s_gb", "fsth", "ftemp")
BY_FILE = """
[ensemble]
members = {members}

[[ensemble.parameters]]
file = "ancillaries.nml"
group = "jules_soil_props"
parameter = "const_val"
index = 1
name = "b"
prior = "lognormal"
mean = 1.0
sd = 0.15
bounds = [0.7, 1.5]
factor = true

[[ensemble.parameters]]
group = "jules_soil_biogeochem"
parameter = "q10_soil"
bounds = [1.5, 2.5]
"""
BY_HOOKS = """
[ensemble]
members = {members}
draws = ["respiration"]

[modules]
respiration = "hyytiala"
base_rate = "jules"
"""


def experiment_file(work: Path, name: str, executable: Path, via: str, ensemble: str, *, end: str) -> Path:
    """Write an ensemble of the user's run, with daily output."""
    path = work / f"{name}.toml"
    path.write_text(
        f"""\
[site]
name = "NL-Loo"

[jules]
folder = "colvg"
executable = "{executable.resolve()}"

[jules.set.jules_output_profile]
output_period = 86400
nvars = {len(OUTPUT)}
var = {json.dumps(OUTPUT)}
output_type = {json.dumps(["M"] * len(OUTPUT))}

[run]
model = "jules"
via = [{via}]
end = {end}
{ensemble}""",
        encoding="utf-8",
    )
    return path


def relative_spread(values: np.ndarray) -> float:
    """Standard deviation over members, of the mean over the run, over its mean [%]."""
    means = values.reshape(len(values), -1).mean(axis=1)
    return float(100.0 * means.std() / means.mean())


def run_both(claims: Claims, name: str, path: Path, work: Path, members: int) -> EnsembleRun:
    """Run one and two members at a time: all finish and give the same."""
    experiment = load_experiment(path)
    runs, sums = {}, {}
    for workers in (1, 2):
        out = work / f"{path.stem}_{workers}"
        runs[workers] = run_ensemble(experiment, out, start_pool=serial_pool if workers == 1 else pool(workers))
        write_results(runs[workers])
        sums[workers] = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["data_sha256"]
    for number, message in runs[1].messages.items():
        print(f"member {number}: {message}", flush=True)
    ended = min(run.done for run in runs.values())
    claims.check(f"{name}: members that come to their end", ended, ">=", members, note=f"of {members}")
    claims.check(f"{name}: gathered data differ, two at a time", float(sums[1] != sums[2]), "<=", 0)
    summaries = [member_folder(runs[1].folder, k) / "run" / "run_summary.json" for k in range(members)]
    own = sum(float(json.loads(p.read_text(encoding="utf-8")).get("wall_seconds", 0.0)) for p in summaries)
    note = f"{own / members:.2f} s a member are JULES's own"
    claims.report(
        f"{name}: time beside JULES's own, a member", (runs[1].wall_seconds - own) / members, unit="s", note=note
    )
    return runs[1]


def as_a_run_alone(claims: Claims, run: EnsembleRun, work: Path) -> None:
    """Compare the first and last member with single runs."""
    differ = 0
    for number in (0, len(run.members) - 1):
        done = run_jules(member_experiment(run.experiment, run.members[number]), work / f"single{number}")
        member = read_member(member_folder(run.folder, number))
        with xr.open_dataset(done.output[0], decode_times=False) as ds:
            differ += sum(not np.array_equal(ds[each].squeeze().to_numpy(), member[each].values) for each in OUTPUT)
    claims.check("by file: variables of two members that differ from a run serial_pool", differ, "<=", 0)


def spreads(claims: Claims, name: str, run: EnsembleRun) -> None:
    """Report the spread of annual means over members."""
    with gathered_dataset(run.folder) as ds:
        ds.set_auto_mask(False)
        done = ds["done"][:].astype(bool)
        claims.report(f"{name}: spread of respiration", relative_spread(ds["resp_s_gb"][done]), unit="%")
        claims.report(f"{name}: spread of wetness, top layer", relative_spread(ds["sthu"][done, :, 0]), unit="%")
        if "draw_respiration" in ds.variables:
            claims.check(f"{name}: draws", len(set(ds["draw_respiration"][:].tolist())), ">=", len(done))


def offline_and_online(claims: Claims, run: EnsembleRun) -> None:
    """Compare the spread of draws on the record and in JULES."""
    with xr.open_dataset(run.folder / "spread.nc") as spread:
        for kind, place in (("offline", "on the record"), ("online_draws", "in JULES")):
            claims.report(f"draws apart {place}", 100.0 * float(spread[f"{kind}_year"]), unit="%")


def main() -> int:
    options = argument_parser(__doc__).parse_args()
    claims = Claims("ensemble_jules", quick=options.quick)
    if claims.lacks(VARIABLES, "ensembles of a real JULES"):
        return 0
    members, end = (4, "1997-01-31T23:00:00") if options.quick else (8, "1997-12-31T23:00:00")
    build, stock, runs = (Path(os.environ[name]) for name in VARIABLES[:3])
    claims.report("JULES", 1, note=os.environ["JULES_VERSION"])
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        shutil.copytree(runs / "colvg", work / "colvg", ignore=shutil.ignore_patterns("output", "log"))
        by_file = experiment_file(work, "by_file", stock, "", BY_FILE.format(members=members), end=end)
        run = run_both(claims, "by file", by_file, work, members)
        as_a_run_alone(claims, run, work)
        spreads(claims, "by file", run)
        hooked, _ = hooked_jules(build, work)
        settings = RespirationSettings(target="ecosystem", members=members)
        fit_respiration([hyytiala(options.data)], settings, work / "hyytiala")
        by_hooks = experiment_file(work, "by_hooks", hooked, '"hooks"', BY_HOOKS.format(members=members), end=end)
        run = run_both(claims, "by hooks", by_hooks, work, members)
        spreads(claims, "by hooks", run)
        offline_and_online(claims, run)
        if not options.quick:
            RESULTS.mkdir(exist_ok=True)
            shutil.copyfile(run.folder / "figures" / "spread.png", RESULTS / "ensemble_jules.png")
        with netCDF4.Dataset(run.folder / "ensemble.nc") as ds:
            claims.check("executable and namelist differences kept", float("sha256" in ds.executable), ">=", 1.0)
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
