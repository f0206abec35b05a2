"""USCRN: daily weather, soil moisture and soil temperature at stations of the U.S. Climate Reference Network.

Days are calendar days in local standard time. Soil moisture is the mean of up to three probes at each of five depths;
surface temperature is infrared, corrected for the reflection of the sky if its type is C.

References
----------
Bell et al. (2013), J. Hydrometeorol. 14, 977-988, doi:10.1175/JHM-D-12-0146.1; NOAA NCEI, README of USCRN product daily01.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from jules_ml.data.missing_codes import convert_without_codes
from jules_ml.data.parquetfile import parquet_columns, read_parquet
from jules_ml.data.record_section import PATH, UTC_OFFSET, Record
from jules_ml.data.regular import refuse_irregular
from jules_ml.data.site import SiteMeta, drop_out_of_range, refuse_missing_codes, site_dataset, utc_end_of_interval
from jules_ml.data.textfile import read_csv_columns
from jules_ml.errors import BadInput
from jules_ml.support.section import DataPath

#: Column of the product, variable of the site dataset, and the product's unit.
_COLUMNS = {
    "t_daily_avg": ("t_air", "degC"),
    "t_daily_min": ("t_air_min", "degC"),
    "t_daily_max": ("t_air_max", "degC"),
    "p_daily_calc": ("precip", "mm d-1"),
    "solarad_daily": ("sw_down", "MJ m-2 d-1"),
    "rh_daily_avg": ("relative_humidity", "%"),
    "sur_temp_daily_avg": ("lst", "degC"),
    "sur_temp_daily_min": ("lst_min", "degC"),
    "sur_temp_daily_max": ("lst_max", "degC"),
}
_DEPTHS_CM = (5, 10, 20, 50, 100)
_SOIL = {"theta": ("soil_moisture_{}_daily", "m3 m-3"), "t_soil": ("soil_temp_{}_daily", "degC")}
_TYPES = {"C": 0, "R": 1, "U": 2}
_TYPE_MEANING = "type of infrared surface temperature: 0 corrected (C), 1 raw (R), 2 unknown or missing (U)"
_DAY = pd.Timedelta(days=1)

#: Names in the joined table, by column of the table of station soils.
_SOIL_TABLE = {
    "bd5": "bulk_density_5cm",
    "bd10": "bulk_density_10cm",
    "clay": "clay",
    "sand": "sand",
    "n": "theta_days",
    "q05": "theta_q05",
    "q50": "theta_q50",
    "q95": "theta_q95",
    "amp": "theta_q05_q95",
    "P": "precip_year",
    "T": "t_air_mean",
}


def uscrn_stations(path: str | Path, soil_table: str | Path | None = None) -> pd.DataFrame:
    """Stations in a file of daily records.

    Parameters
    ----------
    path : str or Path
        Parquet file of daily records.
    soil_table : str or Path, optional
        CSV file of station soils, joined by WBAN number.

    Returns
    -------
    DataFrame, indexed by WBAN number as text of five digits
        ``latitude``, ``longitude`` [degree], ``first`` and ``last`` day, ``days``. With ``soil_table``, NaN for stations that it does not
        contain: ``name``, ``bulk_density_5cm``, ``bulk_density_10cm`` [g cm-3], ``clay``, ``sand`` [%], the table's own
        statistics of soil moisture near the surface ``theta_days``, ``theta_q05``, ``theta_q50``, ``theta_q95`` and their range
        ``theta_q05_q95`` [m3 m-3], ``precip_year`` [mm] and ``t_air_mean`` [degC].

    Raises
    ------
    BadInput
        If a file is truncated, a column is missing, or a station is duplicate in the soil table.
    """
    frame = _read(Path(path))
    stations = frame.groupby("wban").agg(
        latitude=("latitude", "first"),
        longitude=("longitude", "first"),
        first=("lst_date", "min"),
        last=("lst_date", "max"),
        days=("lst_date", "size"),
    )
    if soil_table is None:
        return stations
    soil_table = Path(soil_table)
    soil = read_csv_columns(soil_table, texts=["wban", "name"], numbers=list(_SOIL_TABLE))
    # daily records pad the number to five digits; the soil table may not
    soil["wban"] = soil["wban"].str.zfill(5)
    duplicate = soil["wban"].duplicated()
    if duplicate.any():
        line = soil.index[duplicate.to_numpy()][0]
        raise BadInput(
            f"duplicate station {soil.loc[line, 'wban']}",
            where=f"{soil_table}, line {line}, column wban",
            remedy="delete one of the two lines",
        )
    return stations.join(soil.set_index("wban").rename(columns=_SOIL_TABLE), how="left")


def read_uscrn(path: str | Path, wban: str | int, *, utc_offset_hours: float | None = None) -> xr.Dataset:
    """Daily record of one station, as a site dataset.

    Parameters
    ----------
    path : str or Path
        Parquet file of daily records.
    wban : str or int
        The station's WBAN number.
    utc_offset_hours : float, optional
        Local standard time minus UTC [h]. Default: ``round(longitude / 15)``, which differs from legal time by one hour at
        many stations and by two in western Alaska; this is negligible for daily means.

    Returns
    -------
    xarray.Dataset
        Site dataset with ``theta`` and ``t_soil`` at 0.05, 0.1, 0.2, 0.5 and 1 m. ``lst_qc`` etc. are the type of surface
        temperature. Surface temperatures outside the valid range are NaN, and attributes ``dropped_<variable>`` count them.
        Attribute ``utc_offset_from`` is ``given`` or ``longitude``.

    Raises
    ------
    BadInput
        If the file is truncated, or a column or the station is missing; if its days are duplicate or not in order; if its position changes;
        if a type of surface temperature is unknown; if a value is a missing-value code or outside the valid range.
    """
    path = Path(path)
    station = str(wban).zfill(5)
    where = f"{path}, station {station}"
    frame = _read(path)
    rows = frame[frame["wban"] == station]
    if rows.empty:
        names = sorted(frame["wban"].unique())
        raise BadInput(
            f"there is no station '{station}'",
            where=path,
            remedy=f"choose one of the {len(names)} stations that uscrn_stations lists, for example {names[0]}",
        )
    if len(rows[["latitude", "longitude"]].drop_duplicates()) > 1:
        raise BadInput(
            "the station's position changes",
            where=f"{where}, columns latitude and longitude",
            remedy="give each position a separate WBAN number",
        )
    latitude, longitude = float(rows["latitude"].iloc[0]), float(rows["longitude"].iloc[0])
    offset = float(round(longitude / 15.0)) if utc_offset_hours is None else utc_offset_hours
    time = utc_end_of_interval(
        rows["lst_date"].to_numpy(),
        interval=_DAY,
        stamp_at="start",
        utc_offset_hours=offset,
        where=f"{where}, column lst_date",
    )
    refuse_irregular(time, _DAY, where=f"{where}, column lst_date")
    values = {name: _converted(rows, column, units, name, where=where) for column, (name, units) in _COLUMNS.items()}
    for name, (column, units) in _SOIL.items():
        levels = [_converted(rows, column.format(depth), units, name, where=where) for depth in _DEPTHS_CM]
        values[name] = np.column_stack(levels)
    dropped = {}
    for name in ("lst", "lst_min", "lst_max"):
        values[name], dropped[f"dropped_{name}"] = drop_out_of_range(name, values[name])
    ds = site_dataset(
        values,
        time=time,
        interval=_DAY,
        meta=SiteMeta(
            site=station,
            source=f"USCRN daily01, NOAA NCEI: {path.name}",
            licence="U.S. public domain",
            latitude=latitude,
            longitude=longitude,
            utc_offset_hours=offset,
        ),
        depth=[depth / 100.0 for depth in _DEPTHS_CM],
        qc=dict.fromkeys(("lst", "lst_min", "lst_max"), _type_codes(rows, where=where)),
        qc_meaning=_TYPE_MEANING,
        where=where,
    )
    return ds.assign_attrs(**dropped, utc_offset_from="longitude" if utc_offset_hours is None else "given")


def _read(path: Path) -> pd.DataFrame:
    soil = [column.format(depth) for column, _ in _SOIL.values() for depth in _DEPTHS_CM]
    frame = read_parquet(
        path,
        required=["wban", "sur_temp_daily_type"],
        numbers=["longitude", "latitude", *_COLUMNS, *soil],
        times=["lst_date"],
    )
    frame["wban"] = frame["wban"].astype(str).str.zfill(5)
    return frame


def _converted(rows: pd.DataFrame, column: str, units: str, name: str, *, where: str) -> NDArray[np.float64]:
    place = f"{where}, column {column}"
    array = rows[column].to_numpy(dtype=np.float64)
    refuse_missing_codes(array, where=place)
    return convert_without_codes(array, units, name, where=place, drops_outside=True)


def _type_codes(rows: pd.DataFrame, *, where: str) -> NDArray[np.float64]:
    unknown = sorted(set(rows["sur_temp_daily_type"].astype(str)) - set(_TYPES))
    if unknown:
        raise BadInput(
            f"type '{unknown[0]}' of surface temperature is unknown",
            where=f"{where}, column sur_temp_daily_type",
            remedy=f"write it as one of {', '.join(_TYPES)}",
        )
    return np.asarray(rows["sur_temp_daily_type"].map(_TYPES), dtype=np.float64)


class UscrnRecord(Record):
    """A station of the US Climate Reference Network."""

    reader: Literal["uscrn"] = Field(description="USCRN daily stations")
    path: DataPath = Field(description=PATH)
    wban: str = Field(description="WBAN number of the station")
    utc_offset_hours: float | None = Field(default=None, ge=-12.0, le=14.0, description=UTC_OFFSET)

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset."""
        return read_uscrn(self.path, self.wban, utc_offset_hours=self.utc_offset_hours)

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """Recognise the columns of product daily01."""
        return "a USCRN table of daily stations" if {"wban", *_COLUMNS} <= set(parquet_columns(path)) else None
