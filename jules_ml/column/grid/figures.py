"""Figures of a run on a grid: the map of a mean, and the mean over the land through time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jules_ml.column.grid.maps import Layout, Means
from jules_ml.support.figures import BLUE, WIDTH, letter_panels, show_dates, styled, unit_text

#: Outputs that are shown, if the run has them, the most wanted first.
_SHOWN: Final = ("sthu", "t_soil", "latent_heat", "gpp_gb", "runoff", "snow_mass_gb", "smcl", "fqw_gb")


@styled
def grid_figure(layout: Layout, means: Means) -> Figure:
    """Draw two outputs of a run: maps of their means over time, and series of their means over the land.

    Parameters
    ----------
    layout : Layout
    means : Means

    Returns
    -------
    Figure
    """
    names = shown_outputs(list(layout.rows))
    figure = Figure(figsize=(WIDTH, 3.0 * len(names)), layout="constrained")
    axes = figure.subplots(len(names), 2, squeeze=False)
    # means are drawn at the middle of their periods
    bounds = np.array([each.to_datetime64() for each in layout.bounds])
    times = bounds[:-1] + (bounds[1:] - bounds[:-1]) / 2
    for (left, right), name in zip(axes, names, strict=True):
        name_and_row, units = output_label(layout, name)
        label = f"{name_and_row} [{unit_text(units)}]"
        image = _draw_map(left, layout, means.total[name] / layout.periods)
        figure.colorbar(image, ax=left, label=label)
        right.plot(times, means.series[name], color=BLUE, marker="." if len(times) == 1 else "")
        right.set(ylabel=label, xlabel="time (UTC)")
        show_dates(right)
    letter_panels(list(axes.flat), [f"{name}: mean over the {over}" for name in names for over in ("run", "land")])
    return figure


def shown_outputs(outputs: Sequence[str]) -> list[str]:
    """At most two outputs that figure and report show."""
    preferred = [name for name in _SHOWN if name in outputs]
    return (preferred + [name for name in outputs if name not in preferred])[:2]


def output_label(layout: Layout, name: str) -> tuple[str, str]:
    """Name of an output with the row that is shown, and its unit."""
    rows = {None: "", "soil": ", top layer", "tile": ", first type", "pft": ", first type"}[layout.second_dim(name)]
    return f"{name}{rows}", layout.variable_attrs(name)["units"]


def _draw_map(axes: Axes, layout: Layout, values: NDArray[np.float64]) -> ScalarMappable:
    """Draw values of the land points as cells of a regular grid, or as points."""
    land = layout.land
    axes.set(xlabel="longitude [°]", ylabel="latitude [°]")
    axes.grid(visible=False)
    if not land.grid.regular or min(land.grid.shape) < 2:
        size = float(np.clip(20000.0 / land.size, 0.5, 100.0))
        return axes.scatter(land.longitude, land.latitude, c=values, s=size, marker="s", linewidths=0)
    cells = np.full(land.grid.size, np.nan)
    cells[land.number] = values
    assert land.grid.latitude is not None
    assert land.grid.longitude is not None
    longitude = (land.grid.longitude + 180.0) % 360.0 - 180.0
    order = np.argsort(longitude)
    cells = cells.reshape(land.grid.shape)[:, order]
    return axes.pcolormesh(longitude[order], land.grid.latitude, cells, shading="nearest", rasterized=True)
