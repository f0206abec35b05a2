"""Weather of a run folder at its time steps, from JULES_DRIVE."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.site import SiteMeta, site_dataset
from jules_ml.errors import BadInput
from jules_ml.jules.column_run.time_series import SeriesFiles, series_at_steps
from jules_ml.jules.run_folder import RunFolder
from jules_ml.jules.run_points import run_points
from jules_ml.jules.typed_entries import typed_entry
from jules_ml.jules.versions import periods
from jules_ml.weather.precipitation import RAIN, rain_and_snow
from jules_ml.weather.weather import Weather

_Array = NDArray[np.float64]
_GROUP: Final = "jules_drive"
#: Driving variables that need the state of the surface: the column takes downward radiation.
_NET: Final = ("rad_net", "lw_net", "sw_net")
#: Fraction of diffuse radiation below this shortwave radiation [W m-2] is 0, as in JULES.
_LEAST_SHORTWAVE: Final = 1.0


class Driving(NamedTuple):
    """Weather of a run, and the fraction of diffuse radiation [1], shape (step,), or one number for all steps."""

    weather: Weather
    diff_frac: _Array


class Heights(NamedTuple):
    """Height of wind and of temperature and humidity above the ground [m]: ``z1_uv_in`` and ``z1_tq_in``."""

    wind: float
    temperature: float


def heights(run: RunFolder) -> Heights:
    """Return the heights of the driving data.

    Raises
    ------
    BadInput
        If one is missing, for which JULES has no default.
    """
    values: dict[str, float] = {}
    for name in ("z1_uv_in", "z1_tq_in"):
        value = run.namelists.get(_GROUP).get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0.0:
            raise BadInput(
                f"{name} is {value!r}, not a height", where=run.namelists.place(_GROUP), remedy=f"give {name} in m"
            )
        values[name] = float(value)
    return Heights(wind=values["z1_uv_in"], temperature=values["z1_tq_in"])


def driving(run: RunFolder, start: pd.Timestamp, end: pd.Timestamp) -> Driving:
    """Read the weather from start to end.

    Parameters
    ----------
    run : RunFolder
        Of one point.
    start, end : Timestamp

    Returns
    -------
    Driving

    Raises
    ------
    BadInput
        If a file or a variable is missing, the data do not cover the period, or radiation is net.
    """
    step = pd.Timedelta(seconds=run.timestep)
    steps = pd.date_range(start, end, freq=step, inclusive="left")
    entries = run.namelists.get(_GROUP)
    where = run.namelists.place(_GROUP)
    files = SeriesFiles(run, entries, where, {})
    refuse_variables(files, where)
    read = {name: values[:, 0] for name, values in series_at_steps(files, steps).items()}
    values = {
        "sw_down": np.maximum(read["sw_down"], 0.0),
        "lw_down": read["lw_down"],
        "t_air": read["t"],
        "q": read["q"],
        "pstar": read["pstar"],
        "wind": read["wind"] if "wind" in read else np.hypot(read["u"], read["v"]),
        **rain_and_snow(read, snow_threshold(run) if "precip" in read else None),
    }
    values["precip"] = values["tot_rain"] + values["tot_snow"]
    series = site_dataset(values, time=steps + step, interval=step, meta=_meta(run), where=where)
    return Driving(Weather(series, ()), _diffuse_fraction(run, read))


def refuse_variables(files: SeriesFiles, where: str) -> None:
    """Refuse net radiation, and weather that lacks a variable.

    Raises
    ------
    BadInput
        If a variable is missing, or radiation is net.
    """
    names = {variable.name for variable in files.variables}
    net = names & set(_NET)
    if net:
        raise BadInput(
            f"the weather has net radiation ({', '.join(sorted(net))})",
            where=where,
            remedy="give sw_down and lw_down, which the column takes",
        )
    missing = {"sw_down", "lw_down", "t", "q", "pstar"} - names
    missing |= set() if "wind" in names or {"u", "v"} <= names else {"wind"}
    _refuse_without_rain(names, where)
    if missing:
        raise BadInput(
            f"the weather has no {', '.join(sorted(missing))}", where=where, remedy="add them to var of JULES_DRIVE"
        )


def _refuse_without_rain(names: set[str], where: str) -> None:
    """Refuse weather without rainfall, and name what may have been meant as such."""
    if "precip" in names or names & set(RAIN):
        return
    known = {value for entry in periods(_GROUP, "var") for value in entry.values}
    unknown = sorted(names - known)
    has = f"{', '.join(map(repr, unknown))}, which {'are no variables' if len(unknown) > 1 else 'is not a variable'} of JULES, and "
    raise BadInput(
        f"var of JULES_DRIVE has {has if unknown else ''}no rainfall",
        where=where,
        remedy="write tot_rain (or precip, or ls_rain and con_rain)",
    )


def snow_threshold(run: RunFolder) -> float:
    """Return the temperature at and below which precipitation is snow [K].

    Raises
    ------
    BadInput
        If ``t_for_snow`` is missing, for which JULES has no default.
    """
    threshold = run.namelists.get(_GROUP).get("t_for_snow")
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        raise BadInput(
            f"t_for_snow is {threshold!r}, and precip needs it",
            where=run.namelists.place(_GROUP),
            remedy="give t_for_snow in K, or tot_rain and tot_snow",
        )
    return float(threshold)


def _diffuse_fraction(run: RunFolder, read: dict[str, _Array]) -> _Array:
    if "diff_rad" not in read:
        constant = typed_entry(run.namelists, _GROUP, "diff_frac_const", 0.0)
        return np.array(float(constant))
    light = read["sw_down"] > _LEAST_SHORTWAVE
    return np.where(light, np.minimum(read["diff_rad"] / np.where(light, read["sw_down"], 1.0), 1.0), 0.0)


def _meta(run: RunFolder) -> SiteMeta:
    points = run_points(run)
    position: list[Any] = [None if v is None else float(v.flat[0]) for v in (points.latitude, points.longitude)]
    return SiteMeta(
        site=str(run.entry("jules_output", "run_id", "") or run.folder.name),
        source=f"run folder of JULES {run.folder.name}",
        licence="not stated",
        latitude=position[0],
        longitude=position[1],
    )


def position(weather: xr.Dataset, run: RunFolder) -> tuple[float, float]:
    """Return latitude and longitude [degree].

    Raises
    ------
    BadInput
        If the run has none that can be read.
    """
    try:
        return float(weather.attrs["latitude"]), float(weather.attrs["longitude"])
    except KeyError as error:
        raise BadInput(
            "the position of the point is unknown",
            where=run.namelists.place("jules_latlon"),
            remedy="give latitude and longitude as const_val or in a netCDF file",
        ) from error
