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
from jules_ml.learned.respiration.baselines import OPTION_1
from jules_ml.learned.respiration.network import (
    MOISTURE_NODES,
    TEMPERATURE_NODES,
    Band,
    LearnedRespiration,
    jules_f,
)
from jules_ml.physics.respiration import T_REFERENCE, fsth_option_1, ftemp_q10, ftemp_rothc
from jules_ml.scoring.scores import Scores, score
from jules_ml.support.figures import (
    BLACK,
    BLUE,
    GREY,
    HEXBIN_POINTS,
    MEASURED,
    MODELLED,
    ORANGE,
    SKY,
    VERMILION,
    WIDTH,
    add_notes,
    draw_interval,
    letter_panels,
    show_dates,
    show_scores,
    styled,
)

FLUX_UNIT = "µmol m$^{-2}$ s$^{-1}$"


def quantile_range(pairs: pd.DataFrame, *, margin: float = 0.02) -> tuple[float, float]:
    """Range between the 0.1 and 99.9 % quantiles of the values, with a margin."""
    if pairs.empty:
        return 0.0, 1.0
    low, high = np.nanquantile(pairs.to_numpy(), [0.001, 0.999])
    return float(low - 0.02 * (high - low)), float(high + margin * (high - low))


def density_scatter(axis: Axes, figure: Figure, pairs: pd.DataFrame) -> None:
    """Draw pairs, or their density where there are more than :data:`HEXBIN_POINTS`, the 1:1 line and scores.

    Parameters
    ----------
    axis : Axes
    figure : Figure
        Figure of the axis.
    pairs : DataFrame, columns ('observed', 'predicted')
        Fluxes [umol m-2 s-1].
    """
    pairs = pairs.dropna()
    if len(pairs) < 2:
        axis.text(0.5, 0.5, "too few data", transform=axis.transAxes, ha="center")
        return
    low, high = quantile_range(pairs)
    if len(pairs) > HEXBIN_POINTS:
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
        figure.colorbar(bins, ax=axis, shrink=0.75, label="pairs", format=FuncFormatter(lambda count, _: f"{count:g}"))
    else:
        axis.plot(pairs["observed"], pairs["predicted"], ".", color=MODELLED, ms=3.0, alpha=0.5)
    axis.plot([low, high], [low, high], color=GREY, lw=0.8, ls="--")
    axis.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    scores = score(pairs["predicted"].to_numpy(), pairs["observed"].to_numpy())
    show_scores(axis, score_text(scores, FLUX_UNIT))


def score_text(scores: Scores, unit: str) -> str:
    """Format scores for a panel, one per line."""
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
    fsth_saturated: float | None = None,
    notes: Sequence[str] = (),
) -> Figure:
    """Draw learned curves with their bands, JULES's curves, and a histogram of the data.

    Parameters
    ----------
    module : LearnedRespiration
    settings : RespirationSettings
        Settings of the fit.
    moisture : array, shape (row,)
        Moisture of the training rows, in the unit of f's table.
    t_soil : array, shape (row,)
        Temperature of the training rows [K].
    porosity : float
        Water content at saturation [m3 m-3], for JULES's f as a function of water content.
    fsth_saturated : float, optional
        Fitted ``fsthsat_cs_decomp_opt1``, to draw JULES's f with ``cs_decomp_soil_moist_func = 1``.
    notes : sequence of str
        Notes below the figure.

    Returns
    -------
    Figure
        Figure with JULES's curves scaled to one at the same points as the learned ones.
    """
    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    reference = float(module.reference)
    theta = settings.moisture == "theta"
    f_jules = jules_f(settings, porosity)
    _scaled_curve(left, MOISTURE_NODES, f_jules, reference, "JULES", BLACK, "-")
    if fsth_saturated is not None:
        one = torch.ones((), dtype=torch.float64)
        wetness = torch.clamp(MOISTURE_NODES / (porosity if theta else 1.0), max=1.0)
        points = settings.wilting * one, settings.critical * one, one
        option_1 = fsth_option_1(wetness, *points, fsth_saturated=fsth_saturated)
        _scaled_curve(left, MOISTURE_NODES, option_1, reference, OPTION_1, ORANGE, "--")
    draw_learned(
        left, module.curve_f(settings.interval, most=settings.f_max), module.seen_moisture.tolist(), settings.interval
    )
    label = "θ [m$^{3}$ m$^{-3}$]" if theta else "s, fraction of saturation [1]"
    left.set(xlabel=label, ylabel="f [1]", xlim=(0.0, 1.0), ylim=(0.0, None))
    left.set_ylim(top=max(1.4, left.get_ylim()[1]) if left.get_ylim()[1] < 4 else 4.0)
    _scaled_curve(
        right,
        TEMPERATURE_NODES,
        ftemp_q10(TEMPERATURE_NODES, settings.q10),
        T_REFERENCE,
        f"JULES, Q$_{{10}}$ = {settings.q10:g}",
        BLACK,
        "-",
    )
    _scaled_curve(right, TEMPERATURE_NODES, ftemp_rothc(TEMPERATURE_NODES), T_REFERENCE, "JULES, RothC", BLACK, ":")
    draw_learned(right, module.curve_g(settings.interval), module.seen_temperature.tolist(), settings.interval)
    low, high = float(np.min(t_soil)) - 6.0, float(np.max(t_soil)) + 6.0
    within = (low <= TEMPERATURE_NODES) & (high >= TEMPERATURE_NODES)
    top = float(module.curve_g(settings.interval).median[within].max())
    jules_top = float(ftemp_q10(torch.tensor(high), settings.q10))
    right.set(
        xlabel=f"{'air' if settings.temperature == 't_air' else 'soil'} temperature [K]",
        ylabel="g [1]",
        xlim=(low, high),
        ylim=(0.0, 1.3 * min(top, 2.0 * jules_top)),
    )
    for axis, values, at in ((left, moisture, reference), (right, t_soil, T_REFERENCE)):
        draw_histogram(axis, values)
        axis.axvline(at, color=GREY, lw=0.6, zorder=0.6)
        axis.legend(loc="upper left", borderaxespad=0.1)
    letter_panels([left, right], ["Moisture modifier, f", "Temperature modifier, g"])
    add_notes(figure, notes)
    return figure


def _scaled_curve(
    axis: Axes, nodes: torch.Tensor, curve: torch.Tensor, reference: float, label: str, colour: str, style: str
) -> None:
    """Draw a curve of JULES, scaled to one at the reference."""
    scale = float(np.interp(reference, nodes, curve))
    if scale > 0.0:
        axis.plot(nodes, curve / scale, color=colour, ls=style, lw=1.2, label=label)


def draw_learned(axis: Axes, band: Band, training_range: list[float], cover: float) -> None:
    """Draw a learned curve.

    Parameters
    ----------
    axis : Axes
    band : Band
        Curve with its band.
    training_range : list of float
        Range that the data support: the curve is solid with its band inside, and dotted outside.
    cover : float
        Nominal coverage of the band [1].
    """
    inside = (band.x >= training_range[0]) & (band.x <= training_range[1])
    if not bool(inside.any()):
        return
    label = f"{100.0 * cover:.0f} % band"
    draw_interval(axis, band.x[inside], band.low[inside], band.high[inside], colour=VERMILION, label=label)
    axis.plot(band.x[inside], band.median[inside], color=VERMILION, lw=1.6, label="learned")
    for outside in (band.x <= band.x[inside][0], band.x >= band.x[inside][-1]):
        axis.plot(band.x[outside], band.median[outside], color=VERMILION, lw=1.0, ls=(0, (1, 1.6)))


def draw_histogram(axis: Axes, values: NDArray[np.floating]) -> None:
    """Draw a histogram of the data ``values``, as high as a sixth of the panel."""
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


#: Background colours of the training, validation and test periods.
SPLIT_COLOURS = {"train": "#FFFFFF", "validation": "#EAF3FA", "test": "#FCEBDD"}


@styled
def fit_skill(
    steps: pd.DataFrame, days: pd.DataFrame, split: pd.Series, *, flux: str, notes: Sequence[str] = ()
) -> Figure:
    """Draw predicted against observed flux, and daily means through time.

    Parameters
    ----------
    steps : DataFrame, columns ('observed', 'predicted'), indexed by time
        Time steps of the test period.
    days : DataFrame, columns ('observed', 'predicted'), indexed by day
        Means over days or nights of the complete record, including the training period.
    split : Series of str, indexed by day
        ``train``, ``validation`` or ``test``.
    flux : str
        Name of the flux for the labels.
    notes : sequence of str
        Notes below the figure.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 6.4), layout="constrained")
    strip, first, second = figure.subplot_mosaic("aa;bc", height_ratios=[1.0, 1.35]).values()
    _backgrounds(strip, split)
    strip.plot(days.index, days["observed"], ".", color=MEASURED, ms=2.0, label="measured")
    strip.plot(days.index, days["predicted"], ".", color=MODELLED, ms=2.0, label="learned")
    if len(days):
        low, high = np.nanquantile(days[["observed", "predicted"]], [0.001, 0.999])
        strip.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
        strip.set_xlim(days.index[0], days.index[-1] + pd.Timedelta(days=1))
    strip.set_ylabel(f"flux [{FLUX_UNIT}]")
    strip.legend(loc="upper left", ncols=5, markerscale=3.0, borderaxespad=0.1)
    show_dates(strip)
    test_days = days[split.reindex(days.index).eq("test").to_numpy()]
    for axis, pairs in ((first, steps), (second, test_days)):
        density_scatter(axis, figure, pairs[["observed", "predicted"]])
        axis.set_xlabel(f"measured [{FLUX_UNIT}]")
        axis.set_ylabel(f"learned [{FLUX_UNIT}]")
    letter_panels(
        [strip, first, second],
        [
            f"{flux}, daily means",
            f"Time steps of the test period (n = {len(steps)})",
            f"Daily means of the test period (n = {len(test_days)})",
        ],
    )
    add_notes(figure, notes)
    return figure


def _backgrounds(axis: Axes, split: pd.Series) -> None:
    """Shade consecutive days of the same split."""
    run = split.ne(split.shift()).cumsum()
    labelled: set[str] = set()
    for _, days in split.groupby(run):
        name = str(days.iloc[0])
        label = name if name not in labelled and name != "train" else None
        labelled.add(name)
        end = days.index[-1] + pd.Timedelta(days=1)
        axis.axvspan(days.index[0], end, color=SPLIT_COLOURS[name], lw=0.0, zorder=0.0, label=label)


#: Number of bins of a residual plot, and minimum number of rows in a bin that is drawn.
_BINS, _LEAST = 20, 10


@styled
def residuals(rows: pd.DataFrame, *, notes: Sequence[str] = ()) -> Figure:
    """Draw residuals, measured minus predicted, against moisture, temperature, hour and season.

    Parameters
    ----------
    rows : DataFrame, columns ('residual', 'moisture', 't_soil', 'hour', 'day_of_year')
        One row per time step: residual [umol m-2 s-1], moisture [1 or m3 m-3], temperature [K], local hour and day of the year.
    notes : sequence of str
        Notes below the figure.

    Returns
    -------
    Figure
        Figure with at most 5000 rows as points; lines are medians and quartiles of bins with equal numbers of rows.
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
        axis.set_ylabel(f"measured − learned [{FLUX_UNIT}]")
    letter_panels(axes, [f"Residuals against {name}" for name in ("moisture", "temperature", "hour", "day of year")])
    add_notes(figure, notes)
    return figure


def _running(axis: Axes, x: pd.Series, residual: pd.Series) -> None:
    """Draw the median and quartiles of the residuals in bins of ``x``."""
    if residual.notna().sum() < _LEAST:
        return
    bins = pd.qcut(x, _BINS, duplicates="drop")
    grouped = residual.groupby(bins, observed=True)
    enough = (grouped.size() >= _LEAST).to_numpy()
    middle = x.groupby(bins, observed=True).median()[enough]
    quartiles = grouped.quantile([0.25, 0.5, 0.75]).unstack()[enough]
    axis.fill_between(middle, quartiles[0.25], quartiles[0.75], color=VERMILION, alpha=0.25, lw=0.0)
    axis.plot(middle, quartiles[0.5], color=VERMILION, lw=1.6)
