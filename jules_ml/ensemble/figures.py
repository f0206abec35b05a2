"""Fan plots of an ensemble, and the spread over draws of a module, offline and online."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.support.figures import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    WIDTH,
    add_notes,
    layer_labels,
    letter_panels,
    show_dates,
    styled,
)

#: Panels of a fan plot in order of preference: variable, layer, scale and title. The first ``_MOST_PANELS`` available are drawn.
PANELS: tuple[tuple[str, int | None, float, str], ...] = (
    ("theta", 0, 1.0, "Water content, {layer} [m$^{{3}}$ m$^{{-3}}$]"),
    ("theta", 2, 1.0, "Water content, {layer} [m$^{{3}}$ m$^{{-3}}$]"),
    ("t_soil", 0, 1.0, "Soil temperature, {layer} [K]"),
    ("resp_s_gb", None, 1000.0 * SECONDS_PER_DAY, "Soil respiration [g C m$^{{-2}}$ d$^{{-1}}$]"),
    ("sthu", 0, 1.0, "Liquid water as a fraction of saturation, {layer} [1]"),
    ("fqw_gb", None, SECONDS_PER_DAY, "Evaporation [kg m$^{{-2}}$ d$^{{-1}}$]"),
    ("latent_heat", None, 1.0, "Latent heat [W m$^{{-2}}$]"),
)
_MOST_PANELS = 4


def plotted_variables(summary: xr.Dataset) -> list[str]:
    """Variables of a summary that a fan plot can show; may be empty."""
    return [name for name in dict.fromkeys(panel[0] for panel in PANELS) if f"{name}_quantiles" in summary]


@styled
def fan(
    summary: xr.Dataset,
    *,
    observed: xr.DataArray | None = None,
    observed_panel: str = "theta",
    notes: Sequence[str] = (),
) -> Figure:
    """Draw quantiles over members through time, of the variables that :func:`plotted_variables` returns.

    Parameters
    ----------
    summary : xarray.Dataset
        As :func:`~jules_ml.ensemble.summary.summarise` wrote it: ``NAME_quantiles``, and ``NAME_posterior_mean`` where members
        were weighted.
    observed : DataArray, dims ('time',), optional
        Observations.
    observed_panel : str
        Variable that was observed.
    notes : sequence of str
        Notes below the figure.

    Returns
    -------
    Figure
    """
    panels = [panel for panel in PANELS if panel[0] in plotted_variables(summary)][:_MOST_PANELS]
    figure = Figure(figsize=(WIDTH, 0.6 + 1.75 * len(panels)), layout="constrained")
    axes = np.atleast_1d(figure.subplots(len(panels), 1, sharex=True))
    thickness = summary["dzsoil"].to_numpy() if "dzsoil" in summary else np.array([])
    labels = layer_labels(thickness.tolist())
    titles = []
    for axis, (name, layer, scale, title) in zip(axes, panels, strict=True):
        values = scale * layer_of_panel(summary[f"{name}_quantiles"], layer)
        _draw_fan(axis, summary["time"].to_numpy(), values.to_numpy(), summary["quantile"].to_numpy())
        if f"{name}_posterior_mean" in summary:
            posterior = scale * layer_of_panel(summary[f"{name}_posterior_mean"], layer)
            axis.plot(summary["time"], posterior, color=ORANGE, lw=1.2, label="posterior mean")
        if observed is not None and name == observed_panel and axis is axes[0]:
            axis.plot(observed["time"], scale * observed, color=BLACK, lw=0.8, label="measured")
        axis.margins(x=0.0)
        if name != "t_soil":
            axis.set_ylim(bottom=0.0)
        titles.append(title.format(layer=labels[layer] if layer is not None and layer < len(labels) else ""))
    axes[0].legend(loc="upper right", ncols=5)
    show_dates(axes[-1])
    letter_panels(axes, titles)
    add_notes(figure, notes)
    return figure


def layer_of_panel(values: xr.DataArray, layer: int | None) -> xr.DataArray:
    """Return the layer of a profile that a panel shows, or its lowest one; other variables as they are."""
    return (
        values if layer is None or "soil" not in values.dims else values.isel(soil=min(layer, values.sizes["soil"] - 1))
    )


def _draw_fan(
    axis: Axes, time: NDArray[np.datetime64], values: NDArray[np.floating], quantiles: NDArray[np.floating]
) -> None:
    """Draw bands between quantiles that are symmetric about the median."""
    n = len(quantiles)
    for k in range(n // 2):
        fraction = quantiles[n - 1 - k] - quantiles[k]
        shade = 0.25 + 0.35 * k / max(n // 2 - 1, 1)
        axis.fill_between(
            time,
            values[k],
            values[n - 1 - k],
            color=BLUE,
            alpha=shade,
            lw=0.0,
            label=f"{100.0 * fraction:.0f} % of members",
        )
    if n % 2:
        axis.plot(time, values[n // 2], color=BLUE, lw=1.2, label="median")


@styled
def spread_online_offline(spread: xr.Dataset, *, record: str, place: str, notes: Sequence[str] = ()) -> Figure:
    """Draw the spread over draws of learned respiration, offline and online.

    Parameters
    ----------
    spread : xarray.Dataset
        As returned by :func:`~jules_ml.ensemble.offline.spread_dataset`.
    record : str
        Name of the training data.
    place : str
        Name of the site at which the model ran.
    notes : sequence of str
        Notes below the figure.

    Returns
    -------
    Figure
    """
    titles = ("Respiration: standard deviation over mean", "Annual mean [%]")
    return _spread(spread, f"offline: training data ({record})", place, 100.0, "spread [%]", titles, notes)


@styled
def water_online_offline(spread: xr.Dataset, *, place: str, notes: Sequence[str] = ()) -> Figure:
    """Draw the spread over draws of learned hydraulics, offline, at one suction, and online, in the model.

    Parameters
    ----------
    spread : xarray.Dataset
        As returned by :func:`~jules_ml.ensemble.offline.water_spread_dataset`.
    place : str
        Name of the site at which the model ran.
    notes : sequence of str
        Notes below the figure.

    Returns
    -------
    Figure
    """
    titles = ("Water content of the top layer: standard deviation", "Annual mean")
    return _spread(spread, "offline: retention curve at 33 kPa", place, 1.0, "spread [m$^{3}$ m$^{-3}$]", titles, notes)


def _spread(
    spread: xr.Dataset,
    offline: str,
    place: str,
    scale: float,
    unit: str,
    titles: Sequence[str],
    notes: Sequence[str],
) -> Figure:
    """Draw the spread by month, and of the annual mean."""
    figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
    by_month, year = figure.subplots(1, 2, width_ratios=(2.4, 1.0))
    kinds = (
        ("offline", offline, GREY, "o"),
        ("online_draws", f"online: draws, in the model at {place}", BLUE, "s"),
        ("online_all", "online: draws and parameters", ORANGE, "^"),
    )
    several = bool(np.any(np.abs(spread["online_all"] - spread["online_draws"]) > 1e-6))
    curves = kinds if several else kinds[:2]
    for name, label, colour, marker in curves:
        by_month.plot(spread["month"], scale * spread[name], color=colour, marker=marker, ms=4.0, label=label)
    by_month.set(xlabel="month", xticks=np.arange(1, 13), ylabel=unit)
    by_month.set_ylim(bottom=0.0)
    by_month.legend(loc="upper right")
    heights = [scale * float(spread[f"{name}_year"]) for name, *_ in curves]
    bars = year.bar(range(len(curves)), heights, color=[colour for _, _, colour, _ in curves], width=0.6)
    year.bar_label(
        bars, [f"{height:.1f}" if scale > 1.0 else f"{height:.3f}" for height in heights], padding=2.0, fontsize=8.0
    )
    year.set_xticks(range(len(curves)), ["offline", "online,\ndraws", "online,\nall"][: len(curves)])
    year.set_ylim(0.0, 1.15 * max([*heights, 1e-6]))
    year.grid(axis="x", visible=False)
    letter_panels([by_month, year], list(titles))
    add_notes(figure, notes)
    return figure
