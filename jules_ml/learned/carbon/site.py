"""A site for the soil-carbon module, from an experiment."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.data.daily import DAY, calendar_days, daily_values, daily_weather
from jules_ml.data.quality import thawed, where_measured
from jules_ml.data.readers.table_spec import TableSpec
from jules_ml.data.record import interval, local_middle, place, record_notes, variable
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.carbon_module import CarbonSettings
from jules_ml.experiment.place import with_soil_carbon
from jules_ml.learned.carbon.counts import theta_of_counts
from jules_ml.learned.carbon.signatures import diurnal_damping
from jules_ml.learned.carbon.table import DEFAULT_SPREAD, MIN_DAYS, STATIC, CarbonSite, climate_of


def carbon_site(experiment: Experiment, *, frozen_below: float | None = None) -> CarbonSite:
    """Read the site of an experiment.

    Parameters
    ----------
    experiment : Experiment
        With a record of precipitation, air temperature and soil moisture. Organic carbon and bulk density of the cores are those under
        ``[place]``; values under ``[soil.texture]`` are not used.
    frozen_below : float, optional
        Soil colder than this counts as frozen [K]; by default the setting of the experiment.

    Returns
    -------
    CarbonSite
        Daily values in local standard time, of the shallowest sensor with enough measured days, without frozen days. Where there is no
        soil-moisture sensor, corrected neutron counts are used; where there are none, COSMOS_VWC, which is marked.

    Raises
    ------
    BadInput
        If a required variable is missing.
    """
    settings = experiment.carbon_module or CarbonSettings()
    ds = experiment.record()
    for name in ("t_air",) if "precip" in ds else ("t_air", "tot_rain", "tot_snow"):
        variable(ds, name)
    days = calendar_days(ds)
    weather = daily_weather(ds, ("t_air", "precip"), days)
    t_air, precip = weather["t_air"], weather["precip"]
    t_soil = np.full((len(days), 1), np.nan)
    if "t_soil" in ds:
        t_soil = daily_values(ds.assign(t_soil=where_measured(ds, "t_soil")), "t_soil", days)
    source = next((name for name in ("theta", "neutron_counts", "theta_crns") if name in ds), None)
    if source is None:
        raise BadInput(
            "there is no soil moisture ('theta'), nor corrected neutron counts ('neutron_counts')",
            where=place(ds, "theta"),
            remedy="name its column, with its depth, in [data]",
        )
    theta = daily_values(ds.assign({source: where_measured(ds, source)}), source, days)
    usable = thawed(t_air, t_soil, frozen_below=settings.frozen_below if frozen_below is None else frozen_below)
    if source != "theta" and "swe" in ds:
        usable &= ~(daily_values(ds, "swe", days)[:, 0] > 0.0)
    theta = np.where(usable[:, None], theta, np.nan)
    if source == "neutron_counts":
        theta = theta_of_counts(theta[:, 0])[:, None]
    enough = np.flatnonzero(np.isfinite(theta).sum(0) >= MIN_DAYS)
    cores = with_soil_carbon(experiment.place.values())
    properties = experiment.properties(ds)
    return CarbonSite(
        name=str(ds.attrs.get("site", experiment.file.stem)),
        days=days,
        theta=theta[:, enough[0] if len(enough) else 0],
        precip=precip,
        t_air=t_air,
        t_soil=t_soil[:, 0],
        static=climate_of(precip, t_air) | {name: properties[name] for name in STATIC if name in properties},
        soc=cores.get("organic_carbon", np.nan),
        soc_spread=DEFAULT_SPREAD if settings.soc_spread is None else settings.soc_spread,
        bulk_density=cores.get("bulk_density", np.nan),
        region=settings.region,
        depends_on_carbon=source == "theta_crns" or _is_cosmos_vwc(experiment, source),
        diurnal_damping=_diurnal_damping(ds),
        notes=tuple(record_notes(ds)),
    )


def _is_cosmos_vwc(experiment: Experiment, name: str) -> bool:
    """Whether the table's column for a variable is COSMOS_VWC by its name."""
    if not isinstance(experiment.data, TableSpec):
        return False
    columns = experiment.data.columns.items()
    return any(spec.variable == name and "COSMOS_VWC" in column.upper() for column, spec in columns)


def _diurnal_damping(ds: xr.Dataset) -> float:
    """Diurnal damping of the shallowest soil temperature; NaN for a daily record."""
    steps = DAY / interval(ds)
    if "t_soil" not in ds or steps < 2.0:
        return float("nan")
    day = local_middle(ds).floor("D")
    series = (variable(ds, "t_air"), where_measured(ds, "t_soil"))
    rows = [x.transpose("time", ...).to_numpy().reshape(len(day), -1)[:, 0].astype(np.float64) for x in series]
    frame = pd.DataFrame({"air": rows[0], "soil": rows[1], "step": pd.Series(day).groupby(np.asarray(day)).cumcount()})
    wide = [
        frame.assign(day=day).pivot(index="day", columns="step", values=name).to_numpy() for name in ("air", "soil")
    ]
    return diurnal_damping(*(each[:, : round(steps)] for each in wide))
