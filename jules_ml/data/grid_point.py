"""One point of a gridded netCDF file, by index or by position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr

from jules_ml.errors import BadInput

_LATITUDE: Final = ("latitude", "lat", "nav_lat")
_LONGITUDE: Final = ("longitude", "lon", "nav_lon")
_EARTH: Final = 6371.0  # radius [km]


def one_point(
    ds: xr.Dataset,
    *,
    index: Sequence[int] | None = None,
    latitude: float | None = None,
    longitude: float | None = None,
    keep: Sequence[str] = (),
    where: str,
) -> tuple[xr.Dataset, float | None, float | None]:
    """Select one point of a file.

    Parameters
    ----------
    ds : xarray.Dataset
        File with variables along ``time``.
    index : sequence of int, optional
        Number of the point along each dimension of the grid, from 1, in the order of the file's dimensions.
    latitude, longitude : float, optional
        Position [degree]; the nearest point is taken.
    keep : sequence of str, optional
        Dimensions that are not those of a grid.
    where : str
        File, for error messages.

    Returns
    -------
    ds : xarray.Dataset
        The point, without dimensions of a grid.
    latitude, longitude : float or None
        Its position [degree]; None if the file does not state it.

    Raises
    ------
    BadInput
        If the file has several points and none is chosen; if the choice does not fit the grid, or the position is outside it.
    """
    others = {"time", *keep}
    grid = [str(dim) for dim in ds.dims if dim not in others and _is_grid(ds, str(dim))]
    chosen = dict.fromkeys(grid, 0)
    if int(np.prod([ds.sizes[dim] for dim in grid])) > 1:
        if index is not None:
            chosen = _by_index(ds, grid, index, where)
        elif latitude is not None and longitude is not None:
            chosen = _nearest(ds, grid, latitude, longitude, where)
        else:
            sizes = ", ".join(f"{dim} {ds.sizes[dim]}" for dim in grid)
            raise BadInput(
                f"the file has several points ({sizes})",
                where=where,
                remedy="choose one by point, its numbers along these dimensions from 1, or by latitude and longitude",
                keys={"point": [1] * len(grid)},
            )
    point = ds.isel(chosen)
    return point, _coordinate(point, _LATITUDE), _coordinate(point, _LONGITUDE)


def _is_grid(ds: xr.Dataset, dim: str) -> bool:
    values = [v for name, v in ds.variables.items() if dim in v.dims and str(name) not in ("time_bounds", "time_bnds")]
    return any("time" in v.dims for v in values) or any(
        str(n) in (*_LATITUDE, *_LONGITUDE) for n in ds.variables if dim in ds[n].dims
    )


def _by_index(ds: xr.Dataset, grid: list[str], index: Sequence[int], where: str) -> dict[str, int]:
    sizes = [ds.sizes[dim] for dim in grid]
    if len(index) != len(grid) or any(not 1 <= i <= n for i, n in zip(index, sizes, strict=True)):
        raise BadInput(
            f"point {list(index)} is not in the grid of {' by '.join(f'{n} ({dim})' for dim, n in zip(grid, sizes, strict=True))}",
            where=where,
            remedy=f"give {len(grid)} numbers from 1, in the order of the dimensions {', '.join(grid)}",
        )
    return {dim: i - 1 for dim, i in zip(grid, index, strict=True)}


def _nearest(ds: xr.Dataset, grid: list[str], latitude: float, longitude: float, where: str) -> dict[str, int]:
    names = [next((name for name in names if name in ds.variables), None) for names in (_LATITUDE, _LONGITUDE)]
    if None in names or any(ds[name].dtype.kind not in "iuf" for name in names):
        raise BadInput(
            "the file has no latitude and longitude of its points",
            where=where,
            remedy="choose the point by its numbers",
        )
    template = xr.DataArray(np.zeros([ds.sizes[dim] for dim in grid]), dims=grid)
    lat, lon = (
        np.radians((ds[name].reset_coords(drop=True) + template).transpose(*grid).to_numpy().ravel()) for name in names
    )
    a, b = np.radians(latitude), np.radians(longitude)
    distance = _EARTH * _angle(lat, lon, a, b)
    best = int(np.nanargmin(distance))
    spacing = _EARTH * np.delete(_angle(lat, lon, lat[best], lon[best]), best)
    nearest_other = float(np.nanmin(spacing[spacing > 0.0], initial=np.inf))
    if distance[best] > nearest_other:
        raise BadInput(
            f"{latitude:g}, {longitude:g} is {distance[best]:.0f} km from the nearest point of the file, whose points are "
            f"{nearest_other:.0f} km apart",
            where=where,
            remedy="correct latitude and longitude, or give a file that covers the site",
        )
    return {dim: int(i) for dim, i in zip(grid, np.unravel_index(best, template.shape), strict=True)}


def _angle(
    lat: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    lon: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    a: float,
    b: float,
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Angle between points and one point, by the haversine formula."""
    half = np.sin((lat - a) / 2) ** 2 + np.cos(lat) * np.cos(a) * np.sin((lon - b) / 2) ** 2
    return np.asarray(2.0 * np.arcsin(np.sqrt(np.minimum(half, 1.0))))


def _is_number(value: xr.DataArray) -> bool:
    return value.dtype.kind in "iuf" and bool(np.isfinite(value))


def _coordinate(point: xr.Dataset, names: tuple[str, ...]) -> float | None:
    for name in names:
        if name in point.variables and point[name].ndim == 0 and _is_number(point[name]):
            value = float(point[name])
            return value - 360.0 if name in _LONGITUDE and value > 180.0 else value
    return None
