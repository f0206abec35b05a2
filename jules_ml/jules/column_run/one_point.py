"""Values of the one point of a run in files on its input grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.jules.run_folder import RunFolder, read_run_folder


def has_grid(folder: str | Path) -> bool:
    """Whether the input grid of a run folder has more than one point."""
    return int(np.prod(read_run_folder(folder).grid.shape)) != 1


def refuse_grid(run: RunFolder) -> None:
    """Refuse a run of several points.

    Raises
    ------
    BadInput
        If the input grid has more than one point.
    """
    points = int(np.prod(run.grid.shape))
    if points != 1:
        raise BadInput(
            f"the run has a grid of {points} points, and this is for runs of one point",
            where=run.namelists.place("jules_input_grid"),
            remedy="give the folder of a point run, or run the grid with 'jules-ml run --from-jules'",
        )


def at_point(values: xr.DataArray, run: RunFolder, path: Path, *, time: bool) -> NDArray[np.float64]:
    """Return the values of a variable of a netCDF file at the run's point.

    Parameters
    ----------
    values : DataArray
    run : RunFolder
        Of one point.
    path : Path
        File, for messages.
    time : bool
        Keep the dimension of time.

    Returns
    -------
    array, shape (time, value) or (value,)

    Raises
    ------
    BadInput
        If there are several points, or no time.
    """
    grid = run.grid
    # dumps of JULES have land points, whatever the input grid
    spatial = {*grid.dims, "land", "x", "y", "points", "lat", "lon", "latitude", "longitude", "nav_lat", "nav_lon"}
    for dim in spatial & set(map(str, values.dims)):
        if values.sizes[dim] != 1:
            raise BadInput(
                f"dimension {dim} has {values.sizes[dim]} points, and the run has one",
                where=f"{path}, variable {values.name}",
                remedy="give a file of the run's point",
            )
        values = values.isel({dim: 0})
    along = next((d for d in (grid.time_dim, "time", "tstep", "Time", "t") if d in values.dims), None)
    if not time:
        array = np.asarray((values if along is None else values.isel({along: 0})).to_numpy(), dtype=np.float64)
        return array.reshape(-1)
    if along is None:
        raise BadInput(
            f"the variable has no dimension {grid.time_dim}",
            where=f"{path}, variable {values.name}",
            remedy="correct time_dim_name of JULES_INPUT_GRID, or the file",
        )
    array = np.asarray(values.transpose(along, ...).to_numpy(), dtype=np.float64)
    return array.reshape(array.shape[0], -1)
