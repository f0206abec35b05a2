r"""Rosetta 3: van Genuchten's parameters from texture and, where known, bulk density.

Rosetta 3 is the mean of 1 000 networks, fitted to measured soils. Its results lie in a table on a regular grid of clay, sand and bulk
density, which ``scripts/rosetta_table.py`` writes from the package ``rosetta-soil`` (public domain, CC0). Between the nodes they are
interpolated linearly: within 5 % of the networks in every parameter, and within 1 % in the mean.

References
----------
Zhang and Schaap (2017), J. Hydrol. 547, 39-53.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from itertools import product
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from jules_ml.physics.constants import RHO_WATER, SECONDS_PER_DAY
from jules_ml.physics.pedotransfer import VanGenuchten

#: Least fraction of sand and silt together, by which that of sand is divided [1].
_LEAST_REST: Final = 1e-6


class _Table(NamedTuple):
    """Nodes of clay, sand in sand and silt, and bulk density, and the results there without and with density, shape (5, ...)."""

    clay: Tensor
    sand: Tensor
    bulk_density: Tensor
    texture: Tensor
    texture_density: Tensor


@lru_cache(maxsize=1)
def _table() -> _Table:
    with (files("jules_ml.physics") / "rosetta3.npz").open("rb") as file, np.load(file) as stored:
        return _Table(*(torch.tensor(stored[name], dtype=torch.float64) for name in _Table._fields))


def van_genuchten_rosetta(sand: Tensor, clay: Tensor, bulk_density: Tensor) -> VanGenuchten:
    """Van Genuchten's parameters from texture and bulk density: Rosetta 3.

    Parameters
    ----------
    sand, clay : Tensor
        Fractions of the mineral soil [1]; more clay than 0.8 counts as 0.8.
    bulk_density : Tensor
        Dry bulk density [kg m-3]; NaN where it is unknown, and there texture alone decides. Outside 500 to 2000 it counts as the nearer.

    Returns
    -------
    VanGenuchten
        Parameters in JULES's conventions, in double precision; NaN where sand or clay is NaN.

    References
    ----------
    Zhang and Schaap (2017), whose units are centimetres and days.

    Examples
    --------
    A loam of 40 % sand and 20 % clay, with unknown and with known density.

    >>> sand, clay = torch.tensor([0.4, 0.4]), torch.tensor([0.2, 0.2])
    >>> soil = van_genuchten_rosetta(sand, clay, torch.tensor([float("nan"), 1400.0]))
    >>> [[round(float(x), 4) for x in each] for each in zip(*soil)]  # b, sathh, satcon, sm_sat, theta_r
    [[2.3883, 1.4984, 0.0014, 0.3154, 0.0887], [2.4105, 1.3717, 0.0019, 0.3179, 0.0858]]
    """
    table = _table()
    sand, clay, density = torch.broadcast_tensors(sand.double(), clay.double(), bulk_density.double())
    of_rest = sand / (1.0 - clay).clamp(min=_LEAST_REST)
    without = _interpolated(table.texture, (table.clay, table.sand), (clay, of_rest))
    known = _interpolated(table.texture_density, (table.clay, table.sand, table.bulk_density), (clay, of_rest, density))
    theta_r, theta_s, lg_alpha, lg_n, lg_satcon = torch.where(density.isfinite(), known, without)
    # alpha is in cm-1 and conductivity in cm d-1
    return VanGenuchten(
        b=1.0 / (10.0**lg_n - 1.0),
        sathh=0.01 * 10.0**-lg_alpha,
        satcon=0.01 * RHO_WATER / SECONDS_PER_DAY * 10.0**lg_satcon,
        sm_sat=theta_s - theta_r,
        theta_r=theta_r,
    )


def _interpolated(values: Tensor, nodes: tuple[Tensor, ...], at: tuple[Tensor, ...]) -> Tensor:
    """Interpolate linearly in each dimension of a regular grid, shape (5, ...); NaN where a coordinate is NaN."""
    left: list[Tensor] = []
    weight: list[Tensor] = []
    for axis, x in zip(nodes, at, strict=True):
        position = ((x - axis[0]) / (axis[1] - axis[0])).clamp(0.0, len(axis) - 1.0)
        # NaN stays in the weight alone: an index must be a number
        left.append(position.nan_to_num(nan=0.0).long().clamp(max=len(axis) - 2))
        weight.append(position - left[-1])
    total = torch.zeros(len(values), *at[0].shape, dtype=values.dtype)
    for corner in product((0, 1), repeat=len(nodes)):
        corner_weight, index = torch.ones_like(at[0]), torch.zeros_like(left[0])
        for axis, k, w, side in zip(nodes, left, weight, corner, strict=True):
            corner_weight = corner_weight * (w if side else 1.0 - w)
            index = index * len(axis) + k + side
        total = total + corner_weight * values.flatten(1)[:, index]
    return total
