r"""Training of the network on soil moisture, through the column.

One network is trained on all sites together (differentiable parameter learning). A round runs the columns with the current parameters and
with displaced copies of them. The result is the error of each sensor as a quadratic function of the parameters of its site about that
point. The optimiser then minimises the quadratic functions of all points so far, with a penalty on the distance from them, and the next
round runs the columns again. The columns thus run about ten times in total, and not once for each step of the optimiser.

References
----------
Tsai et al. (2021), Nat. Commun. 12, 5988, for parameter learning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.learned.hydraulics.columns import ColumnBatch
from jules_ml.learned.hydraulics.misfit import Expansion, expanded_errors, misfit, sensor_weights, stack_expansions
from jules_ml.learned.hydraulics.network import LearnedHydraulics, input_table
from jules_ml.learned.hydraulics.simulation import response
from jules_ml.support.progress import Progress

#: Least error of a sensor [m3 m-3]: without it, sensors with very small errors would dominate the cost.
ERROR_FLOOR: Final = 0.01
#: Number of steps of the optimiser in a round, and its learning rate.
_STEPS, _RATE = 200, 0.02


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of the training.

    Attributes
    ----------
    rounds : int
        Number of rounds, each with one run of the columns.
    bias_weight : float
        Weight of the squared bias of a sensor relative to the mean square of its anomalies [1].
    deep_weight : float
        Total weight of the deeper sensors of a site relative to the first [1].
    tie : float
        Weight of the squared distance of the network weights from those of the pre-training [1]; constants :math:`c_h` are free.
    trust : float
        Weight of the squared distance of parameters from the nearest point where the columns were run [1].
    bootstrap : bool
        Whether each member is trained on a bootstrap sample of the sites.
    check : bool
        Whether the columns are run once more at the end, and the weights of the best round are used.
    seed : int
    """

    rounds: int = 8
    bias_weight: float = 0.1
    deep_weight: float = 0.5
    tie: float = 0.03
    trust: float = 0.3
    bootstrap: bool = True
    check: bool = True
    seed: int = 0


@dataclass(frozen=True, eq=False)
class TrainingColumns:
    """A batch of columns, and its training sites.

    Attributes
    ----------
    batch : ColumnBatch
    train : array of bool, shape (column,)
        Training sites.
    weight : float
        Weight of each site [1].
    expansions : tuple of Expansion
        Expansions of the misfit from earlier runs of these columns.
    """

    batch: ColumnBatch
    train: NDArray[np.bool_]
    weight: float = 1.0
    expansions: tuple[Expansion, ...] = ()


def train_hydraulics(
    network: LearnedHydraulics,
    batches: Sequence[TrainingColumns],
    settings: TrainingSettings,
    *,
    progress: Progress | None = None,
) -> list[float]:
    """Train a pre-trained network, in place.

    Parameters
    ----------
    network : LearnedHydraulics
    batches : sequence of TrainingColumns
    settings : TrainingSettings
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    list of float
        Cost of the mean of the members in each round: mean logarithm of the errors of the sensors.
    """
    tables = [torch.tensor(input_table([s.inputs for s in each.batch.sites], network.inputs)) for each in batches]
    weights = [batch_weights(each, settings) for each in batches]
    draws = _site_draws(network, batches, settings)
    pretrained = {name: value.detach().clone() for name, value in network.named_parameters()}
    expansions = [list(each.expansions) for each in batches]
    if all(expansions):
        _optimise(network, batches, tables, weights, draws, expansions, pretrained, settings)
    costs: list[float] = []
    best = pretrained
    runs = settings.rounds + settings.check
    for number in range(runs):
        cost = 0.0
        for k, (each, table, weight) in enumerate(zip(batches, tables, weights, strict=True)):
            with torch.no_grad():
                raw = network(table).mean(0)
            about = misfit(response(each.batch, raw.to(each.batch.dzsoil.dtype)), each.batch.observed)
            expansions[k].append(Expansion(raw, about))
            # the error of a column that overflowed is 1 m3 m-3
            cost += float((weight * _error(about.anomaly, about.bias, settings).nan_to_num(nan=0.0)).sum())
            if progress is not None:
                progress("fit", number * len(batches) + k + 1, runs * len(batches))
        costs.append(cost / sum(float(w.sum()) for w in weights))
        if costs[-1] == min(costs):
            best = {name: value.detach().clone() for name, value in network.named_parameters()}
        if number < settings.rounds:
            _optimise(network, batches, tables, weights, draws, expansions, pretrained, settings)
        else:
            _set_weights(network, best)
    return costs


def _error(anomaly: Tensor, bias: Tensor, settings: TrainingSettings) -> Tensor:
    """Logarithm of the error of each sensor, so that a relative change has the same weight for large and small errors."""
    return 0.5 * torch.log(anomaly + settings.bias_weight * bias**2 + ERROR_FLOOR**2)


def batch_weights(columns: TrainingColumns, settings: TrainingSettings) -> Tensor:
    """Weight of each sensor; zero at sites that are not trained on.

    Parameters
    ----------
    columns : TrainingColumns
    settings : TrainingSettings

    Returns
    -------
    Tensor, shape (sensor,)
        In double precision [1].
    """
    train = torch.tensor(columns.train).double()[columns.batch.sensor_column]
    return columns.weight * sensor_weights(columns.batch, settings.deep_weight) * train


def _site_draws(
    network: LearnedHydraulics, batches: Sequence[TrainingColumns], settings: TrainingSettings
) -> list[Tensor]:
    """Count how often each site is in the sample of each member, shape (member, column) for each batch."""
    members = network.level.shape[0]
    generator = np.random.default_rng(settings.seed)
    draws = []
    for each in batches:
        n = len(each.train)
        training = np.flatnonzero(each.train)
        counts = np.zeros((members, n))
        for member in range(members):
            if settings.bootstrap and members > 1 and len(training):
                counts[member] = np.bincount(generator.choice(training, len(training)), minlength=n)
            else:
                counts[member, training] = 1.0
        draws.append(torch.tensor(counts))
    return draws


def _optimise(
    network: LearnedHydraulics,
    batches: Sequence[TrainingColumns],
    tables: Sequence[Tensor],
    weights: Sequence[Tensor],
    draws: Sequence[Tensor],
    expansions: Sequence[Sequence[Expansion]],
    pretrained: dict[str, Tensor],
    settings: TrainingSettings,
) -> None:
    """Minimise the quadratic functions by the weights of all members."""
    stacked = [stack_expansions(each) for each in expansions]
    optimiser = torch.optim.Adam(network.parameters(), lr=_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, _STEPS)
    scale = sum(float(w.sum()) for w in weights)
    for _ in range(_STEPS):
        optimiser.zero_grad()
        loss = torch.zeros((), dtype=torch.float64)
        for each, table, weight, draw, points in zip(batches, tables, weights, draws, stacked, strict=True):
            column = each.batch.sensor_column
            anomaly, bias, nearest = expanded_errors(points, network(table), column)
            errors = weight * draw[:, column] * _error(anomaly, bias, settings)
            distance = nearest * torch.tensor(each.train).double()
            loss = loss + errors.sum() / scale + settings.trust * each.weight * distance.sum() / scale
        for name, value in network.named_parameters():
            if name != "level":
                loss = loss + settings.tie * ((value - pretrained[name]) ** 2).sum()
        loss.backward()
        optimiser.step()
        schedule.step()


def _set_weights(network: LearnedHydraulics, values: dict[str, Tensor]) -> None:
    """Set the weights of a network."""
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.copy_(values[name])
