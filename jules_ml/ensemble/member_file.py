"""File of one member, in classic netCDF, written and read without HDF5.

An ensemble of a thousand members writes a thousand files: this format takes a millisecond per file, and all netCDF tools read it.
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
    """Variable of a member: dimensions, values and attributes."""

    dims: tuple[str, ...]
    values: NDArray[np.generic]
    attrs: Mapping[str, str] = field(default_factory=dict)


def write_member(folder: Path, variables: Mapping[str, Series]) -> tuple[int, int]:
    """Write the file of a member, atomically.

    Parameters
    ----------
    folder : Path
        Folder of the member; created if it does not exist.
    variables : mapping of str to Series
        Variables and coordinates.

    Returns
    -------
    size, checksum : int
        Size [bytes] and CRC-32 of the file.

    Raises
    ------
    OSError
        If it cannot be written, for example on a full disk; the final name never refers to an incomplete file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{NAME}"
    with netcdf_file(part, "w", version=2) as file:
        for series in variables.values():
            for dim, size in zip(series.dims, series.values.shape, strict=True):
                if dim not in file.dimensions:
                    file.createDimension(dim, size)
        for name, series in variables.items():
            target = file.createVariable(name, series.values.dtype, series.dims)
            target[...] = series.values
            for key, text in series.attrs.items():
                setattr(target, key, text.encode("utf-8"))
    size, checksum = part.stat().st_size, file_checksum(part)
    os.replace(part, folder / NAME)
    return size, checksum


def file_checksum(path: Path) -> int:
    """CRC-32 of a file."""
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
    return checksum


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
