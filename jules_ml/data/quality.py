"""Which steps of a record may be used: measured, not filled; night, not dusk; thawed, not frozen.

Each function of a dataset returns a mask along ``time`` and leaves the dataset as it is, so that masks join with ``&`` and can be
counted one by one. A step about which nothing is known (NaN) is never selected.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.record import interval, place, variable
from jules_ml.data.sun import potential_radiation
from jules_ml.errors import BadInput

#: FLUXNET's codes for steps of an hour or less: measured; gap-filled well, fairly, poorly (for meteorology, 2 is reanalysis).
_STEP_CODES = (0.0, 1.0, 2.0, 3.0)

#: Where soil temperature is not measured, the soil counts as this much colder than the air [K].
SOIL_BELOW_AIR: Final = 1.0
#: Radiation that no dusk gives: seen with the sun below the horizon, it tells of a wrong clock or a wrong longitude.
_BROAD_DAYLIGHT = {"sw_down": 50.0, "ppfd": 100.0}


def measured(ds: xr.Dataset, name: str, *, min_fraction: float = 0.8) -> xr.DataArray:
    """Where a variable was measured, not gap-filled.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset that holds ``name`` and its quality code ``<name>_qc``.
    name : str
        Variable to judge.
    min_fraction : float, optional
        For intervals longer than an hour: the least fraction [1] of the interval that must have been measured.

    Returns
    -------
    xarray.DataArray of bool, shape of the variable
        True where the value is present and its code is 0 (steps of an hour or less) or its fraction is at least
        ``min_fraction`` (longer intervals).

    Raises
    ------
    BadInput
        If the variable or its quality code is missing, or a code is none of FLUXNET's.

    Notes
    -----
    The fraction of a daily FLUXNET product counts good gap-filling as measured; nothing in that product tells the two apart.

    References
    ----------
    Pastorello et al. (2020), Scientific Data 7, 225: quality flags of the FLUXNET2015 products.
    """
    values = variable(ds, name)
    where = place(ds, f"{name}_qc")
    if f"{name}_qc" not in ds:
        raise BadInput(
            f"'{name}' has no quality code",
            where=where,
            remedy=f"name the quality column when the file is read, or use ds['{name}'].notnull() if the source fills no gaps",
        )
    codes = ds[f"{name}_qc"]
    by_step = interval(ds) <= pd.Timedelta(hours=1)
    known = codes.isin(_STEP_CODES) if by_step else (codes >= 0.0) & (codes <= 1.0)
    unknown = codes.notnull() & ~known
    if bool(unknown.any()):
        first = {str(d): int(i[0]) for d, i in zip(unknown.dims, np.nonzero(unknown.to_numpy()), strict=True)}
        cell = codes.isel(first)
        raise BadInput(
            f"quality code {float(cell):g} at {pd.Timestamp(cell['time'].item())} is unknown "
            f"({int(unknown.sum())} values)",
            where=where,
            remedy="recode to 0 (measured) and 1, 2, 3 (filled)"
            if by_step
            else "recode to the fraction of the interval that was measured, 0 to 1",
        )
    good = codes == 0.0 if by_step else codes >= min_fraction
    return (good & values.notnull()).rename(f"{name}_measured")


def night(
    ds: xr.Dataset, *, max_potential: float = 1.0, max_sw_down: float = 10.0, max_ppfd: float = 20.0
) -> xr.DataArray:
    """Where it is night: no sun to be had, and none seen.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset of one site, of an hour's interval or less, with ``sw_down`` or ``ppfd``, and with its position or ``sw_pot``.
    max_potential : float, optional
        Potential radiation [W m-2] that still counts as none. The mean over the whole interval is meant, so that a
        step in which the sun rises is not night.
    max_sw_down : float, optional
        Shortwave radiation seen [W m-2], below which it is night.
    max_ppfd : float, optional
        Photon flux seen [umol m-2 s-1], below which it is night; used where ``sw_down`` is missing. 10 W m-2 of
        daylight are about 20 umol m-2 s-1.

    Returns
    -------
    xarray.DataArray of bool, dims ('time',)

    Raises
    ------
    BadInput
        If position and ``sw_pot``, or ``sw_down`` and ``ppfd``, are missing, or daylight is seen in more than 2 % of the steps when the
        sun is below the horizon: then the clock or the longitude is wrong.

    References
    ----------
    Reichstein et al. (2005), Glob. Change Biol. 11, 1424-1439, for the threshold of 10 W m-2 (20 there);
    :func:`~jules_ml.data.sun.potential_radiation` for the sun.
    """
    if interval(ds) > pd.Timedelta(hours=1):
        raise BadInput(
            f"night cannot be told in intervals of {interval(ds)}",
            where=place(ds),
            remedy="give a half-hourly or hourly record",
        )
    if "sw_down" not in ds and "ppfd" not in ds:
        raise BadInput(
            "neither 'sw_down' nor 'ppfd' is there to tell night from day",
            where=place(ds),
            remedy="name the column of shortwave radiation or of photon flux when the file is read",
        )
    potential = ds["sw_pot"] if "sw_pot" in ds else potential_radiation(ds)
    no_sun = potential <= max_potential
    dark = xr.zeros_like(no_sun)
    undecided = xr.ones_like(no_sun)
    for name, limit in (("sw_down", max_sw_down), ("ppfd", max_ppfd)):
        if name not in ds:
            continue
        seen = ds[name]
        _refuse_midnight_sun(ds, name, no_sun & seen.notnull())
        dark = dark | (undecided & (seen < limit))
        undecided = undecided & seen.isnull()
    return (no_sun & dark).rename("night").assign_attrs(long_name="night")


def _refuse_midnight_sun(ds: xr.Dataset, name: str, no_sun: xr.DataArray) -> None:
    bright = no_sun & (ds[name] > _BROAD_DAYLIGHT[name])
    share = float(bright.sum()) / max(int(no_sun.sum()), 1)
    if share > 0.02:
        first = pd.Timestamp(ds["time"].to_numpy()[bright.to_numpy()][0])
        raise BadInput(
            f"daylight ({_BROAD_DAYLIGHT[name]:g} {ds[name].attrs.get('units', '')} and more) in {share:.0%} of the steps when the "
            f"sun is below the horizon, first at {first} UTC",
            where=place(ds, name),
            remedy="correct utc_offset_hours, the place of the stamp in its interval, or the longitude (east is positive)",
        )


def where_measured(ds: xr.Dataset, name: str) -> xr.DataArray:
    """Give the measured values of a variable, and NaN elsewhere; all values where the record has no quality code of it.

    Raises
    ------
    BadInput
        As :func:`measured`.
    """
    return ds[name].where(measured(ds, name)) if f"{name}_qc" in ds else ds[name]


def ground_temperature(t_air: NDArray[np.floating], t_soil: NDArray[np.floating] | None = None) -> NDArray[np.float64]:
    """Temperature by which frost is judged: that of the soil where measured, else that of the air minus 1 K.

    Parameters
    ----------
    t_air : array, shape (...)
        Air temperature [K].
    t_soil : array, shape (...) or (..., depth), optional
        Soil temperature [K], from the top; NaN where not measured. Of several depths the uppermost that was measured counts.

    Returns
    -------
    array, shape of ``t_air``
        [K]; NaN where neither was measured.
    """
    ground = np.asarray(t_air, dtype=np.float64) - SOIL_BELOW_AIR
    if t_soil is None:
        return ground
    columns = t_soil if t_soil.ndim > ground.ndim else t_soil[..., None]
    for depth in reversed(range(columns.shape[-1])):
        ground = np.where(np.isfinite(columns[..., depth]), columns[..., depth], ground)
    return ground


def thawed(
    t_air: NDArray[np.floating], t_soil: NDArray[np.floating] | None = None, *, frozen_below: float
) -> NDArray[np.bool_]:
    """Where the soil is not frozen: the rule of all learned modules.

    Parameters
    ----------
    t_air, t_soil : array
        As :func:`ground_temperature`.
    frozen_below : float
        Soil colder than this counts as frozen [K].

    Returns
    -------
    array of bool, shape of ``t_air``
        False where neither temperature was measured.
    """
    return ground_temperature(t_air, t_soil) >= frozen_below
