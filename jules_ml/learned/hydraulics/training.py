r"""TrainingSettings a network's weights from soil moisture, through the column.

One network serves all sites at once (differentiable parameter learning). A round runs the columns with the present parameters and their
displaced copies, which gives each sensor's error as a quadratic of its site's parameters about that place; the weights then descend on the
quadratics of all places where the columns have been run so far, held near them, and the next round runs the columns again. Years of steps
are run some ten times in all, and not once for every step of the optimiser.

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

#: Error that no soil can do better than [m3 m-3]: keeps a sensor that is followed closely from drawing all the attention.
ERROR_FLOOR: Final = 0.01
#: Steps of the optimiser in a round, and its rate.
_DESCENT, _RATE = 200, 0.02


@dataclass(frozen=True)
class TrainingSettings:
    """How the network is learned.

    Attributes
    ----------
    rounds : int
        Times that the columns are run.
    bias_weight : float
        Weight of a sensor's squared bias beside the mean square of its anomalies [1].
    deep_weight : float
        Weight of all deeper sensors of a site together, beside 1 of its first [1].
    tie : float
        How strongly weights are tied to those of the pre-training [1]; the level of each parameter is free.
    trust : float
        How strongly parameters are held near a place where the columns were run [1].
    bootstrap : bool
        Whether each member weighs the sites anew, drawn with replacement.
    check : bool
        Whether the columns are run once more at the end, and the best round kept.
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
    """Columns that are learned from together, and which of their sites.

    Attributes
    ----------
    batch : ColumnBatch
    train : array of bool, shape (column,)
        Sites that are learned from.
    weight : float
        Of each site [1].
    known : tuple of Expansion
        What was found before where these columns were run; of each site, by nothing but its own soil moisture.
    """

    batch: ColumnBatch
    train: NDArray[np.bool_]
    weight: float = 1.0
    known: tuple[Expansion, ...] = ()


def train_hydraulics(
    network: LearnedHydraulics,
    lessons: Sequence[TrainingColumns],
    settings: TrainingSettings,
    *,
    progress: Progress | None = None,
) -> list[float]:
    """Learn a pre-trained network's weights, in place.

    Parameters
    ----------
    network : LearnedHydraulics
    lessons : sequence of TrainingColumns
    settings : TrainingSettings
    progress : callable, optional
        Receives how far the work has got, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    list of float
        What is minimised, at the mean of the members, wherever the columns were run: mean logarithm of the sensors' errors.
    """
    tables = [torch.tensor(input_table([s.inputs for s in each.batch.sites], network.inputs)) for each in lessons]
    weights = [_lesson_weights(each, settings) for each in lessons]
    draws = _site_draws(network, lessons, settings)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    found = [list(each.known) for each in lessons]
    if all(found):
        _descend(network, lessons, tables, weights, draws, found, before, settings)
    costs: list[float] = []
    best = before
    runs = settings.rounds + settings.check
    for number in range(runs):
        cost = 0.0
        for k, (each, table, weight) in enumerate(zip(lessons, tables, weights, strict=True)):
            with torch.no_grad():
                raw = network(table).mean(0)
            about = misfit(response(each.batch, raw.to(each.batch.dzsoil.dtype)), each.batch.observed)
            found[k].append(Expansion(raw, about))
            # a column that left the range of numbers is wrong by 1 m3 m-3
            cost += float((weight * _error(about.anomaly, about.bias, settings).nan_to_num(nan=0.0)).sum())
            if progress is not None:
                progress("fit", number * len(lessons) + k + 1, runs * len(lessons))
        costs.append(cost / sum(float(w.sum()) for w in weights))
        if costs[-1] == min(costs):
            best = {name: value.detach().clone() for name, value in network.named_parameters()}
        if number < settings.rounds:
            _descend(network, lessons, tables, weights, draws, found, before, settings)
        else:
            _put(network, best)
    return costs


def _error(anomaly: Tensor, bias: Tensor, settings: TrainingSettings) -> Tensor:
    """Logarithm of each sensor's error: a tenth less counts the same where errors are large and where they are small."""
    return 0.5 * torch.log(anomaly + settings.bias_weight * bias**2 + ERROR_FLOOR**2)


def _lesson_weights(lesson: TrainingColumns, settings: TrainingSettings) -> Tensor:
    """Weight of every sensor, shape (sensor,); zero at sites that are not trained on."""
    train = torch.tensor(lesson.train).double()[lesson.batch.sensor_column]
    return lesson.weight * sensor_weights(lesson.batch, settings.deep_weight) * train


def _site_draws(
    network: LearnedHydraulics, lessons: Sequence[TrainingColumns], settings: TrainingSettings
) -> list[Tensor]:
    """How often each member has drawn each site, shape (member, column) a lesson."""
    members = network.level.shape[0]
    generator = np.random.default_rng(settings.seed)
    draws = []
    for each in lessons:
        n = len(each.train)
        seen = np.flatnonzero(each.train)
        counts = np.zeros((members, n))
        for member in range(members):
            if settings.bootstrap and members > 1 and len(seen):
                counts[member] = np.bincount(generator.choice(seen, len(seen)), minlength=n)
            else:
                counts[member, seen] = 1.0
        draws.append(torch.tensor(counts))
    return draws


def _descend(
    network: LearnedHydraulics,
    lessons: Sequence[TrainingColumns],
    tables: Sequence[Tensor],
    weights: Sequence[Tensor],
    draws: Sequence[Tensor],
    found: Sequence[Sequence[Expansion]],
    before: dict[str, Tensor],
    settings: TrainingSettings,
) -> None:
    """Let the weights of all members descend on the quadratics."""
    stacked = [stack_expansions(places) for places in found]
    optimiser = torch.optim.Adam(network.parameters(), lr=_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, _DESCENT)
    scale = sum(float(w.sum()) for w in weights)
    for _ in range(_DESCENT):
        optimiser.zero_grad()
        loss = torch.zeros((), dtype=torch.float64)
        for each, table, weight, draw, places in zip(lessons, tables, weights, draws, stacked, strict=True):
            column = each.batch.sensor_column
            anomaly, bias, nearest = expanded_errors(places, network(table), column)
            errors = weight * draw[:, column] * _error(anomaly, bias, settings)
            held = nearest * torch.tensor(each.train).double()
            loss = loss + errors.sum() / scale + settings.trust * each.weight * held.sum() / scale
        for name, value in network.named_parameters():
            if name != "level":
                loss = loss + settings.tie * ((value - before[name]) ** 2).sum()
        loss.backward()
        optimiser.step()
        schedule.step()


def _put(network: LearnedHydraulics, values: dict[str, Tensor]) -> None:
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.copy_(values[name])
