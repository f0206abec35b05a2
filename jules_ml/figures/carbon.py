"""Figures of learned soil carbon: how soils of little and much carbon wet and dry, what was predicted, and the signatures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from jules_ml.figures.style import BLACK, BLUE, GREY, ORANGE, VERMILION, WIDTH, layer_colours, letter_panels, styled
from jules_ml.modules.carbon_signatures import SIGNATURES, rain_events
from jules_ml.training.carbon.inputs import EVENT_DAYS, weekly_climatology
from jules_ml.training.carbon.sites import CarbonSite, CarbonTable

#: Signatures that are drawn, of those that carbon is expected to bear on.
_DRAWN = ("wet_plateau", "drydown_time", "wetting_amplitude", "memory", "season_amplitude", "t_damping")


@styled
def carbon_dynamics(sites: Sequence[CarbonSite]) -> Figure:
    """The course of the year and the mean rain event at four sites from little to much carbon.

    Parameters
    ----------
    sites : sequence of CarbonSite
        With cores.

    Returns
    -------
    Figure
    """
    ranked = sorted(sites, key=lambda site: site.soc)
    chosen = [ranked[k] for k in np.unique(np.linspace(0, len(ranked) - 1, 4).round().astype(int))]
    figure, (season, event) = plt.subplots(1, 2, figsize=(WIDTH, 3.4), layout="constrained")
    for site, colour in zip(chosen, layer_colours(len(chosen)), strict=True):
        label = f"{site.name}, {site.soc:.3g} g kg$^{{-1}}$"
        season.plot(np.arange(52) * 7 + 4, weekly_climatology(site)[0], color=colour, label=label)
        mean = _mean_event(site)
        event.plot(np.arange(-1, EVENT_DAYS), mean, color=colour, label=label)
    season.set(xlabel="day of year", ylabel="water content (m$^3$ m$^{-3}$)", xlim=(0, 365))
    event.set(xlabel="days since a rain event began", ylabel="change since the day before (m$^3$ m$^{-3}$)")
    figure.legend(*season.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    letter_panels((season, event), ("Through the year", "After rain, mean of events"))
    return figure


def _mean_event(site: CarbonSite) -> np.ndarray:
    """Mean change of water content from the day before an event on, events of 5 mm and more; shape (15,)."""
    parts = [
        site.theta[event.first - 1 : event.first + EVENT_DAYS] - site.theta[event.first - 1]
        for event in rain_events(site.precip)
        if event.first > 0 and event.first + EVENT_DAYS <= len(site.theta) and np.isfinite(site.theta[event.first - 1])
    ]
    if not parts:
        return np.full(EVENT_DAYS + 1, np.nan)
    stacked = np.stack(parts)
    known = np.isfinite(stacked)
    return np.where(known.any(0), np.nansum(stacked, 0) / np.maximum(known.sum(0), 1), np.nan)


@styled
def carbon_predicted(predictions: xr.Dataset) -> Figure:
    """Predicted against cored carbon, with intervals and the spread of the cores.

    Parameters
    ----------
    predictions : xarray.Dataset
        ``observed``, ``spread``, ``predicted``, ``low`` and ``high`` by ``site``.

    Returns
    -------
    Figure
    """
    observed, predicted = predictions["observed"].to_numpy(), predictions["predicted"].to_numpy()
    low, high = predictions["low"].to_numpy(), predictions["high"].to_numpy()
    spread = np.exp(predictions["spread"].to_numpy())
    figure, axis = plt.subplots(figsize=(0.55 * WIDTH, 0.5 * WIDTH), layout="constrained")
    axis.errorbar(
        observed,
        predicted,
        yerr=[predicted - low, high - predicted],
        xerr=[observed - observed / spread, observed * spread - observed],
        fmt="o",
        color=BLUE,
        ecolor="#9FC5DE",
        markersize=4.0,
        elinewidth=0.8,
    )
    if len(observed) <= 20:
        for x, y, name in zip(observed, predicted, predictions["site"].to_numpy(), strict=True):
            if np.isfinite(x):
                axis.annotate(str(name), (x, y), xytext=(3, 3), textcoords="offset points", fontsize=6.5, color=BLACK)
    both = np.concatenate([observed[np.isfinite(observed)], predicted])
    ends = (0.6 * both.min(), 1.7 * both.max())
    axis.plot(ends, ends, color=GREY, linewidth=0.8, linestyle="--")
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="cored organic carbon, 0–30 cm (g kg$^{-1}$)",
        ylabel="predicted without the site (g kg$^{-1}$)",
        xlim=ends,
    )
    mark = predictions.attrs.get("mark", "none")
    if mark != "none":
        axis.set_title(f"MARKED: {mark.split(':')[0]}", color=VERMILION)
    return figure


@styled
def carbon_signatures(table: CarbonTable) -> Figure:
    """Signatures against carbon, in three classes of as many sites each.

    Parameters
    ----------
    table : CarbonTable
        Of sites with cores.

    Returns
    -------
    Figure
    """
    figure, axes = plt.subplots(2, 3, figsize=(WIDTH, 4.6), layout="constrained")
    classes = np.array_split(np.argsort(table.log_soc), 3)
    colours = (ORANGE, GREY, BLUE)
    for axis, name in zip(axes.flat, _DRAWN, strict=True):
        values = table.signatures[name].to_numpy()
        for place, (which, colour) in enumerate(zip(classes, colours, strict=True)):
            axis.scatter(np.full(len(which), place), values[which], color=colour, s=14.0, alpha=0.8, linewidths=0.0)
            if np.isfinite(values[which]).any():
                axis.plot([place - 0.25, place + 0.25], [np.nanmedian(values[which])] * 2, color=BLACK, linewidth=1.2)
        limits = [f"{np.exp(table.log_soc[w].min()):.3g}–{np.exp(table.log_soc[w].max()):.3g}" for w in classes]
        axis.set_xticks(range(3), limits)
        axis.set_ylabel(f"[{SIGNATURES[name][0]}]")
    for axis in axes[1]:
        axis.set_xlabel("organic carbon (g kg$^{-1}$)")
    letter_panels(axes.flat, [name.replace("_", " ") for name in _DRAWN])
    return figure
