"""Figures of an exported map: each soil property beside that of texture, and the spread of the members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jules_ml.learned.maps.grid import MapGrid
from jules_ml.physics.pedotransfer import (
    HYPRES_MAX_ORGANIC_MATTER,
    ORGANIC_MATTER_PER_CARBON,
    ClappHornberger,
    VanGenuchten,
    clapp_hornberger_cosby,
    soil_of_texture,
    van_genuchten_hypres,
)
from jules_ml.physics.soil_names import LAYERED, RESIDUAL
from jules_ml.support.figures import WIDTH, layer_labels, letter_panels, save_figure, styled, unit_text
from jules_ml.support.progress import Progress

_Array = NDArray[np.float64]

#: Most rows and columns, and most points of a vector, that a figure shows.
_LARGEST, _MOST_POINTS = 400, 20000
#: Properties on a logarithmic scale.
_LOGARITHMIC: Final = ("sathh", "satcon")
#: Bulk density and organic carbon of a typical mineral topsoil, for the texture-based soil where they are missing [kg m-3].
_BULK_DENSITY, _CARBON = 1350.0, 20.0
#: Quantiles of the values between which the colours change.
_QUANTILES: Final = (0.01, 0.99)
_NAMES: Final = LAYERED | RESIDUAL


@dataclass(eq=False)
class MapSample:
    """Points of a map that its figures show: every n-th row and column.

    Attributes
    ----------
    grid : MapGrid
    dzsoil : sequence of float
        Thickness of the soil layers [m].
    texture : str
        Pedotransfer function of the texture-based soil; empty if the map has no texture.
    values : dict of (str, str) to array, shape (row, column) or (point,)
        By panel, ``top``, ``deep``, ``texture`` or ``spread``, and property; NaN without soil.
    """

    grid: MapGrid
    dzsoil: Sequence[float]
    texture: str = ""
    values: dict[tuple[str, str], _Array] = field(default_factory=dict)

    @property
    def stride(self) -> int:
        """Distance of the points that are shown."""
        if len(self.grid.shape) == 1:
            return -(-self.grid.size // _MOST_POINTS)
        return -(-max(self.grid.shape) // _LARGEST)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of points that are shown, in each dimension."""
        return tuple(-(-n // self.stride) for n in self.grid.shape)

    def shown(self, start: int, stop: int, use: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Select the points that are shown.

        Parameters
        ----------
        start, stop : int
            Numbers of a range of whole rows of points.
        use : array of bool, shape (point,)
            Points with values.

        Returns
        -------
        array of bool, shape (used point,)
            Whether each is shown.
        array of int, shape (shown point,)
            Its number among the points that are shown.
        """
        columns = self.grid.shape[1] if len(self.grid.shape) == 2 else 1
        row, column = np.divmod(np.arange(start, stop)[use], columns)
        chosen = (row % self.stride == 0) & (column % self.stride == 0)
        wide = self.shape[1] if len(self.shape) == 2 else 1
        return chosen, (row[chosen] // self.stride) * wide + column[chosen] // self.stride

    def put(self, panel: str, name: str, place: NDArray[np.int64], values: _Array) -> None:
        """Add values of a panel at points from :meth:`shown`."""
        target = self.values.setdefault((panel, name), np.full(self.shape, np.nan))
        target.reshape(-1)[place] = values

    def add_soil(
        self,
        start: int,
        stop: int,
        use: NDArray[np.bool_],
        soil: Mapping[str, _Array],
        spread: Mapping[str, _Array],
        inputs: Mapping[str, _Array],
    ) -> None:
        """Add the soil of a range of whole rows of points.

        Parameters
        ----------
        start, stop : int
            Numbers of the points.
        use : array of bool, shape (point,)
            Points with soil.
        soil, spread : mapping of str to array, shape (layer, used point)
        inputs : mapping of str to array, shape (used point,)
        """
        chosen, place = self.shown(start, stop, use)
        if not chosen.any():
            return
        self.texture, texture = texture_soil({name: values[chosen] for name, values in inputs.items()})
        for name, values in soil.items():
            self.put("top", name, place, values[0, chosen])
            self.put("deep", name, place, values[-1, chosen])
            if name in texture:
                self.put("texture", name, place, texture[name])
            if name in spread:
                self.put("spread", name, place, spread[name][0, chosen])


def texture_soil(inputs: Mapping[str, _Array]) -> tuple[str, dict[str, _Array]]:
    """Topsoil properties of a pedotransfer function.

    Parameters
    ----------
    inputs : mapping of str to array, shape (point,)
        ``sand`` and ``clay``; with ``bulk_density`` and ``soc_density`` the function is that of HYPRES, otherwise that of Cosby et al.
        Where the two are missing they are those of a typical mineral soil.

    Returns
    -------
    str
        Name of the function; empty without sand and clay.
    dict of str to array, shape (point,)
        By JULES's names; NaN where texture is missing.
    """
    if not {"sand", "clay"} <= set(inputs):
        return "", {}
    sand, clay = (torch.tensor(inputs[name]) for name in ("sand", "clay"))
    hydraulics: VanGenuchten | ClappHornberger
    if {"bulk_density", "soc_density"} <= set(inputs):
        name = "HYPRES"
        clay = clay.clamp(0.02, 0.75)
        density = torch.tensor(inputs["bulk_density"]).nan_to_num(_BULK_DENSITY).clamp(700.0, 1700.0)
        most = 0.9 * HYPRES_MAX_ORGANIC_MATTER / ORGANIC_MATTER_PER_CARBON
        carbon = (torch.tensor(inputs["soc_density"]).nan_to_num(_CARBON) / density).clamp(1e-3, most)
        hydraulics = van_genuchten_hypres((1.0 - sand - clay).clamp(0.03, 0.8), clay, density, carbon)
        residual = hydraulics.theta_r
    else:
        name = "Cosby et al."
        hydraulics = clapp_hornberger_cosby(sand, clay)
        residual = torch.zeros_like(sand)
    soil = soil_of_texture(hydraulics, clay)
    return name, {key: value.numpy() for key, value in {**soil._asdict(), "theta_r": residual}.items()}


def save_map_figures(sample: MapSample, folder: Path, *, progress: Progress | None = None) -> list[Path]:
    """Save a figure for each soil property.

    Parameters
    ----------
    sample : MapSample
    folder : Path
    progress : callable, optional
        See :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    list of Path
        ``PROPERTY.png``; none if no point has soil.
    """
    names = [name for name in _NAMES if ("top", name) in sample.values]
    paths = []
    for k, name in enumerate(names):
        paths.append(save_figure(soil_map_figure(sample, name), folder / f"{name}.png"))
        if progress is not None:
            progress("figures", k + 1, len(names))
    return paths


@styled
def soil_map_figure(sample: MapSample, name: str) -> Figure:
    """Draw the maps of a soil property: learned topsoil and deepest layer, topsoil from texture, and spread of the members.

    Parameters
    ----------
    sample : MapSample
    name : str
        JULES's name of the property.

    Returns
    -------
    Figure
    """
    labels = layer_labels(sample.dzsoil)
    titles = {
        "top": f"learned, {labels[0]}",
        "texture": f"from texture ({sample.texture}), topsoil",
        "deep": f"learned, {labels[-1]}",
        "spread": f"spread of the members, {labels[0]}",
    }
    panels = {panel: sample.values[panel, name] for panel in titles if (panel, name) in sample.values}
    units, long_name = _NAMES[name]
    shared = _scale([values for panel, values in panels.items() if panel != "spread"], name in _LOGARITHMIC)
    drawn = [
        _Panel(titles[panel], values, _scale([values], False), "magma", f"standard deviation [{unit_text(units)}]")
        if panel == "spread"
        else _Panel(titles[panel], values, shared, "viridis", f"{name} [{unit_text(units)}]")
        for panel, values in panels.items()
    ]
    return _panels_figure(sample, drawn, f"{name}: {long_name}")


@styled
def carbon_map_figure(sample: MapSample) -> Figure:
    """Draw the maps of soil carbon: stock of the column, and organic carbon of the topsoil with its bounds.

    Parameters
    ----------
    sample : MapSample
        Panels ``cs`` [kg m-2], ``soc_density``, ``soc_density_low`` and ``soc_density_high`` [kg m-3], all of the property ``carbon``.

    Returns
    -------
    Figure
    """
    titles = {
        "soc_density": "topsoil, predicted",
        "soc_density_low": "topsoil, lower bound",
        "soc_density_high": "topsoil, upper bound",
    }
    stock = sample.values["cs", "carbon"]
    shared = _scale([sample.values[panel, "carbon"] for panel in titles], True)
    label = f"soc_density [{unit_text('kg m-3')}]"
    panels = [_Panel("column", stock, _scale([stock], False), "viridis", f"cs [{unit_text('kg m-2')}]")]
    panels += [
        _Panel(title, sample.values[panel, "carbon"], shared, "viridis", label) for panel, title in titles.items()
    ]
    return _panels_figure(sample, panels, "soil carbon, predicted")


@dataclass(frozen=True, eq=False)
class _Panel:
    """One map of a figure."""

    title: str
    values: _Array
    norm: Normalize
    colours: str
    label: str


def _panels_figure(sample: MapSample, panels: Sequence[_Panel], title: str) -> Figure:
    """Draw maps with their colour bars."""
    columns = 2 if len(panels) > 1 else 1
    rows = -(-len(panels) // columns)
    height = min(max(0.5 * WIDTH * 0.62 * _ratio(sample.grid), 1.8), 4.5)
    figure = Figure(figsize=(WIDTH, rows * (height + 0.45)), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    for axis, panel in zip(axes, panels, strict=False):
        drawn = _draw(axis, sample.grid, sample.stride, panel.values, panel.norm, panel.colours)
        figure.colorbar(drawn, ax=axis, label=panel.label, extend="both", shrink=0.85)
    letter_panels(axes, [panel.title for panel in panels])
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.0)
    return figure


def _ratio(grid: MapGrid) -> float:
    """Height of a map over its width."""
    if len(grid.shape) == 1:
        return 0.7
    if not grid.regular:
        return grid.shape[0] / grid.shape[1]
    assert grid.latitude is not None
    assert grid.longitude is not None
    degrees = float(np.ptp(grid.latitude)) / max(float(np.ptp(_continuous(grid.longitude))), 1e-6)
    return degrees * _aspect(grid.latitude)


def _aspect(latitude: _Array) -> float:
    """Length of a degree of latitude over one of longitude, in the middle of a map."""
    return 1.0 / max(float(np.cos(np.deg2rad(0.5 * (latitude[0] + latitude[-1])))), 0.2)


def _scale(values: Sequence[_Array], logarithmic: bool) -> Normalize:
    finite = np.concatenate([each[np.isfinite(each)] for each in values])
    low, high = (float(q) for q in np.quantile(finite, _QUANTILES)) if len(finite) else (0.0, 1.0)
    if high - low < 1e-9 * max(abs(high), 1e-30):
        low, high = (0.9 * low, 1.1 * high) if high > 0.0 else (0.0, 1.0)
    return LogNorm(low, high) if logarithmic and low > 0.0 else Normalize(low, high)


def _draw(axis: Axes, grid: MapGrid, stride: int, values: _Array, norm: Normalize, colours: str) -> Any:
    """Draw values on a map."""
    axis.grid(False)
    if values.ndim == 1:
        axis.set_xlabel("longitude [°]")
        axis.set_ylabel("latitude [°]")
        longitude, latitude = _vector_coordinates(grid, stride, len(values))
        size = float(np.clip(4000.0 / max(len(values), 1), 0.5, 16.0))
        return axis.scatter(longitude, latitude, c=values, s=size, norm=norm, cmap=colours, linewidths=0.0)
    extent, origin = _extent(axis, grid)
    cmap = mpl.colormaps[colours].with_extremes(bad="#E0E0E0")
    aspect = _aspect(grid.latitude) if grid.regular and grid.latitude is not None else 1.0
    return axis.imshow(
        values, norm=norm, cmap=cmap, extent=extent, origin=origin, aspect=aspect, interpolation="nearest"
    )


def _vector_coordinates(grid: MapGrid, stride: int, count: int) -> tuple[_Array, _Array]:
    if grid.latitude is None or grid.longitude is None:
        return np.arange(count, dtype=np.float64), np.zeros(count)
    return (grid.longitude[::stride] + 180.0) % 360.0 - 180.0, grid.latitude[::stride]


def _extent(axis: Axes, grid: MapGrid) -> tuple[tuple[float, float, float, float] | None, Any]:
    """Extent of an image on its axes, and whether its first row is below."""
    y, x = (grid.axes.get(dim) for dim in grid.dims)
    if grid.regular:
        assert grid.latitude is not None
        assert grid.longitude is not None
        y, x = (grid.latitude, {"units": "°"}), (_continuous(grid.longitude), {"units": "°"})
    axis.set_xlabel("longitude [°]" if grid.regular else "x")
    axis.set_ylabel("latitude [°]" if grid.regular else "y")
    if y is None or x is None or len(y[0]) < 2 or len(x[0]) < 2:
        return None, "lower"
    if not grid.regular:
        axis.set_xlabel(f"x [{x[1].get('units', '1')}]")
        axis.set_ylabel(f"y [{y[1].get('units', '1')}]")
    (left, right), (first, last) = (_edges(values) for values in (x[0], y[0]))
    return (left, right, min(first, last), max(first, last)), "lower" if last > first else "upper"


def _continuous(longitude: _Array) -> _Array:
    """Longitudes of a row without the jump by 360 degrees at Greenwich or at the date line, and with their middle in -180 to 180."""
    unwrapped = np.unwrap(longitude, period=360.0)
    shifted: _Array = unwrapped - 360.0 * round(0.5 * float(unwrapped[0] + unwrapped[-1]) / 360.0)
    return shifted


def _edges(values: _Array) -> tuple[float, float]:
    half = 0.5 * (values[-1] - values[0]) / (len(values) - 1)
    return float(values[0] - half), float(values[-1] + half)
