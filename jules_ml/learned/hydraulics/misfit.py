r"""Misfit between simulated and measured soil moisture, as a quadratic function of the parameters about simulated points.

The offset of a sensor is unknown: two neighbouring sensors often differ by a constant of a few hundredths of m3 m-3. The variation of
measured soil moisture therefore constrains the soil, and its mean hardly does. The misfit separates the mean square error into that of the
anomalies (the square of the unbiased error, ubRMSE) and the square of the bias, which has a smaller weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.learned.hydraulics.columns import ColumnBatch
from jules_ml.learned.hydraulics.simulation import Response

#: Mean square distance of unbounded parameters within which the weight of an expansion is nearly constant [1].
_SMOOTHING: Final = 0.01
#: Exponent with which the weight of an expansion decreases with mean square distance [1].
_POWER: Final = 3.0
#: Least sum of weights, against division by zero if no expansion is finite.
_LEAST_WEIGHT: Final = 1e-30


class Misfit(NamedTuple):
    """Mean square errors of each sensor as a function of a displacement of its column's parameters.

    ``anomaly`` [m6 m-6], shape (sensor,), with ``gradient``, shape (parameter, sensor), and ``curvature``, shape (parameter, parameter,
    sensor); ``bias`` [m3 m-3], shape (sensor,), with ``bias_slope``, shape (parameter, sensor); ``days``, shape (sensor,), the number of
    observations.
    """

    anomaly: Tensor
    gradient: Tensor
    curvature: Tensor
    bias: Tensor
    bias_slope: Tensor
    days: Tensor


def misfit(simulated: Response, observed: Tensor) -> Misfit:
    """Mean square errors of a simulation and their derivatives.

    Parameters
    ----------
    simulated : Response
    observed : Tensor, shape (day, sensor)
        [m3 m-3]; NaN on days that are excluded.

    Returns
    -------
    Misfit
        In double precision; zero for a sensor without observations.
    """
    measured = torch.isfinite(observed)
    days = measured.sum(0)
    weight = measured.double() / days.clamp(min=1)
    error = torch.where(measured, simulated.theta - observed, 0.0).double()
    slope = simulated.slope.double()
    bias = (weight * error).sum(0)
    bias_slope = (weight * slope).sum(1)
    anomaly = error - bias
    anomaly_slope = slope - bias_slope[:, None]
    return Misfit(
        anomaly=(weight * anomaly**2).sum(0),
        gradient=torch.einsum("ds,pds->ps", weight * anomaly, anomaly_slope),
        curvature=torch.einsum("ds,pds,qds->pqs", weight, anomaly_slope, anomaly_slope),
        bias=bias,
        bias_slope=bias_slope,
        days=days,
    )


def first_sensors(batch: ColumnBatch) -> Tensor:
    """Mark the first sensor of each column, shape (sensor,)."""
    column = batch.sensor_column
    first = torch.ones_like(column, dtype=torch.bool)
    first[1:] = column[1:] != column[:-1]
    return first


def sensor_weights(batch: ColumnBatch, deep_weight: float) -> Tensor:
    """Weight of each sensor: 1 for the first of a site, and ``deep_weight`` divided equally among its deeper sensors.

    Parameters
    ----------
    batch : ColumnBatch
    deep_weight : float
        Total weight of the deeper sensors of a site [1].

    Returns
    -------
    Tensor, shape (sensor,)
        In double precision [1].
    """
    column = batch.sensor_column
    deeper = torch.bincount(column, minlength=len(batch.sites)) - 1
    return torch.where(first_sensors(batch), 1.0, deep_weight / deeper[column].clamp(min=1)).double()


class Expansion(NamedTuple):
    """Misfit ``about`` the parameters ``raw`` of a run, shape (parameter, horizon, column)."""

    raw: Tensor
    about: Misfit


def stack_expansions(expansions: Sequence[Expansion]) -> Expansion:
    """Stack expansions of the same columns along a new first dimension ``point``.

    Parameters
    ----------
    expansions : sequence of Expansion

    Returns
    -------
    Expansion
        In double precision; ``curvature`` has the shape (point, sensor, parameter, parameter), as matrix products need.
    """
    about = Misfit(*(torch.stack(each) for each in zip(*(e.about for e in expansions), strict=True)))
    about = about._replace(curvature=about.curvature.permute(0, 3, 1, 2).contiguous())
    return Expansion(torch.stack([e.raw.double() for e in expansions]), about)


def expanded_errors(points: Expansion, raw: Tensor, sensor_column: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r"""Errors at any parameters, interpolated between all points where the columns were run.

    The weight of a point is :math:`(d^2 + d_0^2)^{-3}`, with :math:`d^2` the mean square distance from it (Shepard's interpolation of local
    quadratic functions).

    Parameters
    ----------
    points : Expansion
        From :func:`stack_expansions`.
    raw : Tensor, shape (member, parameter, horizon, column)
        Unbounded parameters [1].
    sensor_column : Tensor, shape (sensor,)
        Column of each sensor.

    Returns
    -------
    anomaly : Tensor, shape (member, sensor)
        [m6 m-6].
    bias : Tensor, shape (member, sensor)
        [m3 m-3].
    nearest : Tensor, shape (member, column)
        Mean square distance from the nearest point [1].

    References
    ----------
    Shepard (1968), Proc. 23rd ACM National Conference, 517-524.

    Notes
    -----
    A point where the column, or a displaced copy of it, overflowed has weight 0.
    """
    deviation = raw - points.raw[:, None]
    distance = (deviation**2).mean((2, 3))
    about = points.about
    finite = (about.anomaly + about.bias + about.gradient.sum(1) + about.bias_slope.sum(1)).isfinite()
    weight = ((distance + _SMOOTHING) ** -_POWER)[..., sensor_column] * finite[:, None]
    weight = weight / weight.sum(0).clamp(min=_LEAST_WEIGHT)
    about = Misfit(*(x.nan_to_num() for x in about))
    x = deviation.flatten(2, 3)[..., sensor_column]
    by_sensor = x.permute(0, 3, 2, 1)
    square = (by_sensor * (about.curvature @ by_sensor)).sum(2).transpose(1, 2)
    linear = 2.0 * (about.gradient[:, None] * x).sum(2)
    anomaly = (about.anomaly[:, None] + linear + square).clamp(min=0.0)
    bias = about.bias[:, None] + (about.bias_slope[:, None] * x).sum(2)
    return (weight * anomaly).sum(0), (weight * bias).sum(0), distance.amin(0)
