"""Regressions on the forcing, as benchmarks of a run: how much of a flux follows from the weather of the same time step.

The three benchmarks of PLUMBER: a linear regression on downwelling shortwave radiation (``1lin``), one on radiation and air temperature
(``2lin``), and linear regressions on radiation, temperature and relative humidity in 27 clusters of these (``3km27``).

References
----------
Best et al. (2015), J. Hydrometeorol. 16, 1425-1442; Abramowitz (2012), Geosci. Model Dev. 5, 819-827, for the clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

from jules_ml.data.humidity import saturation_vapour_pressure, with_vpd
from jules_ml.data.record import local_middle
from jules_ml.scoring.splits import inner_folds

_Array = NDArray[np.float64]

#: Benchmarks by their name: number of the columns of the forcing that they use.
BENCHMARKS: Final = {"1lin": 1, "2lin": 2, "3km27": 3}
#: Names of the columns of the forcing.
FORCING: Final = ("sw_down", "t_air", "relative_humidity")
#: Clusters of ``3km27``, and rows for each of them; shorter records have fewer clusters.
CLUSTERS: Final = 27
_ROWS_OF_A_CLUSTER: Final = 30
#: Folds of years, or of two months where the record is shorter.
_FOLDS: Final = 5


def forcing_of(record: xr.Dataset) -> pd.DataFrame | None:
    """Return the forcing of the regressions.

    Parameters
    ----------
    record : xarray.Dataset
        Site dataset.

    Returns
    -------
    DataFrame, columns :data:`FORCING`
        By the end of each interval, UTC: W m-2, K and 1; None if the record has not all three.
    """
    record = with_vpd(record)
    if not {"sw_down", "t_air", "vpd"} <= set(record):
        return None
    t_air = record["t_air"].to_numpy().astype(np.float64)
    humidity = 1.0 - record["vpd"].to_numpy() / saturation_vapour_pressure(t_air)
    columns = (record["sw_down"].to_numpy(), t_air, np.clip(humidity, 0.0, 1.0))
    return pd.DataFrame(
        dict(zip(FORCING, columns, strict=True)), index=pd.DatetimeIndex(record["time"].to_numpy()), dtype=np.float64
    )


@dataclass
class ClusteredRegression:
    """Linear regressions in clusters of the forcing.

    Attributes
    ----------
    clusters : int
        Number of clusters.
    """

    clusters: int

    def fit(self, forcing: _Array, values: _Array) -> ClusteredRegression:
        """Cluster the forcing, shape (row, column), by k-means of standardised columns, and fit a regression in each cluster."""
        self._scaler = StandardScaler().fit(forcing)
        self._means = KMeans(self.clusters, n_init=1, random_state=0).fit(self._scaler.transform(forcing))
        labels = self._means.labels_
        self._lines = [LinearRegression().fit(forcing[labels == k], values[labels == k]) for k in range(self.clusters)]
        return self

    def predict(self, forcing: _Array) -> _Array:
        """Values of the rows, each by the regression of its cluster."""
        labels = self._means.predict(self._scaler.transform(forcing))
        predicted = np.empty(len(forcing))
        for k in np.unique(labels):
            predicted[labels == k] = self._lines[k].predict(forcing[labels == k])
        return predicted


def fitted_regression(benchmark: str, forcing: _Array, values: _Array) -> Any:
    """Fit a benchmark.

    Parameters
    ----------
    benchmark : str
        Of :data:`BENCHMARKS`.
    forcing : array, shape (row, column)
        Columns of :data:`FORCING` that the benchmark uses.
    values : array, shape (row,)

    Returns
    -------
    object with ``predict``
    """
    if benchmark != "3km27":
        return LinearRegression().fit(forcing, values)
    clusters = max(min(CLUSTERS, len(values) // _ROWS_OF_A_CLUSTER), 1)
    return ClusteredRegression(clusters).fit(forcing, values)


def out_of_sample(record: xr.Dataset, observed: pd.Series) -> pd.DataFrame | None:
    """Predict a flux by each benchmark, every row by regressions that were not trained on its year or months.

    Parameters
    ----------
    record : xarray.Dataset
        Site dataset, with the forcing.
    observed : Series
        Flux by the end of each interval of the record, UTC; NaN where it was not measured.

    Returns
    -------
    DataFrame
        ``observed`` and the columns of :data:`BENCHMARKS`, of the rows that have a prediction. Folds are whole years where three of them
        have data, otherwise blocks of two months or of one. None if the record lacks forcing, or all its data are in one fold.
    """
    forcing = forcing_of(record)
    if forcing is None:
        return None
    middle = local_middle(record)
    usable = (forcing.notna().all(axis=1) & observed.reindex(forcing.index).notna()).to_numpy()
    if not usable.any():
        return None
    rows, values = forcing.to_numpy()[usable], observed.reindex(forcing.index).to_numpy()[usable]
    fold = inner_folds(np.zeros(len(values), dtype=np.int64), middle[usable], most=_FOLDS)
    if len(np.unique(fold[fold >= 0])) < 2:
        return None
    predicted = {name: np.full(len(values), np.nan) for name in BENCHMARKS}
    for number in np.unique(fold[fold >= 0]):
        left_out = fold == number
        for name, columns in BENCHMARKS.items():
            regression = fitted_regression(name, rows[~left_out, :columns], values[~left_out])
            predicted[name][left_out] = regression.predict(rows[left_out, :columns])
    return pd.DataFrame({"observed": values, **predicted}, index=forcing.index[usable]).dropna()
