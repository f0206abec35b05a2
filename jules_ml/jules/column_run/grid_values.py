"""Values of all land points of a run that its namelists list: points, soil properties, cover and initial state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jules_ml.column.grid.files import LandPoints, values_at_points
from jules_ml.column.grid.land_checks import check_fractions
from jules_ml.data.model_variables import check_model_values
from jules_ml.errors import BadInput
from jules_ml.jules.run_folder import RunFolder
from jules_ml.jules.run_points import run_points
from jules_ml.jules.typed_entries import numbers
from jules_ml.jules.variable_lists import ListedVariable, is_netcdf, read_list, values_per_point
from jules_ml.learned.maps.grid import MapGrid
from jules_ml.physics.soil_names import LAYERED

_Array = NDArray[np.float64]
_INITIAL: Final = "jules_initial"
#: Rounding of a difference of longitudes [degree].
_ROUNDING: Final = 1e-9


def land_of_run(run: RunFolder) -> LandPoints:
    """Find the land points of a run, within the bounds of JULES_MODEL_GRID.

    Parameters
    ----------
    run : RunFolder

    Returns
    -------
    LandPoints

    Raises
    ------
    BadInput
        If latitude and longitude are not in netCDF files, or there is no land; if points are chosen in another way than by bounds.
    """
    points = run_points(run)
    if points.latitude is None or points.longitude is None:
        raise BadInput(
            "the points have no latitude and longitude that can be read",
            where=run.namelists.place("jules_latlon"),
            remedy="give them in a netCDF file",
        )
    grid = MapGrid(run.grid.dims, run.grid.shape, points.latitude, points.longitude, {})
    latitude = points.latitude.reshape(-1)
    longitude = (points.longitude.reshape(-1) + 180.0) % 360.0 - 180.0
    land = np.ones(grid.size, dtype=bool) if points.land is None else points.land.reshape(-1).copy()
    if run.entry("jules_model_grid", "use_subgrid", False):
        if not run.entry("jules_model_grid", "latlon_region", False):
            raise BadInput(
                "the points of the run are listed",
                where=run.namelists.place("jules_model_grid"),
                remedy="choose them by latlon_region = T, or give files of these points alone",
            )
        south, north, west, east = _bounds(run)
        land &= (latitude >= south) & (latitude <= north) & within_longitudes(points.longitude.reshape(-1), west, east)
    number = np.flatnonzero(land)
    if not len(number):
        raise BadInput("there is no land", where=run.namelists.place("jules_land_frac"), remedy="correct the grid")
    return LandPoints(grid, number, latitude[number], longitude[number])


def _bounds(run: RunFolder) -> tuple[float, float, float, float]:
    """Bounds of the latitudes and of the longitudes [degree]."""
    where = run.namelists.place("jules_model_grid")
    bounds: list[float] = []
    for name in ("lat_bounds", "lon_bounds"):
        pair = numbers(run.namelists, "jules_model_grid", name, ())
        if len(pair) != 2 or pair[0] > pair[1]:
            raise BadInput(
                f"{name} are not two numbers in order",
                where=where,
                remedy="give the smaller one first, then the larger",
            )
        bounds += pair
    return bounds[0], bounds[1], bounds[2], bounds[3]


def within_longitudes(longitude: _Array, west: float, east: float) -> NDArray[np.bool_]:
    """Whether longitudes are within bounds, both from -180 to 180 or from 0 to 360 degrees.

    Parameters
    ----------
    longitude : array, shape (point,)
        [degree]
    west, east : float
        Bounds, which belong to the region [degree].

    Returns
    -------
    array of bool, shape (point,)
    """
    return np.asarray((longitude - west + _ROUNDING) % 360.0 <= east - west + 2.0 * _ROUNDING)


@dataclass(frozen=True, eq=False)
class GridValues:
    """Values of land points; see :class:`jules_ml.jules.column_run.column.Values`.

    Attributes
    ----------
    run : RunFolder
    land : LandPoints
    """

    run: RunFolder
    land: LandPoints = field(repr=False)

    @cached_property
    def _sizes(self) -> dict[str, int]:
        return values_per_point(self.run)

    def soil(self) -> dict[str, _Array]:
        """Soil properties, shape (soil, point), and ``albsoil``, shape (1, point); NaN where there is no soil."""
        group = self.run.namelists.get("jules_soil_props")
        layers = len(self.run.dzsoil)
        values = {}
        for name in (*LAYERED, "albsoil"):
            array = self._of_group("jules_soil_props", group, name)
            count = 1 if name == "albsoil" else layers
            self._refuse_size(name, len(array), count, "jules_soil_props")
            values[name] = np.broadcast_to(array, (count, self.land.size)).copy()
        return values

    def fractions(self, count: int) -> _Array:
        """Fractions of the surface types, shape (type, point), whose sum is 1."""
        group = self.run.namelists.get("jules_frac")
        where = self.run.namelists.place("jules_frac")
        file = str(group.get("file") or "")
        if not is_netcdf(file):
            raise BadInput("a grid needs the fractions in a netCDF file", where=where, remedy="give file of JULES_FRAC")
        frac = values_at_points(self.run.folder / file, str(group.get("frac_name") or "frac"), self.land)
        self._refuse_size("frac", len(frac), count, "jules_frac")
        check_fractions(frac, self.land, where)
        return np.asarray(frac / frac.sum(axis=0))

    def initial(self, names: Sequence[str]) -> dict[str, _Array]:
        """Initial values, shape (value, point)."""
        group = self.run.namelists.get(_INITIAL)
        values = {}
        for name in names:
            array = self._of_group(_INITIAL, group, name, dump=bool(group.get("dump_file")))
            self._refuse_size(name, len(array), self._sizes[name], _INITIAL)
            values[name] = np.broadcast_to(array, (self._sizes[name], self.land.size)).copy()
            check_model_values(name, values[name], where=self.run.namelists.place(_INITIAL))
        return values

    def top(self) -> dict[str, _Array]:
        """Properties of TOPMODEL, shape (point,)."""
        group = self.run.namelists.get("jules_top")
        return {
            name: np.broadcast_to(self._of_group("jules_top", group, name)[0], self.land.size).copy()
            for name in ("fexp", "ti_mean", "ti_sig")
        }

    def _refuse_size(self, name: str, size: int, expected: int, group: str) -> None:
        if size not in (1, expected):
            raise BadInput(
                f"{name} has {size} values at each point, and the run needs {expected}",
                where=self.run.namelists.place(group),
                remedy="give the values of all layers or types, in JULES's order",
            )

    def _of_group(self, name_of_group: str, group: Mapping[str, Any], name: str, *, dump: bool = False) -> _Array:
        """Values of a listed variable, from a constant, a file or a dump; shape (value, point) or (value, 1)."""
        where = self.run.namelists.place(name_of_group)
        variable = next((each for each in read_list(group) if each.name == name), None)
        if variable is None and not dump:
            raise BadInput(f"{name} is missing", where=where, remedy=f"add {name} to var of {name_of_group.upper()}")
        variable = variable or ListedVariable(name)
        if not variable.use_file:
            if variable.const_val is None:
                raise BadInput(f"{name} has no const_val", where=where, remedy="give const_val, or use_file = T")
            return np.array([[float(variable.const_val)]])
        file = str(group.get("file") or "").replace("%vv", variable.tpl_name or "")
        if not is_netcdf(file):
            raise BadInput(f"a grid needs {name} in a netCDF file", where=where, remedy="give a netCDF file")
        return values_at_points(self.run.folder / file, name if dump else variable.var_name or name, self.land)
