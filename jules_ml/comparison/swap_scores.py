"""Scores of a run with JULES's own forms and of a run with a module, against the same observations, and the gain of the swap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.comparison.runs import QUANTITIES, Quantity, on_common_periods
from jules_ml.comparison.scores import modelled, observations
from jules_ml.comparison.swapped_runs import STOCK, SWAPPED, SwappedRuns
from jules_ml.data.daily import DAY, LEAST_FRACTION
from jules_ml.data.record import interval
from jules_ml.scoring.bootstrap import Difference, day_blocks, paired_gain
from jules_ml.scoring.scores import Scores, score

#: Length of the blocks of the bootstrap [d]: weather and its errors are correlated over days.
BLOCK_DAYS: Final = 10
#: Least number of days or nights that are scored.
_LEAST: Final = 10
#: Greatest relative difference between runs that are the same.
_SAME: Final = 1e-6

Effect = Literal["better", "worse", "not different", "unchanged", "unknown"]
#: Marks the times, in the middle of each interval in local standard time, that the module was not trained on.
Unused = Callable[[pd.DatetimeIndex], NDArray[np.bool_]]


@dataclass(frozen=True)
class SwapScore:
    """One quantity in both runs.

    Attributes
    ----------
    quantity : str
    label : str
        Sensor, or how night respiration was compared; may be empty.
    period : str
        What a pair is: ``days``, ``nights`` or ``steps``.
    unit : str
    pairs : DataFrame, columns ('observed', 'stock', 'swapped')
        Observed and modelled values by the middle of each period in local standard time.
    stock, swapped : Scores
    nse, kge : Difference
        Gain of the swap.
    """

    quantity: str
    label: str
    period: str
    unit: str
    pairs: pd.DataFrame
    stock: Scores
    swapped: Scores
    nse: Difference
    kge: Difference

    @property
    def effect(self) -> Effect:
        """What the swap does to the Nash-Sutcliffe efficiency."""
        return effect_of(self.nse, self.pairs)

    @property
    def name(self) -> str:
        """Quantity and label."""
        return f"{self.quantity}, {self.label}" if self.label else self.quantity

    def to_json(self) -> dict[str, Any]:
        """Return the entry of ``verdict.json``."""
        return {
            "quantity": self.quantity,
            "label": self.label,
            "period": self.period,
            "unit": self.unit,
            "effect": self.effect,
            STOCK: asdict(self.stock),
            SWAPPED: asdict(self.swapped),
            "gain": {"nse": asdict(self.nse), "kge": asdict(self.kge)},
        }


def effect_of(gain: Difference, pairs: pd.DataFrame) -> Effect:
    """Name the effect of the swap on the pairs of one or several sensors."""
    size = float(np.abs(pairs[STOCK]).max()) if len(pairs) else 0.0
    if len(pairs) and float(np.abs(pairs[SWAPPED] - pairs[STOCK]).max()) <= _SAME * size:
        return "unchanged"
    if gain.gain is None:
        return "unknown"
    effects: dict[int, Effect] = {1: "better", -1: "worse", 0: "not different"}
    return effects[gain.gain]


def swap_score(
    quantity: str, pairs: pd.DataFrame, *, unit: str, label: str = "", period: str = "days", least: int = _LEAST
) -> SwapScore | None:
    """Score both runs on the same pairs; None with fewer than ``least`` of them."""
    pairs = pairs.dropna()
    if len(pairs) < least:
        return None
    observed, stock, swapped = (pairs[name].to_numpy() for name in ("observed", STOCK, SWAPPED))
    gain = paired_gain(swapped, stock, observed, day_blocks(pd.DatetimeIndex(pairs.index), days=BLOCK_DAYS))
    return SwapScore(
        quantity, label, period, unit, pairs, score(stock, observed), score(swapped, observed), gain["nse"], gain["kge"]
    )


def pooled_gain(scores: Sequence[SwapScore]) -> Difference:
    """Gain in NSE over all sensors of a quantity together."""
    pairs = pd.concat([each.pairs for each in scores])
    sensor = np.repeat(np.arange(len(scores)), [len(each.pairs) for each in scores])
    observed, stock, swapped = (pairs[name].to_numpy() for name in ("observed", STOCK, SWAPPED))
    return paired_gain(
        swapped, stock, observed, day_blocks(pd.DatetimeIndex(pairs.index), days=BLOCK_DAYS), series=sensor
    )["nse"]


def both_runs(
    runs: SwappedRuns, quantity: Quantity, depth: float | None, observed: pd.Series, record: xr.Dataset
) -> tuple[pd.DataFrame, pd.Timedelta] | None:
    """Pair observations with both runs.

    Parameters
    ----------
    runs : SwappedRuns
    quantity : Quantity
    depth : float or None
        Depth of the sensor [m].
    observed : Series
        Values by the end of each interval of the record, UTC.
    record : xarray.Dataset
        Site dataset.

    Returns
    -------
    pairs : DataFrame, columns ('observed', 'stock', 'swapped')
        By the middle of each period in local standard time.
    period : Timedelta
        The longer of the intervals of record and runs.

    None if a run does not have the quantity.
    """
    length = interval(record)
    columns: dict[str, pd.Series] = {}
    periods = [length]
    for name, run in ((STOCK, runs.stock), (SWAPPED, runs.swapped)):
        values = modelled(run, quantity, depth)
        if values is None:
            return None
        seconds = float(values.attrs["interval_seconds"])
        periods.append(pd.Timedelta(seconds=seconds))
        pairs = on_common_periods(observed, values.to_series(), seconds=(length.total_seconds(), seconds))
        columns |= {"observed": pairs["observed"], name: pairs["modelled"]}
    period = max(periods)
    frame = pd.DataFrame(columns).dropna()
    offset = pd.Timedelta(hours=float(record.attrs.get("utc_offset_hours", 0.0)))
    return frame.set_axis(pd.DatetimeIndex(frame.index) - period / 2 + offset), period


def daily_scores(runs: SwappedRuns, record: xr.Dataset, unused: Unused) -> list[SwapScore]:
    """Score daily means of all quantities but respiration, at every sensor, on days that the module was not trained on.

    Parameters
    ----------
    runs : SwappedRuns
    record : xarray.Dataset
        Site dataset; values that its source gap-filled are left out.
    unused : callable

    Returns
    -------
    list of SwapScore
        A modelled mean is over the same steps as the observed one. Days with less than half of their steps are left out.
    """
    scores = []
    for quantity in (each for each in QUANTITIES if each.name != "soil respiration"):
        for sensor, depth, observed in observations(record, quantity):
            both = both_runs(runs, quantity, depth, observed, record)
            if both is None:
                continue
            steps, period = both
            steps = steps[unused(pd.DatetimeIndex(steps.index))]
            days = steps.groupby(pd.DatetimeIndex(steps.index).floor("D"))
            means = days.mean()[days.size() >= LEAST_FRACTION * max(DAY / period, 1.0)]
            scored = swap_score(quantity.name, means, unit=quantity.unit, label=sensor)
            scores += [] if scored is None else [scored]
    return scores
