"""Overview of a record: each variable over time, with suspicious stretches marked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jules_ml.data.inspection.series import Series, series_of
from jules_ml.data.inspection.suspicions import Suspicion
from jules_ml.support.figures import BLUE, GREY, MEASURED, VERMILION, WIDTH, add_notes, show_dates, styled, unit_text

_MOST_PANELS = 24
#: Steps above which daily minimum, mean and maximum are drawn instead of all values.
_MOST_STEPS = 3000


@styled
def overview(ds: xr.Dataset, suspicions: Sequence[Suspicion], *, title: str) -> Figure:
    """Draw the series of a record.

    Parameters
    ----------
    ds : xarray.Dataset
        Record, with stamps in ascending order.
    suspicions : sequence of Suspicion
        Stretches to mark.
    title : str
        Title of the figure.
    """
    series = [one for one in series_of(ds) if one.values.ndim == 1 and np.isfinite(one.values).any()]
    shown = series[:_MOST_PANELS]
    time = pd.DatetimeIndex(ds["time"].to_numpy())
    figure = Figure(figsize=(WIDTH, 0.6 + 1.0 * max(len(shown), 1)), layout="constrained")
    axes = figure.subplots(max(len(shown), 1), 1, sharex=True, squeeze=False)[:, 0]
    for axis, one in zip(axes, shown, strict=False):
        _panel(axis, one, time, [stretch for stretch in suspicions if stretch.series == one.label])
    if shown:
        show_dates(axes[-1])
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.0)
    notes = ["Orange: suspicious values. Grey: no values."]
    if len(series) > len(shown):
        notes.append(f"{len(series) - len(shown)} more series are not drawn.")
    add_notes(figure, [" ".join(notes)])
    return figure


def _panel(axis: Axes, series: Series, time: pd.DatetimeIndex, stretches: Sequence[Suspicion]) -> None:
    values = pd.Series(series.values, time)
    if len(time) > _MOST_STEPS:
        daily = values.resample("D")
        mean = daily.mean()
        axis.fill_between(mean.index, daily.min(), daily.max(), color=BLUE, alpha=0.25, linewidth=0.0)
        axis.plot(mean.index, mean, color=MEASURED, linewidth=0.6)
    else:
        axis.plot(time, values, color=MEASURED, linewidth=0.6, marker=".", markersize=1.5)
    missing = values.isna().resample("D").mean() if len(time) > 1 else values.isna()
    axis.fill_between(
        missing.index,
        0.0,
        1.0,
        where=missing > 0.99,
        color=GREY,
        alpha=0.25,
        linewidth=0.0,
        transform=axis.get_xaxis_transform(),
    )
    for stretch in stretches:
        if stretch.start is not None and stretch.end is not None:
            axis.axvspan(stretch.start, stretch.end, color=VERMILION, alpha=0.35, linewidth=0.0)
    axis.set_ylabel(f"[{unit_text(series.units)}]")
    axis.yaxis.set_label_coords(-0.06, 0.5)
    axis.set_title(series.label, fontsize=8.0, pad=2.0)
