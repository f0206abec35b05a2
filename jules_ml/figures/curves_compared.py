"""What learned curves change in a run: nights of a column with JULES's curves and with learned ones, beside what was measured."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from jules_ml.figures.style import GREY, MEASURED, MODELLED, ORANGE, WIDTH, add_notes, letter_panels, show_dates, styled

_UNIT = "µmol m$^{-2}$ s$^{-1}$"
#: Nights that a running mean takes, and that it must have.
_WINDOW, _LEAST = "30D", 5


@styled
def curves_compared(nights: pd.DataFrame, *, notes: Sequence[str] = ()) -> Figure:
    """Draw running means of nights through time, and the mean year.

    Parameters
    ----------
    nights : DataFrame, columns ('measured', 'jules', 'learned'), indexed by date
        Nightly means of carbon dioxide [umol m-2 s-1].
    notes : sequence of str
        What the reader must know.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 5.6), layout="constrained")
    course, year = figure.subplot_mosaic("a;b", height_ratios=[1.0, 1.1]).values()
    lines = {
        "measured": (MEASURED, "measured: the whole ecosystem"),
        "jules": (MODELLED, "column with JULES's curves"),
        "learned": (ORANGE, "column with the learned curves"),
    }
    mean = nights.rolling(_WINDOW, min_periods=_LEAST, center=True).mean()
    months = nights.groupby(pd.DatetimeIndex(nights.index).month)
    for name, (colour, label) in lines.items():
        course.plot(mean.index, mean[name], color=colour, lw=1.2, label=label)
        by_month = months[name].mean()
        year.plot(by_month.index, by_month, "o-", color=colour, ms=3.0, lw=1.2)
    middle = months["measured"]
    year.fill_between(
        sorted(months.groups), middle.quantile(0.25), middle.quantile(0.75), color=MEASURED, alpha=0.15, lw=0.0
    )
    for axis in (course, year):
        axis.axhline(0.0, color=GREY, lw=0.6)
        axis.set_ylabel(_UNIT)
    course.legend(loc="upper left", ncols=3, borderaxespad=0.1)
    low, high = course.get_ylim()
    course.set_ylim(low, high + 0.2 * (high - low))
    show_dates(course)
    year.set_xticks(range(1, 13), list("JFMAMJJASOND"))
    letter_panels(
        [course, year], ["Nights, running mean of thirty days", "Mean year; shaded: half of the measured nights"]
    )
    add_notes(figure, notes)
    return figure
