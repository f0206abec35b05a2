"""Common style of all figures: legible in print, with colours for colour-blind readers."""

from __future__ import annotations

import functools
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from jules_ml.support.figure_layout import SCORES, arrange
from jules_ml.support.files import atomic_write

_P = ParamSpec("_P")

#: Palette of Okabe and Ito (2008), which readers with the common kinds of colour blindness can distinguish.
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
GREY = "#767676"
#: Colours of observations and of modelled values.
MEASURED, MODELLED = BLACK, VERMILION
#: Number of points above which a figure shows their density.
HEXBIN_POINTS = 2000
#: Width of a figure across a page [inch].
WIDTH = 9.0

_STYLE: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.0,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "figure.dpi": 100.0,
    "savefig.dpi": 160.0,
    "savefig.facecolor": "white",
    "mathtext.default": "regular",
}


def styled(make: Callable[_P, Figure]) -> Callable[_P, Figure]:
    """Draw a figure in the common style without changing Matplotlib's global settings."""

    @functools.wraps(make)
    def in_style(*args: _P.args, **kwargs: _P.kwargs) -> Figure:
        with mpl.rc_context(_STYLE):
            return make(*args, **kwargs)

    return in_style


def layer_colours(n: int) -> list[Any]:
    """Return colours of soil layers from the top down, light to dark."""
    ramp = mpl.colormaps["viridis_r"]
    return [ramp(0.12 + 0.8 * i / max(n - 1, 1)) for i in range(n)]


def layer_labels(dzsoil: Sequence[float]) -> list[str]:
    """Return depth ranges of soil layers such as ``0–0.1 m``, from the top down."""
    labels, top = [], 0.0
    for thickness in dzsoil:
        bottom = top + float(thickness)
        labels.append(f"{top:g}–{bottom:.3g} m")
        top = round(bottom, 6)
    return labels


def letter_panels(axes: Iterable[Axes], titles: Iterable[str]) -> None:
    """Put a letter and a title above each panel."""
    for letter, axis, title in zip("abcdefghijkl", axes, titles, strict=False):
        axis.set_title(rf"$\bf{{{letter}}}$   {title}")


def unit_text(unit: str) -> str:
    """Return a unit for labels of figures.

    Parameters
    ----------
    unit : str
        Such as ``umol m-2 s-1``.

    Returns
    -------
    str
        With raised exponents and µ in place of u: ``µmol m$^{-2}$ s$^{-1}$``.
    """
    raised = re.sub(r"(?<=[a-zA-Z])(-?\d+)", r"$^{\1}$", unit)
    return raised.replace("umol", "µmol")


def draw_interval(axis: Axes, x: Any, low: Any, high: Any, *, colour: str, label: str | None = None) -> None:
    """Shade an interval that does not set the limits of the panel: these follow the lines and points.

    Parameters
    ----------
    axis : Axes
    x : array, shape (point,)
    low, high : array, shape (point,)
        Ends of the interval.
    colour : str
    label : str, optional
        Label in the legend.
    """
    limits = axis.dataLim.frozen()
    band = axis.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0.0, label=label)
    band.set_gid("interval")
    axis.dataLim.set(limits)


def show_scores(axis: Axes, text: str, *, corner: str = "upper left") -> None:
    """Write scores into a corner of a panel.

    Parameters
    ----------
    axis : Axes
    text : str
        One or more lines.
    corner : str
        ``upper left``, ``upper right``, ``lower left`` or ``lower right``.
    """
    vertical, horizontal = corner.split()
    axis.text(
        0.02 if horizontal == "left" else 0.98,
        0.97 if vertical == "upper" else 0.03,
        text,
        transform=axis.transAxes,
        ha="left" if horizontal == "left" else "right",
        va="top" if vertical == "upper" else "bottom",
        fontsize=8.0,
        bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 2.0},
        gid=SCORES,
    )


def show_dates(axis: Axes) -> None:
    """Use concise date labels on the x axis."""
    locator = AutoDateLocator(minticks=4, maxticks=11)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def add_notes(figure: Figure, notes: Sequence[str]) -> None:
    """Write notes on the data below the figure."""
    if notes:
        lines = [line for note in notes for line in textwrap.wrap(note, 168)]
        figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=7.0, color="#404040", linespacing=1.35)


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, atomically and without metadata that differ between runs.

    Parameters
    ----------
    figure : Figure
    path : Path
        PNG file.

    Returns
    -------
    Path
        ``path``.
    """
    with mpl.rc_context(_STYLE), atomic_write(path) as part:
        arrange(figure)
        figure.savefig(part, format="png", metadata={"Software": None})
    return path
