"""Sites of experiments for learned hydraulics: weather, land cover, sensors and static inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd
import torch
import xarray as xr

from jules_ml.data.daily import daily_means, whole_days, with_derived
from jules_ml.data.notes import notes_of_record
from jules_ml.data.quality import thawed, where_measured
from jules_ml.data.record import dropped_by_rules, interval, place
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.learned.hydraulics.columns import HydraulicSite
from jules_ml.learned.hydraulics.inputs import INPUTS, climate_inputs
from jules_ml.physics.surface import Forcing
from jules_ml.physics.tiles import TILES
from jules_ml.weather import site_weather

#: Time step of the columns [s]: one hour, with which daily soil moisture differs little from that of half-hourly steps.
TIMESTEP: Final = 3600.0
#: Carbon density of the subsoil relative to the topsoil [1].
SUBSOIL_CARBON: Final = 0.25
#: Default carbon density [kg m-3]: that of a typical mineral topsoil.
DEFAULT_CARBON: Final = 20.0


def hydraulic_site(experiment: Experiment, settings: HydraulicSettings) -> HydraulicSite:
    """Site of an experiment.

    Parameters
    ----------
    experiment : Experiment
        With a record of weather and of ``theta`` at depth, ``[soil]`` and ``[surface]``; ``[run]`` can select a period.
    settings : HydraulicSettings
        Those of the first experiment, which select the days.

    Returns
    -------
    HydraulicSite
        Whole days from the first day of the record on, the shallowest sensor first. Gap-filled values are excluded, and so are sensors with
        too few days, with unknown depth, or below the soil layers.

    Raises
    ------
    BadInput
        If a section or soil moisture is missing, no sensor within the layers has enough days, or a property of the site is out of range.
    """
    surface = experiment.required(experiment.surface, "surface")
    soil = experiment.required(experiment.soil, "soil")
    record = experiment.record()
    if "theta" not in record or "depth" not in record["theta"].dims:
        raise BadInput(
            "there is no soil moisture with depth ('theta')",
            where=place(record, "theta"),
            remedy="give its column and depth in [data]",
        )
    forcing, start = hourly_weather(experiment, record)
    t_air = whole_days(forcing.t_air.numpy(), TIMESTEP).mean(1)
    days, step = run_days(forcing, start), interval(record)
    t_soil = daily_means(record["t_soil"], days, step=step) if "t_soil" in record else None
    valid = thawed(t_air, t_soil, frozen_below=settings.frozen_below)
    observed = np.where(valid[:, None], daily_means(where_measured(record, "theta"), days, step=step), np.nan)
    depth = record["depth"].to_numpy().astype(np.float64)
    order = np.argsort(depth, kind="stable")
    observed, depth = observed[:, order], depth[order]
    # a sensor with unknown depth, or below the layers, measures no layer: the comparison is false for both
    usable = (np.isfinite(observed).sum(0) >= settings.least_days) & (depth <= sum(soil.dzsoil))
    if not usable.any():
        raise BadInput(
            f"no sensor within the soil layers has {settings.least_days} days of measured soil moisture without frost"
            + dropped_by_rules(record),
            where=place(record, "theta"),
            remedy="give a longer record or the depths of the sensors in [data], or decrease least_days in [hydraulics]",
        )
    inputs = weather_inputs(record, forcing, start) | network_inputs(experiment.properties(record))
    fractions = [tile.frac / sum(tile.frac for tile in surface.tiles) for tile in surface.tiles]
    carbon = inputs.get("soc_density", DEFAULT_CARBON)
    experiment.refuse_physics("the training of hydraulics")
    tiles = [replace(TILES[str(tile.type)], **tile.changes) for tile in surface.tiles]
    return HydraulicSite(
        name=str(record.attrs.get("site", experiment.file.stem)),
        forcing=forcing,
        tiles=tiles,
        frac=tuple(fractions),
        observed=observed[:, usable],
        sensor_depth=depth[usable],
        carbon_density=(carbon, SUBSOIL_CARBON * carbon),
        inputs=inputs,
        albsoil=surface.albsoil,
        height=experiment.forcing.height,
        co2=surface.co2,
        l_soil_sat_down=soil.l_soil_sat_down,
        soilhc_method=soil.soilhc_method,
        topmodel=soil.topmodel,
        start=start,
        notes=notes_of_record(record),
    )


def hourly_weather(experiment: Experiment, record: xr.Dataset) -> tuple[Forcing, pd.Timestamp]:
    """Hourly weather of the whole days of an experiment.

    Parameters
    ----------
    experiment : Experiment
        ``[run]`` can select a period.
    record : xarray.Dataset
        Site dataset.

    Returns
    -------
    Forcing
        Shape (step,) each.
    Timestamp
        Start of the first day (UTC).
    """
    run = experiment.run
    weather = site_weather(
        record,
        experiment.forcing,
        timestep=TIMESTEP,
        start=None if run is None or run.start is None else pd.Timestamp(run.start),
        end=None if run is None or run.end is None else pd.Timestamp(run.end),
    ).series
    hours = weather.sizes["time"] // 24 * 24
    forcing = Forcing(
        *(torch.tensor(weather[name].to_numpy()[:hours], dtype=torch.float32) for name in Forcing._fields)
    )
    return forcing, pd.Timestamp(weather["time"].to_numpy()[0]) - pd.Timedelta(hours=1)


def run_days(forcing: Forcing, start: pd.Timestamp) -> pd.DatetimeIndex:
    """Start of each day of a run (UTC), from the results of :func:`hourly_weather`."""
    return pd.date_range(start, periods=len(whole_days(forcing.t_air.numpy(), TIMESTEP)), freq="D")


def weather_inputs(record: xr.Dataset, forcing: Forcing, start: pd.Timestamp) -> dict[str, float]:
    """Compute the static inputs that depend on the weather and the surface temperature of a record.

    Parameters
    ----------
    record : xarray.Dataset
        Site dataset.
    forcing : Forcing
    start : Timestamp
        Both from :func:`hourly_weather`.

    Returns
    -------
    dict of str to float
    """
    record = with_derived(record, ["lst"])
    days = run_days(forcing, start)
    lst = daily_means(record["lst"], days, step=interval(record))[:, 0] if "lst" in record else None
    return climate_inputs(forcing, timestep=TIMESTEP, lst=lst)


def network_inputs(properties: Mapping[str, float]) -> dict[str, float]:
    """Properties of a site that are static inputs of the network.

    Parameters
    ----------
    properties : mapping of str to float
        From :meth:`~jules_ml.experiment.load.Experiment.properties`.

    Returns
    -------
    dict of str to float
        Keys are names of :data:`~jules_ml.learned.hydraulics.inputs.INPUTS`.
    """
    return {name: properties[name] for name in INPUTS if name in properties}


def local_days(site: HydraulicSite) -> pd.DatetimeIndex:
    """Calendar days of a site in local standard time, shape (day,)."""
    assert site.start is not None
    # the start of a local day is in UTC: its noon has the right date
    return pd.date_range(site.start + pd.Timedelta(hours=12), periods=len(site.observed), freq="D").floor("D")


def hydraulic_sites(experiments: Sequence[Experiment], settings: HydraulicSettings) -> list[HydraulicSite]:
    """Sites of experiments; their names must differ, because they identify the soils of a module."""
    sites: list[HydraulicSite] = []
    for each in experiments:
        site = hydraulic_site(each, settings)
        if site.name in [other.name for other in sites]:
            raise BadInput(
                f"two experiments have the same site name, {site.name}",
                where=f"{each.file}, site.name",
                remedy="give each site once, and different sites different names",
            )
        sites.append(site)
    return sites


def common_layers(experiments: Sequence[Experiment]) -> tuple[float, ...]:
    """Thicknesses of the soil layers [m], which must be the same in all experiments."""
    layers = [each.required(each.soil, "soil").dzsoil for each in experiments]
    for each, dzsoil in zip(experiments, layers, strict=True):
        if dzsoil != layers[0]:
            raise BadInput(
                f"the layers are {list(dzsoil)} m, and those of the first experiment {list(layers[0])} m",
                where=f"{each.file}, soil.dzsoil",
                remedy="give all experiments the same layers",
            )
    return layers[0]
