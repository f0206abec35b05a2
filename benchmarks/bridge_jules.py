"""Hooks in a real JULES: their effects, unchanged output without them, and their cost.

JULES is not part of this project. These environment variables say where it is:

JULES_BUILD_DIR
    Folder where JULES was built with FCM: ``build/include`` holds its ``.mod`` files, ``build/o`` its objects. The hooks are
    compiled against the former and linked to the latter.
JULES_EXE
    The unmodified executable of that build.
JULES_RUN_DIR
    Folder with one folder for each run, each with its input and ``nml``, its namelists: ``colvg`` (one pool, van Genuchten, no
    TOPMODEL), ``trif`` (four pools, ``l_soil_resp_lev2``) and ``layeredcn`` (four pools in layers), of one year.
JULES_VERSION
    Version of JULES, for the result file.

Without them every claim is "not measured", and an existing result file is not changed.

Run as ``python benchmarks/bridge_jules.py [--quick]``.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from _alternating import alternate, ratios
from _claims import Claims, argument_parser
from _hooked_errors import bad_input
from _hooked_jules import T_RANGE, TABLE_POINTS, Array, Jules, Scheme, learned_f, learned_g, read_output, tables
from _hooked_moisture import nudging, soil_properties
from _relink import hooked_jules

from jules_ml.jules.hooks.check import check_executable
from jules_ml.physics import respiration

RUNS = ("colvg", "trif", "layeredcn")
VARIABLES = ("JULES_BUILD_DIR", "JULES_EXE", "JULES_RUN_DIR", "JULES_VERSION")
REPEATS = 21


def unmodified_off(claims: Claims, jules: Jules) -> None:
    """With hooks linked and off, every byte of output equals that without hooks."""
    for run in RUNS:
        folders = [jules.prepare(run, "stock"), jules.prepare(run, "off")]
        for folder, hooked in zip(folders, (False, True), strict=True):
            jules.output(folder, hooked=hooked)
        stock, off = ({p.name: p.read_bytes() for p in (folder / "output").iterdir()} for folder in folders)
        claims.check(f"files that differ, hooks off: {run}", sum(stock[n] != off.get(n) for n in stock), "<=", 0)


def curves_shown(claims: Claims, jules: Jules) -> None:
    """Compare the modifiers in the output of JULES with the tables at the state of the previous step."""
    for run in RUNS:
        scheme = Scheme.of(jules.runs / run)
        ds = jules.output(jules.prepare(run, "learned", tables(scheme, learned_f, learned_g)), hooked=True)
        wetness = ds["sthu"] + ds["sthf"] if scheme.level2 else ds["sthu"]
        for name, x, curve, span in (
            ("fsth", wetness, learned_f, (0.0, 1.0)),
            ("ftemp", ds["t_soil"], learned_g, T_RANGE),
        ):
            nodes = np.linspace(*span, TABLE_POINTS)
            expected = np.interp(x.to_numpy().astype(np.float64)[:-1], nodes, curve(nodes))
            error = (np.abs(ds[name].to_numpy()[1:] - expected) / np.maximum(expected, 1.0)).max()
            claims.check(f"greatest error of output {name}: {run}", error, "<=", 1e-6, note="relative where above 1")


def own_curves(claims: Claims, jules: Jules) -> None:
    """Compare JULES's own curves as tables with JULES's own formulas."""
    for run in RUNS:
        scheme = Scheme.of(jules.runs / run)
        stock = read_output(jules.work / f"{run}_stock")
        wilt, sat = (
            torch.tensor(float(stock[name].isel(time=0).to_numpy().flat[0])).double() for name in ("sm_wilt", "sm_sat")
        )
        pools = scheme.pools

        def f(wetness: Array, wilt: torch.Tensor = wilt, sat: torch.Tensor = sat, pools: int = pools) -> Array:
            return respiration.fsth(torch.from_numpy(wetness), wilt, sat, pools=pools).numpy()  # type: ignore[arg-type]

        def g(temperature: Array, pools: int = pools) -> Array:
            t = torch.from_numpy(temperature)
            return (respiration.ftemp_q10(t, 2.0) if pools == 1 else respiration.ftemp_rothc(t)).numpy()

        ds = jules.output(jules.prepare(run, "own", tables(scheme, f, g)), hooked=True)
        total = [float(d["resp_s_gb"].astype(np.float64).sum()) for d in (stock, ds)]
        claims.check(
            f"year's resp_s_gb, own curves as tables, relative: {run}", abs(total[1] / total[0] - 1), "<=", 1e-4
        )
        scale = float(stock["resp_s_gb"].mean())
        worst = float(np.abs(ds["resp_s_gb"] - stock["resp_s_gb"]).max()) / scale
        note = "with the steps after TRIFFID, whose rounding surplus JULES adds" if pools == 4 else ""
        claims.report(f"worst step of the same, relative to the year's mean: {run}", worst, note=note)


def wall_time(claims: Claims, jules: Jules, *, quick: bool) -> None:
    """Time a year with curves, and with hooks off, relative to JULES, alternately."""
    scheme = Scheme.of(jules.runs / "colvg")
    kinds = {
        "stock": (jules.prepare("colvg", "time_stock", profile=False), False),
        "off": (jules.prepare("colvg", "time_off", profile=False), True),
        "curves": (jules.prepare("colvg", "time_curves", tables(scheme, learned_f, learned_g), profile=False), True),
    }
    times = alternate(
        {kind: partial(jules.complete, folder, hooked=hooked) for kind, (folder, hooked) in kinds.items()},
        3 if quick else REPEATS,
    )
    claims.report("a year at a point, unmodified", statistics.median(times.wall["stock"]), unit="s")
    for kind, label in (("off", "hooks off"), ("curves", "learned curves")):
        claims.check(f"wall time, {label} / unmodified", statistics.median(ratios(times.wall, kind)), "<=", 1.02)
    for kind, label in (("off", "hooks off"), ("curves", "learned curves")):
        claims.report(f"processor time, {label} / unmodified", statistics.median(ratios(times.processor, kind)))


def main() -> int:
    parser = argument_parser(__doc__)
    quick = parser.parse_args().quick
    claims = Claims("bridge_jules", quick=quick)
    if claims.lacks(VARIABLES, "hooks in a real JULES"):
        return 0
    build, stock, runs = (Path(os.environ[name]) for name in VARIABLES[:3])
    with tempfile.TemporaryDirectory() as work_name:
        work = Path(work_name)
        hooked, _ = hooked_jules(build, work)
        claims.check(
            "hooks found in the executable",
            len(check_executable(hooked).hooks),
            ">=",
            5,
            note=os.environ["JULES_VERSION"],
        )
        jules = Jules(stock, hooked, runs, work)
        unmodified_off(claims, jules)
        curves_shown(claims, jules)
        own_curves(claims, jules)
        nudging(claims, jules)
        soil_properties(claims, jules)
        bad_input(claims, jules)
        wall_time(claims, jules, quick=quick)
        return claims.finish()


if __name__ == "__main__":
    raise SystemExit(main())
