"""Learned respiration in the column."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from jules_ml.learned.respiration.store import load_respiration
from jules_ml.learned.respiration.tables import CurveTable, learned_tables
from jules_ml.physics.column import Factors, RespirationFactors, SoilProperties


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
