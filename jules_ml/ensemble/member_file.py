"""The file of one member: series in classic netCDF, written and read without any HDF5.

A thousand members are a thousand files: this format takes a millisecond a file, and every tool reads it.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import netcdf_file

NAME = "member.nc"


@dataclass(frozen=True)
class Series:
    """A variable of a member: dimensions, values, attributes."""

    dims: tuple[str, ...]
    values: NDArray[np.generic]
    attrs: Mapping[str, str] = field(default_factory=dict)


def write_member(folder: Path, variables: Mapping[str, Series]) -> tuple[int, int]:
    """Write a member's file beside its place, and move it there.

    Parameters
    ----------
    folder : Path
        Of the member; made where it is missing.
    variables : mapping of str to Series
        Coordinates too.

    Returns
    -------
    size, checksum : int
        Bytes, and their CRC-32.

    Raises
    ------
    OSError
        If it cannot be written, as on a full disk; nothing is left half-written at its place.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{NAME}"
    with netcdf_file(part, "w", version=2) as file:
        for series in variables.values():
            for dim, size in zip(series.dims, series.values.shape, strict=True):
                if dim not in file.dimensions:
                    file.createDimension(dim, size)
        for name, series in variables.items():
            made = file.createVariable(name, series.values.dtype, series.dims)
            made[...] = series.values
            for key, text in series.attrs.items():
                setattr(made, key, text.encode("utf-8"))
    size, checksum = part.stat().st_size, file_checksum(part)
    os.replace(part, folder / NAME)
    return size, checksum


def file_checksum(path: Path) -> int:
    """CRC-32 of a file."""
    found = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            found = zlib.crc32(block, found)
    return found


def read_member(folder: Path) -> dict[str, Series]:
    """Read a member's file."""
    with netcdf_file(folder / NAME, "r", mmap=False) as file:
        return {
            name: Series(
                tuple(variable.dimensions),
                np.array(variable.data, dtype=variable.data.dtype.newbyteorder("=")),
                {key: bytes(value).decode("utf-8") for key, value in variable._attributes.items()},
            )
            for name, variable in file.variables.items()
        }
