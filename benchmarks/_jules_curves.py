"""JULES's own curves of soil respiration as tables, for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from jules_ml.learned.respiration.tables import CurveName, CurveTable, CurveX
from jules_ml.physics.respiration import T_REFERENCE, fsth, fsth_option_1, ftemp_q10, ftemp_rothc


def jules_fsth(
    sm_wilt: float,
    sm_sat: float,
    *,
    pools: Literal[1, 4] = 1,
    x: CurveX = "sthu",
    option_1: tuple[float, float] | None = None,
    points: int = 1001,
) -> CurveTable:
    """JULES's own f as a table.

    Parameters
    ----------
    sm_wilt, sm_sat : float
        Water content at the wilting point and at saturation [m3 m-3].
    pools : {1, 4}
        One pool or four.
    x : {'sthu', 'sthu+sthf', 'theta'}
        What it runs along.
    option_1 : tuple of float, optional
        Water content at the critical point [m3 m-3] and ``fsthsat_cs_decomp_opt1`` [1], with ``cs_decomp_soil_moist_func = 1``.
    points : int
        How many.
    """
    top = sm_sat if x == "theta" else 1.0
    wilt, sat = (torch.tensor(value, dtype=torch.float64) for value in (sm_wilt, sm_sat))

    def curve(nodes: Tensor) -> Tensor:
        if option_1 is None:
            return fsth(nodes / top, wilt, sat, pools=pools)
        critical, saturated = option_1
        return fsth_option_1(nodes / top, wilt, torch.tensor(critical).double(), sat, fsth_saturated=saturated)

    return _tabulated("fsth", x, (0.0, top), points, curve, 0.5 * (1.0 + sm_wilt / sm_sat) * top)


def jules_ftemp(*, form: Literal["q10", "rothc"] = "q10", q10: float = 2.0, points: int = 1101) -> CurveTable:
    """JULES's own g as a table from 223 to 333 K.

    Parameters
    ----------
    form : {'q10', 'rothc'}
        Exponential, or RothC's.
    q10 : float
        Factor for a warming of 10 K [1].
    points : int
        How many.
    """

    def curve(nodes: Tensor) -> Tensor:
        return ftemp_rothc(nodes) if form == "rothc" else ftemp_q10(nodes, q10)

    return _tabulated("ftemp", "t_soil", (223.0, 333.0), points, curve, T_REFERENCE)


def _tabulated(
    name: CurveName,
    x: CurveX,
    span: tuple[float, float],
    points: int,
    curve: Callable[[Tensor], Tensor],
    reference: float,
) -> CurveTable:
    nodes = torch.linspace(*span, points, dtype=torch.float64)
    return CurveTable(name, x, *span, curve(nodes).numpy(), *span, reference)
