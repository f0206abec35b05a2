"""Scoring of soil moisture at NEON: days, sensor and half; and the records of the towers.

Valid days have a measured water content (quality 0.8 or better), air above 2 °C and soil above 1 °C. The sensor is the shallowest
with 200 valid days, 60 in each half, and a range of 0.02 m3 m-3 between its driest and wettest hundredth. One half is for training
and the other for scoring; they are separated at the calendar midpoint between the first and the last valid day, or at the median valid day
where a half would have fewer than 60.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from _neon_daily import neon_sites, read_neon_daily
from numpy.typing import NDArray

from jules_ml.learned.moisture.record import NOMINAL_DEPTHS, MoistureRecord

#: Sites whose rain (OAES, NOGP) or shallow water content (YELL, SRER, UKFS) is doubtful.
DOUBTFUL = ("OAES", "NOGP", "YELL", "SRER", "UKFS")
#: JULES layer of each of NEON's sensors, by their order from the top.
LAYER_OF_SENSOR = (0, 1, 1, 2, 2, 2, 3, 3)
#: Daily means of air and soil temperature above which a day is valid [K].
_MILD_AIR, _THAWED_SOIL = 275.15, 274.15
_LEAST_DAYS, _LEAST_HALF, _LEAST_RANGE = 200, 60, 0.02
_EMISSIVITY, _STEFAN_BOLTZMANN = 0.98, 5.670374419e-8

_Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Halves:
    """The two halves of the valid days of a site, and their sensor.

    Attributes
    ----------
    sensor : int
        Its order from the top, 0 first.
    first, second : array of bool, shape (day,)
        Valid days of the training half and of the scored half.
    """

    sensor: int
    first: _Mask
    second: _Mask

    @property
    def layer(self) -> int:
        """JULES layer of the sensor."""
        return LAYER_OF_SENSOR[self.sensor]

    @property
    def boundary(self) -> int:
        """Number of the first day that belongs to the second half."""
        return int(np.flatnonzero(self.first)[-1]) + 1


def thawed_days(t_air: NDArray[np.float64], t_soil: NDArray[np.float64]) -> _Mask:
    """Days without frost; without a soil temperature, only the air temperature decides.

    Parameters
    ----------
    t_air, t_soil : array, shape (day,)
        Daily means [K]; NaN where missing.

    Returns
    -------
    array of bool, shape (day,)
    """
    return np.asarray((t_air > _MILD_AIR) & ~(t_soil <= _THAWED_SOIL))


def halves(theta: NDArray[np.float64], usable: _Mask) -> Halves | None:
    """Choose the sensor and split its days.

    Parameters
    ----------
    theta : array, shape (day, sensor)
        Water content [m3 m-3], sensors from the top.
    usable : array of bool, shape (day, sensor)
        Valid days.

    Returns
    -------
    Halves or None
        None where no sensor is suitable.
    """
    for sensor in range(theta.shape[1]):
        valid = usable[:, sensor]
        valid_days = np.flatnonzero(valid)
        if len(valid_days) < _LEAST_DAYS:
            continue
        last_of_first = (valid_days[0] + valid_days[-1]) // 2
        early = np.arange(len(valid)) <= last_of_first
        if min((valid & early).sum(), (valid & ~early).sum()) < _LEAST_HALF:
            early = np.arange(len(valid)) < valid_days[len(valid_days) // 2]
        first, second = valid & early, valid & ~early
        low, high = np.quantile(theta[valid, sensor], [0.01, 0.99])
        if min(first.sum(), second.sum()) >= _LEAST_HALF and high - low >= _LEAST_RANGE:
            return Halves(sensor, first, second)
    return None


def neon_record(path: str | Path, site: str, *, table: pd.DataFrame | None = None) -> MoistureRecord:
    """Record of one tower, from the file of JULES runs and observations.

    Parameters
    ----------
    path : str or Path
        See :func:`~_neon_daily.read_neon_daily`.
    site : str
        NEON code.
    table : DataFrame, optional
        Result of :func:`~_neon_daily.neon_sites`, to save reading it again.

    Returns
    -------
    MoistureRecord
        Sensors have their nominal depths. Weather is that of the file, with gaps filled from reanalysis.

    Raises
    ------
    BadInput
        As :func:`~_neon_daily.read_neon_daily`.
    """
    row = (neon_sites(path) if table is None else table).loc[site]
    ds = read_neon_daily(path, site)
    days = pd.DatetimeIndex(ds["time"].to_numpy()) + pd.Timedelta(hours=ds.attrs["utc_offset_hours"] - 12.0)

    def column(name: str) -> NDArray[np.float64]:
        return np.asarray(ds[name].to_numpy(), dtype=np.float64)

    t_air = column("obs_tair") + 273.15
    theta = column("observed_theta")
    thawed = thawed_days(t_air, column("observed_t_soil")[:, 0])
    return MoistureRecord(
        site=site,
        days=days.floor("D"),
        dynamic={
            "precip": column("obs_precip"),
            "t_air": t_air,
            "sw_down": column("obs_sw_in"),
            "lw_down": column("obs_lw_in"),
            "vpd": 100.0 * column("obs_vpd"),
            "wind": column("obs_wind"),
            "rad_net": column("obs_netrad"),
            "lst": _surface_temperature(ds),
        },
        jules=column("jules_theta"),
        static=static_of(row),
        theta=theta,
        usable=np.isfinite(theta) & thawed[:, None] & np.isfinite(column("jules_theta")[:, :1]),
        depth=np.asarray(NOMINAL_DEPTHS),
        names=tuple(f"theta_{i + 1}" for i in range(theta.shape[1])),
        latitude=float(row["latitude"]),
        longitude=float(row["longitude"]),
    )


def static_of(row: pd.Series) -> dict[str, float]:
    """Static properties of a NEON site; half of the shrubland counts as bare ground."""
    broadleaf, needleleaf, c3, c4, shrub, bare = map(float, str(row["surface_fracs_BT_NT_C3_C4_SH_soil"]).split())
    return {
        "clay": 0.01 * float(row["clay"]),
        "sand": 0.01 * float(row["sand"]),
        "bulk_density": 1000.0 * float(row["bd"]),
        "soc_stock": float(row["soc_stock"]),
        "elevation": float(row["elevation"]),
        "frac_tree": broadleaf + needleleaf,
        "frac_grass": c3 + c4,
        "frac_bare": bare + 0.5 * shrub,
    }


def _surface_temperature(ds: xr.Dataset) -> NDArray[np.float64]:
    """All-sky daily surface temperature [K] from measured longwave fluxes; see :func:`~jules_ml.data.satellite.lst_from_longwave`."""
    up = ds["obs_lw_out"].where(ds["obs_lw_out_qc"] >= 0.8).to_numpy().astype(np.float64)
    down = ds["obs_lw_in"].to_numpy().astype(np.float64)
    emitted = up - (1.0 - _EMISSIVITY) * down
    lst = (np.clip(emitted, 50.0, None) / (_EMISSIVITY * _STEFAN_BOLTZMANN)) ** 0.25
    return np.where((lst > 220.0) & (lst < 345.0), lst, np.nan)
