"""International Soil Moisture Network (ISMN): files ``.stm`` of one sensor, header + values or CEOP, and archives of them.

The package ``ismn`` of TU Wien reads the files. Time stamps are UTC. Values are in m3 m-3, degC and mm; a flag ``G`` marks a good value,
``C..`` one outside the plausible range, ``D..`` a dubious one (frozen soil, spikes, breaks, plateaus) and ``M`` a missing one.

References
----------
Dorigo et al. (2021), Hydrol. Earth Syst. Sci. 25, 5749-5804; flags: Dorigo et al. (2013), Vadose Zone J. 12.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from jules_ml.data.missing_codes import refuse_old_codes
from jules_ml.data.profile import RecordColumns, align
from jules_ml.data.readers.netcdf_record import steps_of
from jules_ml.data.recognition import first_lines
from jules_ml.data.record_section import LICENCE, Record
from jules_ml.data.site import SiteMeta, StampAt, refuse_missing_codes, site_dataset, utc_end_of_interval
from jules_ml.data.units import convert
from jules_ml.data.variables import VARIABLES
from jules_ml.errors import BadInput
from jules_ml.support.section import DataPath

#: Variable and unit of a file, by the fourth part of its name; soil variables have depths.
_VARIABLES = {
    "sm": ("theta", "m3 m-3"),
    "ts": ("t_soil", "degC"),
    "ta": ("t_air", "degC"),
    "p": ("precip", "mm"),
    "sd": ("snow_depth", "mm"),
    "sweq": ("swe", "mm"),
    "tsf": ("lst", "degC"),
}
#: Soil suction and its kin have no variable in the site dataset.
_LEFT_OUT = ("su",)
_FLAGS = re.compile(r"(G|M|[CD][0-9]{2})(,(G|M|[CD][0-9]{2}))*")
#: Warnings of pandas where time stamps have no single form, or not the expected one.
_GUESSED_TIMES = re.compile(r"Could not infer format|Parsing dates in")
#: Network, network, station, variable, depth from, depth to, sensor, first and last day.
_NAME_PARTS = 9
_SUFFIX = ".stm"


@dataclass(frozen=True)
class _File:
    """File of one sensor: its path within the folder or archive, and the parts of its name."""

    path: str
    parts: tuple[str, ...]

    @classmethod
    def parse(cls, path: str, where: Path) -> _File:
        """Read the name of a file."""
        parts = _parts(path)
        if parts is None:
            raise BadInput(
                "the name of the file is not that of ISMN",
                where=where / path,
                remedy="keep the name NETWORK_NETWORK_STATION_sm_0.05_0.05_SENSOR_20200601_20200630.stm, which states the variable",
            )
        return cls(path, parts)

    @property
    def station(self) -> str:
        """Network and station."""
        return f"{self.parts[1]}/{self.parts[2]}"


@dataclass(frozen=True, eq=False)
class _Series:
    """Values of one sensor that may be used, in the unit of the site dataset, by UTC."""

    variable: str
    depth: float
    sensor: str
    values: pd.Series
    flags: Counter[str]


def read_ismn(
    path: str | Path,
    *,
    site: str | None = None,
    flags: Sequence[str] = ("G",),
    stamp_at: StampAt = "end",
    licence: str = "terms of ISMN and of the network; cite both",
) -> xr.Dataset:
    """Read the sensors of an ISMN station as a site dataset.

    Parameters
    ----------
    path : str or Path
        File ``.stm``, or folder or zip archive of such files.
    site : str, optional
        Station (``"Abrams"``) or network and station (``"SCAN/Abrams"``); required if there are several.
    flags : sequence of str, optional
        Flags of values that are used.
    stamp_at : {'start', 'middle', 'end'}
        Position of the time stamp in its step.
    licence : str, optional
        Licence of the record.

    Returns
    -------
    xarray.Dataset
        Site dataset. The depth of a sensor is the middle of its depths from and to; ``sensor_theta`` numbers the sensors, and the attribute
        ``sensors`` names them. Values with other flags are NaN: ``n_flagged`` counts them, and ``flagged`` by flag. A cosmic-ray probe is
        ``theta_crns``.

    Raises
    ------
    BadInput
        If the package is not installed, a file is not of ISMN or damaged, a flag is unknown, or there are several stations and none is
        chosen.
    """
    path = Path(path)
    files = _of_station(_files(path), site, path)
    series = [one for file in files if (one := _read(path, file, flags)) is not None]
    if not series:
        raise BadInput(
            "the station has no variable that is read",
            where=path,
            remedy=f"give files of {', '.join(_VARIABLES)}",
        )
    first = _data_file(path, files[0]).metadata
    stamps = pd.DatetimeIndex(sorted(set().union(*(one.values.index for one in series))))
    interval = steps_of(stamps, where=str(path))
    time = utc_end_of_interval(stamps, interval=interval, stamp_at=stamp_at, utc_offset_hours=0.0, where=str(path))
    read = _columns(series, stamps, interval, path)
    profile = align(read.sensors)
    meta = SiteMeta(
        site=files[0].parts[2],
        source=f"International Soil Moisture Network, {files[0].parts[1]}: {path.name}",
        licence=licence,
        latitude=float(first["latitude"].val),
        longitude=float(first["longitude"].val),
        elevation=float(first["elevation"].val),
    )
    ds = site_dataset(
        read.values | profile.values,
        time=time,
        interval=interval,
        meta=meta,
        depth=profile.depth.tolist() if read.sensors else None,
        where=str(path),
    )
    for name in ds.data_vars:
        of_name = [one for one in series if one.variable == name]
        counts: Counter[str] = sum((one.flags for one in of_name), Counter())
        ds[name].attrs |= {
            "sensors": ", ".join(one.sensor for one in of_name),
            "n_flagged": counts.total(),
            "flagged": ", ".join(f"{flag} {n}" for flag, n in sorted(counts.items())),
        }
    return profile.label(ds)


def names_in(path: Path) -> list[str]:
    """Return the paths of files of ISMN within a folder or zip archive; none for another path."""
    if path.is_dir():
        return [file.relative_to(path).as_posix() for file in sorted(path.rglob(f"*{_SUFFIX}"))]
    if not _is_archive(path):
        return []
    with zipfile.ZipFile(path) as archive:
        return sorted(name for name in archive.namelist() if name.endswith(_SUFFIX))


def station_of(name: str) -> str | None:
    """Return network and station by the name of a file; None for a name that is not of ISMN."""
    parts = _parts(name)
    return None if parts is None else f"{parts[1]}/{parts[2]}"


def _parts(path: str) -> tuple[str, ...] | None:
    parts = tuple(PurePosixPath(path).name.removesuffix(_SUFFIX).split("_"))
    return parts if len(parts) >= _NAME_PARTS else None


def _is_archive(path: Path) -> bool:
    return path.suffix == ".zip" and zipfile.is_zipfile(path)


def _files(path: Path) -> list[_File]:
    names = names_in(path)
    if not names and (path.is_dir() or _is_archive(path)):
        raise BadInput(
            f"there is no file *{_SUFFIX}", where=path, remedy="give the folder or archive as ISMN provides it"
        )
    if not names:
        if not path.is_file():
            raise BadInput("there is no such file", where=path, remedy="correct the path")
        return [_File.parse(path.name, path.parent)]
    return [_File.parse(name, path) for name in names]


def _of_station(files: list[_File], site: str | None, path: Path) -> list[_File]:
    stations = sorted({file.station for file in files})
    if len(stations) > 1:
        chosen = [name for name in stations if site is not None and site in (name, name.split("/")[1])]
        if len(chosen) != 1:
            shown = ", ".join(stations[:8]) + (", ..." if len(stations) > 8 else "")
            raise BadInput(
                f"there are {len(stations)} stations ({shown}), and "
                + ("none" if not chosen else "more than one")
                + (" is chosen" if site is None else f" is '{site}'"),
                where=path,
                remedy='give the station as name under [site], "STATION" or "NETWORK/STATION"',
            )
        stations = chosen
    return [file for file in files if file.station == stations[0] and file.parts[3] not in _LEFT_OUT]


def _data_file(path: Path, file: _File) -> Any:
    """Return the object of the package ``ismn`` for a file."""
    try:
        from ismn.filehandlers import DataFile  # an extra: with its own dependencies it weighs more than all others
    except ImportError as error:
        raise BadInput(
            "files of ISMN are read by the package ismn, which is not installed",
            where=path,
            remedy="pip install 'jules_ml[ismn]'",
        ) from error
    root = path if path.is_dir() or path.suffix == ".zip" else path.parent
    try:
        with _warnings_of_times() as warnings_of_times:
            data = DataFile(root, file.path)
        if warnings_of_times:
            raise _damaged(path, file, ": its time stamps are not of the form 2020/06/01 00:00")
        return data
    except BadInput:
        raise
    except (OSError, ValueError, KeyError, IndexError, UnicodeDecodeError) as error:
        raise _damaged(path, file) from error


@contextmanager
def _warnings_of_times() -> Iterator[list[str]]:
    """Collect the warnings of pandas where it guesses the form of time stamps, which then are not those of ISMN."""
    of_times: list[str] = []
    with warnings.catch_warnings(record=True) as recorded:
        warnings.simplefilter("ignore", DeprecationWarning)  # the package calls what pandas 4 will remove
        warnings.simplefilter("always", UserWarning)
        yield of_times
    for each in recorded:
        text = str(each.message)
        if issubclass(each.category, UserWarning) and _GUESSED_TIMES.search(text):
            of_times.append(text)
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


def _damaged(path: Path, file: _File, line: str = "") -> BadInput:
    return BadInput(
        f"the file is damaged, or neither of the format 'header + values' nor of CEOP{line}",
        where=path if path.name == file.path else path / file.path,
        remedy="download it again",
    )


def _read(path: Path, file: _File, flags: Sequence[str]) -> _Series | None:
    kind = file.parts[3]
    where = path if path.name == file.path else path / file.path
    if kind not in _VARIABLES:
        raise BadInput(f"variable '{kind}' is unknown", where=where, remedy=f"give files of {', '.join(_VARIABLES)}")
    data = _data_file(path, file)
    try:
        with _warnings_of_times() as warnings_of_times:
            table = data.read_data()
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise _damaged(path, file) from error
    name = str(data.metadata["variable"].val)
    codes = table[f"{name}_flag"].astype("string").str.strip()
    unknown = np.flatnonzero(~codes.str.fullmatch(_FLAGS.pattern).fillna(False).to_numpy(dtype=bool))
    if unknown.size:
        code = codes.iloc[unknown[0]]
        if pd.isna(code):
            raise _damaged(path, file, f": the row of {table.index[unknown[0]]} has no flag")
        raise BadInput(
            f"flag '{code}' at {table.index[unknown[0]]} is unknown ({len(unknown)} values)",
            where=where,
            remedy="download the file again; flags of ISMN are G, M, C01 and D01 and the like",
        )
    used = codes.map(lambda code: set(code.split(",")) <= set(flags)).to_numpy(dtype=bool)
    if warnings_of_times:
        raise _damaged(path, file, ": its time stamps are not of the form 2020/06/01 00:00")
    values = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64)
    odd = np.flatnonzero(~np.isfinite(values) & ~table[name].astype(str).str.strip().str.lower().isin(("", "nan")))
    if odd.size:
        raise _damaged(path, file, f": '{table[name].iloc[odd[0]]}' at {table.index[odd[0]]} is not a number")
    counts = Counter(code for code, value in zip(codes[~used], values[~used], strict=True) if np.isfinite(value))
    depth, instrument = data.metadata["instrument"].depth, str(data.metadata["instrument"].val)
    variable, unit = _VARIABLES[kind]
    is_cosmic = variable == "theta" and "cosmic" in instrument.lower()
    values = np.where(used, values, np.nan)
    refuse_missing_codes(values, where=str(where))
    return _Series(
        "theta_crns" if is_cosmic else variable,
        float(depth.start + depth.end) / 2.0,
        f"{instrument} {depth.start:g}-{depth.end:g} m",
        pd.Series(_converted(values, variable, unit, str(where)), _stamps(table.index, where)),
        counts,
    )


def _converted(values: NDArray[np.float64], variable: str, unit: str, where: str) -> NDArray[np.float64]:
    """Values in the unit of the site dataset; precipitation stays an amount [kg m-2]."""
    target = "kg m-2" if variable == "precip" else VARIABLES[variable].units
    converted = convert(values, unit, target, where=where)
    if variable != "precip":
        refuse_old_codes(values, converted, variable, where=where, has_key=False)
    return converted


def _stamps(index: pd.Index, where: Path) -> pd.DatetimeIndex:
    return utc_end_of_interval(
        pd.DatetimeIndex(index), interval=pd.Timedelta(0), stamp_at="end", utc_offset_hours=0.0, where=str(where)
    )


def _columns(series: Sequence[_Series], stamps: pd.DatetimeIndex, interval: pd.Timedelta, path: Path) -> RecordColumns:
    read = RecordColumns()
    for one in sorted(series, key=lambda one: one.depth):
        column = one.values.reindex(stamps).to_numpy()
        if "depth" in VARIABLES[one.variable].dims:
            read.add(one.variable, column, depth=one.depth)
        elif one.variable in read.values:
            raise BadInput(
                f"there are several sensors of {one.variable}",
                where=path,
                remedy="leave the files of one in the folder",
            )
        else:
            read.add(one.variable, column / interval.total_seconds() if one.variable == "precip" else column)
    return read


class IsmnRecord(Record):
    """A station of the International Soil Moisture Network."""

    reader: Literal["ismn"] = Field(
        description="International Soil Moisture Network, `.stm` files (needs the extra `ismn`)"
    )
    path: DataPath = Field(description="file `.stm`, or folder or zip archive of them")
    site: str | None = Field(default=None, description="station, or network/station; default: `name` under `[site]`")
    flags: tuple[str, ...] = Field(
        default=("G",), min_length=1, description="flags of values that are used; others are counted"
    )
    stamp_at: StampAt = Field(default="end", description="position of the time stamps in their step")
    licence: str = Field(default="terms of ISMN and of the network; cite both", description=LICENCE)

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset."""
        return read_ismn(self.path, site=self.site, flags=self.flags, stamp_at=self.stamp_at, licence=self.licence)

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """Recognise the name and the first rows of a file."""
        lines = first_lines(path, 2)
        is_series = len(lines) == 2 and re.match(r"\d{4}/\d\d/\d\d\s+\d\d:\d\d\s", lines[1]) is not None
        return "an ISMN file of a sensor" if path.suffix == _SUFFIX and is_series else None
