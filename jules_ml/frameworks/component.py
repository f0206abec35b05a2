"""Bookkeeping of a component of CSDMS's Basic Model Interface whose variables are values of columns or profiles of soil layers.

Needs the package ``bmipy`` (``pip install jules_ml[bmi]``).

References
----------
Hutton et al. (2020), Journal of Open Source Software 5(51), 2317: the Basic Model Interface 2.0.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Final

import numpy as np
from bmipy import Bmi
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.frameworks.places import Grids, Places
from jules_ml.frameworks.variables import Array, BmiVariable, names_by_alias

#: End time of a component without an end [s].
OPEN_END: Final = sys.float_info.max
#: Part of a time step within which two times are equal.
_SAME_TIME: Final = 1e-6


class Component(Bmi):
    """Component whose variables are single values for each column, or profiles of its soil layers.

    Subclasses list their variables in ``variables``, call :meth:`declare` in :meth:`initialize`, change ``self.values[name][...]`` in
    :meth:`update`, and then call :meth:`advance`. A variable can be named by its CSDMS name or by JULES's.
    """

    #: Exchanged variables by CSDMS name, listed before :meth:`initialize` too.
    variables: ClassVar[Mapping[str, BmiVariable]] = {}
    _name = "component"
    _timestep: float | None = None

    def declare(
        self,
        *,
        timestep: float,
        n_steps: int | None,
        depths: Array | None = None,
        places: Places | None = None,
        start: float = 0.0,
        time_units: str = "s",
    ) -> None:
        """Declare time axis and grids of the component, and set all values to 0.

        Parameters
        ----------
        timestep : float
            Length of a step [s].
        n_steps : int or None
            Number of steps to the end; None if the component has no end.
        depths : array, shape (layer,), optional
            Middle of the soil layers [m], for variables with layers.
        places : Places, optional
            Places of the columns; by default there is one column.
        start : float
            Start time, in ``time_units``.
        time_units : str
            Unit of time, in the notation of UDUNITS; seconds.
        """
        self._timestep, self._n_steps, self._step = float(timestep), n_steps, 0
        self._start, self._time_units = float(start), time_units
        self.grids = Grids(places or Places(), np.zeros(1) if depths is None else depths, self._name)
        self.values: dict[str, Array] = {
            name: np.zeros(self.grids.size(each.grid)) for name, each in self.variables.items()
        }

    def advance(self) -> None:
        """Move the current time on by one step."""
        self._step += 1

    def update_until(self, time: float) -> None:
        """Step until a time; the last step is the one that contains it.

        Raises
        ------
        BadInput
            If the time is not finite, before the current time or after the end time.
        """
        self._require_reachable(time)
        while not self._has_reached(time):
            self.update()

    def _has_reached(self, time: float) -> bool:
        return self.get_current_time() >= time - _SAME_TIME * self.get_time_step()

    def _require_reachable(self, time: float) -> None:
        """Refuse a time to which the component cannot step."""
        now, last, tolerance = self.get_current_time(), self.get_end_time(), _SAME_TIME * self.get_time_step()
        if not np.isfinite(time):
            raise BadInput(f"the time {time} is not finite", where=self._name, remedy="give a time in seconds")
        if time < now - tolerance:
            raise BadInput(
                f"the time {time:.12g} s is before the current time, {now:.12g} s: a component does not go back",
                where=self._name,
                remedy="give a later time, or restore a state that was saved before (restore_state)",
            )
        if time > last + tolerance:
            raise BadInput(
                f"the time {time:.12g} s is after the end time, {last:.12g} s, at which the record has ended",
                where=self._name,
                remedy="stop at get_end_time(), or give a longer record",
            )

    def finalize(self) -> None:
        """Release the values; the component must be initialised again before it is used."""
        self.values = {}
        self._timestep = None

    def get_component_name(self) -> str:
        """Name of the component."""
        return self._name

    def get_input_item_count(self) -> int:
        """Return the number of inputs."""
        return len(self.get_input_var_names())

    def get_output_item_count(self) -> int:
        """Return the number of outputs."""
        return len(self.get_output_var_names())

    def get_input_var_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the inputs; none of them is an output."""
        return tuple(name for name, each in self.variables.items() if each.role == "input")

    def get_output_var_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the outputs, with those of the state."""
        return tuple(name for name, each in self.variables.items() if each.role != "input")

    def get_var_grid(self, name: str) -> int:
        """Grid of a variable."""
        return self.variables[self.name_of(name)].grid

    def get_var_type(self, name: str) -> str:
        """Type of the values of a variable."""
        self.name_of(name)
        return "float64"

    def get_var_units(self, name: str) -> str:
        """Return the unit of a variable, in the notation of UDUNITS."""
        return self.variables[self.name_of(name)].units

    def get_var_itemsize(self, name: str) -> int:
        """Size of one value of a variable [bytes]."""
        self.name_of(name)
        return 8

    def get_var_nbytes(self, name: str) -> int:
        """Size of all values of a variable [bytes]."""
        return self.array(name).nbytes

    def get_var_location(self, name: str) -> str:
        """Location of the values on the grid: always its nodes."""
        self.name_of(name)
        return "node"

    def get_current_time(self) -> float:
        """Time at the end of the last step."""
        timestep = self._require_initialised()
        return self._start + self._step * timestep

    def get_start_time(self) -> float:
        """Start time: 0, or seconds since the epoch."""
        self._require_initialised()
        return self._start

    def get_end_time(self) -> float:
        """End time; :data:`OPEN_END` for a component without an end."""
        timestep = self._require_initialised()
        return OPEN_END if self._n_steps is None else self._start + self._n_steps * timestep

    def get_time_units(self) -> str:
        """Return the unit of time: ``s``, or ``seconds since`` the epoch."""
        self._require_initialised()
        return self._time_units

    def get_time_step(self) -> float:
        """Length of a step [s]."""
        return self._require_initialised()

    def get_value(self, name: str, dest: NDArray[Any]) -> NDArray[Any]:
        """Copy the values of a variable into an array."""
        array = self.array(name)
        if dest.size != array.size:
            raise self._wrong_size(name, dest.size, array.size)
        dest[...] = array.reshape(dest.shape)
        return dest

    def get_value_ptr(self, name: str) -> NDArray[Any]:
        """Array of the values of a variable, without a copy; that of an output cannot be written to."""
        array = self.array(name)
        if self.variables[self.name_of(name)].role == "output":
            array = array.view()
            array.flags.writeable = False
        return array

    def get_value_at_indices(self, name: str, dest: NDArray[Any], inds: NDArray[Any]) -> NDArray[Any]:
        """Copy values of a variable at indices into an array."""
        values = self.array(name)[self._indices(name, inds)]
        if dest.size != values.size:
            raise self._wrong_size(name, dest.size, values.size)
        dest[...] = values.reshape(dest.shape)
        return dest

    def set_value(self, name: str, src: NDArray[Any]) -> None:
        """Set all values of an input or of the state.

        Raises
        ------
        BadInput
            If the variable is an output, the number of values differs, or a value is no number, not finite or outside the range.
        """
        array = self._settable(name)
        values = self._numbers(name, src)
        if values.size != array.size:
            raise self._wrong_size(name, values.size, array.size)
        self._check(name, values)
        array[...] = values if values.ndim == 1 else values.reshape(array.shape)

    def set_value_at_indices(self, name: str, inds: NDArray[Any], src: NDArray[Any]) -> None:
        """Set values of an input or of the state at indices; errors as of :meth:`set_value`, and for an index out of bounds."""
        array = self._settable(name)
        places, values = self._indices(name, inds), self._numbers(name, src).reshape(-1)
        if values.size != places.size:
            raise self._wrong_size(name, values.size, places.size)
        self._check(name, values)
        array[places] = values

    def get_grid_rank(self, grid: int) -> int:
        """Return the number of dimensions of a grid."""
        return self._grids().rank(grid)

    def get_grid_size(self, grid: int) -> int:
        """Return the number of nodes of a grid."""
        return self._grids().size(grid)

    def get_grid_type(self, grid: int) -> str:
        """Type of a grid: ``scalar``, ``points``, ``rectilinear`` or ``uniform_rectilinear``."""
        return self._grids().type(grid)

    def get_grid_shape(self, grid: int, shape: NDArray[Any]) -> NDArray[Any]:
        """Copy the shape of a grid into an array: (layer, y, x) or a part of it."""
        sizes = self._grids().shape(grid)
        if sizes:
            shape[: len(sizes)] = sizes
        return shape

    def get_grid_x(self, grid: int, x: NDArray[Any]) -> NDArray[Any]:
        """Copy longitudes [degree] into an array; for a single column the depth of the middle of each layer [m]."""
        if self._grids().type(grid) != "scalar":
            x[...] = self._grids().axis(grid, "x")
        return x

    def get_grid_y(self, grid: int, y: NDArray[Any]) -> NDArray[Any]:
        """Copy latitudes [degree] into an array."""
        y[...] = self._grids().axis(grid, "y")
        return y

    def get_grid_z(self, grid: int, z: NDArray[Any]) -> NDArray[Any]:
        """Copy the depths of the middle of the layers [m] into an array."""
        z[...] = self._grids().axis(grid, "z")
        return z

    def get_grid_spacing(self, grid: int, spacing: NDArray[Any]) -> NDArray[Any]:
        """Copy the spacing of latitudes and longitudes [degree] of an evenly spaced grid into an array."""
        spacing[...] = self._grids().uniform(grid)[1]
        return spacing

    def get_grid_origin(self, grid: int, origin: NDArray[Any]) -> NDArray[Any]:
        """Copy the first latitude and longitude [degree] of an evenly spaced grid into an array."""
        origin[...] = self._grids().uniform(grid)[0]
        return origin

    def get_grid_node_count(self, grid: int) -> int:
        """Return the number of nodes of a grid."""
        return self._grids().size(grid)

    def get_grid_edge_count(self, grid: int) -> int:
        """Return 0: points have no edges."""
        return self._none_of_points(grid)

    def get_grid_face_count(self, grid: int) -> int:
        """Return 0: points have no faces."""
        return self._none_of_points(grid)

    def get_grid_edge_nodes(self, grid: int, edge_nodes: NDArray[Any]) -> NDArray[Any]:
        """Not available: no grid has edges."""
        raise NotImplementedError("the grid has no edges")

    def get_grid_face_edges(self, grid: int, face_edges: NDArray[Any]) -> NDArray[Any]:
        """Not available: no grid has faces."""
        raise NotImplementedError("the grid has no faces")

    def get_grid_face_nodes(self, grid: int, face_nodes: NDArray[Any]) -> NDArray[Any]:
        """Not available: no grid has faces."""
        raise NotImplementedError("the grid has no faces")

    def get_grid_nodes_per_face(self, grid: int, nodes_per_face: NDArray[Any]) -> NDArray[Any]:
        """Not available: no grid has faces."""
        raise NotImplementedError("the grid has no faces")

    def name_of(self, name: str) -> str:
        """CSDMS name of a variable, by this name or by JULES's.

        Raises
        ------
        BadInput
            If the component has no such variable.
        """
        if name in self.variables:
            return name
        aliases = self._aliases
        if name not in aliases:
            others = f"; or, by JULES's names, {', '.join(aliases)}" if aliases else ""
            remedy = f"use one of {', '.join(self.variables)}{others}"
            raise BadInput(f"the component has no variable {name}", where=self._name, remedy=remedy)
        return aliases[name]

    @cached_property
    def _aliases(self) -> dict[str, str]:
        return names_by_alias(self.variables)

    def array(self, name: str) -> Array:
        """Values of a variable, as they are kept."""
        name = self.name_of(name)
        self._require_initialised()
        return self.values[name]

    def _settable(self, name: str) -> Array:
        if self.variables[self.name_of(name)].role == "output":
            raise BadInput(
                "the variable is an output and cannot be set",
                where=self._place(name),
                remedy=f"set an input or the state: {', '.join(n for n, v in self.variables.items() if v.role != 'output')}",
            )
        return self.array(name)

    def _check(self, name: str, values: Array) -> None:
        variable = self.variables[self.name_of(name)]
        if not variable.admits(values):
            variable.check(values, where=self._place(name))

    def _place(self, name: str) -> str:
        """Component and variable, for messages."""
        name = self.name_of(name)
        jules = self.variables[name].jules
        return f"{self._name}, {name}" + (f" ({jules})" if jules else "")

    def _numbers(self, name: str, src: Any) -> Array:
        try:
            return np.asarray(src, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise BadInput(
                f"the values are no numbers ({error})", where=self._place(name), remedy="give an array of numbers"
            ) from error

    def _wrong_size(self, name: str, size: int, needed: int) -> BadInput:
        return BadInput(
            f"there are {size} values for {needed}",
            where=self._place(name),
            remedy="give one value for each node of the grid (get_grid_size), or for each index",
        )

    def _indices(self, name: str, inds: NDArray[Any]) -> NDArray[np.int64]:
        places, size = np.asarray(inds).reshape(-1), self.array(name).size
        if places.dtype.kind not in "iu" or (places.size and (places.min() < 0 or places.max() >= size)):
            raise BadInput(
                f"the indices {places[:8].tolist()} are not whole numbers from 0 to {size - 1}",
                where=self._place(name),
                remedy="count the nodes of the grid from 0",
            )
        return places.astype(np.int64)

    def _require_initialised(self) -> float:
        if self._timestep is None:
            raise BadInput(
                "the component is not initialised",
                where=self._name,
                remedy="call initialize first; after finalize it must be called again",
            )
        return self._timestep

    def _grids(self) -> Grids:
        self._require_initialised()
        return self.grids

    def _none_of_points(self, grid: int) -> int:
        if self._grids().type(grid) != "points":
            raise NotImplementedError("the grid is not unstructured")
        return 0
