"""One shape for all that soil moisture is learned from: days of weather, a first guess of JULES, static properties, sensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.daily import calendar_days, daily_means, daily_values, daily_weather
from jules_ml.data.quality import thawed, where_measured
from jules_ml.data.record import end_of_interval, interval, place
from jules_ml.errors import BadInput

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]

#: Inputs that change from day to day, in the unit that the network takes them in.
DYNAMIC = ("precip", "t_air", "sw_down", "lw_down", "vpd", "wind", "rad_net", "swi", "lst")
#: Inputs that a day cannot be predicted without.
NEEDED = ("precip", "t_air")
#: Longest gap in a needed input [d] that masks may bridge.
LONGEST_GAP = 365
#: Thickness of JULES's four layers, and their middle [m].
LAYER_THICKNESS = (0.1, 0.25, 0.65, 2.0)
LAYER_DEPTHS = (0.05, 0.225, 0.675, 2.0)
#: Depth that stands for a sensor of which only the order from the top is known, as NEON's are placed [m].
NOMINAL_DEPTHS = (0.05, 0.225, 0.225, 0.675, 0.675, 0.675, 2.0, 2.0)


@dataclass(frozen=True, eq=False)
class MoistureRecord:
    """One site, day by day.

    Attributes
    ----------
    site : str
    days : DatetimeIndex, shape (day,)
        Calendar days in local standard time, without gaps.
    dynamic : mapping of str to array, shape (day,)
        Of :data:`DYNAMIC`: precipitation [kg m-2 d-1], temperatures [K], radiation [W m-2], vapour pressure deficit [Pa], wind
        [m s-1]; NaN where not measured, absent where the site does not measure it.
    jules : array, shape (day, 4)
        Water content of JULES's layers [m3 m-3]; NaN where there is no run.
    static : mapping of str to float
        Properties of the site by the names and in the units of :data:`~jules_ml.experiment.place.PROPERTIES`; absent where unknown.
    theta : array, shape (day, sensor)
        Measured water content [m3 m-3].
    usable : array of bool, shape (day, sensor)
        Where it may be learned from and scored: measured, and not frozen.
    depth : array, shape (sensor,)
        Depth of point sensors [m]; NaN for a cosmic-ray sensor.
    names : tuple of str
        Name of each sensor.
    latitude, longitude : float
        NaN where not known.
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
        return len(self.days)

    @property
    def has_jules(self) -> bool:
        """Whether there is a first guess of JULES."""
        return bool(np.isfinite(self.jules).any())

    def with_usable(self, mask: _Mask) -> MoistureRecord:
        """The same record of which fewer observations may be used; ``mask`` has shape (day,) or (day, sensor)."""
        return replace(self, usable=self.usable & (mask[:, None] if mask.ndim == 1 else mask))

    def without(self, *, dynamic: Sequence[str] = (), jules: bool = False) -> MoistureRecord:
        """The same record with some inputs taken away."""
        kept = {name: values for name, values in self.dynamic.items() if name not in dynamic}
        return replace(self, dynamic=kept, jules=np.full_like(self.jules, np.nan) if jules else self.jules)


def preferred_sensor(record: MoistureRecord, *, least: int) -> int | None:
    """The cosmic-ray sensor where there is one, else the shallowest; None where none has so many usable days."""
    enough = [i for i in range(record.theta.shape[1]) if record.usable[:, i].sum() >= least]
    rays = [i for i in enough if not np.isfinite(record.depth[i])]
    best = rays or sorted(enough, key=lambda i: record.depth[i])
    return best[0] if best else None


def moisture_record(
    ds: xr.Dataset,
    *,
    jules: xr.Dataset | None = None,
    theta_r: Sequence[float] = (0.0,),
    static: Mapping[str, float] | None = None,
    frozen_below: float = 274.15,
) -> MoistureRecord:
    """Days of a site dataset, beside those of a JULES run.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset of any interval up to a day, with ``precip`` (or ``tot_rain`` and ``tot_snow``) and ``t_air``; the longwave
        fluxes give the surface temperature where ``lst`` is not held. ``theta`` is used where its quality code allows,
        ``theta_crns`` where there is no snow.
    jules : xarray.Dataset, optional
        Output of JULES at the site with ``smcl`` and ``dzsoil`` along ``soil`` (see
        :func:`~jules_ml.data.readers.jules.read_jules`), or already as ``theta`` along ``soil``.
    theta_r : sequence of float, optional
        Residual water of that run's soil, one or one a layer, which ``smcl`` leaves out and sensors see [m3 m-3].
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
        If an input that cannot be done without is missing, or is for longer than a year; if JULES's run does not overlap the
        record.
    """
    days = calendar_days(ds)
    dynamic = daily_weather(ds, DYNAMIC, days)
    for name in NEEDED:
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
            remedy="name its column when the file is read: soil moisture cannot be learned without precipitation and air temperature",
        )
    held = np.flatnonzero(np.isfinite(values))
    edges = np.concatenate([[-1], held, [len(values)]])
    longest = int(np.argmax(np.diff(edges)))
    gap = int(edges[longest + 1] - edges[longest] - 1)
    if gap > LONGEST_GAP:
        first = days[edges[longest] + 1]
        raise BadInput(
            f"a gap of {gap} days in '{name}' begins on {first:%Y-%m-%d}",
            where=place(ds, name),
            remedy=f"fill gaps longer than {LONGEST_GAP} days with reanalysis, or give the parts as sites of their own",
        )


def _sensors(
    ds: xr.Dataset, days: pd.DatetimeIndex, t_air: _Array, frozen_below: float
) -> tuple[_Array, _Mask, _Array, tuple[str, ...]]:
    """Water content, where it may be used, depth and name of every sensor."""
    columns: list[_Array] = []
    usable: list[_Mask] = []
    depth: list[float] = []
    names: list[str] = []
    warm = thawed(t_air, daily_values(ds, "t_soil", days) if "t_soil" in ds else None, frozen_below=frozen_below)
    if "theta" in ds:
        theta = where_measured(ds, "theta")
        theta = theta.expand_dims("depth", axis=-1) if "depth" not in theta.dims else theta
        given = theta["depth"].to_numpy() if "depth" in theta.coords else np.full(theta.sizes["depth"], np.nan)
        daily = daily_values(ds.assign(theta=theta), "theta", days)
        for i in range(daily.shape[1]):
            columns.append(daily[:, i])
            usable.append(np.isfinite(daily[:, i]) & warm)
            depth.append(float(given[i]) if np.isfinite(given[i]) else NOMINAL_DEPTHS[min(i, len(NOMINAL_DEPTHS) - 1)])
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
    """Water content of the layers of a model's run on the days of a record.

    Parameters
    ----------
    run : xarray.Dataset
        As :func:`moisture_record` takes it.
    ds : xarray.Dataset
        Site dataset of the record.
    days : DatetimeIndex, shape (day,)
        Of the record.
    theta_r : sequence of float
        Residual water, which is added to ``smcl`` [m3 m-3].
    where : str
        What the run is, for an error.

    Returns
    -------
    array, shape (day, 4)
        [m3 m-3]; NaN where the run does not reach.

    Raises
    ------
    BadInput
        If the run has other layers, more than one point, or no day of the record.
    """
    if "theta" in run:
        theta = run["theta"]
    else:
        residual = np.broadcast_to(np.asarray(theta_r, dtype=np.float64), run.sizes["soil"])
        theta = run["smcl"] / (1000.0 * run["dzsoil"]) + xr.DataArray(residual, dims="soil")
    if set(theta.dims) != {"time", "soil"}:
        more = ", ".join(str(dim) for dim in theta.dims if dim not in ("time", "soil"))
        raise BadInput(
            f"the run has more than one column: it has the dimension {more}",
            where=where,
            remedy="give a run of the site alone; an ensemble may stand under simulated",
        )
    layers = run["dzsoil"].to_numpy() if "dzsoil" in run else np.array(LAYER_THICKNESS)
    if theta.sizes["soil"] != len(LAYER_DEPTHS) or not np.allclose(layers, LAYER_THICKNESS, atol=0.005):
        given = ", ".join(f"{d:g}" for d in layers) if "dzsoil" in run else str(theta.sizes["soil"])
        raise BadInput(
            f"the run has other soil layers: {given}",
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
            remedy="run the model over the record's days, or leave the run out",
        )
    return by_day
