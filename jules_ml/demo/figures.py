"""Figures of the demonstration: night respiration, observed by the tower and modelled by the column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jules_ml.learned.respiration.figures import FLUX_UNIT, density_scatter, quantile_range
from jules_ml.physics.respiration import T_REFERENCE, fsth, ftemp_q10, ftemp_rothc
from jules_ml.support.figures import (
    BLACK,
    GREY,
    MEASURED,
    MODELLED,
    ORANGE,
    SKY,
    WIDTH,
    add_notes,
    letter_panels,
    show_dates,
    styled,
)


@styled
def night_respiration(
    steps: pd.DataFrame, nights: pd.DataFrame, *, measured: str, modelled: str, notes: Sequence[str] = ()
) -> Figure:
    """Draw nightly means through time, and density scatter plots of all steps and of nightly means with scores.

    Parameters
    ----------
    steps : DataFrame, columns ('observed', 'predicted')
        Fluxes of carbon dioxide in each measured step of the night [umol m-2 s-1], by time.
    nights : DataFrame, columns ('observed', 'predicted')
        Nightly means.
    measured, modelled : str
        Labels in the legend.
    notes : sequence of str
        Notes below the figure.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 6.6), layout="constrained")
    strip, *scatters = figure.subplot_mosaic("aa;bc", height_ratios=[1.0, 1.35]).values()
    strip.plot(nights.index, nights["observed"], ".", ms=2.5, color=MEASURED, label=measured)
    strip.plot(nights.index, nights["predicted"], ".", ms=2.5, color=MODELLED, label=modelled)
    strip.axhline(0.0, color=GREY, lw=0.6)
    if len(nights):
        strip.set_xlim(nights.index[0], nights.index[-1] + pd.Timedelta(days=1))
    strip.set_ylim(*quantile_range(nights, margin=0.18))
    strip.set_ylabel(FLUX_UNIT)
    strip.legend(loc="upper left", ncols=2, markerscale=3.0, borderaxespad=0.1)
    show_dates(strip)
    for axis, pairs in zip(scatters, (steps, nights), strict=True):
        density_scatter(axis, figure, pairs)
        axis.set_xlabel(f"measured [{FLUX_UNIT}]")
        axis.set_ylabel(f"column [{FLUX_UNIT}]")
    letter_panels(
        [strip, *scatters], ["Nightly means", f"Single steps (n = {len(steps)})", f"Nightly means (n = {len(nights)})"]
    )
    add_notes(figure, notes)
    return figure


@styled
def respiration_curves(
    soil: xr.Dataset,
    wetness: NDArray[np.floating],
    t_soil: NDArray[np.floating],
    *,
    data: str,
    notes: Sequence[str] = (),
) -> Figure:
    """Draw JULES's moisture and temperature modifiers over the range of the data.

    Parameters
    ----------
    soil : xarray.Dataset
        Properties ``sm_wilt`` and ``sm_sat`` [m3 m-3] of one layer.
    wetness : array, shape (step,)
        Liquid water as a fraction of saturation [1] at the steps with data.
    t_soil : array, shape (step,)
        Soil temperature [K] at the same steps.
    data : str
        Label of the steps in the legend.
    notes : sequence of str
        Notes below the figure.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
    moisture, temperature = figure.subplots(1, 2)
    sm_wilt, sm_sat = (torch.tensor(float(soil[name])) for name in ("sm_wilt", "sm_sat"))
    s = torch.linspace(0.0, 1.0, 401)
    moisture.plot(s, fsth(s, sm_wilt, sm_sat, pools=1), color=BLACK, lw=1.4, label="JULES, one pool")
    moisture.plot(s, fsth(s, sm_wilt, sm_sat, pools=4), color=BLACK, lw=1.0, ls=":", label="JULES, four pools")
    optimum = 0.5 * (1.0 + float(sm_wilt / sm_sat))
    moisture.axvline(optimum, color=GREY, lw=0.7)
    moisture.text(optimum + 0.012, 0.55, "$s_{opt}$", color=GREY, fontsize=8.0)
    moisture.set(
        xlabel="s, liquid water as a fraction of saturation [1]", ylabel="f [1]", xlim=(0.0, 1.0), ylim=(0.0, 1.35)
    )
    low, high = min(263.15, float(np.nanmin(t_soil))), max(298.15, float(np.nanmax(t_soil)))
    t = torch.linspace(low - 1.0, high + 1.0, 401)
    temperature.plot(t, ftemp_q10(t), color=BLACK, lw=1.4, label="JULES, Q$_{10}$ = 2")
    temperature.plot(t, ftemp_rothc(t), color=BLACK, lw=1.0, ls=":", label="JULES, RothC")
    temperature.axvline(T_REFERENCE, color=GREY, lw=0.7)
    temperature.text(T_REFERENCE - 0.4, 2.4, f"{T_REFERENCE} K", color=GREY, fontsize=8.0, ha="right")
    temperature.set(xlabel="soil temperature [K]", ylabel="g [1]", xlim=(low - 1.0, high + 1.0), ylim=(0.0, None))
    temperature.set_ylim(top=1.25 * temperature.get_ylim()[1])
    for axis, values in ((moisture, wetness), (temperature, t_soil)):
        _rug(axis, values, data)
        axis.legend(loc="upper left", borderaxespad=0.1)
    letter_panels([moisture, temperature], ["Moisture modifier f(θ)", "Temperature modifier g(T)"])
    add_notes(figure, notes)
    return figure


def _rug(axis: Axes, values: NDArray[np.floating], label: str) -> None:
    """Draw a histogram of the data, up to 0.3 of the height of the panel."""
    values = values[np.isfinite(values)]
    counts, edges = np.histogram(values, bins=60)
    height = 0.3 * axis.get_ylim()[1] * counts / max(int(counts.max()), 1)
    axis.stairs(height, edges, fill=True, color=SKY, alpha=0.6, label=label, zorder=0.5)


#: Length of the running mean, and minimum number of nights with data in it.
_WINDOW, _MIN_NIGHTS = "30D", 5


@styled
def curves_compared(nights: pd.DataFrame, *, notes: Sequence[str] = ()) -> Figure:
    """Draw running means of nightly means, and the mean annual cycle.

    Parameters
    ----------
    nights : DataFrame, columns ('observed', 'jules', 'learned'), indexed by date
        Nightly means of carbon dioxide [umol m-2 s-1].
    notes : sequence of str
        Notes below the figure.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 5.6), layout="constrained")
    series, year = figure.subplot_mosaic("a;b", height_ratios=[1.0, 1.1]).values()
    lines = {
        "observed": (MEASURED, "measured: ecosystem respiration"),
        "jules": (MODELLED, "column with JULES's curves"),
        "learned": (ORANGE, "column with the learned curves"),
    }
    mean = nights.rolling(_WINDOW, min_periods=_MIN_NIGHTS, center=True).mean()
    months = nights.groupby(pd.DatetimeIndex(nights.index).month)
    for name, (colour, label) in lines.items():
        series.plot(mean.index, mean[name], color=colour, lw=1.2, label=label)
        by_month = months[name].mean()
        year.plot(by_month.index, by_month, "o-", color=colour, ms=3.0, lw=1.2)
    middle = months["observed"]
    year.fill_between(
        sorted(months.groups), middle.quantile(0.25), middle.quantile(0.75), color=MEASURED, alpha=0.15, lw=0.0
    )
    for axis in (series, year):
        axis.axhline(0.0, color=GREY, lw=0.6)
        axis.set_ylabel(FLUX_UNIT)
    series.legend(loc="upper left", ncols=3, borderaxespad=0.1)
    low, high = series.get_ylim()
    series.set_ylim(low, high + 0.2 * (high - low))
    show_dates(series)
    year.set_xticks(range(1, 13), list("JFMAMJJASOND"))
    letter_panels(
        [series, year],
        ["Nightly means, 30-day running mean", "Mean annual cycle; shaded: interquartile range of measured nights"],
    )
    add_notes(figure, notes)
    return figure
