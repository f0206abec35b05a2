"""Columns that the rules of row selection use: flux, temperature and moisture of each step of a record."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.quality import ground_temperature, measured
from jules_ml.data.record import interval, place, variable
from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.nights import measured_nee, night_rows
from jules_ml.learned.respiration.state import has_state, state_temperature, state_theta

_Array = NDArray[np.float64]


def row_table(ds: xr.Dataset, settings: RespirationSettings) -> tuple[pd.DataFrame, _Array | None]:
    """Columns for the rules, one row per time step (and chamber), and fluxes under other thresholds of friction velocity."""
    _refuse_other_target(ds, settings)
    flux = variable(ds, settings.flux)
    columns = {"flux": flux, "t_soil": _temperature(ds, settings)}
    if settings.moisture != "none":
        columns["theta"] = state_theta(ds) if has_state(ds) else _sensor(ds, "theta", settings.moisture_sensor)
    _refuse_unusable_columns(columns, ds, settings)
    variants = None
    if not has_state(ds):
        columns["ground"] = columns["t_soil"] if settings.temperature == "t_soil" else _ground(ds, columns["t_soil"])
    if settings.target == "ecosystem":
        columns["night"] = night_rows(ds, settings.rows)
        columns["filled"] = ~measured_nee(ds, settings.rows)
        if "nee_ustar" in ds:
            variants = ds["nee_ustar"].where(measured(ds, "nee_ustar")).to_numpy()
        elif "ustar" in ds:  # not in addition to the thresholds of the source
            columns["ustar"] = ds["ustar"]
    half = interval(ds) / 2
    offset = pd.Timedelta(hours=float(ds.attrs.get("utc_offset_hours", 0.0)))
    if "port" in ds.dims:
        frame = _of_chambers(columns, settings)
    else:
        frame = pd.DataFrame({name: values.to_numpy() for name, values in columns.items()})
        frame["time"] = ds["time"].to_numpy()
    if "theta" not in frame:
        frame["theta"] = np.nan
    frame["middle"] = pd.DatetimeIndex(frame["time"]) - half + offset
    return frame, variants


def state_table(ds: xr.Dataset, settings: RespirationSettings) -> pd.DataFrame:
    """States that antecedent conditions are calculated from: all times, with or without a flux, in the order of time (and chamber).

    Columns are ``time`` (and ``port``), ``t_soil`` and ``t_air`` if respiration depends on soil temperature, ``theta`` if it depends on
    moisture, and ``ground`` for sensors, as in :func:`row_table`.
    """
    columns: dict[str, xr.DataArray] = {}
    temperature = _temperature(ds, settings)
    if settings.temperature == "t_soil":
        columns["t_soil"] = temperature
        if "t_air" in ds:
            columns["t_air"] = _sensor(ds, "t_air", 0)
    if settings.moisture != "none":
        columns["theta"] = state_theta(ds) if has_state(ds) else _sensor(ds, "theta", settings.moisture_sensor)
    if not has_state(ds):
        columns["ground"] = temperature if settings.temperature == "t_soil" else _ground(ds, temperature)
    if "port" not in ds.dims:
        frame = pd.DataFrame({name: values.to_numpy() for name, values in columns.items()})
        return frame.assign(time=ds["time"].to_numpy())
    states = xr.Dataset(columns)
    if settings.chambers == "mean":
        states = states.mean("port") if "port" in states.dims else states
        return states.to_dataframe()[list(columns)].reset_index()
    frame = states.broadcast_like(ds["port"]).to_dataframe()[list(columns)].reset_index()
    return frame.sort_values(["time", "port"], ignore_index=True)


def _refuse_other_target(ds: xr.Dataset, settings: RespirationSettings) -> None:
    """Raise an error if the record has the flux of another target only."""
    targets = {"nee": "ecosystem", "resp_soil": "soil", "resp_het": "heterotrophic"}
    others = [name for name in targets if name in ds]
    if settings.flux not in ds and others:
        raise BadInput(
            f"'{settings.flux}' is missing, and target is '{settings.target}'",
            where=place(ds, settings.flux),
            remedy=f"set target = '{targets[others[0]]}' under [respiration] to fit {others[0]} of this record, or name the column of "
            f"{settings.flux} in [data]",
        )


def _temperature(ds: xr.Dataset, settings: RespirationSettings) -> xr.DataArray:
    """Temperature that g depends on: that of the model's soil if the record has its state, else of a sensor."""
    if has_state(ds):
        return state_temperature(ds)
    return _sensor(ds, settings.temperature, settings.temperature_sensor)


def _refuse_unusable_columns(columns: dict[str, xr.DataArray], ds: xr.Dataset, settings: RespirationSettings) -> None:
    """Raise an error if a column has no value, or the water content is in %."""
    for name, values in columns.items():
        if not bool(values.notnull().any()):
            raise BadInput(
                "the column contains no value",
                where=place(ds, {"flux": settings.flux, "t_soil": settings.temperature}.get(name, name)),
                remedy="name the column with its values in [data], or leave this record out"
                + (", or set moisture = 'none' to fit temperature alone" if name == "theta" else ""),
            )
    if "theta" in columns and float(columns["theta"].max()) > 1.0:
        raise BadInput(
            f"the water content reaches {float(columns['theta'].max()):g}, which is not possible in m3 m-3",
            where=place(ds, "theta"),
            remedy="the column is probably in %: correct its unit in [data], or divide it by 100",
        )


def _ground(ds: xr.Dataset, t_air: xr.DataArray) -> xr.DataArray:
    """Temperature for the rule of frozen soil if g depends on air temperature."""
    soil = None
    if "t_soil" in ds:
        t_air, t_soil = xr.broadcast(t_air, _sensor(ds, "t_soil", 0))
        soil = t_soil.to_numpy()
    return t_air.copy(data=ground_temperature(t_air.to_numpy(), soil))


def _of_chambers(columns: dict[str, xr.DataArray], settings: RespirationSettings) -> pd.DataFrame:
    """Select time steps of chambers with flux, temperature and water content: the mean of the chambers, or each."""
    # without this condition the three means could be over different chambers
    complete = xr.Dataset(columns).where(np.logical_and.reduce([v.notnull() for v in xr.broadcast(*columns.values())]))
    if settings.chambers == "mean":
        return complete.mean("port").to_dataframe()[list(columns)].reset_index()
    frame = complete.to_dataframe()[list(columns)].dropna().reset_index()
    return frame.sort_values(["time", "port"], ignore_index=True)


def _sensor(ds: xr.Dataset, name: str, number: int) -> xr.DataArray:
    """Values of one sensor, numbered from the top among the depths where the variable has values."""
    values = variable(ds, name)
    if "depth" not in values.dims:
        return values
    # depths are shared by all variables of a record: one without values of this variable is the sensor of another
    usable = values.notnull().any([dim for dim in values.dims if dim != "depth"]).to_numpy()
    depths = np.flatnonzero(usable) if usable.any() else np.arange(ds.sizes["depth"])
    if number < len(depths):
        return values.isel(depth=int(depths[number]))
    if number in depths:  # card of a module that was fitted when the depths of all variables were counted
        return values.isel(depth=number)
    one = len(depths) == 1
    raise BadInput(
        f"sensor {number} does not exist: there {'is 1 sensor' if one else f'are {len(depths)} sensors'} with values",
        where=place(ds, name),
        remedy="set 0" if one else f"set a number from 0 to {len(depths) - 1}, from the top",
    )
