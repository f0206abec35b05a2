"""Learned soil moisture through time: model, JULES and sensors over train, validation and test, with rain on top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

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
    letter_panels,
    show_dates,
    styled,
)

#: Background of each part of the record.
PARTS = {"train": "#E8F0E4", "validation": "#FBF1D9", "test": "#F6E3E0"}
_Array = NDArray[np.float64]


@styled
def moisture_series(
    days: pd.DatetimeIndex,
    *,
    precip: _Array,
    modelled: _Array,
    low: _Array,
    high: _Array,
    measured: Mapping[str, _Array],
    part: Sequence[str],
    jules: _Array | None = None,
    title: str = "",
    notes: Sequence[str] = (),
) -> Figure:
    """Draw rain, and below it all that tells of soil moisture at one place.

    Parameters
    ----------
    days : DatetimeIndex, shape (day,)
    precip : array, shape (day,)
        Precipitation [kg m-2 d-1].
    modelled, low, high : array, shape (day,)
        Learned water content and its interval [m3 m-3].
    measured : mapping of str to array, shape (day,)
        Water content by the name of each sensor [m3 m-3]; the first is the one that is learned.
    part : sequence of str, shape (day,)
        ``train``, ``validation``, ``test`` or anything else.
    jules : array, shape (day,), optional
        JULES's water content [m3 m-3].
    title : str, optional
    notes : sequence of str, optional
        What the reader must know of the data.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    rain, theta = figure.subplots(2, 1, sharex=True, height_ratios=[1.0, 3.0])
    rain.fill_between(days, 0.0, np.nan_to_num(precip), step="pre", color=SKY, lw=0.3)
    rain.set_ylim(bottom=0.0)
    rain.set_ylabel("rain\nkg m$^{-2}$ d$^{-1}$")
    for axis in (rain, theta):
        _shade(axis, days, np.asarray(part), named=axis is theta)
    theta.fill_between(days, low, high, color=MODELLED, alpha=0.18, lw=0.0, label="interval")
    if jules is not None and np.isfinite(jules).any():
        theta.plot(days, jules, color=BLUE, lw=0.9, label="JULES")
    for (name, values), colour in zip(measured.items(), (MEASURED, GREEN, PURPLE, ORANGE), strict=False):
        theta.plot(days, values, color=colour, lw=0.9, marker=".", ms=1.6, label=name)
    theta.plot(days, modelled, color=MODELLED, label="learned")
    theta.set_ylabel("θ [m$^3$ m$^{-3}$]")
    theta.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.1))
    show_dates(theta)
    letter_panels([rain, theta], ["Rain", title or "Soil moisture"])
    add_notes(figure, notes)
    return figure


def _shade(axis: Axes, days: pd.DatetimeIndex, part: NDArray[np.str_], *, named: bool) -> None:
    for name, colour in PARTS.items():
        held = np.flatnonzero(part == name)
        if not len(held):
            continue
        # one band from each unbroken run of days
        for run in np.split(held, np.flatnonzero(np.diff(held) > 1) + 1):
            axis.axvspan(days[run[0]], days[run[-1]], color=colour, lw=0.0, zorder=0.0, label=None)
        if named:
            axis.axvspan(days[held[0]], days[held[0]], color=colour, lw=4.0, label=name)
