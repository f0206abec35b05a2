"""Figures of learned soil moisture: time series of module, JULES and sensors, and scores by site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jules_ml.scoring.scores import score
from jules_ml.support.figures import (
    BLUE,
    GREEN,
    MEASURED,
    MODELLED,
    ORANGE,
    PURPLE,
    SKY,
    WIDTH,
    add_notes,
    draw_interval,
    letter_panels,
    show_dates,
    styled,
)

#: Background colour of each split.
SPLIT_COLOURS = {"train": "#E8F0E4", "validation": "#FBF1D9", "test": "#F6E3E0"}
_Array = NDArray[np.float64]


@styled
def moisture_series(
    days: pd.DatetimeIndex,
    *,
    precip: _Array,
    predicted: _Array,
    lower: _Array,
    upper: _Array,
    observed: Mapping[str, _Array],
    split: Sequence[str],
    jules: _Array | None = None,
    title: str = "",
    notes: Sequence[str] = (),
) -> Figure:
    """Draw precipitation, and below it soil moisture from the module, JULES and the sensors of one site.

    Parameters
    ----------
    days : DatetimeIndex, shape (day,)
    precip : array, shape (day,)
        Precipitation [kg m-2 d-1].
    predicted, lower, upper : array, shape (day,)
        Predicted water content and its interval [m3 m-3].
    observed : mapping of str to array, shape (day,)
        Measured water content by sensor name [m3 m-3]; the first is the scored sensor.
    split : sequence of str, shape (day,)
        ``train``, ``validation``, ``test`` or another name, which has no background colour.
    jules : array, shape (day,), optional
        JULES's water content [m3 m-3].
    title : str, optional
    notes : sequence of str, optional
        Notes on the data, printed below the figure.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    rain, theta = figure.subplots(2, 1, sharex=True, height_ratios=[1.0, 3.0])
    rain.fill_between(days, 0.0, np.nan_to_num(precip), step="pre", color=SKY, lw=0.3)
    rain.set_ylim(bottom=0.0)
    rain.set_ylabel("rain\n[kg m$^{-2}$ d$^{-1}$]")
    for axis in (rain, theta):
        _shade(axis, days, np.asarray(split), labelled=axis is theta)
    draw_interval(theta, days, lower, upper, colour=MODELLED, label="interval")
    if jules is not None and np.isfinite(jules).any():
        theta.plot(days, jules, color=BLUE, lw=0.9, label="JULES")
    for (name, values), colour in zip(observed.items(), (MEASURED, GREEN, PURPLE, ORANGE), strict=False):
        theta.plot(days, values, color=colour, lw=0.9, marker=".", ms=1.6, label=name)
    theta.plot(days, predicted, color=MODELLED, label="learned")
    theta.set_ylabel("θ [m$^{3}$ m$^{-3}$]")
    theta.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.1))
    show_dates(theta)
    title = title or "Soil moisture"
    if observed:
        title += _test_scores(predicted, next(iter(observed.values())), np.asarray(split))
    letter_panels([rain, theta], ["Rain", title])
    add_notes(figure, notes)
    return figure


def _test_scores(predicted: _Array, measured: _Array, split: NDArray[np.str_]) -> str:
    """Scores of the test days for a title, or of all days where there are no test days."""
    days = np.isin(split, "test") if np.isin(split, "test").any() else np.ones(len(split), dtype=bool)
    scores = score(predicted[days], measured[days])
    of = "test days" if not days.all() else "all days"
    return (
        f". {of.capitalize()}: r = {scores.r:.2f}, ubRMSE = {scores.ubrmse:.3f} m$^{{3}}$ m$^{{-3}}$ (n = {scores.n})"
    )


def _shade(axis: Axes, days: pd.DatetimeIndex, split: NDArray[np.str_], *, labelled: bool) -> None:
    """Colour the background by split."""
    for name, colour in SPLIT_COLOURS.items():
        rows = np.flatnonzero(split == name)
        if not len(rows):
            continue
        # one band for each run of consecutive days
        for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
            axis.axvspan(days[run[0]], days[run[-1]], color=colour, lw=0.0, zorder=0.0, label=None)
        if labelled:
            axis.axvspan(days[rows[0]], days[rows[0]], color=colour, lw=4.0, label=name)
