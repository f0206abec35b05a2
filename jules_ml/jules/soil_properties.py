"""Soil properties of a run of JULES, as its namelist JULES_SOIL_PROPS and its file give them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.model_variables import check_model_values
from jules_ml.data.netcdffile import read_netcdf
from jules_ml.errors import BadInput
from jules_ml.jules.run_folder import RunFolder
from jules_ml.jules.variable_lists import ListedVariable, is_netcdf, read_list, read_row
from jules_ml.physics.soil_names import LAYERED

#: Namelist group of the soil properties.
GROUP = "jules_soil_props"


def original_property(run: RunFolder, name: str) -> NDArray[np.float64]:
    """Return a soil property of the run before any swap.

    Parameters
    ----------
    run : RunFolder
    name : str
        JULES's name.

    Returns
    -------
    array
        Scalar for all layers, or shape (soil, ...).

    Raises
    ------
    BadInput
        If the run does not have the property, or its file cannot be read.
    """
    variables = read_list(run.namelists.get(GROUP))
    variable = next((v for v in variables if v.name == name), None)
    if variable is None:
        raise BadInput(
            f"the run has no {name}", where=run.namelists.place(GROUP), remedy=f"add {name} to JULES_SOIL_PROPS"
        )
    if not variable.use_file:
        value = np.asarray(variable.const_val, dtype=np.float64)
        check_model_values(name, value, where=run.namelists.place(GROUP))
        return value
    return np.asarray(original_values(run, variable, variables), dtype=np.float64)


def original_values(run: RunFolder, variable: ListedVariable, listed: list[ListedVariable]) -> NDArray[np.float64]:
    """Read values of JULES_SOIL_PROPS from its file.

    Parameters
    ----------
    run : RunFolder
    variable : ListedVariable
        Variable with ``use_file``.
    listed : list of ListedVariable
        All variables of the group.

    Returns
    -------
    array, shape (soil, ...)

    Raises
    ------
    BadInput
        If the file cannot be read, or does not have the variable.
    """
    group = run.namelists.get(GROUP)
    file = str(group.get("file", ""))
    path = run.folder / file.replace("%vv", variable.tpl_name or "")
    constant_z = bool(group.get("const_z", False)) and variable.name != "albsoil"
    if is_netcdf(file):
        ds = read_netcdf(path, kind="an ancillary of soil properties", variables=None)
        name = variable.var_name or variable.name
        if name not in ds:
            raise BadInput(
                f"the file has no variable {name}", where=path, remedy="correct var_name in JULES_SOIL_PROPS"
            )
        values = without_time(ds[name], run)
    else:
        values = read_row(run, path, [v.name for v in listed if v.use_file], variable.name)
        if variable.name == "albsoil":
            values = values[0]
    # points of the sea have any value on a grid that is not of land points
    if run.grid.land_dim is not None or run.grid.shape == (1, 1):
        check_model_values(variable.name, values, where=path)
    if not constant_z:
        return np.asarray(values)
    n = len(run.dzsoil) if variable.name in LAYERED else run.carbon_layers
    grid_part = np.asarray(values).reshape(run.grid.shape) if is_netcdf(file) else np.asarray(values).reshape(())
    return np.broadcast_to(grid_part, (n, *grid_part.shape)).copy()


def refuse_unusable(values: xr.DataArray, file: Path, *, missing: bool = False) -> None:
    """Refuse a variable of a file of soil properties or soil state that has no numbers, or values that are not finite.

    Parameters
    ----------
    values : DataArray
    file : Path
    missing : bool
        Allow missing values: those of land are refused later.

    Raises
    ------
    BadInput
        If the variable is text, empty, or has missing or infinite values.
    """
    array = values.to_numpy()
    if array.dtype.kind not in "iuf" or array.size == 0:
        problem = f"the variable has {'no values' if array.size == 0 else f'the type {array.dtype}, not numbers'}"
    elif not (np.isfinite(array) | (missing & np.isnan(array))).all():
        problem = f"{int((~np.isfinite(array)).sum())} of {array.size} values are missing or not finite"
    else:
        return
    raise BadInput(
        problem, where=f"{file}, variable {values.name}", remedy="export the file again, or fill its missing values"
    )


def without_time(values: xr.DataArray, run: RunFolder) -> NDArray[np.float64]:
    """Return values at the first time, with dimensions in the order of the run's grid.

    Parameters
    ----------
    values : DataArray
        Variable of an ancillary file.
    run : RunFolder

    Returns
    -------
    array, shape (soil, ...)
    """
    grid = run.grid
    if grid.time_dim in values.dims:
        values = values.isel({grid.time_dim: 0})
    order = [d for d in (grid.soil_dim, grid.carbon_dim, *grid.dims) if d in values.dims]
    return np.asarray(values.transpose(*order).to_numpy(), dtype=np.float64)
