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
    factor = AntecedentFactor()
    if selected:
        factor = fit_factor(part, selected, [_span(part, name) for name in selected], steady, flux)
    return SelectedFactor(factor, cross_validated)


def fit_factor(
    rows: Rows, drivers: Sequence[AntecedentDriver], spans: Sequence[tuple[float, float]], steady: _Array, flux: _Array
) -> AntecedentFactor:
    """Fit the factors of drivers to the ratio of measured to predicted flux, where all of the drivers are known.

    Parameters
    ----------
    rows : Rows
        Rows with the drivers.
    drivers : sequence of AntecedentDriver
    spans : sequence of tuple of float
        Range of each driver, outside which its factor is constant.
    steady, flux : array, shape (row,)
        Flux predicted without the factors, and measured flux, in the same unit.

    Returns
    -------
    AntecedentFactor
        With the mean predicted flux of these rows as without it; one if the drivers are known in no row.
    """
    known = np.logical_and.reduce([np.isfinite(rows.driver(name)) for name in drivers])
    if not known.any():
        return AntecedentFactor()
    rows, steady, flux = rows.take(known), steady[known], flux[known]
    bases = [spline_basis(rows.driver(name), span, _COUNT) for name, span in zip(drivers, spans, strict=True)]
    # each group has its level, so that differences between sites and chambers are not taken for an effect of a driver
    levels = (rows.group[:, np.newaxis] == np.unique(rows.group)).astype(np.float64)
    coefficients = fit_log_additive(
        bases,
        levels,
        np.zeros(levels.shape[1]),
        flux,
        np.ones(len(flux)),
        bend=_BEND,
        size=_SIZE,
        log_offset=np.log(steady),
    )
    nodes = np.stack([np.linspace(low, high, _NODES) for low, high in spans])
    of_drivers = np.split(coefficients[: _COUNT * len(drivers)], len(drivers))
    log_h = np.stack(
        [spline_basis(x, span, _COUNT) @ each for x, span, each in zip(nodes, spans, of_drivers, strict=True)]
    )
    factor = AntecedentFactor(tuple(drivers), nodes, log_h)
    mean = float((steady * factor(rows.antecedent, len(rows))).sum() / steady.sum())
    return AntecedentFactor(factor.drivers, nodes, log_h - np.log(mean) / len(drivers))


def _cross_fitted(
    rows: Rows, drivers: Sequence[AntecedentDriver], steady: _Array, flux: _Array, fold: _Labels
) -> _Array:
    """Factor in each fold from a fit to the others, shape (row,)."""
    result, spans = np.ones(len(rows)), [_span(rows, name) for name in drivers]
    for number in np.unique(fold):
        inside = fold == number
        factor = fit_factor(rows.take(~inside), drivers, spans, steady[~inside], flux[~inside])
        result[inside] = factor(rows.take(inside).antecedent, int(inside.sum()))
    return result


def _span(rows: Rows, name: AntecedentDriver) -> tuple[float, float]:
    """Range of the factor of a driver: all but the extreme percent of its values."""
    low, high = np.nanquantile(rows.driver(name), [0.005, 0.995])
    return float(low), float(high)


def _is_defined(rows: Rows, name: str) -> bool:
    """Whether a driver has values that differ in enough rows."""
    x = rows.driver(name)
    if len(x) == 0 or np.isfinite(x).mean() < _LEAST_DEFINED:
        return False
    low, high = np.nanquantile(x, [0.05, 0.95])
    return bool(high > low)
