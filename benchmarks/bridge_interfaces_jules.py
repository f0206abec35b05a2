"""Hooks in a JULES with another ``microbe``: the variant that is built, and the output beside that of JULES 7.6.

JULES 8.2 has one more argument in ``microbe``, ``v_crit`` between ``v_sat`` and ``v_wilt``. A JULES 7.6 in which this argument was added
to ``microbe`` and to its call (with ``smvccl_soilt``), and nothing else was changed, has the interface of 8.2 and the results of 7.6.

JULES is not part of this project. These environment variables say where it is:

JULES_BUILD_DIR
    Folder where JULES 7.6 was built with FCM: ``build/include`` holds its ``.mod`` files, ``build/o`` its objects, and
    ``build/bin/jules.exe`` is the executable.
JULES_82_BUILD_DIR
    The same for the JULES with the interface of 8.2.
JULES_RUN_DIR
    Folder of the runs, as for ``bridge_jules.py``.
JULES_VERSION
    Version of JULES, for the result file.

Without them every claim is "not measured", and an existing result file is not changed.

Run as ``python benchmarks/bridge_interfaces_jules.py [--quick]``.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from _claims import Claims, argument_parser
from _hooked_jules import RESPIRATION, TABLE_POINTS, Array, Jules, Scheme, learned_f, learned_g, table, tables
from _relink import hooked_jules, objects_of, relink
from bridge_jules import curves_shown

from jules_ml.jules.hooks.build import BuiltHooks
from jules_ml.jules.hooks.check import check_executable
from jules_ml.jules.net_files import NetInput, write_net

RUNS = ("colvg", "trif")
VARIABLES = ("JULES_BUILD_DIR", "JULES_82_BUILD_DIR", "JULES_RUN_DIR", "JULES_VERSION")
#: Builds by the variant of microbe that they have.
VARIANTS = ("7.6", "8.2")
X_RANGE = (0.0, 3.0)


def build(claims: Claims, folder: Path, variant: str, runs: Path, work: Path) -> tuple[Jules, BuiltHooks]:
    """Build the hooks against a JULES and relink it."""
    work.mkdir()
    before = time.perf_counter()
    hooked, hooks = hooked_jules(folder, work)
    claims.report(f"time to build and link the hooks: microbe of {variant}", time.perf_counter() - before, unit="s")
    note = f"JULES {hooks.stamp.jules} by its names; {hooks.stamp.compiler}"
    claims.check(f"the hooks have microbe of {variant}", hooks.stamp.microbe == variant, ">=", 1.0, note=note)
    claims.check(f"--check finds hooks that fit: microbe of {variant}", check_executable(hooked).complete, ">=", 1.0)
    return Jules(folder / "build" / "bin" / "jules.exe", hooked, runs, work), hooks


def differing_files(left: Path, right: Path) -> int:
    """Number of output files of one run that differ from those of another in any byte."""
    one, other = ({p.name: p.read_bytes() for p in (folder / "output").iterdir()} for folder in (left, right))
    return sum(one.get(name) != other.get(name) for name in one.keys() | other.keys())


def saturating_f(x: Array) -> Array:
    """A moisture modifier of the water relative to the critical point: 0 in dry soil, 1 from the critical point on."""
    return np.minimum(x, 1.0)


def modules(scheme: Scheme, work: Path) -> dict[str, dict[str, str]]:
    """Files of each module that is run in both builds."""
    relative = tables(scheme, learned_f, learned_g)
    nodes = np.linspace(*X_RANGE, TABLE_POINTS)
    relative["fsth.nml"] = table("fsth", "theta/v_crit", saturating_f(nodes), *X_RANGE)
    torch.manual_seed(0)
    layers = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2), torch.nn.Softplus())
    inputs = (
        NetInput(name="theta", seen_min=0.0, seen_max=0.6),
        NetInput(name="v_crit", seen_min=0.0, seen_max=0.6),
        NetInput(name="t_soil", seen_min=250.0, seen_max=310.0, offset=282.4, scale=10.0),
    )
    write_net(work / "net.nml", layers, inputs, ("fsth", "ftemp"), name="random")
    net = {
        "jules_ml.nml": "&jules_ml_respiration\nnet = 'net.nml'\n/\n",
        "net.nml": (work / "net.nml").read_text(encoding="utf-8"),
    }
    assert relative["jules_ml.nml"] == RESPIRATION
    return {"tables": tables(scheme, learned_f, learned_g), "table of theta/v_crit": relative, "net with v_crit": net}


def identical(claims: Claims, builds: dict[str, Jules]) -> None:
    """Compare the output of a year in both builds, byte by byte, without hooks, with hooks off and with modules."""
    old, new = (builds[variant] for variant in VARIANTS)
    for run in RUNS:
        folders = {}
        for variant, jules in builds.items():
            folders[variant] = jules.prepare(run, "stock")
            jules.output(folders[variant], hooked=False)
        off = new.prepare(run, "off")
        new.output(off, hooked=True)
        claims.check(
            f"files that differ between the builds, no hooks: {run}", differing_files(*folders.values()), "<=", 0
        )
        claims.check(f"files that differ, hooks of 8.2 off: {run}", differing_files(folders["8.2"], off), "<=", 0)
        for name, files in modules(Scheme.of(old.runs / run), old.work).items():
            label = name.replace(" ", "_").replace("/", "_")
            pair = [jules.prepare(run, label, files) for jules in builds.values()]
            for jules, folder in zip(builds.values(), pair, strict=True):
                jules.output(folder, hooked=True)
            claims.check(
                f"files that differ between the builds, {name}: {run}", differing_files(pair[0], pair[1]), "<=", 0
            )
            claims.check(f"files changed by {name}: {run}", differing_files(folders["8.2"], pair[1]), ">=", 1)


def critical_point_shown(claims: Claims, jules: Jules) -> None:
    """Compare output with the table of theta/v_crit at the state of the previous step."""
    run = "colvg"
    ds = jules.output(
        jules.prepare(run, "shown", modules(Scheme.of(jules.runs / run), jules.work)["table of theta/v_crit"]),
        hooked=True,
    )
    x = (ds["sthu"] * ds["sm_sat"] / ds["sm_crit"]).to_numpy().astype(np.float64)
    nodes = np.linspace(*X_RANGE, TABLE_POINTS)
    expected = np.interp(x[:-1], nodes, saturating_f(nodes))
    error = np.abs(ds["fsth"].to_numpy()[1:] - expected).max()
    claims.check(f"greatest error of output fsth, table of theta/v_crit: {run}", error, "<=", 1e-6)
    claims.report(f"least and greatest theta/v_crit: {run}", float(x.min()), note=f"to {x.max():.3f}")


def other_hooks_stopped(claims: Claims, folders: dict[str, Path], built: dict[str, BuiltHooks], jules: Jules) -> None:
    """Hooks of one variant in a JULES with the other link without an error; the run must stop at the first call, on or off."""
    for hooks_variant, jules_variant in (VARIANTS, VARIANTS[::-1]):
        exe = jules.work / f"hooks_{hooks_variant}_jules_{jules_variant}.exe"
        hooks = built[hooks_variant]
        relink(objects_of(folders[jules_variant]), hooks, exe=exe, compiler="gfortran", libraries=["-lnetcdff"])
        wrong = Jules(jules.stock, exe, jules.runs, jules.work)
        scheme = Scheme.of(jules.runs / "colvg")
        for state, files in (("on", tables(scheme, learned_f, learned_g)), ("off", {})):
            done = wrong.start(wrong.prepare("colvg", f"{exe.stem}_{state}", files), hooked=True)
            text = f"other arguments than those of JULES {hooks_variant}"
            stopped = done.returncode != 0 and text in done.stdout + done.stderr
            claims.check(
                f"stopped with a message: hooks of {hooks_variant}, {state}, microbe of {jules_variant}",
                stopped,
                ">=",
                1.0,
            )


def main() -> int:
    parser = argument_parser(__doc__)
    quick = parser.parse_args().quick
    claims = Claims("bridge_interfaces_jules", quick=quick)
    if claims.lacks(VARIABLES, "hooks in a JULES with the interface of 8.2"):
        return 0
    folders = dict(zip(VARIANTS, (Path(os.environ[name]) for name in VARIABLES[:2]), strict=True))
    runs = Path(os.environ["JULES_RUN_DIR"])
    with tempfile.TemporaryDirectory() as work_name:
        results = {v: build(claims, folder, v, runs, Path(work_name) / v) for v, folder in folders.items()}
        builds = {variant: jules for variant, (jules, _) in results.items()}
        identical(claims, builds)
        curves_shown(claims, builds["8.2"])
        critical_point_shown(claims, builds["8.2"])
        other_hooks_stopped(claims, folders, {v: hooks for v, (_, hooks) in results.items()}, builds["8.2"])
        return claims.finish()


if __name__ == "__main__":
    raise SystemExit(main())
