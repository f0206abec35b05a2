"""Figures of relationships between variables, and of ranks among regressions on the forcing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from jules_ml.comparison.benchmarks import BenchmarkRank
from jules_ml.comparison.figures import COLOURS
from jules_ml.comparison.forcing_regressions import BENCHMARKS
from jules_ml.comparison.relationships import Relationship
from jules_ml.support.figures import (
    GREY,
    MEASURED,
    WIDTH,
    draw_interval,
    layer_colours,
    letter_panels,
    styled,
    unit_text,
)


@styled
def relationship_figure(of: Sequence[Relationship], runs: Sequence[str]) -> Figure:
    """Draw fluxes as functions of a variable: means of bins, for the observations with the standard deviation of their values.

    Parameters
    ----------
    of : sequence of Relationship
        At least one.
    runs : sequence of str
        Names of all runs, in the order of their colours.

    Returns
    -------
    Figure
    """
    rows = -(-len(of) // 2)
    figure = Figure(figsize=(WIDTH, 0.5 + 3.0 * rows), layout="constrained")
    axes = figure.subplots(rows, min(len(of), 2), squeeze=False).ravel()
    for axis, each in zip(axes, of, strict=False):
        middle = 0.5 * (each.edges[:-1] + each.edges[1:])
        mean, sd = each.observed.mean, each.observed.sd
        draw_interval(axis, middle, mean - sd, mean + sd, colour=GREY, label="measured, ± SD")
        axis.plot(middle, mean, "o-", ms=3.5, color=MEASURED, label="measured, mean")
        for name, curve in each.runs.items():
            colour = COLOURS[list(runs).index(name) % len(COLOURS)]
            label = f"{name} (score {each.scores[name]:.2f})"
            axis.plot(middle, curve.mean, "o-", ms=3.0, color=colour, label=label)
        axis.set_xlabel(f"{each.driver} [{unit_text(each.driver_unit)}]")
        axis.set_ylabel(f"{each.flux} [{unit_text(each.flux_unit)}]")
        axis.set_ylim(_limits(each))
        axis.legend(loc="upper left", borderaxespad=0.1, frameon=True, framealpha=0.85, edgecolor="none")
    for axis in axes[len(of) :]:
        axis.set_visible(False)
    letter_panels(axes, [f"{each.flux.capitalize()} and {each.driver}" for each in of])
    return figure


def _limits(of: Relationship) -> tuple[float, float]:
    """Limits of an axis by the means, with room for the legend: standard deviations of single values can be many times their range."""
    means = np.concatenate([of.observed.mean, *(curve.mean for curve in of.runs.values())])
    means = means[np.isfinite(means)]
    if not len(means):
        # too few values for any bin
        return 0.0, 1.0
    low, high = float(means.min()), float(means.max())
    extent = high - low if high > low else max(abs(high), 1.0)
    return low - 0.25 * extent, high + (0.1 + 0.13 * (2 + len(of.runs))) * extent


@styled
def rank_figure(ranks: Sequence[BenchmarkRank], runs: Sequence[str]) -> Figure:
    """Draw the mean rank of each run and of the regressions by flux, one panel for each run.

    Parameters
    ----------
    ranks : sequence of BenchmarkRank
        At least one.
    runs : sequence of str
        Names of all runs, in the order of their colours.

    Returns
    -------
    Figure
    """
    present = [run for run in runs if any(each.run == run for each in ranks)]
    rows, columns = -(-len(present) // 2), min(len(present), 2)
    figure = Figure(figsize=(WIDTH, 3.4 * rows), layout="constrained")
    axes: Any = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    greys = dict(zip(BENCHMARKS, layer_colours(len(BENCHMARKS)), strict=True))
    for axis, run in zip(axes, present, strict=False):
        of_run = [each for each in ranks if each.run == run]
        place = np.arange(len(of_run))
        for name in BENCHMARKS:
            axis.plot(
                place, [each.ranks[name] for each in of_run], "s--", color=greys[name], ms=5.0, lw=0.9, label=name
            )
        axis.plot(
            place,
            [each.ranks[run] for each in of_run],
            "o-",
            color=COLOURS[list(runs).index(run) % len(COLOURS)],
            ms=7.0,
            lw=1.6,
            label=run,
        )
        axis.set_xticks(place, [each.quantity.replace(" ", "\n", 1) for each in of_run])
        axis.set_xlim(-0.5, len(of_run) - 0.5)
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=4)
    axes[0].set(ylim=(4.2, 0.8), yticks=[1, 2, 3, 4])
    for axis in axes[::columns]:
        axis.set_ylabel("mean rank (1 is best)")
    for axis in axes[len(present) :]:
        axis.set_visible(False)
    letter_panels(axes, [f"{run}: rank among regressions on the forcing" for run in present])
    return figure
