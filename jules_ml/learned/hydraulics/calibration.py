r"""Calibration of soil parameters to the sensors of each site by the Levenberg-Marquardt method, for all sites of a batch at once.

References
----------
Marquardt (1963), J. Soc. Ind. Appl. Math. 11, 431-441.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.learned.hydraulics.columns import ColumnBatch
from jules_ml.learned.hydraulics.misfit import Misfit, misfit
from jules_ml.learned.hydraulics.simulation import response
from jules_ml.learned.hydraulics.soil import RAW_LIMIT
from jules_ml.support.progress import Progress

#: Standard deviation of the error of a sensor [m3 m-3], which scales the misfit relative to the prior.
SENSOR_ERROR: Final = 0.02
#: Largest change of an unbounded parameter in one iteration [1].
LONGEST_STEP: Final = 1.0
#: Initial damping, and its factors after a step that lowers the cost and after one that does not [1].
_DAMPING, _DECREASE, _INCREASE = 0.1, 0.25, 6.0


class Calibration(NamedTuple):
    """Calibrated parameters and the costs of all iterations.

    ``raw``, shape (parameter, horizon, column), and ``cost``, shape (round, column): twice the negative log posterior, up to a
    constant, at the start and after each round.
    """

    raw: Tensor
    cost: Tensor


class _Iterate(NamedTuple):
    """Parameters, shape (parameter * horizon, column), with their cost, half its gradient and half its Hessian."""

    raw: Tensor
    cost: Tensor
    gradient: Tensor
    curvature: Tensor


def calibrate(
    batch: ColumnBatch,
    prior: Tensor,
    *,
    start: Tensor | None = None,
    bias_weight: float | Tensor = 1.0,
    prior_weight: float = 0.0,
    rounds: int = 12,
    observed: Tensor | None = None,
    sensor_weight: Tensor | None = None,
    progress: Progress | None = None,
) -> Calibration:
    r"""Fit the soil of each site to its own sensors.

    .. math::

        \sum_{sensors} w_s \frac{\mathrm{ubMSE} + w_b\,\mathrm{bias}^2}{\sigma^2} + w_p \sum_k (u_k - u_k^{prior})^2 \to \min

    Parameters
    ----------
    batch : ColumnBatch
    prior : Tensor, shape (parameter, horizon, column)
        Unbounded parameters :math:`u^{prior}` [1].
    start : Tensor, shape (parameter, horizon, column), optional
        Initial unbounded parameters [1]; by default ``prior``.
    bias_weight : float or Tensor, shape (sensor,)
        Weight of the squared bias :math:`w_b` [1]; 0 if the offsets of the sensors are unknown.
    prior_weight : float
        Weight of the distance from ``prior`` :math:`w_p` [1].
    rounds : int
        Number of iterations after the first run of the columns.
    observed : Tensor, shape (day, sensor), optional
        Target [m3 m-3]; by default the observations of the batch.
    sensor_weight : Tensor, shape (sensor,), optional
        Weight of each sensor :math:`w_s` [1]; by default 1.
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    Calibration

    References
    ----------
    Marquardt (1963).
    """
    target = batch.observed if observed is None else observed
    weight = torch.ones(len(batch.sensor_column), dtype=torch.float64) if sensor_weight is None else sensor_weight
    n_columns = prior.shape[2]
    prior_mean = prior.reshape(-1, n_columns).double()
    damping = torch.full((n_columns,), _DAMPING, dtype=torch.float64)
    costs: list[Tensor] = []
    best: _Iterate | None = None
    raw = prior_mean if start is None else start.reshape(-1, n_columns).double()
    for number in range(rounds + 1):
        errors = misfit(response(batch, raw.to(prior.dtype).reshape(prior.shape)), target)
        iterate = _Iterate(raw, *_normal_equations(batch, errors, raw - prior_mean, weight, bias_weight, prior_weight))
        if best is None:
            best = iterate
        else:
            better = iterate.cost <= best.cost
            best = _Iterate(*(torch.where(better, new, old) for new, old in zip(iterate, best, strict=True)))
            damping = torch.where(better, damping * _DECREASE, damping * _INCREASE).clamp(1e-6, 1e6)
        costs.append(best.cost)
        raw = (best.raw + _damped_step(best.gradient, best.curvature, damping)).clamp(-RAW_LIMIT, RAW_LIMIT)
        if progress is not None:
            progress("calibration", number + 1, rounds + 1)
    assert best is not None
    return Calibration(best.raw.to(prior.dtype).reshape(prior.shape), torch.stack(costs))


def _normal_equations(
    batch: ColumnBatch,
    errors: Misfit,
    deviation: Tensor,
    weight: Tensor,
    bias_weight: float | Tensor,
    prior_weight: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Cost of each column, shape (column,), half its gradient, shape (parameter, column), and half its Hessian."""
    per_sensor = (
        errors.anomaly + bias_weight * errors.bias**2,
        errors.gradient + bias_weight * errors.bias * errors.bias_slope,
        errors.curvature + bias_weight * errors.bias_slope[:, None] * errors.bias_slope[None],
    )
    n_columns = deviation.shape[1]
    cost, gradient, curvature = (
        torch.zeros(*x.shape[:-1], n_columns, dtype=x.dtype).index_add(-1, batch.sensor_column, weight * x)
        / SENSOR_ERROR**2
        for x in per_sensor
    )
    # if a column or a displaced copy of it overflowed, its cost is infinite and its gradient zero
    cost = torch.where((cost + gradient.sum(0)).isfinite(), cost, torch.inf)
    gradient, curvature = gradient.nan_to_num(), curvature.nan_to_num()
    identity = torch.eye(len(deviation), dtype=deviation.dtype)[..., None]
    return (
        cost + prior_weight * (deviation**2).sum(0),
        gradient + prior_weight * deviation,
        curvature + prior_weight * identity,
    )


def _damped_step(gradient: Tensor, curvature: Tensor, damping: Tensor) -> Tensor:
    """Levenberg-Marquardt step, at most :data:`LONGEST_STEP` for each parameter, shape (parameter, column)."""
    matrix = curvature.permute(2, 0, 1)
    diagonal = torch.diagonal(matrix, dim1=1, dim2=2)
    floor = 1e-6 * diagonal.amax(1, keepdim=True) + 1e-12
    damped = matrix + torch.diag_embed(damping[:, None] * diagonal + floor)
    step: Tensor = -torch.linalg.solve(damped, gradient.T[..., None])[..., 0].T
    longest = step.abs().amax(0).clamp(min=1e-12)
    return step * (LONGEST_STEP / longest).clamp(max=1.0)


def best_calibration(calibrations: list[Calibration]) -> Calibration:
    """Best of several calibrations of the same columns, for each column: a single start may end in a local minimum.

    Parameters
    ----------
    calibrations : list of Calibration
        From several initial parameters, with the same rounds and weights.

    Returns
    -------
    Calibration
    """
    columns = torch.arange(calibrations[0].cost.shape[1])
    best = torch.stack([each.cost[-1] for each in calibrations]).argmin(0)
    return Calibration(
        torch.stack([each.raw for each in calibrations])[best, :, :, columns].permute(1, 2, 0),
        torch.stack([each.cost for each in calibrations])[best, :, columns].T,
    )
