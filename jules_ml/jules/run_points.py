"""Points of a run of JULES: latitude, longitude and land, from its namelists JULES_LATLON and JULES_LAND_FRAC and their files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jules_ml.data.netcdffile import read_netcdf
from jules_ml.errors import BadInput
from jules_ml.jules.run_folder import RunFolder
from jules_ml.jules.variable_lists import is_netcdf, read_list

_Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RunPoints:
    """Points of the input grid of a run.

    Attributes
    ----------
    latitude, longitude : array, shape of the grid, or None
        [degree]; None if the run gives them in another way than by netCDF files or constants.
    land : array of bool, shape of the grid, or None
        None if the fraction of land is not in a netCDF file; then all points may be land.
    """

    latitude: _Array | None
    longitude: _Array | None
    land: NDArray[np.bool_] | None


def run_points(run: RunFolder) -> RunPoints:
    """Read the points of a run.

    Parameters
    ----------
    run : RunFolder

    Returns
    -------
    RunPoints

    Raises
    ------
    BadInput
        If a file cannot be read, lacks its variable, or has another grid than the run.
    """
    group = run.namelists.get("jules_latlon")
    by_name = {variable.name: variable for variable in read_list(group)}
    coordinates: dict[str, _Array | None] = {"latitude": None, "longitude": None}
    for name in coordinates:
        variable = by_name.get(name)
        if variable is None:
            continue
        if not variable.use_file:
            if variable.const_val is not None and run.grid.shape in ((1, 1), (1,)):
                coordinates[name] = np.full(run.grid.shape, variable.const_val)
            continue
        file = str(group.get("file", "")).replace("%vv", variable.tpl_name or name)
        coordinates[name] = _on_grid(run, file, variable.var_name or name)
    fractions = run.namelists.get("jules_land_frac")
    land = _on_grid(run, str(fractions.get("file") or ""), str(fractions.get("land_frac_name") or "land_fraction"))
    return RunPoints(
        coordinates["latitude"], coordinates["longitude"], None if land is None else np.nan_to_num(land) > 0.0
    )


def _on_grid(run: RunFolder, file: str, name: str) -> _Array | None:
    """Values of a variable of a netCDF file on the grid of the run; None if the file is no netCDF file."""
    if not is_netcdf(file):
        return None
    path = run.folder / file
    ds = read_netcdf(path, required=(name,), kind="a file of the grid of a run")
    values: Any = ds[name]
    values = values.isel({dim: 0 for dim, size in values.sizes.items() if size == 1 and dim not in run.grid.dims})
    expected = dict(zip(run.grid.dims, run.grid.shape, strict=True))
    if dict(values.sizes) != expected:
        raise BadInput(
            f"the variable has the dimensions {dict(values.sizes)}, and the grid of the run {expected}",
            where=f"{path}, variable {name}",
            remedy="correct JULES_INPUT_GRID of the run, or the file",
        )
    return np.asarray(values.transpose(*run.grid.dims).to_numpy(), dtype=np.float64)
