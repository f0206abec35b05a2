"""Night respiration: what a tower measured against what a column gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from jules_ml.agreement import Agreement, agreement
from jules_ml.figures.style import (
    GREY,
    MEASURED,
    MODELLED,
    WIDTH,
    add_notes,
    letter_panels,
    show_dates,
    styled,
)

_UNIT = "µmol m$^{-2}$ s$^{-1}$"


@styled
def night_respiration(
    steps: pd.DataFrame, nights: pd.DataFrame, *, measured: str, modelled: str, notes: Sequence[str] = ()
) -> Figure:
    """Draw nightly means through time, and density scatters of all steps and of nightly means with their scores.

    Parameters
    ----------
    steps : DataFrame, columns ('measured', 'modelled')
        Fluxes of carbon dioxide in each measured step of the night [umol m-2 s-1], by time.
    nights : DataFrame, columns ('measured', 'modelled')
        Means over nights.
    measured, modelled : str
        What the two are, for the legend.
    notes : sequence of str
        What the reader must know of the data.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 6.6), layout="constrained")
    strip, *scatters = figure.subplot_mosaic("aa;bc", height_ratios=[1.0, 1.35]).values()
    strip.plot(nights.index, nights["measured"], ".", ms=2.5, color=MEASURED, label=measured)
    strip.plot(nights.index, nights["modelled"], ".", ms=2.5, color=MODELLED, label=modelled)
    strip.axhline(0.0, color=GREY, lw=0.6)
    if len(nights):
        strip.set_xlim(nights.index[0], nights.index[-1] + pd.Timedelta(days=1))
    strip.set_ylim(*_range(nights, margin=0.18))
    strip.set_ylabel(_UNIT)
    strip.legend(loc="upper left", ncols=2, markerscale=3.0, borderaxespad=0.1)
    show_dates(strip)
    for axis, pairs in zip(scatters, (steps, nights), strict=True):
        density_scatter(axis, figure, pairs)
        axis.set_xlabel(f"measured [{_UNIT}]")
        axis.set_ylabel(f"column [{_UNIT}]")
    letter_panels(
        [strip, *scatters], ["Nightly means", f"Single steps (n = {len(steps)})", f"Nightly means (n = {len(nights)})"]
    )
    add_notes(figure, notes)
    return figure


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
    pairs : DataFrame, columns ('measured', 'modelled')
        Fluxes [umol m-2 s-1].
    """
    low, high = _range(pairs)
    if pairs.empty:
        axis.text(0.5, 0.5, "none", transform=axis.transAxes, ha="center")
        return
    bins = axis.hexbin(
        pairs["measured"],
        pairs["modelled"],
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
    scores = agreement(pairs["modelled"].to_numpy(), pairs["measured"].to_numpy())
    axis.text(
        0.03,
        0.97,
        score_text(scores, _UNIT),
        transform=axis.transAxes,
        va="top",
        fontsize=8.0,
        bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 2.0},
    )


def score_text(scores: Agreement, unit: str) -> str:
    """Scores, one a line, as they stand in a panel."""
    return (
        f"r = {scores.r:.2f}\nKGE = {scores.kge:.2f}\nNSE = {scores.nse:.2f}\n"
        f"RMSE = {scores.rmse:.2g} {unit}\nbias = {scores.bias:+.2g} {unit}"
    )
