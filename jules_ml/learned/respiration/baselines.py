r"""Baselines that learned curves are compared with, each fitted by least squares to the same rows.

Every baseline depends on temperature and wetness, and has a separate base respiration R0 for each group of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import least_squares

from jules_ml.learned.respiration.factors import LLOYD_TAYLOR_E0, LLOYD_TAYLOR_T0
from jules_ml.learned.respiration.spline import fit_spline_product, group_means
from jules_ml.physics.respiration import Q10_SOIL, T_REFERENCE, fsth, fsth_option_1, ftemp_q10

_Array = NDArray[np.float64]
_Groups = NDArray[np.int64]

#: Baseline of JULES 8.2 with ``cs_decomp_soil_moist_func = 1``.
OPTION_1 = "JULES 8.2, option 1"
#: Limit of the absolute logarithm of a factor during the fit.
_LOG_LIMIT = 30.0


class Predictor(Protocol):
    """A fitted baseline."""

    def __call__(self, t_soil: _Array, wetness: _Array, group: _Groups) -> _Array:
        """Predict respiration from temperature [K], wetness [1] and group of each row; all have shape (row,)."""
        ...


Baseline = Callable[[_Array, _Array, _Groups, _Array], Predictor]


def constant(t_soil: _Array, wetness: _Array, group: _Groups, flux: _Array) -> Predictor:
    """Mean of each group."""
    return _fit(t_soil, wetness, group, flux, lambda p, t, s: np.zeros_like(t), [])


def q10(t_soil: _Array, wetness: _Array, group: _Groups, flux: _Array) -> Predictor:
    """Exponential in temperature, with Q10 fitted."""
    return _fit(t_soil, wetness, group, flux, lambda p, t, s: p[0] * 0.1 * (t - T_REFERENCE), [np.log(Q10_SOIL)])


def lloyd_taylor(t_soil: _Array, wetness: _Array, group: _Groups, flux: _Array) -> Predictor:
    """Curve of Lloyd and Taylor (1994), with the temperature sensitivity fitted."""

    def log_factor(p: _Array, t: _Array, s: _Array) -> _Array:
        log_g: _Array = p[0] * LLOYD_TAYLOR_E0 * (1.0 / 56.02 - 1.0 / np.maximum(t - LLOYD_TAYLOR_T0, 1.0))
        return log_g

    return _fit(t_soil, wetness, group, flux, log_factor, [1.0])


def jules(wilting: float) -> Baseline:
    """JULES's one-pool f and g, with only R0 fitted; ``wilting`` is the wilting point as a fraction of saturation."""

    def fit(t_soil: _Array, wetness: _Array, group: _Groups, flux: _Array) -> Predictor:
        return _fit(t_soil, wetness, group, flux, lambda p, t, s: _log_jules(t, s, wilting, Q10_SOIL), [])

    return fit


def jules_fitted_q10(wilting: float) -> Baseline:
    """JULES's f, and its g with Q10 fitted."""

    def fit(t_soil: _Array, wetness: _Array, group: _Groups, flux: _Array) -> Predictor:
        return _fit(
            t_soil,
            wetness,
            group,
            flux,
            lambda p, t, s: _log_jules(t, s, wilting, float(np.exp(p[0]))),
            [np.log(Q10_SOIL)],
        )

    return fit


def jules_option_1(wilting: float, critical: float) -> Baseline:
    """JULES 8.2 with ``cs_decomp_soil_moist_func = 1``: ``fsthsat_cs_decomp_opt1``, f of saturated soil, and Q10 are fitted."""

    def fit(t_soil: _Array, wetness: _Array, group: _Groups, flux: _Array) -> Predictor:
        def log_factor(p: _Array, t: _Array, s: _Array) -> _Array:
            at_saturation = float(1.0 / (1.0 + np.exp(-p[1])))
            return _log_product(_option_1(s, wilting, critical, at_saturation), t, float(np.exp(p[0])))

        return _fit(t_soil, wetness, group, flux, log_factor, [np.log(Q10_SOIL), 0.0])

    return fit


def fitted_fsth_saturated(
    wilting: float, critical: float, t_soil: _Array, wetness: _Array, group: _Groups, flux: _Array
) -> float:
    """Fit ``fsthsat_cs_decomp_opt1`` to the rows [1]: f at saturation divided by f at the optimum."""
    predict = jules_option_1(wilting, critical)(t_soil, wetness, group, flux)
    reference = np.full(2, T_REFERENCE), np.array([1.0, 0.5 * (1.0 + wilting)]), np.zeros(2, dtype=np.int64)
    saturated, optimal = predict(*reference)
    return float(saturated / optimal)


def spline(t_soil: _Array, wetness: _Array, group: _Groups, flux: _Array) -> Predictor:
    """Product of two penalised cubic splines; see :func:`~jules_ml.learned.respiration.spline.fit_spline_product`."""
    fitted = fit_spline_product(t_soil, wetness, group, flux)
    fitted_groups = np.bincount(group, minlength=len(fitted.log_r0)) > 0

    def predict(t_soil: _Array, wetness: _Array, group: _Groups) -> _Array:
        log_r0 = _membership(group, fitted_groups) @ fitted.log_r0
        respiration: _Array = np.exp(
            np.clip(fitted.log_f(wetness) + fitted.log_g(t_soil) + log_r0, -_LOG_LIMIT, _LOG_LIMIT)
        )
        return respiration

    return predict


def boosting(t_soil: _Array, wetness: _Array, group: _Groups, flux: _Array) -> Predictor:
    """Gradient-boosted trees on temperature and wetness, of the flux divided by its group's mean; needs scikit-learn."""
    from sklearn.ensemble import HistGradientBoostingRegressor  # not needed where curves are only evaluated

    means, fitted_groups = group_means(flux, group), np.bincount(group) > 0
    trees = HistGradientBoostingRegressor(max_iter=100, learning_rate=0.05, min_samples_leaf=50, random_state=0)
    trees.fit(np.column_stack([t_soil, wetness]), flux / means[group])

    def predict(t_soil: _Array, wetness: _Array, group: _Groups) -> _Array:
        relative: _Array = trees.predict(np.column_stack([t_soil, wetness]))
        return np.exp(_membership(group, fitted_groups) @ np.log(means)) * relative

    return predict


def baselines(wilting: float, critical: float) -> Mapping[str, Baseline]:
    """All baselines by name; ``wilting`` and ``critical`` are the wilting and the critical point as fractions of saturation."""
    return {
        "constant": constant,
        "Q10": q10,
        "Lloyd-Taylor": lloyd_taylor,
        "JULES": jules(wilting),
        "JULES, Q10 fitted": jules_fitted_q10(wilting),
        OPTION_1: jules_option_1(wilting, critical),
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
    """Fit shape parameters by nonlinear least squares; R0 is linear and follows in closed form."""
    n_groups = int(group.max()) + 1

    def factor(p: _Array, t: _Array, s: _Array) -> _Array:
        return np.exp(np.clip(log_factor(p, t, s), -_LOG_LIMIT, _LOG_LIMIT))

    def best_r0(shape: _Array) -> _Array:
        cross = np.bincount(group, shape * flux, minlength=n_groups)
        return cross / np.maximum(np.bincount(group, shape * shape, minlength=n_groups), 1e-300)

    def residual(p: _Array) -> _Array:
        shape = factor(p, t_soil, wetness)
        return best_r0(shape)[group] * shape - flux

    p = least_squares(residual, start, max_nfev=200).x if start else np.zeros(0)
    r0, fitted_groups = best_r0(factor(p, t_soil, wetness)), np.bincount(group, minlength=n_groups) > 0

    def predict(t_soil: _Array, wetness: _Array, group: _Groups) -> _Array:
        row_r0 = np.exp(_membership(group, fitted_groups) @ np.log(np.maximum(r0, 1e-12)))
        return row_r0 * factor(p, t_soil, wetness)

    return predict


def _log_jules(t: _Array, s: _Array, wilting: float, q10: float) -> _Array:
    """Logarithm of JULES's f times g, shape (row,)."""
    wilt, sat = torch.tensor(wilting, dtype=torch.float64), torch.ones((), dtype=torch.float64)
    return _log_product(fsth(torch.tensor(s), wilt, sat, pools=1), t, q10)


def _option_1(s: _Array, wilting: float, critical: float, at_saturation: float) -> torch.Tensor:
    """JULES's f with ``cs_decomp_soil_moist_func = 1``, shape (row,)."""
    wilt, crit, sat = (torch.tensor(value, dtype=torch.float64) for value in (wilting, critical, 1.0))
    return fsth_option_1(torch.tensor(s), wilt, crit, sat, fsth_saturated=at_saturation)


def _log_product(f: torch.Tensor, t: _Array, q10: float) -> _Array:
    """Logarithm of f times JULES's g, shape (row,)."""
    return torch.log(torch.clamp(f * ftemp_q10(torch.tensor(t), q10), min=1e-12)).numpy()


def _membership(group: _Groups, fitted_groups: NDArray[np.bool_]) -> _Array:
    """Weight of each group's log R0 in each row, shape (row, group); rows of a group outside the fit take the mean of all groups."""
    in_fit = fitted_groups[np.minimum(group, len(fitted_groups) - 1)] & (group < len(fitted_groups))
    weights = np.tile(fitted_groups / fitted_groups.sum(), (len(group), 1))
    weights[in_fit] = 0.0
    weights[np.flatnonzero(in_fit), group[in_fit]] = 1.0
    return weights
