"""Places of the columns of a component, and the grids of the Basic Model Interface that they make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from jules_ml.errors import BadInput
from jules_ml.frameworks.variables import COLUMNS, LAYERS, Array

Layout = Literal["scalar", "points", "rectilinear", "uniform_rectilinear"]


@dataclass(frozen=True, eq=False)
class Places:
    """Places of columns.

    Attributes
    ----------
    layout : {'scalar', 'points', 'rectilinear', 'uniform_rectilinear'}
        A single column; unstructured points; or a grid of latitudes and longitudes, evenly spaced or not.
    latitude, longitude : array
        [degree]; of each point, or of the rows and of the columns of a grid; empty for a single column without a place.
    """

    layout: Layout = "scalar"
    latitude: Array = field(default_factory=lambda: np.empty(0))
    longitude: Array = field(default_factory=lambda: np.empty(0))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a variable with one value for each column."""
        if self.layout == "scalar":
            return ()
        return (len(self.latitude),) if self.layout == "points" else (len(self.latitude), len(self.longitude))

    @property
    def size(self) -> int:
        """Number of columns."""
        return int(np.prod(self.shape))

    def nodes(self) -> tuple[Array, Array]:
        """Latitude and longitude of each column [degree], shape (column,)."""
        if self.layout in ("scalar", "points"):
            return self.latitude, self.longitude
        lat, lon = np.meshgrid(self.latitude, self.longitude, indexing="ij")
        return lat.reshape(-1), lon.reshape(-1)


class Grids:
    """Grids of a component: :data:`~jules_ml.frameworks.variables.COLUMNS` and :data:`~jules_ml.frameworks.variables.LAYERS`.

    x is the longitude, y the latitude, and z the depth of the middle of a layer [m]; x is the depth for a single column, whose only
    dimension it is.

    Parameters
    ----------
    places : Places
    depths : array, shape (layer,)
        Middle of the soil layers [m].
    where : str
        Name of the component, for messages.
    """

    def __init__(self, places: Places, depths: Array, where: str) -> None:
        self.places, self.depths, self._where = places, depths, where

    def shape(self, grid: int) -> tuple[int, ...]:
        """Shape of a grid, from the slowest dimension to the fastest."""
        layers = (len(self.depths),) if self._checked(grid) == LAYERS else ()
        return (*layers, *self.places.shape)

    def size(self, grid: int) -> int:
        """Number of nodes."""
        return int(np.prod(self.shape(grid)))

    def rank(self, grid: int) -> int:
        """Number of dimensions of space: points have two, and with layers three."""
        of_places = 0 if self.places.layout == "scalar" else 2
        return of_places + (1 if self._checked(grid) == LAYERS else 0)

    def type(self, grid: int) -> str:
        """Type of a grid in the terms of the interface."""
        layout = self.places.layout
        if self._checked(grid) == LAYERS and layout != "points":
            return "rectilinear"
        return layout

    def axis(self, grid: int, letter: Literal["x", "y", "z"]) -> Array:
        """Coordinates of a grid: of its nodes for points, else of an axis.

        Raises
        ------
        NotImplementedError
            If the grid has no such axis.
        """
        layered = self._checked(grid) == LAYERS
        if self.places.layout == "scalar":
            if layered and letter == "x":
                return self.depths
            raise NotImplementedError("depth is the only dimension of a single column; use get_grid_x of the layers")
        if letter == "z" and not layered:
            raise NotImplementedError("the grid of the columns has no depth; use that of the layers")
        if self.places.layout != "points":
            return {"x": self.places.longitude, "y": self.places.latitude, "z": self.depths}[letter]
        n, layers = self.places.size, len(self.depths) if layered else 1
        if letter == "z":
            return np.repeat(self.depths, n)
        return np.tile(self.places.longitude if letter == "x" else self.places.latitude, layers)

    def uniform(self, grid: int) -> tuple[Array, Array]:
        """Origin and spacing of an evenly spaced grid, in the order of its shape.

        Raises
        ------
        NotImplementedError
            If the grid is not evenly spaced.
        """
        if self.type(grid) != "uniform_rectilinear":
            raise NotImplementedError("the grid is not evenly spaced")
        axes = (self.places.latitude, self.places.longitude)
        return np.array([x[0] for x in axes]), np.array([x[1] - x[0] for x in axes])

    def _checked(self, grid: int) -> int:
        """Grid, if it exists."""
        if grid not in (COLUMNS, LAYERS):
            raise BadInput(
                f"the component has no grid {grid}",
                where=self._where,
                remedy="use 0, one value for each column, or 1, the soil layers",
            )
        return grid
