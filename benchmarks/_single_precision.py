"""Decades in single precision with JULES's land surface: the year 1997 at Loobos repeated, in single and in double precision.

Four columns start with different temperatures and water. The snow conserves water, which JULES's does not, so that the water budget is that
of the arithmetic: it is taken from the states at the ends of years and the fluxes of all steps, summed in double precision. Carbon is that
of four pools with constant litter.
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import NamedTuple

import _loobos_land
import numpy as np
import torch
from _claims import Claims
from numpy.typing import NDArray

from jules_ml.column.budget import stored_water
from jules_ml.physics.column import ColumnState
from jules_ml.physics.compilation import NO_COMPILER, can_compile
from jules_ml.physics.integration import Analysis, integrate
from jules_ml.physics.kernel.trees import mapped
from jules_ml.physics.land_surface.properties import LandSurface
from jules_ml.physics.soil_carbon import FourPoolCarbon, initial_soil_carbon, resp_frac
from jules_ml.physics.soil_respiration import jules_factors

STEPS_A_YEAR = 17520
#: Runs; the last one has TOPMODEL.
RUNS = ("snow3", "snow3_cold", "gl4")
_COLUMNS = 4
_OUTPUTS = ("smcl", "t_soil", "snow_mass_gb", "fqw_gb", "runoff", "resp_s_gb")
#: Pools at the start [kg m-2], litter [kg m-2 s-1] and clay [1].
_POOLS, _LITTER, _CLAY = (0.2, 3.0, 0.2, 7.0), 2.0e-8, 0.1
_Array = NDArray[np.float64]


class Decades(NamedTuple):
    """Budget errors of each year [kg m-2], shape (year, column), and means of the years of water, temperature and snow."""

    water: _Array
    carbon: _Array
    smcl: _Array
    t_soil: _Array
    snow_mass_gb: _Array


def decades(folder: Path, years: int, dtype: torch.dtype) -> Decades:
    """Run the year of a folder repeatedly.

    Parameters
    ----------
    folder : Path
        Run folder of a year at Loobos.
    years : int
        Number of repetitions.
    dtype : torch.dtype
        Precision.

    Returns
    -------
    Decades
    """
    column, state, forcing = _loobos_land.land_run(folder, 365, dtype)
    assert isinstance(column.surface, LandSurface)
    snow = dataclasses.replace(column.surface.snow, conserve_water=True)
    column.surface = dataclasses.replace(column.surface, snow=snow)
    like = torch.ones(1, dtype=dtype)
    column.carbon = FourPoolCarbon(
        veg_frac=0.8 * like, litter=_LITTER * like, dpm_ratio=0.4 * like, clay=_CLAY * like[None]
    )
    column.factors = jules_factors(pools=4)
    _loobos_land.widen(column, _COLUMNS)
    state = mapped(lambda x: x.expand(*x.shape[:-1], _COLUMNS).clone(), state)
    varied = torch.linspace(-1.0, 1.0, _COLUMNS, dtype=dtype)
    pools = torch.tensor(_POOLS, dtype=dtype)[:, None, None].expand(-1, 1, _COLUMNS)
    state = state._replace(
        t_soil=state.t_soil + varied,
        smcl=state.smcl * (1.0 + 0.1 * varied),
        sthf=torch.zeros_like(state.sthf),
        carbon=initial_soil_carbon(pools),
    )
    states = [state]

    def note(_: int, now: ColumnState) -> ColumnState:
        states.append(now)
        return now

    weather = mapped(lambda x: x.repeat(years, *([1] * (x.ndim - 1))), forcing)
    with torch.no_grad():
        outputs = integrate(
            column, state, weather, outputs=_OUTPUTS, analysis=Analysis(STEPS_A_YEAR, note), compiled=True
        ).outputs
    by_year = {name: x.unflatten(0, (years, STEPS_A_YEAR)) for name, x in outputs.items()}
    seconds = column.timestep
    lost = sum(by_year[name].double().sum(1) for name in ("fqw_gb", "runoff"))
    rain = (forcing.tot_rain + forcing.tot_snow).double().sum()
    water = torch.stack([stored_water(column, each) for each in states]).diff(dim=0) - seconds * (rain - lost)
    gained = torch.stack([_carbon(each, seconds) for each in states]).diff(dim=0)
    carbon = gained - seconds * (STEPS_A_YEAR * _LITTER - by_year["resp_s_gb"].double().sum(1))
    means = [by_year[name].mean(1, dtype=torch.float64).numpy() for name in _OUTPUTS[:3]]
    return Decades(water.numpy(), carbon.numpy(), *means)


def _carbon(state: ColumnState, timestep: float) -> torch.Tensor:
    """Carbon of the pools with litter and respiration since they last changed, shape (column,) [kg m-2]."""
    assert state.carbon is not None
    cs, respired, _, steps = (x.double() for x in state.carbon)
    return cs.sum((0, 1)) - resp_frac(torch.tensor(_CLAY)) * respired.sum((0, 1)) + _LITTER * timestep * steps


def single_precision(claims: Claims, data: Path, *, quick: bool) -> None:
    """Make the claims on decades in single precision.

    Parameters
    ----------
    claims : Claims
    data : Path
        Folder of real records.
    quick : bool
        Two years of one run.
    """
    if not can_compile():
        claims.not_measured("single precision, full surface", why=NO_COMPILER)
        return
    years = 2 if quick else 30
    for run in RUNS[1:2] if quick else RUNS:
        with tempfile.TemporaryDirectory() as scratch:
            folder = _loobos_land.write_folder(data, run, Path(scratch) / run)
            single, double = (decades(folder, years, dtype) for dtype in (torch.float32, torch.float64))
        _check(claims, f"{run}, single precision, {years} years", single, double)


def _check(claims: Claims, name: str, single: Decades, double: Decades) -> None:
    """Compare the budgets with their target, and the state of the last years with that in double precision."""
    years = len(single.water)
    for budget in ("water", "carbon"):
        errors, exact = getattr(single, budget), getattr(double, budget)
        note = f"worst year {np.abs(errors).max():.1e}; double precision {np.abs(exact).max():.1e}"
        mean = np.abs(errors.sum(0)).max() / years
        claims.check(f"{name}: {budget} budget of a year, mean", mean, "<=", 1e-4, unit="kg m-2", note=note)
    last = slice(-max(1, years // 6), None)
    for variable, unit, target in (("smcl", "kg m-2", 0.05), ("t_soil", "K", 2e-3), ("snow_mass_gb", "kg m-2", 5e-3)):
        difference = np.abs(getattr(single, variable) - getattr(double, variable))
        note = f"largest of any year {difference.max():.1e}"
        off = np.abs((getattr(single, variable) - getattr(double, variable))[last].mean(0)).max()
        # a drift does not show in the two years of a quick run, where the starts still differ in when they freeze
        claims.check_whole(f"{name}: {variable}, drift from double precision", off, "<=", target, unit=unit, note=note)
