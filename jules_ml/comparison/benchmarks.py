"""Rank of runs among regressions on their forcing, as in PLUMBER.

A run that does not beat a regression on the weather of the same time step does not use the information in its forcing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.comparison.forcing_regressions import BENCHMARKS, out_of_sample
from jules_ml.comparison.runs import QUANTITIES, Run, on_common_periods
from jules_ml.comparison.scores import modelled, observations
from jules_ml.data.record import interval
from jules_ml.scoring.scores import score

#: Measures of a rank: relative bias, normalised mean error, standard deviation, correlation.
MEASURES: Final = ("bias", "nme", "sd_ratio", "r")
#: Benchmark with all three variables of the forcing.
THREE_VARIABLES: Final = "3km27"
#: Not ranked: a record's productivity is a partition of the exchange by a model of radiation and temperature, as the regressions are.
_PARTITIONED: Final = ("gross primary productivity",)
#: Fewest periods of a rank.
_LEAST: Final = 30


@dataclass(frozen=True, eq=False)
class BenchmarkRank:
    """Rank of a run among the regressions, for one flux.

    Attributes
    ----------
    quantity, run, unit : str
    n : int
        Number of periods.
    measures : DataFrame
        Columns :data:`MEASURES` of the run and of each benchmark: mean of prediction less observation in the unit of the flux, mean
        absolute error relative to the mean absolute deviation of the observations, ratio of the standard deviations, and correlation.
    ranks : Series
        Mean rank over the measures of the run and of each benchmark; 1 is best.
    """

    quantity: str
    run: str
    unit: str
    n: int
    measures: pd.DataFrame
    ranks: pd.Series

    @property
    def as_good(self) -> bool:
        """Whether the run ranks at least as well as the regression on three variables."""
        return bool(self.ranks[self.run] <= self.ranks[THREE_VARIABLES])

    @property
    def sentence(self) -> str:
        """The result for the user."""
        own, benchmark = self.ranks[self.run], self.ranks[THREE_VARIABLES]
        verb = "is at least as good as" if self.as_good else "is worse than"
        return (
            f"{self.quantity}: {self.run} has a mean rank of {own:.2f}, and the regression {THREE_VARIABLES} of {benchmark:.2f} "
            f"(1 is best, {len(self.ranks)} is worst): {self.run} {verb} the regression."
        )


def measures_of(predicted: NDArray[np.float64], observed: NDArray[np.float64]) -> dict[str, float]:
    """Compute the measures of PLUMBER.

    Parameters
    ----------
    predicted, observed : array of one shape
        Without missing values.

    Returns
    -------
    dict of str to float
        By :data:`MEASURES`.

    References
    ----------
    Best et al. (2015), J. Hydrometeorol. 16, 1425-1442, table 3.
    """
    scores = score(predicted, observed)
    deviation = float(np.mean(np.abs(observed - observed.mean())))
    return {
        "bias": scores.bias,
        "nme": scores.mae / deviation if deviation > 0.0 else float("nan"),
        "sd_ratio": float(np.std(predicted) / np.std(observed)) if deviation > 0.0 else float("nan"),
        "r": scores.r,
    }


def mean_ranks(measures: pd.DataFrame) -> pd.Series:
    """Average the ranks of the rows of a table of measures.

    Parameters
    ----------
    measures : DataFrame, columns :data:`MEASURES`

    Returns
    -------
    Series
        1 is best; equal rows share the mean of their ranks, and a missing measure is the worst.
    """
    distance = pd.DataFrame(
        {
            "bias": measures["bias"].abs(),
            "nme": measures["nme"],
            "sd_ratio": (1.0 - measures["sd_ratio"]).abs(),
            "r": 1.0 - measures["r"],
        }
    )
    return distance.rank(na_option="bottom").mean(axis=1)


def benchmark_ranks(runs: Sequence[Run], record: xr.Dataset) -> tuple[list[BenchmarkRank], list[str]]:
    """Rank runs among regressions on the forcing, for each flux that the record and the runs contain, but for productivity.

    Parameters
    ----------
    runs : sequence of Run
    record : xarray.Dataset
        Site dataset with radiation, temperature and humidity.

    Returns
    -------
    list of BenchmarkRank
        By flux, then by run. All are scored on the same periods, of which at least three quarters have measurements.
    list of str
        Notes for the user.
    """
    ranks, notes = [], []
    for quantity in (each for each in QUANTITIES if not each.layered and each.name not in _PARTITIONED):
        for _, _, observed in observations(record, quantity):
            present = [(run, modelled(run, quantity, None)) for run in runs]
            if all(values is None for _, values in present):
                continue
            predicted = out_of_sample(record, observed)
            if predicted is None:
                notes.append(
                    f"{quantity.name} is not ranked among regressions on the forcing: the record needs sw_down, t_air and humidity, and "
                    "data of more than two months"
                )
                continue
            of_runs = [
                _rank(run, quantity.name, quantity.unit, values, predicted, interval(record).total_seconds())
                for run, values in present
                if values is not None
            ]
            ranks += [each for each in of_runs if each is not None]
    return ranks, notes


def _rank(
    run: Run, quantity: str, unit: str, values: xr.DataArray, predicted: pd.DataFrame, seconds: float
) -> BenchmarkRank | None:
    lengths = seconds, float(values.attrs["interval_seconds"])
    series = values.reset_coords(drop=True).to_series()
    pairs = {name: on_common_periods(predicted[name], series, seconds=lengths) for name in predicted}
    frame = pd.DataFrame(
        {run.name: pairs["observed"]["modelled"], **{name: pair["observed"] for name, pair in pairs.items()}}
    )
    frame = frame.dropna()
    if len(frame) < _LEAST:
        return None
    observed = frame["observed"].to_numpy()
    candidates = [run.name, *BENCHMARKS]
    table = pd.DataFrame([measures_of(frame[name].to_numpy(), observed) for name in candidates], index=candidates)
    return BenchmarkRank(quantity, run.name, unit, len(frame), table, mean_ranks(table))
