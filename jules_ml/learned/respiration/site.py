"""The steps that respiration is learned from, and what was dropped by which rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.quality import ground_temperature, measured
from jules_ml.data.record import interval, place, variable
from jules_ml.data.ustar import UstarThreshold
from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings, RowSettings
from jules_ml.learned.respiration.nights import estimated_ustar, least_ustar, measured_nee, night_rows

#: Fewer rows than this are refused.
MIN_ROWS = 200
#: Rows that a calendar month must have to count, and how many months there must be: three are one season.
_MONTH_ROWS, _MIN_MONTHS = 10, 4
#: Range of the water content that is as good as none [m3 m-3].
_MIN_THETA_RANGE = 0.01

_Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one or several sites, ready to be learned from.

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
        Which level R0 a row has.
    groups : tuple of str
        Their names.
    site : array of int, shape (row,), and ``sites`` : tuple of str
        Where a row comes from.
    time : DatetimeIndex
        End of the interval, UTC.
    middle : DatetimeIndex
        Middle of the interval in local standard time: whose year, month and day count.
    porosity : dict of str to float
        Water content that counts as saturation, or as wettest, by site [m3 m-3].
    dry : dict of str to float
        Water content that counts as none: zero, or the driest where wetness is relative [m3 m-3].
    dropped : dict of str to int
        Rows dropped, by rule, over all sites.
    variants : array, shape (row, variant), optional
        Flux under other thresholds of friction velocity; NaN where it was not measured under them.
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
    ustar: dict[str, UstarThreshold] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.flux)

    def with_flux(self) -> Rows:
        """Rows whose flux is measured under the reference threshold of friction velocity."""
        return self.take(np.isfinite(self.flux))

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Rows:
        """Some of the rows; groups and sites keep their numbers."""
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
        )


def select_rows(sites: xr.Dataset | Sequence[xr.Dataset], settings: RespirationSettings) -> Rows:
    """Choose the rows of one or several site datasets that respiration can be learned from.

    Parameters
    ----------
    sites : xarray.Dataset or sequence of them
        Site datasets with the flux of ``settings.target``, its temperature and ``theta``; towers also with light. The attribute
        ``porosity`` is the water content at saturation [m3 m-3]; without it, it is the 99.9 % quantile of the record.
    settings : RespirationSettings
        What to learn from what.

    Returns
    -------
    Rows

    Raises
    ------
    BadInput
        If a variable is missing or empty; if there is no night; if fewer than 200 rows are left; if they lie in one season;
        if the water content is constant or in %.
    """
    datasets = [sites] if isinstance(sites, xr.Dataset) else list(sites)
    parts = [usable_rows(ds, settings) for ds in datasets]
    names = [part.sites[0] for part in parts]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"site {twice} is given twice", remedy="give each site's record once")
    return parts[0] if len(parts) == 1 else _joined(parts)


def thinned_rows(count: int, most: int) -> NDArray[np.int64]:
    """Numbers of at most so many rows, rising; drawn, for an even stride would see some hours of the day only."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))


def moisture_of(rows: Rows, settings: RespirationSettings) -> _Array:
    """The variable that f's table runs along: water content, or else fraction of saturation."""
    return rows.theta if settings.moisture == "theta" else rows.wetness


class _Selection:
    """Rows that are left, and how many each rule has dropped."""

    def __init__(self, count: int) -> None:
        self.keep = np.ones(count, dtype=bool)
        self.dropped: dict[str, int] = {}

    def drop(self, rule: str, bad: NDArray[np.bool_]) -> None:
        """Drop rows by a rule; those that another rule has dropped are not counted again."""
        self.dropped[rule] = int((bad & self.keep).sum())
        self.keep[bad] = False


def usable_rows(ds: xr.Dataset, settings: RespirationSettings, *, all_hours: bool = False) -> Rows:
    """Rows of one site, as :func:`select_rows`; with ``all_hours`` those of the day too, whatever their friction velocity."""
    frame, variants = _frame(ds, settings)
    selection = _Selection(len(frame))
    elsewhere = np.zeros(len(frame), dtype=bool) if variants is None else np.isfinite(variants).any(axis=1)
    if settings.target == "ecosystem":
        # what is filled under one threshold of friction velocity may be measured under another
        frame["flux"] = frame["flux"].mask(frame["filled"].to_numpy(dtype=bool))
        selection.drop("flux gap-filled", frame["filled"].to_numpy(dtype=bool) & ~elsewhere)
    selection.drop("flux missing", frame["flux"].isna().to_numpy() & ~elsewhere)
    threshold = None
    if settings.target == "ecosystem" and not all_hours:
        threshold = _drop_day_and_calm(ds, frame, settings.rows, selection)
    _drop_unusable_values(frame, settings, selection)
    keep = selection.keep
    _refuse_unusable(frame[keep], settings, selection.dropped, place(ds))
    rows = _site_rows(frame[keep], ds.attrs, settings)
    return replace(
        rows,
        dropped=selection.dropped,
        variants=None if variants is None else variants[keep],
        ustar={} if threshold is None else {rows.sites[0]: threshold},
    )


def _drop_day_and_calm(
    ds: xr.Dataset, frame: pd.DataFrame, rules: RowSettings, selection: _Selection
) -> UstarThreshold | None:
    """Drop rows of the day and of calm nights; give the threshold of friction velocity where it was estimated."""
    selection.drop("day", ~frame["night"].to_numpy(dtype=bool))
    if not selection.keep.any():
        raise BadInput(
            "there is no measured flux at night",
            where=place(ds, "nee"),
            remedy="give a record with night-time NEE that is measured (quality code 0), and check its clock and position",
        )
    threshold = estimated_ustar(ds, rules)
    ustar_min = least_ustar(rules, threshold)
    if ustar_min is not None and "ustar" in frame:
        selection.drop("friction velocity below threshold", ~(frame["ustar"] >= ustar_min).to_numpy())
    return threshold


def _drop_unusable_values(frame: pd.DataFrame, settings: RespirationSettings, selection: _Selection) -> None:
    """Drop rows with a driver missing or stuck, frozen soil, or a flux out of range."""
    rules = settings.rows
    selection.drop("temperature missing", frame["t_soil"].isna().to_numpy())
    if settings.moisture != "none":
        selection.drop("water content missing", frame["theta"].isna().to_numpy())
        if rules.stuck_after is not None:
            selection.drop("water content stuck", _stuck(frame, pd.Timedelta(rules.stuck_after)))
    if rules.frozen_below is not None:
        selection.drop("soil frozen", (frame["ground"] < rules.frozen_below).to_numpy())
    for rule, limit, sign in (("flux too low", rules.least_flux, 1.0), ("flux too high", rules.most_flux, -1.0)):
        if limit is not None:
            selection.drop(rule, (sign * frame["flux"] < sign * limit).to_numpy())


def _site_rows(frame: pd.DataFrame, attributes: Mapping[str, Any], settings: RespirationSettings) -> Rows:
    """Rows of one site from the columns of those that are left, and the attributes of its record."""
    site = str(attributes.get("site", "site"))
    theta = frame["theta"].to_numpy(dtype=np.float64)
    dry, porosity = _wetness_range(theta, attributes.get("porosity"), settings)
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
    """Water content that counts as none and as saturation [m3 m-3]: the porosity of the site, else a quantile of the record."""
    if settings.moisture == "none":
        return 0.0, 1.0
    if settings.moisture == "relative":
        low, high = np.quantile(theta, [0.01, 0.99])
        return float(low), float(high)
    return 0.0, float(np.quantile(theta, 0.999)) if porosity is None else float(porosity)


def _frame(ds: xr.Dataset, settings: RespirationSettings) -> tuple[pd.DataFrame, _Array | None]:
    """Columns that the rules need, one row a step (and chamber)."""
    flux = variable(ds, settings.flux)
    columns = {"flux": flux, "t_soil": _sensor(ds, settings.temperature, settings.temperature_sensor)}
    if settings.moisture != "none":
        columns["theta"] = _sensor(ds, "theta", settings.moisture_sensor)
    for name, values in columns.items():
        if not bool(values.notnull().any()):
            raise BadInput(
                "the column holds no value",
                where=place(ds, {"flux": settings.flux, "t_soil": settings.temperature}.get(name, name)),
                remedy="name the column that holds it when the file is read, or leave this record out"
                + (", or set moisture = 'none' to learn from temperature alone" if name == "theta" else ""),
            )
    if "theta" in columns and float(columns["theta"].max()) > 1.0:
        raise BadInput(
            f"the water content reaches {float(columns['theta'].max()):g}, which no soil holds in m3 m-3",
            where=place(ds, "theta"),
            remedy="the column seems to be in %: say so where its unit is given, or divide it by 100",
        )
    variants = None
    columns["ground"] = columns["t_soil"] if settings.temperature == "t_soil" else _ground(ds, columns["t_soil"])
    if settings.target == "ecosystem":
        columns["night"] = night_rows(ds, settings.rows)
        columns["filled"] = ~measured_nee(ds, settings.rows)
        if "nee_ustar" in ds:
            variants = ds["nee_ustar"].where(measured(ds, "nee_ustar")).to_numpy()
        elif (
            "ustar" in ds
        ):  # where the source has filtered under several thresholds, one of ours on top would undo them
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


def _ground(ds: xr.Dataset, t_air: xr.DataArray) -> xr.DataArray:
    """Temperature by which frost is judged, where g depends on that of the air."""
    soil = None
    if "t_soil" in ds:
        t_air, t_soil = xr.broadcast(t_air, _sensor(ds, "t_soil", 0))
        soil = t_soil.to_numpy()
    return t_air.copy(data=ground_temperature(t_air.to_numpy(), soil))


def _of_chambers(columns: dict[str, xr.DataArray], settings: RespirationSettings) -> pd.DataFrame:
    """Steps of chambers in which flux, temperature and water content are all there; their mean, or each."""
    # a chamber without one of the three would bring a mean of different chambers together
    whole = xr.Dataset(columns).where(np.logical_and.reduce([v.notnull() for v in xr.broadcast(*columns.values())]))
    if settings.chambers == "mean":
        return whole.mean("port").to_dataframe()[list(columns)].reset_index()
    frame = whole.to_dataframe()[list(columns)].dropna().reset_index()
    return frame.sort_values(["time", "port"], ignore_index=True)


def _sensor(ds: xr.Dataset, name: str, number: int) -> xr.DataArray:
    values = variable(ds, name)
    if "depth" not in values.dims:
        return values
    if number >= ds.sizes["depth"]:
        raise BadInput(
            f"there are {ds.sizes['depth']} sensor(s) and number {number} was asked for",
            where=place(ds, name),
            remedy=f"give a number from 0 to {ds.sizes['depth'] - 1}, from the top",
        )
    return values.isel(depth=number)


def _stuck(frame: pd.DataFrame, longest: pd.Timedelta) -> NDArray[np.bool_]:
    """Where the water content has repeated itself for longer than ``longest``."""
    keys = ["port"] if "port" in frame else []
    known = frame[frame["theta"].notna()]
    changed = known["theta"].ne(known.groupby(keys)["theta"].shift() if keys else known["theta"].shift())
    run = changed.groupby([known[k] for k in keys]).cumsum() if keys else changed.cumsum()
    by = [known[k] for k in keys] + [run]
    length = known.groupby(by)["time"].transform("max") - known.groupby(by)["time"].transform("min")
    return (length > longest).reindex(frame.index, fill_value=False).to_numpy()


def _refuse_unusable(frame: pd.DataFrame, settings: RespirationSettings, dropped: dict[str, int], where: str) -> None:
    if len(frame) < MIN_ROWS:
        listed = ", ".join(f"{rule}: {count}" for rule, count in dropped.items() if count)
        raise BadInput(
            f"{len(frame)} usable rows are left of at least {MIN_ROWS} (dropped by {listed or 'no rule'})",
            where=where,
            remedy="give a longer record, or loosen the rule that drops the most under [respiration.rows]",
        )
    months = pd.DatetimeIndex(frame["middle"]).month
    seen = pd.Series(months).value_counts()
    kept = sorted(int(m) for m in seen.index[seen >= _MONTH_ROWS])
    if len(kept) < _MIN_MONTHS:
        raise BadInput(
            f"the rows lie in {len(kept)} calendar month(s) ({', '.join(map(str, kept))}): one season, in which temperature, "
            "water and the plants change together",
            where=where,
            remedy=f"give a record with rows in at least {_MIN_MONTHS} calendar months",
        )
    if settings.moisture != "none":
        low, high = np.quantile(frame["theta"], [0.01, 0.99])
        if high - low < _MIN_THETA_RANGE:
            raise BadInput(
                f"the water content stays between {low:.3f} and {high:.3f} m3 m-3: f cannot be learned",
                where=f"{where}, variable theta",
                remedy="check the sensor, or set moisture = 'none' to learn from temperature alone",
            )


def _joined(parts: list[Rows]) -> Rows:
    """Several sites as one, their groups and sites numbered on."""
    group_start = np.cumsum([0] + [len(part.groups) for part in parts[:-1]])
    rules = dict.fromkeys(rule for part in parts for rule in part.dropped)
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
        ustar={site: threshold for part in parts for site, threshold in part.ustar.items()},
    )
