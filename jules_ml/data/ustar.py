"""Threshold of friction velocity, estimated from a record: moving-point and change-point method, with bootstrap.

On calm nights part of the respired CO2 drains away or stays below the sensor, and the tower measures too little. Both methods find the
friction velocity above which night-time flux no longer increases with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.record import local_middle, place, variable
from jules_ml.errors import BadInput

Method = Literal["moving-point", "change-point"]

#: Moving point: classes of temperature and of friction velocity; maximum correlation of the two in a class.
_N_TEMPERATURE, _N_USTAR, _MAX_CORRELATION = 7, 20, 0.5
#: Moving point: minimum number of rows of a season.
_ROWS_PER_SEASON = 160

#: Change point: bins of a stratum, and rows of a bin; strata of temperature in a window; minimum fraction of significant strata.
_N_BINS, _ROWS_PER_BIN, _N_STRATA, _MIN_SIGNIFICANT = 50, 5, 4, 0.2
#: Change point: number of bins at either end that are not candidates for the break.
_END_BINS = 3
#: Minimum fraction of the rows below the 10 % quantile of u* of all steps.
_MIN_CALM = 0.01
#: 95 % point of F_max under white noise for 50 evenly spaced bins (200 000 draws): a significant break exceeds it.
F_MAX_95 = 6.44

_Rows = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class UstarThreshold:
    """Estimated threshold of friction velocity, with its bootstrap samples.

    Attributes
    ----------
    method : str
        ``'moving-point'`` or ``'change-point'``.
    by_year : xarray.DataArray, dims ('year', 'bootstrap')
        Threshold [m s-1] of each year in each bootstrap sample; NaN where no threshold is significant.
    """

    method: Method
    by_year: xr.DataArray

    def quantile(self, q: float) -> float:
        """Quantile ``q`` [1] over all years and samples [m s-1]: one threshold for the whole record."""
        return float(np.nanquantile(self.by_year.to_numpy(), q))

    @property
    def p16(self) -> float:
        """16 % value [m s-1]."""
        return self.quantile(0.16)

    @property
    def p50(self) -> float:
        """Median [m s-1]: the threshold to use for the complete record."""
        return self.quantile(0.50)

    @property
    def p84(self) -> float:
        """84 % value [m s-1]."""
        return self.quantile(0.84)


def ustar_threshold(
    ds: xr.Dataset,
    rows: xr.DataArray,
    *,
    method: Method = "change-point",
    bootstraps: int = 100,
    seed: int = 0,
    plateau: float = 0.95,
    minimum: float = 0.01,
) -> UstarThreshold:
    r"""Estimate the threshold of friction velocity.

    Each year is resampled with replacement ``bootstraps`` times, within its seasons. The samples of a season depend on
    ``seed``, year and season alone, so the estimates of earlier years do not change when the record becomes longer.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset, half-hourly or hourly, with ``nee`` [umol m-2 s-1], ``ustar`` [m s-1] and ``t_air`` [K].
    rows : xarray.DataArray of bool, dims ('time',)
        Rows to use: ``night(ds) & measured(ds, "nee")``. Those with a value missing are left out.
    method : {'change-point', 'moving-point'}, optional
        See Notes. In synthetic records with a threshold of 0.15 to 0.45 m s-1 (u* and temperature of FI-Hyy) the median of the change
        point is accurate to 0.03 m s-1. The moving point needs fewer rows; its median is 0.02 to 0.13 m s-1 too high there, because it is
        a maximum over seasons, and up to 0.08 m s-1 too low in synthetic records with the small, noisy fluxes of US-Hn1.
    bootstraps : int, optional
        Number of samples.
    seed : int, optional
        Seed of the samples.
    plateau : float, optional
        Moving point: fraction [1] of the flux at higher u* that a class must reach; 0.95 or 0.99.
    minimum : float, optional
        Lower bound of the threshold [m s-1]; 0.01 over low vegetation, 0.1 over forest (Papale et al. 2006).

    Returns
    -------
    UstarThreshold

    Raises
    ------
    BadInput
        If a variable is missing, there are no calm nights because the record was already filtered, there are too few rows, or no year
        has a significant threshold.

    Notes
    -----
    *Moving point*: a season (calendar quarter) of 160 rows or more is divided into 7 classes of temperature, each into 20 classes of u*, of
    equal counts. In each temperature class the threshold is the mean u* of the first u* class whose flux, and whose next neighbour's, is at
    least ``plateau`` of the mean over all higher classes; temperature classes in which u* and temperature correlate (\|r\| ≥ 0.5) are
    left out. The season takes the median over temperature classes, the year the maximum over seasons.

    *Change point*: a year is divided into up to 4 windows of at least 1000 rows, each into 4 strata of temperature, each stratum into 50
    bins of u*. In each stratum the flux rises linearly with u* up to the break and is constant above. Strata with a
    significant break (F test, 5 %) and a positive slope are used; the year takes their mean, or no value if fewer than a fifth are
    significant.

    References
    ----------
    Papale et al. (2006), Biogeosciences 3, 571-583, and Reichstein et al. (2005), Glob. Change Biol. 11, 1424-1439, for the moving
    point; Barr et al. (2013), Agric. For. Meteorol. 171-172, 31-45, for the change point; Pastorello et al. (2020), Scientific
    Data 7, 225, for quantiles over all years.
    """
    nee, ustar, t_air = (variable(ds, name).to_numpy() for name in ("nee", "ustar", "t_air"))
    use = rows.to_numpy() & np.isfinite(nee) & np.isfinite(ustar) & np.isfinite(t_air)
    _refuse_filtered(ds, ustar[use], ustar[np.isfinite(ustar)])
    moment = local_middle(ds)
    table = np.stack([nee, ustar, t_air])
    years = np.unique(moment.year[use])
    estimates = np.full((len(years), bootstraps), np.nan)
    for i, year in enumerate(years):
        in_year = np.flatnonzero(use & (moment.year == year))
        if method == "moving-point":
            quarters = moment.quarter[in_year]
            seasons = [in_year[quarters == quarter] for quarter in range(1, 5)]
            seasons = [season for season in seasons if len(season) >= _ROWS_PER_SEASON]
        else:
            windows = min(len(in_year) // (_N_STRATA * _N_BINS * _ROWS_PER_BIN), 4)
            seasons = np.array_split(in_year, windows) if windows else []
        samples = [
            _resample(table[:, season], bootstraps, np.random.default_rng([seed, int(year), number]))
            for number, season in enumerate(seasons)
        ]
        if samples:
            estimates[i] = (
                _moving_point_year(samples, plateau) if method == "moving-point" else _change_point_year(samples)
            )
    if not np.isfinite(estimates).any():
        raise BadInput(
            f"no u* threshold by the {method} method in {int(use.sum())} night rows of {len(years)} year(s)",
            where=place(ds, "ustar"),
            remedy="set ustar_min to a number in [respiration.rows], choose the other ustar_method, or give a record with more "
            "measured nights",
        )
    by_year = xr.DataArray(
        np.maximum(estimates, minimum),
        coords={"year": years},
        dims=("year", "bootstrap"),
        name="ustar_threshold",
        attrs={"units": "m s-1", "long_name": f"threshold of friction velocity by {method}"},
    )
    return UstarThreshold(method, by_year)


def _refuse_filtered(ds: xr.Dataset, used: _Rows, every: _Rows) -> None:
    """Raise an error for a record that was already filtered by friction velocity."""
    if not used.size:
        return
    calm = np.quantile(every, 0.1)
    if (used < calm).mean() < _MIN_CALM:
        raise BadInput(
            f"less than {_MIN_CALM:.0%} of {used.size} rows with flux have u* below {calm:.2f} m s-1, but 10% of all steps have: "
            f"the record seems to be filtered by u* already, at about {np.quantile(used, 0.01):.2f} m s-1",
            where=place(ds, "nee"),
            remedy="set ustar_min to that number in [respiration.rows], or give the unfiltered flux",
        )


def _resample(table: _Rows, bootstraps: int, rng: np.random.Generator) -> _Rows:
    """Draw rows with replacement: (quantity, row) to (quantity, bootstrap, row)."""
    n = table.shape[1]
    return table[:, rng.integers(0, n, size=(bootstraps, n))]


def _nan_reduce(reduce: Callable[..., _Rows], values: _Rows, axis: int) -> _Rows:
    """Apply a reduction that ignores NaN; NaN without a warning if all values are NaN."""
    empty = np.isnan(values).all(axis=axis, keepdims=True)
    result = reduce(np.where(empty, 0.0, values), axis=axis)
    return np.where(np.squeeze(empty, axis=axis), np.nan, result)


def _sorted_by(key: _Rows, *columns: _Rows) -> tuple[_Rows, ...]:
    """Sort the columns along the last axis in the order of ``key``."""
    order = np.argsort(key, axis=-1)
    return tuple(np.take_along_axis(column, order, axis=-1) for column in columns)


def _class_means(values: _Rows, classes: int) -> _Rows:
    """Means of ``classes`` classes of (almost) equal count along the last axis."""
    n = values.shape[-1]
    edges = np.arange(classes + 1) * n // classes
    means: _Rows = np.add.reduceat(values, edges[:-1], axis=-1) / np.diff(edges)
    return means


def _moving_point_year(seasons: list[_Rows], plateau: float) -> _Rows:
    """Threshold of one year for each sample: the maximum over its seasons."""
    thresholds = [_moving_point(nee, ustar, t_air, plateau) for nee, ustar, t_air in seasons]
    return _nan_reduce(np.nanmax, np.stack(thresholds), 0)


def _moving_point(nee: _Rows, ustar: _Rows, t_air: _Rows, plateau: float) -> _Rows:
    """Threshold of one season for each sample; arrays of shape (bootstrap, row)."""
    nee, ustar, t_air = _sorted_by(t_air, nee, ustar, t_air)
    edges = np.arange(_N_TEMPERATURE + 1) * nee.shape[-1] // _N_TEMPERATURE
    thresholds = []
    for low, high in pairwise(edges):
        u, flux, temperature = _sorted_by(ustar[:, low:high], ustar[:, low:high], nee[:, low:high], t_air[:, low:high])
        mean_u, mean_flux = _class_means(u, _N_USTAR), _class_means(flux, _N_USTAR)
        # mean over all higher classes; there is none above the highest
        above = np.cumsum(mean_flux[:, :0:-1], axis=1)[:, ::-1] / np.arange(_N_USTAR - 1, 0, -1)
        reached = (mean_flux[:, :-1] >= plateau * above) & (above > 0.0)
        reached = reached[:, :-1] & reached[:, 1:]
        first = np.take_along_axis(mean_u, reached.argmax(axis=1)[:, None], axis=1)[:, 0]
        usable = reached.any(axis=1) & (np.abs(_correlation(u, temperature)) < _MAX_CORRELATION)
        thresholds.append(np.where(usable, first, np.nan))
    return _nan_reduce(np.nanmedian, np.stack(thresholds), 0)


def _correlation(x: _Rows, y: _Rows) -> _Rows:
    dx, dy = x - x.mean(axis=-1, keepdims=True), y - y.mean(axis=-1, keepdims=True)
    spread = np.sqrt((dx**2).sum(axis=-1) * (dy**2).sum(axis=-1))
    correlation: _Rows = (dx * dy).sum(axis=-1) / np.where(spread > 0.0, spread, np.inf)
    return correlation


def _change_point_year(windows: list[_Rows]) -> _Rows:
    """Threshold of one year for each sample: the mean over its strata with a significant break."""
    breaks = []
    for nee, ustar, t_air in windows:
        by_temperature = _sorted_by(t_air, nee, ustar)
        edges = np.arange(_N_STRATA + 1) * nee.shape[-1] // _N_STRATA
        for low, high in pairwise(edges):
            flux, u = (column[:, low:high] for column in by_temperature)
            flux, u = _sorted_by(u, flux, u)
            position, slope, f_max = change_point(_class_means(u, _N_BINS), _class_means(flux, _N_BINS))
            breaks.append(np.where((f_max > F_MAX_95) & (slope > 0.0), position, np.nan))
    strata = np.stack(breaks)
    enough = np.isfinite(strata).mean(axis=0) >= _MIN_SIGNIFICANT
    return np.where(enough, _nan_reduce(np.nanmean, strata, 0), np.nan)


def change_point(x: _Rows, y: _Rows) -> tuple[_Rows, _Rows, _Rows]:
    r"""Fit a line that is constant above a break.

    .. math:: y = a_0 + a_1 \min(x, x_c)

    All bins except three at either end are candidates for :math:`x_c`; the one with the smallest squared error is used.

    Parameters
    ----------
    x, y : array, shape (..., bin)
        Ascending positions, and values.

    Returns
    -------
    break_at, slope, f_max : array, shape (...,)
        The break :math:`x_c`, the slope :math:`a_1` below it, and
        :math:`F = (SS_{mean} - SS_{fit}) / (SS_{fit} / (n - 2))` at it.

    References
    ----------
    Barr et al. (2013), Agric. For. Meteorol. 171-172, 31-45, eq. 1 (the operational model).
    """
    n = x.shape[-1]
    count = np.arange(1, n + 1)
    x_sum, xx_sum, xy_sum, y_sum = (np.cumsum(column, axis=-1) for column in (x, x * x, x * y, y))
    # sums over all bins of z = min(x, x_k), z z and z y, for every k at once
    z = x_sum + (n - count) * x
    zz = xx_sum + (n - count) * x * x
    zy = xy_sum + x * (y_sum[..., -1:] - y_sum)
    s_zz = zz - z * z / n
    s_zy = zy - z * y_sum[..., -1:] / n
    total = ((y - y.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
    slope = s_zy / np.where(s_zz > 0.0, s_zz, np.inf)
    explained = slope * s_zy
    best = explained[..., _END_BINS : n - _END_BINS].argmax(axis=-1)[..., None] + _END_BINS
    at, gain, rise = (np.take_along_axis(column, best, axis=-1)[..., 0] for column in (x, explained, slope))
    left = np.maximum(total - gain, np.finfo(np.float64).tiny)
    return at, rise, gain / (left / (n - 2))
