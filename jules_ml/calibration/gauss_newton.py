r"""Gauss-Newton with displaced copies of the columns, damped by Levenberg and Marquardt; and the curvature of the cost at any point.

Each fitted number is displaced in a copy of the columns, and all copies run in one batch: derivatives include the spin-up, and further
columns cost little beside the time steps of the first.

References
----------
Marquardt (1963), J. Soc. Ind. Appl. Math. 11, 431-441.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.calibration.cost import cost_of_series, fit_residuals, whitened
from jules_ml.calibration.simulation import Simulation, refuse_not_finite
from jules_ml.support.progress import Progress

#: Displacement for a finite difference [1].
DISPLACEMENT: Final = 0.01
#: Largest change of a displacement in one iteration [1].
LONGEST_STEP: Final = 1.0
#: Initial damping, and its factors after a step that lowers the cost and after one that does not [1].
_DAMPING, _DECREASE, _INCREASE = 0.03, 0.25, 8.0
#: Relative decrease of the cost below which an iteration is the last.
_TOLERANCE: Final = 1e-4


class Fit(NamedTuple):
    """Fitted displacements, shape (displacement,), and the cost at the start and after each iteration that lowered it."""

    displacements: Tensor
    costs: list[float]


class Expansion(NamedTuple):
    """Cost of each group of sites, shape (group,), its gradient, shape (displacement,), and its Gauss-Newton Hessian."""

    cost: Tensor
    gradient: Tensor
    hessian: Tensor


def groups_of_sites(index: Tensor) -> tuple[Tensor, Tensor]:
    """Group sites that share a fitted number: the fits of different groups do not depend on each other.

    Parameters
    ----------
    index : Tensor, shape (local, site)
        See :class:`~jules_ml.calibration.parameters.FittedParameters`.

    Returns
    -------
    Tensor, shape (site,)
        Group of each site.
    Tensor, shape (displacement,)
        Group of each displacement.
    """
    group = torch.arange(index.shape[1])
    for _ in range(index.shape[1]):
        for number in range(int(index.max()) + 1):
            sharing = (index == number).any(0)
            group = torch.where(sharing, group[sharing].min(), group)
    _, group = group.unique(return_inverse=True)
    of_number = torch.zeros(int(index.max()) + 1, dtype=torch.long)
    for site in range(index.shape[1]):
        of_number[index[:, site][index[:, site] >= 0]] = group[site]
    return group, of_number


def expansion(simulation: Simulation, displacements: Tensor, errors: Tensor) -> tuple[Expansion, Tensor]:
    """Expand the cost about some displacements.

    Parameters
    ----------
    simulation : Simulation
    displacements : Tensor, shape (displacement,)
    errors : Tensor, shape (series,)

    Returns
    -------
    Expansion
        The cost is infinite where a column overflowed.
    Tensor, shape (day, series)
        Simulated observations.
    """
    parameters, observed = simulation.parameters, simulation.observations
    base = parameters.of_columns(displacements)
    n_local = len(base)
    # towards the middle of the range, so that no displaced value leaves it
    step = torch.where(base > 0.0, -DISPLACEMENT, DISPLACEMENT)
    copies = [base] + [base + step * (torch.arange(n_local) == k)[:, None] for k in range(n_local)]
    predicted = simulation.predict(torch.cat(copies, dim=1), days=observed.fit_days)
    slopes = (predicted[:, 1:] - predicted[:, :1]) / step[:, observed.column]
    residuals = fit_residuals(predicted[:, 0], observed)
    white = whitened(residuals, errors, observed)
    shown = torch.where(torch.isnan(residuals)[:, None], torch.nan, slopes)
    jacobian = whitened(shown, errors, observed)
    return _assembled(simulation, displacements, white, jacobian, predicted[:, 0]), predicted[:, 0]


def _assembled(
    simulation: Simulation, displacements: Tensor, white: Tensor, jacobian: Tensor, predicted: Tensor
) -> Expansion:
    """Sum the series into cost, gradient and Hessian of all displacements."""
    parameters, observed = simulation.parameters, simulation.observations
    group_of_site, group_of_number = groups_of_sites(parameters.index)
    n = len(parameters.displacements)
    sd = parameters.prior_sd
    cost = torch.zeros(int(group_of_site.max()) + 1, dtype=torch.float64)
    prior = 0.5 * (displacements / sd) ** 2
    cost = cost.index_add(0, group_of_number, prior)
    of_series = cost_of_series(white)
    overflowed = ~torch.isfinite(torch.where(observed.fit[: len(predicted)], predicted, 0.0).sum(0))
    of_series = torch.where(overflowed | torch.isnan(of_series), torch.inf, of_series)
    cost = cost.index_add(0, group_of_site[observed.column], of_series)
    jacobian, white = jacobian.nan_to_num(0.0, 0.0, 0.0), white.nan_to_num(0.0, 0.0, 0.0)
    gradient, hessian = displacements / sd**2, torch.diag(1.0 / sd**2)
    for k in range(len(observed.series)):
        numbers = parameters.index[:, observed.column[k]]
        used = numbers >= 0
        of_k, numbers = jacobian[:, used, k], numbers[used]
        gradient = gradient.index_add(0, numbers, of_k.T @ white[:, k])
        block = torch.zeros(n, n, dtype=torch.float64)
        block[numbers[:, None], numbers] = of_k.T @ of_k
        hessian = hessian + block
    return Expansion(cost, gradient, hessian)


def gauss_newton(
    simulation: Simulation, start: Tensor, errors: Tensor, *, iterations: int, progress: Progress | None = None
) -> Fit:
    """Minimise the cost, separately for each group of sites that share a fitted number.

    Parameters
    ----------
    simulation : Simulation
    start : Tensor, shape (displacement,)
        Displacements at the start.
    errors : Tensor, shape (series,)
        Standard errors.
    iterations : int
        Maximum number of iterations after the first run.
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    Fit

    Raises
    ------
    RunFailed
        If a column is unstable at the start.
    """
    parameters = simulation.parameters
    _, group = groups_of_sites(parameters.index)
    best = displacements = start
    about: Expansion | None = None
    damping = torch.full((int(group.max()) + 1,), _DAMPING, dtype=torch.float64)
    costs: list[float] = []
    for number in range(iterations + 1):
        trial, predicted = expansion(simulation, displacements, errors)
        if about is None:
            values = parameters.values(parameters.of_columns(displacements))
            refuse_not_finite(predicted[:, None], simulation, values)
            about = trial
        else:
            better = trial.cost < about.cost
            best = torch.where(better[group], displacements, best)
            small = (about.cost - trial.cost).clamp(min=0.0) <= _TOLERANCE * about.cost
            about = _where_better(better, group, trial, about)
            damping = torch.where(better, damping * _DECREASE, damping * _INCREASE).clamp(1e-6, 1e6)
            if bool((small & (better | (damping > 1e3))).all()):
                costs.append(float(about.cost.sum()))
                break
        costs.append(float(about.cost.sum()))
        displacements = best + _damped_step(about, damping, group)
        if progress is not None:
            progress("calibration", number + 1, iterations + 1)
    return Fit(best, costs)


def _where_better(better: Tensor, group: Tensor, new: Expansion, old: Expansion) -> Expansion:
    """Take the new expansion for the groups whose cost fell."""
    of_number = better[group]
    return Expansion(
        torch.where(better, new.cost, old.cost),
        torch.where(of_number, new.gradient, old.gradient),
        torch.where(of_number[:, None], new.hessian, old.hessian),
    )


def _damped_step(about: Expansion, damping: Tensor, group: Tensor) -> Tensor:
    """Levenberg-Marquardt step, at most :data:`LONGEST_STEP` for each displacement of a group."""
    diagonal = torch.diagonal(about.hessian)
    step: Tensor = -torch.linalg.solve(about.hessian + torch.diag(damping[group] * diagonal), about.gradient)
    longest = torch.zeros(len(damping), dtype=step.dtype).scatter_reduce(0, group, step.abs(), "amax")
    return step * (LONGEST_STEP / longest.clamp(min=1e-12)).clamp(max=1.0)[group]
