"""Training of respiration: inner validation, fit of the network ensemble, base respiration and intervals."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.base_respiration import PRIOR_SITES, R0Prior, fit_r0_prior
from jules_ml.learned.respiration.curves import Members, averaged_forms, fit_members, site_scale
from jules_ml.learned.respiration.exchange import Exchange, take_exchange
from jules_ml.learned.respiration.likelihood import fit_noise
from jules_ml.learned.respiration.network import (
    MOISTURE_NODES,
    TEMPERATURE_NODES,
    LearnedRespiration,
    jules_optimum,
)
from jules_ml.learned.respiration.nodes import place_on_line
from jules_ml.learned.respiration.photosynthesis import LearnedAssimilation
from jules_ml.learned.respiration.plan import Plan, plan_members
from jules_ml.learned.respiration.separability import WARN_ABOVE, Separability, concurvity, separability
from jules_ml.learned.respiration.site import Rows, moisture_of, thinned_rows
from jules_ml.physics.respiration import T_REFERENCE
from jules_ml.scoring.intervals import conformal_quantiles
from jules_ml.scoring.scores import score
from jules_ml.scoring.splits import bootstrap_weights, inner_folds
from jules_ml.support.progress import Progress, portion

#: Members per fold of the inner validation, whose median is scored.
_INNER_MEMBERS = 3
#: Weights of the learned form in an average with Lloyd and Taylor's, from which the inner validation selects.
_WEIGHTS = tuple(round(0.1 * step, 1) for step in range(11))
#: Calendar months with rows from which on a record covers a year, which allows for gaps in winter.
_YEAR_MONTHS = 10

_Array = NDArray[np.float64]


class ConcurvityWarning(UserWarning):
    """Water and temperature are collinear in the record, so that their effects cannot be told apart."""


@dataclass(frozen=True)
class InnerValidation:
    """Result of the inner validation.

    Attributes
    ----------
    nse_learned, nse_lloyd_taylor, nse_given : float
        NSE on inner blocks that the fits left out: of the learned form, of Lloyd and Taylor's, and of the selected form [1]. The last is
        slightly too high, because the form was selected on the same blocks.
    weight : float
        Weight of the learned form in the selected form [1].
    free : bool
        Whether the learned form has the wider penalty ranges (``free_smoothness``), which were better on the inner blocks.
    folds : int
        Number of folds.
    """

    nse_learned: float
    nse_lloyd_taylor: float
    nse_given: float
    weight: float
    free: bool
    folds: int

    @property
    def form(self) -> str:
        """Selected form: ``learned``, ``lloyd_taylor``, or ``blend``, an average of the two."""
        return {1.0: "learned", 0.0: "lloyd_taylor"}.get(self.weight, "blend")


@dataclass(frozen=True, eq=False)
class TrainedRespiration:
    """A trained module with its training rows, inner validation and checks.

    ``cross_validated`` (row,) are the predictions of the inner blocks by fits without them [umol m-2 s-1].
    """

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
        """Predict the respiration of rows of the same groups, shape (row,) [umol m-2 s-1]."""
        with torch.no_grad():
            respiration: Tensor = self.module(*self.inputs(rows))
        return respiration.numpy()

    def interval(self, rows: Rows) -> tuple[_Array, _Array]:
        """Lower and upper end of the interval of an observation, shapes (row,) [umol m-2 s-1]."""
        predicted = torch.from_numpy(self.predict(rows))
        low, high = self.module.interval(predicted, torch.from_numpy(rows.group))
        return low.detach().numpy(), high.detach().numpy()

    def inputs(self, rows: Rows) -> tuple[Tensor, Tensor, Tensor]:
        """Moisture, temperature and group of rows as inputs of the module."""
        return torch.tensor(moisture_of(rows, self.settings)), torch.tensor(rows.t_soil), torch.tensor(rows.group)


def train_respiration(
    rows: Rows, settings: RespirationSettings, progress: Progress | None = None, *, exchange: Exchange | None = None
) -> TrainedRespiration:
    """Fit f, g and the base respiration of each group to rows.

    Parameters
    ----------
    rows : Rows
        Training rows, without those of the test period.
    settings : RespirationSettings
        Settings of ``[respiration]``.
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.
    exchange : Exchange, optional
        Day-time and night-time NEE of one site with the weather, to fit photosynthesis too; the final curves are then fitted to all of it.

    Returns
    -------
    TrainedRespiration

    Warns
    -----
    ConcurvityWarning
        If water and temperature are collinear, so that f and g cannot be told apart.
    """
    collinearity = max(
        concurvity(rows.wetness[rows.site == site], rows.t_soil[rows.site == site]) for site in np.unique(rows.site)
    )
    if settings.moisture != "none" and collinearity > WARN_ABOVE:
        warnings.warn(
            f"water and temperature are collinear (concurvity {collinearity:.2f}, above {WARN_ABOVE:g}): f and g cannot be told apart, and "
            "their bands do not include this uncertainty",
            ConcurvityWarning,
            stacklevel=2,
        )
    rng = np.random.default_rng(settings.seed)
    cross_validated, validation = _validate(rows, settings, rng, portion(progress, 0.0, 0.4))
    if exchange is not None:
        exchange = take_exchange(exchange, thinned_rows(len(exchange.rows), settings.exchange_rows))
    fit_rows = rows if exchange is None else exchange.rows
    weights = bootstrap_weights(fit_rows.site, fit_rows.middle, settings.members, days=settings.bootstrap_days, rng=rng)
    plans = []
    if validation.weight > 0.0:
        plans.append(plan_members(weights, settings, free=validation.free))
    if validation.weight < 1.0:
        plans.append(plan_members(weights, settings, lloyd_taylor=True))
    plan = plans[0] if len(plans) == 1 else plans[0] + plans[1]
    members = fit_members(fit_rows, plan, settings, exchange=exchange, progress=portion(progress, 0.4, 1.0))
    if len(plans) == 2:
        members = averaged_forms(members, validation.weight)
    module = _module(rows, members, settings, cross_validated)
    learned = TrainedRespiration(
        module, rows, settings, validation, collinearity, cross_validated, members.assimilation
    )
    if settings.check_separability and settings.moisture != "none":
        learned = replace(learned, separability=separability(rows, cross_validated, settings))
    if len(rows.sites) < PRIOR_SITES:
        return learned
    shape = learned.predict(rows) / module.level.numpy()[rows.group]
    return replace(learned, r0_prior=fit_r0_prior(rows, shape))


def _validate(
    rows: Rows, settings: RespirationSettings, rng: np.random.Generator, progress: Progress | None
) -> tuple[_Array, InnerValidation]:
    """Select the form on inner blocks that are left out in turn.

    The wider penalty ranges are used if they are better on the blocks. They are tried only on records that cover a year, because in a
    shorter record curves can follow the season. The learned form is selected if it is better than Lloyd and Taylor's. Otherwise the
    two are stacked: their logarithms are averaged, so that f and g remain curves. The weight is the best one on the blocks, and may be
    zero.

    Returns
    -------
    predicted : array, shape (row,)
        Predictions of the selected form for each block by fits without it [umol m-2 s-1]; NaN in rows outside the blocks.
    validation : InnerValidation

    References
    ----------
    Wolpert (1992), Neural Netw. 5, 241-259.
    """
    fold = inner_folds(rows.site, rows.middle, most=settings.inner_folds)
    names = np.unique(fold[fold >= 0])
    thin = thinned_rows(len(rows), settings.inner_rows)
    thinned, fold_thin = rows.take(thin), fold[thin]
    drawn = bootstrap_weights(thinned.site, thinned.middle, _INNER_MEMBERS, days=settings.bootstrap_days, rng=rng)
    covers_year = len(np.unique(rows.middle.month)) >= _YEAR_MONTHS
    kinds = (False, True) if settings.free_smoothness is not None and covers_year else (False,)
    plans, chosen = [], {}
    for position, name in enumerate(names):
        outside = (fold_thin != name).astype(np.float64)
        weights = drawn * outside
        # a draw with few rows outside the fold is replaced by all rows outside it
        weights[(weights > 0).sum(1) < 0.1 * outside.sum()] = outside
        plans += [plan_members(outside[np.newaxis], settings, lloyd_taylor=True)]
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
    valid = (fold >= 0) & np.isfinite(rows.flux)
    scale = site_scale(rows)
    flux = (rows.flux / scale)[valid]
    squared = (np.maximum((predicted / scale)[:, valid], 1e-12) - flux) ** 2
    free = len(kinds) > 1 and bool(squared[2].sum() < squared[1].sum())
    lloyd_taylor, learned = predicted[0], predicted[2 if free else 1]
    log_learned, log_lloyd_taylor = (np.log(np.maximum((p / scale)[valid], 1e-12)) for p in (learned, lloyd_taylor))
    losses = [((flux - np.exp(w * log_learned + (1.0 - w) * log_lloyd_taylor)) ** 2).sum() for w in _WEIGHTS]
    keep_learned = losses[-1] < losses[0] or not settings.allow_lloyd_taylor
    weight = 1.0 if keep_learned else _WEIGHTS[int(np.argmin(losses))]
    selected = np.exp(weight * np.log(learned) + (1.0 - weight) * np.log(lloyd_taylor))
    validation = InnerValidation(
        score(np.exp(log_learned), flux).nse,
        score(np.exp(log_lloyd_taylor), flux).nse,
        score((selected / scale)[valid], flux).nse,
        weight,
        free,
        len(names),
    )
    return selected, validation


def _module(rows: Rows, members: Members, settings: RespirationSettings, cross_validated: _Array) -> LearnedRespiration:
    """Normalise the curves, fit R0 to the median curves, and calibrate the intervals of observations."""
    moisture = moisture_of(rows, settings)
    log_f, reference = _normalised_f(rows, members, settings, moisture)
    at_reference = place_on_line(torch.tensor([T_REFERENCE], dtype=torch.float64), TEMPERATURE_NODES)
    shift_g = at_reference.at(members.log_g)
    log_g = members.log_g - shift_g
    log_r0 = members.log_level + shift_g + (members.log_f - log_f)[:, :1]
    log_f = torch.clamp(log_f, max=float(np.log(settings.f_max)))
    scale = site_scale(rows)
    shape = torch.exp(
        place_on_line(torch.from_numpy(moisture), MOISTURE_NODES).at(log_f.mean(0))
        + place_on_line(torch.tensor(rows.t_soil), TEMPERATURE_NODES).at(log_g.mean(0))
    ).numpy()
    valid = np.isfinite(cross_validated) & np.isfinite(rows.flux)
    noise = fit_noise((cross_validated / scale)[valid], ((rows.flux - cross_validated) / scale)[valid])
    median_r0 = np.exp(log_r0.mean(0).numpy())
    weight = noise.scale(median_r0[rows.group] * shape / scale) ** -settings.tempering
    n = len(rows.groups)
    weight = np.where(np.isfinite(rows.flux), weight, 0.0)
    r0 = np.bincount(rows.group, weight * shape * np.nan_to_num(rows.flux), minlength=n) / np.maximum(
        np.bincount(rows.group, weight * shape * shape, minlength=n), 1e-300
    )
    r0 = np.where(r0 > 0.0, r0, median_r0)
    z = ((rows.flux - cross_validated) / scale / noise.scale(cross_validated / scale))[valid]
    block = inner_folds(rows.site, rows.middle, most=settings.inner_folds)[valid]
    group_scale = np.ones(n)
    group_scale[rows.group] = scale
    # the networks are stored in addition to their curves
    networks = {
        f"{term}|{name}".replace(".", "/"): value
        for term, parameters in members.parameters.items()
        for name, value in parameters.items()
    }
    return LearnedRespiration(
        log_f=log_f,
        log_g=log_g,
        log_level=log_r0,
        level=torch.from_numpy(r0),
        seen_moisture=torch.tensor(members.ranges.get("f", (0.0, 1.0)), dtype=torch.float64),
        seen_temperature=torch.tensor(members.ranges["g"], dtype=torch.float64),
        reference=torch.tensor(reference, dtype=torch.float64),
        noise=torch.from_numpy(np.column_stack([noise.a * group_scale, np.full(n, noise.b)])),
        quantiles=torch.tensor(conformal_quantiles(z, block, settings.interval), dtype=torch.float64),
        networks=networks,
    )


def _normalised_f(
    rows: Rows, members: Members, settings: RespirationSettings, moisture: _Array
) -> tuple[Tensor, float]:
    """Normalise f so that the median curve is one at a reference, and return the reference.

    The reference is JULES's optimum if the data cover it and f then stays below ``f_max``; otherwise the maximum of the median curve
    within the 5 to 95 % range of the data, so that f is at most about one in that range.

    Members have the same mean over the data, as smooths of additive models (Wood 2017, section 5.4), and are not each one at the
    reference: JULES's f has a corner there, which a smooth curve rounds off, and the error would shift the band everywhere else.
    """
    low, high = np.quantile(moisture, [0.05, 0.95])
    optimum = jules_optimum(settings, float(np.mean(list(rows.porosity.values()))))
    nodes = MOISTURE_NODES
    if settings.moisture == "none":
        return members.log_f, optimum
    over_data = place_on_line(torch.from_numpy(moisture), nodes).at(members.log_f).mean(1, keepdim=True)
    centred = members.log_f - over_data
    median = centred.mean(0)

    def one_at(reference: float) -> Tensor:
        return centred - place_on_line(torch.tensor([reference], dtype=torch.float64), nodes).at(median)

    data_low, data_high = members.ranges["f"]
    if low <= optimum <= high and float(one_at(optimum).mean(0).max()) <= np.log(settings.f_max):
        return one_at(optimum), optimum
    inside = (nodes >= low) & (nodes <= high)
    if not bool(inside.any()):
        inside = (nodes >= data_low) & (nodes <= data_high)
    peak = float(nodes[inside][torch.argmax(median[inside])])
    return one_at(peak), peak
