"""Contents and common style of figures."""

from __future__ import annotations

import re

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from jules_ml.support.figure_layout import box_of, heights_of_data, overlays
from jules_ml.support.figures import HEXBIN_POINTS

#: A unit with a raised exponent, and an exponent that is not raised.
_RAISED, _PLAIN = re.compile(r"[A-Za-zµ]\$\^"), re.compile(r"[A-Za-z]-[1-9]\b|\bm[23]\b")
#: Units without an exponent that are common in labels.
_UNITS = re.compile(r"\((K|m|1|%|°|W|kg|days|years|degree)\)|degree")


def legend_labels(axes: Axes) -> list[str]:
    """Labels in the legend of a panel."""
    legend = axes.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def check_style(figure: Figure) -> None:
    """Assert the common style of a figure after :func:`jules_ml.support.figure_layout.arrange`.

    Every panel has a title, every label writes units as ``[m$^{3}$ m$^{-3}$]``, no legend and no score covers data, and a density of
    points is of more than 2 000.
    """
    bars = {axis for axis in figure.axes if axis.get_label() == "<colorbar>"}
    for axis in figure.axes:
        if not axis.get_visible() or not axis.axison:
            continue
        for label in (axis.get_xlabel(), axis.get_ylabel()):
            check_units(label)
        if axis in bars:
            continue
        title = axis.get_title("left")
        assert len(title.partition("$   ")[2] or title) > 1, f"a panel of {figure} has no title"
        _check_overlays(axis)
        _check_density(axis)


def check_units(label: str) -> None:
    """Assert that the unit of a label is in brackets, with raised exponents."""
    assert not _PLAIN.search(re.sub(r"\$\^\{?-?\d+\}?\$", "", label)), f"an exponent of {label!r} is not raised"
    assert not _UNITS.search(label), f"the unit of {label!r} is not in the common style"
    if _RAISED.search(label):
        assert re.search(r"\[[^]]*\$\^\{-?\d+\}\$[^]]*\]", label), f"the unit of {label!r} is not in brackets"


def _check_overlays(axis: Axes) -> None:
    if axis.get_aspect() != "auto" or axis.name != "rectilinear":
        return
    for artist in overlays(axis):
        box = box_of(artist, axis)
        heights = heights_of_data(axis, box.x0, box.x1)
        covered = (heights > box.y0 + 0.005) & (heights < box.y1 - 0.005)
        assert not covered.any(), f"{artist} covers data of {axis.get_title('left')!r}"


def _check_density(axis: Axes) -> None:
    for collection in axis.collections:
        if isinstance(collection, PolyCollection) and len(np.asarray(collection.get_offsets())) > 1:
            points = float(np.nansum(np.ma.filled(np.ma.asarray(collection.get_array(), float), 0.0)))
            assert points > HEXBIN_POINTS, f"a density of {points:.0f} points"
