"""All members in one file with a dimension ``member``, copied in blocks so that memory use does not grow with their number."""

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
from jules_ml.ensemble.manifest import is_intact, member_folder, read_status
from jules_ml.ensemble.member_file import Series, read_member
from jules_ml.ensemble.members import Members
from jules_ml.errors import BadInput, RunFailed
from jules_ml.experiment import Experiment
from jules_ml.support.cf import file_attributes, variable_attributes
from jules_ml.support.disk import reason_of
from jules_ml.support.files import atomic_write
from jules_ml.support.provenance import software

GATHERED = "ensemble.nc"
#: Greatest number of members in a block, and greatest memory of a block [bytes].
_BLOCK, _BLOCK_BYTES = 64, 64 * 1024**2
#: Length of a chunk along time; along ``member`` a chunk is a block.
_CHUNK_TIME = 128


@dataclass(frozen=True)
class Gathered:
    """The gathered file, and the checksum of its data."""

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
        The file has the inputs that differ between members along ``member`` too; values of failed members are missing.

    Raises
    ------
    RunFailed
        If no member is done, if members differ in variables, layers or times, or if the file cannot be written.
    """
    first = _first_done(members, folder)
    path = folder / GATHERED
    digest = hashlib.sha256()
    with atomic_write(path) as part:
        try:
            with netCDF4.Dataset(part, "w", format="NETCDF4") as file:
                along = _define(file, experiment, members, first)
                block = _block_size(first)
                for start in range(0, len(members), block):
                    numbers = range(start, min(start + block, len(members)))
                    for name, values in _read_block(folder, numbers, first, along):
                        file.variables[name][start : start + len(numbers)] = values
                        digest.update(np.ascontiguousarray(values).tobytes())
                _write_inputs(file, members, folder)
                checksum = digest.hexdigest()
                file.setncattr("data_sha256", checksum)
                for key, text in _provenance(experiment, members, folder).items():
                    file.setncattr(key, text)
        except (OSError, RuntimeError) as error:
            if isinstance(error, RunFailed):
                raise
            reason = reason_of(error, folder)
            raise RunFailed(f"{path} cannot be written ({reason}); the files of members are unchanged") from error
    return Gathered(path, checksum)


def _first_done(members: Members, folder: Path) -> dict[str, Series]:
    for number in range(len(members)):
        status = read_status(folder, number)
        if status is not None and status.state == "done":
            return read_member(member_folder(folder, number))
    raise RunFailed("no member is done, so there is nothing to gather")


def _block_size(first: dict[str, Series]) -> int:
    each = sum(series.values.nbytes for series in first.values())
    return int(min(_BLOCK, max(_BLOCK_BYTES // max(each, 1), 1)))


def _define(file: netCDF4.Dataset, experiment: Experiment, members: Members, first: dict[str, Series]) -> list[str]:
    """Define dimensions, coordinates and variables, and return the names of variables along ``member``."""
    file.createDimension("member", len(members))
    for series in first.values():
        for dim, size in zip(series.dims, series.values.shape, strict=True):
            if dim not in file.dimensions:
                # unlimited as in JULES's output: then time comes before soil in the order of dimensions that is recommended
                file.createDimension(dim, None if dim == "time" else size)
    along: list[str] = []
    block = min(_block_size(first), len(members))
    for name, series in first.items():
        kind: Any = series.values.dtype
        if name in ("time", "dzsoil"):
            target = file.createVariable(name, kind, series.dims)
            target[:] = series.values
        else:
            chunks = (block, *(min(n, _CHUNK_TIME) for n in series.values.shape))
            target = file.createVariable(
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
        target.setncatts(variable_attributes(dict(series.attrs)))
    site = experiment.site
    file.setncatts(
        file_attributes(
            f"Ensemble of {experiment.file.stem}" + (f" at {site.name}" if site.name else ""),
            history=f"jules-ml ensemble {experiment.file.name}",
        )
    )
    return along


def _read_block(
    folder: Path, numbers: range, first: dict[str, Series], along: list[str]
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield each variable of a block of members."""
    outputs: dict[int, dict[str, Series]] = {}
    for number in numbers:
        status = read_status(folder, number)
        if status is not None and status.state == "done":
            if not is_intact(folder, status):
                raise RunFailed(f"the file of member {number} is damaged; repeat the command to run this member again")
            outputs[number] = read_member(member_folder(folder, number))
            _check_same_axes(number, outputs[number], first)
    for name in along:
        like = first[name].values
        block = np.full((len(numbers), *like.shape), np.nan if like.dtype.kind == "f" else 0, dtype=like.dtype)
        for number, variables in outputs.items():
            block[number - numbers.start] = variables[name].values
        yield name, block


def _check_same_axes(number: int, outputs: dict[str, Series], first: dict[str, Series]) -> None:
    if outputs.keys() != first.keys() or any(outputs[n].values.shape != first[n].values.shape for n in first):
        raise RunFailed(
            f"member {number} has other variables, layers or times than the first member: set start and end in [run]"
        )
    time, other = first["time"], outputs["time"]
    if not np.array_equal(time.values, other.values) or time.attrs != other.attrs:
        raise RunFailed(f"member {number} has other times than the first member: set start and end in [run]")


def _write_inputs(file: netCDF4.Dataset, members: Members, folder: Path) -> None:
    """Write number, seed, inputs and state of each member along ``member``."""
    n = len(members)

    def write(name: str, kind: Any, values: NDArray[Any], long_name: str) -> None:
        target = file.createVariable(name, kind, ("member",))
        target[:] = values
        target.long_name = long_name

    write("member", "i4", np.arange(n), "number of the member")
    each = [members[k] for k in range(n)]
    write("seed", "i8", np.array([member.seed for member in each]), "seed of the member")
    for name in members.names:
        values = np.array([member.values[name] for member in each])
        write(f"parameter_{name}", "f8", values, f"value of {name}")
    for module in members.modules:
        write(f"draw_{module}", "i4", np.array([member.draws[module] for member in each]), f"draw of {module}")
    for name in ("site", "forcing"):
        paths = [getattr(member, name) for member in each]
        if any(paths):
            target = file.createVariable(name, str, ("member",))
            target[:] = np.array(["" if path is None else path.name for path in paths], dtype=object)
    statuses = [read_status(folder, k) for k in range(n)]
    flags = np.array([status is not None and status.state == "done" for status in statuses])
    write("done", "i1", flags, "1 for members that are done, 0 for members that failed")


def _provenance(experiment: Experiment, members: Members, folder: Path) -> dict[str, str]:
    attrs = {
        "experiment": experiment.text,
        "software": json.dumps(software()),
        "history": f"jules-ml ensemble {experiment.file.name}",
        "modules": json.dumps({name: module.name for name, module in experiment.modules.folders().items() if module}),
    }
    for number in range(len(members)):
        run = provenance_of(folder, number)
        if run:
            return attrs | {"executable": run["executable"], "namelist_differences": run["namelist_differences"]}
    return attrs


def gathered_dataset(folder: Path) -> netCDF4.Dataset:
    """Open the gathered file.

    Raises
    ------
    BadInput
        If the ensemble has not been gathered.
    """
    path = folder / GATHERED
    if not path.is_file():
        raise BadInput(
            "there is no gathered file", where=path, remedy="run 'jules-ml ensemble' until all members are run"
        )
    return netCDF4.Dataset(path, "r")
