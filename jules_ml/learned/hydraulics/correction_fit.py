"""Fit of a correction of Rosetta 3, and of the soil ensemble, each with a choice on sites held out.

The columns run with the soil of Rosetta 3 and with shifts of it that are the same everywhere. Networks for the choice are trained on these
runs alone, each without the sites of one inner fold; the columns then run once with the soils that these networks give the sites they have
not seen, at each size of the correction. The network that is kept is trained on all sites, with further runs with its own soils. Its
correction has the size with the least error, or none where the gain is not larger than one standard error. The width of the soil ensemble
is chosen in the same folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.learned.hydraulics.columns import ColumnBatch, HydraulicSite
from jules_ml.learned.hydraulics.correction import CorrectedRosetta, rosetta_parameters
from jules_ml.learned.hydraulics.held_out_choice import Choice, best_choice
from jules_ml.learned.hydraulics.misfit import Expansion, misfit
from jules_ml.learned.hydraulics.network import input_table
from jules_ml.learned.hydraulics.pretraining import pretrain, texture_parameters
from jules_ml.learned.hydraulics.simulation import at_sensors, batch_soil, concatenate_soils, response, simulate
from jules_ml.learned.hydraulics.soil_ensemble import (
    SoilsBySite,
    library_moments,
    mean_run_error,
    site_costs,
    sites_of,
    soil_library,
    soils_by_site,
)
from jules_ml.learned.hydraulics.training import TrainingColumns, TrainingSettings, batch_weights, train_hydraulics
from jules_ml.support.progress import Progress

#: Sizes of the correction to choose from [1].
SIZES: Final = (0.25, 0.5, 0.75, 1.0)
#: Widths of the soil ensemble to choose from [1].
WIDTHS: Final = (1.0, 1.4, 2.0)
#: Number of inner folds.
FOLDS: Final = 4
#: Number of runs with Rosetta's soil and shifts of it; standard deviation of the shifts, common to topsoil and subsoil, and of each [1].
_POINTS, _COMMON, _ALONE = 6, 0.8, 0.4
#: Limit of shifted parameters [1].
_LIMIT: Final = 4.0


@dataclass(frozen=True, eq=False)
class SiteRuns:
    """Runs of the columns of a batch that do not depend on what is learned.

    Attributes
    ----------
    expansions : tuple of Expansion
        With Rosetta's soil and shifts of it.
    moments : array, shape (sensor, soil + 1, soil + 1)
        With the soil library, see :func:`~jules_ml.learned.hydraulics.soil_ensemble.library_moments`.
    """

    expansions: tuple[Expansion, ...]
    moments: NDArray[np.float64]


def site_runs(batch: ColumnBatch, settings: TrainingSettings, *, progress: Progress | None = None) -> SiteRuns:
    """Run the columns with Rosetta's soil, shifts of it, and the soil library.

    Parameters
    ----------
    batch : ColumnBatch
    settings : TrainingSettings
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    SiteRuns
    """
    return SiteRuns(
        prior_runs(batch, settings, progress=progress), library_moments(batch, soil_library(), progress=progress)
    )


def prior_runs(
    batch: ColumnBatch, settings: TrainingSettings, *, progress: Progress | None = None
) -> tuple[Expansion, ...]:
    """Run the columns, and displaced copies of them, with Rosetta's soil and with shifts of it.

    Parameters
    ----------
    batch : ColumnBatch
    settings : TrainingSettings
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    tuple of Expansion
    """
    prior = _prior_parameters([site.inputs for site in batch.sites])
    generator = torch.Generator().manual_seed(settings.seed)
    expansions = []
    for number in range(_POINTS):
        raw = prior
        if number:
            common = _COMMON * torch.randn(prior.shape[0], 1, 1, generator=generator)
            alone = _ALONE * torch.randn(*prior.shape[:2], 1, generator=generator)
            raw = (prior + common + alone).clamp(-_LIMIT, _LIMIT)
        about = misfit(response(batch, raw.to(batch.dzsoil.dtype)), batch.observed)
        expansions.append(Expansion(raw, about))
        if progress is not None:
            progress("runs", number + 1, _POINTS)
    return tuple(expansions)


def _prior_parameters(inputs: Sequence[dict[str, float]]) -> Tensor:
    """Unbounded parameters of Rosetta 3, or of HYPRES where texture is unknown, shape (parameter, horizon, site)."""
    names = ("sand", "clay", "bulk_density", "soc_density")
    given = rosetta_parameters(torch.tensor(input_table(inputs, names)), names)
    return torch.where(given.isfinite(), given, texture_parameters(inputs))


def new_network(
    names: Sequence[str], inputs: Sequence[dict[str, float]], *, members: int, hidden: int, seed: int
) -> CorrectedRosetta:
    """Make a network without correction, with the scaling and the prior of training sites.

    Parameters
    ----------
    names : sequence of str
        Static inputs.
    inputs : sequence of dict of str to float
        Static inputs of the training sites.
    members, hidden, seed : int
        As for :class:`~jules_ml.learned.hydraulics.network.LearnedHydraulics`.

    Returns
    -------
    CorrectedRosetta
    """
    network = CorrectedRosetta(names, members=members, hidden=hidden, seed=seed)
    network.scale_to(input_table(inputs, names))
    network.without_texture.requires_grad_(True)
    pretrain(network.without_texture, inputs, target=_prior_parameters(inputs))
    network.without_texture.requires_grad_(False)
    return network


@dataclass(frozen=True, eq=False)
class CorrectionFit:
    """A network, its ``choices`` by name, and its ``costs`` by round."""

    network: CorrectedRosetta
    choices: dict[str, Choice]
    costs: list[float]

    def to_card(self) -> dict[str, Any]:
        """Return the choices for the card."""
        return {name: choice.to_card() for name, choice in self.choices.items()}

    def notes(self) -> tuple[str, ...]:
        """Say what was chosen, for the user."""
        size, width = self.choices["size"], self.choices["width"]
        used = (
            f"the correction of Rosetta 3 is used at {size.value:g} of its size" if size.used else "Rosetta 3 is kept"
        )
        soils = (
            "the soils of the ensemble follow" if width.used else "the soils of the ensemble are not used: they follow"
        )
        return (
            f"{used}: at sites held out the correction lowers the error by {_percent(size)}",
            f"{soils} soil moisture at sites held out with an error that is lower by {_percent(width)}",
        )


def _percent(choice: Choice) -> str:
    """Gain of a choice, with its standard error."""
    return f"{100.0 * choice.gain:.0f} % (standard error {100.0 * choice.standard_error:.0f} %)"


def fit_correction(
    names: Sequence[str],
    batches: Sequence[TrainingColumns],
    runs: Sequence[SiteRuns],
    settings: TrainingSettings,
    *,
    members: int,
    hidden: int,
    folds: Sequence[NDArray[np.int64]],
    progress: Progress | None = None,
) -> CorrectionFit:
    """Fit the correction and the soil ensemble.

    Parameters
    ----------
    names : sequence of str
        Static inputs, with sand and clay among them.
    batches : sequence of TrainingColumns
    runs : sequence of SiteRuns
        Of each batch.
    settings : TrainingSettings
    members, hidden : int
        As for :class:`~jules_ml.learned.hydraulics.network.LearnedHydraulics`.
    folds : sequence of array of int, shape (column,)
        Inner fold of each site of each batch.
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    CorrectionFit
    """
    batches = [replace(each, expansions=run.expansions) for each, run in zip(batches, runs, strict=True)]

    def network_of(train: Sequence[NDArray[np.bool_]]) -> CorrectedRosetta:
        inputs = [s.inputs for s in _training_sites(batches, train)]
        return new_network(names, inputs, members=members, hidden=hidden, seed=settings.seed)

    inner: list[tuple[CorrectedRosetta, list[NDArray[np.bool_]]]] = []
    for fold in sorted(set(np.concatenate([f[b.train] for f, b in zip(folds, batches, strict=True)]).tolist())):
        train = [b.train & (f != fold) for f, b in zip(folds, batches, strict=True)]
        network = network_of(train)
        columns = [replace(b, train=t) for b, t in zip(batches, train, strict=True)]
        train_hydraulics(network, columns, replace(settings, rounds=0, check=False))
        inner.append((network, train))
    network = network_of([b.train for b in batches])
    costs = train_hydraulics(network, batches, settings, progress=progress)
    held_out = _held_out_costs(batches, inner, settings)
    size = best_choice(held_out.prior, held_out.sizes)
    network.shrink(size.value if size.used else 0.0)
    moments = np.concatenate([run.moments for run in runs])
    widths = {width: _width_costs(batches, inner, moments, settings, width=width, number=members) for width in WIDTHS}
    width = best_choice(held_out.prior_anomaly, widths)
    if width.used:
        of_sites = _soils(network, batches, [b.train for b in batches], moments, settings, width.value, members)
        network.set_soils(torch.tensor(of_sites.inputs), soil_library()[torch.tensor(of_sites.soils)])
    return CorrectionFit(network, {"size": size, "width": width}, costs)


def _training_sites(batches: Sequence[TrainingColumns], train: Sequence[NDArray[np.bool_]]) -> list[HydraulicSite]:
    """Training sites of all batches."""
    return [s for b, t in zip(batches, train, strict=True) for s, use in zip(b.batch.sites, t, strict=True) if use]


def _held_out(batches: Sequence[TrainingColumns], train: Sequence[NDArray[np.bool_]]) -> list[NDArray[np.bool_]]:
    """Training sites that an inner network was not trained on."""
    return [b.train & ~t for b, t in zip(batches, train, strict=True)]


def _measured_weights(batches: Sequence[TrainingColumns], settings: TrainingSettings) -> NDArray[np.float64]:
    """Weight of each sensor of all batches, shape (sensor,); 0 without observations, and at sites that are not trained on."""
    weights = [batch_weights(b, settings) * b.batch.observed.isfinite().any(0) for b in batches]
    return torch.cat(weights).numpy()


class _Costs(NamedTuple):
    """Costs of all sites with the prior, in the anomalies alone (``prior_anomaly``) too, and with each size; shape (site,) each."""

    prior: NDArray[np.float64]
    prior_anomaly: NDArray[np.float64]
    sizes: dict[float, NDArray[np.float64]]


def _held_out_costs(
    batches: Sequence[TrainingColumns],
    inner: Sequence[tuple[CorrectedRosetta, Sequence[NDArray[np.bool_]]]],
    settings: TrainingSettings,
) -> _Costs:
    """Costs of the sites, each with the soil of the inner network that has not seen it."""
    bias_weight = settings.bias_weight
    errors: list[list[Tensor]] = []
    for k, each in enumerate(batches):
        table = input_table([site.inputs for site in each.batch.sites], inner[0][0].inputs)
        prior = torch.zeros(5, 2, len(table), dtype=torch.float64)
        correction = torch.zeros_like(prior)
        for network, train in inner:
            unseen = torch.tensor(_held_out(batches, train)[k])
            with torch.no_grad():
                own = network.prior(torch.tensor(table))
                prior[..., unseen] = own[..., unseen]
                correction[..., unseen] = (network(torch.tensor(table)).mean(0) - own)[..., unseen]
        soils = [batch_soil(each.batch, (prior + s * correction).to(each.batch.dzsoil.dtype)) for s in (0.0, *SIZES)]
        theta = simulate(each.batch, concatenate_soils(soils)).split(len(table), dim=2)
        of_sizes = [_sensor_errors(each.batch, part, bias_weight) for part in theta]
        errors.append([_sensor_errors(each.batch, theta[0], 0.0), *of_sizes])
    weight, site = _measured_weights(batches, settings), sites_of([b.batch for b in batches])
    sites = sum(len(b.batch.sites) for b in batches)
    costs = [site_costs(torch.cat(e).numpy(), weight, site, sites) for e in zip(*errors, strict=True)]
    return _Costs(costs[1], costs[0], dict(zip(SIZES, costs[2:], strict=True)))


def _sensor_errors(batch: ColumnBatch, theta: Tensor, bias_weight: float) -> Tensor:
    """Mean square error of the anomalies of each sensor plus the weighted square of its bias [m6 m-6], shape (sensor,)."""
    measured = batch.observed.isfinite()
    days = measured.sum(0).clamp(min=1)
    error = torch.where(measured, at_sensors(batch, theta) - batch.observed, 0.0).double()
    bias = error.sum(0) / days
    return (error**2).sum(0) / days - (1.0 - bias_weight) * bias**2


def _soils(
    network: CorrectedRosetta,
    batches: Sequence[TrainingColumns],
    train: Sequence[NDArray[np.bool_]],
    moments: NDArray[np.float64],
    settings: TrainingSettings,
    width: float,
    number: int,
) -> SoilsBySite:
    """Choose the soils about each training site, with the scaling of a network."""
    table = input_table([s.inputs for s in _training_sites(batches, train)], network.inputs)
    chosen = np.concatenate(train)
    site, weight = sites_of([b.batch for b in batches]), _measured_weights(batches, settings)
    of_training = chosen[site] & (weight > 0.0)
    position = np.cumsum(chosen) - 1
    return soils_by_site(
        network.scaled(torch.tensor(table)).numpy(),
        moments[of_training],
        weight[of_training],
        position[site[of_training]],
        width=width,
        number=number,
    )


def _width_costs(
    batches: Sequence[TrainingColumns],
    inner: Sequence[tuple[CorrectedRosetta, Sequence[NDArray[np.bool_]]]],
    moments: NDArray[np.float64],
    settings: TrainingSettings,
    *,
    width: float,
    number: int,
) -> NDArray[np.float64]:
    """Cost of each site with the soil ensemble of the sites outside its inner fold."""
    site, weight = sites_of([b.batch for b in batches]), _measured_weights(batches, settings)
    sites = [s for b in batches for s in b.batch.sites]
    weights = np.zeros((len(site), moments.shape[1] - 1))
    for network, train in inner:
        of_sites = _soils(network, batches, train, moments, settings, width, number)
        inputs = network.scaled(torch.tensor(input_table([s.inputs for s in sites], network.inputs))).numpy()
        chosen = of_sites.at(inputs)
        unseen = np.concatenate(_held_out(batches, train))[site]
        for sensor in np.flatnonzero(unseen):
            weights[sensor] = np.bincount(chosen[site[sensor]], minlength=weights.shape[1]) / number
    finite = np.nan_to_num(moments, nan=1.0)
    error = np.where(weight > 0.0, mean_run_error(finite, weights), 0.0)
    return site_costs(error, weight, site, len(sites))
