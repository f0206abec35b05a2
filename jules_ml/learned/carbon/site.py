"""A site to learn soil carbon from, as an experiment tells of it."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.quality import measured
from jules_ml.data.readers.table_spec import TableSpec
from jules_ml.data.record import interval, local_middle, place, variable
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.carbon_module import CarbonSettings
from jules_ml.learned.carbon.counts import theta_of_counts
from jules_ml.learned.carbon.signatures import diurnal_damping
from jules_ml.learned.carbon.table import LEAST_DAYS, SPREAD_UNKNOWN, CarbonSite, climate_of

_Array = NDArray[np.float64]
_DAY: Final = pd.Timedelta(days=1)


def carbon_site(experiment: Experiment) -> CarbonSite:
    """Make a site of an experiment.

    Parameters
    ----------
    experiment : Experiment
        With a record of precipitation, air temperature and soil moisture; ``[carbon_module]`` has what the cores gave.

    Returns
    -------
    CarbonSite
        By days of local standard time, of the shallowest sensor with enough measured days; days with frost are left out. Corrected
        neutron counts are taken where there is no sensor, and COSMOS_VWC, which is marked, where there are no counts either.

    Raises
    ------
    BadInput
        If the record lacks what cannot be done without.
    """
    settings = experiment.carbon_module or CarbonSettings()
    ds = experiment.record()
    day = local_middle(ds).floor("D")
    days = pd.date_range(day[0], day[-1], freq="D")
    t_air = _daily(variable(ds, "t_air"), ds, day, days)[:, 0]
    if "precip" in ds:
        precip = 86400.0 * _daily(ds["precip"], ds, day, days)[:, 0]
    else:
        rain, snow = (_daily(variable(ds, name), ds, day, days)[:, 0] for name in ("tot_rain", "tot_snow"))
        precip = 86400.0 * (rain + snow)
    t_soil = _daily(_known(ds, "t_soil"), ds, day, days)[:, 0] if "t_soil" in ds else np.full(len(days), np.nan)
    of_water = next((name for name in ("theta", "neutron_counts", "theta_crns") if name in ds), None)
    if of_water is None:
        raise BadInput(
            "there is no soil moisture ('theta'), nor corrected neutron counts ('neutron_counts')",
            where=place(ds, "theta"),
            remedy="name its column, with its depth, in [data]",
        )
    theta = _daily(_known(ds, of_water), ds, day, days)
    thawed = (t_air > 275.15) & ~(t_soil <= 274.15)
    if of_water != "theta" and "swe" in ds:
        thawed &= ~(_daily(ds["swe"], ds, day, days)[:, 0] > 0.0)
    theta = np.where(thawed[:, None], theta, np.nan)
    if of_water == "neutron_counts":
        theta = theta_of_counts(theta[:, 0])[:, None]
    enough = np.flatnonzero(np.isfinite(theta).sum(0) >= LEAST_DAYS)
    known = {"elevation": ds.attrs.get("elevation"), "tree": settings.tree, "bare": settings.bare}
    return CarbonSite(
        name=str(ds.attrs.get("site", experiment.file.stem)),
        days=days,
        theta=theta[:, enough[0] if len(enough) else 0],
        precip=precip,
        t_air=t_air,
        t_soil=t_soil,
        static=climate_of(precip, t_air) | {name: float(value) for name, value in known.items() if value is not None},
        soc=np.nan if settings.soc is None else settings.soc,
        soc_spread=SPREAD_UNKNOWN if settings.soc_spread is None else settings.soc_spread,
        bulk_density=np.nan if settings.bulk_density is None else settings.bulk_density,
        region=settings.region,
        knows_carbon=of_water == "theta_crns" or _is_cosmos_vwc(experiment, of_water),
        diurnal_damping=_diurnal_damping(ds, day),
    )


def _is_cosmos_vwc(experiment: Experiment, name: str) -> bool:
    """Whether a table's column of that name is COSMOS_VWC all the same."""
    if not isinstance(experiment.data, TableSpec):
        return False
    columns = experiment.data.columns.items()
    return any(told.variable == name and "COSMOS_VWC" in column.upper() for column, told in columns)


def _diurnal_damping(ds: xr.Dataset, day: pd.DatetimeIndex) -> float:
    """Diurnal range of the shallowest soil temperature over that of the air, where the record has more than days."""
    steps = _DAY / interval(ds)
    if "t_soil" not in ds or steps < 2.0:
        return float("nan")
    series = (variable(ds, "t_air"), _known(ds, "t_soil"))
    rows = [x.transpose("time", ...).to_numpy().reshape(len(day), -1)[:, 0].astype(np.float64) for x in series]
    frame = pd.DataFrame({"air": rows[0], "soil": rows[1], "step": pd.Series(day).groupby(np.asarray(day)).cumcount()})
    wide = [
        frame.assign(day=day).pivot(index="day", columns="step", values=name).to_numpy() for name in ("air", "soil")
    ]
    return diurnal_damping(*(each[:, : round(steps)] for each in wide))


def _known(ds: xr.Dataset, name: str) -> xr.DataArray:
    """Values of the soil that were measured: what a source has filled does not wet and dry as the soil does."""
    return ds[name].where(measured(ds, name)) if f"{name}_qc" in ds else ds[name]


def _daily(values: xr.DataArray, ds: xr.Dataset, day: pd.DatetimeIndex, days: pd.DatetimeIndex) -> _Array:
    """Means over days of which half is known, shape (day, depth); one depth where the variable has none."""
    rows = pd.DataFrame(values.transpose("time", ...).to_numpy().reshape(len(day), -1))
    grouped = rows.groupby(np.asarray(day))
    means = grouped.mean().where(grouped.count() >= 0.5 * (_DAY / interval(ds)))
    return means.reindex(days).to_numpy(dtype=np.float64)
