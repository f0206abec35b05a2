"""Learned modules in the column of this package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from jules_ml.learned.respiration.store import load_respiration
from jules_ml.learned.respiration.tables import CurveTable, learned_tables
from jules_ml.physics.column import Factors, RespirationFactors, SoilProperties


def learned_factors(folder: str | Path) -> RespirationFactors:
    """Respiration factors of a module folder, in the place of JULES's.

    Parameters
    ----------
    folder : str or Path
        That ``jules-ml fit respiration`` wrote.

    Returns
    -------
    callable
        The median curves, by the same tables that JULES's hooks read.

    Raises
    ------
    BadInput
        If the folder is none of learned respiration, or f goes along a moisture that the column does not know.
    """
    module, settings, _ = load_respiration(folder)
    return curve_factors(*learned_tables(module, settings))


def curve_factors(fsth: CurveTable, ftemp: CurveTable) -> RespirationFactors:
    """Respiration factors by curve tables.

    Parameters
    ----------
    fsth, ftemp : CurveTable
        f along ``sthu``, ``sthu+sthf`` or ``theta`` (of unfrozen water, without residual water), and g.
    """
    f, g = _lookup(fsth), _lookup(ftemp)

    def moisture(sthu: Tensor, sthf: Tensor, soil: SoilProperties) -> Tensor:
        if fsth.x == "theta":
            return sthu * soil.sm_sat
        return sthu + sthf if fsth.x == "sthu+sthf" else sthu

    def factors(sthu: Tensor, sthf: Tensor, t_soil: Tensor, soil: SoilProperties) -> Factors:
        return Factors(fsth=f(moisture(sthu, sthf, soil)), ftemp=g(t_soil))

    return factors


def _lookup(table: CurveTable) -> Callable[[Tensor], Tensor]:
    """Linear interpolation in nothing but tensors, so that a compiled step holds it."""
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
