r"""How far the column's soil moisture is from the sensors', as a quadratic of the parameters about where it was run.

A sensor's own offset is not known: two sensors side by side differ by some hundredths of m3 m-3 throughout. What it says of the soil is how
moisture moves; its mean says little. The misfit therefore parts the mean square error into that of the anomalies (the square of the
unbiased error, ubRMSE) and the square of the bias, and lets the second weigh less.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.learned.hydraulics.columns import ColumnBatch
from jules_ml.learned.hydraulics.simulation import Response

#: Mean square distance in unbounded numbers within which one expansion alone is heeded [1].
_NEAR: Final = 0.01
#: How fast an expansion's say falls off with mean square distance [1].
_FALL: Final = 3.0
#: Says together that count as none: no place was sound.
_LEAST_SAY: Final = 1e-30


class Misfit(NamedTuple):
    """Mean square errors of each sensor as a function of a displacement of its column's parameters.

    ``anomaly`` [m6 m-6], shape (sensor,), with ``gradient``, shape (parameter, sensor), and ``curvature``, shape (parameter, parameter,
    sensor); ``bias`` [m3 m-3], shape (sensor,), with ``bias_slope``, shape (parameter, sensor); ``days``, shape (sensor,), how many were
    compared.
    """

    anomaly: Tensor
    gradient: Tensor
    curvature: Tensor
    bias: Tensor
    bias_slope: Tensor
    days: Tensor


def misfit(found: Response, observed: Tensor) -> Misfit:
    """Reduce years of days to what the errors are made of.

    Parameters
    ----------
    found : Response
    observed : Tensor, shape (day, sensor)
        [m3 m-3]; NaN on days that do not count.

    Returns
    -------
    Misfit
        In double precision; zero throughout for a sensor without days.
    """
    there = torch.isfinite(observed)
    days = there.sum(0)
    weight = there.double() / days.clamp(min=1)
    error = torch.where(there, found.theta - observed, 0.0).double()
    slope = found.slope.double()
    bias = (weight * error).sum(0)
    bias_slope = (weight * slope).sum(1)
    anomaly = error - bias
    swing = slope - bias_slope[:, None]
    return Misfit(
        anomaly=(weight * anomaly**2).sum(0),
        gradient=torch.einsum("ds,pds->ps", weight * anomaly, swing),
        curvature=torch.einsum("ds,pds,qds->pqs", weight, swing, swing),
        bias=bias,
        bias_slope=bias_slope,
        days=days,
    )


def sensor_weights(batch: ColumnBatch, deep_weight: float) -> Tensor:
    """Weight of every sensor: the first of a site has 1, its deeper ones share ``deep_weight``.

    Parameters
    ----------
    batch : ColumnBatch
    deep_weight : float
        Weight of a site's deeper sensors together [1].

    Returns
    -------
    Tensor, shape (sensor,)
        In double precision [1].
    """
    column = batch.sensor_column
    first = torch.ones_like(column, dtype=torch.bool)
    first[1:] = column[1:] != column[:-1]
    deeper = torch.bincount(column, minlength=len(batch.sites)) - 1
    return torch.where(first, 1.0, deep_weight / deeper[column].clamp(min=1)).double()


class Expansion(NamedTuple):
    """Where columns were run, ``raw`` of shape (parameter, horizon, column), and what was found there."""

    raw: Tensor
    about: Misfit


def stack_expansions(expansions: Sequence[Expansion]) -> Expansion:
    """Put expansions of the same columns into one, along a first dimension ``place``.

    Parameters
    ----------
    expansions : sequence of Expansion

    Returns
    -------
    Expansion
        In double precision; curvature as (place, sensor, parameter, parameter), which is what a product of matrices wants.
    """
    about = Misfit(*(torch.stack(each) for each in zip(*(e.about for e in expansions), strict=True)))
    about = about._replace(curvature=about.curvature.permute(0, 3, 1, 2).contiguous())
    return Expansion(torch.stack([e.raw.double() for e in expansions]), about)


def expanded_errors(places: Expansion, raw: Tensor, sensor_column: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r"""Errors at any parameters, from all the places where the columns were run.

    Each place has its say by :math:`(d^2 + d_0^2)^{-3}`, with :math:`d^2` the mean square distance from it (Shepard's interpolation of
    local quadratics).

    Parameters
    ----------
    places : Expansion
        As :func:`stack_expansions` gives it.
    raw : Tensor, shape (member, parameter, horizon, column)
        Unbounded [1].
    sensor_column : Tensor, shape (sensor,)
        Column of each sensor.

    Returns
    -------
    anomaly : Tensor, shape (member, sensor)
        [m6 m-6].
    bias : Tensor, shape (member, sensor)
        [m3 m-3].
    nearest : Tensor, shape (member, column)
        Mean square distance from the nearest place [1].

    References
    ----------
    Shepard (1968), Proc. 23rd ACM National Conference, 517-524.

    Notes
    -----
    A place where the column, or a displaced copy, left the range of numbers has no say.
    """
    away = raw - places.raw[:, None]
    distance = (away**2).mean((2, 3))
    told = places.about
    sound = (told.anomaly + told.bias + told.gradient.sum(1) + told.bias_slope.sum(1)).isfinite()
    say = ((distance + _NEAR) ** -_FALL)[..., sensor_column] * sound[:, None]
    say = say / say.sum(0).clamp(min=_LEAST_SAY)
    about = Misfit(*(x.nan_to_num() for x in told))
    x = away.flatten(2, 3)[..., sensor_column]
    by_sensor = x.permute(0, 3, 2, 1)
    square = (by_sensor * (about.curvature @ by_sensor)).sum(2).transpose(1, 2)
    linear = 2.0 * (about.gradient[:, None] * x).sum(2)
    anomaly = (about.anomaly[:, None] + linear + square).clamp(min=0.0)
    bias = about.bias[:, None] + (about.bias_slope[:, None] * x).sum(2)
    return (say * anomaly).sum(0), (say * bias).sum(0), distance.amin(0)
