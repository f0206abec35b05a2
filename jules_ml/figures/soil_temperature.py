"""Soil temperature through time, with snow below it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from jules_ml.figures.soil_moisture import daily_means, layer_of
from jules_ml.figures.style import (
    BLUE,
    GREY,
    MEASURED,
    WIDTH,
    add_notes,
    layer_colours,
    layer_labels,
    letter_panels,
    show_dates,
    styled,
)


@styled
def soil_temperature(output: xr.Dataset, *, observed: xr.DataArray | None = None, notes: Sequence[str] = ()) -> Figure:
    """Draw temperature of air and of all layers, the ice in each, and snow.

    Parameters
    ----------
    output : xarray.Dataset
        Of :func:`~jules_ml.simulation.output.output_dataset`, with ``t_soil``, ``sthf`` and ``snow_mass_gb``.
    observed : xarray.DataArray, dims ('time',), optional
        Temperature by a sensor [K], with its ``depth`` [m].
    notes : sequence of str
        What the reader must know of the data.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 6.0), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True, height_ratios=[2.0, 1.0, 1.0])
    dzsoil = output["dzsoil"].to_numpy().tolist()
    colours, labels = layer_colours(len(dzsoil)), layer_labels(dzsoil)
    air = daily_means(output["t_air"])
    axes[0].plot(air.index, air, color="#C4C4C4", lw=0.7, label="air")
    for n, (colour, label) in enumerate(zip(colours, labels, strict=True)):
        warmth, ice = (daily_means(output[name].isel(soil=n)) for name in ("t_soil", "sthf"))
        axes[0].plot(warmth.index, warmth, color=colour, label=label)
        axes[1].plot(ice.index, ice, color=colour)
    titles = ["Temperature of air and of the column's layers, daily means"]
    if observed is not None:
        depth = float(observed["depth"])
        seen = daily_means(observed)
        axes[0].plot(seen.index, seen, color=MEASURED, lw=1.0, label=f"sensor, {depth:g} m")
        titles = [f"{titles[0]}; the sensor lies in {labels[layer_of(depth, dzsoil)]}"]
    axes[0].axhline(273.15, color=GREY, lw=0.6)
    low, high = axes[0].get_ylim()
    axes[0].set_ylim(low, high + 0.16 * (high - low))
    axes[0].set_ylabel("K")
    axes[0].legend(ncols=len(dzsoil) + 2, loc="upper left", borderaxespad=0.1)
    axes[1].set_ylabel("sthf [1]")
    axes[1].set_ylim(bottom=0.0)
    snow = daily_means(output["snow_mass_gb"])
    axes[2].fill_between(snow.index, 0.0, snow, color=BLUE, lw=0.0)
    axes[2].set_ylabel("kg m$^{-2}$")
    axes[2].set_ylim(bottom=0.0)
    letter_panels(axes, [*titles, "Ice, as a fraction of saturation", "Snow on the ground"])
    show_dates(axes[2])
    axes[2].set_xlim(air.index[0], air.index[-1] + pd.Timedelta(days=1))
    add_notes(figure, notes)
    return figure
