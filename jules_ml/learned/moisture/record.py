"""Daily record of a site for soil moisture: weather, the first guess of JULES, static properties and sensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.daily import DAY, calendar_days, daily_means, daily_values, daily_weather
from jules_ml.data.quality import thawed, where_measured
from jules_ml.data.record import end_of_interval, interval, place
from jules_ml.errors import BadInput

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]

#: Names of the daily inputs.
DYNAMIC = ("precip", "t_air", "sw_down", "lw_down", "vpd", "wind", "rad_net", "swi", "lst")
#: Inputs that are required.
REQUIRED = ("precip", "t_air")
#: Longest gap allowed in a required input [d].
MAX_GAP = 365
#: Thickness of JULES's four layers, and the depth of their middles [m].
LAYER_THICKNESS = (0.1, 0.25, 0.65, 2.0)
LAYER_DEPTHS = (0.05, 0.225, 0.675, 2.0)
#: Depth assigned to sensors of which only the order from the top is known, as NEON's are placed [m].
NOMINAL_DEPTHS = (0.05, 0.225, 0.225, 0.675, 0.675, 0.675, 2.0, 2.0)


@dataclass(frozen=True, eq=False)
class MoistureRecord:
    """Daily record of one site.

    Attributes
    ----------
    site : str
    days : DatetimeIndex, shape (day,)
        Calendar days in local standard time, without gaps.
    dynamic : mapping of str to array, shape (day,)
        Daily inputs of :data:`DYNAMIC`: precipitation [kg m-2 d-1], temperatures [K], radiation [W m-2], vapour pressure deficit [Pa],
        wind speed [m s-1]; NaN where not measured, absent where the site has no such measurement.
    jules : array, shape (day, 4)
        Water content of JULES's layers [m3 m-3]; NaN where there is no run.
    static : mapping of str to float
        Properties of the site by the names and in the units of :data:`~jules_ml.experiment.place.PROPERTIES`; absent where unknown.
    theta : array, shape (day, sensor)
        Measured water content [m3 m-3].
    usable : array of bool, shape (day, sensor)
        Days for training and scores: measured, and not frozen.
    depth : array, shape (sensor,)
        Depth of point sensors [m]; NaN for a cosmic-ray sensor.
    names : tuple of str
        Name of each sensor.
    latitude, longitude : float
        [degree]; NaN where unknown.
    """

    site: str
    days: pd.DatetimeIndex
    dynamic: Mapping[str, _Array]
    jules: _Array
    static: Mapping[str, float]
    theta: _Array
    usable: _Mask
    depth: _Array
    names: tuple[str, ...]
    latitude: float = float("nan")
    longitude: float = float("nan")

    def __len__(self) -> int:
        """Return the number of days."""
        return len(self.days)

    @property
    def has_jules(self) -> bool:
        """Whether the record has a first guess of JULES."""
        return bool(np.isfinite(self.jules).any())

    def with_usable(self, mask: _Mask) -> MoistureRecord:
        """Restrict the usable observations by a mask of shape (day,) or (day, sensor)."""
        return replace(self, usable=self.usable & (mask[:, None] if mask.ndim == 1 else mask))

    def without(self, *, dynamic: Sequence[str] = (), jules: bool = False) -> MoistureRecord:
        """Remove daily inputs, or the first guess of JULES."""
        remaining = {name: values for name, values in self.dynamic.items() if name not in dynamic}
        return replace(self, dynamic=remaining, jules=np.full_like(self.jules, np.nan) if jules else self.jules)


def preferred_sensor(record: MoistureRecord, *, least: int) -> int | None:
    """Select the cosmic-ray sensor, or else the shallowest sensor; None where no sensor has ``least`` usable days."""
    candidates = [i for i in range(record.theta.shape[1]) if record.usable[:, i].sum() >= least]
    cosmic = [i for i in candidates if not np.isfinite(record.depth[i])]
    ranked = cosmic or sorted(candidates, key=lambda i: record.depth[i])
    return ranked[0] if ranked else None


def moisture_record(
    ds: xr.Dataset,
    *,
    jules: xr.Dataset | None = None,
    theta_r: Sequence[float] = (0.0,),
    static: Mapping[str, float] | None = None,
    frozen_below: float = 274.15,
) -> MoistureRecord:
    """Create a daily record from a site dataset and a JULES run.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset of any interval up to a day, with ``precip`` (or ``tot_rain`` and ``tot_snow``) and ``t_air``. Where ``lst`` is
        absent, the surface temperature is computed from the longwave fluxes. ``theta`` is used where its quality code permits, and
        ``theta_crns`` where there is no snow.
    jules : xarray.Dataset, optional
        Output of JULES at the site with ``smcl`` and ``dzsoil`` along ``soil`` (see
        :func:`~jules_ml.data.readers.jules.read_jules`), or with ``theta`` along ``soil``.
    theta_r : sequence of float, optional
        Residual water content of the soil in that run, one value or one for each layer [m3 m-3]. ``smcl`` excludes it; sensors
        measure it.
    static : mapping of str to float, optional
        Properties of the site, as in :class:`MoistureRecord`.
    frozen_below : float, optional
        Soil colder than this counts as frozen [K]; see :func:`~jules_ml.data.quality.thawed`.

    Returns
    -------
    MoistureRecord

    Raises
    ------
    BadInput
        If a required input is missing, or has a gap of more than a year; if JULES's run does not overlap the record.
    """
    days = calendar_days(ds)
    dynamic = daily_weather(ds, DYNAMIC, days)
    for name in REQUIRED:
        _refuse_gaps(dynamic.get(name), name, days, ds)
    theta, usable, depth, names = _sensors(ds, days, dynamic["t_air"], frozen_below)
    first_guess = (
        np.full((len(days), len(LAYER_DEPTHS)), np.nan)
        if jules is None
        else run_by_day(jules, ds, days, theta_r=theta_r, where=place(ds, "jules"))
    )
    return MoistureRecord(
        site=str(ds.attrs.get("site", "site")),
        days=days,
        dynamic=dynamic,
        jules=first_guess,
        static={} if static is None else dict(static),
        theta=theta,
        usable=usable,
        depth=depth,
        names=names,
        latitude=float(ds.attrs.get("latitude", np.nan)),
        longitude=float(ds.attrs.get("longitude", np.nan)),
    )


def _refuse_gaps(values: _Array | None, name: str, days: pd.DatetimeIndex, ds: xr.Dataset) -> None:
    if values is None:
        raise BadInput(
            f"'{name}' is missing",
            where=place(ds, name),
            remedy="name its column in [data]: the soil-moisture module needs precipitation and air temperature",
        )
    edges = np.concatenate([[-1], np.flatnonzero(np.isfinite(values)), [len(values)]])
    longest = int(np.argmax(np.diff(edges)))
    gap = int(edges[longest + 1] - edges[longest] - 1)
    if gap > MAX_GAP:
        first = days[edges[longest] + 1]
        raise BadInput(
            f"a gap of {gap} days in '{name}' begins on {first:%Y-%m-%d}",
            where=place(ds, name),
            remedy=f"fill gaps longer than {MAX_GAP} days with reanalysis, or give the periods before and after as two sites",
        )


def _sensors(
    ds: xr.Dataset, days: pd.DatetimeIndex, t_air: _Array, frozen_below: float
) -> tuple[_Array, _Mask, _Array, tuple[str, ...]]:
    """Return the water content, the usable days, the depth and the name of each sensor."""
    columns: list[_Array] = []
    usable: list[_Mask] = []
    depth: list[float] = []
    names: list[str] = []
    warm = thawed(t_air, daily_values(ds, "t_soil", days) if "t_soil" in ds else None, frozen_below=frozen_below)
    if "theta" in ds:
        theta = where_measured(ds, "theta")
        theta = theta.expand_dims("depth", axis=-1) if "depth" not in theta.dims else theta
        stated = theta["depth"].to_numpy() if "depth" in theta.coords else np.full(theta.sizes["depth"], np.nan)
        daily = daily_values(ds.assign(theta=theta), "theta", days)
        for i in range(daily.shape[1]):
            columns.append(daily[:, i])
            usable.append(np.isfinite(daily[:, i]) & warm)
            nominal = NOMINAL_DEPTHS[min(i, len(NOMINAL_DEPTHS) - 1)]
            depth.append(float(stated[i]) if np.isfinite(stated[i]) else nominal)
            names.append(f"theta_{i + 1}")
    if "theta_crns" in ds:
        crns = daily_values(ds, "theta_crns", days)[:, 0]
        snow = daily_values(ds, "swe", days)[:, 0] if "swe" in ds else np.full(len(days), np.nan)
        columns.append(crns)
        usable.append(np.isfinite(crns) & warm & ~(snow > 0.0))
        depth.append(float("nan"))
        names.append("theta_crns")
    if not columns:
        empty = np.empty((len(days), 0))
        return empty, empty.astype(bool), np.empty(0), ()
    return np.column_stack(columns), np.column_stack(usable), np.asarray(depth), tuple(names)


def run_by_day(
    run: xr.Dataset, ds: xr.Dataset, days: pd.DatetimeIndex, *, theta_r: Sequence[float], where: str
) -> _Array:
    """Compute the daily water content of the layers of a model run on the days of a record.

    Parameters
    ----------
    run : xarray.Dataset
        As ``jules`` of :func:`moisture_record`.
    ds : xarray.Dataset
        Site dataset of the record.
    days : DatetimeIndex, shape (day,)
        Days of the record.
    theta_r : sequence of float
        Residual water content, which is added to ``smcl`` [m3 m-3].
    where : str
        File or variable of the run, for error messages.

    Returns
    -------
    array, shape (day, 4)
        [m3 m-3]; NaN outside the run.

    Raises
    ------
    BadInput
        If the run has output periods longer than a day, other soil layers or more than one point, or does not overlap the record.
    """
    if interval(run) > DAY:
        raise BadInput(
            f"its output periods are {interval(run) / DAY:g} days long, and the daily record needs values of each day",
            where=where,
            remedy="write an output profile with output_period = 86400 or shorter",
        )
    if "theta" in run:
        theta = run["theta"]
    else:
        residual = np.broadcast_to(np.asarray(theta_r, dtype=np.float64), run.sizes["soil"])
        theta = run["smcl"] / (1000.0 * run["dzsoil"]) + xr.DataArray(residual, dims="soil")
    if set(theta.dims) != {"time", "soil"}:
        others = ", ".join(str(dim) for dim in theta.dims if dim not in ("time", "soil"))
        raise BadInput(
            f"the run has more than one column: it has the dimension {others}",
            where=where,
            remedy="give a run of this site only",
        )
    layers = run["dzsoil"].to_numpy() if "dzsoil" in run else np.array(LAYER_THICKNESS)
    if theta.sizes["soil"] != len(LAYER_DEPTHS) or not np.allclose(layers, LAYER_THICKNESS, atol=0.005):
        actual = ", ".join(f"{d:g}" for d in layers) if "dzsoil" in run else str(theta.sizes["soil"])
        raise BadInput(
            f"the run has other soil layers: {actual}",
            where=where,
            remedy="give a run with four layers, 0.1, 0.25, 0.65 and 2 m thick, and their thickness in dzsoil",
        )
    offset = float(ds.attrs.get("utc_offset_hours", 0.0))
    by_day = daily_means(theta, days, step=interval(run), utc_offset_hours=offset)
    if not np.isfinite(by_day).any():
        first, last = end_of_interval(run)[[0, -1]]
        raise BadInput(
            f"the run ({first:%Y-%m-%d} to {last:%Y-%m-%d}) and the record ({days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}) "
            "do not overlap",
            where=where,
            remedy="run the model for the period of the record, or leave out the run",
        )
    return by_day
