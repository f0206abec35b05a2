"""Taylor diagrams of runs against observations, one for each time scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jules_ml.comparison.figures import COLOURS
from jules_ml.comparison.time_scales import SCALES, ScaleScore
from jules_ml.support.figures import BLACK, GREY, WIDTH, letter_panels, styled

_MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
_TITLES: Final = {"daily": "Daily means", "seasonal": "Seasonal variation", "anomaly": "Anomalies"}
#: Correlations with a line and a label.
_CORRELATIONS: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99)


@styled
def taylor_diagrams(scores: Sequence[ScaleScore], runs: Sequence[str]) -> Figure:
    """Draw a Taylor diagram for each time scale: runs by colour, quantities by symbol.

    Parameters
    ----------
    scores : sequence of ScaleScore
        With a correlation and a ratio of standard deviations.
    runs : sequence of str
        Names of all runs, in the order of their colours.

    Returns
    -------
    Figure
        The angle is the correlation, the radius the standard deviation relative to the observations, and the distance from REF the
        centred root mean square difference.
    """
    scores = [each for each in scores if np.isfinite(each.r) and np.isfinite(each.sd_ratio)]
    quantities = list(dict.fromkeys(each.quantity for each in scores))
    figure = Figure(figsize=(WIDTH, 4.1), layout="constrained")
    axes: Any = figure.subplots(1, len(SCALES), subplot_kw={"projection": "polar"})
    most = min(max([1.5, *(1.1 * each.sd_ratio for each in scores)]), 3.0)
    negative = any(each.r < 0.0 for each in scores)
    for axis, scale in zip(axes, SCALES, strict=True):
        _frame(axis, most, negative)
        for each in (s for s in scores if s.scale == scale):
            axis.plot(
                np.arccos(np.clip(each.r, -1.0, 1.0)),
                min(each.sd_ratio, most),
                _MARKERS[quantities.index(each.quantity) % len(_MARKERS)],
                color=COLOURS[runs.index(each.run) % len(COLOURS)],
                ms=6.0,
                mec="white",
                mew=0.5,
                clip_on=False,
                zorder=4,
            )
    letter_panels(axes, [_TITLES[scale] for scale in SCALES])
    by_run = [Line2D([], [], color=COLOURS[k % len(COLOURS)], lw=4.0, label=name) for k, name in enumerate(runs)]
    by_quantity = [
        Line2D([], [], color=GREY, lw=0.0, marker=_MARKERS[k % len(_MARKERS)], label=name)
        for k, name in enumerate(quantities)
    ]
    figure.legend(handles=[*by_run, *by_quantity], loc="outside lower center", ncols=4)
    return figure


def _frame(axis: Any, most: float, negative: bool) -> None:
    """Axes of a Taylor diagram: correlation along the arc, standard deviation along the radius, circles about REF."""
    correlations = [-c for c in reversed(_CORRELATIONS[1:]) if negative] + list(_CORRELATIONS)
    axis.set(thetamin=0.0, thetamax=180.0 if negative else 90.0, ylim=(0.0, most))
    axis.set_thetagrids(np.degrees(np.arccos(correlations)), [f"{c:g}" for c in correlations])
    radii = np.arange(0.5, most, 0.5)
    axis.set_rgrids(radii, ["REF" if radius == 1.0 else f"{radius:g}" for radius in radii])
    axis.spines["polar"].set_linewidth(0.7)
    angle = np.linspace(0.0, np.pi, 181)
    axis.plot(angle, np.ones_like(angle), color=BLACK, lw=0.8, ls="--")
    for distance in np.arange(0.5, most, 0.5):
        x, y = 1.0 + distance * np.cos(angle), distance * np.sin(angle)
        axis.plot(np.arctan2(y, x), np.hypot(x, y), color=GREY, lw=0.5, ls=":")
    axis.plot(0.0, 1.0, "*", color=BLACK, ms=9.0, clip_on=False, zorder=5)
    axis.text(
        np.pi / 2 if negative else np.pi / 4,
        1.14 * most,
        "correlation",
        rotation=0.0 if negative else -45.0,
        ha="center",
        va="center",
    )
    axis.set_xlabel("relative standard deviation", labelpad=22.0)
