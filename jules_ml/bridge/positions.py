"""Points of state files by their position, by the rules of the hooks (``fortran_bridge/hooks/jml_hooks_lookup.f90``)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Two points nearer than this are the same [degrees].
TOLERANCE = 1e-4
Array = NDArray[Any]


def equal_positions(one: Array, other: Array) -> bool:
    """Return whether points have the same positions in the same order.

    Parameters
    ----------
    one, other : ndarray, shape (point, 2)
        Latitude and longitude [degrees].
    """
    return one.shape == other.shape and bool((np.abs(one - other) < TOLERANCE).all())


def duplicate_of(positions: Array) -> int:
    """Return the index of a point that has the position of another one; -1 if there is none.

    Parameters
    ----------
    positions : ndarray, shape (point, 2)
        Latitude and longitude [degrees].
    """
    distance, _ = _nearest(positions, positions, number=2)
    repeated = np.flatnonzero(distance[:, -1] < TOLERANCE)
    return int(repeated[0]) if len(repeated) else -1


def places_of(here: Array, there: Array) -> NDArray[np.intp]:
    """Return for each point of files its index among the points of this process; -1 if it is not there.

    Parameters
    ----------
    here : ndarray, shape (point, 2)
        Latitude and longitude of the points of this process [degrees], which have no duplicate.
    there : ndarray, shape (other point, 2)
        Those of the files.
    """
    if len(here) == 0:
        return np.full(len(there), -1)
    distance, index = _nearest(here, there, number=1)
    return np.where(distance[:, 0] < TOLERANCE, index[:, 0], -1)


def _nearest(here: Array, there: Array, *, number: int) -> tuple[Array, NDArray[np.intp]]:
    """Return distances [degrees] and indices of the points of ``here`` nearest to those of ``there``, of shape (other point, number).

    The distance is the greater one of the differences in latitude and in longitude.
    """
    from scipy.spatial import KDTree  # imported here since the import is slow and rarely needed

    tree = KDTree(_periodic(here), boxsize=[0.0, 360.0])
    distance, index = tree.query(_periodic(there), k=range(1, number + 1), p=np.inf)
    return distance, index


def _periodic(positions: Array) -> Array:
    """Return positions with longitudes from 0 to below 360 degrees."""
    latitude, longitude = positions.T
    longitude = longitude % 360.0
    return np.stack([latitude, np.where(longitude < 360.0, longitude, 0.0)], axis=1)
