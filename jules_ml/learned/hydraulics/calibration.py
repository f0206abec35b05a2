r"""Parameters of each site's own soil, from its own sensors: Levenberg and Marquardt's method, for all sites at once.

References
----------
Marquardt (1963), J. Soc. Ind. Appl. Math. 11, 431-441.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.learned.hydraulics.columns import ColumnBatch, response
from jules_ml.learned.hydraulics.misfit import Expansion, Misfit, misfit
from jules_ml.learned.hydraulics.soil import RAW_LIMIT
from jules_ml.support.progress import Progress, portion

#: Error of a sensor that is thought small [m3 m-3]: against it the distance from the prior parameters is weighed.
SENSOR_ERROR: Final = 0.02
#: Longest step of any unbounded number [1].
LONGEST_STEP: Final = 1.0
_DAMPING, _EASE, _HARDEN = 0.1, 0.25, 6.0


class Calibrated(NamedTuple):
    """Parameters found.

    ``raw``, shape (parameter, horizon, column), and ``cost``, shape (round, column): twice the negative logarithm of the posterior, to a
    constant, at the start and after each round. ``visited``: what was found wherever the columns were run.
    """

    raw: Tensor
    cost: Tensor
    visited: tuple[Expansion, ...]


def calibrate(
    batch: ColumnBatch,
    prior: Tensor,
    *,
    bias_weight: float = 1.0,
    prior_weight: float = 0.0,
    rounds: int = 12,
    observed: Tensor | None = None,
    progress: Progress | None = None,
) -> Calibrated:
    r"""Fit every site to its own sensors.

    .. math:: \sum_{sensors} \frac{\mathrm{ubMSE} + w_b\,\mathrm{bias}^2}{\sigma^2} + w_p \sum_k (u_k - u_k^{prior})^2 \to \min

    Parameters
    ----------
    batch : ColumnBatch
    prior : Tensor, shape (parameter, horizon, column)
        Unbounded parameters to start from.
    bias_weight : float
        Weight of the squared bias :math:`w_b` [1]; 0 where the offset of sensors is not known at all.
    prior_weight : float
        Weight of the distance from ``prior`` :math:`w_p` [1].
    rounds : int
        Times that the columns are run.
    observed : Tensor, shape (day, sensor), optional
        What is fitted to, in place of all that the batch holds [m3 m-3].
    progress : callable, optional
        Receives how far the work has got, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    Calibrated

    References
    ----------
    Marquardt (1963).
    """
    target = batch.observed if observed is None else observed
    shape = prior.shape
    n_free, n_columns = shape[0] * shape[1], shape[2]
    start = prior.reshape(n_free, n_columns).double()
    best = start.clone()
    damping = torch.full((n_columns,), _DAMPING, dtype=torch.float64)
    costs: list[Tensor] = []
    visited: list[Expansion] = []
    kept: tuple[Tensor, Tensor, Tensor] | None = None
    trial = best
    for number in range(rounds + 1):
        raw = trial.to(prior.dtype).reshape(shape)
        about = misfit(response(batch, raw), target)
        visited.append(Expansion(raw, about))
        cost, gradient, curvature = _normal_equations(batch, about, trial - start, bias_weight, prior_weight)
        if kept is None:
            kept = cost, gradient, curvature
        else:
            better = cost <= kept[0]
            kept = (
                torch.where(better, cost, kept[0]),
                torch.where(better, gradient, kept[1]),
                torch.where(better, curvature, kept[2]),
            )
            best = torch.where(better, trial, best)
            damping = torch.where(better, damping * _EASE, damping * _HARDEN).clamp(1e-6, 1e6)
        costs.append(kept[0])
        step = _damped_step(kept[1], kept[2], damping)
        trial = (best + step).clamp(-RAW_LIMIT, RAW_LIMIT)
        if progress is not None:
            progress("calibration", number + 1, rounds + 1)
    return Calibrated(best.to(prior.dtype).reshape(shape), torch.stack(costs), tuple(visited))


def _normal_equations(
    batch: ColumnBatch, about: Misfit, away: Tensor, bias_weight: float, prior_weight: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Cost of each column, shape (column,), half its gradient, shape (parameter, column), and half its curvature."""
    per_sensor = (
        about.anomaly + bias_weight * about.bias**2,
        about.gradient + bias_weight * about.bias * about.bias_slope,
        about.curvature + bias_weight * about.bias_slope[:, None] * about.bias_slope[None],
    )
    n_columns = away.shape[1]
    cost, gradient, curvature = (
        torch.zeros(*x.shape[:-1], n_columns, dtype=x.dtype).index_add(-1, batch.sensor_column, x) / SENSOR_ERROR**2
        for x in per_sensor
    )
    # where the column, or a displaced copy, left the range of numbers: no step is better, and none is known from there
    cost = torch.where((cost + gradient.sum(0)).isfinite(), cost, torch.inf)
    gradient, curvature = gradient.nan_to_num(), curvature.nan_to_num()
    same = torch.eye(len(away), dtype=away.dtype)[..., None]
    return cost + prior_weight * (away**2).sum(0), gradient + prior_weight * away, curvature + prior_weight * same


def _damped_step(gradient: Tensor, curvature: Tensor, damping: Tensor) -> Tensor:
    """Marquardt's step, no longer than :data:`LONGEST_STEP` in any direction, shape (parameter, column)."""
    matrix = curvature.permute(2, 0, 1)
    diagonal = torch.diagonal(matrix, dim1=1, dim2=2)
    floor = 1e-6 * diagonal.amax(1, keepdim=True) + 1e-12
    damped = matrix + torch.diag_embed(damping[:, None] * diagonal + floor)
    step = -torch.linalg.solve(damped, gradient.T[..., None])[..., 0].T
    longest = step.abs().amax(0).clamp(min=1e-12)
    return step * (LONGEST_STEP / longest).clamp(max=1.0)


def calibrate_from(
    batch: ColumnBatch,
    starts: Sequence[Tensor],
    *,
    bias_weight: float = 1.0,
    rounds: int = 12,
    observed: Tensor | None = None,
    progress: Progress | None = None,
) -> Calibrated:
    """Fit every site from several starts, and keep the best of each: one start may end in a lesser hollow.

    Parameters
    ----------
    batch : ColumnBatch
    starts : sequence of Tensor, shape (parameter, horizon, column)
        Unbounded parameters to start from.
    bias_weight, rounds, observed
        As for :func:`calibrate`.
    progress : callable, optional
        Receives how far the work has got, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    Calibrated
        With all that was visited from any start.
    """
    ended: list[Calibrated] = []
    for number, start in enumerate(starts):
        onward = portion(progress, number / len(starts), (number + 1) / len(starts))
        ended.append(
            calibrate(batch, start, bias_weight=bias_weight, rounds=rounds, observed=observed, progress=onward)
        )
    last = torch.stack([each.cost[-1] for each in ended])
    best = last.argmin(0)
    columns = torch.arange(len(best))
    return Calibrated(
        torch.stack([each.raw for each in ended])[best, :, :, columns].permute(1, 2, 0),
        torch.stack([each.cost for each in ended])[best, :, columns].T,
        tuple(place for each in ended for place in each.visited),
    )
