"""Training of respiration: inner validation, fit of the network ensemble, base respiration and intervals."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.antecedent import AntecedentFactor
from jules_ml.learned.respiration.antecedent_selection import select_factor
from jules_ml.learned.respiration.assembly import assembled_module
from jules_ml.learned.respiration.base_rate_series import day_number
from jules_ml.learned.respiration.base_respiration import PRIOR_SITES, R0Prior, fit_r0_prior
from jules_ml.learned.respiration.curves import Members, fit_members
from jules_ml.learned.respiration.exchange import Exchange, take_exchange
from jules_ml.learned.respiration.forms import (
    LEARNED,
    LLOYD_TAYLOR,
    SPLINE,
    InnerValidation,
    average,
    averaged_members,
    clearly_better,
    fit_spline,
    inner_scores,
    predict_spline,
    relative_to_sites,
    select_weights,
    spline_members,
)
from jules_ml.learned.respiration.network import LearnedRespiration
from jules_ml.learned.respiration.photosynthesis import LearnedAssimilation
from jules_ml.learned.respiration.plan import Plan, plan_members
from jules_ml.learned.respiration.separability import WARN_ABOVE, Separability, concurvity, separability
from jules_ml.learned.respiration.shape import shaped
from jules_ml.learned.respiration.site import Rows, moisture_of, thinned_rows
from jules_ml.scoring.bootstrap import day_blocks
from jules_ml.scoring.scores import score
from jules_ml.scoring.splits import bootstrap_weights, inner_folds
from jules_ml.support.progress import Progress, portion

#: Members per fold of the inner validation, whose median is scored.
_INNER_MEMBERS = 3
#: Networks with wider penalty ranges, and with the shapes as they were fitted.
_FREE, _UNSHAPED = " free", " unshaped"
#: Calendar months with rows from which on a record covers a year, which allows for gaps in winter.
_YEAR_MONTHS = 10

_Array = NDArray[np.float64]


class ConcurvityWarning(UserWarning):
    """Water and temperature are collinear in the record, so that their effects cannot be told apart."""


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
        """Predict the respiration of rows of the same groups, with R0(t), shape (row,) [umol m-2 s-1]."""
        return self._predicted(rows)[0].numpy()

    def interval(self, rows: Rows) -> tuple[_Array, _Array]:
        """Lower and upper end of the interval of an observation, shapes (row,) [umol m-2 s-1]."""
        predicted, deviation = self._predicted(rows)
        low, high = self.module.interval(predicted, self.module.noise[rows.group], deviation)
        return low.numpy(), high.numpy()

    def _predicted(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """Respiration with the factor of antecedent conditions, and the relative standard deviation of R0(t)."""
        with torch.no_grad():
            mean, deviation = self.module.relative_base_rate(day_number(rows.middle), rows.group)
            antecedent = torch.from_numpy(self.module.antecedent(rows.antecedent, len(rows)))
            return mean * antecedent * self.module(*self.inputs(rows)), deviation

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
    forms = _forms(settings, with_photosynthesis=exchange is not None)
    cross_validated, validation = _validate(rows, settings, rng, forms, portion(progress, 0.0, 0.4))
    if exchange is not None:
        exchange = take_exchange(exchange, thinned_rows(len(exchange.rows), settings.exchange_rows))
    fit_rows = rows if exchange is None else exchange.rows
    weights = bootstrap_weights(fit_rows.site, fit_rows.middle, settings.members, days=settings.bootstrap_days, rng=rng)
    members = _final_members(fit_rows, weights, validation, settings, exchange, portion(progress, 0.4, 1.0))
    selected = None
    if exchange is None and settings.antecedent:
        selected = select_factor(rows, cross_validated, folds=settings.inner_folds)
    antecedent = AntecedentFactor() if selected is None else selected.factor
    of_product = cross_validated
    cross_validated = of_product if selected is None else of_product * selected.cross_validated
    module = assembled_module(rows, members, settings, cross_validated, validation, antecedent)
    learned = TrainedRespiration(
        module, rows, settings, validation, collinearity, cross_validated, members.assimilation
    )
    if settings.check_separability and settings.moisture != "none":
        learned = replace(learned, separability=separability(rows, of_product, settings))
    if len(rows.sites) < PRIOR_SITES:
        return learned
    with torch.no_grad():
        shape = module(*learned.inputs(rows)).numpy() / module.level.numpy()[rows.group]
    shape = shape * antecedent(rows.antecedent, len(rows))
    return replace(learned, r0_prior=fit_r0_prior(rows, shape))


def _forms(settings: RespirationSettings, *, with_photosynthesis: bool) -> tuple[str, ...]:
    """Forms that may have a weight; a spline of respiration is not fitted to NEE of the day."""
    if not settings.allow_lloyd_taylor:
        return (LEARNED,)
    return (LLOYD_TAYLOR, LEARNED) if with_photosynthesis else (LLOYD_TAYLOR, SPLINE, LEARNED)


def _final_members(
    rows: Rows,
    weights: _Array,
    validation: InnerValidation,
    settings: RespirationSettings,
    exchange: Exchange | None,
    progress: Progress | None,
) -> Members:
    """Fit the forms that have a weight to bootstrap samples of the rows, and average them."""
    plan = plan_members(weights, settings, free=validation.free)
    if validation.weights.get(LLOYD_TAYLOR, 0.0) > 0.0:
        plan = plan + plan_members(weights, settings, lloyd_taylor=True)
    fitted = fit_members(rows, plan, settings, exchange=exchange, progress=progress)
    count = len(weights)
    members = {LEARNED: fitted.take(slice(0, count)), LLOYD_TAYLOR: fitted.take(slice(count, None))}
    if validation.weights.get(SPLINE, 0.0) > 0.0:
        members[SPLINE] = spline_members(rows, settings, members[LEARNED], weights)
    averaged = averaged_members(members, validation.weights)
    if validation.shaped or settings.monotone_temperature:
        return shaped(averaged, rows, settings, only_g=not validation.shaped)
    return averaged


def _validate(
    rows: Rows, settings: RespirationSettings, rng: np.random.Generator, forms: Sequence[str], progress: Progress | None
) -> tuple[_Array, InnerValidation]:
    """Select the weights of the forms on inner blocks that are left out in turn.

    The wider penalty ranges, and curves with several maxima or a decreasing g, are used if they are better on the blocks by more than one
    standard error. Wider ranges are tried only on records that cover a year, because in a shorter record curves can follow the season.

    Returns
    -------
    predicted : array, shape (row,)
        Predictions of the selected average for each block by fits without it [umol m-2 s-1]; NaN in rows outside the blocks.
    validation : InnerValidation
    """
    fold = inner_folds(rows.site, rows.middle, most=settings.inner_folds)
    predicted = _inner_predictions(rows, fold, settings, rng, progress)
    valid = (fold >= 0) & np.isfinite(rows.flux)
    relative, flux = relative_to_sites(rows, predicted)
    relative, flux = {name: values[valid] for name, values in relative.items()}, flux[valid]
    # a standard error from the few folds themselves would be too uncertain
    block = day_blocks(rows.middle[valid], site=rows.site[valid])
    kind = LEARNED
    for other in (_FREE, _UNSHAPED):
        candidate = kind + other
        if candidate in relative and clearly_better(relative[candidate], relative[kind], flux, block):
            kind = candidate
    for table in (relative, predicted):
        table[LEARNED] = table[kind]
    weights = select_weights({name: relative[name] for name in forms}, flux, block)
    scores = inner_scores({name: relative[name] for name in (LLOYD_TAYLOR, SPLINE, LEARNED)}, flux)
    selected = score(average(relative, weights), flux).nse
    free, with_shape = _FREE in kind, settings.shape == "simple" and _UNSHAPED not in kind
    validation = InnerValidation(scores, selected, weights, free, len(np.unique(fold[valid])), with_shape)
    return average(predicted, weights), validation


def _inner_predictions(
    rows: Rows,
    fold: NDArray[np.int64],
    settings: RespirationSettings,
    rng: np.random.Generator,
    progress: Progress | None,
) -> dict[str, _Array]:
    """Predict each inner block by fits of every form without it; all networks are fitted in one batch."""
    names = np.unique(fold[fold >= 0])
    thin = thinned_rows(len(rows), settings.inner_rows)
    thinned, fold_thin = rows.take(thin), fold[thin]
    drawn = bootstrap_weights(thinned.site, thinned.middle, _INNER_MEMBERS, days=settings.bootstrap_days, rng=rng)
    covers_year = len(np.unique(rows.middle.month)) >= _YEAR_MONTHS
    kinds = {LEARNED: False}
    if settings.free_smoothness is not None and covers_year:
        kinds[LEARNED + _FREE] = True
    plans = []
    for name in names:
        outside = (fold_thin != name).astype(np.float64)
        weights = drawn * outside
        # a draw with few rows outside the fold is replaced by all rows outside it
        weights[(weights > 0).sum(1) < 0.1 * outside.sum()] = outside
        plans.append(plan_members(outside[np.newaxis], settings, lloyd_taylor=True))
        plans += [plan_members(weights, settings, free=free) for free in kinds.values()]
    plan: Plan = plans[0]
    for other in plans[1:]:
        plan = plan + other
    members = fit_members(thinned, plan, settings, iterations=15, tolerance=2e-4, progress=progress)
    shaped_members = shaped(members, thinned, settings) if settings.shape == "simple" else members
    forms = (LLOYD_TAYLOR, SPLINE, *kinds, *(kind + _UNSHAPED for kind in kinds))
    predicted = {name: np.full(len(rows), np.nan) for name in forms}
    for position, name in enumerate(names):
        inside, outside = fold == name, (fold_thin != name).astype(np.float64)
        start = position * (1 + _INNER_MEMBERS * len(kinds))
        predicted[LLOYD_TAYLOR][inside] = members.predict(rows.take(inside), settings, [start])
        for k, form in enumerate(kinds):
            first = start + 1 + _INNER_MEMBERS * k
            chosen = list(range(first, first + _INNER_MEMBERS))
            predicted[form][inside] = shaped_members.predict(rows.take(inside), settings, chosen)
            predicted[form + _UNSHAPED][inside] = members.predict(rows.take(inside), settings, chosen)
        spline = fit_spline(thinned, settings, members, outside, 0)
        predicted[SPLINE][inside] = predict_spline(spline, rows.take(inside), settings)
    return predicted
