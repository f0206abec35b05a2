"""Soil moisture through time, with the rain above it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jules_ml.agreement import agreement
from jules_ml.figures.style import (
    MEASURED,
    ORANGE,
    SKY,
    WIDTH,
    add_notes,
    layer_colours,
    layer_labels,
    letter_panels,
    show_dates,
    styled,
)
from jules_ml.simulation.output import liquid_theta

_DAY = pd.Timedelta(days=1)


@styled
def soil_moisture(
    output: xr.Dataset, *, observed: xr.DataArray | None = None, layer: int | None = None, notes: Sequence[str] = ()
) -> Figure:
    """Draw daily precipitation, the water content of all layers, and one layer against a sensor.

    Parameters
    ----------
    output : xarray.Dataset
        Of :func:`~jules_ml.simulation.output.output_dataset`, with ``sthu``.
    observed : xarray.DataArray, dims ('time',), optional
        Water content by a sensor [m3 m-3], with its ``depth`` [m].
    layer : int, optional
        Layer that the sensor is compared with; the one it lies in unless given.
    notes : sequence of str
        What the reader must know of the data.

    Returns
    -------
    Figure
    """
    rows = 2 if observed is None else 3
    figure = Figure(figsize=(WIDTH, 1.5 + 2.1 * (rows - 1)), layout="constrained")
    axes = figure.subplots(rows, 1, sharex=True, height_ratios=[1.0, 2.0, 2.0][:rows])
    rain = _precipitation(axes[0], output)
    dzsoil = output["dzsoil"].to_numpy().tolist()
    labels = layer_labels(dzsoil)
    theta = [daily_means(liquid_theta(output, n)) for n in range(len(dzsoil))]
    for series, colour, label in zip(theta, layer_colours(len(dzsoil)), labels, strict=True):
        axes[1].plot(series.index, series, color=colour, label=label)
    axes[1].set_ylabel("liquid θ [m$^3$ m$^{-3}$]")
    axes[1].legend(ncols=len(dzsoil), loc="lower left", bbox_to_anchor=(0.0, -0.02), borderaxespad=0.2)
    titles = [rain, "Water content of the column's layers, daily means"]
    if observed is not None:
        depth = float(observed["depth"])
        at = layer_of(depth, dzsoil) if layer is None else layer
        seen, given = daily_means(observed), theta[at]
        frozen = daily_means(output["sthf"].isel(soil=at)) > 0.0
        axes[2].fill_between(
            frozen.index,
            0.0,
            1.0,
            where=frozen.to_numpy(),
            transform=axes[2].get_xaxis_transform(),
            facecolor="#D5E5F1",
            edgecolor="#8FB3CC",
            lw=0.3,
            label="ice in the layer",
        )
        axes[2].plot(given.index, given, color=layer_colours(len(dzsoil))[at], label=f"column, {labels[at]}")
        axes[2].plot(seen.index, seen, color=MEASURED, lw=1.2, label=f"sensor, {depth:g} m")
        axes[2].set_ylabel("liquid θ [m$^3$ m$^{-3}$]")
        axes[2].legend(ncols=3, loc="lower left", borderaxespad=0.2)
        thawed = given.where(~frozen).reindex(seen.index)
        scores = agreement(thawed.to_numpy(), seen.to_numpy())
        titles.append(
            f"Sensor and the layer that it lies in. Days without ice: r = {scores.r:.2f}, KGE = {scores.kge:.2f}, "
            f"RMSE = {scores.rmse:.3f}, bias = {scores.bias:+.3f} m$^3$ m$^{{-3}}$ (n = {scores.n})"
        )
    for axis in axes[1:]:
        low, high = axis.get_ylim()
        axis.set_ylim(min(low, low - 0.18 * (high - low)), high)
    letter_panels(axes, titles)
    show_dates(axes[-1])
    axes[-1].set_xlim(theta[0].index[0], theta[0].index[-1] + _DAY)
    add_notes(figure, notes)
    return figure


def daily_means(values: xr.DataArray, *, least: float = 0.5) -> pd.Series:
    """Means over days of UTC, by their start, of days of which a share ``least`` is there; a coarser series stays as it is."""
    series = pd.Series(values.to_numpy(), index=pd.DatetimeIndex(values["time"].to_numpy()))
    step = pd.Timedelta(np.diff(series.index).min()) if len(series) > 1 else _DAY
    if step >= _DAY:
        return series.set_axis(series.index - step)
    days = series.resample("1D", closed="right", label="left")
    return days.mean().where(days.count() >= least * (_DAY / step))


def layer_of(depth: float, dzsoil: Sequence[float]) -> int:
    """Index of the layer that a depth [m] lies in; the lowest for what is deeper."""
    return min(int(np.searchsorted(np.cumsum(dzsoil), depth)), len(dzsoil) - 1)


def _precipitation(axis: Axes, output: xr.Dataset) -> str:
    """Daily sums, rain on top of snow; returns the panel's title."""
    rain, snow = (daily_means(output[name]) * _DAY.total_seconds() for name in ("tot_rain", "tot_snow"))
    # bars narrower than a dot would be left out here and there; steps are not
    axis.fill_between(rain.index, 0.0, snow + rain, step="post", color=SKY, lw=0.3, label="rain")
    axis.fill_between(snow.index, 0.0, snow, step="post", color=ORANGE, lw=0.3, label="snow")
    axis.set_ylim(bottom=0.0)
    axis.set_ylabel("kg m$^{-2}$ d$^{-1}$")
    axis.legend(ncols=2, loc="upper right", borderaxespad=0.0)
    return "Precipitation"
