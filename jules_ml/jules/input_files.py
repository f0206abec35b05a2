"""Input files of an unmodified JULES: ancillaries of soil properties and prescribed soil state.

The files are netCDF with the dimensions of the run's namelist ``JULES_INPUT_GRID``, in the order time, level, grid. Values are 64-bit, so
that JULES converts them to the same 32-bit numbers as the same digits in a namelist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from jules_ml.data.model_variables import check_model_values
from jules_ml.errors import BadInput
from jules_ml.jules.moments import Moment
from jules_ml.physics.soil_names import LAYERED, RESIDUAL
from jules_ml.support.cf import TIME, write_dataset

#: Properties without layers, and properties by layer of soil carbon.
_AT_SURFACE = {"albsoil": ("1", "albedo of bare soil")}
_BY_CARBON_LAYER = {"clay": ("1", "clay as a fraction of the mineral soil"), "soil_ph": ("1", "pH of the soil")}
#: Soil variables that JULES can read as prescribed data.
PRESCRIBED = {
    "sthuf": ("1", "soil water, liquid and frozen, as a fraction of saturation"),
    "t_soil": ("K", "soil temperature"),
    **{name: LAYERED[name] for name in ("b", "satcon", "sm_sat", "sm_wilt")},
}
#: Value of points without land, JULES's own missing value.
FILL = -1.0e20
_TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True)
class InputGrid:
    """Grid of the input files of a run, namelist JULES_INPUT_GRID.

    Attributes
    ----------
    nx, ny : int
        Number of points; for a one-dimensional grid ``ny`` is 1.
    x_dim, y_dim : str
        Names of the dimensions.
    land_dim : str or None
        Name of the only dimension if ``grid_is_1d``.
    soil_dim, carbon_dim, time_dim : str
        Names of the dimensions of soil layers, layers of soil carbon, and time.
    """

    nx: int = 1
    ny: int = 1
    x_dim: str = "x"
    y_dim: str = "y"
    land_dim: str | None = None
    soil_dim: str = "soil"
    carbon_dim: str = "sclayer"
    time_dim: str = "time"

    @classmethod
    def of(cls, group: Mapping[str, Any]) -> InputGrid:
        """Return the grid of a namelist group, with JULES's defaults for missing entries.

        Parameters
        ----------
        group : mapping
            Entries of JULES_INPUT_GRID, names in lower case.
        """
        one_dimension = bool(group.get("grid_is_1d", False))
        return cls(
            nx=int(group.get("npoints" if one_dimension else "nx", 0)),
            ny=1 if one_dimension else int(group.get("ny", 0)),
            x_dim=group.get("x_dim_name", cls.x_dim),
            y_dim=group.get("y_dim_name", cls.y_dim),
            land_dim=group.get("grid_dim_name", "land") if one_dimension else None,
            soil_dim=group.get("soil_dim_name", cls.soil_dim),
            carbon_dim=group.get("sclayer_dim_name", cls.carbon_dim),
            time_dim=group.get("time_dim_name", cls.time_dim),
        )

    @property
    def dims(self) -> tuple[str, ...]:
        """Dimensions of the grid, in the order of netCDF."""
        return (self.y_dim, self.x_dim) if self.land_dim is None else (self.land_dim,)

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of :attr:`dims`."""
        return (self.ny, self.nx) if self.land_dim is None else (self.nx,)

    def fill(
        self,
        values: ArrayLike,
        levels: Sequence[int],
        *,
        name: str,
        where: str | Path,
        land: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.float64]:
        """Broadcast values to the shape of the file.

        Parameters
        ----------
        values : array
            Shape ``levels`` for values that are uniform over the grid, or ``levels`` plus the shape of the grid.
        levels : sequence of int
            Sizes of the dimensions before the grid: time, layers.
        name : str
            Variable, for the error message.
        where : str or Path
            File, for the error message.
        land : array of bool, shape of the grid, optional
            Land points; a value elsewhere that is not finite is replaced by :data:`FILL`.

        Raises
        ------
        BadInput
            If the shape is different, or a value of land is not finite.
        """
        array = np.asarray(values, dtype=np.float64)
        full_shape = (*levels, *self.shape)
        if array.shape == tuple(levels):
            array = np.broadcast_to(array.reshape(*levels, *(1 for _ in self.shape)), full_shape)
        if array.shape != full_shape:
            raise BadInput(
                f"{name} has shape {array.shape}, and the run requires {tuple(levels)} or {full_shape}",
                where=f"{where}, variable {name}",
                remedy="give one value per layer (dzsoil_io of JULES_SOIL), for all points together or for each point",
            )
        if land is not None:
            array = np.where(land | np.isfinite(array), array, FILL)
        if not np.isfinite(array).all():
            at = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise BadInput(
                f"{name} is not finite at {at}",
                where=f"{where}, variable {name}",
                remedy="fill missing values, which JULES does not support",
            )
        return np.ascontiguousarray(array)


def write_ancillary(
    path: str | Path,
    values: Mapping[str, ArrayLike],
    *,
    grid: InputGrid | None = None,
    form: str | None = None,
    title: str = "soil properties",
    land: NDArray[np.bool_] | None = None,
) -> Path:
    """Write soil properties for JULES_SOIL_PROPS (``use_file = T``, ``const_z = F``).

    Parameters
    ----------
    path : Path
        netCDF file to write.
    values : mapping of str to array
        Values by JULES's names: ``b, sathh, satcon, sm_sat, sm_crit, sm_wilt, hcap, hcon``, shape (soil,) or (soil, y, x) or
        (soil, land); ``theta_r``, residual water, of the same shape, which JULES does not read; ``albsoil``, a number or of the
        shape of the grid; ``clay`` and ``soil_ph``, shape (sclayer, ...).
    grid : InputGrid, optional
        Grid of the run; by default a single point with JULES's default names.
    form : {'van_genuchten', 'clapp_hornberger'}, optional
        Hydraulic form to which the parameters belong; the file cannot be swapped into a run with the other form.
    title : str
        Title in the attributes of the file.
    land : array of bool, shape of the grid, optional
        Land points, the only ones that are checked; elsewhere a value may be missing, and is :data:`FILL` in the file. Points of a
        grid where ``sm_sat`` is 0 are ice, and their other properties are not checked.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    BadInput
        If a name is unknown, shapes do not fit the grid or each other, or a value is not finite or not physical, e.g. a wilting
        point above the critical point.
    """
    path = Path(path)
    grid = InputGrid() if grid is None else grid
    by_layer = LAYERED | RESIDUAL
    all_properties = by_layer | _AT_SURFACE | _BY_CARBON_LAYER
    data: dict[str, tuple[tuple[str, ...], NDArray[np.float64], dict[str, str]]] = {}
    n_layers = _layers(values, [n for n in by_layer if n in values], path)
    for name, array in values.items():
        if name not in all_properties:
            raise BadInput(
                f"'{name}' is not a soil property of JULES",
                where=path,
                remedy=f"choose among {', '.join(all_properties)}",
            )
        units, long_name = all_properties[name]
        if name in _AT_SURFACE:
            levels, dims = [], grid.dims
        elif name in by_layer:
            levels, dims = [n_layers], (grid.soil_dim, *grid.dims)
        else:
            levels, dims = [np.asarray(array).shape[0] if np.ndim(array) else 0], (grid.carbon_dim, *grid.dims)
        filled = grid.fill(array, levels, name=name, where=path, land=land)
        check_model_values(name, filled if land is None else filled[..., land], where=path)
        data[name] = (dims, filled, {"units": units, "long_name": long_name})
    soil = _soil_points(data, grid, land)
    check_properties({name: entry[1][..., soil] for name, entry in data.items()}, where=path)
    attrs = {"title": f"{title}, for JULES_SOIL_PROPS"} | ({} if form is None else {"hydraulic_form": form})
    _write(xr.Dataset(data, attrs=attrs), path)
    return path


def _soil_points(
    data: Mapping[str, tuple[Any, NDArray[np.float64], Any]], grid: InputGrid, land: NDArray[np.bool_] | None
) -> NDArray[np.bool_]:
    """Points with soil, shape of the grid: land, but not ice, whose ``sm_sat`` is 0 on grids of JULES."""
    soil = np.ones(grid.shape, dtype=bool) if land is None else land
    if "sm_sat" in data and soil.size > 1:
        soil = soil & (data["sm_sat"][1] != 0.0).any(axis=0)
    return soil


def write_prescribed(
    path: str | Path,
    values: Mapping[str, ArrayLike],
    *,
    start: str | Moment,
    period_seconds: float,
    grid: InputGrid | None = None,
    title: str = "soil state",
    calendar: str = "standard",
) -> Path:
    """Write soil state for JULES_PRESCRIBED_DATASET.

    JULES counts the time levels of such files from ``data_start`` on and does not read the time coordinate.

    Parameters
    ----------
    path : Path
        netCDF file to write.
    values : mapping of str to array
        ``sthuf``, liquid water and ice as a fraction of saturation [1], ``t_soil`` [K], or soil properties that
        change with time (``b, satcon, sm_sat, sm_wilt``); shape (time, soil), or (time, soil, y, x), or (time, soil, land).
    start : str or Moment
        ``data_start``, start of the period of the first value.
    period_seconds : float
        ``data_period`` [s].
    grid : InputGrid, optional
        Grid of the run; by default a single point with JULES's default names.
    title : str
        Title in the attributes of the file.
    calendar : str
        Calendar of the run; see :func:`~jules_ml.jules.moments.calendar_of_run`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    BadInput
        If a name is unknown, shapes do not fit the grid or each other, or a value is not finite or out of range.
    """
    path = Path(path)
    grid = InputGrid() if grid is None else grid
    data: dict[str, tuple[tuple[str, ...], NDArray[np.float64], dict[str, str]]] = {}
    levels: tuple[int, ...] | None = None
    for name, array in values.items():
        if name not in PRESCRIBED:
            raise BadInput(
                f"'{name}' is not a soil variable that JULES can read as prescribed data",
                where=path,
                remedy=f"choose among {', '.join(PRESCRIBED)}; convert water content to sthuf with sthuf_from_theta",
            )
        shape = np.shape(array)[:2]
        levels = shape if levels is None else levels
        if len(shape) < 2 or shape != levels:
            raise BadInput(
                f"{name} has shape {np.shape(array)}, without dimensions time and soil or different from the variables before it",
                where=path,
                remedy="give all variables the same times and layers",
            )
        filled = grid.fill(array, levels, name=name, where=path)
        check_model_values(name, filled, where=path, tolerance=0.0)
        units, long_name = PRESCRIBED[name]
        data[name] = ((grid.time_dim, grid.soil_dim, *grid.dims), filled, {"units": units, "long_name": long_name})
    if levels is None or levels[0] == 0:
        raise BadInput(
            "there are no values to prescribe", where=path, remedy="give sthuf or t_soil at one time or more"
        )
    first = pd.Timestamp(start) if isinstance(start, str) else start
    seconds = np.arange(levels[0], dtype=np.float64) * period_seconds
    axis = {**TIME, "long_name": "start of the period, UTC"}
    axis |= {"units": f"seconds since {first:{_TIME_FORMAT}}", "calendar": calendar}
    time = (grid.time_dim, seconds, axis)
    attrs = {
        "title": f"{title}, for JULES_PRESCRIBED_DATASET",
        "data_start": f"{first:{_TIME_FORMAT}}",
        "data_end": f"{first + timedelta(seconds=levels[0] * period_seconds):{_TIME_FORMAT}}",
        "data_period": float(period_seconds),
    }
    _write(xr.Dataset(data, coords={grid.time_dim: time}, attrs=attrs), path, unlimited=grid.time_dim)
    return path


def sthuf_from_theta(theta: ArrayLike, sm_sat: ArrayLike, theta_r: ArrayLike = 0.0) -> NDArray[np.float64]:
    """Convert water content to JULES's fraction of saturation, clipped to 0 … 1.

    Parameters
    ----------
    theta : array, shape (..., soil)
        Water content, liquid and ice [m3 m-3].
    sm_sat : array, broadcastable to ``theta``
        Water content at saturation, without residual water [m3 m-3].
    theta_r : array, broadcastable to ``theta``
        Residual water content, which sensors include and JULES excludes [m3 m-3].

    Returns
    -------
    array, shape (..., soil)
        ``sthuf`` [1].
    """
    fraction = (np.asarray(theta, dtype=np.float64) - np.asarray(theta_r)) / np.asarray(sm_sat)
    return np.asarray(np.clip(fraction, 0.0, 1.0))


def check_properties(values: Mapping[str, NDArray[np.float64]], *, where: str | Path) -> None:
    """Refuse soil properties that are not physical.

    Parameters
    ----------
    values : mapping of str to array
        Values by JULES's names, broadcastable against each other.
    where : str or Path
        File, for the error message.

    Raises
    ------
    BadInput
        If a property is not positive, if not sm_wilt <= sm_crit <= sm_sat < 1, or if albedo, clay or residual water is not
        between 0 and 1.
    """

    def refuse(name: str, problem: str, remedy: str) -> BadInput:
        return BadInput(problem, where=f"{where}, variable {name}", remedy=remedy)

    for name in (n for n in LAYERED if n in values):
        if values[name].min() <= 0.0:
            raise refuse(name, f"{name} is {values[name].min():g}", "give values above 0")
    for name in ("albsoil", "clay", "theta_r"):
        if name in values and not 0.0 <= values[name].min() <= values[name].max() <= 1.0:
            raise refuse(name, f"{name} is not between 0 and 1", "give values between 0 and 1")
    for low, high in (("sm_wilt", "sm_crit"), ("sm_wilt", "sm_sat"), ("sm_crit", "sm_sat")):
        if low in values and high in values and (values[low] > values[high]).any():
            at = tuple(int(i) for i in np.argwhere(values[low] > values[high])[0])
            raise refuse(low, f"{low} exceeds {high} at {at}", "check the layers where it does, and the units [m3 m-3]")
    if "sm_sat" in values and values["sm_sat"].max() >= 1.0:
        raise refuse("sm_sat", f"sm_sat is {values['sm_sat'].max():g}", "give it in m3 m-3, below 1")


def _layers(values: Mapping[str, ArrayLike], names: Sequence[str], path: Path) -> int:
    """Return the number of soil layers, which must be the same for all properties by layer."""
    counts = {name: (np.shape(values[name])[0] if np.ndim(values[name]) else 0) for name in names}
    different = {name: n for name, n in counts.items() if n != next(iter(counts.values()))}
    if different or 0 in counts.values():
        raise BadInput(
            f"soil properties have different numbers of layers: {', '.join(f'{c} {n}' for c, n in counts.items())}",
            where=path,
            remedy="give each property one value per soil layer",
        )
    return next(iter(counts.values()), 0)


def _write(ds: xr.Dataset, path: Path, *, unlimited: str | None = None) -> None:
    """Write a dataset in the classic netCDF format, which all netCDF libraries read."""
    encoding = {
        str(name): {"_FillValue": FILL if (values == FILL).any() else None, "dtype": "float64"}
        for name, values in ds.variables.items()
    }
    write_dataset(
        ds,
        path,
        history="jules-ml, files for JULES",
        format="NETCDF3_64BIT",
        encoding=encoding,
        unlimited_dims=[] if unlimited is None else [unlimited],
    )
