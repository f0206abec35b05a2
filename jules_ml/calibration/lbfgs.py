"""L-BFGS with gradients through the time steps.

The spin-up has no gradient: each round spins up with the parameters so far, keeps wetness, temperature and surface of that state, and
minimises the cost from there on. The variables are scaled by the curvature at the start of the round, from one run of displaced columns,
so that the first steps of L-BFGS are those of Newton's method.

References
----------
Liu and Nocedal (1989), Math. Program. 45, 503-528; Raoult et al. (2016), Geosci. Model Dev. 9, 2833-2852, for JULES with adjoint gradients.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from jules_ml.calibration.cost import cost_of_series, estimated_errors, fit_residuals, whitened
from jules_ml.calibration.gauss_newton import Fit, expansion
from jules_ml.calibration.simulation import Simulation, Start, refuse_not_finite
from jules_ml.errors import RunFailed
from jules_ml.physics.adjoint import NotFinite
from jules_ml.support.progress import Progress

#: Number of gradients whose changes approximate the curvature.
_HISTORY: Final = 20
#: Greatest gradient of the cost, and smallest change of a displacement, at which a round ends.
_GRADIENT_TOLERANCE, _CHANGE_TOLERANCE = 1e-4, 1e-6
#: Trials of one line search.
_TRIALS: Final = 10


def lbfgs(
    simulation: Simulation, errors: Tensor, *, iterations: int, rounds: int = 2, progress: Progress | None = None
) -> Fit:
    """Minimise the cost.

    Parameters
    ----------
    simulation : Simulation
    errors : Tensor, shape (series,)
        Standard errors at the start.
    iterations : int
        Maximum number of iterations of all rounds.
    rounds : int
        Number of rounds; the spin-up is repeated at the start of each.
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    Fit

    Raises
    ------
    RunFailed
        If a column is unstable, or the gradient is not finite; the error names the site, the day and the parameter.
    """
    observed, parameters = simulation.observations, simulation.parameters
    displacements = torch.zeros(len(parameters.displacements), dtype=torch.float64)
    costs: list[float] = []
    done = 0
    for number in range(rounds):
        local = parameters.of_columns(displacements)
        start = simulation.start(local)
        predicted = simulation.predict(local, start, days=observed.fit_days)
        refuse_not_finite(predicted, simulation, parameters.values(local))
        errors = estimated_errors(errors, fit_residuals(predicted[:, 0], observed), observed)
        share = iterations // rounds if number < rounds - 1 else iterations - done
        displacements, of_round = _round(simulation, displacements, start, errors, share, progress, done, iterations)
        done += share
        costs += of_round
    if progress is not None:
        progress("calibration", iterations, iterations)
    return Fit(displacements, errors, costs)


def cost_and_gradient(
    simulation: Simulation, displacements: Tensor, start: Start, errors: Tensor
) -> tuple[Tensor, Tensor]:
    """Cost from a kept start on, and its gradient.

    Parameters
    ----------
    simulation : Simulation
    displacements : Tensor, shape (displacement,)
    start : Start
    errors : Tensor, shape (series,)

    Returns
    -------
    Tensor, shape ()
    Tensor, shape (displacement,)

    Raises
    ------
    RunFailed
        If the gradient is not finite.
    """
    observed, parameters = simulation.observations, simulation.parameters
    x = displacements.detach().clone().requires_grad_(True)
    local = parameters.of_columns(x)
    predicted = simulation.predict_with_gradient(local, start, days=observed.fit_days)
    white = whitened(fit_residuals(predicted, observed), errors, observed)
    cost = cost_of_series(white).sum() + 0.5 * ((x / parameters.prior_sd) ** 2).sum()
    try:
        (gradient,) = torch.autograd.grad(cost, x)
    except NotFinite as error:
        site = simulation.columns.sites[error.column].name
        raise RunFailed(
            f"the gradient with respect to {error.name} is not finite at {site} on {simulation.day_of(error):%Y-%m-%d}: give closer "
            'bounds, a shorter run.timestep, or method = "gauss_newton"'
        ) from error
    bad = (~torch.isfinite(gradient)).nonzero()
    if len(bad):
        raise RunFailed(
            f"the gradient with respect to {parameters.displacements[int(bad[0])].label} is not finite: its value is at a bound; give "
            "wider bounds"
        )
    return cost.detach(), gradient


def _round(
    simulation: Simulation,
    displacements: Tensor,
    start: Start,
    errors: Tensor,
    iterations: int,
    progress: Progress | None,
    done: int,
    total: int,
) -> tuple[Tensor, list[float]]:
    """Minimise from one start; the displacements with the lowest cost, and the cost of each evaluation that lowered it."""
    about, _ = expansion(simulation, displacements, errors)
    # displacements + scale z, where the curvature of the cost in z is about 1
    scale = torch.linalg.cholesky(torch.linalg.inv(about.hessian))
    z = torch.zeros_like(displacements).requires_grad_(True)
    optimiser = torch.optim.LBFGS(
        [z],
        max_iter=1,
        max_eval=_TRIALS,
        history_size=_HISTORY,
        tolerance_grad=_GRADIENT_TOLERANCE,
        tolerance_change=_CHANGE_TOLERANCE,
        line_search_fn="strong_wolfe",
    )
    best = displacements
    costs: list[float] = []

    def closure() -> float:
        nonlocal best
        x = displacements + scale @ z.detach()
        cost, gradient = cost_and_gradient(simulation, x, start, errors)
        z.grad = scale.T @ gradient
        if not costs or float(cost) < costs[-1]:
            costs.append(float(cost))
            best = x
        return float(cost)

    for number in range(iterations):
        before = best
        optimiser.step(closure)
        if progress is not None:
            progress("calibration", done + number + 1, total)
        if number and torch.equal(before, best):
            break
    return best, costs
