"""COSMOS-UK: cosmic-ray soil moisture, point probes and weather at UK sites, in both forms in which UKCEH publishes them.

The archive (EIDC) has files of one site each, daily, hourly or half-hourly, whose units are in a separate file; the portal
exports daily files with six header lines, including the units. Time stamps are in UTC. A half-hourly or hourly stamp is the end of its
interval. A daily stamp is the day itself: an export in the morning ends with the previous day.

References
----------
Cooper et al. (2021), Earth Syst. Sci. Data 13, 1737-1757. Columns and units: metadata of the archive's releases, the latest
is doi:10.5285/2dce161d-2fab-47bb-9fe6-38e7ed1ae18a.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from jules_ml.data.missing_codes import convert_without_codes
from jules_ml.data.profile import Sensor, align
from jules_ml.data.readers.cosmos_uk_columns import PORTAL_UNITS, Column, known_columns, with_comments
from jules_ml.data.readers.cosmos_uk_flags import MASKED, flagged, flags_beside, is_flags_file
from jules_ml.data.recognition import first_lines
from jules_ml.data.record_section import IGNORE, PATH, Record
from jules_ml.data.regular import refuse_irregular
from jules_ml.data.site import SiteMeta, StampAt, refuse_missing_codes, site_dataset, utc_end_of_interval
from jules_ml.data.textfile import read_csv_columns, read_header, read_lines, read_times, require_columns
from jules_ml.data.units import convert
from jules_ml.errors import BadInput
from jules_ml.support.section import DataPath

_MISSING = -9999.0
_DAY = pd.Timedelta(days=1)
_INTERVALS: dict[pd.Timedelta, StampAt] = {
    pd.Timedelta(minutes=30): "end",
    pd.Timedelta(hours=1): "end",
    _DAY: "start",
}
_STAMPS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S")
_PORTAL_HEADER = ("timestamp", "site-id", "site-name", "parameter-id", "parameter-name", "parameter-units")


def read_cosmos_uk(
    path: str | Path,
    *,
    latitude: float | None = None,
    longitude: float | None = None,
    elevation: float | None = None,
    ignore: Sequence[str] = (),
    flags: Path | None = None,
    masked_flags: Sequence[str] = MASKED,
    kept_flags: Sequence[str] = (),
) -> xr.Dataset:
    """COSMOS-UK file of either form, as a site dataset.

    Parameters
    ----------
    path : str or Path
        File of one site from the archive, or an export from the portal.
    latitude, longitude, elevation : float, optional
        Position [degree, degree, m]: neither form contains it.
    ignore : sequence of str, optional
        Columns to leave out, such as those unknown to this reader.
    flags, masked_flags, kept_flags
        See :func:`read_cosmos_eidc`.

    Returns
    -------
    xarray.Dataset
        See :func:`read_cosmos_eidc` and :func:`read_cosmos_portal`.

    Raises
    ------
    BadInput
        If the file has neither form; and as the two readers.
    """
    path = Path(path)
    first = (read_lines(path, 1) or [""])[0]
    position = {"latitude": latitude, "longitude": longitude, "elevation": elevation}
    if first.startswith("timestamp"):
        return read_cosmos_portal(path, ignore=ignore, **position)
    if "DATE_TIME" in first.upper():
        return read_cosmos_eidc(
            path, ignore=ignore, flags=flags, masked_flags=masked_flags, kept_flags=kept_flags, **position
        )
    raise BadInput(
        f"the first line, '{first[:60]}', is that of neither form of COSMOS-UK data",
        where=f"{path}, line 1",
        remedy="give a file with the column DATE_TIME (archive) or one that begins with 'timestamp' (portal export)",
    )


def read_cosmos_eidc(
    path: str | Path,
    *,
    latitude: float | None = None,
    longitude: float | None = None,
    elevation: float | None = None,
    ignore: Sequence[str] = (),
    flags: Path | None = None,
    masked_flags: Sequence[str] = MASKED,
    kept_flags: Sequence[str] = (),
) -> xr.Dataset:
    """File of one site from the archive (``COSMOS-UK_<site>_HydroSoil_{Daily,Hourly,SH}_<years>.csv``), as a site dataset.

    Releases since 2022 contain interpolated values, marked in a file of flags. They are set to NaN, and ``n_flagged`` counts them.

    Parameters
    ----------
    path : str or Path
        CSV file; missing values are -9999. The interval (30 minutes, an hour, a day) is that of the time stamps.
    latitude, longitude, elevation : float, optional
        Position [degree, degree, m], from the release's file of site metadata.
    ignore : sequence of str, optional
        Columns to leave out, such as those unknown to this reader.
    flags : Path, optional
        File of flags; see :func:`~jules_ml.data.readers.cosmos_uk_flags.flags_beside`. None takes all values for measured.
    masked_flags, kept_flags : sequence of str, optional
        Flags of values that are left out, and of values that are used beside those without a flag.

    Returns
    -------
    xarray.Dataset
        Site dataset. ``theta_crns`` is the cosmic-ray estimate; its attribute ``depends_on`` lists its inputs.
        ``theta`` and ``t_soil`` are the point probes along ``depth``: two probes at one depth have separate levels, and
        ``column_theta``, ``column_t_soil`` name each level's column. ``g_soil`` is the mean of the heat-flux plates with data.

    Raises
    ------
    BadInput
        If the file is empty, truncated or not delimited by commas; if a column is unknown or missing; if the file contains several
        sites; if time stamps are unreadable, duplicate, not in order or of another interval; if a value is outside the valid range.
    """
    path = Path(path)
    if is_flags_file(path):
        raise BadInput(
            "this is the file of flags", where=path, remedy="give the file of data, beside which the flags are found"
        )
    names = read_header(path)
    require_columns(names, ["DATE_TIME", "SITE_ID"], where=f"{path}, line 1")
    columns = known_columns(
        [name for name in names if name not in ("DATE_TIME", "SITE_ID")], ignore, where=f"{path}, line 1"
    )
    table = read_csv_columns(path, texts=["DATE_TIME", "SITE_ID"], numbers=list(columns), missing=[_MISSING])
    counts: dict[str, int] = {}
    if flags is not None:
        marked = flagged(table, flags, list(columns), masked=masked_flags, kept=kept_flags)
        counts = {name: int((marked[name] & table[name].notna()).sum()) for name in columns}
        table[list(columns)] = table[list(columns)].mask(marked)
    sites = table["SITE_ID"].unique()
    if len(sites) > 1:
        raise BadInput(
            f"the file contains {len(sites)} sites ({', '.join(sites[:3])} ...)",
            where=f"{path}, column SITE_ID",
            remedy="split it into a file for each site",
        )
    where = f"{path}, column DATE_TIME"
    stamps = read_times(table["DATE_TIME"], _STAMPS, where=path)
    interval = _interval(stamps, where=where)
    time = utc_end_of_interval(
        stamps, interval=interval, stamp_at=_INTERVALS[interval], utc_offset_hours=0.0, where=where
    )
    refuse_irregular(time, interval, where=where)
    meta = SiteMeta(
        site=str(sites[0]),
        source=f"COSMOS-UK, UK Centre for Ecology & Hydrology, Environmental Information Data Centre: {path.name}",
        licence="Open Government Licence; cite UKCEH COSMOS-UK and the release",
        latitude=latitude,
        longitude=longitude,
        elevation=elevation,
    )
    read = [
        _Read(name, table[name].to_numpy(), (interval == _DAY and column.daily_units) or column.units, column)
        for name, (_, column) in columns.items()
    ]
    ds = _site_dataset(read, time=time, interval=interval, meta=meta, path=path)
    for name, (_, column) in columns.items():
        if counts.get(name) and column.name in ds:
            ds[column.name].attrs["n_flagged"] = int(ds[column.name].attrs.get("n_flagged", 0)) + counts[name]
            ds[column.name].attrs["flagged"] = " or ".join(masked_flags)
    return ds


def read_cosmos_portal(
    path: str | Path,
    *,
    latitude: float | None = None,
    longitude: float | None = None,
    elevation: float | None = None,
    ignore: Sequence[str] = (),
) -> xr.Dataset:
    """Daily export from the COSMOS-UK portal, as a site dataset.

    Parameters
    ----------
    path : str or Path
        CSV file whose first six lines are the time of the export, the site's code and name, and each parameter's code, name
        and unit; then one row for each day (``dd/mm/yyyy``), with empty cells for missing values. Units are read from the file. Two
        wrong units are corrected: wind direction in 'Deg Celsius', and radiation in 'MJday-1', which is per square metre.
    latitude, longitude, elevation : float, optional
        Position [degree, degree, m].
    ignore : sequence of str, optional
        Parameters to leave out, such as those unknown to this reader.

    Returns
    -------
    xarray.Dataset
        As from :func:`read_cosmos_eidc`.

    Raises
    ------
    BadInput
        As :func:`read_cosmos_eidc`; also if a header line is missing or a unit unknown.
    """
    path = Path(path)
    names = read_header(path, header_line=_PORTAL_HEADER.index("parameter-id") + 1)
    header = [next(csv.reader([line])) for line in read_lines(path, len(_PORTAL_HEADER))]
    for number, expected in enumerate(_PORTAL_HEADER, start=1):
        if len(header) < number or not header[number - 1] or header[number - 1][0].strip() != expected:
            raise BadInput(
                f"the line should begin with '{expected}'",
                where=f"{path}, line {number}",
                remedy="export the file again, and do not edit its six header lines",
            )
    for number in (1, 2):
        if len(header[number - 1]) < 2:
            raise BadInput(
                f"nothing follows '{_PORTAL_HEADER[number - 1]}'",
                where=f"{path}, line {number}",
                remedy="export the file again, and do not edit its six header lines",
            )
    if len(header[5]) != len(names):
        raise BadInput(
            f"the line has {len(header[5]) - 1} units and line 4 {len(names) - 1} parameters",
            where=f"{path}, line 6",
            remedy="export the file again, and do not edit its six header lines",
        )
    columns = known_columns(names[1:], ignore, where=f"{path}, line 4", portal=True)
    units = {name: unit.strip() for name, unit in zip(names, header[5], strict=True)}
    table = read_csv_columns(
        path,
        texts=["parameter-id"],
        numbers=list(columns),
        header_line=4,
        first_data_line=len(_PORTAL_HEADER) + 1,
    ).rename(columns={"parameter-id": "timestamp"})
    time = utc_end_of_interval(
        read_times(table["timestamp"], "%d/%m/%Y", where=path),
        interval=_DAY,
        stamp_at="start",
        utc_offset_hours=0.0,
        where=f"{path}, column 1",
    )
    meta = SiteMeta(
        site=header[1][1].strip(),
        source=f"COSMOS-UK, UK Centre for Ecology & Hydrology, portal export of {header[0][1].strip()}: {path.name}",
        licence="Open Government Licence; cite UKCEH COSMOS-UK",
        latitude=latitude,
        longitude=longitude,
        elevation=elevation,
    )
    read = [
        _Read(name, table[name].to_numpy(), PORTAL_UNITS.get((in_archive, units[name]), units[name]), column)
        for name, (in_archive, column) in columns.items()
    ]
    return _site_dataset(read, time=time, interval=_DAY, meta=meta, path=path)


@dataclass(frozen=True, eq=False)
class _Read:
    """Column of the file: its name, values, unit and meaning."""

    name: str
    values: NDArray[np.float64]
    units: str
    column: Column


def _interval(stamps: pd.DatetimeIndex, *, where: str) -> pd.Timedelta:
    steps = pd.Series(np.abs(np.diff(stamps.as_unit("ns").asi8)))
    steps = steps[steps > 0]
    interval = pd.Timedelta(steps.mode().iloc[0], unit="ns") if len(steps) else pd.Timedelta(0)
    if interval not in _INTERVALS:
        raise BadInput(
            f"the time stamps are {interval} apart, which is not an interval of COSMOS-UK",
            where=where,
            remedy="give a daily, hourly or half-hourly file with at least two rows",
        )
    return interval


def _site_dataset(
    read: Sequence[_Read], *, time: pd.DatetimeIndex, interval: pd.Timedelta, meta: SiteMeta, path: Path
) -> xr.Dataset:
    values: dict[str, NDArray[np.float64]] = {}
    plates: list[NDArray[np.float64]] = []
    probes: dict[str, list[_Read]] = {}
    sensors: dict[str, list[Sensor]] = {}
    for one in read:
        name = one.column.name
        array = _converted(one, interval=interval, where=f"{path}, column {one.name}")
        if math.isfinite(one.column.depth):
            if np.isfinite(array).any():  # a file has columns for ten probes, and most sites have two
                probes.setdefault(name, []).append(one)
                sensors.setdefault(name, []).append(Sensor(len(probes[name]), one.column.depth, array))
        elif name == "g_soil":
            plates.append(array)
        else:
            values[name] = array
    if plates:
        values["g_soil"] = pd.DataFrame(np.stack(plates)).mean().to_numpy()
    profile = align(sensors) if sensors else None
    ds = site_dataset(
        values | (profile.values if profile else {}),
        time=time,
        interval=interval,
        meta=meta,
        depth=profile.depth.tolist() if profile else None,
        where=str(path),
    )
    if profile is not None:
        for name, numbers in profile.numbers.items():
            names = np.array(["", *(probe.name for probe in probes[name])])
            ds = ds.assign_coords({f"column_{name}": ("depth", names[numbers])})
    return with_comments(ds)


def _converted(read: _Read, *, interval: pd.Timedelta, where: str) -> NDArray[np.float64]:
    """Values in the units of the site dataset."""
    refuse_missing_codes(read.values, where=where)
    name, largest = read.column.name, np.max(read.values, where=np.isfinite(read.values), initial=-np.inf)
    if name in ("theta", "theta_crns") and read.units == "%" and -np.inf < largest <= 1.0:
        raise BadInput(
            f"the largest value is {largest:g} %, which is too dry for any soil",
            where=where,
            remedy="multiply the column by 100: COSMOS-UK gives water content in %, and this seems to be m3 m-3",
        )
    if read.column.total:
        return np.asarray(convert(read.values, read.units, "kg m-2", where=where) / interval.total_seconds())
    return convert_without_codes(read.values, read.units, name, where=where)


class CosmosUkRecord(Record):
    """A COSMOS-UK site, from the archive or from the portal."""

    reader: Literal["cosmos_uk"] = Field(description="COSMOS-UK, a file of one site from the archive or the portal")
    path: DataPath = Field(description=PATH)
    ignore: tuple[str, ...] = Field(default=(), description=IGNORE)
    flags: DataPath | Literal["auto"] | None = Field(
        default="auto",
        description='file of flags of the archive; default: the file beside the data whose name ends in `_Flags.csv`; `"none"` takes '
        "interpolated values for measured ones",
    )
    masked_flags: tuple[str, ...] = Field(default=MASKED, description="flags of values that are left out and counted")
    kept_flags: tuple[str, ...] = Field(default=(), description="further flags, of values that are used")

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset."""
        beside = flags_beside(self.path) if self.flags == "auto" and not is_flags_file(self.path) else None
        return read_cosmos_uk(
            self.path,
            ignore=self.ignore,
            flags=self.flags if isinstance(self.flags, Path) else beside,
            masked_flags=self.masked_flags,
            kept_flags=self.kept_flags,
        )

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """Recognise the header of both forms."""
        lines = first_lines(path, len(_PORTAL_HEADER))
        if lines and {"DATE_TIME", "SITE_ID"} <= set(lines[0].split(",")):
            return "a COSMOS-UK file of the archive"
        first_cells = tuple(line.split(",")[0] for line in lines)
        return "a COSMOS-UK file of the portal" if first_cells == _PORTAL_HEADER else None
