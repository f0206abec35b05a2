"""The water budget of a column: where the precipitation went, and what is left over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from jules_ml.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    WIDTH,
    add_notes,
    letter_panels,
    show_dates,
    styled,
)

#: Parts of the budget, as they leave the column: name in the output, label, colour.
_LOSSES = (
    ("esoil_gb", "soil and plants", GREEN),
    ("ecan_gb", "wet leaves", SKY),
    ("ei_gb", "snow", PURPLE),
    ("surf_roff", "surface runoff", ORANGE),
    ("sub_surf_roff", "drainage", BLUE),
)


@styled
def water_budget(output: xr.Dataset, *, notes: Sequence[str] = ()) -> Figure:
    """Draw the budget of each year, water stored against water supplied, and the residual.

    Parameters
    ----------
    output : xarray.Dataset
        Of :func:`~jules_ml.simulation.output.output_dataset`, with all variables.
    notes : sequence of str
        What the reader must know of the data.

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
    yearly = years.sum()[years.size() * period > 300.0 * 86400.0]
    if yearly.empty:
        yearly = years.sum()
    bottom = np.zeros(len(yearly))
    bars.bar(yearly.index - 0.21, yearly["precip"], width=0.38, color="#9A9A9A", label="precipitation")
    for name, label, colour in _LOSSES:
        bars.bar(yearly.index + 0.21, yearly[name], width=0.38, bottom=bottom, color=colour, label=label)
        bottom = bottom + yearly[name].to_numpy()
    bars.set_ylabel("kg m$^{-2}$ a$^{-1}$")
    bars.set_xticks(yearly.index, [str(year) for year in yearly.index], fontsize=7.5)
    aside = 0.5 + max(0.0, 0.5 * (4 - len(yearly)))
    bars.set_xlim(float(yearly.index.min()) - aside, float(yearly.index.max()) + aside)
    bars.set_ylim(0.0, 1.42 * max(float(yearly["precip"].max()), float(bottom.max())))
    bars.legend(ncols=2, loc="upper left", borderaxespad=0.1)
    bars.grid(visible=False, axis="x")

    held = (output["smcl"].sum("soil") + output["snow_mass_gb"] + output["canopy_gb"]).to_numpy()
    supply = fluxes["precip"].to_numpy() - sum(fluxes[name].to_numpy() for name, _, _ in _LOSSES)
    expected = held[0] + np.concatenate([[0.0], np.cumsum(0.5 * (supply[:-1] + supply[1:]))])
    stored.plot(time, expected, color=VERMILION, lw=2.2, label="precipitation less losses, summed up")
    stored.plot(time, held, color=BLACK, lw=0.7, label="water in soil, leaves and snow")
    stored.set_ylabel("kg m$^{-2}$")
    low, high = stored.get_ylim()
    stored.set_ylim(low, high + 0.22 * (high - low))
    stored.legend(loc="upper left", borderaxespad=0.1)
    show_dates(stored)

    days = (
        pd.Series(np.abs(output["water_residual"].to_numpy()), index=time)
        .resample("1D", closed="right", label="left")
        .max()
    )
    residual.plot(days.index, days, ".", ms=2.0, color=BLACK)
    residual.set_ylim(0.0, max(1.15 * float(days.max()), 1e-18))
    residual.ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=True)
    residual.set_ylabel("kg m$^{-2}$")
    show_dates(residual)
    residual.set_xlim(time[0] - pd.Timedelta(seconds=period), time[-1])
    steps = "step" if period < 7200.0 else "mean step"
    letter_panels(
        [bars, stored, residual],
        [
            "Precipitation and losses",
            "Water stored, and what it should be",
            f"Residual of the water budget in the worst {steps} of each day",
        ],
    )
    add_notes(figure, notes)
    return figure
