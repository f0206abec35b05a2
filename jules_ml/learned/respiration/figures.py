"""Figures of learned respiration: curves, skill and residuals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.network import (
    MOISTURE_NODES,
    TEMPERATURE_NODES,
    Band,
    LearnedRespiration,
    jules_f,
)
from jules_ml.physics.respiration import T_REFERENCE, fsth, ftemp_q10, ftemp_rothc
from jules_ml.scoring.scores import Scores, score
from jules_ml.support.figures import (
    BLACK,
    BLUE,
    GREY,
    MEASURED,
    MODELLED,
    ORANGE,
    SKY,
    VERMILION,
    WIDTH,
    add_notes,
    letter_panels,
    show_dates,
    styled,
)

_UNIT = "µmol m$^{-2}$ s$^{-1}$"


def _range(pairs: pd.DataFrame, *, margin: float = 0.02) -> tuple[float, float]:
    """Range that holds all but the last thousandth of the values at either end."""
    if pairs.empty:
        return 0.0, 1.0
    low, high = np.nanquantile(pairs.to_numpy(), [0.001, 0.999])
    return float(low - 0.02 * (high - low)), float(high + margin * (high - low))


def density_scatter(axis: Axes, figure: Figure, pairs: pd.DataFrame) -> None:
    """Draw how many pairs lie where, the line of equality, and their scores.

    Parameters
    ----------
    axis : Axes
    figure : Figure
        That holds the axis.
    pairs : DataFrame, columns ('observed', 'predicted')
        Fluxes [umol m-2 s-1].
    """
    low, high = _range(pairs)
    if pairs.empty:
        axis.text(0.5, 0.5, "none", transform=axis.transAxes, ha="center")
        return
    bins = axis.hexbin(
        pairs["observed"],
        pairs["predicted"],
        gridsize=55,
        extent=(low, high, low, high),
        mincnt=1,
        cmap="viridis",
        linewidths=0.0,
    )
    counts = np.asarray(bins.get_array())
    bins.set_norm(LogNorm(1.0, max(10.0, float(counts.max()))))
    axis.plot([low, high], [low, high], color=GREY, lw=0.8, ls="--")
    axis.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    figure.colorbar(bins, ax=axis, shrink=0.75, label="pairs", format=FuncFormatter(lambda count, _: f"{count:g}"))
    scores = score(pairs["predicted"].to_numpy(), pairs["observed"].to_numpy())
    axis.text(
        0.03,
        0.97,
        score_text(scores, _UNIT),
        transform=axis.transAxes,
        va="top",
        fontsize=8.0,
        bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 2.0},
    )


def score_text(scores: Scores, unit: str) -> str:
    """Scores, one a line, as they stand in a panel."""
    return (
        f"r = {scores.r:.2f}\nKGE = {scores.kge:.2f}\nNSE = {scores.nse:.2f}\n"
        f"RMSE = {scores.rmse:.2g} {unit}\nbias = {scores.bias:+.2g} {unit}"
    )


@styled
def learned_curves(
    module: LearnedRespiration,
    settings: RespirationSettings,
    moisture: NDArray[np.floating],
    t_soil: NDArray[np.floating],
    *,
    porosity: float,
    fsth_sat: float | None = None,
    notes: Sequence[str] = (),
) -> Figure:
    """Draw learned curves with their bands, JULES's curves, and where the data lie.

    Parameters
    ----------
    module : LearnedRespiration
    settings : RespirationSettings
        What it was learned with.
    moisture : array, shape (row,)
        Moisture at the rows learned from, in the unit of f's table.
    t_soil : array, shape (row,)
        Temperature at them [K].
    porosity : float
        Water content at saturation [m3 m-3], for JULES's f along water content.
    fsth_sat : float, optional
        Fitted ``fsth_lessdecomp_sat``, to draw JULES's option for wet soil.
    notes : sequence of str
        What the reader must know.

    Returns
    -------
    Figure
        JULES's curves are brought to one at the same point as the learned ones.
    """
    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    reference = float(module.reference)
    scaled = settings.moisture == "theta"
    f_jules = jules_f(settings, porosity)
    _at_one(left, MOISTURE_NODES, f_jules, reference, "JULES", BLACK, "-")
    if fsth_sat is not None:
        one = torch.ones((), dtype=torch.float64)
        wetness = torch.clamp(MOISTURE_NODES / (porosity if scaled else 1.0), max=1.0)
        wet = fsth(wetness, settings.wilting * one, one, pools=settings.pools, fsth_sat=fsth_sat)
        _at_one(left, MOISTURE_NODES, wet, reference, "JULES, less decomposition when wet", ORANGE, "--")
    _learned(left, module.curve_f(settings.interval), module.seen_moisture.tolist(), settings.interval)
    label = "θ [m$^3$ m$^{-3}$]" if scaled else "s, water as a fraction of saturation [1]"
    left.set(xlabel=label, ylabel="f [1]", xlim=(0.0, 1.0), ylim=(0.0, None))
    left.set_ylim(top=max(1.6, 1.15 * left.get_ylim()[1]) if left.get_ylim()[1] < 4 else 4.0)
    _at_one(
        right,
        TEMPERATURE_NODES,
        ftemp_q10(TEMPERATURE_NODES, settings.q10),
        T_REFERENCE,
        f"JULES, Q$_{{10}}$ = {settings.q10:g}",
        BLACK,
        "-",
    )
    _at_one(right, TEMPERATURE_NODES, ftemp_rothc(TEMPERATURE_NODES), T_REFERENCE, "JULES, RothC", BLACK, ":")
    _learned(right, module.curve_g(settings.interval), module.seen_temperature.tolist(), settings.interval)
    low, high = float(np.min(t_soil)) - 6.0, float(np.max(t_soil)) + 6.0
    within = (low <= TEMPERATURE_NODES) & (high >= TEMPERATURE_NODES)
    top = float(module.curve_g(settings.interval).high[within].max())
    jules_top = float(ftemp_q10(torch.tensor(high), settings.q10))
    right.set(
        xlabel=f"{'air' if settings.temperature == 't_air' else 'soil'} temperature [K]",
        ylabel="g [1]",
        xlim=(low, high),
        ylim=(0.0, 1.35 * min(top, 2.0 * jules_top)),
    )
    for axis, values, at in ((left, moisture, reference), (right, t_soil, T_REFERENCE)):
        _rug(axis, values)
        axis.axvline(at, color=GREY, lw=0.6, zorder=0.6)
        axis.legend(loc="upper left", borderaxespad=0.1)
    letter_panels([left, right], ["Factor of moisture, f", "Factor of temperature, g"])
    add_notes(figure, notes)
    return figure


def _at_one(
    axis: Axes, nodes: torch.Tensor, curve: torch.Tensor, reference: float, label: str, colour: str, style: str
) -> None:
    """A curve of JULES's, brought to one at the reference, so that shapes compare."""
    there = float(np.interp(reference, nodes, curve))
    if there > 0.0:
        axis.plot(nodes, curve / there, color=colour, ls=style, lw=1.2, label=label)


def _learned(axis: Axes, band: Band, seen: list[float], cover: float) -> None:
    """Solid where there were data, dotted where the curve passes over to JULES's shape."""
    inside = (band.x >= seen[0]) & (band.x <= seen[1])
    axis.fill_between(
        band.x[inside],
        band.low[inside],
        band.high[inside],
        color=VERMILION,
        alpha=0.22,
        lw=0.0,
        label=f"{cover:.0%} band",
    )
    axis.plot(band.x[inside], band.median[inside], color=VERMILION, lw=1.6, label="learned")
    for outside in (band.x <= band.x[inside][0], band.x >= band.x[inside][-1]):
        axis.plot(band.x[outside], band.median[outside], color=VERMILION, lw=1.0, ls=(0, (1, 1.6)))


def _rug(axis: Axes, values: NDArray[np.floating]) -> None:
    """Where the data are: a histogram of a sixth of the panel's height."""
    counts, edges = np.histogram(values, bins=60)
    axis.stairs(
        axis.get_ylim()[1] / 6.0 * counts / max(int(counts.max()), 1),
        edges,
        fill=True,
        color=SKY,
        alpha=0.6,
        zorder=0.5,
        label="data",
    )


#: Backgrounds of the parts of a record.
PART_COLOURS = {"train": "#FFFFFF", "validation": "#EAF3FA", "test": "#FCEBDD"}


@styled
def fit_skill(
    steps: pd.DataFrame, days: pd.DataFrame, parts: pd.Series, *, flux: str, notes: Sequence[str] = ()
) -> Figure:
    """Draw observed and predicted flux.

    Parameters
    ----------
    steps : DataFrame, columns ('observed', 'predicted'), indexed by time
        Steps of the test part.
    days : DataFrame, columns ('observed', 'predicted'), indexed by day
        Means over days or nights of the whole record; prediction where it was trained on too.
    parts : Series of str, indexed by day
        ``train``, ``validation`` or ``test``.
    flux : str
        What the flux is, for the labels.
    notes : sequence of str
        What the reader must know.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 6.4), layout="constrained")
    strip, first, second = figure.subplot_mosaic("aa;bc", height_ratios=[1.0, 1.35]).values()
    _backgrounds(strip, parts)
    strip.plot(days.index, days["observed"], ".", color=MEASURED, ms=2.0, label="measured")
    strip.plot(days.index, days["predicted"], ".", color=MODELLED, ms=2.0, label="learned")
    if len(days):
        low, high = np.nanquantile(days[["observed", "predicted"]], [0.001, 0.999])
        strip.set_ylim(low - 0.05 * (high - low), high + 0.25 * (high - low))
        strip.set_xlim(days.index[0], days.index[-1] + pd.Timedelta(days=1))
    strip.set_ylabel(_UNIT)
    strip.legend(loc="upper left", ncols=5, markerscale=3.0, borderaxespad=0.1)
    show_dates(strip)
    test_days = days[parts.reindex(days.index).eq("test").to_numpy()]
    for axis, pairs in ((first, steps), (second, test_days)):
        density_scatter(axis, figure, pairs[["observed", "predicted"]])
        axis.set_xlabel(f"measured [{_UNIT}]")
        axis.set_ylabel(f"learned [{_UNIT}]")
    letter_panels(
        [strip, first, second],
        [
            f"{flux}, daily means",
            f"Steps of the test part (n = {len(steps)})",
            f"Daily means of the test part (n = {len(test_days)})",
        ],
    )
    add_notes(figure, notes)
    return figure


def _backgrounds(axis: Axes, parts: pd.Series) -> None:
    """Shade the parts of the record, each run of days as one."""
    run = parts.ne(parts.shift()).cumsum()
    named: set[str] = set()
    for _, days in parts.groupby(run):
        part = str(days.iloc[0])
        label = part if part not in named and part != "train" else None
        named.add(part)
        end = days.index[-1] + pd.Timedelta(days=1)
        axis.axvspan(days.index[0], end, color=PART_COLOURS[part], lw=0.0, zorder=0.0, label=label)


_BINS = 20


#: Rows that a bin must have to be drawn.
_LEAST = 10


@styled
def residuals(rows: pd.DataFrame, *, notes: Sequence[str] = ()) -> Figure:
    """Draw residuals, measured less predicted, against what the flux may depend on.

    Parameters
    ----------
    rows : DataFrame, columns ('residual', 'moisture', 't_soil', 'hour', 'day_of_year')
        One row a step: residual [umol m-2 s-1], moisture [1 or m3 m-3], temperature [K], local hour and day of the year.
    notes : sequence of str
        What the reader must know.

    Returns
    -------
    Figure
        Points are at most 5000 of the rows; lines are medians and quartiles of bins with equally many rows.
    """
    figure = Figure(figsize=(WIDTH, 5.4), layout="constrained")
    axes = figure.subplots(2, 2, sharey=True).ravel()
    labels = ("moisture", "temperature [K]", "hour of day", "day of year")
    shown = rows.iloc[:: max(1, len(rows) // 5000)]
    limit = float(np.nanquantile(rows["residual"].abs(), 0.995)) if len(rows) else 1.0
    for axis, name, label in zip(axes, ("moisture", "t_soil", "hour", "day_of_year"), labels, strict=True):
        axis.plot(shown[name], shown["residual"], ".", color=GREY, ms=1.2, alpha=0.35)
        _running(axis, rows[name], rows["residual"])
        axis.axhline(0.0, color=BLUE, lw=0.8)
        axis.set(xlabel=label, ylim=(-limit, limit))
    for axis in axes[::2]:
        axis.set_ylabel(f"measured − learned [{_UNIT}]")
    letter_panels(axes, ["", "", "", ""])
    add_notes(figure, notes)
    return figure


def _running(axis: Axes, x: pd.Series, residual: pd.Series) -> None:
    bins = pd.qcut(x, _BINS, duplicates="drop")
    grouped = residual.groupby(bins, observed=True)
    enough = (grouped.size() >= _LEAST).to_numpy()
    middle = x.groupby(bins, observed=True).median()[enough]
    quartiles = grouped.quantile([0.25, 0.5, 0.75]).unstack()[enough]
    axis.fill_between(middle, quartiles[0.25], quartiles[0.75], color=VERMILION, alpha=0.25, lw=0.0)
    axis.plot(middle, quartiles[0.5], color=VERMILION, lw=1.6)
