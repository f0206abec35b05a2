"""Static inputs of land points, by latitude and longitude.

The index of a land point does not identify its location, since each MPI rank counts its points from one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jules_ml.errors import BadInput

#: Maximum distance between a land point and its static inputs [degrees of arc]; coordinates of the host may have 32 bits.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class StaticInputs:
    """Static inputs of a set of locations.

    Attributes
    ----------
    latitude, longitude : ndarray, shape (location,)
        [degrees]; longitudes may start at -180 or at 0.
    inputs : mapping of str to ndarray, shape (..., location)
        Inputs by name. Static properties of a site have the names and units of an experiment's ``[place]``; other names are free.
    source : Path
        File, for messages.
    """

    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    inputs: Mapping[str, NDArray[Any]]
    source: Path

    @classmethod
    def read(cls, path: Path) -> StaticInputs:
        """Read a ``.npz`` file of ``latitude``, ``longitude`` and inputs by name, whose last dimension is the location.

        Raises
        ------
        BadInput
            If the file cannot be read, its arrays have different numbers of locations, or a property of a site is out of range.
        """
        from zipfile import BadZipFile

        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            latitude = arrays.pop("latitude").astype(np.float64)
            longitude = arrays.pop("longitude").astype(np.float64)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, BadZipFile) as error:
            raise BadInput(
                f"the file is not a file of static inputs ({error})",
                where=path,
                remedy="write it with numpy.savez(path, latitude=..., longitude=..., name=...)",
            ) from error
        for name, array in {"latitude": latitude, "longitude": longitude, **arrays}.items():
            if array.dtype.kind not in "iufb" or np.isinf(array).any():
                raise BadInput(
                    f"{name} has values that are no finite numbers",
                    where=path,
                    remedy="give numbers, or NaN where one is unknown",
                )
        if latitude.ndim != 1 or not np.isfinite([latitude, longitude]).all():
            raise BadInput(
                "latitude and longitude are not one finite number for each location",
                where=path,
                remedy="give arrays of one dimension, in degrees",
            )
        for name, array in {"longitude": longitude, **arrays}.items():
            if array.shape[-1:] != latitude.shape:
                raise BadInput(
                    f"{name} has shape {array.shape}, but latitude has shape {latitude.shape}",
                    where=path,
                    remedy="make the location the last dimension of every array",
                )
        _check_range(arrays, path)
        return cls(latitude, longitude, arrays, path)

    def at(self, latitude: NDArray[Any], longitude: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return the inputs at land points.

        Parameters
        ----------
        latitude, longitude : ndarray, shape (land_pts,)
            [degrees].

        Returns
        -------
        dict of str to ndarray, shape (..., land_pts)

        Raises
        ------
        BadInput
            If a point is farther than :data:`TOLERANCE` from all locations.
        """
        distance, location = self._tree.query(_on_sphere(latitude, longitude))
        far = np.flatnonzero(distance > np.deg2rad(TOLERANCE))
        if far.size:
            point = int(far[0])
            raise BadInput(
                f"there are no static inputs at latitude {latitude[point]}, longitude {longitude[point]}",
                where=self.source,
                remedy="add the location to the file",
            )
        return {name: array[..., location] for name, array in self.inputs.items()}

    @cached_property
    def _tree(self) -> Any:
        from scipy.spatial import KDTree  # imported here since the import is slow and rarely needed

        return KDTree(_on_sphere(self.latitude, self.longitude))


def _check_range(arrays: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Refuse properties of a site that are out of range."""
    # imported here, since only bridges with static inputs need the schema of experiments
    from jules_ml.experiment.place import PROPERTIES

    for name in set(arrays) & set(PROPERTIES):
        for value in np.unique(arrays[name]):
            refusal = PROPERTIES[name].problem(float(value))
            if refusal is not None:
                raise BadInput(refusal[0], where=path, remedy=refusal[1])


def _on_sphere(latitude: NDArray[Any], longitude: NDArray[Any]) -> NDArray[np.float64]:
    """Return points on the unit sphere, shape (location, 3)."""
    phi, lam = np.deg2rad(latitude.astype(np.float64)), np.deg2rad(longitude.astype(np.float64))
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)
