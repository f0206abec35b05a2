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

from jules_ml.training.hydraulics_columns import Response

#: Mean square distance in unbounded numbers within which one expansion alone is heeded [1].
_NEAR: Final = 0.01
#: How fast an expansion's say falls off with mean square distance [1].
_FALL: Final = 3.0


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


def displaced_errors(about: Misfit, displacement: Tensor) -> tuple[Tensor, Tensor]:
    """Mean square error of the anomalies, and bias, once the parameters are displaced.

    Parameters
    ----------
    about : Misfit
    displacement : Tensor, shape (..., parameter, sensor)
        Of the parameters of each sensor's column [1].

    Returns
    -------
    anomaly : Tensor, shape (..., sensor)
        [m6 m-6], no less than 0.
    bias : Tensor, shape (..., sensor)
        [m3 m-3].
    """
    linear = 2.0 * (about.gradient * displacement).sum(-2)
    square = torch.einsum("...ps,pqs,...qs->...s", displacement, about.curvature, displacement)
    return (about.anomaly + linear + square).clamp(min=0.0), about.bias + (about.bias_slope * displacement).sum(-2)


class Expansion(NamedTuple):
    """Where columns were run, ``raw`` of shape (parameter, horizon, column), and what was found there."""

    raw: Tensor
    about: Misfit


def expanded_errors(
    expansions: Sequence[Expansion], raw: Tensor, sensor_column: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    r"""Errors at any parameters, from all the places where the columns were run.

    Each expansion has its say by :math:`(d^2 + d_0^2)^{-3}`, with :math:`d^2` the mean square distance from it (Shepard's interpolation of
    local quadratics).

    Parameters
    ----------
    expansions : sequence of Expansion
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
        Mean square distance from the nearest expansion [1].

    References
    ----------
    Shepard (1968), Proc. 23rd ACM National Conference, 517-524.
    """
    away = [raw - each.raw for each in expansions]
    distance = torch.stack([(x**2).mean((1, 2)) for x in away])
    say = (distance + _NEAR) ** -_FALL
    say = (say / say.sum(0))[..., sensor_column]
    anomaly, bias = torch.zeros_like(say[0]), torch.zeros_like(say[0])
    for share, x, each in zip(say, away, expansions, strict=True):
        here = displaced_errors(each.about, x.flatten(1, 2)[..., sensor_column])
        anomaly, bias = anomaly + share * here[0], bias + share * here[1]
    return anomaly, bias, distance.amin(0)
