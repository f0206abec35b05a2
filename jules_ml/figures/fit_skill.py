"""Observed against predicted: scatter with scores, and through time with the parts of the record."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jules_ml.figures.respiration import density_scatter
from jules_ml.figures.style import MEASURED, MODELLED, WIDTH, add_notes, letter_panels, show_dates, styled

_UNIT = "µmol m$^{-2}$ s$^{-1}$"
#: Backgrounds of the parts of a record.
PART_COLOURS = {"train": "#FFFFFF", "validation": "#EAF3FA", "test": "#FCEBDD"}


@styled
def fit_skill(
    steps: pd.DataFrame, days: pd.DataFrame, parts: pd.Series, *, flux: str, notes: Sequence[str] = ()
) -> Figure:
    """Draw observed and predicted flux.

    Parameters
    ----------
    steps : DataFrame, columns ('measured', 'modelled'), indexed by time
        Steps of the test part.
    days : DataFrame, columns ('measured', 'modelled', 'low', 'high'), indexed by day
        Means over days or nights of the whole record; prediction where it was trained on too.
    parts : Series of str, indexed by day
        ``train``, ``validation`` or ``test``.
    flux : str
        What the flux is, for the labels.
    notes : sequence of str
        What the reader must know.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 6.4), layout="constrained")
    strip, first, second = figure.subplot_mosaic("aa;bc", height_ratios=[1.0, 1.35]).values()
    _backgrounds(strip, parts)
    strip.plot(days.index, days["measured"], ".", color=MEASURED, ms=2.0, label="measured")
    strip.plot(days.index, days["modelled"], ".", color=MODELLED, ms=2.0, label="learned")
    if len(days):
        low, high = np.nanquantile(days[["measured", "modelled"]], [0.001, 0.999])
        strip.set_ylim(low - 0.05 * (high - low), high + 0.25 * (high - low))
        strip.set_xlim(days.index[0], days.index[-1] + pd.Timedelta(days=1))
    strip.set_ylabel(_UNIT)
    strip.legend(loc="upper left", ncols=5, markerscale=3.0, borderaxespad=0.1)
    show_dates(strip)
    test_days = days[parts.reindex(days.index).eq("test").to_numpy()]
    for axis, pairs in ((first, steps), (second, test_days)):
        density_scatter(axis, figure, pairs[["measured", "modelled"]])
        axis.set_xlabel(f"measured [{_UNIT}]")
        axis.set_ylabel(f"learned [{_UNIT}]")
    letter_panels(
        [strip, first, second],
        [
            f"{flux}, daily means",
            f"Steps of the test part (n = {len(steps)})",
            f"Daily means of the test part (n = {len(test_days)})",
        ],
    )
    add_notes(figure, notes)
    return figure


def _backgrounds(axis: Axes, parts: pd.Series) -> None:
    """Shade the parts of the record, each run of days as one."""
    run = parts.ne(parts.shift()).cumsum()
    named: set[str] = set()
    for _, days in parts.groupby(run):
        part = str(days.iloc[0])
        label = part if part not in named and part != "train" else None
        named.add(part)
        end = days.index[-1] + pd.Timedelta(days=1)
        axis.axvspan(days.index[0], end, color=PART_COLOURS[part], lw=0.0, zorder=0.0, label=label)
