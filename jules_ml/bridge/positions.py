"""Points of state files by their position, by the rules of the hooks (``fortran_bridge/hooks/jml_hooks_lookup.f90``)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Two points nearer than this are the same [degrees].
TOLERANCE = 1e-4
#: Cells of :data:`TOLERANCE` in a circle of latitude.
_CIRCLE = round(360.0 / TOLERANCE)

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
    cells = _cells(positions)[:, 0]
    _, first = np.unique(cells, return_index=True)
    repeated = np.setdiff1d(np.arange(len(cells)), first)
    if len(repeated) == 0:
        index, distance = _near(positions, positions)
        others = (distance < TOLERANCE) & (index != np.arange(len(positions))[:, None])
        repeated = np.flatnonzero(others.any(axis=1))
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
    index, distance = _near(here, there)
    nearest = np.argmin(distance, axis=1)[:, None]
    found = np.take_along_axis(distance, nearest, axis=1)[:, 0] < TOLERANCE
    return np.where(found, np.take_along_axis(index, nearest, axis=1)[:, 0], -1)


def _near(here: Array, there: Array) -> tuple[NDArray[np.intp], Array]:
    """Return for each point of ``there`` the points of ``here`` in its cell and its neighbours, and their distances [degrees].

    Both are of shape (other point, 9); the distance is infinite for a cell without a point.
    """
    own = _cells(here)[:, 0]
    order = np.argsort(own, kind="stable")
    wanted = _cells(there)
    index = order[np.minimum(np.searchsorted(own[order], wanted), len(order) - 1)]
    difference = np.abs(here[index] - there[:, None])
    difference[..., 1] = np.minimum(difference[..., 1] % 360.0, -difference[..., 1] % 360.0)
    return index, np.where(own[index] == wanted, difference.max(axis=-1), np.inf)


def _cells(positions: Array) -> NDArray[np.int64]:
    """Return the numbers of the cell of each position and of its neighbours, into which rounding may put it, of shape (point, 9)."""
    latitude, longitude = np.rint(positions / TOLERANCE).astype(np.int64).T
    steps = sorted(((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)), key=lambda step: abs(step[0]) + abs(step[1]))
    return np.stack([(latitude + i) * _CIRCLE + (longitude + j) % _CIRCLE for i, j in steps], axis=1)
