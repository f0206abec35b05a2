"""Learned respiration in the column."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from jules_ml.learned.respiration.store import load_respiration
from jules_ml.learned.respiration.tables import UNITS, CurveTable, learned_tables
from jules_ml.physics.column import Factors, RespirationFactors, SoilProperties

#: Fraction of a run outside the training range from which on it is noted.
_OUTSIDE: Final = 0.01
#: What a curve is there, by ``outside``.
_BEYOND: Final = {"edge": "held at its edge", "jules": "blended into that of JULES"}


def learned_factors(folder: str | Path) -> RespirationFactors:
    """Read the modifiers of respiration of a module folder, which replace JULES's.

    Parameters
    ----------
    folder : str or Path
        Module folder of ``jules-ml fit respiration``.

    Returns
    -------
    callable
        Median curves, from the same tables that JULES's hooks read.

    Raises
    ------
    BadInput
        If the folder has no learned respiration, or f depends on a moisture variable that the column does not have.
    """
    module, settings, _ = load_respiration(folder)
    return curve_factors(*learned_tables(module, settings))


def range_notes(folder: Path | None, output: xr.Dataset) -> list[str]:
    """Note how often the first layer of a run was outside the training range of a module.

    Parameters
    ----------
    folder : Path or None
        Module folder; None without a module.
    output : xarray.Dataset
        Output of the run, with ``sthu``, ``sthf`` and ``t_soil`` by layer and, where f depends on water content, ``sm_sat``.

    Returns
    -------
    list of str
        A note for f and for g, each where more than 1 % of the output periods are outside.
    """
    if folder is None:
        return []
    module, settings, _ = load_respiration(folder)
    fsth, ftemp = learned_tables(module, settings)
    wetness = output["sthu"] + output["sthf"] if fsth.x == "sthu+sthf" else output["sthu"]
    if fsth.x == "theta":
        wetness = wetness * output["sm_sat"]
    notes = []
    for table, values, name in ((fsth, wetness, "wetness"), (ftemp, output["t_soil"], "soil temperature")):
        first = values.isel(soil=0).to_numpy()
        outside = float(np.mean((first < table.seen_min) | (first > table.seen_max)))
        if outside > _OUTSIDE:
            span, seen = (
                f"{low:.4g} to {high:.4g}"
                for low, high in ((first.min(), first.max()), (table.seen_min, table.seen_max))
            )
            unit = "" if UNITS[table.x] == "1" else f" {UNITS[table.x]}"
            notes.append(
                f"{folder.name}: in {outside:.0%} of the run the {name} of the first layer ({span}) is outside the training range "
                f"({seen}{unit}), beyond which {'f' if table is fsth else 'g'} is {_BEYOND[settings.outside]}"
            )
    return notes


def curve_factors(fsth: CurveTable, ftemp: CurveTable) -> RespirationFactors:
    """Make the modifiers of respiration from curve tables, by linear interpolation.

    Parameters
    ----------
    fsth, ftemp : CurveTable
        f as a function of ``sthu``, ``sthu+sthf``, ``theta`` (unfrozen water without residual water) or ``theta/v_crit``, and g.

    Returns
    -------
    callable
        See :data:`~jules_ml.physics.column.RespirationFactors`.
    """
    f, g = _lookup(fsth), _lookup(ftemp)

    def moisture(sthu: Tensor, sthf: Tensor, soil: SoilProperties) -> Tensor:
        if fsth.x == "theta":
            return sthu * soil.sm_sat
        if fsth.x == "theta/v_crit":
            return sthu * soil.sm_sat / soil.sm_crit
        return sthu + sthf if fsth.x == "sthu+sthf" else sthu

    def factors(sthu: Tensor, sthf: Tensor, t_soil: Tensor, soil: SoilProperties) -> Factors:
        return Factors(fsth=f(moisture(sthu, sthf, soil)), ftemp=g(t_soil))

    return factors


def _lookup(table: CurveTable) -> Callable[[Tensor], Tensor]:
    """Linear interpolation with tensor operations alone, which a compiled step can include."""
    y = torch.tensor(table.y)
    last = len(table.y) - 1
    per_unit = last / (table.x_max - table.x_min)

    def value(x: Tensor) -> Tensor:
        position = torch.clamp((x - table.x_min) * per_unit, 0.0, float(last))
        left = torch.clamp(position.long(), max=last - 1)
        values = y.to(x.dtype)
        low = values[left]
        return low + (position - left) * (values[left + 1] - low)

    return value
