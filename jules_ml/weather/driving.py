"""JULES's driving variables, from a complete record at the time step of the run."""

from __future__ import annotations

from typing import Final

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

#: Rule for precipitation whose snow is not given.
PARTITIONED: Final = "partitioned into rain and snow by air temperature, linearly between 0 and 2 degC"
_DAY = pd.Timedelta(days=1)
_CITED = {"brutsaert": "Brutsaert (1975)", "dilley_obrien": "Dilley and O'Brien (1998)"}


def driving_variables(steps: xr.Dataset, options: ForcingSection, log: SubstitutionLog) -> xr.Dataset:
    """Compute JULES's eight driving variables, and total precipitation.

    Parameters
    ----------
    steps : xarray.Dataset
        Site dataset at the time step of the run, without gaps except in ``lw_down``.
    options : ForcingSection
    log : SubstitutionLog
        Receives the substitutions.

    Returns
    -------
    xarray.Dataset
        Site dataset without gaps.
    """
    values = {name: steps[name].to_numpy() for name in ("t_air", "wind", "pstar", "q")}
    sw_down = steps["sw_down"].to_numpy()
    log.add("sw_down", "negative values set to 0", float((sw_down < 0.0).mean()))
    values["sw_down"] = np.maximum(sw_down, 0.0)

    if "tot_rain" in steps and "tot_snow" in steps:
        values["tot_rain"], values["tot_snow"] = steps["tot_rain"].to_numpy(), steps["tot_snow"].to_numpy()
    else:
        precip = steps["precip"].to_numpy()
        values["tot_snow"] = precip * snow_fraction(values["t_air"])
        values["tot_rain"] = precip - values["tot_snow"]
        log.add("precip", PARTITIONED, 1.0)
    values["precip"] = values["tot_rain"] + values["tot_snow"]

    lw_down = steps["lw_down"].to_numpy() if "lw_down" in steps else np.full(steps.sizes["time"], np.nan)
    missing = np.isnan(lw_down)
    if missing.any():
        estimate = _longwave(steps, values, options)
        log.add(
            "lw_down", f"clear sky by {_CITED[options.clear_sky]}, clouds by shortwave radiation", float(missing.mean())
        )
        lw_down = np.where(missing, estimate, lw_down)
    values["lw_down"] = lw_down
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
