"""Figures of a verdict: observations and both runs through time, and against each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from jules_ml.comparison.swap_scores import SwapScore
from jules_ml.comparison.swapped_runs import STOCK, SWAPPED
from jules_ml.support.figures import (
    BLUE,
    GREY,
    MEASURED,
    VERMILION,
    WIDTH,
    letter_panels,
    save_figure,
    show_dates,
    show_scores,
    styled,
    unit_text,
)
from jules_ml.support.files import safe_file_name

#: Name and colour of each run.
_RUNS = {STOCK: ("JULES's own forms", BLUE), SWAPPED: ("swapped", VERMILION)}


def save_verdict_figures(scores: Sequence[SwapScore], folder: Path) -> list[Path]:
    """Save a figure of each quantity and sensor, of nights or days; single steps have none.

    Returns
    -------
    list of Path
        PNG files.
    """
    return [
        save_figure(swap_figure(score), folder / f"{safe_file_name(score.name.replace(' ', '_').replace(',', ''))}.png")
        for score in scores
        if score.period != "steps"
    ]


@styled
def swap_figure(score: SwapScore) -> Figure:
    """Draw observations and both runs through time, and each run against the observations with its scores.

    Parameters
    ----------
    score : SwapScore

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 6.2), layout="constrained")
    strip, *scatters = figure.subplot_mosaic("aa;bc", height_ratios=[1.0, 1.35]).values()
    pairs, unit = score.pairs, unit_text(score.unit)
    strip.plot(pairs.index, pairs["observed"], ".", ms=3.0, color=MEASURED, label="measured")
    for name, (label, colour) in _RUNS.items():
        strip.plot(pairs.index, pairs[name], ".", ms=2.5, color=colour, label=label)
    low, high = (float(x) for x in np.nanquantile(pairs.to_numpy(), [0.001, 0.999]))
    margin = 0.05 * max(high - low, 1e-6)
    strip.set_ylim(low - margin, high + 5.0 * margin)
    strip.set_ylabel(f"[{unit}]")
    strip.legend(loc="upper left", ncols=3, markerscale=3.0, borderaxespad=0.1)
    show_dates(strip)
    for axis, (name, (label, colour)) in zip(scatters, _RUNS.items(), strict=True):
        of = getattr(score, name)
        axis.plot(pairs["observed"], pairs[name], ".", ms=3.0, color=colour, alpha=0.6)
        axis.plot([low, high], [low, high], color=GREY, lw=0.8, ls="--")
        axis.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin), aspect="equal")
        axis.set_xlabel(f"measured [{unit}]")
        axis.set_ylabel(f"{label} [{unit}]")
        show_scores(axis, f"n = {of.n}\nNSE = {of.nse:.2f}\nKGE = {of.kge:.2f}\nbias = {of.bias:+.2g} {unit}")
    title = score.name[0].upper() + score.name[1:]
    letter_panels(
        [strip, *scatters],
        [f"{title}, {score.period}", *(f"{label[0].upper()}{label[1:]}" for label, _ in _RUNS.values())],
    )
    return figure
