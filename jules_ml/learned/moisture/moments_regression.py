"""Regressions of the mean and the standard deviation of water content on static properties of a site.

Each is a ridge regression, linear or with a radial basis function between sites. The linear one goes on beyond the range of the
training sites, the other returns to their mean there; it is taken if its leave-one-out error is smaller by more than one standard error.
At sites that are unlike all
training sites the standard error is larger.

References
----------
Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, equations 2.25, 2.26 and 5.12.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.learned.moisture.moments import MIN_SPREAD, Moments
from jules_ml.scoring.margin import mean_gain

_Array = NDArray[np.float64]
#: Ridge penalties of the linear regression, and of that with a radial basis function.
_RIDGES: Final = (1.0, 3.0, 10.0, 30.0)
_KERNEL_RIDGES: Final = (0.1, 0.3, 1.0, 3.0)
#: Length of the radial basis function, in units of the root of the number of predictors.
_LENGTHS: Final = (1.0, 2.0)
#: Lower limit of the standard errors: two sensors a metre apart differ by as much.
_MIN_ERROR: Final = (0.02, 0.1)
#: Robust standard deviations of the logarithm of the spread below the median, beyond which the spread of a sensor is limited: a dead
#: sensor hardly varies.
_SPREAD_LIMIT: Final = 2.5
#: Standard deviation of a normal distribution in units of the median absolute deviation.
_OF_MEDIAN_DEVIATION: Final = 1.4826
#: Predictors that are log-transformed.
_LOGARITHMIC: Final = ("precip_annual", "vpd_mean", "soc_stock", "jules_spread")


@dataclass(frozen=True, eq=False)
class MomentsRegression:
    """Regression of the mean and of the logarithm of the standard deviation on static properties.

    Attributes
    ----------
    names : tuple of str
        Predictors.
    centre, width : array, shape (property,)
        Scaling of the predictors.
    weights : array, shape (property + 1, 2)
        Coefficients of the linear part; the last row is the intercept.
    error : tuple of float
        Cross-validated standard error of the mean [m3 m-3] and of the logarithm of the standard deviation [1].
    sites : array, shape (site, property)
        Scaled predictors of the training sites; no row in modules of earlier versions.
    ridge : float
        Ridge penalty.
    length : float or None
        Length of the radial basis function, in units of the scaled predictors; None for a linear regression.
    dual : array, shape (site, 2)
        Coefficients of the radial basis functions about the training sites; no row in a linear regression.
    """

    names: tuple[str, ...]
    centre: _Array
    width: _Array
    weights: _Array
    error: tuple[float, float]
    sites: _Array
    ridge: float
    length: float | None
    dual: _Array

    def predict(self, static: Mapping[str, float], *, where: str = "site") -> Moments:
        """Predict the moments at a site.

        Raises
        ------
        BadInput
            If a predictor is missing.
        """
        for name in self.names:
            if name not in static:
                raise BadInput(
                    f"static input '{name}' is missing",
                    where=where,
                    remedy="give it under [place], fit the module again with this version, which predicts sites without it from "
                    "other properties, or fit it with a value of static that does not use it",
                )
        z = self._scaled(static)
        result = np.append(z, 1.0) @ self.weights
        if self.length is not None:
            result = result + radial_basis(z[None], self.sites, self.length)[0] @ self.dual
        mean, log_spread = result
        return Moments(float(np.clip(mean, 0.02, 0.6)), float(max(np.exp(log_spread), MIN_SPREAD)))

    def error_at(self, static: Mapping[str, float]) -> tuple[float, float]:
        """Standard errors at a site: larger than :attr:`error` where it is unlike the training sites."""
        if len(self.sites) == 0 or not self.names:
            return self.error
        variance = _relative_variance(self._scaled(static)[None], self.sites, self.ridge, self.length)[0]
        factor = float(np.sqrt(max(variance / self._usual_variance, 1.0)))
        return factor * self.error[0], factor * self.error[1]

    @cached_property
    def _usual_variance(self) -> float:
        """Relative variance at a training site, the median."""
        return float(np.median(_relative_variance(self.sites, self.sites, self.ridge, self.length)))

    def _scaled(self, static: Mapping[str, float]) -> _Array:
        predictors = np.array([_transformed(name, static[name]) for name in self.names])
        scaled: _Array = (predictors - self.centre) / self.width
        return scaled

    def to_card(self) -> dict[str, Any]:
        """Convert to an entry of a module card."""
        arrays = ("centre", "width", "weights", "sites", "dual")
        return {
            "names": list(self.names),
            **{name: getattr(self, name).tolist() for name in arrays},
            "error": list(self.error),
            "ridge": self.ridge,
            "length": self.length,
        }

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> MomentsRegression:
        """Read an entry that :meth:`to_card` wrote; modules of earlier versions have linear regressions alone."""
        centre, width, weights = (np.asarray(card[key], dtype=np.float64) for key in ("centre", "width", "weights"))
        names = tuple(card["names"])
        sites = (
            np.asarray(card.get("sites") or [], dtype=np.float64).reshape(-1, len(names)) if names else np.zeros((0, 0))
        )
        return cls(
            names,
            centre,
            width,
            weights,
            (card["error"][0], card["error"][1]),
            sites=sites,
            ridge=card.get("ridge", 1.0),
            length=card.get("length"),
            dual=np.asarray(card.get("dual") or [], dtype=np.float64).reshape(-1, 2),
        )


def radial_basis(first: _Array, second: _Array, length: float) -> _Array:
    """Gaussian radial basis functions between sites, shape (first site, second site)."""
    square = ((first[:, None] - second[None]) ** 2).sum(2)
    basis: _Array = np.exp(-0.5 * square / length**2)
    return basis


def regressions_of(
    statics: Sequence[Mapping[str, float]],
    moments: Sequence[Moments],
    sets: Sequence[tuple[str, ...]],
    widest: Set[str] | None = None,
) -> list[MomentsRegression]:
    """Fit a regression of the mean and the spread to each set of predictors; the first has the smallest leave-one-out error.

    Parameters
    ----------
    statics : sequence of mapping
        Static properties of the training sites.
    moments : sequence of Moments
    sets : sequence of tuple of str
        Sets of predictors.
    widest : set of str, optional
        Every choice is scored at the sites that have all of these, and fitted to all sites that have its own predictors; by default all
        predictors of ``sets``.

    Returns
    -------
    list of MomentsRegression
        Those whose squared error of the mean is not larger than the smallest by more than one standard error. Without evidence for one
        of them, a prediction is their mean. Empty where every set has too few sites.
    """
    target = np.array([(each.mean, np.log(each.spread)) for each in moments])
    target[:, 1] = np.maximum(target[:, 1], least_log_spread(target[:, 1]))
    widest = set().union(*sets) if widest is None else widest
    scored = [i for i, each in enumerate(statics) if widest <= set(each)]
    if len(scored) < 5:
        sets = [names for names in sets if all(set(names) <= set(each) for each in statics)]
        scored = list(range(len(statics)))
    fitted = []
    for names in dict.fromkeys(sets):
        rows = [i for i, each in enumerate(statics) if set(names) <= set(each)]
        if len(rows) >= len(names) + 4:
            x = np.array([[_transformed(n, statics[i][n]) for n in names] for i in rows]).reshape(len(rows), len(names))
            fitted.append(_best_kind(names, x, target[rows], [rows.index(i) for i in scored]))
    if not fitted:
        return []
    fitted.sort(key=lambda each: float(each[1].mean()))
    least = fitted[0][1]
    gains = [mean_gain(square - least) for _, square in fitted]
    return [regression for (regression, _), gain in zip(fitted, gains, strict=True) if gain.mean <= gain.standard_error]


def _best_kind(names: tuple[str, ...], x: _Array, y: _Array, scored: Sequence[int]) -> tuple[MomentsRegression, _Array]:
    """Select the kind of regression and its penalty, and compute the squared error of the mean at each scored site.

    A radial basis function is taken if its error is smaller than that of the linear regression by more than one standard error.
    """
    best: dict[bool, tuple[float, float | None, _Array]] = {}
    for ridge, length in _kinds(len(names)):
        square = _leave_one_out_errors(x, y, ridge, length)[scored] ** 2
        linear = length is None
        if linear not in best or square[:, 0].mean() < best[linear][2][:, 0].mean():
            best[linear] = ridge, length, square
    linear = True
    if False in best:
        gain = mean_gain(best[True][2][:, 0] - best[False][2][:, 0])
        linear = gain.mean <= gain.standard_error
    ridge, length, square = best[linear]
    rms = np.sqrt(square.mean(0))
    error = (max(float(rms[0]), _MIN_ERROR[0]), max(float(rms[1]), _MIN_ERROR[1]))
    return _fitted(names, x, y, ridge, length, error), square[:, 0]


def _kinds(predictors: int) -> list[tuple[float, float | None]]:
    """Ridge penalties and lengths to choose from; without predictors there is nothing but the mean."""
    linear: list[tuple[float, float | None]] = [(ridge, None) for ridge in _RIDGES]
    if predictors == 0:
        return linear[:1]
    return linear + [(ridge, scale * predictors**0.5) for ridge, scale in product(_KERNEL_RIDGES, _LENGTHS)]


def least_log_spread(log_spread: _Array) -> float:
    """Logarithm of the spread below which a sensor counts as dead: 2.5 robust standard deviations below the median of all sensors."""
    middle = np.median(log_spread)
    deviation = _OF_MEDIAN_DEVIATION * np.median(np.abs(log_spread - middle))
    return float(middle - _SPREAD_LIMIT * deviation)


def _transformed(name: str, value: float) -> float:
    return float(np.log(max(value, 1e-3))) if name in _LOGARITHMIC else float(value)


def _fitted(
    names: tuple[str, ...], x: _Array, y: _Array, ridge: float, length: float | None, error: tuple[float, float]
) -> MomentsRegression:
    """Fit a regression on standardised predictors."""
    centre, width = x.mean(0), np.maximum(x.std(0), 1e-6)
    z = (x - centre) / width
    intercept, slopes, dual = y.mean(0), np.zeros((z.shape[1], 2)), np.zeros((0, 2))
    if length is None:
        slopes = np.linalg.solve(z.T @ z + ridge * np.eye(z.shape[1]), z.T @ (y - intercept))
    else:
        dual = np.linalg.solve(radial_basis(z, z, length) + ridge * np.eye(len(z)), y - intercept)
    return MomentsRegression(
        names, centre, width, np.vstack([slopes, intercept]), error, sites=z, ridge=ridge, length=length, dual=dual
    )


def _leave_one_out_errors(x: _Array, y: _Array, ridge: float, length: float | None) -> _Array:
    """Compute the error at each site by a fit without it, shape (site, 2).

    The residuals of the fit to all sites are divided by the part of each site's value that does not come from itself.
    """
    z = (x - x.mean(0)) / np.maximum(x.std(0), 1e-6)
    kernel = z @ z.T if length is None else radial_basis(z, z, length)
    count = len(z)
    own = np.linalg.solve(kernel + ridge * np.eye(count), kernel).T
    # the intercept is the mean of all sites, to which each contributes
    smoother = own + (1.0 - own.sum(1, keepdims=True)) / count
    errors: _Array = (smoother @ y - y) / (1.0 - np.diag(smoother))[:, None]
    return errors


def _relative_variance(z: _Array, sites: _Array, ridge: float, length: float | None) -> _Array:
    """Variance of a prediction in units of the variance between a site and the regression, shape (site,)."""
    if length is None:
        inverse = np.linalg.inv(sites.T @ sites + ridge * np.eye(sites.shape[1]))
        variance: _Array = 1.0 + np.einsum("si,ij,sj->s", z, inverse, z)
        return variance
    basis = radial_basis(z, sites, length)
    known = np.einsum(
        "si,is->s", basis, np.linalg.solve(radial_basis(sites, sites, length) + ridge * np.eye(len(sites)), basis.T)
    )
    unknown: _Array = 1.0 + np.clip(1.0 - known, 0.0, None) / ridge
    return unknown
