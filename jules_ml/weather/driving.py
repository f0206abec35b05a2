"""JULES's driving variables, of a complete record at the run's time step."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.humidity import vapour_pressure
from jules_ml.data.record import end_of_interval, interval, place, provenance
from jules_ml.data.site import site_dataset
from jules_ml.data.sun import potential_radiation
from jules_ml.experiment.sections import ForcingSection
from jules_ml.weather.diurnal import snow_fraction
from jules_ml.weather.filling import site_elevation
from jules_ml.weather.longwave import CLEAR_SKY, clearness, longwave_all_sky
from jules_ml.weather.substitution import SubstitutionLog

Series = NDArray[np.float64]

_DAY = pd.Timedelta(days=1)
_CITED = {"brutsaert": "Brutsaert (1975)", "dilley_obrien": "Dilley and O'Brien (1998)"}


def driving_variables(steps: xr.Dataset, options: ForcingSection, log: SubstitutionLog) -> xr.Dataset:
    """Give JULES's eight driving variables, and the precipitation that rain and snow add up to.

    Parameters
    ----------
    steps : xarray.Dataset
        Complete but for ``lw_down``, at the run's time step.
    options : ForcingSection
    log : SubstitutionLog
        Gets what was put in place of measurements.

    Returns
    -------
    xarray.Dataset
        Site dataset without gaps.
    """
    values = {name: steps[name].to_numpy() for name in ("t_air", "wind", "pstar", "q")}
    sw_down = steps["sw_down"].to_numpy()
    log.add("sw_down", "0, for a negative value", float((sw_down < 0.0).mean()))
    values["sw_down"] = np.maximum(sw_down, 0.0)

    if "tot_rain" in steps and "tot_snow" in steps:
        values["tot_rain"], values["tot_snow"] = steps["tot_rain"].to_numpy(), steps["tot_snow"].to_numpy()
    else:
        precip = steps["precip"].to_numpy()
        values["tot_snow"] = precip * snow_fraction(values["t_air"])
        values["tot_rain"] = precip - values["tot_snow"]
        log.add("tot_rain", "parted from snow by air temperature, linearly between 0 and 2 degC", 1.0)
    values["precip"] = values["tot_rain"] + values["tot_snow"]

    known = steps["lw_down"].to_numpy() if "lw_down" in steps else np.full(steps.sizes["time"], np.nan)
    missing = np.isnan(known)
    if missing.any():
        estimate = _longwave(steps, values, options)
        log.add(
            "lw_down", f"clear sky by {_CITED[options.clear_sky]}, clouds by shortwave radiation", float(missing.mean())
        )
        known = np.where(missing, estimate, known)
    values["lw_down"] = known
    return site_dataset(
        values,
        time=end_of_interval(steps),
        interval=interval(steps),
        meta=provenance(steps),
        where=place(steps),
    )


def _longwave(steps: xr.Dataset, values: dict[str, Series], options: ForcingSection) -> Series:
    vapour = np.maximum(vapour_pressure(values["q"], values["pstar"]), 1.0)
    clear_sky = CLEAR_SKY[options.clear_sky](values["t_air"], vapour)
    clear = clearness(
        values["sw_down"],
        potential_radiation(steps).to_numpy(),
        elevation=site_elevation(steps, "lw_down"),
        per_day=round(_DAY / interval(steps)),
    )
    return longwave_all_sky(values["t_air"], clear_sky, clear)
