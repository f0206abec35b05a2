"""All members in one file, with a dimension ``member``: member by member, so that memory does not grow with their number."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
from numpy.typing import NDArray

from jules_ml.ensemble.jules_members import provenance_of
from jules_ml.ensemble.manifest import is_whole, member_folder, read_status
from jules_ml.ensemble.member_file import Series, read_member
from jules_ml.ensemble.members import Members
from jules_ml.errors import BadInput, RunFailed
from jules_ml.experiment import Experiment
from jules_ml.support.files import atomic_write
from jules_ml.support.provenance import software

GATHERED = "ensemble.nc"
#: Members that are read before they are written together, at most, and the memory that they may take [bytes].
_BLOCK, _BLOCK_BYTES = 64, 64 * 1024**2
#: Length of a chunk along time; along members it is a block.
_CHUNK_TIME = 128


@dataclass(frozen=True)
class Gathered:
    """The gathered file, and the checksum of the data in it."""

    path: Path
    checksum: str


def gather(experiment: Experiment, members: Members, folder: Path) -> Gathered:
    """Gather the members that are done.

    Parameters
    ----------
    experiment : Experiment
    members : Members
    folder : Path
        Of the ensemble.

    Returns
    -------
    Gathered
        What differs between members stands along ``member`` too; a member that failed is missing throughout.

    Raises
    ------
    RunFailed
        If none is done, or members have different variables, layers or times; if the file cannot be written.
    """
    first = _first_done(members, folder)
    path = folder / GATHERED
    summed = hashlib.sha256()
    try:
        with atomic_write(path) as part, netCDF4.Dataset(part, "w", format="NETCDF4") as file:
            along = _define(file, experiment, members, first)
            block = _block_size(first)
            for start in range(0, len(members), block):
                numbers = range(start, min(start + block, len(members)))
                for name, values in _read_block(folder, numbers, first, along):
                    file.variables[name][start : start + len(numbers)] = values
                    summed.update(np.ascontiguousarray(values).tobytes())
            _say_of_members(file, members, folder)
            checksum = summed.hexdigest()
            file.setncattr("data_sha256", checksum)
            for key, text in _provenance(experiment, members, folder).items():
                file.setncattr(key, text)
    except (OSError, RuntimeError) as error:
        if isinstance(error, RunFailed):
            raise
        raise RunFailed(f"{path} cannot be written ({error}); members stay as they are") from error
    return Gathered(path, checksum)


def _first_done(members: Members, folder: Path) -> dict[str, Series]:
    for number in range(len(members)):
        status = read_status(folder, number)
        if status is not None and status.state == "done":
            return read_member(member_folder(folder, number))
    raise RunFailed("no member is done: there is nothing to gather")


def _block_size(first: dict[str, Series]) -> int:
    each = sum(series.values.nbytes for series in first.values())
    return int(min(_BLOCK, max(_BLOCK_BYTES // max(each, 1), 1)))


def _define(file: netCDF4.Dataset, experiment: Experiment, members: Members, first: dict[str, Series]) -> list[str]:
    """Dimensions, coordinates and variables; names of those along ``member``."""
    file.createDimension("member", len(members))
    for series in first.values():
        for dim, size in zip(series.dims, series.values.shape, strict=True):
            if dim not in file.dimensions:
                file.createDimension(dim, size)
    along: list[str] = []
    block = min(_block_size(first), len(members))
    for name, series in first.items():
        kind: Any = series.values.dtype
        if name in ("time", "dzsoil"):
            made = file.createVariable(name, kind, series.dims)
            made[:] = series.values
        else:
            chunks = (block, *(min(n, _CHUNK_TIME) for n in series.values.shape))
            made = file.createVariable(
                name,
                kind,
                ("member", *series.dims),
                zlib=True,
                complevel=1,
                shuffle=True,
                chunksizes=chunks,
                fill_value=np.nan if series.values.dtype.kind == "f" else None,
            )
            along.append(name)
        made.setncatts(dict(series.attrs))
    site = experiment.site
    file.setncatts(
        {
            "Conventions": "CF-1.10",
            "title": f"Ensemble of {experiment.file.stem}" + (f" at {site.name}" if site.name else ""),
        }
    )
    return along


def _read_block(
    folder: Path, numbers: range, first: dict[str, Series], along: list[str]
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Variables of some members, one after the other."""
    found: dict[int, dict[str, Series]] = {}
    for number in numbers:
        status = read_status(folder, number)
        if status is not None and status.state == "done":
            if not is_whole(folder, status):
                raise RunFailed(f"the file of member {number} is damaged; give the command again, and it is run again")
            found[number] = read_member(member_folder(folder, number))
            _refuse_unlike(number, found[number], first)
    for name in along:
        like = first[name].values
        block = np.full((len(numbers), *like.shape), np.nan if like.dtype.kind == "f" else 0, dtype=like.dtype)
        for number, variables in found.items():
            block[number - numbers.start] = variables[name].values
        yield name, block


def _refuse_unlike(number: int, found: dict[str, Series], first: dict[str, Series]) -> None:
    if found.keys() != first.keys() or any(found[n].values.shape != first[n].values.shape for n in first):
        raise RunFailed(
            f"member {number} has other variables, layers or times than the first: give start and end in [run]"
        )
    time, other = first["time"], found["time"]
    if not np.array_equal(time.values, other.values) or time.attrs != other.attrs:
        raise RunFailed(f"member {number} has other times than the first: give start and end in [run]")


def _say_of_members(file: netCDF4.Dataset, members: Members, folder: Path) -> None:
    """What differs, along ``member``."""
    n = len(members)

    def written(name: str, kind: Any, values: NDArray[Any], long_name: str) -> None:
        made = file.createVariable(name, kind, ("member",))
        made[:] = values
        made.long_name = long_name

    written("member", "i4", np.arange(n), "number of the member")
    each = [members[k] for k in range(n)]
    written("seed", "i8", np.array([member.seed for member in each]), "seed of the member")
    for name in members.names:
        values = np.array([member.values[name] for member in each])
        written(f"parameter_{name}", "f8", values, f"value of {name}")
    for module in members.modules:
        written(f"draw_{module}", "i4", np.array([member.draws[module] for member in each]), f"draw of {module}")
    for what in ("site", "forcing"):
        places = [getattr(member, what) for member in each]
        if any(places):
            made = file.createVariable(what, str, ("member",))
            made[:] = np.array(["" if place is None else place.name for place in places], dtype=object)
    statuses = [read_status(folder, k) for k in range(n)]
    flags = np.array([status is not None and status.state == "done" for status in statuses])
    written("done", "i1", flags, "whether the member came to its end")


def _provenance(experiment: Experiment, members: Members, folder: Path) -> dict[str, str]:
    known = {
        "experiment": experiment.text,
        "software": json.dumps(software()),
        "history": f"jules-ml ensemble {experiment.file.name}",
        "modules": json.dumps({name: module.name for name, module in experiment.modules if module}),
    }
    for number in range(len(members)):
        run = provenance_of(folder, number)
        if run:
            return known | {"executable": run["executable"], "namelist_differences": run["namelist_differences"]}
    return known


def gathered_dataset(folder: Path) -> netCDF4.Dataset:
    """Open the gathered file.

    Raises
    ------
    BadInput
        If there is none.
    """
    path = folder / GATHERED
    if not path.is_file():
        raise BadInput("there is no gathered file", where=path, remedy="run 'jules-ml ensemble' to its end")
    return netCDF4.Dataset(path, "r")
