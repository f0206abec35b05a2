"""Figures of learned soil carbon: soil moisture at sites from low to high carbon, predictions, and signatures."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jules_ml.learned.carbon.inputs import EVENT_DAYS, WEEKS, week_of, weekly_climatology
from jules_ml.learned.carbon.signatures import SIGNATURES, rain_events
from jules_ml.learned.carbon.table import GRAMS, CarbonSite, CarbonTable
from jules_ml.scoring.scores import Scores, score
from jules_ml.support.figures import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    WIDTH,
    layer_colours,
    letter_panels,
    show_scores,
    styled,
    unit_text,
)

#: Number of sites above which scores are shown.
_LEAST_SITES: Final = 2
#: Signatures that carbon is expected to affect, with their titles.
_DRAWN: Final = {
    "wet_plateau": "Wet plateau",
    "drydown_time": "Drydown time scale",
    "wetting_amplitude": "Rise over a rain event",
    "memory": "Memory",
    "season_amplitude": "Seasonal amplitude",
    "t_damping_day_to_day": "Day-to-day T damping",
}
_WATER = "m$^{3}$ m$^{-3}$"
_UNITS: Final = {
    "wet_plateau": _WATER,
    "wetting_amplitude": _WATER,
    "season_amplitude": _WATER,
    "drydown_time": "ln(d)",
    "memory": "ln(d)",
    "t_damping_day_to_day": "soil / air",
}


@styled
def carbon_dynamics(sites: Sequence[CarbonSite]) -> Figure:
    """Draw the seasonal cycle and the mean rain event at four sites from low to high carbon.

    Parameters
    ----------
    sites : sequence of CarbonSite
        Sites with cores.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
    season, event = figure.subplots(1, 2)
    _draw_dynamics(season, event, sites)
    figure.legend(*season.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    letter_panels((season, event), ("Seasonal cycle", "Mean of rain events"))
    return figure


def _draw_dynamics(season: Axes, event: Axes, sites: Sequence[CarbonSite]) -> None:
    ranked = sorted(sites, key=lambda site: site.soc)
    contrasting = [ranked[k] for k in np.unique(np.linspace(0, len(ranked) - 1, 4).round().astype(int))]
    day = np.arange(WEEKS) * 7 + 4
    for site, colour in zip(contrasting, layer_colours(len(contrasting)), strict=True):
        label = f"{site.name}, {GRAMS * site.soc:.3g} g kg$^{{-1}}$"
        # weeks without measurements are interpolated for the network, but not drawn
        measured = np.isin(np.arange(WEEKS), week_of(site.days)[np.isfinite(site.theta)])
        mean, spread = np.where(measured, weekly_climatology(site)[:2], np.nan)
        season.fill_between(day, mean - spread, mean + spread, color=colour, alpha=0.13, linewidth=0.0)
        season.plot(day, mean, color=colour, label=label)
        event.plot(np.arange(-1, EVENT_DAYS), _mean_event(site), color=colour, label=label)
    event.axhline(0.0, color=GREY, linewidth=0.6)
    season.set(xlabel="day of year", ylabel="water content [m$^{3}$ m$^{-3}$]", xlim=(0, 365))
    event.set(xlabel="days since the start of a rain event", ylabel="change of water content [m$^{3}$ m$^{-3}$]")


def _mean_event(site: CarbonSite) -> np.ndarray:
    """Mean change of water content since the day before an event, over events of 5 mm or more, shape (15,) [m3 m-3]."""
    changes = [
        site.theta[event.first - 1 : event.first + EVENT_DAYS] - site.theta[event.first - 1]
        for event in rain_events(site.precip)
        if event.first > 0 and event.first + EVENT_DAYS <= len(site.theta) and np.isfinite(site.theta[event.first - 1])
    ]
    if not changes:
        return np.full(EVENT_DAYS + 1, np.nan)
    stacked = np.stack(changes)
    valid = np.isfinite(stacked)
    return np.where(valid.any(0), np.nansum(stacked, 0) / np.maximum(valid.sum(0), 1), np.nan)


@styled
def carbon_predicted(predictions: xr.Dataset) -> Figure:
    """Draw predicted against measured carbon, with intervals and the spread of the cores.

    Parameters
    ----------
    predictions : xarray.Dataset
        ``observed``, ``spread``, ``predicted``, ``lower`` and ``upper`` by ``site``.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(0.55 * WIDTH, 0.5 * WIDTH), layout="constrained")
    axis = figure.subplots()
    _draw_predicted(axis, predictions)
    axis.set_title("Predicted and measured organic carbon")
    _headline(figure, predictions)
    return figure


def _headline(figure: Figure, predictions: xr.Dataset) -> None:
    """Write the finding of a fit above its figure, and below it what a reader must know about the sites."""
    finding, mark = (predictions.attrs.get(name, "none") for name in ("finding", "mark"))
    scores = _log_scores(predictions)
    if scores.n > _LEAST_SITES and scores.nse <= 0.0:
        found = "no skill found"
        finding = found if finding == "none" else f"{found}: {finding.removeprefix('no skill: ')}"
    lines = [line for line in (finding, mark) if line != "none"]
    if lines:
        width = int(11.0 * figure.get_figwidth())
        text = "\n".join(textwrap.fill(f"{line[0].upper()}{line[1:].partition(' (')[0]}", width) for line in lines)
        figure.suptitle(text, x=0.01, ha="left", fontsize=10.0, fontweight="bold")


def _log_scores(predictions: xr.Dataset) -> Scores:
    """Scores of ln SOC."""
    return score(*(np.log(predictions[name].to_numpy()) for name in ("predicted", "observed")))


def _draw_predicted(axis: Axes, predictions: xr.Dataset) -> None:
    observed, predicted = predictions["observed"].to_numpy(), predictions["predicted"].to_numpy()
    lower, upper = predictions["lower"].to_numpy(), predictions["upper"].to_numpy()
    spread = np.exp(predictions["spread"].to_numpy())
    axis.errorbar(
        observed,
        predicted,
        yerr=[predicted - lower, upper - predicted],
        xerr=[observed - observed / spread, observed * spread - observed],
        fmt="o",
        color=BLUE,
        ecolor="#9FC5DE",
        markersize=4.0,
        elinewidth=0.8,
    )
    if len(observed) <= 20:
        # predictions are close to one another: the labels of neighbouring points alternate above and below
        names = predictions["site"].to_numpy()
        for rank, k in enumerate(np.argsort(observed)):
            if np.isfinite(observed[k]):
                point, offset = (observed[k], predicted[k]), (3, (3, -9, 12, -18)[rank % 4])
                axis.annotate(
                    str(names[k]), point, xytext=offset, textcoords="offset points", fontsize=6.5, color=BLACK
                )
    both = np.concatenate([observed[np.isfinite(observed)], predicted])
    # intervals may be many times wider than the range of the sites: they do not set the limits
    ends = (0.5 * both.min(), 2.0 * both.max())
    axis.plot(ends, ends, color=GREY, linewidth=0.8, linestyle="--")
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="organic carbon of cores, 0–30 cm [g kg$^{-1}$]",
        ylabel="predicted, site left out [g kg$^{-1}$]",
        xlim=ends,
        ylim=ends,
    )
    scores = _log_scores(predictions)
    if scores.n > _LEAST_SITES:
        show_scores(axis, f"ln SOC: NSE = {scores.nse:.2f}, r = {scores.r:.2f}\nn = {scores.n}")


@styled
def carbon_signatures(table: CarbonTable) -> Figure:
    """Draw signatures by three classes of carbon with equal numbers of sites.

    Parameters
    ----------
    table : CarbonTable
        Sites with cores.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    axes = figure.subplots(2, 3)
    _draw_signatures(list(axes.flat), table)
    letter_panels(axes.flat, list(_DRAWN.values()))
    return figure


def _draw_signatures(axes: Sequence[Axes], table: CarbonTable) -> None:
    classes = np.array_split(np.argsort(table.log_soc), 3)
    limits = [f"{np.exp(table.log_soc[rows].min()):.3g}–{np.exp(table.log_soc[rows].max()):.3g}" for rows in classes]
    for axis, name in zip(axes, _DRAWN, strict=True):
        values = table.signatures[name].to_numpy()
        for x, (rows, colour) in enumerate(zip(classes, (ORANGE, GREY, BLUE), strict=True)):
            axis.scatter(np.full(len(rows), x), values[rows], color=colour, s=14.0, alpha=0.8, linewidths=0.0)
            if np.isfinite(values[rows]).any():
                axis.plot([x - 0.25, x + 0.25], [np.nanmedian(values[rows])] * 2, color=BLACK, linewidth=1.2)
        axis.set_xticks(range(3), limits)
        axis.set_xlim(-0.5, 2.5)
        axis.set_ylabel(f"[{_UNITS.get(name, unit_text(SIGNATURES[name][0]))}]")
    for axis in axes[-3:]:
        axis.set_xlabel("organic carbon [g kg$^{-1}$]")


@styled
def carbon_summary(sites: Sequence[CarbonSite], table: CarbonTable, predictions: xr.Dataset) -> Figure:
    """Draw one summary figure: soil moisture at four contrasting sites, predicted against measured carbon, and signatures.

    Parameters
    ----------
    sites : sequence of CarbonSite
        Sites with cores.
    table : CarbonTable
        Table of the same sites.
    predictions : xarray.Dataset
        As in :func:`carbon_predicted`.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 8.8), layout="constrained")
    halves = figure.add_gridspec(2, 1, height_ratios=(1.12, 1.0))
    upper, lower = (figure.add_subfigure(half) for half in (halves[0], halves[1]))
    panels = upper.subplot_mosaic([["season", "predicted"], ["event", "predicted"]], width_ratios=(1.0, 1.05))
    season, event, predicted = (panels[name] for name in ("season", "event", "predicted"))
    _draw_dynamics(season, event, sites)
    _draw_predicted(predicted, predictions)
    upper.legend(*season.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    axes = lower.subplots(2, 3)
    _draw_signatures(list(axes.flat), table)
    titles = ["Seasonal cycle", "Mean of rain events", "Leave-one-out predictions", *_DRAWN.values()]
    letter_panels((season, event, predicted, *axes.flat), titles)
    _headline(figure, predictions)
    return figure
