"""State files of moisture modules, which a run with another number of ranks can read.

A file is ``.npz``: the name of the callable, the arrays of its state with the prefix :data:`STATE`, and the positions of the points of
the rank that wrote it. In the arrays, points are the last dimension, as in the arrays that a callable receives. Arrays without
dimensions, and those that the callable names in ``shared_state``, are the same for all points.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jules_ml.bridge.positions import duplicate_of, equal_positions, places_of
from jules_ml.errors import BadInput

#: Prefix of the arrays of a moisture module in a state file.
STATE = "state."

Array = NDArray[Any]


def write_state(path: Path, name: str, state: Mapping[str, Array], positions: Array | None) -> None:
    """Write the state of a callable.

    Parameters
    ----------
    path : Path
        File to write.
    name : str
        Name of the callable.
    state : mapping of str to ndarray
        Its state; empty if it has no memory.
    positions : ndarray, shape (land_pts, 2), optional
        Latitude and longitude of the points [degrees].

    Raises
    ------
    BadInput
        If the file cannot be written.
    """
    from jules_ml.support.files import atomic_write  # imports of functions are not part of each start of Python

    arrays: dict[str, Any] = {"callable": np.array(name)}
    if positions is not None:
        arrays["positions"] = positions
    arrays |= {STATE + key: value for key, value in state.items()}
    try:
        with atomic_write(path) as part, part.open("wb") as stream:
            np.savez(stream, **arrays)
    except OSError as error:
        raise BadInput(
            f"the state of {name} cannot be written ({error})",
            where=path,
            remedy="check the free space and the quota of the disk",
        ) from error


def read_state(
    paths: Sequence[Path], name: str, positions: Array | None, *, shared: Collection[str] = ()
) -> dict[str, Array]:
    """Read the state of the points of a rank from the files of one rank or of several.

    Parameters
    ----------
    paths : sequence of Path
        Files of :func:`write_state`.
    name : str
        Name of the configured callable.
    positions : ndarray, shape (land_pts, 2), optional
        Latitude and longitude of the points [degrees]. Without positions, and if they are those of the only file, arrays are returned
        as they were written.
    shared : collection of str, optional
        Arrays that are the same for all points.

    Returns
    -------
    dict of str to ndarray
        The state; empty if the callable has no memory.

    Raises
    ------
    BadInput
        If a file cannot be read or was written by another callable, or a state of several files cannot be joined.
    """
    files = [_read(path, name) for path in paths]
    first = files[0]
    there = first.get("positions")
    if len(files) == 1 and (positions is None or there is None or equal_positions(there, positions)):
        return _state_of(first)
    sources = [_state_of(file) for file in files]
    if not any(sources):
        return {}
    if positions is None or any("positions" not in file for file in files):
        raise BadInput(
            "the file has no positions, with which a restart with another number of ranks finds its points",
            where=paths[0],
            remedy="restart with the number of ranks that wrote it",
        )
    rows = _rows(positions, [file["positions"] for file in files], paths[0])
    return {key: _joined(key, sources, rows, files, shared, paths, name) for key in sources[0]}


def _read(path: Path, name: str) -> dict[str, Array]:
    """Return the arrays of a file."""
    from zipfile import BadZipFile

    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
        writer = str(arrays.pop("callable"))
    except (BadZipFile, EOFError) as error:
        raise BadInput(
            "the file is truncated, since a copy was interrupted or a disk was full",
            where=path,
            remedy="take the files from a complete copy of the dump, or remove all jules_ml files of the dump to start without a history",
        ) from error
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(
            f"the file is not a state file ({error})",
            where=path,
            remedy="restart from a dump that has a state file in the same folder",
        ) from error
    if writer != name:
        raise BadInput(
            f"the file contains the state of {writer}, but {name} is configured",
            where=path,
            remedy="restart with the module that wrote it",
        )
    return arrays


def _state_of(file: Mapping[str, Array]) -> dict[str, Array]:
    return {key.removeprefix(STATE): value for key, value in file.items() if key.startswith(STATE)}


def _rows(positions: Array, there: Sequence[Array], where: Path) -> NDArray[np.intp]:
    """Return for each point its index among the points of all files, one file after the other."""
    duplicate = duplicate_of(positions)
    if duplicate >= 0:
        raise _twice(positions[duplicate], where)
    places = places_of(positions, np.concatenate(there))
    counts = np.bincount(places[places >= 0], minlength=len(positions))
    if (counts > 1).any():
        raise _twice(positions[np.argmax(counts > 1)], where)
    if (counts == 0).any():
        latitude, longitude = positions[np.argmax(counts == 0)]
        raise BadInput(
            f"there is no state of the point at {latitude:.4f} N, {longitude:.4f} E",
            where=where,
            remedy="use the points of the run that wrote the dump",
        )
    rows = np.empty(len(positions), dtype=np.intp)
    rows[places[places >= 0]] = np.flatnonzero(places >= 0)
    return rows


def _twice(position: Array, where: Path) -> BadInput:
    return BadInput(
        f"more than one point is at {position[0]:.4f} N, {position[1]:.4f} E, and a restart with another number of ranks finds points "
        "by position",
        where=where,
        remedy="restart with the number of ranks that wrote the file",
    )


def _joined(
    key: str,
    sources: Sequence[Mapping[str, Array]],
    rows: NDArray[np.intp],
    files: Sequence[Mapping[str, Array]],
    shared: Collection[str],
    paths: Sequence[Path],
    name: str,
) -> Array:
    """Return one array of the state at the rows."""
    if any(key not in source for source in sources):
        raise _unjoinable(key, "is not in every file", paths, name)
    arrays = [source[key] for source in sources]
    if key in shared or all(array.ndim == 0 for array in arrays):
        if not all(_equal(array, arrays[0]) for array in arrays):
            raise _unjoinable(key, "has other values on other ranks", paths, name)
        return arrays[0]
    for array, file in zip(arrays, files, strict=True):
        if array.ndim == 0 or array.shape[-1] != len(file["positions"]):
            problem = f"has shape {array.shape}, whose last dimension is not the {len(file['positions'])} points"
            raise _unjoinable(key, problem, paths, name)
    if any(array.shape[:-1] != arrays[0].shape[:-1] for array in arrays):
        raise _unjoinable(key, "has other shapes on other ranks", paths, name)
    return np.ascontiguousarray(np.concatenate(arrays, axis=-1)[..., rows])


def _equal(one: Array, other: Array) -> bool:
    """Return whether arrays have the same values, of which NaN is one."""
    return np.array_equal(one, other, equal_nan=one.dtype.kind in "fc" and other.dtype.kind in "fc")


def _unjoinable(key: str, problem: str, paths: Sequence[Path], name: str) -> BadInput:
    return BadInput(
        f"{key} of the state of {name} {problem}, so it cannot be used with another number of ranks",
        where=paths[0],
        remedy="restart with the number of ranks that wrote it, or let land points be the last dimension of each array of state(), "
        "and name the arrays that are the same for all points in an attribute shared_state of the callable",
    )
