"""Figures of one quantity in several runs, with observations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from jules_ml.scoring.scores import score
from jules_ml.support.figures import (
    BLUE,
    GREEN,
    MEASURED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    WIDTH,
    add_notes,
    letter_panels,
    show_dates,
    styled,
    unit_text,
)

#: Colours of runs in the order that they are given.
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE)


@styled
def compare_series(
    series: Mapping[str, pd.Series],
    *,
    observed: pd.Series | None,
    title: str,
    unit: str,
    cumulative: bool = False,
    colours: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> Figure:
    """Draw daily means of a quantity in several runs, and their differences from the observations or from the first run.

    A single run without observations has no panel of differences.

    Parameters
    ----------
    series : mapping of str to Series
        Daily means by the end of each day, for each run by its name; they are drawn at the middle of the day.
    observed : Series or None
        Daily means of the observations by the end of each day.
    title : str
        Name of the quantity.
    unit : str
        Unit of the values.
    cumulative : bool
        Draw cumulative sums of values per second, such as runoff, instead of daily means.
    colours : mapping of str to str, optional
        Colours of the runs by name; by default :data:`COLOURS` in the order of ``series``.
    notes : sequence of str
        Notes below the figure.

    Returns
    -------
    Figure
    """
    compared = observed is not None or len(series) > 1
    figure = Figure(figsize=(WIDTH, 4.6 if compared else 3.0), layout="constrained")
    rows = 2 if compared else 1
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False, height_ratios=[1.6, 1.0][:rows])[:, 0]
    colours = dict(zip(series, cycle(COLOURS), strict=False)) if colours is None else colours
    # a sum is that at the end of the day
    stamps = _ends if cumulative else _middles
    daily = {name: _summed(values) if cumulative else values for name, values in series.items()}
    daily_observed = None if observed is None else _summed(observed) if cumulative else observed
    if daily_observed is not None:
        axes[0].plot(
            stamps(daily_observed), daily_observed, color=MEASURED, lw=0.0, marker=".", ms=2.2, label="measured"
        )
    for name, values in daily.items():
        axes[0].plot(stamps(values), values, color=colours[name], label=f"{name}{_error(values, daily_observed, unit)}")
    if daily_observed is not None:
        reference, reference_name = daily_observed, "observations"
    else:
        reference_name, reference = next(iter(daily.items()))
    for name, values in daily.items():
        if name != reference_name and compared:
            near = reference.reindex(values.index, method="nearest", tolerance=pd.Timedelta("12h"))
            # days that are missing stay gaps
            axes[1].plot(stamps(values), values - near, color=colours[name], lw=0.8)
    if compared:
        axes[1].axhline(0.0, color="#404040", lw=0.6)
    axes[0].legend(ncols=4, loc="upper left", borderaxespad=0.1)
    for axis in axes:
        axis.set_ylabel(f"[{unit_text(unit)}]")
    kind = "sum since the start" if cumulative else "daily means"
    letter_panels(axes, [f"{title}, {kind}", f"Difference from {reference_name}"][:rows])
    axes[-1].set_xlabel("time (UTC)")
    show_dates(axes[-1])
    add_notes(figure, notes)
    return figure


def _error(values: pd.Series, observed: pd.Series | None, unit: str) -> str:
    """Root mean square error of a run, for the legend; empty without observations."""
    if observed is None:
        return ""
    near = observed.reindex(values.index, method="nearest", tolerance=pd.Timedelta("12h"))
    scores = score(values.to_numpy(dtype=float), near.to_numpy(dtype=float))
    return f", RMSE {scores.rmse:.3g} {unit_text(unit)}" if np.isfinite(scores.rmse) else ""


def _ends(values: pd.Series) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(values.index)


def _middles(values: pd.Series) -> pd.DatetimeIndex:
    """Middles of days, or of longer periods, from their ends."""
    ends = _ends(values)
    length = ends.to_series().diff().min() if len(ends) > 1 else pd.Timedelta("1D")
    return ends - length / 2


def _summed(values: pd.Series) -> pd.Series:
    ends = values.index.to_series()
    lengths = ends.diff().bfill().fillna(pd.Timedelta("1D"))
    return (values * lengths.dt.total_seconds()).cumsum()
