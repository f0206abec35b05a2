"""Files that the community's tools accept: the CF conventions, ALMA and CMIP with ilamb3, and a submission to CalLMIP Phase 1.

Run as ``python benchmarks/community_files.py [--quick]``.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from _callmip_loobos import TEMPLATE, loobos_claims
from _claims import REPOSITORY, Claims, argument_parser

sys.path.insert(0, str(REPOSITORY / "tests"))
from helpers.conventions import HAS_CHECKER, checker_findings, own_findings
from helpers.small_grid import write_grid, write_wfde5

from jules_ml.column.folder import write_run
from jules_ml.column.grid.model import experiment_model
from jules_ml.column.grid.run import run_grid
from jules_ml.column.run import run_column
from jules_ml.comparison.callmip import Stage, Submission, template_differences, write_submission
from jules_ml.comparison.converted_files import converted_dataset, write_converted
from jules_ml.comparison.convertible import Convertible, of_jules, read_convertible
from jules_ml.experiment import load_experiment
from jules_ml.jules.input_files import write_ancillary, write_prescribed

DZSOIL = [0.1, 0.25, 0.65, 2.0]
SOIL = {"b": 6.63, "sathh": 0.05, "satcon": 0.005, "sm_sat": 0.458, "sm_crit": 0.242, "sm_wilt": 0.136}
SOIL |= {"hcap": 1.19e6, "hcon": 0.227}
DAYS = 10


def column_files(folder: Path, data: Path) -> list[Path]:
    """Output of a site and of a grid, converted output, and ancillaries."""
    text = (REPOSITORY / "docs" / "examples" / "loobos.toml").read_text(encoding="utf-8")
    text = text.replace("[run]\n", f"[run]\nend = 1997-01-{DAYS}T23:00:00\n").replace("mean_over = 48", "mean_over = 1")
    (folder / "loobos.toml").write_text(text, encoding="utf-8")
    shutil.copyfile(data / "jules" / "loobos_inputs" / "Loobos_1997.dat", folder / "Loobos_1997.dat")
    write_run(run_column(load_experiment(folder / "loobos.toml")), folder / "run")
    grid = folder / "grid"
    grid.mkdir()
    run_grid(experiment_model(load_experiment(write_grid(grid, write_wfde5(grid, days=2)))), folder / "on_grid")
    runs = [read_convertible(folder / name) for name in ("run", "on_grid")]
    converted = [write_converted(run, names, folder / "converted") for run in runs for names in ("alma", "cmip")]
    ancillaries = [
        write_ancillary(folder / "soil.nc", {name: np.full(4, value) for name, value in SOIL.items()}),
        write_prescribed(
            folder / "sthuf.nc", {"sthuf": np.full((3, 4), 0.5)}, start="1997-01-01 00:00:00", period_seconds=86400.0
        ),
    ]
    return [folder / "run" / "column.nc", folder / "on_grid" / "grid.nc", *converted, *ancillaries]


def convention_claims(claims: Claims, files: list[Path], folder: Path) -> None:
    """Findings in each file."""
    for path in files:
        name = path.relative_to(folder)
        claims.check(f"CF-1.11, own rules: findings in {name}", len(own_findings(path)), "<=", 0)
        if HAS_CHECKER:
            claims.check(f"compliance-checker cf:1.11: findings in {name}", len(checker_findings(path)), "<=", 0)
    if not HAS_CHECKER:
        claims.not_measured("compliance-checker cf:1.11: findings", "<=", 0, why="compliance-checker is not installed")


def budget_claims(claims: Claims, run: Convertible, name: str, *, water: float) -> None:
    """Residuals of the energy and water balance in ALMA's variables, of single steps."""
    ds = converted_dataset(run, "alma")
    heat = ds["SWnet"] + ds["LWnet"] - ds["Qle"] - ds["Qh"] - ds["Qg"] - ds["Qf"] - ds["DelSurfHeat"]
    claims.check(f"{name}, ALMA energy balance, largest residual", float(abs(heat).max()), "<=", 0.02, unit="W m-2")
    stored = float(ds["DelSurfHeat"].mean())
    claims.check(f"{name}, mean heat stored in the canopy", abs(stored), "<=", 1.0, unit="W m-2")
    step = (run.bounds[0, 1] - run.bounds[0, 0]) / np.timedelta64(1, "s")
    fluxes = step * (ds["Rainf"] + ds["Snowf"] - ds["Evap"] - ds["Qs"] - ds["Qsb"])
    gained = ds["DelSoilMoist"] + ds["DelSWE"] + ds["DelIntercept"]
    largest = float(abs(fluxes - gained).max())
    claims.check(f"{name}, ALMA water balance, largest residual", largest, "<=", water, unit="kg m-2")


def synthetic_days(site: str, start: str, days: int) -> Convertible:
    """Daily variables with random values, for the layout of a submission."""
    edges = (pd.Timestamp(start) + pd.to_timedelta(np.arange(days + 1), unit="D")).to_numpy()
    rng = np.random.default_rng(0)
    names = ("latent_heat", "ftl_gb", "surf_ht_flux_gb", "tstar_gb", "gpp_gb", "resp_p_gb", "resp_s_gb", "ei_gb")
    spread = ("nee_sd", "latent_heat_sd", "ftl_gb_sd")
    data = {name: (("time", "lat", "lon"), rng.uniform(size=(days, 1, 1))) for name in (*names, *spread)}
    ds = xr.Dataset(
        {
            **data,
            "smcl": (("time", "soil", "lat", "lon"), rng.uniform(size=(days, 4, 1, 1))),
            "esoil": (("time", "tile", "lat", "lon"), rng.uniform(size=(days, 2, 1, 1))),
            "frac": ("tile", [0.9, 0.1]),
            "lai": ((), 4.0),
            "cs_gb": ((), 10.0),
        },
        coords={"lat": [55.4849], "lon": [11.6446], "pft": [1], "dzsoil": ("soil", DZSOIL)},
    )
    return Convertible(ds, np.stack([edges[:-1], edges[1:]], axis=1), frozenset(), site, "synthetic values")


def layout_claims(claims: Claims, data: Path, folder: Path) -> None:
    """Files of DK-Sor, the protocol's test site, whose weather is not at hand: synthetic values, marked so in every file."""
    run = synthetic_days("DK-Sor", "1996-12-31 23:00", 6574)
    stages: tuple[Stage, ...] = ("Prior", "Posterior")
    found = 0
    for stage in stages:
        path = write_submission(run, stage, Submission("JULES-ML.v0-1"), folder / "layout", synthetic=True)
        found += len(template_differences(path, data / "callmip" / TEMPLATE))
    claims.check("CalLMIP, DK-Sor with synthetic values: differences from the template", found, "<=", 0, note="2 files")


def main() -> int:
    """Run the benchmark; exit code 1 if a claim is missed."""
    arguments = argument_parser(__doc__).parse_args()
    claims = Claims("community_files", quick=arguments.quick)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = column_files(folder, arguments.data)
        budget_claims(claims, read_convertible(folder / "run"), "column, Loobos", water=1e-3)
        jules = of_jules([arguments.data / "jules" / "loobos_1997_colvg_30min.nc"], DZSOIL, "loobos")
        # JULES is 32-bit: four layers of up to 900 kg m-2
        budget_claims(claims, _first(jules, 4800), "JULES 7.6, Loobos", water=0.02)
        layout_claims(claims, arguments.data, folder)
        if arguments.quick:
            claims.not_measured("Loobos 1997, calibration and submission", why="left out of a quick run")
        else:
            files += loobos_claims(claims, arguments.data, folder)
        convention_claims(claims, files, folder)
    return claims.finish()


def _first(run: Convertible, steps: int) -> Convertible:
    return replace(run, ds=run.ds.isel(time=slice(steps)), bounds=run.bounds[:steps])


if __name__ == "__main__":
    raise SystemExit(main())
