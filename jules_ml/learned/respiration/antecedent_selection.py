"""Selection and fit of the factors of antecedent conditions, from predictions of inner blocks by fits without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jules_ml.learned.respiration.antecedent import DRIVERS, AntecedentDriver, AntecedentFactor
from jules_ml.learned.respiration.curves import site_scale
from jules_ml.learned.respiration.forms import clearly_better, decrease_of_squares
from jules_ml.learned.respiration.site import Rows
from jules_ml.learned.respiration.spline import fit_log_additive, spline_basis
from jules_ml.scoring.bootstrap import day_blocks
from jules_ml.scoring.splits import inner_folds

#: Largest number of drivers in a module.
_MOST: Final = 3
#: Nodes of a table, basis functions of a factor, and penalty weights of its bends and of its size.
_NODES: Final = 41
_COUNT: Final = 6
_BEND, _SIZE = 1e-2, 1e-3
#: Standard errors by which a driver has to be better: the best of five is better than none by one even where all are useless.
_ERRORS: Final = 2.0
#: Least part of the rows with a driver for it to be tried.
_LEAST_DEFINED: Final = 0.5

_Array = NDArray[np.float64]
_Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SelectedFactor:
    """Selected factor, and its values in each inner block from a fit without it, shape (row,) [1]; one in rows outside the blocks."""

    factor: AntecedentFactor
    cross_validated: _Array


def select_factor(rows: Rows, predicted: _Array, *, folds: int) -> SelectedFactor:
    """Select the drivers of antecedent conditions one after another, and fit their factors.

    A driver is added if the squared error on the inner blocks becomes smaller by more than two standard errors of the difference between
    blocks of days, and the one with the largest decrease is added first.

    Parameters
    ----------
    rows : Rows
        Training rows with their drivers.
    predicted : array, shape (row,)
        Flux predicted by fits without the row's inner block [umol m-2 s-1]; NaN in rows outside the blocks.
    folds : int
        Largest number of folds.

    Returns
    -------
    SelectedFactor
    """
    scale = site_scale(rows)
    fold = inner_folds(rows.site, rows.middle, most=folds)
    chosen = np.flatnonzero((fold >= 0) & np.isfinite(rows.flux) & (predicted > 0.0))
    part = rows.take(chosen)
    steady, flux, fold = (predicted / scale)[chosen], (rows.flux / scale)[chosen], fold[chosen]
    block = day_blocks(part.middle, site=part.site)
    candidates = [name for name in DRIVERS if _is_defined(part, name)]
    selected: tuple[AntecedentDriver, ...] = ()
    current = np.ones(len(part))
    while len(selected) < _MOST:
        factors = {
            name: _cross_fitted(part, (*selected, name), steady, flux, fold)
            for name in candidates
            if name not in selected
        }
        gains = {
            name: decrease_of_squares(steady * factor, steady * current, flux)
            for name, factor in factors.items()
            if clearly_better(steady * factor, steady * current, flux, block, errors=_ERRORS)
        }
        if not gains:
            break
        best = max(gains, key=lambda name: gains[name])
        selected, current = (*selected, best), factors[best]
    cross_validated = np.ones(len(rows))
    cross_validated[chosen] = current
    factor = fit_factor(part, selected, steady, flux) if selected else AntecedentFactor()
    return SelectedFactor(factor, cross_validated)


def fit_factor(rows: Rows, drivers: Sequence[AntecedentDriver], steady: _Array, flux: _Array) -> AntecedentFactor:
    """Fit the factors of drivers to the ratio of measured to predicted flux.

    Parameters
    ----------
    rows : Rows
        Rows with the drivers.
    drivers : sequence of str
        Names of the drivers, from :data:`~jules_ml.learned.respiration.antecedent.DRIVERS`.
    steady, flux : array, shape (row,)
        Flux predicted without the factors, and measured flux, in the same unit.

    Returns
    -------
    AntecedentFactor
        With the mean predicted flux of the rows as without it.
    """
    values = np.stack([rows.driver(name) for name in drivers])
    spans = [(float(np.nanquantile(x, 0.005)), float(np.nanquantile(x, 0.995))) for x in values]
    bases = [np.nan_to_num(_basis(x, span)) for x, span in zip(values, spans, strict=True)]
    level = np.ones((len(flux), 1))
    coefficients = fit_log_additive(
        bases, level, np.zeros(1), flux, np.ones(len(flux)), bend=_BEND, size=_SIZE, log_offset=np.log(steady)
    )
    nodes = np.stack([np.linspace(low, high, _NODES) for low, high in spans])
    log_h = np.stack(
        [
            _basis(x, span) @ coefficients[k * _COUNT : (k + 1) * _COUNT]
            for k, (x, span) in enumerate(zip(nodes, spans, strict=True))
        ]
    )
    factor = AntecedentFactor(tuple(drivers), nodes, log_h)
    mean = float((steady * factor(rows.antecedent, len(rows))).sum() / steady.sum())
    return AntecedentFactor(factor.drivers, nodes, log_h - np.log(mean) / len(drivers))


def _basis(x: _Array, span: tuple[float, float]) -> _Array:
    """Basis of a factor at values of its driver, shape (row, function); NaN where the driver is."""
    known = np.isfinite(x)
    basis = np.full((len(x), _COUNT), np.nan)
    basis[known] = spline_basis(x[known], span, _COUNT)
    return basis


def _cross_fitted(
    rows: Rows, drivers: Sequence[AntecedentDriver], steady: _Array, flux: _Array, fold: _Labels
) -> _Array:
    """Factor in each fold from a fit to the others, shape (row,)."""
    result = np.ones(len(rows))
    for number in np.unique(fold):
        inside = fold == number
        factor = fit_factor(rows.take(~inside), drivers, steady[~inside], flux[~inside])
        result[inside] = factor({name: x[inside] for name, x in rows.antecedent.items()}, int(inside.sum()))
    return result


def _is_defined(rows: Rows, name: str) -> bool:
    """Whether a driver has values that differ in enough rows."""
    x = rows.driver(name)
    return bool(np.isfinite(x).mean() >= _LEAST_DEFINED and np.nanquantile(x, 0.95) > np.nanquantile(x, 0.05))
