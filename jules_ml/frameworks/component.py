"""Bookkeeping of a component of CSDMS's Basic Model Interface whose variables are single values or profiles of soil layers.

Needs the package ``bmipy`` (``pip install jules_ml[bmi]``).

References
----------
Hutton et al. (2020), Journal of Open Source Software 5(51), 2317: the Basic Model Interface 2.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from bmipy import Bmi
from numpy.typing import NDArray

from jules_ml.errors import BadInput

Array = NDArray[np.float64]
#: Numbers of the grids: a single value, and the layers of the soil.
POINT, LAYERS = 0, 1


@dataclass(frozen=True)
class BmiVariable:
    """Variable that a component exchanges.

    Attributes
    ----------
    units : str
        Unit of the values.
    doc : str
        Description.
    intent : {'in', 'out', 'inout'}
        Whether other components set the variable, read it, or both.
    grid : int
        :data:`POINT` or :data:`LAYERS`.
    """

    units: str
    doc: str
    intent: Literal["in", "out", "inout"]
    grid: int = POINT


class Component(Bmi):
    """Component whose variables are single values or profiles of the soil layers.

    Subclasses call :meth:`declare` in :meth:`initialize`; in :meth:`update` they change ``self.values[name][...]`` and then call
    :meth:`advance`.
    """

    _name = "component"

    def declare(
        self, variables: Mapping[str, BmiVariable], *, timestep: float, n_steps: int, depths: Array | None = None
    ) -> None:
        """Declare the variables and the time axis of the component.

        Parameters
        ----------
        variables : mapping of str to BmiVariable
            Exchanged variables by name.
        timestep : float
            Length of a step [s].
        n_steps : int
            Number of steps to the end.
        depths : array, shape (layer,), optional
            Middle of the soil layers [m], for variables on :data:`LAYERS`.
        """
        self._variables = dict(variables)
        self._timestep, self._n_steps, self._step = float(timestep), n_steps, 0
        self._depths = np.zeros(1) if depths is None else depths
        self.values: dict[str, Array] = {
            name: np.zeros(1 if v.grid == POINT else len(self._depths)) for name, v in self._variables.items()
        }

    def advance(self) -> None:
        """Move the current time on by one step."""
        self._step += 1

    def update_until(self, time: float) -> None:
        """Step until a time [s]; the last step is the one that contains it."""
        while self.get_current_time() < time - 1e-6 * self._timestep:
            self.update()

    def finalize(self) -> None:
        """Release the values."""
        self.values = {}

    def get_component_name(self) -> str:
        """Name of the component."""
        return self._name

    def get_input_item_count(self) -> int:
        """Return the number of variables that other components can set."""
        return len(self.get_input_var_names())

    def get_output_item_count(self) -> int:
        """Return the number of variables that other components can read."""
        return len(self.get_output_var_names())

    def get_input_var_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the variables that other components can set."""
        return tuple(name for name, v in self._variables.items() if v.intent != "out")

    def get_output_var_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the variables that other components can read."""
        return tuple(name for name, v in self._variables.items() if v.intent != "in")

    def get_var_grid(self, name: str) -> int:
        """Grid of a variable: :data:`POINT` or :data:`LAYERS`."""
        return self._variable(name).grid

    def get_var_type(self, name: str) -> str:
        """Type of the values of a variable."""
        return str(self._array(name).dtype)

    def get_var_units(self, name: str) -> str:
        """Return the unit of a variable."""
        return self._variable(name).units

    def get_var_itemsize(self, name: str) -> int:
        """Size of one value of a variable [bytes]."""
        return self._array(name).itemsize

    def get_var_nbytes(self, name: str) -> int:
        """Size of all values of a variable [bytes]."""
        return self._array(name).nbytes

    def get_var_location(self, name: str) -> str:
        """Location of the values on the grid: always its nodes."""
        self._variable(name)
        return "node"

    def get_current_time(self) -> float:
        """Time at the end of the last step [s]."""
        return self._step * self._timestep

    def get_start_time(self) -> float:
        """Start time, always 0 [s]."""
        return 0.0

    def get_end_time(self) -> float:
        """End time [s]."""
        return self._n_steps * self._timestep

    def get_time_units(self) -> str:
        """Return the unit of time."""
        return "s"

    def get_time_step(self) -> float:
        """Length of a step [s]."""
        return self._timestep

    def get_value(self, name: str, dest: NDArray[Any]) -> NDArray[Any]:
        """Copy the values of a variable into an array."""
        dest[...] = self._array(name).reshape(dest.shape)
        return dest

    def get_value_ptr(self, name: str) -> NDArray[Any]:
        """Array of the values of a variable, without a copy."""
        return self._array(name)

    def get_value_at_indices(self, name: str, dest: NDArray[Any], inds: NDArray[Any]) -> NDArray[Any]:
        """Copy values of a variable at indices into an array."""
        dest[...] = self._array(name)[inds]
        return dest

    def set_value(self, name: str, src: NDArray[Any]) -> None:
        """Set the values of a variable."""
        array = self._array(name)
        array[...] = np.asarray(src).reshape(array.shape)

    def set_value_at_indices(self, name: str, inds: NDArray[Any], src: NDArray[Any]) -> None:
        """Set values of a variable at indices."""
        self._array(name)[inds] = src

    def get_grid_rank(self, grid: int) -> int:
        """Return the number of dimensions of a grid: 0 for a single value, 1 for layers."""
        return 0 if self._checked(grid) == POINT else 1

    def get_grid_size(self, grid: int) -> int:
        """Return the number of values on a grid."""
        return 1 if self._checked(grid) == POINT else len(self._depths)

    def get_grid_type(self, grid: int) -> str:
        """Type of a grid."""
        return "scalar" if self._checked(grid) == POINT else "rectilinear"

    def get_grid_shape(self, grid: int, shape: NDArray[Any]) -> NDArray[Any]:
        """Copy the shape of a grid into an array."""
        if self._checked(grid) == LAYERS:
            shape[0] = len(self._depths)
        return shape

    def get_grid_x(self, grid: int, x: NDArray[Any]) -> NDArray[Any]:
        """Copy the depth of the middle of each layer [m], the only dimension of a column, into an array."""
        if self._checked(grid) == LAYERS:
            x[...] = self._depths
        return x

    def get_grid_node_count(self, grid: int) -> int:
        """Return the number of nodes of a grid."""
        return self.get_grid_size(grid)

    def get_grid_y(self, grid: int, y: NDArray[Any]) -> NDArray[Any]:
        """Not available: depth is the only dimension of a column."""
        raise NotImplementedError("depth is the only dimension of a column")

    def get_grid_z(self, grid: int, z: NDArray[Any]) -> NDArray[Any]:
        """Not available: depth is the only dimension of a column, and is x."""
        raise NotImplementedError("depth is the only dimension of a column; use get_grid_x")

    def get_grid_spacing(self, grid: int, spacing: NDArray[Any]) -> NDArray[Any]:
        """Not available: the layers are not evenly spaced."""
        raise NotImplementedError("the layers are not evenly spaced")

    def get_grid_origin(self, grid: int, origin: NDArray[Any]) -> NDArray[Any]:
        """Not available: the layers are not evenly spaced."""
        raise NotImplementedError("the layers are not evenly spaced")

    def get_grid_edge_count(self, grid: int) -> int:
        """Not available: the grid is not unstructured."""
        raise NotImplementedError("the grid is not unstructured")

    def get_grid_face_count(self, grid: int) -> int:
        """Not available: the grid is not unstructured."""
        raise NotImplementedError("the grid is not unstructured")

    def get_grid_edge_nodes(self, grid: int, edge_nodes: NDArray[Any]) -> NDArray[Any]:
        """Not available: the grid is not unstructured."""
        raise NotImplementedError("the grid is not unstructured")

    def get_grid_face_edges(self, grid: int, face_edges: NDArray[Any]) -> NDArray[Any]:
        """Not available: the grid is not unstructured."""
        raise NotImplementedError("the grid is not unstructured")

    def get_grid_face_nodes(self, grid: int, face_nodes: NDArray[Any]) -> NDArray[Any]:
        """Not available: the grid is not unstructured."""
        raise NotImplementedError("the grid is not unstructured")

    def get_grid_nodes_per_face(self, grid: int, nodes_per_face: NDArray[Any]) -> NDArray[Any]:
        """Not available: the grid is not unstructured."""
        raise NotImplementedError("the grid is not unstructured")

    def _variable(self, name: str) -> BmiVariable:
        """Look up a declared variable."""
        if name not in self._variables:
            raise BadInput(
                f"the component has no variable {name}",
                where=self._name,
                remedy=f"use one of {', '.join(self._variables)}",
            )
        return self._variables[name]

    def _array(self, name: str) -> Array:
        """Values of a declared variable."""
        self._variable(name)
        return self.values[name]

    def _checked(self, grid: int) -> int:
        """Grid, if it exists."""
        if grid not in (POINT, LAYERS):
            raise BadInput(
                f"the component has no grid {grid}",
                where=self._name,
                remedy="use 0, a single value, or 1, the soil layers",
            )
        return grid
