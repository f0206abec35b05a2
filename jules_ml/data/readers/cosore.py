"""COSORE: continuous soil respiration by automated chambers, hourly by port (Bond-Lamberty et al. 2020).

One file holds many data sets, each of one site with several chambers (ports), which measure either soil respiration (Rs) or,
where roots are kept out, heterotrophic respiration (Rh).

The file does not state the time zone of its stamps, so the reader requires it. Comparison with the original files of the database
(d20190409_ANJILELI begins at 2016-02-05 16:08:59 UTC there and at 16:00 here) shows that the stamps are the *start* of hours in **UTC**.
``utc_offset_hours = 0.0`` is therefore right for data sets whose owners stated their time zone correctly. :func:`cosore_datasets`
gives the hour of the stamps at which the soil is warmest: in local solar time it should be in the afternoon, or in the evening for a
deep sensor. In d20190430_DESAI, d20200114_CARBONE_BURNS,
d20200114_CARBONE_OWENS_SHRUB and d20200417_ARAIN_TPD it is at night: their owners seem to have given UTC as local time.

References
----------
Bond-Lamberty et al. (2020), Glob. Change Biol. 26, 7268-7283, doi:10.1111/gcb.15353.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from pydantic import Field

from jules_ml.data.parquetfile import parquet_columns, read_parquet
from jules_ml.data.record_section import PATH, Record
from jules_ml.data.regular import refuse_irregular
from jules_ml.data.site import SiteMeta, drop_out_of_range, refuse_missing_codes, site_dataset, utc_end_of_interval
from jules_ml.data.units import convert
from jules_ml.errors import BadInput
from jules_ml.support.section import DataPath

_LABELS = ("ds", "var", "port", "sm_flag", "sm_unit")
_FLUXES = {"Rs": "resp_soil", "Rh": "resp_het"}
#: Units of SM in the database. The file has m3 m-3 throughout: values of the second unit were divided by 100.
_SM_UNITS = ("m3m-3", "pct/100")
#: Minimum amplitude of the daily wave of soil temperature [K] for its phase; some owners gave daily means.
_SMALLEST_WAVE = 0.05
_HOUR = pd.Timedelta(hours=1)


def cosore_datasets(path: str | Path) -> pd.DataFrame:
    """List the data sets in a COSORE file.

    Parameters
    ----------
    path : str or Path
        Parquet file.

    Returns
    -------
    DataFrame, indexed by data set
        ``rows``, ``ports``, ``measured`` (Rs, Rh or both), ``first`` and ``last`` stamp, ``sm_flags``, ``sm_units``, and
        ``warmest_hour`` [h]: hour of the stamps at which the daily wave of soil temperature peaks (phase of its first harmonic over
        days with at least ten hours); NaN if there are no such days, or no wave.

    Raises
    ------
    BadInput
        If the file is truncated or not Parquet, or a column is missing.
    """
    frame = _read(Path(path))

    def listed(values: pd.Series) -> str:
        return ", ".join(sorted(values.unique()))

    table = frame.groupby("ds").agg(
        rows=("R", "size"),
        ports=("port", "nunique"),
        measured=("var", listed),
        first=("t", "min"),
        last=("t", "max"),
        sm_flags=("sm_flag", listed),
        sm_units=("sm_unit", listed),
    )
    table["warmest_hour"] = _warmest_hour(frame)
    return table


def read_cosore(
    path: str | Path,
    dataset: str,
    *,
    utc_offset_hours: float | None = None,
    sm_flags: Sequence[str] = ("ok",),
    latitude: float | None = None,
    longitude: float | None = None,
    elevation: float | None = None,
) -> xr.Dataset:
    """One data set of COSORE, as a site dataset with a further dimension ``port``.

    Parameters
    ----------
    path : str or Path
        Parquet file.
    dataset : str
        Name of the data set, for example ``"d20190424_ZHANG_maple"``; see :func:`cosore_datasets`.
    utc_offset_hours : float
        Time of the stamps minus UTC [h]: 0.0 if they are in UTC. It is required, since the file does not state it; see the
        docstring of this module.
    sm_flags : sequence of str, optional
        Values of ``sm_flag`` for which soil moisture is used. Flux and temperature are used for all flags.
    latitude, longitude, elevation : float, optional
        Position [degree, degree, m].

    Returns
    -------
    xarray.Dataset
        ``resp_soil`` and, if it was measured, ``resp_het``, both ``(time, port)``; ``theta`` and ``t_soil``
        ``(time, port, depth)`` with one depth, NaN, since the file does not contain it. ``measured`` is the flux of each port.
        Times are those at which any port measured; gaps of a port are NaN. Attributes ``dropped_<variable>`` count values outside
        the valid range, and ``dropped_theta_flagged`` those with another flag.

    Raises
    ------
    BadInput
        If the file is truncated or not Parquet, or a column or the data set is missing; if the offset is not given; if a flux or a unit is
        unknown, or a port has both fluxes; if the time stamps of a port are duplicate or not in order; if most values of a variable are
        outside the valid range, for example because moisture is in %.
    """
    path = Path(path)
    where = f"{path}, data set {dataset}"
    frame = _read(path)
    rows = frame[frame["ds"] == dataset]
    if rows.empty:
        names = sorted(frame["ds"].unique())
        raise BadInput(
            f"there is no data set '{dataset}'",
            where=path,
            remedy=f"choose one of the {len(names)} data sets that cosore_datasets lists, for example {names[0]}",
        )
    _refuse_unknown(rows, "var", list(_FLUXES), where=where)
    _refuse_unknown(rows, "sm_unit", _SM_UNITS, where=where)
    rows, dropped = _physical(rows, sm_flags, where=where)
    meta = SiteMeta(
        site=dataset,
        source="COSORE (Bond-Lamberty et al. 2020, doi:10.1111/gcb.15353)",
        licence="CC BY 4.0",
        latitude=latitude,
        longitude=longitude,
        elevation=elevation,
        utc_offset_hours=utc_offset_hours or 0.0,
    )
    ports = [
        _port_dataset(port_rows, port, utc_offset_hours, meta=meta, where=f"{where}, port {port}")
        for port, port_rows in rows.groupby("port")
    ]
    ds = xr.concat(ports, dim="port", join="outer", combine_attrs="drop_conflicts")
    ds["port"].attrs = {"long_name": "number of the chamber in the source"}
    ds.attrs |= {f"dropped_{name}": count for name, count in dropped.items()}
    return ds.transpose("time", "port", "depth")


def _port_dataset(
    rows: pd.DataFrame, port: object, utc_offset_hours: float | None, *, meta: SiteMeta, where: str
) -> xr.Dataset:
    """Site dataset of one port, with its flux as the coordinate ``measured``."""
    measured = rows["var"].unique()
    if len(measured) > 1:
        raise BadInput(
            f"the port measures {' and '.join(measured)}", where=where, remedy="give each flux a separate port"
        )
    time = utc_end_of_interval(
        rows["t"].to_numpy(),
        interval=_HOUR,
        stamp_at="start",
        utc_offset_hours=utc_offset_hours,
        where=f"{where}, column t",
    )
    refuse_irregular(time, _HOUR, where=f"{where}, column t")
    values = {
        _FLUXES[str(measured[0])]: rows["R"].to_numpy(),
        "t_soil": rows[["T"]].to_numpy(),
        "theta": rows[["SM"]].to_numpy(),
    }
    ds = site_dataset(values, time=time, interval=_HOUR, meta=meta, depth=[np.nan], where=where)
    return ds.expand_dims(port=[port]).assign_coords(measured=("port", np.array(measured, dtype=str)))


def _read(path: Path) -> pd.DataFrame:
    return read_parquet(path, required=_LABELS, numbers=("R", "T", "SM"), times=("t",))


def _refuse_unknown(rows: pd.DataFrame, column: str, allowed: Sequence[str], *, where: str) -> None:
    unknown = sorted(set(rows[column].astype(str)) - set(allowed))
    if unknown:
        raise BadInput(
            f"'{unknown[0]}' is unknown",
            where=f"{where}, column {column}",
            remedy=f"convert those rows to one of {', '.join(allowed)}, or leave them out",
        )


def _physical(rows: pd.DataFrame, sm_flags: Sequence[str], *, where: str) -> tuple[pd.DataFrame, dict[str, int]]:
    """Rows in the units of the site dataset, without values outside the valid range, and the number of dropped values by reason."""
    for column in ("R", "T", "SM"):
        refuse_missing_codes(rows[column].to_numpy(dtype=np.float64), where=f"{where}, column {column}")
    flagged = ~rows["sm_flag"].isin(sm_flags).to_numpy()
    moisture = np.where(flagged, np.nan, rows["SM"].to_numpy(dtype=np.float64))
    temperature = convert(rows["T"].to_numpy(dtype=np.float64), "degC", "K", where=where)
    rows = rows.assign(SM=moisture, T=temperature)
    dropped = {"theta_flagged": int(flagged.sum())}
    for column, name in {"SM": "theta", "T": "t_soil", "R": "resp_soil"}.items():
        values, dropped[name] = drop_out_of_range(name, rows[column].to_numpy(dtype=np.float64))
        rows = rows.assign(**{column: values})
    dropped["resp"] = dropped.pop("resp_soil")
    return rows, dropped


def _warmest_hour(frame: pd.DataFrame) -> pd.Series:
    day = frame["t"].dt.floor("D")
    temperature = frame["T"].groupby([frame["ds"], frame["port"], day])
    anomaly = (frame["T"] - temperature.transform("mean"))[temperature.transform("size") >= 10]
    hour = frame["t"].dt.hour.loc[anomaly.index]
    wave = anomaly.groupby([frame["ds"].loc[anomaly.index], hour]).mean().unstack()
    harmonic = 2.0 / wave.count(axis=1) * (wave * np.exp(2j * np.pi * wave.columns.to_numpy() / 24.0)).sum(axis=1)
    peak = pd.Series(np.angle(harmonic) * 12.0 / np.pi % 24.0, index=wave.index)
    return peak.where(harmonic.abs() > _SMALLEST_WAVE)


_COSORE_STAMPS = (
    "time zone of the stamps minus UTC [h]; 0 for those of the database, which are UTC at the start of the hour"
)


class CosoreRecord(Record):
    """Soil chambers of the COSORE database; they contain no weather and cannot drive a run."""

    reader: Literal["cosore"] = Field(description="COSORE soil chambers: fluxes for training, no weather")
    path: DataPath = Field(description=PATH)
    dataset: str = Field(description="name of the data set within the file")
    utc_offset_hours: float = Field(ge=-12.0, le=14.0, description=_COSORE_STAMPS)
    sm_flags: tuple[str, ...] = Field(default=("ok",), description="flags of soil moisture that are used")

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset."""
        return read_cosore(self.path, self.dataset, utc_offset_hours=self.utc_offset_hours, sm_flags=self.sm_flags)

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """Recognise the columns of the table of fluxes."""
        return "a COSORE table of chambers" if {*_LABELS, "R", "t"} <= set(parquet_columns(path)) else None
