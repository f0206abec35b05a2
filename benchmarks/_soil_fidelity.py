"""TOPMODEL and the four pools of soil carbon compared with JULES at Loobos, under JULES's own fluxes and modifiers."""

from __future__ import annotations

from pathlib import Path

import _loobos
import _loobos_carbon
import numpy as np
import xarray as xr
from _claims import Claims
from scores.continuous import kge

STEPS_A_DAY = 48


def topmodel(claims: Claims, data: Path, steps: int) -> None:
    """Run the soil of ``gl4`` freely; the scores are of daily means."""
    column, state, fluxes, jules = _loobos.topmodel_run(data)
    mine = _loobos.free_run(column, state, fluxes, steps + 1)

    def daily(values: np.ndarray) -> xr.DataArray:
        means = values.reshape(-1, STEPS_A_DAY, *values.shape[1:]).mean(1)
        return xr.DataArray(means.astype(np.float64), dims=("time", "soil")[: means.ndim])

    theirs = {name: jules[name].values[1 : steps + 1] for name in ("smcl", "sub_surf_roff", "surf_roff")}
    water = kge(daily(mine["smcl"]), daily(theirs["smcl"]), preserve_dims="soil")
    claims.check("gl4, TOPMODEL: daily smcl, least KGE of a layer", float(water.min()), ">=", 0.97)
    base = kge(daily(mine["sub_surf_roff"]), daily(theirs["sub_surf_roff"]))
    claims.check("gl4, TOPMODEL: daily base flow, KGE", float(base), ">=", 0.97)
    for name in ("sub_surf_roff", "surf_roff"):
        off = abs(float(mine[name].sum() / theirs[name].sum()) - 1.0)
        # infiltration excess is above the soil, and part of JULES's surface runoff
        target = 0.02 if name == "sub_surf_roff" else 0.07
        claims.check(f"gl4, TOPMODEL: {name}, fraction by which the sum is off", off, "<=", target)
    residual = np.abs(mine["water_residual"]).max()
    claims.check("gl4, TOPMODEL: water residual of a step", residual, "<=", 1e-6, unit="kg m-2")


def soil_carbon(claims: Claims, data: Path, periods: int) -> None:
    """Run the pools of ``trif`` and ``layeredcn``; DPM of the latter is limited by nitrogen in JULES."""
    for name, first in (("trif", 0), ("layeredcn", 1)):
        pools = _loobos_carbon.run(data, name, periods)
        off = np.abs(pools.own / pools.jules - 1.0)[:, first:].max()
        claims.check(f"{name}: pools of soil carbon, largest relative error", float(off), "<=", 1e-3)
        respired = abs(float(pools.own_resp_s.sum() / pools.jules_resp_s.sum()) - 1.0)
        claims.check(f"{name}: respiration, fraction by which the sum is off", respired, "<=", 0.02)
