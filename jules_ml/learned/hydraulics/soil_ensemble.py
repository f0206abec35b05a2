r"""Eight soils for each place, whose runs together follow soil moisture: the draws of learned hydraulics.

Unlike soils err at different times, so that the mean of their runs errs less than any of them. A library of soils, the same everywhere, is
run once at all training sites. About each training site, the soils are chosen one after the other that lower most the error of the mean
of the runs, over the sites with like static inputs (ensemble selection); a soil can be chosen more than once. Any other place has the soils
of the training site with the nearest inputs. The error of any mean of runs follows from the second moments of the runs' anomalies:
no column is run for a choice.

References
----------
Caruana et al. (2004), Proc. 21st Int. Conf. Machine Learning, 18, for the selection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.learned.hydraulics.columns import ColumnBatch
from jules_ml.learned.hydraulics.simulation import at_sensors, batch_soil, concatenate_soils, simulate
from jules_ml.learned.hydraulics.soil import PARAMETERS
from jules_ml.learned.hydraulics.training import ERROR_FLOOR
from jules_ml.support.progress import Progress

_Array = NDArray[np.float64]

#: Number of soils of the library; a power of 2, for Sobol's sequence.
SOILS: Final = 64
#: Centre of the library: near the mean of Rosetta's soils over textures, in the order of ``PARAMETERS`` [1].
_CENTRE: Final = (-0.4, 0.5, 0.5, -0.4, 0.3)
#: Standard deviation that topsoil and subsoil have in common, and of each alone [1]; limit of all parameters [1].
_COMMON, _ALONE, _LIMIT = 1.0, 0.4, 3.5
#: Number of months of own days, after the first, with which no soil is kept that was chosen without them.
_ALL_MONTHS: Final = 8
#: Number of soils that are run at once, which limits memory.
_AT_ONCE: Final = 8


def soil_library(soils: int = SOILS) -> Tensor:
    """Soils that cover the range of soils evenly.

    Parameters
    ----------
    soils : int

    Returns
    -------
    Tensor, shape (soil, parameter, horizon)
        Unbounded parameters [1].
    """
    n = len(PARAMETERS)
    even = torch.quasirandom.SobolEngine(3 * n, scramble=True, seed=0).draw(soils, dtype=torch.float64)
    normal = torch.special.ndtri(even.clamp(1e-3, 1.0 - 1e-3))
    common, alone = normal[:, :n, None], normal[:, n:].reshape(soils, n, 2)
    centre = torch.tensor(_CENTRE, dtype=torch.float64)[:, None]
    soil: Tensor = (centre + _COMMON * common + _ALONE * alone).clamp(-_LIMIT, _LIMIT)
    return soil


def library_runs(batch: ColumnBatch, library: Tensor, *, progress: Progress | None = None) -> NDArray[np.float32]:
    """Run all columns with each soil of a library.

    Parameters
    ----------
    batch : ColumnBatch
    library : Tensor, shape (soil, parameter, horizon)
        Unbounded parameters [1].
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    array, shape (soil, day, sensor)
        Water content at the sensors [m3 m-3].
    """
    readings: list[NDArray[np.float32]] = []
    for first in range(0, len(library), _AT_ONCE):
        soils = [
            batch_soil(batch, raw.to(batch.dzsoil.dtype)[:, :, None].expand(-1, -1, len(batch.sites)))
            for raw in library[first : first + _AT_ONCE]
        ]
        theta = simulate(batch, concatenate_soils(soils))
        readings += [at_sensors(batch, part).numpy() for part in theta.split(len(batch.sites), dim=2)]
        if progress is not None:
            progress("library", len(readings), len(library))
    return np.stack(readings)


def run_moments(runs: NDArray[np.floating], observed: NDArray[np.floating]) -> _Array:
    r"""Second moments of runs, which the error of any mean of the runs follows from.

    Parameters
    ----------
    runs : array, shape (soil, day, sensor)
        Water content of each run [m3 m-3].
    observed : array, shape (day, sensor)
        [m3 m-3]; NaN on days that are excluded.

    Returns
    -------
    array, shape (sensor, soil + 1, soil + 1)
        Second moments of the anomalies of the runs and, last, of the observations [m6 m-6]. NaN for a soil with which a column overflows;
        zero without observations. For weights :math:`w` with the sum 1, and :math:`v = (w, -1)`, the mean square error of the anomalies
        is :math:`v^T M v`.
    """
    moments = np.zeros((observed.shape[1], len(runs) + 1, len(runs) + 1))
    for sensor in range(observed.shape[1]):
        measured = np.isfinite(observed[:, sensor])
        if not measured.any():
            continue
        together = np.vstack([runs[:, measured, sensor], observed[measured, sensor]]).astype(np.float64)
        anomaly = together - together.mean(1, keepdims=True)
        moments[sensor] = anomaly @ anomaly.T / measured.sum()
    return moments


def library_moments(batch: ColumnBatch, library: Tensor, *, progress: Progress | None = None) -> _Array:
    """Second moments of the runs of all columns with each soil of a library.

    Parameters
    ----------
    batch, library, progress
        As for :func:`library_runs`.

    Returns
    -------
    array, shape (sensor, soil + 1, soil + 1)
        As from :func:`run_moments`, with the observations of the batch.
    """
    return run_moments(library_runs(batch, library, progress=progress), batch.observed.numpy())


def mean_run_error(moments: _Array, weights: _Array) -> _Array:
    """Error of a weighted mean of the runs.

    Parameters
    ----------
    moments : array, shape (sensor, soil + 1, soil + 1)
        From :func:`run_moments`.
    weights : array, shape (sensor, soil)
        With the sum 1 for each sensor.

    Returns
    -------
    array, shape (sensor,)
        Mean square error of the anomalies [m6 m-6].
    """
    v = np.concatenate([weights, np.full((len(weights), 1), -1.0)], axis=1)
    error: _Array = np.einsum("si,sij,sj->s", v, moments, v, optimize=True)
    return np.maximum(error, 0.0)


def chosen_soils(moments: _Array, weight: _Array, number: int, *, begin: Sequence[int] = ()) -> NDArray[np.int64]:
    """Choose soils one after the other, each so that the mean of the runs of all that are chosen errs least.

    Parameters
    ----------
    moments : array, shape (sensor, soil + 1, soil + 1)
        Of the training sites, finite.
    weight : array, shape (sensor,)
        Weight of each sensor.
    number : int
        Number of soils, of which some can be the same.
    begin : sequence of int
        Soils that are chosen already, not more than ``number``; they count among it.

    Returns
    -------
    array of int, shape (number,)
    """
    among, with_observed, observed = moments[:, :-1, :-1], moments[:, :-1, -1], moments[:, -1, -1]
    own = np.einsum("skk->sk", among)
    square, mixed, crossed = np.zeros(len(moments)), np.zeros_like(own), np.zeros(len(moments))
    chosen: list[int] = []
    for n in range(1, number + 1):
        # error of the mean with each further soil
        error = (square[:, None] + 2.0 * mixed + own) / n**2 - 2.0 * (crossed[:, None] + with_observed) / n
        logarithm = np.log(np.maximum(error + observed[:, None], 0.0) + ERROR_FLOOR**2)
        k = int(begin[n - 1]) if n <= len(begin) else int((weight @ logarithm).argmin())
        square = square + 2.0 * mixed[:, k] + own[:, k]
        mixed = mixed + among[:, :, k]
        crossed = crossed + with_observed[:, k]
        chosen.append(k)
    return np.array(chosen, dtype=np.int64)


class SoilsBySite(NamedTuple):
    """Scaled ``inputs`` of training sites, shape (site, input), and ``soils`` of the library chosen about each, shape (site, number)."""

    inputs: _Array
    soils: NDArray[np.int64]

    def at(self, inputs: _Array) -> NDArray[np.int64]:
        """Soils of the nearest training site, shape (place, number), for scaled inputs of shape (place, input)."""
        found: NDArray[np.int64] = self.soils[_distance(inputs, self.inputs).argmin(1)]
        return found


def soils_by_site(
    inputs: _Array, moments: _Array, weight: _Array, site: NDArray[np.int64], *, width: float, number: int
) -> SoilsBySite:
    """Choose the soils about each training site.

    Parameters
    ----------
    inputs : array, shape (site, input)
        Scaled inputs of the training sites; 0 where unknown.
    moments : array, shape (sensor, soil + 1, soil + 1)
        Of the sensors of these sites.
    weight : array, shape (sensor,)
        Weight of each sensor.
    site : array of int, shape (sensor,)
        Site of each sensor.
    width : float
        Width of the Gaussian weights of other sites: root mean square difference of scaled inputs [1].
    number : int
        Number of soils.

    Returns
    -------
    SoilsBySite
    """
    # a soil with which a column overflows is no choice anywhere
    kept = np.flatnonzero(np.isfinite(np.einsum("skk->sk", moments)).all(0))
    among = moments[:, kept][:, :, kept]
    near = np.exp(-_distance(inputs, inputs) / width**2)
    soils = [kept[:-1][chosen_soils(among, weight * row[site], number)] for row in near]
    return SoilsBySite(inputs, np.stack(soils))


def soils_with_days(moments: _Array, weight: _Array, prior: NDArray[np.int64], months: int) -> NDArray[np.int64]:
    """Choose the soils of a site with some days of its own soil moisture.

    Days of one month are nearly one observation, and the first month tells hardly more than the level. Each further month replaces one of
    eight soils that were chosen without these days.

    Parameters
    ----------
    moments : array, shape (sensor, soil + 1, soil + 1)
        Of the sensors of the site, on these days.
    weight : array, shape (sensor,)
        Weight of each sensor.
    prior : array of int, shape (number,)
        Soils that were chosen without these days, in the order of the choice.
    months : int
        Number of months with such days.

    Returns
    -------
    array of int, shape (number,)
    """
    sound = np.flatnonzero(np.isfinite(np.einsum("skk->sk", moments)).all(0))
    kept = prior[: len(prior) - round(len(prior) * min(max(months - 1, 0) / _ALL_MONTHS, 1.0))]
    kept = kept[np.isin(kept, sound)]
    among = moments[:, sound][:, :, sound]
    begin = np.searchsorted(sound, kept).tolist()
    found: NDArray[np.int64] = sound[chosen_soils(among, weight, len(prior), begin=begin)]
    return found


def _distance(some: _Array, others: _Array) -> _Array:
    """Mean square difference of scaled inputs, shape (some, other)."""
    difference = some[:, None] - others[None]
    distance: _Array = (difference**2).sum(-1) / max(some.shape[1], 1)
    return distance


def site_costs(error: _Array, weight: _Array, site: NDArray[np.int64], sites: int) -> _Array:
    """Mean logarithm of the errors of the sensors of each site.

    Parameters
    ----------
    error : array, shape (sensor,)
        Mean square error [m6 m-6]; NaN, where a column overflowed, counts as 1.
    weight : array, shape (sensor,)
        Weight of each sensor; 0 without observations.
    site : array of int, shape (sensor,)
        Site of each sensor.
    sites : int
        Number of sites.

    Returns
    -------
    array, shape (site,)
        NaN for a site without weight.
    """
    logarithm = 0.5 * np.log(np.nan_to_num(error, nan=1.0, posinf=1.0) + ERROR_FLOOR**2)
    total = np.bincount(site, weight, sites)
    with np.errstate(invalid="ignore"):
        mean: _Array = np.bincount(site, weight * logarithm, sites) / total
    return mean


def sites_of(columns: Sequence[ColumnBatch]) -> NDArray[np.int64]:
    """Number of the site of each sensor, over several batches one after the other."""
    first = np.cumsum([0, *(len(each.sites) for each in columns)])
    return np.concatenate([each.sensor_column.numpy() + k for each, k in zip(columns, first[:-1], strict=True)])
