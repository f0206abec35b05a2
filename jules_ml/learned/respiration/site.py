"""Selection of the rows that respiration is fitted to, with the number of rows that each rule dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.record import place
from jules_ml.data.ustar import UstarThreshold
from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings, RowSettings
from jules_ml.learned.respiration.antecedent import DIURNAL, antecedent_drivers
from jules_ml.learned.respiration.columns import row_table, state_table
from jules_ml.learned.respiration.nights import estimated_ustar, least_ustar
from jules_ml.learned.respiration.row_checks import refuse_turned_sign, refuse_unusable
from jules_ml.learned.respiration.state import porosity_of

_Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one or several sites for a fit.

    Attributes
    ----------
    flux : array, shape (row,)
        Respiration, or at a tower NEE [umol m-2 s-1]; NaN where it was measured only under another threshold of friction velocity.
    t_soil : array, shape (row,)
        Temperature that g depends on [K].
    theta : array, shape (row,)
        Water content [m3 m-3].
    wetness : array, shape (row,)
        Water as a fraction of saturation [1], 0 to 1.
    group : array of int, shape (row,)
        Index of the group of each row; rows of a group have the same base respiration R0.
    groups : tuple of str
        Names of the groups.
    site : array of int, shape (row,)
        Index of the site of each row.
    sites : tuple of str
        Names of the sites.
    time : DatetimeIndex
        End of the interval, UTC.
    middle : DatetimeIndex
        Middle of the interval in local standard time, which defines year, month and day.
    porosity : dict of str to float
        Water content at wetness 1 by site: saturation, or the 99 % quantile if wetness is relative [m3 m-3].
    dry : dict of str to float
        Water content at wetness 0 by site: zero, or the 1 % quantile if wetness is relative [m3 m-3].
    dropped : dict of str to int
        Rows dropped, by rule, over all sites.
    variants : array, shape (row, variant), optional
        Flux under other thresholds of friction velocity; NaN where it was not measured under them.
    antecedent : dict of str to array, shape (row,)
        Drivers of antecedent conditions, see :data:`~jules_ml.learned.respiration.antecedent.DRIVERS`; NaN where they are unknown. A driver
        that no site has is left out.
    ustar : dict of str to UstarThreshold
        Estimated threshold of friction velocity by site, where ``ustar_min = "estimate"``.
    """

    flux: _Array
    t_soil: _Array
    theta: _Array
    wetness: _Array
    group: NDArray[np.int64]
    groups: tuple[str, ...]
    site: NDArray[np.int64]
    sites: tuple[str, ...]
    time: pd.DatetimeIndex
    middle: pd.DatetimeIndex
    porosity: dict[str, float]
    dry: dict[str, float]
    dropped: dict[str, int] = field(default_factory=dict)
    variants: _Array | None = None
    antecedent: dict[str, _Array] = field(default_factory=dict)
    ustar: dict[str, UstarThreshold] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.flux)

    def driver(self, name: str) -> _Array:
        """Driver of antecedent conditions, shape (row,); NaN if no site has it."""
        return self.antecedent.get(name, np.full(len(self), np.nan))

    def with_flux(self) -> Rows:
        """Select the rows whose flux was measured under the reference threshold of friction velocity."""
        return self.take(np.isfinite(self.flux))

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Rows:
        """Select rows by index or mask; groups and sites keep their indices."""
        return replace(
            self,
            flux=self.flux[chosen],
            t_soil=self.t_soil[chosen],
            theta=self.theta[chosen],
            wetness=self.wetness[chosen],
            group=self.group[chosen],
            site=self.site[chosen],
            time=self.time[chosen],
            middle=self.middle[chosen],
            variants=None if self.variants is None else self.variants[chosen],
            antecedent={name: values[chosen] for name, values in self.antecedent.items()},
        )


def select_rows(sites: xr.Dataset | Sequence[xr.Dataset], settings: RespirationSettings) -> Rows:
    """Select the rows of one or several site datasets that respiration is fitted to.

    Parameters
    ----------
    sites : xarray.Dataset or sequence of them
        Site datasets with the flux of ``settings.target``, its temperature and ``theta``; towers also with light. The attribute
        ``porosity`` is the water content at saturation [m3 m-3]; without it, the 99.9 % quantile of the record is used.
    settings : RespirationSettings
        Target flux, drivers and rules for the rows.

    Returns
    -------
    Rows

    Raises
    ------
    BadInput
        If a variable is missing or empty; if there is no night; if the sign of the flux is reversed; if fewer than 200 rows remain; if they
        cover a single season; if the temperature or the water content is constant, or the water content in %.
    """
    datasets = [sites] if isinstance(sites, xr.Dataset) else list(sites)
    parts = [usable_rows(ds, settings) for ds in datasets]
    names = [part.sites[0] for part in parts]
    if len(set(names)) < len(names):
        duplicate = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"site {duplicate} is a duplicate", remedy="give one record for each site")
    return parts[0] if len(parts) == 1 else _joined(parts)


def thinned_rows(count: int, most: int) -> NDArray[np.int64]:
    """Draw the indices of at most ``most`` rows, in order; an even stride would select some hours of the day only."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))


def moisture_of(rows: Rows, settings: RespirationSettings) -> _Array:
    """Return the moisture variable of f's table: water content, or fraction of saturation."""
    return rows.theta if settings.moisture == "theta" else rows.wetness


class _Selection:
    """Mask of the remaining rows, and number of rows that each rule dropped."""

    def __init__(self, count: int) -> None:
        self.keep = np.ones(count, dtype=bool)
        self.dropped: dict[str, int] = {}

    def drop(self, rule: str, bad: NDArray[np.bool_]) -> None:
        """Drop rows by a rule; rows that another rule dropped before are not counted again."""
        self.dropped[rule] = int((bad & self.keep).sum())
        self.keep[bad] = False


def usable_rows(ds: xr.Dataset, settings: RespirationSettings, *, all_hours: bool = False) -> Rows:
    """Select the rows of one site, as :func:`select_rows`; with ``all_hours`` rows of the day and of any friction velocity too."""
    frame, variants = row_table(ds, settings)
    selection = _Selection(len(frame))
    measured_variant = np.zeros(len(frame), dtype=bool) if variants is None else np.isfinite(variants).any(axis=1)
    if settings.target == "ecosystem":
        # a flux that is gap-filled under one threshold of friction velocity may be measured under another
        frame["flux"] = frame["flux"].mask(frame["filled"].to_numpy(dtype=bool))
        selection.drop("flux gap-filled", frame["filled"].to_numpy(dtype=bool) & ~measured_variant)
    selection.drop("flux missing", frame["flux"].isna().to_numpy() & ~measured_variant)
    threshold = None
    if settings.target == "ecosystem" and not all_hours:
        threshold = _drop_day_and_calm(ds, frame, settings.rows, selection)
    if settings.target != "ecosystem":
        refuse_turned_sign(frame["flux"][selection.keep], ds, settings.flux)
    _drop_unusable_values(frame, settings, selection)
    keep = selection.keep
    refuse_unusable(frame[keep], settings, selection.dropped, ds)
    rows = _site_rows(frame[keep], str(ds.attrs.get("site", "site")), porosity_of(ds), settings)
    pores = rows.porosity[rows.sites[0]] - rows.dry[rows.sites[0]]
    # JULES's hook evaluates the drivers in one layer
    tried = settings.antecedent and not settings.l_layeredc
    drivers = _drivers_of_rows(ds, frame, pores, settings) if tried else {}
    return replace(
        rows,
        dropped=selection.dropped,
        variants=None if variants is None else variants[keep],
        antecedent={name: values[keep] for name, values in drivers.items()},
        ustar={} if threshold is None else {rows.sites[0]: threshold},
    )


def _drivers_of_rows(
    ds: xr.Dataset, frame: pd.DataFrame, pores: float, settings: RespirationSettings
) -> dict[str, _Array]:
    """Drivers of antecedent conditions of the rows of a table, from states at all times but those that the rules exclude."""
    states, rules = state_table(ds, settings), settings.rows
    if "ground" in states and "theta" in states:
        excluded = np.zeros(len(states), dtype=bool)
        if rules.frozen_below is not None:
            excluded |= (states["ground"] < rules.frozen_below).to_numpy()
        if rules.stuck_after is not None:
            excluded |= _stuck(states, pd.Timedelta(rules.stuck_after))
        states["theta"] = states["theta"].mask(excluded)
    drivers = antecedent_drivers(states, pores)
    if settings.target == "ecosystem":
        drivers = {name: values for name, values in drivers.items() if name not in DIURNAL}
    keys = [key for key in ("time", "port") if key in states]
    table = frame[keys].merge(states[keys].assign(**drivers), on=keys, how="left")
    return {name: table[name].to_numpy(dtype=np.float64) for name in drivers}


def _drop_day_and_calm(
    ds: xr.Dataset, frame: pd.DataFrame, rules: RowSettings, selection: _Selection
) -> UstarThreshold | None:
    """Drop rows of the day and of calm nights; return the threshold of friction velocity if it was estimated."""
    selection.drop("day", ~frame["night"].to_numpy(dtype=bool))
    if not selection.keep.any():
        raise BadInput(
            "the record contains no measured flux at night",
            where=place(ds, "nee"),
            remedy="give a record with measured night-time NEE (quality code 0), and check its clock and position",
        )
    # before the friction velocity, whose threshold cannot be estimated from a turned flux
    refuse_turned_sign(frame["flux"][selection.keep], ds, "nee")
    threshold = estimated_ustar(ds, rules)
    ustar_min = least_ustar(rules, threshold)
    if ustar_min is not None and "ustar" in frame:
        selection.drop("friction velocity below threshold", ~(frame["ustar"] >= ustar_min).to_numpy())
    return threshold


def _drop_unusable_values(frame: pd.DataFrame, settings: RespirationSettings, selection: _Selection) -> None:
    """Drop rows with a driver missing or stuck, frozen soil, or a flux out of range."""
    rules = settings.rows
    # sensors fail in frozen soil and get stuck; the state of a model is defined there, and its curves are evaluated there too
    from_sensors = "ground" in frame
    selection.drop("temperature missing", frame["t_soil"].isna().to_numpy())
    if settings.moisture != "none":
        selection.drop("water content missing", frame["theta"].isna().to_numpy())
        if rules.stuck_after is not None and from_sensors:
            selection.drop("water content stuck", _stuck(frame, pd.Timedelta(rules.stuck_after)))
    if rules.frozen_below is not None and from_sensors:
        selection.drop("soil frozen", (frame["ground"] < rules.frozen_below).to_numpy())
    for rule, limit, sign in (("flux too low", rules.least_flux, 1.0), ("flux too high", rules.most_flux, -1.0)):
        if limit is not None:
            selection.drop(rule, (sign * frame["flux"] < sign * limit).to_numpy())


def _site_rows(frame: pd.DataFrame, site: str, porosity: float | None, settings: RespirationSettings) -> Rows:
    """Build the rows of one site from the remaining rows of its table."""
    theta = frame["theta"].to_numpy(dtype=np.float64)
    dry, porosity = _wetness_range(theta, porosity, settings)
    wetness = np.full(len(frame), 0.5)
    if settings.moisture != "none":
        wetness = np.clip((theta - dry) / (porosity - dry), 0.0, 1.0)
    middle = pd.DatetimeIndex(frame["middle"])
    labels = np.full(len(frame), site, dtype=object)
    if settings.chambers == "each" and "port" in frame:
        labels = labels + " port " + frame["port"].astype(str).to_numpy(dtype=object)
    if settings.level == "site-year":
        labels = labels + " " + middle.year.astype(str).to_numpy(dtype=object)
    groups, group = np.unique(labels.astype(str), return_inverse=True)
    return Rows(
        flux=frame["flux"].to_numpy(dtype=np.float64),
        t_soil=frame["t_soil"].to_numpy(dtype=np.float64),
        theta=theta,
        wetness=wetness,
        group=group.astype(np.int64),
        groups=tuple(map(str, groups)),
        site=np.zeros(len(frame), dtype=np.int64),
        sites=(site,),
        time=pd.DatetimeIndex(frame["time"]),
        middle=middle,
        porosity={site: porosity},
        dry={site: dry},
    )


def _wetness_range(theta: _Array, porosity: float | None, settings: RespirationSettings) -> tuple[float, float]:
    """Water content at wetness 0 and 1 [m3 m-3]: zero and the porosity of the site, else quantiles of the record."""
    if settings.moisture == "none":
        return 0.0, 1.0
    if settings.moisture == "relative":
        low, high = np.quantile(theta, [0.01, 0.99])
        return float(low), float(high)
    return 0.0, float(np.quantile(theta, 0.999)) if porosity is None else float(porosity)


def _stuck(frame: pd.DataFrame, longest: pd.Timedelta) -> NDArray[np.bool_]:
    """Whether the water content of a row is part of a run of equal values longer than ``longest``, shape (row,)."""
    keys = ["port"] if "port" in frame else []
    valid = frame[frame["theta"].notna()]
    changed = valid["theta"].ne(valid.groupby(keys)["theta"].shift() if keys else valid["theta"].shift())
    run = changed.groupby([valid[k] for k in keys]).cumsum() if keys else changed.cumsum()
    by = [valid[k] for k in keys] + [run]
    length = valid.groupby(by)["time"].transform("max") - valid.groupby(by)["time"].transform("min")
    stuck: NDArray[np.bool_] = (length > longest).reindex(frame.index, fill_value=False).to_numpy(dtype=bool)
    return stuck


def _joined(parts: list[Rows]) -> Rows:
    """Concatenate the rows of several sites, with groups and sites numbered consecutively."""
    group_start = np.cumsum([0] + [len(part.groups) for part in parts[:-1]])
    rules = dict.fromkeys(rule for part in parts for rule in part.dropped)
    drivers = dict.fromkeys(name for part in parts for name in part.antecedent)
    return Rows(
        flux=np.concatenate([part.flux for part in parts]),
        t_soil=np.concatenate([part.t_soil for part in parts]),
        theta=np.concatenate([part.theta for part in parts]),
        wetness=np.concatenate([part.wetness for part in parts]),
        group=np.concatenate([part.group + start for part, start in zip(parts, group_start, strict=True)]),
        groups=tuple(name for part in parts for name in part.groups),
        site=np.concatenate([np.full(len(part), number) for number, part in enumerate(parts)]),
        sites=tuple(part.sites[0] for part in parts),
        time=pd.DatetimeIndex(np.concatenate([part.time for part in parts])),
        middle=pd.DatetimeIndex(np.concatenate([part.middle for part in parts])),
        porosity={site: value for part in parts for site, value in part.porosity.items()},
        dry={site: value for part in parts for site, value in part.dry.items()},
        dropped={rule: sum(part.dropped.get(rule, 0) for part in parts) for rule in rules},
        antecedent={name: np.concatenate([part.driver(name) for part in parts]) for name in drivers},
        ustar={site: threshold for part in parts for site, threshold in part.ustar.items()},
    )
