"""Learn respiration from rows: validate on inner blocks, fit the ensemble, set its level and its intervals."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.curves import Members, Plan, blended, fit_members, plan_members, site_scale
from jules_ml.learned.respiration.exchange import Exchange, take_exchange
from jules_ml.learned.respiration.base_respiration import PRIOR_SITES, R0Prior, fit_r0_prior
from jules_ml.learned.respiration.likelihood import fit_noise
from jules_ml.learned.respiration.network import (
    MOISTURE_NODES,
    TEMPERATURE_NODES,
    LearnedRespiration,
    jules_optimum,
)
from jules_ml.learned.respiration.nodes import place_on_line
from jules_ml.learned.respiration.photosynthesis import LearnedAssimilation
from jules_ml.learned.respiration.separability import WARN_ABOVE, Separability, concurvity, separability
from jules_ml.learned.respiration.site import Rows, moisture_of, thinned_rows
from jules_ml.physics.respiration import T_REFERENCE
from jules_ml.scoring.intervals import conformal_quantiles
from jules_ml.scoring.scores import score
from jules_ml.scoring.splits import bootstrap_weights, inner_folds
from jules_ml.support.progress import Progress, portion

#: Members a fold of the inner validation, whose median is what is validated.
_INNER_MEMBERS = 3
#: Weights of the learned form, against Lloyd and Taylor's, that the inner validation chooses from.
_WEIGHTS = tuple(round(0.1 * step, 1) for step in range(11))

#: Calendar months that make a year, winter having its gaps.
_A_YEAR = 10

_Array = NDArray[np.float64]


class ConcurvityWarning(UserWarning):
    """Water and temperature go together in the record, so that their effects cannot be told apart."""


@dataclass(frozen=True)
class InnerValidation:
    """What the inner validation found.

    Attributes
    ----------
    nse_learned, nse_lloyd_taylor, nse_given : float
        NSE on held-out inner blocks of the learned form, of Lloyd and Taylor's, and of what is given [1]; that of the last was chosen for,
        and is a little flattered.
    weight : float
        Weight of the learned form in what is given [1].
    free : bool
        Whether the learned form is that of the freer members, which did better on the held-out blocks.
    folds : int
        Folds that it rests on.
    """

    nse_learned: float
    nse_lloyd_taylor: float
    nse_given: float
    weight: float
    free: bool
    folds: int

    @property
    def given(self) -> str:
        """What is given: ``learned``, ``lloyd_taylor``, or ``blend`` of the two."""
        return {1.0: "learned", 0.0: "lloyd_taylor"}.get(self.weight, "blend")


@dataclass(frozen=True, eq=False)
class TrainedRespiration:
    """A learned module, and what is to be notes of it."""

    module: LearnedRespiration
    rows: Rows
    settings: RespirationSettings
    validation: InnerValidation
    concurvity: float
    cross_validated: _Array
    assimilation: LearnedAssimilation | None = None
    r0_prior: R0Prior | None = None
    separability: Separability | None = None

    def predict(self, rows: Rows) -> _Array:
        """Respiration of other rows of the same groups, shape (row,) [umol m-2 s-1]."""
        with torch.no_grad():
            found: Tensor = self.module(*self.inputs(rows))
        return found.numpy()

    def interval(self, rows: Rows) -> tuple[_Array, _Array]:
        """Lower and upper end of the interval of an observation, shapes (row,) [umol m-2 s-1]."""
        predicted = torch.from_numpy(self.predict(rows))
        low, high = self.module.interval(predicted, torch.from_numpy(rows.group))
        return low.detach().numpy(), high.detach().numpy()

    def inputs(self, rows: Rows) -> tuple[Tensor, Tensor, Tensor]:
        """Moisture, temperature and group of rows, as the module wants them."""
        return torch.tensor(moisture_of(rows, self.settings)), torch.tensor(rows.t_soil), torch.tensor(rows.group)


def train_respiration(
    rows: Rows, settings: RespirationSettings, progress: Progress | None = None, *, exchange: Exchange | None = None
) -> TrainedRespiration:
    """Learn f, g and the levels from rows.

    Parameters
    ----------
    rows : Rows
        What is learned from, all of it: what is to be scored must not be among them.
    settings : RespirationSettings
    progress : callable, optional
        Receives how far the work has got, see :class:`~jules_ml.support.progress.Progress`.
    exchange : Exchange, optional
        NEE of day and night and the weather, of one site, to learn photosynthesis along; the final curves then rest on all of it.

    Returns
    -------
    TrainedRespiration

    Warns
    -----
    ConcurvityWarning
        Where water and temperature go together, so that f and g are not to be told apart.
    """
    together = max(
        concurvity(rows.wetness[rows.site == site], rows.t_soil[rows.site == site]) for site in np.unique(rows.site)
    )
    if settings.moisture != "none" and together > WARN_ABOVE:
        warnings.warn(
            f"water and temperature go together (concurvity {together:.2f}, above {WARN_ABOVE:g}): f and g cannot be told apart, and "
            "their bands do not say so",
            ConcurvityWarning,
            stacklevel=2,
        )
    rng = np.random.default_rng(settings.seed)
    cross_validated, validation = _validate(rows, settings, rng, portion(progress, 0.0, 0.4))
    if exchange is not None:
        exchange = take_exchange(exchange, thinned_rows(len(exchange.rows), settings.exchange_rows))
    used = rows if exchange is None else exchange.rows
    weights = bootstrap_weights(used.site, used.middle, settings.members, days=settings.bootstrap_days, rng=rng)
    parts = []
    if validation.weight > 0.0:
        parts.append(plan_members(weights, settings, free=validation.free))
    if validation.weight < 1.0:
        parts.append(plan_members(weights, settings, plain=True))
    plan = parts[0] if len(parts) == 1 else parts[0] + parts[1]
    members = fit_members(used, plan, settings, exchange=exchange, progress=portion(progress, 0.4, 1.0))
    if len(parts) == 2:
        members = blended(members, validation.weight)
    module = _module(rows, members, settings, cross_validated)
    learned = TrainedRespiration(module, rows, settings, validation, together, cross_validated, members.assimilation)
    if settings.check_separability and settings.moisture != "none":
        learned = replace(learned, separability=separability(rows, cross_validated, settings))
    if len(rows.sites) < PRIOR_SITES:
        return learned
    shape = learned.predict(rows) / module.level.numpy()[rows.group]
    return replace(learned, r0_prior=fit_r0_prior(rows, shape))


def _validate(
    rows: Rows, settings: RespirationSettings, rng: np.random.Generator, progress: Progress | None
) -> tuple[_Array, InnerValidation]:
    """Predictions of held-out inner blocks by what is given (NaN where none was made), and what they show.

    The freer members are taken where they do better on the held-out blocks than the held ones; they are tried only where the record
    has seen a year, for in less the season goes for anything. What is learned is given where it then beats Lloyd and Taylor's form there.
    Where it does not, the two are stacked (Wolpert 1992, Neural Netw. 5, 241-259): their logarithms are averaged, so that f and g remain
    curves, by the weight that suits the blocks best, which is zero where the learned form has nothing to add.
    """
    fold = inner_folds(rows.site, rows.middle, most=settings.inner_folds)
    names = np.unique(fold[fold >= 0])
    thin = thinned_rows(len(rows), settings.inner_rows)
    thinned, fold_thin = rows.take(thin), fold[thin]
    drawn = bootstrap_weights(thinned.site, thinned.middle, _INNER_MEMBERS, days=settings.bootstrap_days, rng=rng)
    seen_a_year = len(np.unique(rows.middle.month)) >= _A_YEAR
    kinds = (False, True) if settings.free_smoothness is not None and seen_a_year else (False,)
    plans, chosen = [], {}
    for position, name in enumerate(names):
        outside = (fold_thin != name).astype(np.float64)
        weights = drawn * outside
        # a draw that is all but empty outside the fold gives way to the whole of it
        weights[(weights > 0).sum(1) < 0.1 * outside.sum()] = outside
        plans += [plan_members(outside[np.newaxis], settings, plain=True)]
        plans += [plan_members(weights, settings, free=free) for free in kinds]
        start = position * (1 + _INNER_MEMBERS * len(kinds))
        ends = [start + 1 + _INNER_MEMBERS * k for k in range(len(kinds) + 1)]
        chosen[int(name)] = [[start], *(list(range(*pair)) for pair in pairwise(ends))]
    plan: Plan = plans[0]
    for other in plans[1:]:
        plan = plan + other
    members = fit_members(thinned, plan, settings, iterations=15, tolerance=2e-4, progress=progress)
    predicted = np.full((1 + len(kinds), len(rows)), np.nan)
    for name, groups in chosen.items():
        inside = fold == name
        for form, members_of in enumerate(groups):
            predicted[form, inside] = members.predict(rows.take(inside), settings, members_of)
    known = (fold >= 0) & np.isfinite(rows.flux)
    scale = site_scale(rows)
    flux = (rows.flux / scale)[known]
    squared = (np.maximum((predicted / scale)[:, known], 1e-12) - flux) ** 2
    free = len(kinds) > 1 and bool(squared[2].sum() < squared[1].sum())
    plain, learned = predicted[0], predicted[2 if free else 1]
    ours, theirs = (np.log(np.maximum((p / scale)[known], 1e-12)) for p in (learned, plain))
    losses = [((flux - np.exp(w * ours + (1.0 - w) * theirs)) ** 2).sum() for w in _WEIGHTS]
    beats = losses[-1] < losses[0] or not settings.allow_lloyd_taylor
    weight = 1.0 if beats else _WEIGHTS[int(np.argmin(losses))]
    given = np.exp(weight * np.log(learned) + (1.0 - weight) * np.log(plain))
    found = InnerValidation(
        score(np.exp(ours), flux).nse,
        score(np.exp(theirs), flux).nse,
        score((given / scale)[known], flux).nse,
        weight,
        free,
        len(names),
    )
    return given, found


def _module(rows: Rows, members: Members, settings: RespirationSettings, cross_validated: _Array) -> LearnedRespiration:
    """Normalise the curves, set the level of the median curves, and bound single observations."""
    moisture = moisture_of(rows, settings)
    log_f, reference = _normalised_f(rows, members, settings, moisture)
    at = place_on_line(torch.tensor([T_REFERENCE], dtype=torch.float64), TEMPERATURE_NODES)
    shift_g = at.at(members.log_g)
    log_g = members.log_g - shift_g
    log_level = members.log_level + shift_g + (members.log_f - log_f)[:, :1]
    log_f = torch.clamp(log_f, max=float(np.log(settings.f_max)))
    scale = site_scale(rows)
    shape = torch.exp(
        place_on_line(torch.from_numpy(moisture), MOISTURE_NODES).at(log_f.mean(0))
        + place_on_line(torch.tensor(rows.t_soil), TEMPERATURE_NODES).at(log_g.mean(0))
    ).numpy()
    known = np.isfinite(cross_validated) & np.isfinite(rows.flux)
    noise = fit_noise((cross_validated / scale)[known], ((rows.flux - cross_validated) / scale)[known])
    rough_level = np.exp(log_level.mean(0).numpy())
    weight = noise.scale(rough_level[rows.group] * shape / scale) ** -settings.tempering
    n = len(rows.groups)
    weight = np.where(np.isfinite(rows.flux), weight, 0.0)
    level = np.bincount(rows.group, weight * shape * np.nan_to_num(rows.flux), minlength=n) / np.maximum(
        np.bincount(rows.group, weight * shape * shape, minlength=n), 1e-300
    )
    level = np.where(level > 0.0, level, rough_level)
    z = ((rows.flux - cross_validated) / scale / noise.scale(cross_validated / scale))[known]
    block = inner_folds(rows.site, rows.middle, most=settings.inner_folds)[known]
    group_scale = np.ones(n)
    group_scale[rows.group] = scale
    # what the networks were, beside what they gave
    networks = {
        f"{term}|{name}".replace(".", "/"): value
        for term, of in members.parameters.items()
        for name, value in of.items()
    }
    return LearnedRespiration(
        log_f=log_f,
        log_g=log_g,
        log_level=log_level,
        level=torch.from_numpy(level),
        seen_moisture=torch.tensor(members.seen.get("f", (0.0, 1.0)), dtype=torch.float64),
        seen_temperature=torch.tensor(members.seen["g"], dtype=torch.float64),
        reference=torch.tensor(reference, dtype=torch.float64),
        noise=torch.from_numpy(np.column_stack([noise.a * group_scale, np.full(n, noise.b)])),
        quantiles=torch.tensor(conformal_quantiles(z, block, settings.interval), dtype=torch.float64),
        networks=networks,
    )


def _normalised_f(
    rows: Rows, members: Members, settings: RespirationSettings, moisture: _Array
) -> tuple[Tensor, float]:
    """Curves of f whose median is one at the reference, and the reference.

    It is JULES's optimum where the data reach it and f then stays below its bound; otherwise the peak of the median curve within
    the 5 to 95 % range of the data, so that f is at most about one where it was learned.

    Members are brought to the same mean over the data, as smooths of additive models are (Wood 2017, section 5.4), and not to one at the
    reference each: there JULES's f has a corner, which a smooth curve rounds off, and a band pinned to it would be off everywhere else.
    """
    low, high = np.quantile(moisture, [0.05, 0.95])
    optimum = jules_optimum(settings, float(np.mean(list(rows.porosity.values()))))
    nodes = MOISTURE_NODES
    if settings.moisture == "none":
        return members.log_f, optimum
    over_data = place_on_line(torch.from_numpy(moisture), nodes).at(members.log_f).mean(1, keepdim=True)
    centred = members.log_f - over_data
    median = centred.mean(0)

    def referred(to: float) -> Tensor:
        return centred - place_on_line(torch.tensor([to], dtype=torch.float64), nodes).at(median)

    seen_low, seen_high = members.seen["f"]
    if low <= optimum <= high and float(referred(optimum).mean(0).max()) <= np.log(settings.f_max):
        return referred(optimum), optimum
    inside = (nodes >= low) & (nodes <= high)
    if not bool(inside.any()):
        inside = (nodes >= seen_low) & (nodes <= seen_high)
    peak = float(nodes[inside][torch.argmax(median[inside])])
    return referred(peak), peak
