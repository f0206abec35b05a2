"""Masks of the usable steps of a record: measured, night-time, thawed.

Each function returns a mask along ``time`` and does not change the dataset, so masks can be combined with ``&`` and counted one by
one. Missing values (NaN) are never selected.
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

#: FLUXNET's codes for steps of an hour or less: measured; gap-filled with good, medium, poor quality (for meteorology, 2 is reanalysis).
_STEP_CODES = (0.0, 1.0, 2.0, 3.0)

#: Difference between air and soil temperature that is assumed if soil temperature is missing [K].
SOIL_BELOW_AIR: Final = 1.0
#: Radiation that exceeds that of any twilight; with the sun below the horizon, it indicates a wrong clock or longitude.
_BROAD_DAYLIGHT = {"sw_down": 50.0, "ppfd": 100.0}
#: Potential and measured shortwave radiation [W m-2], and photon flux density [umol m-2 s-1], up to which it is night.
NIGHT_POTENTIAL, NIGHT_SW_DOWN, NIGHT_PPFD = 1.0, 10.0, 20.0


def measured(ds: xr.Dataset, name: str, *, min_fraction: float = 0.8) -> xr.DataArray:
    """Mask of the steps in which a variable was measured, not gap-filled.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset with ``name`` and its quality code ``<name>_qc``.
    name : str
        Variable.
    min_fraction : float, optional
        For intervals longer than an hour: minimum measured fraction of the interval [1].

    Returns
    -------
    xarray.DataArray of bool, shape of the variable
        True where the value is present and its code is 0 (steps of an hour or less) or its fraction is at least
        ``min_fraction`` (longer intervals).

    Raises
    ------
    BadInput
        If the variable or its quality code is missing, or a code is not one of FLUXNET's.

    Notes
    -----
    The fraction of a daily FLUXNET product includes gap-filled values of good quality, which cannot be distinguished from measured values.

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
            remedy=f"set the quality column in the reader, or use ds['{name}'].notnull() if the source does not fill gaps",
        )
    codes = ds[f"{name}_qc"]
    by_step = interval(ds) <= pd.Timedelta(hours=1)
    valid = codes.isin(_STEP_CODES) if by_step else (codes >= 0.0) & (codes <= 1.0)
    unknown = codes.notnull() & ~valid
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
    ds: xr.Dataset,
    *,
    max_potential: float | None = NIGHT_POTENTIAL,
    max_sw_down: float = NIGHT_SW_DOWN,
    max_ppfd: float = NIGHT_PPFD,
) -> xr.DataArray:
    """Mask of night-time steps: potential and measured radiation are below their limits.

    Every choice of night rows calls this function.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset of one site, with an interval of at most an hour, ``sw_down`` or ``ppfd``, and its position or ``sw_pot``.
    max_potential : float or None, optional
        Maximum potential radiation at night [W m-2], as a mean over the interval, so that a step with sunrise is not
        night; None to decide by the measured radiation alone.
    max_sw_down : float, optional
        Measured shortwave radiation below which it is night [W m-2].
    max_ppfd : float, optional
        Measured photon flux density below which it is night [umol m-2 s-1]; used where ``sw_down`` is missing. 10 W m-2 of
        daylight are about 20 umol m-2 s-1.

    Returns
    -------
    xarray.DataArray of bool, dims ('time',)

    Raises
    ------
    BadInput
        If position and ``sw_pot``, or ``sw_down`` and ``ppfd``, are missing, or more than 2 % of the steps with the sun below
        the horizon have daylight, since the clock or the longitude is then wrong.

    References
    ----------
    Reichstein et al. (2005), Glob. Change Biol. 11, 1424-1439, for the threshold of 10 W m-2 (20 there);
    :func:`~jules_ml.data.sun.potential_radiation` for the sun.
    """
    if interval(ds) > pd.Timedelta(hours=1):
        raise BadInput(
            f"night cannot be determined from intervals of {interval(ds)}",
            where=place(ds),
            remedy="give a half-hourly or hourly record",
        )
    if "sw_down" not in ds and "ppfd" not in ds:
        raise BadInput(
            "'sw_down' and 'ppfd' are missing, so night cannot be determined",
            where=place(ds),
            remedy="name the column of shortwave radiation (sw_down) or photon flux (ppfd) in [data]",
        )
    if max_potential is None:
        no_sun = xr.ones_like(ds["sw_down" if "sw_down" in ds else "ppfd"], dtype=bool)
    else:
        no_sun = (ds["sw_pot"] if "sw_pot" in ds else potential_radiation(ds)) <= max_potential
    dark = xr.zeros_like(no_sun)
    undecided = xr.ones_like(no_sun)
    for name, limit in (("sw_down", max_sw_down), ("ppfd", max_ppfd)):
        if name not in ds:
            continue
        radiation = ds[name]
        if max_potential is not None:
            _refuse_midnight_sun(ds, name, no_sun & radiation.notnull())
        dark = dark | (undecided & (radiation < limit))
        undecided = undecided & radiation.isnull()
    return (no_sun & dark).rename("night").assign_attrs(long_name="night")


def _refuse_midnight_sun(ds: xr.Dataset, name: str, no_sun: xr.DataArray) -> None:
    bright = no_sun & (ds[name] > _BROAD_DAYLIGHT[name])
    fraction = float(bright.sum()) / max(int(no_sun.sum()), 1)
    if fraction > 0.02:
        first = pd.Timestamp(ds["time"].to_numpy()[bright.to_numpy()][0])
        raise BadInput(
            f"daylight ({_BROAD_DAYLIGHT[name]:g} {ds[name].attrs.get('units', '')} and more) in {fraction:.0%} of the steps with the "
            f"sun below the horizon, first at {first} UTC",
            where=place(ds, name),
            remedy="correct utc_offset_hours (local standard time minus UTC), the position of the time stamp in its interval, or the "
            "latitude and longitude (east is positive)",
        )


def where_measured(ds: xr.Dataset, name: str) -> xr.DataArray:
    """Return the measured values of a variable, NaN elsewhere; all values if the record has no quality code for it.

    Raises
    ------
    BadInput
        As :func:`measured`.
    """
    return ds[name].where(measured(ds, name)) if f"{name}_qc" in ds else ds[name]


def ground_temperature(t_air: NDArray[np.floating], t_soil: NDArray[np.floating] | None = None) -> NDArray[np.float64]:
    """Temperature for the frost rule: soil temperature if measured, otherwise air temperature minus 1 K.

    Parameters
    ----------
    t_air : array, shape (...)
        Air temperature [K].
    t_soil : array, shape (...) or (..., depth), optional
        Soil temperature [K], from the top; NaN where not measured. Of several depths, the uppermost measured one is used.

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
    """Mask of the steps with unfrozen soil: the frost rule of all learned modules.

    Parameters
    ----------
    t_air, t_soil : array
        See :func:`ground_temperature`.
    frozen_below : float
        Temperature below which the soil is frozen [K].

    Returns
    -------
    array of bool, shape of ``t_air``
        False where neither temperature was measured.
    """
    return ground_temperature(t_air, t_soil) >= frozen_below
