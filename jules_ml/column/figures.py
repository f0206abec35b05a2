"""Figures of a run of the column: soil moisture, soil temperature and the water budget."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jules_ml.data.daily import DAY, daily_series
from jules_ml.data.profile import layer_or_lowest
from jules_ml.data.readers.column_output import liquid_theta
from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.scoring.scores import score
from jules_ml.support.figures import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    MEASURED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    WIDTH,
    layer_colours,
    layer_labels,
    letter_panels,
    show_dates,
    styled,
)


@styled
def soil_moisture(output: xr.Dataset, *, observed: xr.DataArray | None = None, layer: int | None = None) -> Figure:
    """Draw daily precipitation, the water content of all layers, and one layer with a sensor.

    Parameters
    ----------
    output : xarray.Dataset
        From :func:`~jules_ml.column.output.output_dataset`, with ``sthu``.
    observed : xarray.DataArray, dims ('time',), optional
        Water content by a sensor [m3 m-3], with its ``depth`` [m].
    layer : int, optional
        Layer that the sensor is compared with; by default the one at the depth of the sensor.

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
    theta = [daily_series(liquid_theta(output, n)) for n in range(len(dzsoil))]
    for series, colour, label in zip(theta, layer_colours(len(dzsoil)), labels, strict=True):
        axes[1].plot(_middles(series), series, color=colour, marker=_marker(series), label=label)
    axes[1].set_ylabel("liquid θ [m$^{3}$ m$^{-3}$]")
    axes[1].legend(ncols=len(dzsoil), loc="lower left", bbox_to_anchor=(0.0, -0.02), borderaxespad=0.2)
    titles = [rain, "Water content of the soil layers, daily means"]
    if observed is not None:
        depth = float(observed["depth"])
        at = layer_or_lowest(depth, dzsoil) if layer is None else layer
        sensor, model = daily_series(observed), theta[at]
        frozen = daily_series(output["sthf"].isel(soil=at)) > 0.0
        axes[2].fill_between(
            _middles(frozen),
            0.0,
            1.0,
            where=frozen.to_numpy(),
            transform=axes[2].get_xaxis_transform(),
            facecolor="#D5E5F1",
            edgecolor="#8FB3CC",
            lw=0.3,
            label="ice in the layer",
        )
        axes[2].plot(_middles(model), model, color=layer_colours(len(dzsoil))[at], label=f"column, {labels[at]}")
        axes[2].plot(_middles(sensor), sensor, color=MEASURED, lw=1.2, label=f"sensor, {depth:g} m")
        axes[2].set_ylabel("liquid θ [m$^{3}$ m$^{-3}$]")
        axes[2].legend(ncols=3, loc="lower left", borderaxespad=0.2)
        unfrozen = model.where(~frozen).reindex(sensor.index)
        scores = score(unfrozen.to_numpy(), sensor.to_numpy())
        titles.append(
            f"Sensor and model layer at its depth. Days without ice: r = {scores.r:.2f}, KGE = {scores.kge:.2f}, "
            f"RMSE = {scores.rmse:.3f}, bias = {scores.bias:+.3f} m$^{{3}}$ m$^{{-3}}$ (n = {scores.n})"
        )
    letter_panels(axes, titles)
    show_dates(axes[-1])
    axes[-1].set_xlim(theta[0].index[0], theta[0].index[-1] + DAY)
    return figure


def _middles(series: pd.Series) -> pd.DatetimeIndex:
    """Middles of the periods of a series that has their starts."""
    starts = pd.DatetimeIndex(series.index)
    length = pd.Timedelta(np.diff(starts).min()) if len(starts) > 1 else DAY
    return starts + length / 2


def _marker(series: pd.Series) -> str:
    """Symbol of a single value, which is no line."""
    return "." if len(series) == 1 else ""


def _precipitation(axis: Axes, output: xr.Dataset) -> str:
    """Draw daily sums, rain on top of snow, and return the title of the panel."""
    rain, snow = (daily_series(output[name]) * SECONDS_PER_DAY for name in ("tot_rain", "tot_snow"))
    # steps, since bars narrower than a pixel are not drawn
    ends = [*rain.index, rain.index[-1] + DAY]
    for values, colour, label in ((snow + rain, SKY, "rain"), (snow, ORANGE, "snow")):
        axis.fill_between(ends, 0.0, [*values, values.iloc[-1]], step="post", color=colour, lw=0.3, label=label)
    axis.set_ylim(bottom=0.0)
    axis.set_ylabel("[kg m$^{-2}$ d$^{-1}$]")
    if float((rain + snow).max()) > 0.0:
        axis.legend(ncols=2, loc="upper right", borderaxespad=0.0)
        return "Precipitation"
    axis.set_ylim(0.0, 1.0)
    return "Precipitation: none in this period"


@styled
def soil_temperature(output: xr.Dataset, *, observed: xr.DataArray | None = None) -> Figure:
    """Draw the temperature of air and soil layers, ice, and snow.

    Parameters
    ----------
    output : xarray.Dataset
        From :func:`~jules_ml.column.output.output_dataset`, with ``t_soil``, ``sthf`` and ``snow_mass_gb``.
    observed : xarray.DataArray, dims ('time',), optional
        Temperature by a sensor [K], with its ``depth`` [m].

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 6.0), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True, height_ratios=[2.0, 1.0, 1.0])
    dzsoil = output["dzsoil"].to_numpy().tolist()
    colours, labels = layer_colours(len(dzsoil)), layer_labels(dzsoil)
    air = daily_series(output["t_air"])
    axes[0].plot(_middles(air), air, color="#C4C4C4", lw=0.7, label="air")
    for n, (colour, label) in enumerate(zip(colours, labels, strict=True)):
        temperature, ice = (daily_series(output[name].isel(soil=n)) for name in ("t_soil", "sthf"))
        axes[0].plot(_middles(temperature), temperature, color=colour, label=label)
        axes[1].plot(_middles(ice), ice, color=colour)
    titles = ["Temperature of air and soil layers, daily means"]
    if observed is not None:
        depth = float(observed["depth"])
        sensor = daily_series(observed)
        axes[0].plot(_middles(sensor), sensor, color=MEASURED, lw=1.0, label=f"sensor, {depth:g} m")
        titles = [f"{titles[0]}; the sensor is in layer {labels[layer_or_lowest(depth, dzsoil)]}"]
    axes[0].axhline(273.15, color=GREY, lw=0.6)
    axes[0].set_ylabel("[K]")
    axes[0].legend(ncols=len(dzsoil) + 2, loc="upper left", borderaxespad=0.1)
    axes[1].set_ylabel("sthf [1]")
    axes[1].set_ylim(bottom=0.0)
    snow = daily_series(output["snow_mass_gb"])
    axes[2].fill_between(_middles(snow), 0.0, snow, color=BLUE, lw=0.0)
    axes[2].set_ylabel("[kg m$^{-2}$]")
    axes[2].set_ylim(bottom=0.0)
    letter_panels(axes, [*titles, "Ice, as a fraction of saturation", "Snow on the ground"])
    show_dates(axes[2])
    axes[2].set_xlim(air.index[0], air.index[-1] + DAY)
    return figure


#: Losses of water in the budget: name in the output, label, colour.
_LOSSES = (
    ("esoil_gb", "soil and plants", GREEN),
    ("ecan_gb", "wet leaves", SKY),
    ("ei_gb", "snow", PURPLE),
    ("surf_roff", "surface runoff", ORANGE),
    ("sub_surf_roff", "drainage", BLUE),
)


@styled
def water_budget(output: xr.Dataset) -> Figure:
    """Draw the water budget of each year, storage and expected storage, and the residual.

    Parameters
    ----------
    output : xarray.Dataset
        From :func:`~jules_ml.column.output.output_dataset`, with all variables.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 6.4), layout="constrained")
    bars, stored, residual = figure.subplot_mosaic("ab;cc", height_ratios=[1.5, 1.0]).values()
    period = float(output.attrs["interval_seconds"])
    time = pd.DatetimeIndex(output["time"].to_numpy())
    fluxes = pd.DataFrame(
        {name: output[name].to_numpy() * period for name in ("precip", *(n for n, _, _ in _LOSSES))}, index=time
    )

    # an interval that ends at midnight belongs to the day before
    years = fluxes.groupby((time - pd.Timedelta(seconds=period / 2)).year)
    yearly = years.sum()[years.size() * period > 300.0 * SECONDS_PER_DAY]
    if yearly.empty:
        yearly = years.sum()
    bottom = np.zeros(len(yearly))
    bars.bar(yearly.index - 0.21, yearly["precip"], width=0.38, color="#9A9A9A", label="precipitation")
    for name, label, colour in _LOSSES:
        bars.bar(yearly.index + 0.21, yearly[name], width=0.38, bottom=bottom, color=colour, label=label)
        bottom = bottom + yearly[name].to_numpy()
    bars.set_ylabel("[kg m$^{-2}$ a$^{-1}$]")
    bars.set_xticks(yearly.index, [str(year) for year in yearly.index], fontsize=7.5)
    aside = 0.5 + max(0.0, 0.5 * (4 - len(yearly)))
    bars.set_xlim(float(yearly.index.min()) - aside, float(yearly.index.max()) + aside)
    bars.set_ylim(0.0, 1.05 * max(float(yearly["precip"].max()), float(bottom.max())))
    bars.legend(ncols=2, loc="upper left", borderaxespad=0.1)
    bars.grid(visible=False, axis="x")

    storage = (output["smcl"].sum("soil") + output["snow_mass_gb"] + output["canopy_gb"]).to_numpy()
    supply = fluxes["precip"].to_numpy() - sum(fluxes[name].to_numpy() for name, _, _ in _LOSSES)
    expected = storage[0] + np.concatenate([[0.0], np.cumsum(0.5 * (supply[:-1] + supply[1:]))])
    stored.plot(time, expected, color=VERMILION, lw=2.2, label="initial storage + precipitation - losses")
    stored.plot(time, storage, color=BLACK, lw=0.7, label="storage in soil, on leaves and as snow")
    stored.set_ylabel("[kg m$^{-2}$]")
    stored.legend(loc="upper left", borderaxespad=0.1)
    show_dates(stored)

    days = (
        pd.Series(np.abs(output["water_residual"].to_numpy()), index=time)
        .resample("1D", closed="right", label="left")
        .max()
    )
    residual.plot(_middles(days), days, ".", ms=2.0, color=BLACK)
    residual.set_ylim(0.0, max(1.15 * float(days.max()), 1e-18))
    residual.ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=True)
    residual.set_ylabel("[kg m$^{-2}$]")
    show_dates(residual)
    residual.set_xlim(time[0] - pd.Timedelta(seconds=period), time[-1])
    steps = "step" if period < 7200.0 else "mean step"
    letter_panels(
        [bars, stored, residual],
        [
            "Precipitation and losses",
            "Water storage, modelled and expected from the budget",
            f"Largest residual of the water budget of a {steps} in each day",
        ],
    )
    return figure
