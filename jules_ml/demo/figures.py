"""Headline figures of the demonstration: learned curves with the nights that they were not fitted to, and soil moisture."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.figures import FLUX_UNIT, draw_histogram, draw_learned
from jules_ml.learned.respiration.network import MOISTURE_NODES, TEMPERATURE_NODES, LearnedRespiration, jules_f
from jules_ml.physics.respiration import T_REFERENCE, ftemp_q10
from jules_ml.scoring.scores import score
from jules_ml.support.figures import (
    BLUE,
    GREY,
    MEASURED,
    VERMILION,
    WIDTH,
    draw_interval,
    letter_panels,
    show_dates,
    styled,
)

#: Length of the running mean, and minimum number of nights with data in it.
_WINDOW, _MIN_NIGHTS = "30D", 5
#: Temperatures drawn beyond those of the data [K].
_MARGIN = 3.0


@styled
def swap_figure(
    module: LearnedRespiration,
    settings: RespirationSettings,
    wetness: NDArray[np.floating],
    t_soil: NDArray[np.floating],
    nights: pd.DataFrame,
) -> Figure:
    """Draw learned f and g beside JULES's, and respiration of both runs in the nights that were not used.

    Parameters
    ----------
    module : LearnedRespiration
    settings : RespirationSettings
        Settings of the fit.
    wetness, t_soil : array, shape (row,)
        Water as a fraction of saturation [1] and temperature [K] of the column in the training rows.
    nights : DataFrame, columns ('observed', 'stock', 'swapped'), indexed by date
        Nightly means of carbon dioxide, with the base rate of both runs fitted [umol m-2 s-1].

    Returns
    -------
    Figure
        JULES's curves are scaled to one at the same points as the learned ones.
    """
    figure = Figure(figsize=(WIDTH, 3.15), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=[1.0, 1.0, 1.5])
    reference, t = float(module.reference), TEMPERATURE_NODES
    f = jules_f(settings, 1.0)
    left.plot(MOISTURE_NODES, f / float(np.interp(reference, MOISTURE_NODES, f)), color=BLUE, lw=1.4, label="JULES")
    draw_learned(
        left, module.curve_f(settings.interval, most=settings.f_max), module.seen_moisture.tolist(), settings.interval
    )
    left.set(xlabel="wetness of the column [1]", ylabel="f [1]", xlim=(0.0, 1.0), ylim=(0.0, None))
    middle.plot(t, ftemp_q10(t, settings.q10), color=BLUE, lw=1.4, label=f"JULES, Q$_{{10}}$ = {settings.q10:g}")
    band = module.curve_g(settings.interval)
    draw_learned(middle, band, module.seen_temperature.tolist(), settings.interval)
    low, high = float(np.min(t_soil)) - _MARGIN, float(np.max(t_soil)) + _MARGIN
    top = float(torch.maximum(band.median, ftemp_q10(t, settings.q10))[(t >= low) & (t <= high)].max())
    middle.set(xlabel="soil temperature of the column [K]", ylabel="g [1]", xlim=(low, high), ylim=(0.0, 1.25 * top))
    for axis, values, at in ((left, wetness, reference), (middle, t_soil, T_REFERENCE)):
        draw_histogram(axis, values)
        axis.axvline(at, color=GREY, lw=0.6, zorder=0.6)
        axis.legend(loc="upper left", borderaxespad=0.1, ncols=2, columnspacing=1.0)
    _nights(right, nights)
    titles = ["Moisture modifier, f(θ)", "Temperature modifier, g(T)", "Respiration of nights not used"]
    letter_panels([left, middle, right], titles)
    return figure


def _nights(axis: Axes, nights: pd.DataFrame) -> None:
    """Draw measured nights, and running means of both runs and of the measurements."""
    axis.plot(nights.index, nights["observed"], ".", color=MEASURED, ms=2.5, alpha=0.35)
    lines = (("observed", MEASURED, "measured"), ("stock", BLUE, "JULES"), ("swapped", VERMILION, "swapped"))
    # a day without nights separates the means on both sides of a gap in the record
    daily = nights.set_axis(pd.DatetimeIndex(nights.index).normalize()).asfreq("D") if len(nights) else nights
    rmse = {
        name: score(nights[name].to_numpy(dtype=float), nights["observed"].to_numpy(dtype=float)).rmse
        for name in ("stock", "swapped")
        if len(nights)
    }
    for name, colour, label in lines:
        if len(nights):
            mean = daily[name].rolling(_WINDOW, min_periods=_MIN_NIGHTS, center=True).mean()
            axis.plot(
                mean.index,
                mean,
                color=colour,
                lw=1.3,
                label=label if name == "observed" else f"{label}, RMSE {rmse[name]:.2f}",
            )
    if len(nights):
        low, high = np.nanquantile(nights.to_numpy(), [0.001, 0.999])
        axis.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
        axis.legend(loc="upper left", borderaxespad=0.1)
        show_dates(axis)
    axis.set_ylabel(f"respiration [{FLUX_UNIT}]")


@styled
def theta_figure(days: pd.DataFrame, *, depth: str, interval: float = 0.9) -> Figure:
    """Draw soil moisture by the sensor, by JULES's column and, if it was fitted, by the moisture module.

    Parameters
    ----------
    days : DataFrame, columns ('observed', 'column'), optional ('predicted', 'lower', 'upper'), indexed by date
        Daily means of the water content [m3 m-3].
    depth : str
        Depth of the sensor, for the title.
    interval : float
        Coverage of ``lower`` to ``upper`` [1].

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
    axis = figure.subplots()
    days = days.set_axis(pd.DatetimeIndex(days.index).normalize()).asfreq("D")
    if "predicted" in days:
        label = f"{100.0 * interval:.0f} % interval of an observation"
        draw_interval(axis, days.index, days["lower"], days["upper"], colour=VERMILION, label=label)
        axis.plot(
            days.index, days["predicted"], color=VERMILION, lw=1.3, label=f"moisture module{_error(days, 'predicted')}"
        )
    axis.plot(days.index, days["column"], color=BLUE, lw=1.2, label=f"JULES's column{_error(days, 'column')}")
    axis.plot(days.index, days["observed"], color=MEASURED, lw=0.9, marker=".", ms=1.8, label="sensor")
    axis.set_ylabel("θ [m$^{3}$ m$^{-3}$]")
    axis.legend(loc="upper left", ncols=4, borderaxespad=0.1)
    show_dates(axis)
    axis.set_title(f"Soil moisture at {depth}{', days that the module did not use' if 'predicted' in days else ''}")
    return figure


def _error(days: pd.DataFrame, name: str) -> str:
    """Unbiased error of a column of the table, for a legend."""
    scores = score(days[name].to_numpy(dtype=float), days["observed"].to_numpy(dtype=float))
    return f", ubRMSE {scores.ubrmse:.3f}" if np.isfinite(scores.ubrmse) else ""
