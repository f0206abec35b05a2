"""Surface temperature and soil water index as satellites observe them, calculated from tower data."""

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
    r"""Land surface temperature from longwave radiation measured at a tower.

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
        ``lst`` [K]; NaN if either flux is missing. It is an *all-sky mean* over the interval: not the clear-sky temperature at
        overpass of a thermal satellite product. It is a radiometric mean (fourth root of the mean flux), which over a day exceeds the
        arithmetic mean by some tenths of a kelvin.

    Raises
    ------
    BadInput
        If a variable is missing, the emissivity is invalid, or a temperature is outside the valid range.

    References
    ----------
    Stefan-Boltzmann law for a grey surface, as used with towers by Wang and Liang (2009), Remote Sens. Environ. 113, 1556-1568.
    """
    if not 0.85 <= emissivity <= 1.0:
        raise BadInput(
            f"emissivity {emissivity:g} is outside the range of land surfaces",
            where=place(ds, "lst"),
            remedy="give a broadband emissivity between 0.85 and 1",
        )
    lw_up, lw_down = variable(ds, "lw_up"), variable(ds, "lw_down")
    emitted = lw_up - (1.0 - emissivity) * lw_down
    if bool((emitted <= 0.0).any()):
        raise BadInput(
            f"{int((emitted <= 0.0).sum())} values of lw_up are smaller than the reflected lw_down",
            where=place(ds, "lw_up"),
            remedy="check whether lw_up and lw_down are exchanged, or are net fluxes",
        )
    lst: xr.DataArray = (emitted / (emissivity * Stefan_Boltzmann)) ** 0.25
    check_values("lst", lst.transpose("time", ...).to_numpy(), time=end_of_interval(ds), where=place(ds))
    definition = VARIABLES["lst"]
    return lst.rename("lst").assign_attrs(
        units=definition.units,
        long_name=definition.long_name,
        standard_name=definition.standard_name,
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
    r"""Soil water index: exponentially filtered surface soil moisture, as an estimate of root-zone soil moisture.

    At each observation :math:`m_n` at time :math:`t_n`

    .. math::

        K_n = \frac{K_{n-1}}{K_{n-1} + e^{-(t_n - t_{n-1})/T}}, \qquad
        SWI_n = SWI_{n-1} + K_n (m_n - SWI_{n-1})

    with :math:`K = 1` and :math:`SWI = m` at the first observation. The index is constant between observations. In a gap the gain increases
    and returns to 1 after many T; after ``max_gap`` it is set to 1, and the index is missing until the next observation. The index does
    not depend on later observations.

    Parameters
    ----------
    ssm : xarray.DataArray, dims ('time', ...)
        Surface soil moisture: relative (0 to 1) for an index of 0 to 1, or θ [m3 m-3]; the index has the same unit. NaN if
        not observed. The time stamps need not be evenly spaced.
    t_value : float or sequence of float
        Characteristic time T [day], positive.
    step : Timedelta, optional
        Time step of a complete record, the reference of ``swi_quality``; default: the most frequent step of ``time``.
    max_gap : float, optional
        Longest gap that the filter bridges [day]; default: no limit.

    Returns
    -------
    xarray.Dataset, dims ('t_value', 'time', ...)
        ``swi``, in the units of ``ssm``, NaN before the first observation; ``swi_gain`` [1], the gain of the last observation; and
        ``swi_quality`` [1], the weight of all past observations relative to that of an infinitely long complete record:
        :math:`(1 - e^{-step/T}) \sum_i e^{-(t - t_i)/T}`, at most 1.

    Raises
    ------
    BadInput
        If there is no observation, time stamps are not in order, values are in %, or T or the gap is not positive.

    References
    ----------
    Wagner, Lemoine and Rott (1999), Remote Sens. Environ. 70, 191-207; recursive form with gain: Albergel et al. (2008), Hydrol. Earth
    Syst. Sci. 12, 1323-1337, eqs 4-5; quality: Copernicus Land, Product User Manual of SWI (QFLAG).
    """
    where = f"variable {ssm.name or 'ssm'}"
    times = _observation_times(ssm, where)
    scales = np.atleast_1d(np.asarray(t_value, dtype=np.float64))
    if scales.size == 0 or not (scales > 0.0).all() or (max_gap is not None and not max_gap > 0.0):
        raise BadInput(
            "t_value or max_gap is not positive",
            where=where,
            remedy="give both in days, for example t_value=[5, 20], max_gap=30",
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
    swi, gain, weight = _filter(values, days.to_numpy(), scales, np.inf if max_gap is None else max_gap)
    column = (slice(None),) + (None,) * values.ndim
    quality = np.minimum(weight * -np.expm1(-full / scales)[column], 1.0)
    dims = ("t_value", "time", *(d for d in ssm.dims if d != "time"))
    coords = {name: c for name, c in ssm.coords.items() if set(c.dims) <= set(dims)}
    coords["t_value"] = xr.DataArray(
        scales, dims="t_value", attrs={"units": "day", "long_name": "characteristic time of the exponential filter"}
    )
    units = ssm.attrs.get("units", "1")
    return xr.Dataset(
        {
            "swi": (dims, swi, {"units": units, "long_name": VARIABLES["swi"].long_name}),
            "swi_gain": (dims, gain, {"units": "1", "long_name": "gain of the last observation"}),
            "swi_quality": (
                dims,
                quality,
                {"units": "1", "long_name": "weight of the observations, 1 for a complete record"},
            ),
        },
        coords=coords,
    )


def _filter(
    values: NDArray[np.float64], days: NDArray[np.float64], scales: NDArray[np.float64], max_gap: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Run the recursion over (time, ...) for all T at once; index, gain and weight have shape (T, time, ...)."""
    shape = (scales.size, *values.shape[1:])
    column = (slice(None),) + (None,) * (values.ndim - 1)
    index, gain = np.full(shape, np.nan), np.full(shape, np.nan)
    weight = np.zeros(shape)  # reciprocal of the gain, which decays: sum of exp(-(t - t_i) / T)
    age = np.full(values.shape[1:], np.inf)
    out = np.empty((3, len(days), *shape))
    is_observed = np.isfinite(values)
    for i, (observed, value) in enumerate(zip(is_observed, values, strict=True)):
        elapsed = days[i] - days[i - 1] if i else 0.0
        age = age + elapsed
        lost = age > max_gap
        weight = np.where(lost, 0.0, weight * np.exp(-elapsed / scales)[column])
        weight = weight + observed
        gain = np.where(observed, 1.0 / np.where(observed, weight, 1.0), np.where(lost, np.nan, gain))
        before = np.where(weight > 1.0, index, value)  # with a weight of 1 there is no earlier observation
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
            "time stamps are duplicate or not in order",
            where=where,
            remedy="sort by time and keep one value for each time stamp",
        )
    return times


def _refuse_percent(values: NDArray[np.float64], where: str) -> None:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if low < 0.0 or high > 1.0:
        raise BadInput(
            f"surface soil moisture ranges from {low:g} to {high:g}, outside 0 to 1",
            where=where,
            remedy="divide percentages by 100, and set missing values to NaN",
        )
