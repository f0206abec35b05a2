"""Baselines of respiration with the base respiration of any group, and with prediction intervals like those of the learned form.

A baseline is a product of the base respiration R0 of a group and a shape, which depends on temperature and wetness. R0 of a group that it
was not fitted to follows the rules of :mod:`~jules_ml.learned.respiration.base_respiration`, and the intervals are calibrated as in
:mod:`~jules_ml.learned.respiration.calibration`: by the errors on inner blocks that a fit left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.base_respiration import (
    PRIOR_SITES,
    R0Prior,
    fit_r0_prior,
    r0_from_ratio,
    r0_of_groups,
)
from jules_ml.learned.respiration.baselines import OPTION_1, Baseline, Predictor, baselines
from jules_ml.learned.respiration.curves import site_scale
from jules_ml.learned.respiration.likelihood import fit_noise
from jules_ml.learned.respiration.site import Rows, thinned_rows
from jules_ml.physics.respiration import T_REFERENCE
from jules_ml.scoring.intervals import conformal_quantiles
from jules_ml.scoring.splits import inner_folds

#: Baselines that are simpler than the learned form and that JULES or a user can run, the simplest first; splines and boosted trees only
#: show what a fit can reach.
SIMPLER = (
    "JULES",
    "Q10",
    "Lloyd-Taylor",
    "JULES, Q10 fitted",
    OPTION_1,
)
#: Maximum number of rows that baselines are fitted to; more are thinned at random.
BASELINE_ROWS = 10000

_Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BaselinePrediction:
    """Predicted flux and the ends of the interval of an observation, arrays of shape (row,) [umol m-2 s-1]."""

    predicted: _Array
    lower: _Array
    upper: _Array


@dataclass(frozen=True, eq=False)
class FittedBaseline:
    """A baseline fitted to training rows.

    Attributes
    ----------
    predictor : Predictor
    reference : int
        Index of a fitted group; its R0 is part of the shape.
    groups, sites : tuple of str
        Names of the groups with a base respiration, and of their sites.
    r0 : array, shape (group,)
        R0 of each group relative to that of the reference [1].
    noise : array, shape (group, 2)
        Scale of the errors, ``a + b R`` [umol m-2 s-1] and [1].
    quantiles : tuple of float
        Ends of the interval in units of that scale [1].
    prior : R0Prior or None
        Prior of the relative R0 of a new site; ``None`` with fewer than five training sites.
    """

    predictor: Predictor
    reference: int
    groups: tuple[str, ...]
    sites: tuple[str, ...]
    r0: _Array
    noise: _Array
    quantiles: tuple[float, float]
    prior: R0Prior | None

    def shape(self, rows: Rows) -> _Array:
        """Flux of rows with the R0 of the reference group, shape (row,) [umol m-2 s-1]."""
        if len(rows) == 0:
            return np.zeros(0)
        return self.predictor(rows.t_soil, rows.wetness, np.full(len(rows), self.reference, dtype=np.int64))

    def mean(self, rows: Rows) -> _Array:
        """Predict the flux of rows of any groups, shape (row,) [umol m-2 s-1]."""
        return self._r0(rows)[rows.group] * self.shape(rows)

    def predict(self, rows: Rows) -> BaselinePrediction:
        """Predict the flux of rows of any groups, with the interval of an observation."""
        r0 = self._r0(rows)
        predicted = r0[rows.group] * self.shape(rows)
        # at a new group the constant part of the scale is in proportion to R0, as at the training groups
        noise = np.column_stack(
            [np.median(self.noise[:, 0] / self.r0) * r0, np.full(len(r0), np.median(self.noise[:, 1]))]
        )
        for k, name in enumerate(rows.groups):
            if name in self.groups:
                noise[k] = self.noise[self.groups.index(name)]
        scale = noise[rows.group, 0] + noise[rows.group, 1] * np.abs(predicted)
        low, high = self.quantiles
        return BaselinePrediction(predicted, predicted + low * scale, predicted + high * scale)

    def adapted(self, rows: Rows) -> FittedBaseline:
        """Estimate R0 of the groups of a new site from some days of its rows, as for the learned form."""
        baseline = self
        shape = self.shape(rows)
        for k in np.unique(rows.group):
            mine = rows.group == k
            r0 = r0_from_ratio(shape[mine], rows.flux[mine])
            if self.prior is not None:
                r0 = self.prior.r0(r0, days=rows.middle[mine].floor("D").nunique())
            noise = np.array([np.median(self.noise[:, 0] / self.r0) * r0, np.median(self.noise[:, 1])])
            baseline = replace(
                baseline,
                groups=(*baseline.groups, rows.groups[k]),
                sites=tuple(dict.fromkeys((*baseline.sites, rows.sites[rows.site[mine][0]]))),
                r0=np.append(baseline.r0, r0),
                noise=np.vstack([baseline.noise, noise]),
            )
        return baseline

    def _r0(self, rows: Rows) -> _Array:
        """R0 of the groups of rows relative to that of the reference, shape (group,)."""
        elsewhere = math.exp(self.prior.mean) if self.prior is not None else float(np.exp(np.log(self.r0).mean()))
        return r0_of_groups(rows.groups, self.groups, self.r0, self.sites, elsewhere)


def fit_baselines(train: Rows, settings: RespirationSettings) -> dict[str, FittedBaseline]:
    """Fit every baseline to training rows, and calibrate its intervals.

    Parameters
    ----------
    train : Rows
        Training rows; rows without a flux are not used.
    settings : RespirationSettings
        Wilting and critical point of JULES's f, number of inner folds and of their rows, and nominal coverage.

    Returns
    -------
    dict of str to FittedBaseline
        By the names of :func:`~jules_ml.learned.respiration.baselines.baselines`.
    """
    train = train.with_flux()
    return {
        name: _fitted(form, train, settings) for name, form in baselines(settings.wilting, settings.critical).items()
    }


def baseline_predictions(train: Rows, test: Rows, settings: RespirationSettings) -> dict[str, BaselinePrediction]:
    """Predict test rows by every baseline, fitted to training rows; see :func:`fit_baselines`."""
    return predict_all(fit_baselines(train, settings), test)


def predict_all(fitted: Mapping[str, FittedBaseline], rows: Rows) -> dict[str, BaselinePrediction]:
    """Predict rows by every fitted baseline."""
    return {name: baseline.predict(rows) for name, baseline in fitted.items()}


def baseline_rows(rows: Rows) -> Rows:
    """Rows with a flux, thinned to the number that baselines are fitted to."""
    valid = rows.with_flux()
    return valid.take(thinned_rows(len(valid), BASELINE_ROWS))


def _fitted(form: Baseline, train: Rows, settings: RespirationSettings) -> FittedBaseline:
    """Fit one baseline to rows with a flux."""
    fold = inner_folds(train.site, train.middle, most=settings.inner_folds)
    thin = np.zeros(len(train), dtype=bool)
    thin[thinned_rows(len(train), settings.inner_rows)] = True
    held_out = np.full(len(train), np.nan)
    for name in np.unique(fold[fold >= 0]):
        outside = thin & (fold != name)
        # a record of one block has nothing to be left out of
        held_out[fold == name] = _mean_form(form, train.take(outside if outside.any() else thin)).mean(
            train.take(fold == name)
        )
    baseline = _mean_form(form, baseline_rows(train))
    scale = site_scale(train)
    valid = np.isfinite(held_out)
    predicted, error = (held_out / scale)[valid], ((train.flux - held_out) / scale)[valid]
    noise = fit_noise(predicted, error)
    quantiles = conformal_quantiles(error / noise.scale(predicted), fold[valid], settings.interval)
    group_scale = np.ones(len(train.groups))
    group_scale[train.group] = scale
    numbers = [train.groups.index(name) for name in baseline.groups]
    shape = baseline.shape(train)
    return replace(
        baseline,
        noise=np.column_stack([noise.a * group_scale[numbers], np.full(len(numbers), noise.b)]),
        quantiles=quantiles,
        prior=fit_r0_prior(train, shape) if len(np.unique(train.site)) >= PRIOR_SITES else None,
    )


def _mean_form(form: Baseline, rows: Rows) -> FittedBaseline:
    """Fit a baseline without intervals."""
    predictor = form(rows.t_soil, rows.wetness, rows.group, rows.flux)
    numbers = np.unique(rows.group)
    at_reference = predictor(np.full(len(numbers), T_REFERENCE), np.full(len(numbers), 0.5), numbers)
    return FittedBaseline(
        predictor,
        int(numbers[0]),
        tuple(rows.groups[k] for k in numbers),
        rows.sites,
        at_reference / at_reference[0],
        np.ones((len(numbers), 2)),
        (-1.0, 1.0),
        None,
    )
