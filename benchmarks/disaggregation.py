"""Disaggregation of daily forcing to steps: conservation of daily means, and the diurnal course compared with observations.

Three kinds of record: the hourly driving of the NEON runs (disaggregated from days: only the closure is checked), half-hours at
Hyytiälä (temperature, light) and at Davos (temperature, shortwave radiation). Each is averaged to days and disaggregated, the
measured ones with and without daily minimum and maximum temperature. Skill has no target, because a daily mean does not contain clouds.

Run as ``python benchmarks/disaggregation.py [--quick] [--davos FILE]``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import platformdirs
import xarray as xr
from _claims import Claims, argument_parser
from _neon_daily import neon_sites
from scores.continuous import rmse
from scores.continuous.correlation import pearsonr

from jules_ml.data.readers.davos import FILE_NAME, read_davos
from jules_ml.data.readers.neon import read_neon_driving
from jules_ml.data.site import SiteMeta, site_dataset, utc_end_of_interval
from jules_ml.weather.disaggregate import disaggregate

#: Largest relative difference between a daily mean before and after.
CLOSURE = 1e-9
#: Photons of daylight in a joule [umol J-1].
PHOTONS = 2.04
POSITION = ("utc_offset_hours", "latitude", "longitude", "elevation")
#: Steps of the longest gap that is interpolated: three hours.
BRIDGED = 6


def by_day(ds: xr.Dataset, name: str) -> np.ndarray:
    """A variable by day and step."""
    return ds[name].to_numpy().reshape(-1, round(86400 / ds.attrs["interval_seconds"]))


def to_daily(ds: xr.Dataset, *, extremes: bool) -> xr.Dataset:
    """Daily means of a record of whole local days."""
    values = {str(name): by_day(ds, str(name)).mean(axis=1) for name in ds}
    if "tot_rain" in values:
        values["precip"] = values.pop("tot_rain") + values.pop("tot_snow")
    if extremes:
        t_air = by_day(ds, "t_air")
        values |= {"t_air_min": t_air.min(axis=1), "t_air_max": t_air.max(axis=1)}
    keys = ("site", "source", "licence", "latitude", "longitude", "utc_offset_hours")
    per_day = round(86400 / ds.attrs["interval_seconds"])
    return site_dataset(
        values,
        time=pd.DatetimeIndex(ds["time"].to_numpy()[per_day - 1 :: per_day]),
        interval=pd.Timedelta(days=1),
        meta=SiteMeta(**{key: ds.attrs[key] for key in keys}),
        where=str(ds.attrs["site"]),
    )


def closure(steps: xr.Dataset, days: xr.Dataset) -> float:
    """Largest relative difference of a daily mean."""
    worst = 0.0
    for name in set(days) - {"t_air_min", "t_air_max"}:
        before, after = days[name].to_numpy(), by_day(steps, str(name)).mean(axis=1)
        worst = max(worst, float(np.max(np.abs(after - before) / np.maximum(np.abs(before), 1e-12))))
    return worst


def complete_days(ds: xr.Dataset) -> xr.Dataset:
    """The longest period of days without gaps."""
    per_day = round(86400 / ds.attrs["interval_seconds"])
    good = np.all([np.isfinite(by_day(ds, str(name))).all(axis=1) for name in ds], axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(int)))
    longest = int((edges[1::2] - edges[::2]).argmax())
    return ds.isel(time=slice(int(edges[2 * longest]) * per_day, int(edges[2 * longest + 1]) * per_day))


def hyytiala(path: Path) -> xr.Dataset:
    """Half-hours of Hyytiälä with shortwave radiation from light; by the position of the sun, stamps are at the start."""
    table = pd.read_parquet(path)
    step = pd.Timedelta(minutes=30)
    light = table["PAR"].clip(lower=0.0).interpolate(limit=BRIDGED) / PHOTONS
    ds = site_dataset(
        {"t_air": table["TA"].interpolate(limit=BRIDGED) + 273.15, "sw_down": light},
        time=utc_end_of_interval(table.index, interval=step, stamp_at="start", utc_offset_hours=2.0, where=str(path)),
        interval=step,
        meta=SiteMeta("FI-Hyy", "SMEAR II", "CC BY 4.0", latitude=61.8474, longitude=24.2948, utc_offset_hours=2.0),
        where=str(path),
    )
    return complete_days(ds)


def measured(claims: Claims, ds: xr.Dataset) -> None:
    """Check closure and skill at a site with measured half-hours."""
    site, number = ds.attrs["site"], ds.sizes["time"] // 48
    for extremes, label in ((True, "min and max known"), (False, "mean only")):
        days = to_daily(ds, extremes=extremes)
        steps = disaggregate(days, step="30min")
        claims.check(f"{site}, {label}: closure of days", closure(steps, days), "<=", CLOSURE, note=f"{number} days")
        for name, unit in (("sw_down", "W m-2"), ("t_air", "K")):
            if name == "sw_down" and not extremes:
                continue  # the same with and without
            claims.report(f"{site}, {label}: r of {name}", float(pearsonr(steps[name], ds[name])))
            claims.report(f"{site}, {label}: RMSE of {name}", float(rmse(steps[name], ds[name])), unit=unit)


def main() -> int:
    """Measure every claim; 1 if one was missed."""
    parser = argument_parser(__doc__)
    cached = os.environ.get("JULES_ML_DAVOS", platformdirs.user_cache_path("jules_ml") / FILE_NAME)
    parser.add_argument(
        "--davos", type=Path, default=Path(cached), help="record of Davos (default: the one in the cache)"
    )
    arguments = parser.parse_args()
    claims = Claims("disaggregation", quick=arguments.quick)
    jules = arguments.data / "jules"
    sites = neon_sites(jules / "neon_daily.nc")
    worst, skill = 0.0, []
    for site in sites.index[: 2 if arguments.quick else None]:
        position = {key: float(sites.loc[site, key]) for key in POSITION}
        hourly = read_neon_driving(jules / "neon_hourly_driving.nc", site, **position)
        days = to_daily(hourly, extremes=False)
        steps = disaggregate(days)
        worst = max(worst, closure(steps, days))
        skill.append([float(pearsonr(steps[name], hourly[name])) for name in ("sw_down", "t_air")])
    claims.check("NEON driving: closure of days", worst, "<=", CLOSURE, note=f"{len(skill)} sites, all variables")
    for name, r in zip(("sw_down", "t_air"), np.min(skill, axis=0), strict=True):
        claims.report(f"NEON driving: least r of {name}", r, note="against another disaggregation, not a measurement")
    measured(claims, hyytiala(arguments.data / "respiration" / "fi_hyy_2016_2020_30min.parquet"))
    if arguments.davos.is_file():
        davos = read_davos(arguments.davos)[["t_air", "sw_down"]]
        measured(claims, complete_days(davos))
    else:
        claims.not_measured(
            "CH-Dav: closure of days", "<=", CLOSURE, why="no record of Davos in the cache: give --davos FILE"
        )
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
