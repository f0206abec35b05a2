"""What satellites see of the soil, and what stands in for them at a tower: surface temperature and soil water index."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.constants import Stefan_Boltzmann

from jules_ml.data.record import end_of_interval, place, variable
from jules_ml.data.site import check_values
from jules_ml.data.variables import VARIABLES
from jules_ml.errors import BadInput


def lst_from_longwave(ds: xr.Dataset, *, emissivity: float = 0.98) -> xr.DataArray:
    r"""Land surface temperature from the longwave radiation that a tower measures.

    .. math:: T_s = \left(\frac{L_\uparrow - (1 - \varepsilon) L_\downarrow}{\varepsilon \sigma}\right)^{1/4}

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset with ``lw_up`` and ``lw_down`` [W m-2]; mask filled values first, see :func:`~jules_ml.data.quality.measured`.
    emissivity : float, optional
        Broadband emissivity of the surface [1], 0.85 (bare quartz sand) to 1; 0.98 suits vegetation.

    Returns
    -------
    xarray.DataArray, shape of ``lw_up``
        ``lst`` [K]; NaN where either flux is missing. It is an *all-sky mean* over the interval: not the clear-sky temperature at
        overpass that a thermal satellite product gives, and of a radiometric kind (fourth root of the mean flux), which over a day
        exceeds the plain mean by some tenths of a kelvin.

    Raises
    ------
    BadInput
        If a variable is missing, the emissivity is impossible, or a temperature comes out of any physical range.

    References
    ----------
    Stefan-Boltzmann law for a grey surface, as used with towers by Wang and Liang (2009), Remote Sens. Environ. 113, 1556-1568.
    """
    if not 0.85 <= emissivity <= 1.0:
        raise BadInput(
            f"emissivity {emissivity:g} is not that of a land surface",
            where=place(ds, "lst"),
            remedy="give a broadband emissivity between 0.85 and 1",
        )
    lw_up, lw_down = variable(ds, "lw_up"), variable(ds, "lw_down")
    emitted = lw_up - (1.0 - emissivity) * lw_down
    if bool((emitted <= 0.0).any()):
        raise BadInput(
            f"{int((emitted <= 0.0).sum())} values of lw_up are smaller than the part of lw_down that is reflected",
            where=place(ds, "lw_up"),
            remedy="see whether lw_up and lw_down are exchanged, or are net fluxes",
        )
    lst = (emitted / (emissivity * Stefan_Boltzmann)) ** 0.25
    check_values("lst", lst.transpose("time", ...).to_numpy(), time=end_of_interval(ds), where=place(ds))
    known = VARIABLES["lst"]
    return lst.rename("lst").assign_attrs(
        units=known.units,
        long_name=known.long_name,
        standard_name=known.standard_name,
        cell_methods="time: mean",
        comment=f"all-sky mean from longwave fluxes, emissivity {emissivity:g}; not a clear-sky overpass",
    )


def soil_water_index(
    ssm: xr.DataArray,
    *,
    t_value: float | Sequence[float],
    step: pd.Timedelta | None = None,
    max_gap: float | None = None,
) -> xr.Dataset:
    r"""Soil water index: the surface soil moisture, filtered exponentially in time, in place of that of the root zone.

    At each observation :math:`m_n` at time :math:`t_n`

    .. math::

        K_n = \frac{K_{n-1}}{K_{n-1} + e^{-(t_n - t_{n-1})/T}}, \qquad
        SWI_n = SWI_{n-1} + K_n (m_n - SWI_{n-1})

    with :math:`K = 1` and :math:`SWI = m` at the first. Between observations the index keeps its value. A gap makes the gain grow by
    itself: after many T it is back at 1; past ``max_gap`` it is set to 1, and the index is missing until the next observation.
    Nothing depends on later observations.

    Parameters
    ----------
    ssm : xarray.DataArray, dims ('time', ...)
        Surface soil moisture: relative (0 to 1) for an index of 0 to 1, or θ [m3 m-3], in whose units the index then comes. NaN where
        not observed. The stamps need not be evenly spaced.
    t_value : float or sequence of float
        Characteristic time T [day], any positive numbers.
    step : Timedelta, optional
        Spacing of a full record, against which ``swi_quality`` is measured; the most frequent spacing of ``time`` when not given.
    max_gap : float, optional
        Longest time without observation [day] that the filter bridges; no limit when not given.

    Returns
    -------
    xarray.Dataset, dims ('t_value', 'time', ...)
        ``swi``, in the units of ``ssm``, NaN before the first observation; ``swi_gain`` [1], the gain of the last observation; and
        ``swi_quality`` [1], the weight of all observations up to then as a part of that of an endless full record:
        :math:`(1 - e^{-step/T}) \sum_i e^{-(t - t_i)/T}`, at most 1.

    Raises
    ------
    BadInput
        If there is no observation, stamps are out of order, values are percentages, or T or the gap is not positive.

    References
    ----------
    Wagner, Lemoine and Rott (1999), Remote Sens. Environ. 70, 191-207; recursive form with gain: Albergel et al. (2008), Hydrol. Earth
    Syst. Sci. 12, 1323-1337, eqs 4-5; quality: Copernicus Land, Product User Manual of SWI (QFLAG).
    """
    where = f"variable {ssm.name or 'ssm'}"
    times = _observation_times(ssm, where)
    lasts = np.atleast_1d(np.asarray(t_value, dtype=np.float64))
    if lasts.size == 0 or not (lasts > 0.0).all() or (max_gap is not None and not max_gap > 0.0):
        raise BadInput(
            "a characteristic time or longest gap is not positive",
            where=where,
            remedy="give T and max_gap in days, for example t_value=[5, 20], max_gap=30",
        )
    values = ssm.transpose("time", ...).to_numpy().astype(np.float64)
    _refuse_percent(values, where)
    days = (times - times[0]) / pd.Timedelta(days=1)
    spacing = np.diff(days)
    if step is not None:
        full = step / pd.Timedelta(days=1)
    elif spacing.size:
        full = float(pd.Series(spacing).mode().iloc[0])
    else:
        full = 1.0
    swi, gain, weight = _filter(values, days.to_numpy(), lasts, np.inf if max_gap is None else max_gap)
    column = (slice(None),) + (None,) * values.ndim
    quality = np.minimum(weight * -np.expm1(-full / lasts)[column], 1.0)
    dims = ("t_value", "time", *(d for d in ssm.dims if d != "time"))
    coords = {name: c for name, c in ssm.coords.items() if set(c.dims) <= set(dims)}
    coords["t_value"] = xr.DataArray(
        lasts, dims="t_value", attrs={"units": "day", "long_name": "characteristic time of the exponential filter"}
    )
    units = ssm.attrs.get("units", "1")
    return xr.Dataset(
        {
            "swi": (dims, swi, {"units": units, "long_name": VARIABLES["swi"].long_name}),
            "swi_gain": (dims, gain, {"units": "1", "long_name": "gain of the last observation"}),
            "swi_quality": (
                dims,
                quality,
                {"units": "1", "long_name": "weight of the observations, 1 for a full record"},
            ),
        },
        coords=coords,
    )


def _filter(
    values: NDArray[np.float64], days: NDArray[np.float64], lasts: NDArray[np.float64], max_gap: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Run the recursion over (time, ...) for all T at once; index, gain and weight come as (T, time, ...)."""
    shape = (lasts.size, *values.shape[1:])
    column = (slice(None),) + (None,) * (values.ndim - 1)
    index, gain = np.full(shape, np.nan), np.full(shape, np.nan)
    weight = np.zeros(shape)  # the reciprocal of the gain, left to decay: sum of exp(-(t - t_i) / T)
    age = np.full(values.shape[1:], np.inf)
    out = np.empty((3, len(days), *shape))
    seen = np.isfinite(values)
    for i, (observed, value) in enumerate(zip(seen, values, strict=True)):
        elapsed = days[i] - days[i - 1] if i else 0.0
        age = age + elapsed
        lost = age > max_gap
        weight = np.where(lost, 0.0, weight * np.exp(-elapsed / lasts)[column])
        weight = weight + observed
        gain = np.where(observed, 1.0 / np.where(observed, weight, 1.0), np.where(lost, np.nan, gain))
        before = np.where(weight > 1.0, index, value)  # a weight of 1 is that of this observation alone
        index = np.where(observed, before + gain * (value - before), np.where(lost, np.nan, index))
        age = np.where(observed, 0.0, age)
        out[:, i] = index, gain, weight
    swi, gains, weights = np.moveaxis(out, 2, 1)
    return swi, gains, weights


def _observation_times(ssm: xr.DataArray, where: str) -> pd.DatetimeIndex:
    if "time" not in ssm.dims or ssm.sizes["time"] == 0 or not bool(ssm.notnull().any()):
        raise BadInput(
            "there is no observation of surface soil moisture",
            where=where,
            remedy="give an array along 'time' with at least one value",
        )
    times = pd.DatetimeIndex(ssm["time"].to_numpy())
    if not (times.is_monotonic_increasing and times.is_unique):
        raise BadInput(
            "time stamps are repeated or out of order",
            where=where,
            remedy="sort by time and keep one value a stamp, for the filter runs forward",
        )
    return times


def _refuse_percent(values: NDArray[np.float64], where: str) -> None:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if low < 0.0 or high > 1.0:
        raise BadInput(
            f"surface soil moisture runs from {low:g} to {high:g}, not within 0 to 1",
            where=where,
            remedy="divide percentages by 100, and set missing values to NaN",
        )
