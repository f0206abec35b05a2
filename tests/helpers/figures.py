"""Contents of figures."""

from __future__ import annotations

from matplotlib.axes import Axes


def legend_labels(axes: Axes) -> list[str]:
    """Labels in the legend of a panel."""
    legend = axes.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]
