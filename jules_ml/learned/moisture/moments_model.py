"""Mean and standard deviation of water content at new sites, by regression on static properties.

At a training site the moments are those measured on the training days. At a new site they are predicted from climate, soil and JULES by
regression over the training sites (:mod:`jules_ml.learned.moisture.moments_regression`); a few days of local observations then update
this prior.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from jules_ml.experiment.moisture import StaticKind
from jules_ml.learned.moisture.moments import MIN_SPREAD, Moments
from jules_ml.learned.moisture.moments_regression import MomentsRegression, regressions_of
from jules_ml.learned.moisture.record import MoistureRecord
from jules_ml.physics.constants import DAYS_PER_YEAR

_Array = NDArray[np.float64]
#: Climate properties, which every record provides.
CLIMATE = ("precip_annual", "t_air_mean", "vpd_mean")
#: Soil properties from maps or samples, and properties from satellite surface temperature.
TEXTURE = ("clay", "sand")
SATELLITE = ("lst_excess_mean", "lst_excess_std")
JULES = ("jules_mean", "jules_spread")
#: Fewest days for the mean of a month, and most months that may be missing from the mean of the year.
_MIN_DAYS_OF_MONTH = 10
_MAX_MISSING_MONTHS = 2
#: Fewest sites that a regression is fitted to.
MIN_SITES = 8


@dataclass(frozen=True)
class LocalErrors:
    """Errors of predictions with the right moments: an Ornstein-Uhlenbeck process, and errors of single days.

    Attributes
    ----------
    noise : float
        Standard deviation in units of the predicted standard deviation of water content [1].
    time_scale : float
        Time after which the correlation of the process is 1/e [d].
    daily : float
        Fraction of the variance that single days have to themselves [1].
    """

    noise: float = 0.6
    time_scale: float = 15.0
    daily: float = 0.3

    def covariance(self, day: _Array) -> _Array:
        """Covariance of the errors of some days in units of the predicted variance, shape (day, day)."""
        process = np.exp(-np.abs(day[:, None] - day[None]) / self.time_scale)
        covariance: _Array = self.noise**2 * ((1.0 - self.daily) * process + self.daily * np.eye(len(day)))
        return covariance


#: Standard error, in units of that at the training sites, above which a note calls a site unlike them.
_UNLIKE = 1.2
#: Most days of local observations that are weighed; more are thinned evenly, since neighbouring days are nearly one observation.
_MOST_DAYS = 600
#: Errors assumed where there were too few training sites to estimate them.
DEFAULT_ERRORS = LocalErrors()


def static_properties(record: MoistureRecord, days: NDArray[np.bool_] | None = None) -> dict[str, float]:
    """Collect the static properties of a site.

    Properties that the record states take precedence. The others are derived from its weather, its surface temperature and JULES's run,
    as means of the twelve monthly means, so that incomplete years are unbiased. A month with fewer than ten days is interpolated between
    its neighbours; a property is absent where more than two months are missing.

    Parameters
    ----------
    record : MoistureRecord
    days : array of bool, shape (day,), optional
        Days that may be used; all by default.

    Returns
    -------
    dict of str to float
        By the names and in the units of :data:`~jules_ml.experiment.place.PROPERTIES`; and ``jules_mean`` and ``jules_spread``, mean and
        standard deviation of the water content of the upper layer of JULES's run [m3 m-3]. The measured water content is not used.
    """
    month = record.days.month.to_numpy()

    def annual_mean(values: _Array) -> float | None:
        valid = np.isfinite(values) if days is None else np.isfinite(values) & days
        count = np.bincount(month[valid], minlength=13)[1:]
        enough = count >= _MIN_DAYS_OF_MONTH
        if (~enough).sum() > _MAX_MISSING_MONTHS:
            return None
        means = np.bincount(month[valid], values[valid], minlength=13)[1:][enough] / count[enough]
        return float(np.interp(np.arange(12), np.flatnonzero(enough), means, period=12).mean())

    def annual_moments(values: _Array, least: float) -> tuple[float | None, float | None]:
        mean, square = annual_mean(values), annual_mean(values**2)
        if mean is None or square is None:
            return mean, None
        return mean, max(float(np.sqrt(max(square - mean**2, 0.0))), least)

    derived = {
        "precip_annual": annual_mean(DAYS_PER_YEAR * record.dynamic["precip"]),
        "t_air_mean": annual_mean(record.dynamic["t_air"]),
    }
    derived |= zip(JULES, annual_moments(record.jules[:, 0], MIN_SPREAD), strict=True)
    if "vpd" in record.dynamic:
        derived["vpd_mean"] = annual_mean(record.dynamic["vpd"])
    if "lst" in record.dynamic:
        excess = annual_moments(record.dynamic["lst"] - record.dynamic["t_air"], 0.0)
        derived |= zip(SATELLITE, excess, strict=True)
    return {name: value for name, value in derived.items() if value is not None} | dict(record.static)


def allowed_predictors(static: StaticKind) -> tuple[str, ...]:
    """Return the properties, except JULES's, that the moments may depend on under a value of the setting ``static``."""
    return (
        CLIMATE
        + (TEXTURE if static in ("texture", "both") else ())
        + (SATELLITE if static in ("satellite", "both") else ())
    )


@dataclass(frozen=True, eq=False)
class MomentsModel:
    """Moments at new sites: the mean of several regressions, weighted by the inverse of their squared errors.

    Some are fitted to all training sites, others to those with a run of JULES, whose mean and spread they have as predictors.

    Attributes
    ----------
    regressions : tuple of MomentsRegression
        Those of each group of training sites whose leave-one-out error is not larger than the smallest by more than one standard error.
    fallbacks : tuple of tuple of MomentsRegression
        For each group, regressions on other predictors, that with the smallest error first. They predict sites at which every one of
        ``regressions`` lacks a predictor. Empty in modules of earlier versions.
    """

    regressions: tuple[MomentsRegression, ...]
    fallbacks: tuple[tuple[MomentsRegression, ...], ...] = ()

    def usable(self, static: Mapping[str, float]) -> tuple[MomentsRegression, ...]:
        """Select the regressions whose predictors a site has: those with the smallest errors, else their best fallbacks."""
        best = tuple(each for each in self.regressions if set(each.names) <= set(static))
        if best:
            return best
        possible = ([each for each in family if set(each.names) <= set(static)] for family in self.fallbacks)
        return tuple(family[0] for family in possible if family)

    def fallback_note(self, static: Mapping[str, float], *, where: str) -> str | None:
        """Describe the regressions that predict a site without all predictors; None where it has them."""
        usable = self.usable(static)
        if not usable or usable[0] in self.regressions:
            return None
        missing = [name for name in self.regressions[0].names if name not in static]
        names = list(dict.fromkeys(name for each in usable for name in each.names))
        error, best = (min(each.error[0] for each in of) for of in (usable, self.regressions))
        return (
            f"{where}: {', '.join(missing)} is missing, so mean and spread of soil moisture are predicted from "
            f"{', '.join(names) or 'the mean of the training sites alone'} (standard error of the mean {error:.3f} instead of "
            f"{best:.3f} m3 m-3)"
        )

    def distance_note(self, static: Mapping[str, float], *, where: str) -> str | None:
        """Describe a site that is unlike all training sites, so that its intervals are wider; None for others."""
        # properties that the best regressions do not use count too
        every = (*self.regressions, *(each for family in self.fallbacks for each in family))
        pairs = [(each.error_at(static)[0], each.error[0]) for each in every if set(each.names) <= set(static)]
        if not pairs:
            return None
        here, usual = max(pairs, key=lambda pair: pair[0] / pair[1])
        if here < _UNLIKE * usual:
            return None
        return (
            f"{where}: its static properties are unlike those of all training sites, so the mean of its soil moisture is uncertain "
            f"(standard error up to {here:.3f} instead of {usual:.3f} m3 m-3): adapt the module with a few days of measured water content"
        )

    def predict(self, static: Mapping[str, float], *, where: str = "site") -> tuple[Moments, tuple[float, float]]:
        """Predict the moments at a site, with the standard errors of the mean [m3 m-3] and of the log of the standard deviation.

        Raises
        ------
        BadInput
            If every regression lacks a predictor, in a module of an earlier version, which has no fallbacks.
        """
        usable = self.usable(static)
        if not usable:
            self.regressions[0].predict(static, where=where)
        errors = np.array([each.error_at(static) for each in usable])
        weight = errors[:, 0] ** -2
        weight /= weight.sum()
        moments = [each.predict(static, where=where) for each in usable]
        mean = sum(w * each.mean for w, each in zip(weight, moments, strict=True))
        log_spread = sum(w * np.log(each.spread) for w, each in zip(weight, moments, strict=True))
        error = weight @ errors
        return Moments(float(mean), float(np.exp(log_spread))), (float(error[0]), float(error[1]))


def fit_moments_model(
    statics: Sequence[Mapping[str, float]], moments: Sequence[Moments], *, static: StaticKind
) -> MomentsModel | None:
    """Fit the regressions that predict moments at new sites.

    Parameters
    ----------
    statics : sequence of mapping
        Static properties of the training sites, from :func:`static_properties`.
    moments : sequence of Moments
        Moments of the scored sensor of each site.
    static : {'texture', 'satellite', 'both', 'none'}

    Returns
    -------
    MomentsModel or None
        None where there are too few sites.
    """
    subsets = _subsets(allowed_predictors(static))
    with_jules = [i for i, each in enumerate(statics) if set(JULES) <= set(each)]
    regressions: list[MomentsRegression] = []
    fallbacks: list[tuple[MomentsRegression, ...]] = []
    for rows, sets in (
        (range(len(statics)), subsets),
        (with_jules, [(*names, *JULES) for names in subsets]),
    ):
        if len(rows) < MIN_SITES:
            continue
        of_rows = [statics[i] for i in rows], [moments[i] for i in rows]
        best = regressions_of(*of_rows, sets)
        if best:
            regressions += best
            fallbacks.append(
                _fallbacks(*of_rows, [names for names in sets if names not in {each.names for each in best}])
            )
    return MomentsModel(tuple(regressions), tuple(fallbacks)) if regressions else None


def _subsets(allowed: Sequence[str]) -> list[tuple[str, ...]]:
    """Sets of predictors that sites may have: none, precipitation or all climate, each with and without texture and satellite."""
    others = [each for each in (TEXTURE, SATELLITE) if set(each) <= set(allowed)]
    extras = [
        tuple(name for group, taken in zip(others, choice, strict=True) if taken for name in group)
        for choice in product((False, True), repeat=len(others))
    ]
    return [(*climate, *extra) for climate in ((), CLIMATE[:1], CLIMATE[:2], CLIMATE) for extra in extras]


def _fallbacks(
    statics: Sequence[Mapping[str, float]], moments: Sequence[Moments], sets: Sequence[tuple[str, ...]]
) -> tuple[MomentsRegression, ...]:
    """Fit a regression to each set of predictors; those are left out for which fewer of the predictors give a smaller error."""
    widest = {name for names in sets for name in names}
    fitted = [each for names in sets for each in regressions_of(statics, moments, [names], widest)]
    fitted.sort(key=lambda each: (each.error[0], len(each.names)))
    kept: list[MomentsRegression] = []
    for each in fitted:
        if not any(set(better.names) <= set(each.names) for better in kept):
            kept.append(each)
    return tuple(kept)


def prior_covariance(moments: Moments, error: tuple[float, float]) -> _Array:
    """Compute the error covariance of a predicted mean and standard deviation [m6 m-6], shape (2, 2).

    ``error`` has the standard errors that :meth:`MomentsModel.predict` returns.
    """
    return np.diag([error[0] ** 2, (error[1] * moments.spread) ** 2])


def update_moments(
    prior: Moments,
    covariance: _Array,
    anomaly: _Array,
    theta: _Array,
    day: _Array,
    *,
    errors: LocalErrors = DEFAULT_ERRORS,
) -> tuple[Moments, _Array]:
    r"""Update predicted moments by local observations, :math:`\theta = \mu + \sigma z + e`.

    Mean and standard deviation have normal priors. The errors :math:`e` are correlated in time, so that consecutive days count little
    more than one. The result is the posterior mean.

    Parameters
    ----------
    prior : Moments
        Predicted moments [m3 m-3].
    covariance : array, shape (2, 2)
        Covariance of their errors; see :func:`prior_covariance`.
    anomaly, theta : array, shape (day,)
        Predicted anomaly [1], and measured water content [m3 m-3].
    day : array, shape (day,)
        Number of each day, increasing.
    errors : LocalErrors, optional

    Returns
    -------
    Moments
    array, shape (2, 2)
        Posterior covariance of the errors [m6 m-6].
    """
    valid = np.isfinite(anomaly) & np.isfinite(theta)
    if not valid.any():
        return prior, covariance
    start = np.array([prior.mean, prior.spread])
    precision = np.linalg.inv(covariance)
    some = np.flatnonzero(valid)
    if len(some) > _MOST_DAYS:
        some = some[np.linspace(0, len(some) - 1, _MOST_DAYS).astype(int)]
    x = np.column_stack([np.ones(len(some)), anomaly[some]])
    weighted = np.linalg.solve(prior.spread**2 * errors.covariance(day[some]), np.column_stack([x, theta[some]]))
    posterior: _Array = np.linalg.inv(precision + x.T @ weighted[:, :2]).astype(np.float64)
    mean, spread = posterior @ (precision @ start + x.T @ weighted[:, 2])
    return Moments(float(mean), float(np.clip(spread, 0.3 * prior.spread, 3.0 * prior.spread))), posterior
