"""What a learned flux misses: residuals against water, temperature, hour and season."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jules_ml.figures.style import BLUE, GREY, VERMILION, WIDTH, add_notes, letter_panels, styled

_UNIT = "µmol m$^{-2}$ s$^{-1}$"
_BINS = 20
#: Rows that a bin must have to be drawn.
_LEAST = 10


@styled
def residuals(rows: pd.DataFrame, *, notes: Sequence[str] = ()) -> Figure:
    """Draw residuals, measured less predicted, against what the flux may depend on.

    Parameters
    ----------
    rows : DataFrame, columns ('residual', 'moisture', 't_soil', 'hour', 'day_of_year')
        One row a step: residual [umol m-2 s-1], moisture [1 or m3 m-3], temperature [K], local hour and day of the year.
    notes : sequence of str
        What the reader must know.

    Returns
    -------
    Figure
        Points are at most 5000 of the rows; lines are medians and quartiles of bins with equally many rows.
    """
    figure = Figure(figsize=(WIDTH, 5.4), layout="constrained")
    axes = figure.subplots(2, 2, sharey=True).ravel()
    labels = ("moisture", "temperature [K]", "hour of day", "day of year")
    shown = rows.iloc[:: max(1, len(rows) // 5000)]
    limit = float(np.nanquantile(rows["residual"].abs(), 0.995)) if len(rows) else 1.0
    for axis, name, label in zip(axes, ("moisture", "t_soil", "hour", "day_of_year"), labels, strict=True):
        axis.plot(shown[name], shown["residual"], ".", color=GREY, ms=1.2, alpha=0.35)
        _running(axis, rows[name], rows["residual"])
        axis.axhline(0.0, color=BLUE, lw=0.8)
        axis.set(xlabel=label, ylim=(-limit, limit))
    for axis in axes[::2]:
        axis.set_ylabel(f"measured − learned [{_UNIT}]")
    letter_panels(axes, ["", "", "", ""])
    add_notes(figure, notes)
    return figure


def _running(axis: Axes, x: pd.Series, residual: pd.Series) -> None:
    bins = pd.qcut(x, _BINS, duplicates="drop")
    grouped = residual.groupby(bins, observed=True)
    enough = (grouped.size() >= _LEAST).to_numpy()
    middle = x.groupby(bins, observed=True).median()[enough]
    quartiles = grouped.quantile([0.25, 0.5, 0.75]).unstack()[enough]
    axis.fill_between(middle, quartiles[0.25], quartiles[0.75], color=VERMILION, alpha=0.25, lw=0.0)
    axis.plot(middle, quartiles[0.5], color=VERMILION, lw=1.6)
