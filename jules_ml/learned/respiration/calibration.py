"""Calibration on inner blocks: error scale, intervals, and the process of the base respiration in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.base_rate_series import BaseRateSeries, day_number, departures_of, fit_series
from jules_ml.learned.respiration.curves import site_scale
from jules_ml.learned.respiration.likelihood import Noise, fit_noise
from jules_ml.learned.respiration.network import error_scale
from jules_ml.learned.respiration.site import Rows
from jules_ml.scoring.intervals import conformal_quantiles
from jules_ml.scoring.splits import inner_folds

#: Least number of days of a group with fluxes for a base respiration that varies in time.
_LEAST_DAYS: Final = 30
#: Length of the blocks that are predicted from their neighbours, to calibrate intervals within a record [d].
_NEAR_DAYS: Final = 10.0

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """Error scale and quantiles.

    Attributes
    ----------
    noise : Noise
        Scale of the errors of the flux divided by the mean of its site [1].
    quantiles : tuple of float
        Conformal quantiles of the errors in units of their scale.
    """

    noise: Noise
    quantiles: tuple[float, float]


def calibrate(
    rows: Rows,
    predicted: _Array,
    noise: Noise,
    series: Mapping[int, BaseRateSeries],
    settings: RespirationSettings,
) -> Calibration:
    """Calibrate the errors of predictions by fits without the row's block.

    Intervals have to hold between measured nights and far from them. Errors are therefore taken from blocks of ten days that are predicted
    with the base respiration of their neighbours, and from the inner blocks, which are far from the other rows.

    Parameters
    ----------
    rows : Rows
        Training rows.
    predicted : array, shape (row,)
        Flux predicted by fits without the row's inner block, divided by the mean flux of its site; NaN in rows that were always trained on.
    noise : Noise
        Scale of the errors of ``predicted``.
    series : mapping of int to BaseRateSeries
        R0(t) by group, see :func:`fitted_series`; empty if R0 is constant.
    settings : RespirationSettings

    Returns
    -------
    Calibration
    """
    fold = inner_folds(rows.site, rows.middle, most=settings.inner_folds)
    flux = rows.flux / site_scale(rows)
    valid = np.isfinite(predicted) & np.isfinite(flux)
    if not series:
        z = ((flux - predicted) / noise.scale(predicted))[valid]
        return Calibration(noise, conformal_quantiles(z, fold[valid], settings.interval))
    near_block = (np.floor(day_number(rows.middle) / _NEAR_DAYS) % 2).astype(np.int64)
    near, near_deviation = _left_out(rows, flux, predicted, noise, series, near_block, valid)
    far, far_deviation = _left_out(rows, flux, predicted, noise, series, fold, valid)
    noise = fit_noise(near[valid], (flux - near)[valid])
    z_near = ((flux - near) / _scale(noise, near, near_deviation))[valid]
    z_far = ((flux - far) / _scale(noise, far, far_deviation))[valid]
    blocks = np.concatenate([fold[valid], fold[valid] + fold.max() + 1])
    quantiles = conformal_quantiles(np.concatenate([z_near, z_far]), blocks, settings.interval)
    return Calibration(noise, quantiles)


def fitted_series(
    rows: Rows, predicted: _Array, noise: Noise, settings: RespirationSettings
) -> dict[int, BaseRateSeries]:
    """Fit R0(t) of each group with enough days; none if the base respiration is constant by the settings.

    Parameters
    ----------
    rows : Rows
        Training rows.
    predicted : array, shape (row,)
        Flux of the module with the mean base respiration, divided by the mean flux of its site.
    noise : Noise
        Scale of the errors in the same unit.
    settings : RespirationSettings

    Returns
    -------
    dict of int to BaseRateSeries
        By group.
    """
    if settings.base_respiration == "constant":
        return {}
    flux, day, scale = rows.flux / site_scale(rows), day_number(rows.middle), noise.scale(predicted)
    series = {}
    for group in np.unique(rows.group):
        mine = np.isfinite(flux) & (rows.group == group)
        if len(np.unique(day[mine])) >= _LEAST_DAYS:
            series[int(group)] = fit_series(departures_of(day[mine], flux[mine], predicted[mine], scale[mine]))
    return series


def _left_out(
    rows: Rows,
    flux: _Array,
    predicted: _Array,
    noise: Noise,
    series: Mapping[int, BaseRateSeries],
    block: NDArray[np.int64],
    valid: NDArray[np.bool_],
) -> tuple[_Array, _Array]:
    """Predict the rows of each block with R0(t) from the rows outside it: flux, and relative standard deviation of R0(t)."""
    day, scale = day_number(rows.middle), noise.scale(predicted)
    result, deviation = predicted.copy(), np.zeros(len(rows))
    for group, process in series.items():
        mine = valid & (rows.group == group)
        for number in np.unique(block[mine]):
            inside, outside = mine & (block == number), mine & (block != number)
            if not outside.any():
                deviation[inside] = np.sqrt(process.variance)
                continue
            departures = departures_of(day[outside], flux[outside], predicted[outside], scale[outside])
            mean, deviation[inside] = replace(process, departures=departures).relative(day[inside])
            result[inside] = predicted[inside] * mean
    return result, deviation


def _scale(noise: Noise, predicted: _Array, deviation: _Array) -> _Array:
    scale = error_scale(torch.from_numpy(noise.scale(predicted)), torch.from_numpy(predicted * deviation))
    return np.asarray(scale.numpy())
