"""``jules-ml calibrate``: from experiment files to fitted parameters with their uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from jules_ml.calibration.columns import site_columns
from jules_ml.calibration.cost import estimated_errors, first_errors, fit_residuals
from jules_ml.calibration.gauss_newton import expansion, gauss_newton
from jules_ml.calibration.lbfgs import lbfgs
from jules_ml.calibration.observations import site_series, stacked_observations
from jules_ml.calibration.parameters import fitted_parameters
from jules_ml.calibration.simulation import Simulation
from jules_ml.calibration.site import calibration_site
from jules_ml.data.notes import notes_of_record
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.experiment.calibration import CalibrationSection
from jules_ml.physics.land_surface.state import LandSurfaceFluxes
from jules_ml.support.progress import Progress, counted, portion

#: Copies of the columns in the run of results: the prior and the fitted parameters; draws follow.
PRIOR, FITTED = 0, 1
#: Fits with errors that are estimated from the residuals of the fit before.
_PASSES = 2


@dataclass(frozen=True, eq=False)
class Calibration:
    """Result of a calibration.

    Attributes
    ----------
    experiment : Experiment
        With ``[calibration]``.
    simulation : Simulation
        Columns, parameters and observations.
    displacements : Tensor, shape (displacement,)
        Fitted displacements, the mean of the posterior.
    covariance : Tensor, shape (displacement, displacement)
        Of the posterior.
    errors : Tensor, shape (series,)
        Standard errors of daily values.
    costs : list of float
        Cost at the start and after each iteration that lowered it.
    draws : Tensor, shape (draw, displacement)
        Drawn from the posterior.
    predicted : Tensor, shape (day, copy, series)
        Daily values with the prior parameters, the fitted ones and each draw.
    notes : tuple of str
        For the user.
    """

    experiment: Experiment
    simulation: Simulation
    displacements: Tensor
    covariance: Tensor
    errors: Tensor
    costs: list[float]
    draws: Tensor
    predicted: Tensor
    notes: tuple[str, ...]

    @property
    def section(self) -> CalibrationSection:
        """Settings of the calibration."""
        assert self.experiment.calibration is not None
        return self.experiment.calibration

    @property
    def sd(self) -> Tensor:
        """Standard deviation of the posterior of each displacement, shape (displacement,)."""
        return torch.diagonal(self.covariance).sqrt()

    def values(self, displacements: Tensor) -> dict[str, Tensor]:
        """Values of all parameters with some displacements, shape (row, site)."""
        parameters = self.simulation.parameters
        return parameters.values(parameters.of_columns(displacements))


def prepare(experiment: Experiment, *, progress: Progress | None = None) -> Simulation:
    """Read the sites of a calibration, and combine them as columns.

    Parameters
    ----------
    experiment : Experiment
        With ``[calibration]``.
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    Simulation

    Raises
    ------
    BadInput
        If a section or a parameter is missing, sites contradict each other, the run is shorter than its spin-up, or there are no
        observations.
    """
    section = experiment.required(experiment.calibration, "calibration")
    experiments = [experiment, *(load_experiment(path) for path in section.sites)]
    sites = []
    for number, each in enumerate(experiments):
        sites.append(calibration_site(each))
        if progress is not None:
            progress("records", number + 1, len(experiments))
    columns = site_columns(
        sites, fitted=[each.name for each in section.parameters], stress_points=section.stress_points
    )
    if columns.days < section.spin_up_days:
        raise BadInput(
            f"the run has {columns.days} days, and the spin-up repeats the weather of the first {section.spin_up_days}",
            where=f"{experiment.file}, calibration.spin_up_days",
            remedy=f"give a longer run, or spin_up_days of {columns.days} or less; 0 if the state at the start is known",
        )
    parameters = fitted_parameters(
        section.parameters,
        columns.prior,
        types=columns.tiles.types,
        sites=[site.name for site in sites],
        where=str(experiment.file),
    )
    series = [each for k, site in enumerate(sites) for each in site_series(site, k, section)]
    outputs = () if columns.tiles.land is None else tuple(LandSurfaceFluxes._fields)
    observed = stacked_observations(series, dzsoil=columns.dzsoil, days=columns.days, available=outputs)
    return Simulation(columns, parameters, observed, section.spin_up_days, segment_days=section.segment_days)


def calibrate(
    experiment: Experiment, *, simulation: Simulation | None = None, progress: Progress | None = None
) -> Calibration:
    """Fit the parameters of ``[calibration]``, and estimate their posterior about the fit (Laplace's approximation).

    Parameters
    ----------
    experiment : Experiment
        With ``[calibration]``, and a record with observations.
    simulation : Simulation, optional
        By default from :func:`prepare`.
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    Calibration

    Raises
    ------
    BadInput
        As :func:`prepare`.
    RunFailed
        If a column is unstable, or a gradient is not finite.

    References
    ----------
    Tierney and Kadane (1986), J. Am. Stat. Assoc. 81, 82-86, for Laplace's approximation.
    """
    section = experiment.required(experiment.calibration, "calibration")
    simulation = prepare(experiment, progress=progress) if simulation is None else simulation
    observed, parameters = simulation.observations, simulation.parameters
    method = lbfgs if section.method == "lbfgs" else gauss_newton
    estimated = any(each.settings.error == "estimated" for each in observed.series)
    passes = _PASSES if estimated else 1
    displacements = torch.zeros(len(parameters.displacements), dtype=torch.float64)
    errors = first_errors(observed.series)
    costs: list[float] = []
    for number in range(passes):
        if estimated:
            errors = _errors(simulation, displacements, errors)
        part = portion(progress, number / passes, (number + 1) / passes)
        fit = method(simulation, displacements, errors, iterations=section.iterations, progress=part)
        displacements, costs = fit.displacements, fit.costs
    if estimated:
        errors = _errors(simulation, displacements, errors)
    about, _ = expansion(simulation, displacements, errors)
    covariance = torch.linalg.inv(about.hessian)
    draws = _draws(displacements, covariance, section)
    local = [parameters.of_columns(x) for x in (torch.zeros_like(displacements), displacements, *draws)]
    days = simulation.columns.days
    total = days + min(simulation.spin_up_days, days)
    predicted = simulation.predict(torch.cat(local, 1), days=days, on_days=counted(progress, "result", total))
    return Calibration(
        experiment,
        simulation,
        displacements,
        covariance,
        errors,
        costs,
        draws,
        predicted,
        _notes(simulation, fit.costs),
    )


def _errors(simulation: Simulation, displacements: Tensor, errors: Tensor) -> Tensor:
    """Errors with those that are to be estimated from the residuals of some parameters."""
    observed = simulation.observations
    predicted = simulation.predict(simulation.parameters.of_columns(displacements), days=observed.fit_days)
    return estimated_errors(errors, fit_residuals(predicted[:, 0], observed), observed)


def _draws(displacements: Tensor, covariance: Tensor, section: CalibrationSection) -> Tensor:
    """Draws from the posterior, shape (draw, displacement)."""
    rng = np.random.default_rng(section.seed)
    standard = torch.as_tensor(rng.standard_normal((section.draws, len(displacements))))
    drawn: Tensor = displacements + standard @ torch.linalg.cholesky(covariance).T
    return drawn


def _notes(simulation: Simulation, costs: Sequence[float]) -> tuple[str, ...]:
    """What is remarkable in the records and in the fit."""
    notes = [note for site in simulation.columns.sites for note in notes_of_record(site.record)]
    night = any(each.settings.variable == "night_nee" for each in simulation.observations.series)
    if night and simulation.columns.tiles.land is None:
        notes.append(
            "night-time NEE is ecosystem respiration, and the simple surface has no respiration of plants: kaps and cs that are fitted "
            "to it include the respiration of plants"
        )
    if len(costs) < 2:
        notes.append("no step lowered the cost: the parameters are those of the prior")
    return tuple(dict.fromkeys(notes))
