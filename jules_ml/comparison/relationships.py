"""Relationships between variables in observations and runs: a flux in bins of temperature or moisture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.comparison.runs import QUANTITIES, Quantity, Run, on_common_periods
from jules_ml.comparison.scores import modelled, observations
from jules_ml.data.record import interval

_Array = NDArray[np.float64]

#: Bins of the independent variable, and fewest values of a bin.
BINS: Final = 12
LEAST_OF_A_BIN: Final = 10
#: Fewest values of a relationship: three bins have a score.
_LEAST: Final = 3 * LEAST_OF_A_BIN
#: Attribute of a table: length of its periods [s], which gaps hide.
_SECONDS: Final = "seconds"
#: Variables of which fluxes are drawn as functions.
DRIVERS: Final = ("soil temperature", "soil water")


@dataclass(frozen=True, eq=False)
class Curve:
    """Mean and standard deviation of a flux in bins.

    Attributes
    ----------
    mean, sd : array, shape (bin,)
        NaN in bins with few values.
    """

    mean: _Array
    sd: _Array


@dataclass(frozen=True, eq=False)
class Relationship:
    """A flux as a function of a variable, observed and in runs.

    Attributes
    ----------
    flux, flux_unit : str
    driver, driver_unit : str
        Independent variable, with the depth of its sensor.
    edges : array, shape (bin + 1,)
    observed : Curve
    runs : dict of str to Curve
        By the name of the run.
    scores : dict of str to float
        See :func:`curve_score`, by the name of the run.
    shape_scores : dict of str to float
        The same with each curve relative to its mean, so that only the form counts.
    """

    flux: str
    flux_unit: str
    driver: str
    driver_unit: str
    edges: _Array
    observed: Curve
    runs: dict[str, Curve]
    scores: dict[str, float]
    shape_scores: dict[str, float]


def binned_curve(flux: _Array, driver: _Array, edges: _Array) -> Curve:
    """Average a flux in bins of a variable; bins with fewer than ten values are NaN."""
    at = np.digitize(driver, edges) - 1
    at[driver == edges[-1]] = len(edges) - 2
    mean, sd = np.full(len(edges) - 1, np.nan), np.full(len(edges) - 1, np.nan)
    for k in range(len(edges) - 1):
        inside = flux[at == k]
        if len(inside) >= LEAST_OF_A_BIN:
            mean[k], sd[k] = inside.mean(), inside.std()
    return Curve(mean, sd)


def curve_score(modelled_mean: _Array, observed_mean: _Array) -> float:
    r"""Score a modelled curve by the observed one, over the bins that both have.

    .. math:: S = e^{-\epsilon}, \qquad \epsilon = \sqrt{\frac{\sum (y_m - y_o)^2}{\sum y_o^2}}

    Parameters
    ----------
    modelled_mean, observed_mean : array, shape (bin,)
        :math:`y_m` and :math:`y_o`; NaN in bins without values.

    Returns
    -------
    float
        1 for the observed curve; NaN with fewer than three bins.

    References
    ----------
    Collier et al. (2018), J. Adv. Model. Earth Syst. 10, 2731-2754, section 2.4, on relationships in ILAMB.
    """
    both = np.isfinite(modelled_mean) & np.isfinite(observed_mean)
    if both.sum() < 3:
        return float("nan")
    error = np.sum((modelled_mean[both] - observed_mean[both]) ** 2) / np.sum(observed_mean[both] ** 2)
    return float(np.exp(-np.sqrt(error)))


def relationships(runs: Sequence[Run], record: xr.Dataset, fluxes: Mapping[Quantity, pd.Series]) -> list[Relationship]:
    """Compute fluxes as functions of soil temperature and soil water at the shallowest sensors.

    Parameters
    ----------
    runs : sequence of Run
        Each with the flux and the variable of its own.
    record : xarray.Dataset
        Site dataset.
    fluxes : mapping of Quantity to Series
        Observed fluxes by the end of each interval of the record, UTC; NaN where not measured.

    Returns
    -------
    list of Relationship
        Those that the record and at least one run have. Fluxes and variables of runs and observations are compared at the times that all
        have, averaged to the longest of their periods; without 30 such times there is none.
    """
    made = []
    for flux, observed in fluxes.items():
        for driver in (each for each in QUANTITIES if each.name in DRIVERS):
            for sensor, depth, values in observations(record, driver)[:1]:
                tables = {
                    run.name: table
                    for run in runs
                    if (table := _pairs(run, flux, observed, driver, depth, values, interval(record).total_seconds()))
                    is not None
                }
                relationship = _relationship(flux, driver, sensor, tables) if tables else None
                made += [] if relationship is None else [relationship]
    return made


def _pairs(
    run: Run, flux: Quantity, observed: pd.Series, driver: Quantity, depth: float | None, at: pd.Series, seconds: float
) -> pd.DataFrame | None:
    """Observed and modelled flux and driver at the same times, for one run."""
    parts: dict[str, tuple[pd.DataFrame, float]] = {}
    for name, quantity, level, values in (("flux", flux, None, observed), ("driver", driver, depth, at)):
        of_run = modelled(run, quantity, level)
        if of_run is None:
            return None
        lengths = seconds, float(of_run.attrs["interval_seconds"])
        pairs = on_common_periods(values, of_run.reset_coords(drop=True).to_series(), seconds=lengths)
        parts[name] = pairs.add_suffix(f" {name}"), max(lengths)
    longest, length = max(parts.values(), key=lambda part: part[1])
    alike = [_averaged(pairs, own, longest, length) for pairs, own in parts.values()]
    table = pd.concat(alike, axis="columns", join="inner").dropna()
    table.attrs[_SECONDS] = length
    return table if len(table) >= _LEAST else None


def _at_common_times(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Average tables to the longest of their periods, and cut them to the times that all have."""
    longest = max(tables.values(), key=lambda table: float(table.attrs[_SECONDS]))
    length = float(longest.attrs[_SECONDS])
    alike = {
        name: _averaged(table, float(table.attrs[_SECONDS]), longest, length).dropna() for name, table in tables.items()
    }
    times = reduce(lambda one, other: one.intersection(other), (table.index for table in alike.values()))
    return {name: table.loc[times] for name, table in alike.items()}


def _averaged(table: pd.DataFrame, seconds: float, to: pd.DataFrame, length: float) -> pd.DataFrame:
    """Average a table with periods of ``seconds`` to the periods of another, which are as long or longer."""
    ends = to.iloc[:, 0]
    columns = {
        str(name): on_common_periods(ends, values, seconds=(length, seconds))["modelled"]
        for name, values in table.items()
    }
    return pd.DataFrame(columns)


def _relationship(
    flux: Quantity, driver: Quantity, sensor: str, tables: Mapping[str, pd.DataFrame]
) -> Relationship | None:
    tables = _at_common_times(tables)
    first = next(iter(tables.values()))
    if len(first) < _LEAST:
        return None
    low, high = np.quantile(first["observed driver"], [0.01, 0.99])
    if not high > low:
        return None
    edges = np.linspace(low, high, BINS + 1)
    curve, of_runs = _curve(first, "observed", edges), {n: _curve(t, "modelled", edges) for n, t in tables.items()}
    return Relationship(
        flux.name,
        flux.unit,
        f"{driver.name} at {sensor}" if sensor else driver.name,
        driver.unit,
        edges,
        curve,
        of_runs,
        {name: curve_score(each.mean, curve.mean) for name, each in of_runs.items()},
        {name: curve_score(*_relative(each.mean, curve.mean)) for name, each in of_runs.items()},
    )


def _curve(table: pd.DataFrame, which: str, edges: _Array) -> Curve:
    return binned_curve(table[f"{which} flux"].to_numpy(), table[f"{which} driver"].to_numpy(), edges)


def _relative(modelled_mean: _Array, observed_mean: _Array) -> tuple[_Array, _Array]:
    """Both curves relative to their means over the bins that both have."""
    both = np.isfinite(modelled_mean) & np.isfinite(observed_mean)
    if not both.any() or not modelled_mean[both].mean() > 0.0 or not observed_mean[both].mean() > 0.0:
        return np.full_like(modelled_mean, np.nan), observed_mean
    return modelled_mean / modelled_mean[both].mean(), observed_mean / observed_mean[both].mean()
