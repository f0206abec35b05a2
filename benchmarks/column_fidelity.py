"""The column compared with JULES 7.6 at Loobos in 1997: with JULES's own fluxes, and driven by weather alone.

With JULES's fluxes the soil starts from the state of JULES at the end of its first step, and infiltration, extraction, surface heat flux
(and snow depth, for insulation) are prescribed in every step. Alone, the column has the driving file, the tiles and the initial conditions
of the run, and nothing of its output.

Decades in single precision are compared with double precision, and a gradient through a year with snow with finite differences.

With a JULES executable in the variable JULES_EXE, both models also run at CH-Dav, with the namelists of the template and three layers of
snow. The record is that of ``jules-ml demo``, from the user's cache or downloaded.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import _heat_residual
import _loobos
import _loobos_land
import _soil_fidelity
import numpy as np
import torch
import xarray as xr
from _claims import Claims, argument_parser
from _davos import davos_claims
from _land_gradient import gradient_claims
from _neon_land import neon_claims
from _single_precision import single_precision
from rich.progress import Progress
from scores.continuous import kge

from jules_ml.physics.compilation import can_compile
from jules_ml.physics.integration import integrate
from jules_ml.physics.surface import Forcing

STEPS_A_DAY = 48


def under_given_fluxes(claims: Claims, data: Path, run: str, steps: int) -> None:
    """Run the soil freely; the limits are for every layer and step."""
    jules = _loobos.jules_output(data, run)
    column = _loobos.column(data, run, jules)
    mine = _loobos.free_run(column, _loobos.first_state(jules), _loobos.given_fluxes(jules), steps)
    water = np.abs(mine["smcl"] - jules.smcl.values[1:steps]).max()
    heat = np.sqrt(np.mean((mine["t_soil"] - jules.t_soil.values[1:steps]) ** 2, axis=0)).max()
    frozen = int((jules.sthf.values[:steps] > 0.0).any(axis=1).sum())
    claims.check(f"{run} smcl, worst layer and step", water, "<=", 1.0, unit="kg m-2", note=f"{frozen} steps with ice")
    claims.check(f"{run} t_soil, worst layer's RMS", heat, "<=", 0.2, unit="K")
    claims.check(f"{run} water residual of a step", np.abs(mine["water_residual"]).max(), "<=", 1e-6, unit="kg m-2")
    claims.report(
        f"{run} heat that the iteration leaves over, worst step",
        np.abs(mine["heat_residual"]).max(),
        unit="W m-2",
        note=f"JULES stops after three solutions; mean {mine['heat_residual'].mean():.1e} W m-2",
    )


def alone(claims: Claims, data: Path, days: int) -> None:
    """Compare daily means of a run driven by weather alone with those of JULES."""
    forcing, state, column = _loobos.standalone(data)
    steps = days * STEPS_A_DAY
    with Progress(transient=True) as progress, torch.no_grad():
        task = progress.add_task("Loobos 1997", total=steps)
        result = integrate(
            column,
            state,
            Forcing(*(x[:steps] for x in forcing)),
            outputs=["smcl", "resp_s_gb", "fqw_gb", "water_residual"],
            mean_over=STEPS_A_DAY,
            compiled=can_compile() and days > 100,
            on_steps=lambda done: progress.advance(task, done),
        )
    jules = _loobos.jules_output(data, "colvg").isel(time=slice(0, steps))

    def daily(values: np.ndarray) -> xr.DataArray:
        return xr.DataArray(values.reshape(days, STEPS_A_DAY, -1).mean(1).squeeze(-1), dims="time")

    def mine(values: torch.Tensor) -> xr.DataArray:
        return xr.DataArray(values.squeeze(-1).numpy(), dims="time")

    metre = slice(0, 3)  # 0.1 + 0.25 + 0.65 m
    water = kge(mine(result.outputs["smcl"][:, metre].sum(1)), daily(jules.smcl.values[:, metre].sum(1)))
    claims.check("alone: daily 0-1 m soil water, KGE", float(water), ">=", 0.85)
    respired = kge(mine(result.outputs["resp_s_gb"]), daily(jules.resp_s_gb.values))
    claims.check("alone: daily respiration, KGE", float(respired), ">=", 0.9)
    evaporation = float(result.outputs["fqw_gb"].mean()) / float(jules.fqw_gb.mean())
    claims.check("alone: evaporation, share by which the year is off", abs(evaporation - 1.0), "<=", 0.1)
    residual = float(result.outputs["water_residual"].abs().max())
    claims.check("alone: water residual of a step, daily mean", residual, "<=", 1e-6, unit="kg m-2")


def full_surface(claims: Claims, data: Path, run: str, days: int) -> None:
    """Compare daily means of a run with JULES's land surface, driven by weather alone, with those of JULES."""
    names = ["smcl", "t_soil", "latent_heat", "gpp_gb", "snow_mass_gb", "fqw_gb", "runoff", "water_residual"]
    with tempfile.TemporaryDirectory() as scratch:
        land = _loobos_land.land_run(_loobos_land.write_folder(data, run, Path(scratch) / run), days)
    with Progress(transient=True) as progress, torch.no_grad():
        task = progress.add_task(f"Loobos {run}", total=days * STEPS_A_DAY)
        result = integrate(
            land.column,
            land.state,
            land.forcing,
            outputs=names,
            compiled=can_compile(),
            on_steps=lambda done: progress.advance(task, done),
        )
    jules = _loobos_land.jules_land(data, run, days * STEPS_A_DAY)
    mine = {name: values.squeeze(-1).numpy() for name, values in result.outputs.items()}
    for name in names[:5]:
        if name not in jules:
            continue
        ours, theirs = (_loobos_land.daily(x).reshape(days, -1) for x in (mine[name], jules[name].values))
        scores = [_daily_kge(ours[:, k], theirs[:, k]) for k in range(theirs.shape[1]) if theirs[:, k].std() > 0.0]
        if scores:
            claims.check(f"{run}, full surface: daily {name}, least KGE", min(scores), ">=", 0.97)
    for name in ("fqw_gb", "runoff"):
        off = abs(float(mine[name].mean()) / float(jules[name].mean()) - 1.0)
        claims.check(f"{run}, full surface: {name}, fraction by which the sum is off", off, "<=", 0.02)
    if "canopy_gb" in jules:
        stored = jules["smcl"].sum("soil") + jules["canopy_gb"] + jules["snow_mass_gb"]
        supplied = 1800.0 * (jules["precip"] - jules["fqw_gb"] - jules["runoff"]).astype(np.float64)
        lost = float(stored[-1] - stored[0]) - float(supplied[1:].sum())
        claims.check(
            f"{run}, full surface: water from nowhere, column minus JULES",
            abs(float(mine["water_residual"][1:].sum()) - lost),
            "<=",
            0.1,
            unit="kg m-2",
            note=f"JULES {lost:.2f} kg m-2 in {days} days, the column the same where melt cools the surface",
        )


def _daily_kge(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(kge(xr.DataArray(ours, dims="time"), xr.DataArray(theirs.astype(np.float64), dims="time")))


def main() -> int:
    options = argument_parser(__doc__).parse_args()
    torch.set_num_threads(1)
    claims = Claims("column_fidelity", quick=options.quick)
    for run in ("colvg", "colbc"):
        under_given_fluxes(claims, options.data, run, steps=3000 if options.quick else 17520)
    alone(claims, options.data, days=60 if options.quick else 365)
    for run in ("snow3", "snow3_cold", "gl4"):
        full_surface(claims, options.data, run, days=60 if options.quick else 365)
    _soil_fidelity.topmodel(claims, options.data, steps=2880 if options.quick else 17472)
    _soil_fidelity.soil_carbon(claims, options.data, periods=6 if options.quick else 36)
    _heat_residual.heat_residual(claims, options.data, quick=options.quick)
    single_precision(claims, options.data, quick=options.quick)
    gradient_claims(claims, options.data, quick=options.quick)
    neon_claims(claims, options.data, quick=options.quick)
    davos_claims(claims, quick=options.quick)
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
