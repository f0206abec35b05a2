"""Errors for rows that respiration cannot be fitted to: too few, of one season, with a reversed sign, or with a driver that is constant."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from jules_ml.data.record import dropped_by_rules, place
from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings

#: Keys of the rules that apply to rows with a measured flux, at a tower those of the night.
KEYS: Final = {
    "friction velocity below threshold": "[respiration.rows] ustar_min",
    "temperature missing": "[respiration] temperature_sensor",
    "water content missing": "[respiration] moisture_sensor, or moisture = 'none'",
    "water content stuck": "[respiration.rows] stuck_after",
    "soil frozen": "[respiration.rows] frozen_below",
    "flux too low": "[respiration.rows] least_flux",
    "flux too high": "[respiration.rows] most_flux",
}
#: Minimum number of rows.
MIN_ROWS: Final = 200
#: Minimum number of rows in a calendar month, and minimum number of such months: three would be a single season.
_MONTH_ROWS, _MIN_MONTHS = 10, 4
#: Range, from the 1 to the 99 % quantile, below which the water content [m3 m-3] and the temperature [K] are treated as constant.
_MIN_THETA_RANGE, _MIN_T_RANGE = 0.01, 0.5
#: Fraction of negative values from which on respiration has a reversed sign, and fewest values to decide by. At night at FI-Hyy 6 % are
#: negative, in the Hanford desert (US-Hn1) 17 %, and 34 % in its worst month.
_TURNED, _LEAST_VALUES = 0.6, 50


def has_turned_sign(flux: ArrayLike) -> bool:
    """Whether respiration, or NEE at night, is negative in most rows; NaN is left out.

    Parameters
    ----------
    flux : array, shape (row,)
        Flux, positive upward [umol m-2 s-1].
    """
    values = np.asarray(flux, dtype=np.float64)
    values = values[np.isfinite(values)]
    return len(values) >= _LEAST_VALUES and bool((values < 0.0).mean() > _TURNED and values.mean() < 0.0)


def refuse_turned_sign(flux: ArrayLike, ds: xr.Dataset, name: str) -> None:
    """Refuse a flux whose sign is reversed.

    Parameters
    ----------
    flux : array, shape (row,)
        Measured respiration, at a tower NEE of the night, positive upward [umol m-2 s-1].
    ds : xarray.Dataset
        Site dataset, for the message.
    name : str
        Variable of the flux.

    Raises
    ------
    BadInput
        If most values are negative.
    """
    if not has_turned_sign(flux):
        return
    values = np.asarray(flux, dtype=np.float64)
    values = values[np.isfinite(values)]
    column = str(ds[name].attrs.get("column", name))
    what = "NEE at night" if name == "nee" else "respiration"
    raise BadInput(
        f"the sign of {name} is reversed: {what} is negative in {(values < 0.0).mean():.0%} of {len(values)} measured rows "
        f"(mean {values.mean():.2g} umol m-2 s-1), but an ecosystem releases CO2 without light",
        where=place(ds, name),
        remedy=f"{name} is positive upward, from the ground to the air: set scale = -1.0 for column {column} in [data.columns] of reader "
        "'table', or reverse the sign in the file. If the sign is right, check the clock of the record",
    )


def refuse_unusable(
    frame: pd.DataFrame, settings: RespirationSettings, dropped: dict[str, int], ds: xr.Dataset
) -> None:
    """Refuse too few rows, rows of one season, and a constant temperature or water content.

    Parameters
    ----------
    frame : DataFrame
        Remaining rows with ``middle``, ``t_soil`` [K] and ``theta`` [m3 m-3].
    settings : RespirationSettings
    dropped : dict of str to int
        Rows dropped, by rule.
    ds : xarray.Dataset
        Site dataset, for the message.

    Raises
    ------
    BadInput
        In any of these cases.
    """
    where = place(ds) + dropped_by_rules(ds)
    if len(frame) < MIN_ROWS:
        listed = ", ".join(f"{rule}: {count}" for rule, count in dropped.items() if count)
        raise BadInput(
            f"{len(frame)} usable rows remain, and {MIN_ROWS} are needed (dropped by {listed or 'no rule'})",
            where=where,
            remedy=_few_rows_remedy(dropped),
        )
    months = pd.DatetimeIndex(frame["middle"]).month
    counts = pd.Series(months).value_counts()
    covered = sorted(int(m) for m in counts.index[counts >= _MONTH_ROWS])
    if len(covered) < _MIN_MONTHS:
        raise BadInput(
            f"the rows cover only {len(covered)} calendar {'month' if len(covered) == 1 else 'months'} ({', '.join(map(str, covered))}): "
            "in one season the effects of temperature, water and plants cannot be told apart",
            where=where,
            remedy=f"give a record with rows in at least {_MIN_MONTHS} calendar months",
        )
    low, high = np.quantile(frame["t_soil"], [0.01, 0.99])
    if high - low < _MIN_T_RANGE:
        raise BadInput(
            f"the temperature varies only between {low:.2f} and {high:.2f} K, and g cannot be fitted to it",
            where=place(ds, settings.temperature),
            remedy="check the sensor, choose another one by temperature_sensor under [respiration], or set temperature = "
            f"'{'t_air' if settings.temperature == 't_soil' else 't_soil'}'",
        )
    if settings.moisture != "none":
        low, high = np.quantile(frame["theta"], [0.01, 0.99])
        if high - low < _MIN_THETA_RANGE:
            raise BadInput(
                f"the water content varies only between {low:.3f} and {high:.3f} m3 m-3, and f cannot be fitted to it",
                where=place(ds, "theta"),
                remedy="check the sensor, or set moisture = 'none' to fit temperature alone",
            )


def _few_rows_remedy(dropped: dict[str, int]) -> str:
    """Name the rule that drops most rows with a measured flux, and its key."""
    worst = max(KEYS, key=lambda rule: dropped.get(rule, 0))
    if not dropped.get(worst):
        return "give a longer record, or relax the rule that drops most rows under [respiration.rows]"
    return f"check the column and the unit behind the rule '{worst}', relax it ({KEYS[worst]}), or give a longer record"
