"""Arrangement of a finished figure: titles within their panels, and legends and scores that do not cover data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import Collection, PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

_Array = NDArray[np.float64]
#: Distance between data and a legend, as a fraction of the height of the panel.
_GAP: Final = 0.02
#: Largest height of legends and scores that a panel makes room for, as a fraction of its height.
_MOST: Final = 0.6
#: Number of times that the limits of a panel are extended.
_ROUNDS: Final = 3
#: Identifies the text of :func:`~jules_ml.support.figures.show_scores`.
SCORES: Final = "scores"


def arrange(figure: Figure) -> None:
    """Break long titles into lines, and extend the y axis of panels in which data would be below a legend or below scores.

    Parameters
    ----------
    figure : Figure
        With all its contents. Panels with equal scales on both axes and panels with a fixed size keep their limits.
    """
    panels = [axis for axis in figure.axes if axis.get_visible() and axis.name == "rectilinear"]
    figure.draw_without_rendering()
    broken = [_break_title(axis, figure) for axis in panels]
    if any(broken):
        figure.draw_without_rendering()
    flexible = [axis for axis in panels if axis.get_aspect() == "auto"]
    # wider limits may show data that the narrower ones cut off
    for _ in range(_ROUNDS):
        if not any([_extend(axis) for axis in flexible]):
            return
        figure.draw_without_rendering()
    for axis in flexible:
        if _covers(axis):
            _move_legend_below(axis)
    figure.draw_without_rendering()


def overlays(axis: Axes) -> list[Artist]:
    """Legend and scores within a panel."""
    legend = axis.get_legend()
    scores: list[Artist] = [text for text in axis.texts if text.get_gid() == SCORES]
    return scores if legend is None else [legend, *scores]


def box_of(artist: Artist, axis: Axes) -> Bbox:
    """Box around a legend or text, in fractions of the panel."""
    box = artist.get_window_extent().transformed(axis.transAxes.inverted())
    return Bbox([[box.x0, box.y0], [box.x1, box.y1]])


def heights_of_data(axis: Axes, left: float, right: float) -> _Array:
    """Heights of lines, points and bands between two places of a panel.

    Parameters
    ----------
    axis : Axes
    left, right : float
        Fractions of the width of the panel.

    Returns
    -------
    array, shape (point,)
        Fractions of its height. Intervals that may extend beyond the panel do not count.
    """
    heights = [np.empty(0)]
    for vertices in _data_vertices(axis):
        points = axis.transData.transform(vertices[np.isfinite(vertices).all(1)])
        x, y = axis.transAxes.inverted().transform(points).T
        heights.append(y[(x >= left) & (x <= right)])
    return np.concatenate(heights)


def _data_vertices(axis: Axes) -> Iterator[_Array]:
    for line in axis.lines:
        if line.get_visible() and line.get_transform() == axis.transData and len(np.asarray(line.get_xdata())):
            yield _dense(line)
    for collection in axis.collections:
        if isinstance(collection, PathCollection):
            yield np.asarray(np.ma.filled(np.ma.asarray(collection.get_offsets(), float), np.nan))
        elif collection.get_transform() == axis.transData and not is_interval(collection):
            for path in collection.get_paths():
                yield np.asarray(path.vertices)
    for patch in axis.patches:
        if isinstance(patch, StepPatch) or patch.get_data_transform() == axis.transData:
            yield np.asarray(patch.get_patch_transform().transform(patch.get_path().vertices))


def _dense(line: Line2D) -> _Array:
    """Vertices of a line with few points, and places between them."""
    x, y = np.asarray(line.get_xydata(), dtype=np.float64).T
    if line.get_linestyle() == "None" or not 1 < len(x) < 100:
        return np.column_stack([x, y])
    at = np.linspace(0.0, len(x) - 1.0, 20 * len(x))
    return np.column_stack([np.interp(at, np.arange(len(x)), values) for values in (x, y)])


def is_interval(collection: Collection) -> bool:
    """Whether an interval was drawn that does not set the limits of its panel."""
    return collection.get_gid() == "interval"


def _break_title(axis: Axes, figure: Figure) -> bool:
    """Break a title that is longer than its panel, and say whether it was."""
    title: Text = axis._left_title  # type: ignore[attr-defined]  # Matplotlib has no public access to the artist
    text = title.get_text()
    if not text:
        return False
    room = _right_end(axis, figure) - title.get_window_extent().x0
    width = title.get_window_extent().width
    if width <= room or "\n" in text:
        return False
    lines, words = [""], text.split(" ")
    characters = max(int(len(text) * room / width) - 1, 12)
    for word in words:
        if lines[-1] and len(lines[-1]) + len(word) > characters:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".removeprefix(" ") if lines[-1] else word
    title.set_text("\n".join(lines))
    return True


def _right_end(axis: Axes, figure: Figure) -> float:
    """Where the room for the title of a panel ends: at the next panel in its row, or at the edge of the figure."""
    own = axis.get_window_extent()
    nexts = [
        other.get_tightbbox().x0  # type: ignore[union-attr]  # visible panels have a box
        for other in figure.axes
        if other is not axis
        and other.get_visible()
        and other.get_window_extent().x0 >= own.x1
        and other.get_window_extent().y0 < own.y1
        and other.get_window_extent().y1 > own.y0
    ]
    return float(min([*nexts, figure.bbox.x1])) - 4.0


def _covers(axis: Axes) -> bool:
    """Whether the legend of a panel covers data."""
    legend = axis.get_legend()
    if legend is None:
        return False
    box = box_of(legend, axis)
    heights = heights_of_data(axis, box.x0, box.x1)
    return bool(((heights > box.y0) & (heights < box.y1)).any())


def _move_legend_below(axis: Axes) -> None:
    """Move the legend of a panel below the label of its x axis."""
    legend = axis.get_legend()
    ticks = axis.xaxis.get_tightbbox()
    assert legend is not None
    bottom = 0.0 if ticks is None else ticks.transformed(axis.transAxes.inverted()).y0
    legend.set_loc("upper center")
    legend.set_bbox_to_anchor((0.5, bottom - _GAP), transform=axis.transAxes)


def _extend(axis: Axes) -> bool:
    """Extend the y axis of a panel until legend and scores are off its data."""
    if axis.get_yscale() not in ("linear", "log"):
        return False
    top, bottom = 1.0, 0.0
    for artist in overlays(axis):
        box = box_of(artist, axis)
        if box.y0 > 1.0 - _GAP or box.y1 < _GAP or box.x0 > 1.0 or box.x1 < 0.0:
            continue
        heights = heights_of_data(axis, box.x0, box.x1)
        heights = heights[(heights >= 0.0) & (heights <= 1.0)]
        if not len(heights):
            continue
        if box.y0 + box.y1 > 1.0 and heights.max() > box.y0 - _GAP:
            top = max(top, heights.max() / max(box.y0 - _GAP, 1.0 - _MOST))
        elif box.y0 + box.y1 <= 1.0 and heights.min() < box.y1 + _GAP:
            bottom = min(bottom, 1.0 - (1.0 - heights.min()) / max(1.0 - box.y1 - _GAP, 1.0 - _MOST))
    if top == 1.0 and bottom == 0.0:
        return False
    of_panel = axis.transData + axis.transAxes.inverted()
    limits = of_panel.inverted().transform([[0.5, bottom], [0.5, top]])[:, 1]
    axis.set_ylim(float(limits[0]), float(limits[1]))
    return True
