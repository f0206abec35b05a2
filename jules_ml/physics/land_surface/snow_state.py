"""State and parameters of snow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


class SnowState(NamedTuple):
    """Snow of the tiles; layers have shape (snow layer, tile, column)."""

    snow_tile: Tensor
    snow_grnd: Tensor
    snowdepth: Tensor
    rgrain: Tensor
    rho_snow_grnd: Tensor
    ds: Tensor
    sice: Tensor
    sliq: Tensor
    tsnow: Tensor
    rgrainl: Tensor


@dataclass(frozen=True, kw_only=True)
class SnowParameters:
    """Parameters of ``jules_snow``."""

    rho_snow_const: float = 250.0
    snow_hcon: float = 0.265
    snowloadlai: float = 4.4
    maskd: float = 50.0
