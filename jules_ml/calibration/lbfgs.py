"""L-BFGS with gradients through the time steps, spin-up included.

The variables are scaled by the curvature of the cost, from one run of displaced columns, so that the first steps are those of Newton's
method. They are scaled again after some iterations.

References
----------
Liu and Nocedal (1989), Math. Program. 45, 503-528; Raoult et al. (2016), Geosci. Model Dev. 9, 2833-2852, for JULES with adjoint gradients.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from jules_ml.calibration.cost import cost_of_series, fit_residuals, whitened
from jules_ml.calibration.gauss_newton import LONGEST_STEP, Fit, expansion
from jules_ml.calibration.simulation import Simulation, refuse_not_finite
from jules_ml.errors import RunFailed
from jules_ml.physics.adjoint import NotFinite
from jules_ml.support.progress import Progress

#: Number of gradients whose changes approximate the curvature.
_HISTORY: Final = 20
#: Trials of one line search: the cost has small steps, at which no trial is better.
_TRIALS: Final = 8
#: Number of iterations after which the variables are scaled again.
_ROUND: Final = 10
#: Relative decrease of the cost at which a round, and the fit, ends [1].
_TOLERANCE: Final = 1e-5
#: Cost of a trial with which a column is unstable, relative to that at the start [1].
_UNSTABLE: Final = 1e3


def cost_and_gradient(
    simulation: Simulation, displacements: Tensor, errors: Tensor, *, locate: bool = True
) -> tuple[Tensor, Tensor]:
    """Cost and its gradient.

    Parameters
    ----------
    simulation : Simulation
    displacements : Tensor, shape (displacement,)
    errors : Tensor, shape (series,)
    locate : bool
        Find out where a gradient is not finite; otherwise the cost is then infinite.

    Returns
    -------
    Tensor, shape ()
        Not finite if a column is unstable.
    Tensor, shape (displacement,)
        0 then.

    Raises
    ------
    RunFailed
        If the gradient is not finite; the error names the tensor, the site and the day.
    """
    observed, parameters = simulation.observations, simulation.parameters
    x = displacements.detach().clone().requires_grad_(True)
    local = parameters.of_columns(x)
    predicted = simulation.predict_with_gradient(local, days=observed.fit_days)
    white = whitened(fit_residuals(predicted, observed), errors, observed)
    cost = cost_of_series(white).sum() + 0.5 * ((x / parameters.prior_sd) ** 2).sum()
    if not bool(torch.isfinite(cost)):
        return cost.detach(), torch.zeros_like(x)
    try:
        (gradient,) = torch.autograd.grad(cost, x)
    except NotFinite as error:
        if not locate:
            return torch.full_like(cost, torch.inf), torch.zeros_like(x)
        raise RunFailed(
            f'{simulation.place_of(error)}: give closer bounds, a shorter run.timestep, or method = "gauss_newton"'
        ) from error
    bad = (~torch.isfinite(gradient)).nonzero()
    if len(bad) and not locate:
        return torch.full_like(cost, torch.inf), torch.zeros_like(x)
    if len(bad):
        raise RunFailed(
            f"the gradient with respect to {parameters.displacements[int(bad[0])].label} is not finite: its value is at a bound; give "
            "wider bounds"
        )
    return cost.detach(), gradient


def lbfgs(
    simulation: Simulation, start: Tensor, errors: Tensor, *, iterations: int, progress: Progress | None = None
) -> Fit:
    """Minimise the cost.

    Parameters
    ----------
    simulation : Simulation
    start : Tensor, shape (displacement,)
        Displacements at the start.
    errors : Tensor, shape (series,)
        Standard errors.
    iterations : int
        Maximum number of iterations.
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    Fit

    Raises
    ------
    RunFailed
        If a column is unstable at the start, or the gradient is not finite; the error names the site, the day and the parameter.
    """
    parameters = simulation.parameters
    best, costs, done = start, [float("inf")], 0
    while done < iterations:
        about, predicted = expansion(simulation, best, errors)
        if done == 0:
            values = parameters.values(parameters.of_columns(best))
            refuse_not_finite(predicted[:, None], simulation, values)
        before, first = costs[-1], done
        better = _round(simulation, best, about.hessian, errors, min(_ROUND, iterations - done))
        best = better[-1][0]
        costs += [cost for _, cost in better]
        done += len(better)
        if progress is not None:
            progress("calibration", min(done, iterations), iterations)
        if done == first or before - costs[-1] <= _TOLERANCE * costs[-1]:
            break
    if progress is not None:
        progress("calibration", iterations, iterations)
    return Fit(best, costs[1:])


def _round(
    simulation: Simulation, start: Tensor, hessian: Tensor, errors: Tensor, iterations: int
) -> list[tuple[Tensor, float]]:
    """Minimise about a start, in variables whose curvature is about 1 there; the displacements and cost of each better iteration."""
    scale = torch.linalg.cholesky(torch.linalg.inv(hessian))
    # no variable alone moves a displacement further than Gauss-Newton does in one step
    reach = (LONGEST_STEP / scale.abs().amax(0)).tolist()
    better: list[tuple[Tensor, float]] = []

    def cost(z: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        x = start + scale @ torch.as_tensor(z, dtype=start.dtype)
        value, gradient = cost_and_gradient(simulation, x, errors, locate=not better)
        if not bool(torch.isfinite(value)):
            if not better:
                raise RunFailed(
                    "the cost is not finite at the start of a round of the minimisation: give closer bounds, a shorter run.timestep, or "
                    'method = "gauss_newton"'
                )
            # a trial without a finite cost or gradient: the line search tries a shorter step
            return _UNSTABLE * better[0][1], np.zeros_like(z)
        if not better or float(value) < better[-1][1]:
            better.append((x, float(value)))
        return float(value), (scale.T @ gradient).numpy()

    options = {"maxiter": iterations, "maxcor": _HISTORY, "maxls": _TRIALS, "ftol": _TOLERANCE, "gtol": 0.0}
    minimize(cost, np.zeros(len(scale)), jac=True, method="L-BFGS-B", bounds=[(-b, b) for b in reach], options=options)
    return better
