"""What the error in daily VPD, which the hook and the closed loop had until VPD was averaged over steps, does to learned moisture.

Networks are trained on the first halves of the NEON towers. The second halves are predicted with the VPD that training has, and with
the VPD of the day's mean temperature and humidity, as a ratio by tower from the hourly driving data of the JULES runs. A reduced
training (one network), since the difference between both is asked for, not the skill.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr
from _claims import Claims, argument_parser
from _moisture import read_records, table_of, time_split

from jules_ml.data.humidity import vapour_pressure_deficit
from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.ensemble_training import train_moisture


def vpd_ratio(driving: xr.Dataset, site: str) -> float:
    """Mean VPD of the day's mean temperature and humidity, over the mean of VPD over steps."""
    tower = driving.sel(site=site)
    t_air, q, pstar = (tower[name].to_numpy().astype(float) for name in ("t", "q", "pstar"))
    days = len(t_air) // 24
    daily = [values[: 24 * days].reshape(days, 24).mean(1) for values in (t_air, q, pstar)]
    return float(np.nanmean(vapour_pressure_deficit(*daily)) / np.nanmean(vapour_pressure_deficit(t_air, q, pstar)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write the differences."""
    options = argument_parser(__doc__).parse_args(arguments)
    claims = Claims("moisture_vpd", quick=options.quick)
    records = read_records(options.data, stations=0)
    settings = MoistureSettings(members=1, steps=60 if options.quick else 300, validation_fraction=0.0)
    ensemble = train_moisture(time_split(records), settings)
    with xr.open_dataset(options.data / "jules" / "neon_hourly_driving.nc") as driving:
        ratios = {site: vpd_ratio(driving, site) for site in records.neon}
    claims.report(
        "VPD of daily means over mean of steps, median of the towers", float(np.median(list(ratios.values())))
    )
    tables = {}
    for name in ("steps", "daily means"):
        series = {}
        for site, record in records.neon.items():
            factor = 1.0 if name == "steps" else ratios[site]
            dynamic = {**record.dynamic, "vpd": factor * record.dynamic["vpd"]}
            series[site] = ensemble.predict(replace(record, dynamic=dynamic)).theta[:, records.parts[site].sensor]
        tables[name] = table_of(series, records).loc[records.sound].median()
    for measure in ("kge", "rmse", "ubrmse", "r"):
        claims.report(f"second half, 11 sound sites, VPD of steps: {measure}", tables["steps"][measure])
        claims.report(
            f"second half, 11 sound sites, VPD of daily means less of steps: {measure}",
            tables["daily means"][measure] - tables["steps"][measure],
        )
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
