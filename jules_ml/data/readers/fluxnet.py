"""Flux towers: the CSV files of FLUXNET2015, AmeriFlux-FLUXNET and ICOS, daily, half-hourly and hourly, FULLSET and SUBSET."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from jules_ml.data.merge import read_files
from jules_ml.data.missing_codes import refuse_old_codes
from jules_ml.data.profile import Sensor, align
from jules_ml.data.readers.fluxnet_columns import (
    MISSING,
    NEE_UNIT,
    QC_MEANING,
    SENSORS,
    FileName,
    Resolution,
    is_filled,
    is_known,
)
from jules_ml.data.readers.fluxnet_selection import Wanted, refuse_unknown, wanted_columns
from jules_ml.data.readers.sensor_heights import read_sensor_depths
from jules_ml.data.recognition import first_lines
from jules_ml.data.record import UNKNOWN_CODES, text_of_codes
from jules_ml.data.record_section import HEIGHTS, LICENCE, PATHS, SITE, UTC_OFFSET, Record
from jules_ml.data.regular import refuse_irregular
from jules_ml.data.site import SiteMeta, drop_out_of_range, refuse_missing_codes, site_dataset, utc_end_of_interval
from jules_ml.data.textfile import read_csv_columns, read_header, read_times
from jules_ml.data.units import convert, refuse_fraction_as_percent
from jules_ml.data.variables import VARIABLES
from jules_ml.errors import BadInput
from jules_ml.support.section import DataPath, DataPaths, Depth

_INTERVAL: dict[Resolution, pd.Timedelta] = {
    "HH": pd.Timedelta(minutes=30),
    "HR": pd.Timedelta(hours=1),
    "DD": pd.Timedelta(days=1),
}

_LICENCE = {
    "AMF": "AmeriFlux: CC BY 4.0, or the AmeriFlux Legacy licence where the site's page says so",
    "FLX": "FLUXNET2015: CC BY 4.0, or the Tier Two policy where the site's page says so",
    "ICOSETC": "ICOS: CC BY 4.0",
}


def read_fluxnet(
    path: str | Path,
    *,
    utc_offset_hours: float | None,
    site: str | None = None,
    latitude: float | None = None,
    longitude: float | None = None,
    elevation: float | None = None,
    swc_depths: Sequence[float] | None = None,
    ts_depths: Sequence[float] | None = None,
    heights: str | Path | None = None,
    licence: str | None = None,
) -> xr.Dataset:
    """Read a flux tower's record from a FLUXNET file.

    Parameters
    ----------
    path : str or Path
        FULLSET, SUBSET or FLUXMET file of a tower, ``.csv`` or ``.csv.gz``, half-hourly, hourly or daily.
    utc_offset_hours : float or None
        Local standard time minus UTC [h]; required, since the files are in local standard time and do not state it.
    site : str, optional
        Site code; default: from the file name.
    latitude, longitude, elevation : float, optional
        Degrees, north and east positive, and metres; the files do not contain them.
    swc_depths, ts_depths : sequence of float, optional
        Depth [m] of the water and temperature sensors in the order of their numbers, positive downward. Without them
        depths are those of ``heights``, or NaN, and the sensors are in the order of their numbers, from the top down.
    heights : str or Path, optional
        File of metadata with the heights of sensors: see :func:`~.sensor_heights.read_sensor_depths`.
    licence : str, optional
        Licence of the record; default: that of the network.

    Returns
    -------
    xarray.Dataset
        Site dataset. Gap-filled variables have a quality code, ``<name>_qc``: codes 0 to 3 for steps, a fraction
        for days. ``nee`` is the reference version; ``nee_ustar`` along ``ustar_percentile`` [%] contains NEE for other u*
        thresholds (25, 50, 75 in a SUBSET, 5 to 95 in a FULLSET), estimated by year (VUT) or, if missing, for all
        years (CUT). ``sensor_theta`` and ``sensor_t_soil`` are the sensor numbers of the levels. The attribute ``column`` lists the
        columns of a variable, ``n_dropped`` counts published values outside the valid range, and ``unknown_quality_codes`` values
        with a quality code that the product does not have, which are NaN. GPP and RECO are not read, since
        both are output of a fitted model.

    Raises
    ------
    BadInput
        If a column is unknown, a gap-filled column has no quality code, the offset from UTC or the site is
        unknown, or the file is damaged, or has another resolution or other units.

    References
    ----------
    Pastorello et al. (2020), Scientific Data 7, 225.
    """
    path = Path(path)
    name = FileName.parse(path)
    header = read_header(path)
    refuse_unknown(header, path)
    site = site or name.site
    if site is None:
        raise BadInput(
            "the file name does not contain the site",
            where=path,
            remedy="give site, or name under [site], for example 'CH-Dav'",
        )
    known = {} if heights is None else read_sensor_depths(Path(heights), name.site or site)
    wanted = wanted_columns(header, {"theta": swc_depths, "t_soil": ts_depths}, known, path)
    stamps = ["TIMESTAMP"] if "TIMESTAMP" in header else ["TIMESTAMP_START", "TIMESTAMP_END"]
    columns = [column for w in wanted for column in (w.column, f"{w.column}_QC") if column in header]
    frame = read_csv_columns(path, texts=stamps, numbers=columns, missing=(MISSING,))
    resolution, end = _ends(frame[stamps], path)
    if name.resolution not in (None, resolution):
        raise BadInput(
            f"the resolution is {name.resolution} in the file name and {resolution} in the time stamps",
            where=path,
            remedy="correct the name of the file",
        )
    time = utc_end_of_interval(
        end,
        interval=_INTERVAL[resolution],
        stamp_at="end",
        utc_offset_hours=utc_offset_hours,
        where=f"{path}, column {stamps[-1]}",
    )
    return _assemble(
        [_load(w, frame, resolution, path) for w in wanted],
        time=time,
        resolution=resolution,
        meta=SiteMeta(
            site=site,
            source=f"FLUXNET {name.product or 'product'} {resolution}, {path.name}",
            licence=licence or _LICENCE.get(name.network or "", "not stated: see the site's page"),
            latitude=latitude,
            longitude=longitude,
            elevation=elevation,
            utc_offset_hours=utc_offset_hours or 0.0,
        ),
        where=str(path),
    )


@dataclass(frozen=True, eq=False)
class _Loaded:
    """A column in the units of the site dataset."""

    wanted: Wanted
    values: NDArray[np.float64]
    qc: NDArray[np.float64] | None
    n_dropped: int
    unknown: Counter[float]


def _ends(stamps: pd.DataFrame, path: Path) -> tuple[Resolution, pd.DatetimeIndex]:
    """Resolution of the file and the end of each interval, in local standard time, from its columns of time stamps."""
    width = int(stamps.iloc[0, 0:1].str.len().iloc[0])
    if width not in (8, 12) or (width == 8) != (len(stamps.columns) == 1):
        raise BadInput(
            f"time stamps such as '{stamps.iloc[0, 0]}' are neither daily, hourly nor half-hourly",
            where=f"{path}, line {stamps.index[0]}",
            remedy="give the DD, HR or HH file of the same site",
        )
    if len(stamps.columns) == 1:
        return "DD", read_times(stamps["TIMESTAMP"], "%Y%m%d", where=path) + _INTERVAL["DD"]
    start = read_times(stamps["TIMESTAMP_START"], "%Y%m%d%H%M", where=path)
    end = read_times(stamps["TIMESTAMP_END"], "%Y%m%d%H%M", where=path)
    length = end[0] - start[0]
    resolution: Resolution = "HR" if length == _INTERVAL["HR"] else "HH"
    odd = np.flatnonzero(end - start != _INTERVAL[resolution])
    if odd.size:
        raise BadInput(
            f"the interval from {start[odd[0]]} to {end[odd[0]]} is not {_INTERVAL[resolution]}",
            where=f"{path}, line {stamps.index[odd[0]]}, column TIMESTAMP_END",
            remedy="correct the time stamps of that line",
        )
    refuse_irregular(end, _INTERVAL[resolution], where=f"{path}, column TIMESTAMP_END")
    return resolution, end


def _load(wanted: Wanted, frame: pd.DataFrame, resolution: Resolution, path: Path) -> _Loaded:
    """Convert a column to the units of the site dataset; values with an unknown quality code are left out and counted."""
    place = f"{path}, column {wanted.column}"
    raw = frame[wanted.column].to_numpy()
    refuse_missing_codes(raw, where=place)
    unit = wanted.unit or NEE_UNIT[resolution]
    if unit == "%":
        refuse_fraction_as_percent(raw, where=place)
    if wanted.is_sum:
        raw, unit = raw / _INTERVAL[resolution].total_seconds(), f"{unit} s-1"
    converted = convert(raw, unit, VARIABLES[wanted.variable].units, where=place)
    published = frame[wanted.column].to_numpy()
    refuse_old_codes(published, converted, wanted.variable, where=place, has_key=False, drops_outside=True)
    values, n_dropped = drop_out_of_range(wanted.variable, converted)
    codes, unknown = None, Counter[float]()
    if f"{wanted.column}_QC" in frame:
        codes = frame[f"{wanted.column}_QC"].to_numpy()
        valid = (codes >= 0.0) & (codes <= 1.0) if resolution == "DD" else np.isin(codes, (0.0, 1.0, 2.0, 3.0))
        # a code of a column that nobody needs must not stop the others
        bad = ~valid & np.isfinite(codes)
        unknown.update(codes[bad & np.isfinite(values)].tolist())
        values, codes = np.where(bad, np.nan, values), np.where(bad, np.nan, codes)
    return _Loaded(wanted, values, codes, n_dropped, unknown)


def _assemble(
    columns: Sequence[_Loaded], *, time: pd.DatetimeIndex, resolution: Resolution, meta: SiteMeta, where: str
) -> xr.Dataset:
    values = {c.wanted.variable: c.values for c in columns}
    qc = {c.wanted.variable: c.qc for c in columns if c.qc is not None}
    ustar = [c for c in columns if c.wanted.percentile is not None]
    if ustar:
        values["nee_ustar"] = np.column_stack([c.values for c in ustar])
        qc["nee_ustar"] = np.column_stack([c.qc for c in ustar if c.qc is not None])
    profile = align(
        {
            name: [
                Sensor(c.wanted.sensor, c.wanted.depth, c.values, c.qc)
                for c in columns
                if c.wanted.variable == name and c.wanted.sensor is not None
            ]
            for name in SENSORS
            if name in values
        }
    )
    ds = site_dataset(
        values | profile.values,
        qc=qc | profile.qc,
        qc_meaning=QC_MEANING[resolution],
        depth=profile.depth.tolist() if profile.values else None,
        time=time,
        interval=_INTERVAL[resolution],
        meta=meta,
        where=where,
    )
    ds = profile.label(ds)
    if ustar:
        percent = np.array([c.wanted.percentile for c in ustar])
        attrs = {"units": "%", "long_name": "percentile of the u* threshold, from bootstrap and two detection methods"}
        ds = ds.assign_coords(ustar_percentile=("ustar_percentile", percent, attrs))
    for variable in values:
        sources = [c for c in columns if c.wanted.variable == variable]
        ds[variable].attrs["column"] = " ".join(c.wanted.column for c in sources)
        ds[variable].attrs["n_dropped"] = sum(c.n_dropped for c in sources)
        unknown = sum((c.unknown for c in sources), Counter[float]())
        if unknown:
            ds[variable].attrs[UNKNOWN_CODES] = text_of_codes(unknown)
    return ds


class FluxnetRecord(Record):
    """A flux tower's FLUXNET2015, AmeriFlux-FLUXNET or ICOS file."""

    reader: Literal["fluxnet"] = Field(description="FLUXNET2015, AmeriFlux-FLUXNET and ICOS CSV")
    path: DataPaths = Field(description=PATHS)
    utc_offset_hours: float = Field(ge=-12.0, le=14.0, description=UTC_OFFSET)
    site: str | None = Field(default=None, description=SITE)
    swc_depths: tuple[Depth, ...] | None = Field(
        default=None, description="depth [m] of each soil-water sensor, in the order of their numbers"
    )
    ts_depths: tuple[Depth, ...] | None = Field(
        default=None, description="depth [m] of each soil-temperature sensor, in the order of their numbers"
    )
    heights: DataPath | None = Field(default=None, description=HEIGHTS)
    licence: str | None = Field(default=None, description=LICENCE)

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset."""
        return read_files(self.path, self._read_file, site_of=lambda path: FileName.parse(path).site)

    def _read_file(self, path: Path) -> xr.Dataset:
        return read_fluxnet(
            path,
            utc_offset_hours=self.utc_offset_hours,
            site=self.site,
            swc_depths=self.swc_depths,
            ts_depths=self.ts_depths,
            heights=self.heights,
            licence=self.licence,
        )

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """Recognise the columns of a FLUXNET product."""
        header = [name.strip() for name in "".join(first_lines(path, 1)).split(",")]
        if not any(is_filled(name) for name in header) or not all(is_known(name) for name in header):
            return None
        name = FileName.parse(path)
        parts = [f"{name.product} file" if name.product else "file", f"of {name.site}" if name.site else ""]
        return " ".join(["a FLUXNET", *filter(None, parts)])
