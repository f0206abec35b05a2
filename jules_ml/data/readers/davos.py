"""The record of the demonstration: ten years of half-hours at Davos (CH-Dav), from the example data of the package diive.

Properties of the record (tests check them on the data):

- **Clock.** Stamps are the middle of the half-hour in Central European Time (UTC+1) all year: dawn and dusk of PPFD are symmetric
  about solar noon to 0.2 minutes (median of 3608 days; within 2 minutes in each month and 1 in each year).
- **Measured or filled.** Each column ``<x>_f`` is complete and equals ``<x>_orig`` wherever that has a value; the rest is
  gap-filled. Measured are 33 % of ``NEE_CUT_REF`` (40 % under the lower u* threshold, 23 % under the upper; of the night 11, 16 and 5 %),
  71 % of LE, and all but 15 half-hours or so of radiation, temperature and vapour pressure deficit. The measured steps of a higher u*
  threshold are a subset of those of a lower one, with equal values.
- **Precipitation** increases abruptly between 2015 and 2016: see :data:`PRECIPITATION_NOTE`.
- **Longwave radiation** is missing throughout 2015, and in 2013 from 10 to 27 January and from 1 November to 12 December.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import platformdirs
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from jules_ml.data.parquetfile import parquet_columns, read_parquet
from jules_ml.data.record_section import Record
from jules_ml.data.site import SiteMeta, refuse_missing_codes, site_dataset, utc_end_of_interval
from jules_ml.data.units import convert, refuse_fraction_as_percent
from jules_ml.data.variables import VARIABLES
from jules_ml.errors import BadInput
from jules_ml.support.files import atomic_write
from jules_ml.support.scratch import scratch_folder
from jules_ml.support.section import DataPath

WHEEL_SHA256 = "8112cebece1f404259a346ff04d6948c6728e131603916e418b6e3a8fbf390a6"
RECORD_SHA256 = "212c34e31cae26969ca9c8ef1783c20013f140bf136848720c47d2582419bca3"

#: Name of the record in the cache.
FILE_NAME = "CH-Dav_2013-2022_30min.parquet"

_REQUIREMENT = "diive==0.90.0"
_MEMBER = "diive/configs/exampledata/exampledata_PARQUET_CH-DAV_FP2022.5_2013-2022_ID20230206154316_30MIN.parquet"
_DOWNLOAD = ("download", "--no-deps", "--only-binary=:all:", "--python-version", "3.11", _REQUIREMENT)

#: Message when the record is fetched.
PROVENANCE = (
    "Davos (CH-Dav), half-hourly 2013 to 2022: example data of the Python package diive 0.90.0 (L. Hörtnagl, ETH Zurich), from PyPI. "
    "The package is under GPL-3; the data have no licence of their own. They are stored in your cache for your own use and are not "
    "part of jules_ml."
)

PRECIPITATION_NOTE = (
    "Annual precipitation increases abruptly between 2015 and 2016: 669 to 691 kg m-2 a year in 2013-2015 (mean 680), 773 to 1070 in "
    "2016-2022 (mean 969, 1.42 times as much). The increase is in rain (above 5 degC: 357 to 476 a year, 1.33 times) and in snow "
    "(below 0 degC: 147 to 247, 1.68 times), in the number of wet half-hours (8.0 to 9.8 %) and in their "
    "amount (0.48 to 0.56 mm), so undercatch of snow alone does not explain it. Values are as published, not corrected."
)

#: Variables that a JULES run needs or a flux record often contains, and that are missing here.
ABSENT = "wind, friction velocity, soil temperature, sensible heat, outgoing longwave radiation, snow"

#: Variables with one column each: column and unit; for a sum over the half-hour, the unit of the sum.
_MEASURED = {
    "lw_down": ("LW_IN", "W m-2"),
    "pstar": ("PA", "hPa"),
    "ppfd": ("PPFD", "umol m-2 s-1"),
    "precip": ("PREC_TOT_T1_25+20_1", "mm"),
    "relative_humidity": ("RH", "%"),
    "theta": ("SWC_FF0_0.15_1", "%"),
}

#: Variables with a measured (``_orig``) and a gap-filled (``_f``) column: stem of the columns and unit.
_FILLED = {
    "t_air": ("Tair", "degC"),
    "sw_down": ("Rg", "W m-2"),
    "vpd": ("VPD", "hPa"),
    "le": ("LE", "W m-2"),
    "nee": ("NEE_CUT_REF", "umol m-2 s-1"),
}

#: NEE for percentiles [%] of the u* threshold, with the same columns.
_USTAR = {16.0: "NEE_CUT_16", 84.0: "NEE_CUT_84"}

_THRESHOLD = "Ustar_CUT_REF_Thres"
_INTERVAL = pd.Timedelta(minutes=30)
_META = SiteMeta(
    site="CH-Dav",
    source="example data of diive 0.90.0 (exampledata_PARQUET_CH-DAV_FP2022.5_2013-2022)",
    licence="none stated for the data; the package that carries them is under GPL-3",
    latitude=46.8153,
    longitude=9.8559,
    elevation=1639.0,
    utc_offset_hours=1.0,
)


def fetch_davos(cache_dir: Path | None = None, message: Callable[[str], None] = print) -> Path:
    """Get the record, from the cache or else from PyPI.

    Parameters
    ----------
    cache_dir : Path, optional
        Folder of the record; default: the user's cache.
    message : callable
        Function that shows a line to the user.

    Returns
    -------
    Path
        The record, for :func:`read_davos`.

    Raises
    ------
    BadInput
        If the package cannot be downloaded (no network, no pip), its checksum is wrong, or the cache cannot be written.
    """
    folder = platformdirs.user_cache_path("jules_ml") if cache_dir is None else cache_dir
    message(PROVENANCE)
    record = folder / FILE_NAME
    if record.is_file() and _sha256(record) == RECORD_SHA256:
        message(f"Found in the cache: {record}")
        return record
    message("Downloading 20 MB; this is done once.")
    with scratch_folder(folder) as scratch:
        command = [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            *_DOWNLOAD,
            "--quiet",
            "--dest",
            str(scratch),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(scratch.glob("*.whl"))
        if done.returncode != 0 or not wheels:
            reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
            raise BadInput(
                f"the record of Davos could not be downloaded ({reason.removeprefix('ERROR: ')})",
                where=_REQUIREMENT,
                remedy=f"connect to the network, or run 'pip {' '.join(_DOWNLOAD)}' on a machine with network and give the .whl file with "
                "--data FILE",
            )
        unpack_davos(wheels[0], folder)
    message(f"Stored in {record}")
    return record


def unpack_davos(wheel: Path, folder: Path) -> Path:
    """Extract the record from the wheel of diive 0.90.0.

    Parameters
    ----------
    wheel : Path
        The wheel, as downloaded.
    folder : Path
        Folder for the record, which is written atomically.

    Raises
    ------
    BadInput
        If the checksum of the wheel is wrong, or the folder cannot be written.
    """
    if not wheel.is_file():
        raise BadInput("there is no such file", where=wheel, remedy="correct the path")
    checksum = _sha256(wheel)
    if checksum != WHEEL_SHA256:
        raise BadInput(
            f"the file is not the wheel of diive 0.90.0: its SHA-256 is {checksum[:12]}..., not {WHEEL_SHA256[:12]}...",
            where=wheel,
            remedy="delete it and download it again",
        )
    with atomic_write(folder / FILE_NAME) as part, zipfile.ZipFile(wheel) as archive:
        part.write_bytes(archive.read(_MEMBER))
    return folder / FILE_NAME


def read_davos(path: str | Path) -> xr.Dataset:
    """Read the record of Davos.

    Parameters
    ----------
    path : str or Path
        Record from :func:`fetch_davos`, or the wheel of diive 0.90.0.

    Returns
    -------
    xarray.Dataset
        Site dataset, half-hourly from 2013 to 2022. ``t_air sw_down vpd le nee nee_ustar`` are complete, with ``<name>_qc`` 0 where
        measured and 1 where gap-filled; ``lw_down pstar ppfd precip relative_humidity theta`` are as measured, with gaps.
        ``nee_ustar`` is NEE for the u* thresholds at 16 and 84 %, ``nee`` for the reference threshold (its attribute
        ``ustar_threshold`` [m s-1]). The attribute ``absent`` lists variables that the record does not contain.

    Raises
    ------
    BadInput
        If the file is damaged or is another file: columns are missing, time stamps are not half-hourly, filled and measured values
        differ, or units changed.
    """
    path = Path(path)
    if path.suffix == ".whl":
        with tempfile.TemporaryDirectory() as scratch:
            return read_davos(unpack_davos(path, Path(scratch)))
    stems = [stem for stem, _ in _FILLED.values()] + list(_USTAR.values())
    needed = [column for column, _ in _MEASURED.values()] + [
        f"{stem}{end}" for stem in stems for end in ("_f", "_orig")
    ]
    frame = read_parquet(path, required=[*needed, _THRESHOLD])
    time = _end_of_interval(frame.index, path)

    values = {name: _convert(name, frame[column], unit, path) for name, (column, unit) in _MEASURED.items()}
    values["theta"] = values["theta"][:, np.newaxis]
    qc = {}
    for name, (stem, unit) in _FILLED.items():
        values[name] = _convert(name, frame[f"{stem}_f"], unit, path)
        qc[name] = _filled(frame, stem, path)
    values["nee_ustar"] = np.column_stack(
        [_convert("nee_ustar", frame[f"{stem}_f"], _FILLED["nee"][1], path) for stem in _USTAR.values()]
    )
    qc["nee_ustar"] = np.column_stack([_filled(frame, stem, path) for stem in _USTAR.values()])

    ds = site_dataset(
        values,
        qc=qc,
        qc_meaning="0 measured and of accepted quality; 1 gap-filled",
        depth=[0.15],
        time=time,
        interval=_INTERVAL,
        meta=_META,
        where=str(path),
    )
    ds = ds.assign_coords(
        ustar_percentile=(
            "ustar_percentile",
            list(_USTAR),
            {"units": "%", "long_name": "percentile of the u* threshold"},
        )
    )
    ds["nee"].attrs["ustar_threshold"] = float(frame[_THRESHOLD].iloc[0])
    ds["precip"].attrs["comment"] = PRECIPITATION_NOTE
    ds.attrs["absent"] = ABSENT
    ds.attrs["clock"] = (
        "source stamps: middle of the half-hour, Central European Time (UTC+1) all year; checked against the sun"
    )
    return ds


def _end_of_interval(index: pd.Index, path: Path) -> pd.DatetimeIndex:
    if not isinstance(index, pd.DatetimeIndex):
        raise BadInput(
            "the index does not contain time stamps", where=path, remedy="give the Parquet file of diive 0.90.0"
        )
    time = utc_end_of_interval(
        index, interval=_INTERVAL, stamp_at="middle", utc_offset_hours=_META.utc_offset_hours, where=f"{path}, index"
    )
    if len(time) > 1 and bool((np.diff(time.to_numpy()) != _INTERVAL.to_timedelta64()).any()):
        raise BadInput(
            "time stamps are not half an hour apart",
            where=f"{path}, index",
            remedy="give the Parquet file of diive 0.90.0",
        )
    return time


def _convert(name: str, column: pd.Series, unit: str, path: Path) -> NDArray[np.float64]:
    """Convert a column to the units of the site dataset."""
    place = f"{path}, column {column.name}"
    raw = column.to_numpy(dtype=np.float64)
    refuse_missing_codes(raw, where=place)
    if unit == "%":
        refuse_fraction_as_percent(raw, where=place)
    if name == "precip":
        raw, unit = raw / _INTERVAL.total_seconds(), f"{unit} s-1"
    return convert(raw, unit, VARIABLES[name].units, where=place)


def _filled(frame: pd.DataFrame, stem: str, path: Path) -> NDArray[np.float64]:
    """Quality code of ``<stem>_f``: 0 if ``<stem>_orig`` has a value, 1 otherwise."""
    original, filled = frame[f"{stem}_orig"].to_numpy(), frame[f"{stem}_f"].to_numpy()
    measured = ~np.isnan(original)
    odd = np.flatnonzero(measured & (original != filled))
    if odd.size:
        raise BadInput(
            f"measured and filled values differ ({odd.size} times, first at {frame.index[odd[0]]})",
            where=f"{path}, column {stem}_f",
            remedy="give the Parquet file of diive 0.90.0",
        )
    return np.where(measured, 0.0, 1.0)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class DavosRecord(Record):
    """The record of the demonstration."""

    reader: Literal["davos"] = Field(description="Davos (CH-Dav) 2013 to 2022, the record of `jules-ml demo`")
    path: DataPath | None = Field(
        default=None,
        description="wheel of diive 0.90.0, or the Parquet file in it; downloaded by default",
    )

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset, after downloading it if it is not in the cache."""
        return read_davos(fetch_davos() if self.path is None else self.path)

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """Recognise the columns of the Parquet file."""
        return "the record of Davos in diive" if _THRESHOLD in parquet_columns(path) else None
