"""Point series of satellite products: surface temperature of MODIS and of Copernicus, soil water index and soil moisture of Copernicus.

Files are CSV or netCDF with one value for each time. A MODIS series from AppEEARS has columns such as ``MOD11A1_061_LST_Day_1km``, in
kelvin, with 0 for missing values, and a quality word. The Copernicus service has ``LST``, and ``SWI_001`` to ``SWI_100`` [%], one column
for each T-value, with ``QFLAG_001`` etc., or surface soil moisture ``SSM`` [%].

References
----------
Wan (2014), Remote Sens. Environ. 140, 36-45 (MOD11); Freitas et al. (2013), IEEE Trans. Geosci. Remote Sens. 51, 3060-3070 (Copernicus
LST); Bauer-Marschallinger et al. (2018), Remote Sens. 10, 1030 (Copernicus SWI); product user manuals of the Copernicus Land service.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.missing_codes import isolated_codes
from jules_ml.data.netcdffile import read_cf
from jules_ml.data.readers.satellite_table import read_satellite_table, refuse_disorder
from jules_ml.data.record import end_of_interval, interval, place
from jules_ml.data.satellite import soil_water_index
from jules_ml.data.units import refuse_fraction_as_percent
from jules_ml.data.variables import VARIABLES
from jules_ml.errors import BadInput
from jules_ml.physics.constants import SECONDS_PER_DAY

_LST = re.compile(r"(.*_)?LST(_(Day|Night)(_1km)?)?$", re.IGNORECASE)
_MODIS = re.compile(r"(?P<head>.*_)?LST_(?P<part>Day|Night)_1km$", re.IGNORECASE)
#: Largest byte of the Copernicus SWI that is a value; larger ones are codes for no data, water, frozen soil etc.
_SWI_MAX = 200
#: Change from one day to the next and back that no soil water index has [1].
_LEAST_JUMP = 0.25
_SWI = re.compile(r"(.*_)?SWI_?(?P<t>\d{1,3})$", re.IGNORECASE)
_SSM = re.compile(r"(.*_)?SSM$", re.IGNORECASE)
#: Longest run of equal surface temperatures.
_LONGEST_RUN = 14
_CSV = (".csv", ".txt")
#: Columns of numbers: values, and words and flags of quality.
_NUMBERS = (_LST, _SWI, _SSM, re.compile(r"(.*_)?QC_(Day|Night)$"), re.compile(r"(.*_)?QFLAG_?[0-9]+$", re.IGNORECASE))


def read_lst_product(path: str | Path, *, site: str | None = None) -> xr.Dataset:
    """Read a surface temperature product of a satellite.

    Parameters
    ----------
    path : str or Path
        CSV or netCDF of one point, or a CSV of AppEEARS with several points.
    site : str, optional
        Name of the site: the point whose ``ID`` it is, of several.

    Returns
    -------
    xarray.Dataset, dims ('time',)
        ``lst`` [K], the mean of the day's overpasses, stamped at the end of the day (UTC); NaN under clouds. Values are NaN if,
        by the MODIS quality word, they were not produced or their mean error exceeds 2 K. These are *clear-sky overpasses*,
        not the all-sky means of :func:`~jules_ml.data.satellite.lst_from_longwave`.

    Raises
    ------
    BadInput
        If the file has no time, no column of surface temperature, values outside the valid range, or several points and none of this name.
    """
    path = Path(path)
    frame, units = _frame(path, site)
    names = [name for name in frame if _LST.match(str(name))]
    if not names:
        raise BadInput(
            f"there is no surface temperature among {', '.join(map(str, frame))}",
            where=path,
            remedy="give a column LST, LST_Day_1km or LST_Night_1km, as the product names it",
        )
    columns = []
    for name in names:
        values = frame[name].to_numpy(dtype=np.float64)
        # MODIS writes 0 for missing values, which is a valid value in degrees Celsius only
        celsius = units.get(str(name), "K").lower() in ("c", "degc", "celsius", "degree_celsius", "degrees_celsius")
        values = values + 273.15 if celsius else np.where(values == 0.0, np.nan, values)
        columns.append(np.where(_poor(frame, str(name)), np.nan, values))
    lst = pd.DataFrame(np.column_stack(columns), index=frame.index).mean(axis=1)
    valid = VARIABLES["lst"]
    outside = (lst < valid.valid_min) | (lst > valid.valid_max)
    if outside.any():
        raise BadInput(
            f"{lst[outside].iloc[0]:g} on {lst.index[outside][0]:%Y-%m-%d} is not a surface temperature in K",
            where=f"{path}, column {names[0]}",
            remedy="apply the product's scale factor (0.02 for MODIS), or state units = degC",
        )
    _refuse_constant(lst, f"{path}, column {names[0]}")
    return _by_day(
        lst, "lst", "K", f"satellite product {path.name}, {', '.join(map(str, names))}; clear-sky overpasses"
    )


def read_swi_product(path: str | Path, *, t_value: int, site: str | None = None) -> xr.Dataset:
    """Soil water index of the Copernicus Land service, or computed from its surface soil moisture.

    Parameters
    ----------
    path : str or Path
        CSV or netCDF of one point, with ``SWI_001`` and the like [%], or with ``SSM`` [%]: its index is that of
        :func:`~jules_ml.data.satellite.soil_water_index`.
    t_value : int
        Characteristic time of the filter [d]; of ``SWI_*`` one of the file's.
    site : str, optional
        See :func:`read_lst_product`.

    Returns
    -------
    xarray.Dataset, dims ('time',)
        ``swi`` [1], with the end of the day (UTC) as stamp; NaN where its quality flag is 0 or there is none. From ``SSM`` every day from
        the first observation on has a value.

    Raises
    ------
    BadInput
        If the file has no time or not this T-value, or values outside 0 to 100 %.
    """
    path = Path(path)
    frame, _ = _frame(path, site)
    by_t = {int(match["t"]): str(name) for name in frame if (match := _SWI.match(str(name)))}
    surface = next((str(name) for name in frame if _SSM.match(str(name))), None)
    if t_value not in by_t and surface is not None and not by_t:
        return _filtered(_fraction(frame, surface, path), t_value, path)
    if t_value not in by_t:
        raise BadInput(
            f"there is no soil water index of T = {t_value} d",
            where=path,
            remedy=f"choose one in the file: {', '.join(map(str, sorted(by_t))) or 'there is none'}",
        )
    values = _fraction(frame, by_t[t_value], path)
    _refuse_jumps(values, t_value, f"{path}, column {by_t[t_value]}")
    flag = next((c for c in frame if re.match(rf"(.*_)?QFLAG_?0*{t_value}$", str(c), re.IGNORECASE)), None)
    if flag is not None:
        values = values.where(frame[flag].to_numpy(dtype=np.float64) > 0.0)
    return _by_day(values, "swi", "1", f"satellite product {path.name}, T = {t_value} d")


def _refuse_constant(series: pd.Series, where: str) -> None:
    """Raise an error for a long run of equal values: surface temperatures of two days differ."""
    values = series.dropna()
    runs = values.ne(values.shift()).cumsum()
    longest = int(runs.value_counts().max()) if len(values) else 0
    if longest > _LONGEST_RUN:
        first = values.index[(runs == runs.value_counts().idxmax()).to_numpy()][0]
        raise BadInput(
            f"{longest} values from {first:%Y-%m-%d} on are {values[first]:g}",
            where=where,
            remedy="remove the values: surface temperatures that are observed differ from day to day",
        )


def _refuse_jumps(values: pd.Series, t_value: int, where: str) -> None:
    """Raise an error for single days that the filter of the product excludes: it follows one observation by a part only."""
    most = max(_LEAST_JUMP, 1.0 - float(np.exp(-1.0 / t_value)))
    known = values.dropna()
    change = known.diff().where(known.index.to_series().diff() <= pd.Timedelta(days=1))
    # up and down again, or down and up again
    single = np.minimum(change, -change.shift(-1)) > most
    single |= np.minimum(-change, change.shift(-1)) > most
    if single.any():
        first = known.index[single.to_numpy()][0]
        raise BadInput(
            f"{int(single.sum())} single days differ from those before and after by more than {most:.2g}, the first is {first:%Y-%m-%d} "
            f"with {100.0 * float(known[first]):g} %",
            where=where,
            remedy=f"remove these values: the index of T = {t_value} d does not follow a single day",
        )


def _fraction(frame: pd.DataFrame, name: str, path: Path) -> pd.Series:
    """Column of percentages as a fraction [1]; the product's codes are NaN."""
    values = frame[name].to_numpy(dtype=np.float64)
    values = np.where((values > _SWI_MAX) & (values <= 255.0), np.nan, values)
    low, high = np.nanmin(values, initial=np.inf), np.nanmax(values, initial=-np.inf)
    if low < 0.0 or high > 100.0:
        raise BadInput(
            f"values run from {low:g} to {high:g}",
            where=f"{path}, column {name}",
            remedy="give the index in % with the product's scale factor (0.5) applied",
        )
    if codes := isolated_codes(values):
        raise BadInput(
            f"{min(codes):g} looks like a missing-value code",
            where=f"{path}, column {name}",
            remedy="replace it by an empty cell",
        )
    refuse_fraction_as_percent(values, where=f"{path}, column {name}")
    return pd.Series(values / 100.0, index=frame.index)


def _filtered(surface: pd.Series, t_value: int, path: Path) -> xr.Dataset:
    """Soil water index of surface soil moisture [1], day by day."""
    daily = _by_day(surface, "swi", "1", "")["swi"]
    days = pd.date_range(daily["time"].to_numpy()[0], daily["time"].to_numpy()[-1], freq="D")
    daily = daily.reindex(time=days).rename("ssm")
    index = soil_water_index(daily, t_value=float(t_value), step=pd.Timedelta(days=1))["swi"].isel(t_value=0, drop=True)
    comment = f"satellite product {path.name}, filtered exponentially from surface soil moisture, T = {t_value} d"
    return (
        index.assign_attrs(units="1", comment=comment)
        .to_dataset(name="swi")
        .assign_attrs(interval_seconds=SECONDS_PER_DAY)
    )


def joined(ds: xr.Dataset, series: xr.DataArray, *, where: str | Path) -> xr.Dataset:
    """Add a daily satellite series to a site dataset, constant over the steps of each day.

    Raises
    ------
    BadInput
        If the series and the record do not overlap.
    """
    steps = end_of_interval(ds) - interval(ds) / 2
    days = pd.Series(series.to_numpy(), index=pd.DatetimeIndex(series["time"].to_numpy()) - pd.Timedelta(days=1))
    values = days.reindex(steps.floor("D")).to_numpy()
    if not np.isfinite(values).any():
        raise BadInput(
            "the series and the record do not overlap",
            where=where,
            remedy=f"order the product for {steps[0]:%Y-%m-%d} to {steps[-1]:%Y-%m-%d} ({place(ds)})",
        )
    return ds.assign({str(series.name): ("time", values, series.attrs)})


def _frame(path: Path, site: str | None) -> tuple[pd.DataFrame, dict[str, str]]:
    """Columns by time (UTC), and the units that the file states."""
    if path.suffix.lower() in _CSV:
        table = read_satellite_table(path, site, lambda name: any(form.match(name) for form in _NUMBERS))
        refuse_disorder(pd.DatetimeIndex(table.index), path)
        return table, {}
    ds = read_cf(path, required=(), kind="a series of a satellite product")
    for name in [n for n in ds.data_vars if (_SWI.match(str(n)) or _SSM.match(str(n))) and _has_codes(ds[n])]:
        # a code is recognised by its byte: after scaling it looks like a value
        ds[name] = ds[name].where(ds[name] <= _SWI_MAX * float(ds[name].encoding["scale_factor"]))
    point = ds.squeeze([dim for dim in ds.dims if dim != "time" and ds.sizes[dim] == 1], drop=True)
    if point["time"].dims != ("time",):
        raise BadInput("the file has no time series", where=path, remedy="extract the product at the pixel of the site")
    others = [str(n) for n, v in point.data_vars.items() if "time" in v.dims and v.dims != ("time",)]
    if others:
        raise BadInput(
            f"{others[0]} is not a time series of one point",
            where=path,
            remedy="extract the product at the pixel of the site",
        )
    units = {str(name): str(v.attrs.get("units", "K")) for name, v in point.data_vars.items()}
    series = [name for name, v in point.data_vars.items() if v.dims == ("time",) and v.dtype.kind in "iufb"]
    if not series:
        raise BadInput(
            f"no variable is a series of numbers along time, only {', '.join(map(str, ds.data_vars)) or 'none'}",
            where=path,
            remedy="extract the product at the pixel of the site",
        )
    refuse_disorder(pd.DatetimeIndex(point["time"].to_numpy()), path)
    return point[series].to_dataframe(), units


def _has_codes(values: xr.DataArray) -> bool:
    """Whether numbers are bytes of the product, scaled without an offset, of which the largest are codes."""
    return "scale_factor" in values.encoding and not float(values.encoding.get("add_offset", 0.0))


def _poor(frame: pd.DataFrame, name: str) -> NDArray[np.bool_]:
    """Mask of values with poor MODIS quality: bits 0-1 are whether it was produced, bits 6-7 its mean error (2: over 2 K)."""
    match = _MODIS.match(name)
    if match is None:
        return np.zeros(len(frame), dtype=bool)
    column = f"{match['head'] or ''}QC_{match['part']}"
    if column not in frame:
        return np.zeros(len(frame), dtype=bool)
    word = frame[column].fillna(3).to_numpy(dtype=np.int64)
    poor: NDArray[np.bool_] = ((word & 3) > 1) | (((word >> 6) & 3) > 1)
    return poor


def _by_day(series: pd.Series, name: str, units: str, comment: str) -> xr.Dataset:
    """Means of calendar days in UTC, stamped at their end."""
    days = series.groupby(pd.DatetimeIndex(series.index).floor("D")).mean()
    end = pd.DatetimeIndex(days.index) + pd.Timedelta(days=1)
    attrs = {"units": units, "long_name": VARIABLES[name].long_name, "comment": comment}
    return xr.Dataset(
        {name: ("time", days.to_numpy(), attrs)},
        coords={"time": ("time", end.to_numpy())},
        attrs={"interval_seconds": SECONDS_PER_DAY},
    )
