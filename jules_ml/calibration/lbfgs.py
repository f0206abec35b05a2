"""L-BFGS with gradients through the time steps, spin-up included.

The variables are scaled by the curvature of the cost at the start, from one run of displaced columns, so that the first steps are those of
Newton's method.

References
----------
Liu and Nocedal (1989), Math. Program. 45, 503-528; Raoult et al. (2016), Geosci. Model Dev. 9, 2833-2852, for JULES with adjoint gradients.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize
from torch import Tensor

from jules_ml.calibration.cost import cost_of_series, fit_residuals, whitened
from jules_ml.calibration.gauss_newton import Fit, expansion
from jules_ml.calibration.simulation import Simulation, refuse_not_finite
from jules_ml.errors import RunFailed
from jules_ml.physics.adjoint import NotFinite
from jules_ml.support.progress import Progress

#: Number of gradients whose changes approximate the curvature.
_HISTORY: Final = 20
#: Greatest gradient of the cost, and smallest relative decrease of the cost, at which a round ends.
_GRADIENT_TOLERANCE, _COST_TOLERANCE = 1e-4, 1e-7
#: Cost of a trial with which a column is unstable, relative to that at the start [1].
_UNSTABLE: Final = 1e3


def cost_and_gradient(simulation: Simulation, displacements: Tensor, errors: Tensor) -> tuple[Tensor, Tensor]:
    """Cost and its gradient.

    Parameters
    ----------
    simulation : Simulation
    displacements : Tensor, shape (displacement,)
    errors : Tensor, shape (series,)

    Returns
    -------
    Tensor, shape ()
        Not finite if a column is unstable.
    Tensor, shape (displacement,)
        0 then.

    Raises
    ------
    RunFailed
        If the gradient is not finite.
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
    about, predicted = expansion(simulation, start, errors)
    parameters = simulation.parameters
    refuse_not_finite(predicted[:, None], simulation, parameters.values(parameters.of_columns(start)))
    # start + scale z, where the curvature of the cost in z is about 1
    scale = torch.linalg.cholesky(torch.linalg.inv(about.hessian))
    best = start
    costs: list[float] = []
    done = 0

    def cost(z: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        nonlocal best
        x = start + scale @ torch.as_tensor(z, dtype=start.dtype)
        value, gradient = cost_and_gradient(simulation, x, errors)
        if not bool(torch.isfinite(value)) and costs:
            # a trial with which a column is unstable: the line search tries a shorter step
            return _UNSTABLE * costs[0], np.zeros_like(z)
        if not costs or float(value) < costs[-1]:
            costs.append(float(value))
            best = x
        return float(value), (scale.T @ gradient).numpy()

    def report(intermediate_result: OptimizeResult) -> None:
        nonlocal done
        del intermediate_result
        done = min(done + 1, iterations)
        if progress is not None:
            progress("calibration", done, iterations)

    options = {"maxiter": iterations, "maxcor": _HISTORY, "ftol": _COST_TOLERANCE, "gtol": _GRADIENT_TOLERANCE}
    minimize(cost, np.zeros(len(scale)), jac=True, method="L-BFGS-B", callback=report, options=options)
    if progress is not None:
        progress("calibration", iterations, iterations)
    return Fit(best, costs)
