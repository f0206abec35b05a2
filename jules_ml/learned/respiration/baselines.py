r"""Baselines: what a learned curve is held against, each fitted by least squares to the same rows.

Every baseline sees temperature and wetness and has a level of its own for each group of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from scipy.optimize import least_squares

from jules_ml.learned.respiration.factors import LLOYD_TAYLOR_E0, LLOYD_TAYLOR_T0
from jules_ml.physics.respiration import Q10_SOIL, T_REFERENCE, fsth, ftemp_q10

_Array = NDArray[np.float64]
_Groups = NDArray[np.int64]

#: Logarithms of factors are kept within this while they are fitted.
_LOG_LIMIT = 30.0


class Predictor(Protocol):
    """A fitted baseline: temperature [K], wetness [1] and group of each row to respiration."""

    def __call__(self, t_soil: _Array, wetness: _Array, group: _Groups) -> _Array: ...


Baseline = Callable[[_Array, _Array, _Groups, _Array], Predictor]


def constant(t_soil: _Array, wetness: _Array, group: _Groups, flux: _Array) -> Predictor:
    """Mean of each group."""
    return _fit(t_soil, wetness, group, flux, lambda p, t, s: np.zeros_like(t), [])


def q10(t_soil: _Array, wetness: _Array, group: _Groups, flux: _Array) -> Predictor:
    """Exponential in temperature, Q10 fitted."""
    return _fit(t_soil, wetness, group, flux, lambda p, t, s: p[0] * 0.1 * (t - T_REFERENCE), [np.log(Q10_SOIL)])


def lloyd_taylor(t_soil: _Array, wetness: _Array, group: _Groups, flux: _Array) -> Predictor:
    """Lloyd and Taylor (1994), with the sensitivity fitted."""

    def log_factor(p: _Array, t: _Array, s: _Array) -> _Array:
        return p[0] * LLOYD_TAYLOR_E0 * (1.0 / 56.02 - 1.0 / np.maximum(t - LLOYD_TAYLOR_T0, 1.0))

    return _fit(t_soil, wetness, group, flux, log_factor, [1.0])


def jules(wilting: float) -> Baseline:
    """JULES's one-pool f and g, with only the level fitted; ``wilting`` as a fraction of saturation."""

    def fit(t_soil: _Array, wetness: _Array, group: _Groups, flux: _Array) -> Predictor:
        return _fit(t_soil, wetness, group, flux, lambda p, t, s: _log_jules(t, s, wilting, Q10_SOIL, None), [])

    return fit


def jules_fitted_q10(wilting: float) -> Baseline:
    """JULES's f, and its g with Q10 fitted."""

    def fit(t_soil: _Array, wetness: _Array, group: _Groups, flux: _Array) -> Predictor:
        return _fit(
            t_soil,
            wetness,
            group,
            flux,
            lambda p, t, s: _log_jules(t, s, wilting, np.exp(p[0]), None),
            [np.log(Q10_SOIL)],
        )

    return fit


def jules_less_decomposition(wilting: float) -> Baseline:
    """JULES with ``l_lessdecomp_sat``: f falls to ``fsth_lessdecomp_sat`` at saturation, which is fitted, as is Q10."""

    def fit(t_soil: _Array, wetness: _Array, group: _Groups, flux: _Array) -> Predictor:
        def log_factor(p: _Array, t: _Array, s: _Array) -> _Array:
            return _log_jules(t, s, wilting, np.exp(p[0]), 1.0 / (1.0 + np.exp(-p[1])))

        return _fit(t_soil, wetness, group, flux, log_factor, [np.log(Q10_SOIL), 0.0])

    return fit


def fitted_fsth_sat(wilting: float, t_soil: _Array, wetness: _Array, group: _Groups, flux: _Array) -> float:
    """``fsth_lessdecomp_sat`` that suits the rows best [1]: f at saturation over f at the optimum."""
    predict = jules_less_decomposition(wilting)(t_soil, wetness, group, flux)
    here = np.full(2, T_REFERENCE), np.array([1.0, 0.5 * (1.0 + wilting)]), np.zeros(2, dtype=np.int64)
    wet, best = predict(*here)
    return float(wet / best)


def spline(t_soil: _Array, wetness: _Array, group: _Groups, flux: _Array) -> Predictor:
    """f·g of two penalised cubic splines (6 and 5 functions), constant beyond the data."""
    t_range, s_range = (float(t_soil.min()), float(t_soil.max())), (float(wetness.min()), float(wetness.max()))
    n_t, n_s, penalty = 6, 5, 1e-2
    n_groups = int(group.max()) + 1
    seen = np.bincount(group, minlength=n_groups) > 0

    def design(t: _Array, s: _Array, g: _Groups) -> _Array:
        levels = _membership(g, seen)
        return np.hstack([_basis(t, t_range, n_t), _basis(s, s_range, n_s), levels])

    a = design(t_soil, wetness, group)
    bend = np.zeros((n_t - 2 + n_s - 2, a.shape[1]))
    bend[: n_t - 2, :n_t] = np.diff(np.eye(n_t), 2, axis=0)
    bend[n_t - 2 :, n_t : n_t + n_s] = np.diff(np.eye(n_s), 2, axis=0)
    ridge = 1e-2 * np.eye(a.shape[1])[: n_t + n_s]
    # the penalty counts in units of the flux, so that it is the same whatever these are
    asked = float(np.std(flux)) * np.sqrt(penalty * len(flux)) * np.vstack([bend, ridge])
    start = np.concatenate([np.zeros(n_t + n_s), np.log(_group_means(flux, group))])

    def mean(b: _Array) -> _Array:
        return np.exp(np.clip(a @ b, -_LOG_LIMIT, _LOG_LIMIT))

    fitted = least_squares(
        lambda b: np.concatenate([mean(b) - flux, asked @ b]),
        start,
        lambda b: np.vstack([mean(b)[:, np.newaxis] * a, asked]),
        max_nfev=100,
    )

    def predict(t_soil: _Array, wetness: _Array, group: _Groups) -> _Array:
        return np.exp(np.clip(design(t_soil, wetness, group) @ fitted.x, -_LOG_LIMIT, _LOG_LIMIT))

    return predict


def boosting(t_soil: _Array, wetness: _Array, group: _Groups, flux: _Array) -> Predictor:
    """Gradient-boosted trees on temperature and wetness, of the flux over its group's mean; needs scikit-learn."""
    from sklearn.ensemble import HistGradientBoostingRegressor  # only benchmarks need it

    means, seen = _group_means(flux, group), np.bincount(group) > 0
    trees = HistGradientBoostingRegressor(max_iter=100, learning_rate=0.05, min_samples_leaf=50, random_state=0)
    trees.fit(np.column_stack([t_soil, wetness]), flux / means[group])

    def predict(t_soil: _Array, wetness: _Array, group: _Groups) -> _Array:
        return np.exp(_membership(group, seen) @ np.log(means)) * trees.predict(np.column_stack([t_soil, wetness]))

    return predict


def baselines(wilting: float) -> Mapping[str, Baseline]:
    """All baselines by name; ``wilting`` is the wilting point as a fraction of saturation, for JULES's f."""
    return {
        "constant": constant,
        "Q10": q10,
        "Lloyd-Taylor": lloyd_taylor,
        "JULES": jules(wilting),
        "JULES, Q10 fitted": jules_fitted_q10(wilting),
        "JULES, less decomposition when wet": jules_less_decomposition(wilting),
        "spline": spline,
        "boosting": boosting,
    }


def _fit(
    t_soil: _Array,
    wetness: _Array,
    group: _Groups,
    flux: _Array,
    log_factor: Callable[[_Array, _Array, _Array], _Array],
    start: list[float],
) -> Predictor:
    """Least squares of shape parameters; levels follow in closed form, being linear."""
    n_groups = int(group.max()) + 1

    def factor(p: _Array, t: _Array, s: _Array) -> _Array:
        return np.exp(np.clip(log_factor(p, t, s), -_LOG_LIMIT, _LOG_LIMIT))

    def levels(shape: _Array) -> _Array:
        cross = np.bincount(group, shape * flux, minlength=n_groups)
        return cross / np.maximum(np.bincount(group, shape * shape, minlength=n_groups), 1e-300)

    def residual(p: _Array) -> _Array:
        shape = factor(p, t_soil, wetness)
        return levels(shape)[group] * shape - flux

    p = least_squares(residual, start, max_nfev=200).x if start else np.zeros(0)
    found, seen = levels(factor(p, t_soil, wetness)), np.bincount(group, minlength=n_groups) > 0

    def predict(t_soil: _Array, wetness: _Array, group: _Groups) -> _Array:
        level = np.exp(_membership(group, seen) @ np.log(np.maximum(found, 1e-12)))
        return level * factor(p, t_soil, wetness)

    return predict


def _log_jules(t: _Array, s: _Array, wilting: float, q10: float, fsth_sat: float | None) -> _Array:
    wilt, sat = torch.tensor(wilting, dtype=torch.float64), torch.ones((), dtype=torch.float64)
    f = fsth(torch.tensor(s), wilt, sat, pools=1, fsth_sat=fsth_sat)
    g = ftemp_q10(torch.tensor(t), float(q10))
    return torch.log(torch.clamp(f * g, min=1e-12)).numpy()


def _membership(group: _Groups, seen: NDArray[np.bool_]) -> _Array:
    """Which group's level each row has, shape (row, group): a group that was not seen has the mean of all, as in the learned form."""
    known = seen[np.minimum(group, len(seen) - 1)] & (group < len(seen))
    rows = np.tile(seen / seen.sum(), (len(group), 1))
    rows[known] = 0.0
    rows[np.flatnonzero(known), group[known]] = 1.0
    return rows


def _basis(x: _Array, span: tuple[float, float], count: int) -> _Array:
    low, high = span
    high = max(high, low + 1e-9)
    knots = np.concatenate([[low] * 3, np.linspace(low, high, count - 2), [high] * 3])
    return BSpline.design_matrix(np.clip(x, low, high), knots, 3).toarray()


def _group_means(flux: _Array, group: _Groups) -> _Array:
    counts = np.maximum(np.bincount(group), 1)
    return np.maximum(np.bincount(group, flux) / counts, 1e-3)
