"""Points of a map at the points of a run, matched by latitude and longitude."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.jules.run_folder import RunFolder
from jules_ml.jules.run_points import RunPoints
from jules_ml.learned.maps.grid import TOLERANCE, MapGrid, match_points

_COORDINATES: Final = ("latitude", "longitude")


def matched_points(ds: xr.Dataset, points: RunPoints, run: RunFolder, path: Path) -> NDArray[np.int64] | None:
    """Find the points of a file at the points of a run.

    Parameters
    ----------
    ds : xarray.Dataset
        Content of the file.
    points : RunPoints
    run : RunFolder
    path : Path
        File, for messages.

    Returns
    -------
    array of int, shape of the grid of the run, or None
        Number of the point of the file; -1 where the run has no land and the file no point. None if the file or the run has no latitude
        and longitude, or the file has one point only.

    Raises
    ------
    BadInput
        If the file lacks land points of the run.
    """
    if any(name not in ds.variables for name in _COORDINATES) or points.latitude is None or points.longitude is None:
        return None
    latitude, longitude = (ds[name] for name in _COORDINATES)
    if latitude.dims != longitude.dims or latitude.size == 1:
        return None
    grid = MapGrid(
        tuple(map(str, latitude.dims)),
        latitude.shape,
        np.asarray(latitude.to_numpy(), dtype=np.float64),
        np.asarray(longitude.to_numpy(), dtype=np.float64),
        {},
    )
    number = match_points(points.latitude.ravel(), points.longitude.ravel(), grid).reshape(run.grid.shape)
    land = np.ones(run.grid.shape, dtype=bool) if points.land is None else points.land
    lacking = land & (number < 0)
    if lacking.any():
        raise BadInput(
            f"{int(lacking.sum())} of {int(land.sum())} land points of the run are not in the file, the first at {_place(points, lacking)}",
            where=path,
            remedy=f"export the module for the points of the run: latitude and longitude must agree to {TOLERANCE:g} degree (--like with "
            "an ancillary of the run)",
        )
    return number


def at_points(
    values: xr.DataArray, number: NDArray[np.int64], dims: Sequence[Hashable], run: RunFolder, path: Path
) -> NDArray[np.float64]:
    """Values of a variable at the points of a run.

    Parameters
    ----------
    values : DataArray
        Variable of the file.
    number : array of int, shape of the grid of the run
        From :func:`matched_points`.
    dims : sequence of str
        Dimensions of latitude, in whose order ``number`` counts the points.
    run : RunFolder
    path : Path
        File, for messages.

    Returns
    -------
    array, shape (soil, ...) or shape of the grid
        NaN where the file has no point.

    Raises
    ------
    BadInput
        If the variable lacks a dimension of the points, or has another than a soil layer.
    """
    if run.grid.time_dim in values.dims:
        values = values.isel({run.grid.time_dim: 0})
    layers = [dim for dim in (run.grid.soil_dim, "soil", run.grid.carbon_dim) if dim in values.dims][:1]
    values = values.squeeze([dim for dim, n in values.sizes.items() if n == 1 and dim not in (*layers, *dims)])
    lacking = [str(dim) for dim in dims if dim not in values.dims]
    others = [str(dim) for dim in values.dims if dim not in (*layers, *dims)]
    if lacking or others:
        raise BadInput(
            f"it lacks the dimension {lacking[0]} of latitude"
            if lacking
            else f"the dimension {others[0]} of {values.sizes[others[0]]} is neither a soil layer of the run nor one of latitude",
            where=f"{path}, variable {values.name}",
            remedy=f"give it the dimensions {run.grid.soil_dim}, {', '.join(map(str, dims))}",
        )
    flat = values.transpose(*layers, *dims).to_numpy().astype(np.float64)
    flat = flat.reshape(*flat.shape[: len(layers)], -1)
    return np.where(number >= 0, flat[..., np.maximum(number, 0)], np.nan)


def refuse_missing_land(values: NDArray[np.float64], points: RunPoints, run: RunFolder, *, where: str) -> None:
    """Refuse values that are missing at land points.

    Parameters
    ----------
    values : array, shape (soil, ...), shape of the grid, or without points
    points : RunPoints
    run : RunFolder
    where : str
        File and variable, for the message.

    Raises
    ------
    BadInput
        If a value of land is missing.
    """
    missing: NDArray[np.bool_] = ~np.isfinite(values)
    if not missing.any():
        return
    if values.shape[-len(run.grid.shape) :] == run.grid.shape:
        missing = np.asarray(missing.reshape(-1, *run.grid.shape).any(axis=0))
        missing = missing if points.land is None else missing & points.land
        if not missing.any():
            return
        place = f" at {int(missing.sum())} land points of the run, the first at {_place(points, missing)}"
    else:
        place = ""
    raise BadInput(
        f"values are missing{place}",
        where=where,
        remedy="fill the static map there, or export it with --like and an ancillary of the run, whose values then remain there",
    )


def _place(points: RunPoints, mask: NDArray[np.bool_]) -> str:
    first = tuple(int(i) for i in np.argwhere(mask)[0])
    if points.latitude is None or points.longitude is None:
        return f"index {first}"
    return f"latitude {points.latitude[first]:g}, longitude {points.longitude[first]:g}"
