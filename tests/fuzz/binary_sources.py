"""netCDF and Parquet files of the readers in their published layouts, and output of models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from fuzz.sources import DAY, HALF_HOUR, HOUR, Source
from fuzz.text_sources import DRIVING, SWI, lst_read, swi_read
from fuzz.truth import Column, Read, Table, flat

from jules_ml.data.readers.column_output import read_output
from jules_ml.data.readers.jules import read_jules

_K = 273.15
_ORIGIN = pd.Timestamp("2020-01-01")


def _seconds(stamps: pd.DatetimeIndex) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray((stamps - _ORIGIN) / pd.Timedelta(seconds=1), dtype=np.float64)


def _time(stamps: pd.DatetimeIndex) -> dict[str, object]:
    return {"time": ("time", _seconds(stamps), {"units": "seconds since 2020-01-01 00:00:00", "calendar": "standard"})}


def alma(table: Table, source: Source) -> xr.Dataset:
    """PLUMBER2: half-hours stamped at their start in local time, quality codes, one point."""
    ds = xr.Dataset(coords=_time(source.local(table)[0]))
    for column in source.columns:
        values = table.numbers[column.name].to_numpy(dtype=np.float64)[:, None, None]
        ds[column.name] = (("time", "y", "x"), values, {"units": column.unit, "missing_value": -9999.0})
        codes = np.zeros((len(table.ends), 1, 1), dtype=np.int32)
        ds[f"{column.name}_qc"] = (("time", "y", "x"), codes, {"missing_value": np.int32(-9999)})
    ds["latitude"], ds["longitude"] = (("y", "x"), [[51.0]]), (("y", "x"), [[13.5]])
    return ds.assign_attrs(site_code="DE-Xyz", Conventions="CF-1.7")


def ozflux(table: Table, source: Source) -> xr.Dataset:
    """OzFlux level 6: days since 1800 at the end of half-hours, flags."""
    days = (source.local(table)[1] - pd.Timestamp("1800-01-01")) / pd.Timedelta(days=1)
    time = (
        "time",
        np.asarray(days, dtype=np.float64),
        {"units": "days since 1800-01-01 00:00:00.0", "calendar": "gregorian"},
    )
    ds = xr.Dataset(coords={"time": time, "latitude": ("latitude", [51.0]), "longitude": ("longitude", [13.5])})
    dims = ("time", "latitude", "longitude")
    for column in source.columns:
        values = table.numbers[column.name].to_numpy(dtype=np.float64)[:, None, None]
        attrs = {
            "units": column.unit,
            "height": f"-{column.depth}m" if column.depth else "2m",
            "missing_value": -9999.0,
        }
        ds[column.name] = (dims, values, attrs)
        ds[f"{column.name}_QCFlag"] = (dims, np.zeros((len(table.ends), 1, 1), dtype=np.int32))
    return ds.assign_attrs(site_name="Samford", time_zone="Australia/Brisbane", time_step="30", processing_level="L6")


def driving(table: Table, source: Source) -> xr.Dataset:
    """NetCDF driving data of JULES for one point, stamped at the start of each step."""
    ds = xr.Dataset(coords=_time(table.ends - source.step))
    for column in source.columns:
        ds[column.name] = (
            ("time", "y", "x"),
            table.numbers[column.name].to_numpy()[:, None, None],
            {"units": column.unit},
        )
    ds["latitude"], ds["longitude"] = (("y", "x"), [[51.0]]), (("y", "x"), [[13.5]])
    return ds


def neon(table: Table, source: Source) -> xr.Dataset:
    """Hourly driving data of NEON towers."""
    ds = xr.Dataset(coords=_time(source.local(table)[1]) | {"site": ("site", ["YELL"])})
    for column in source.columns:
        ds[column.name] = (("site", "time"), table.numbers[column.name].to_numpy()[None, :], {"units": column.unit})
    return ds


def jules_output(table: Table, source: Source) -> xr.Dataset:
    """Output of JULES at one point: four soil layers, stamped at the end of each step."""
    seconds = _seconds(table.ends)
    ds = xr.Dataset(coords=_time(table.ends))
    ds["time_bounds"] = (("time", "nt"), np.column_stack([seconds - source.step.total_seconds(), seconds]))
    for name in dict.fromkeys(column.name.partition(" ")[0] for column in source.columns):
        of_name = [column for column in source.columns if column.name.partition(" ")[0] == name]
        values = np.column_stack([table.numbers[column.name] for column in of_name])
        has_layers = bool(of_name[0].depth)
        dims = ("time", "soil", "y", "x") if has_layers else ("time", "y", "x")
        shaped = values[:, :, None, None] if has_layers else values[:, :, None]
        ds[name] = (dims, shaped, {"units": of_name[0].unit})
    ds["latitude"], ds["longitude"] = (("y", "x"), [[51.0]]), (("y", "x"), [[13.5]])
    return ds


def column_run(table: Table, source: Source) -> xr.Dataset:
    """Output of the soil column."""
    values = np.column_stack([table.numbers[column.name] for column in source.columns])
    ds = xr.Dataset({"smcl": (("time", "soil"), values, {"units": "kg m-2"})}, coords=_time(table.ends))
    return ds.assign(dzsoil=("soil", [0.1, 0.25], {"units": "m"}))


def satellite(table: Table, source: Source) -> xr.Dataset:
    """A daily series of one pixel."""
    ds = xr.Dataset(coords=_time(table.ends - DAY))
    for column in source.columns:
        ds[column.name] = (
            ("time", "lat", "lon"),
            table.numbers[column.name].to_numpy()[:, None, None],
            {"units": column.unit},
        )
    return ds


def _jules_read(path: Path) -> Read:
    ds = read_jules(path, variables=["sthu", "t_soil", "tl1"], dzsoil=[0.1, 0.25])
    ds = ds.isel(point=0) if "point" in ds.dims else ds
    ours = {"sthu": "theta", "t_soil": "t_soil", "tl1": "t_air"}
    renamed = ds.rename({name: other for name, other in ours.items() if name in ds and name != other})
    return Read(flat(renamed.swap_dims(soil="depth") if "soil" in renamed.dims else renamed))


def _run_read(path: Path) -> Read:
    return Read(flat(read_output(path).rename(soil="depth").assign_coords(depth=[0.05, 0.225])))


def uscrn(table: Table, source: Source) -> pd.DataFrame:
    """USCRN daily stations."""
    frame = pd.DataFrame({"wban": "03048", "lst_date": source.local(table)[0], "longitude": 13.5, "latitude": 51.0})
    frame["sur_temp_daily_type"] = "C"
    for name in ("t_daily_min", "t_daily_max", "sur_temp_daily_min", "sur_temp_daily_max"):
        frame[name] = np.nan
    for depth in (5, 10, 20, 50, 100):
        frame[f"soil_moisture_{depth}_daily"], frame[f"soil_temp_{depth}_daily"] = np.nan, np.nan
    return frame.assign(**{column.name: table.numbers[column.name].to_numpy() for column in source.columns})


def cosore(table: Table, source: Source) -> pd.DataFrame:
    """COSORE: one chamber."""
    frame = pd.DataFrame(
        {"ds": "d1", "var": "Rs", "port": 1, "t": source.local(table)[0], "sm_flag": "ok", "sm_unit": "m3m-3"}
    )
    return frame.assign(**{column.name: table.numbers[column.name].to_numpy() for column in source.columns})


def davos(table: Table, source: Source) -> pd.DataFrame:
    """The example record of diive: half-hours stamped in the middle, filled and original columns."""
    index = pd.DatetimeIndex(source.local(table)[0] + source.step / 2, name="TIMESTAMP_MIDDLE")
    frame = pd.DataFrame(index=index)
    for column in source.columns:
        numbers = table.numbers[column.name].to_numpy()
        names = (
            [column.name] if not column.name.endswith("_f") else [column.name, column.name.removesuffix("_f") + "_orig"]
        )
        frame = frame.assign(**dict.fromkeys(names, numbers))
    return frame.assign(**{"Ustar_CUT_REF_Thres": 0.288})


_ALMA = (
    Column("SWdown", "sw_down", "W/m2"),
    Column("LWdown", "lw_down", "W/m2"),
    Column("Tair", "t_air", "K"),
    Column("Qair", "q", "kg/kg", decimals=6),
    Column("RH", "relative_humidity", "%", 0.01),
    Column("Psurf", "pstar", "Pa", decimals=0),
    Column("Wind", "wind", "m/s"),
    Column("Precip", "precip", "kg/m2/s", decimals=7),
    Column("NEE", "nee", "umol/m2/s", decimals=3),
    Column("Qle", "le", "W/m2"),
    Column("Qh", "h", "W/m2"),
)
_OZFLUX = (
    Column("Fsd", "sw_down", "W/m^2"),
    Column("Ta", "t_air", "degC", 1.0, _K),
    Column("RH", "relative_humidity", "percent", 0.01),
    Column("ps", "pstar", "kPa", 1000.0, decimals=3),
    Column("Ws", "wind", "m/s"),
    Column("Precip", "precip", "mm", 1.0 / 1800.0, decimals=1),
    Column("Fe", "le", "W/m^2"),
    Column("Fco2", "nee", "umol/m^2/s", decimals=3),
    Column("Sws", "theta", "m^3/m^3", depth=0.05, decimals=4),
    Column("Ts", "t_soil", "degC", 1.0, _K, depth=0.05),
)
_JULES = (
    Column("sthu 1", "theta", "-", depth=0.05, decimals=4),
    Column("sthu 2", "theta", "-", depth=0.225, decimals=4),
    Column("t_soil 1", "t_soil", "K", depth=0.05),
    Column("t_soil 2", "t_soil", "K", depth=0.225),
    Column("tl1", "t_air", "K"),
)
_RUN = (
    Column("smcl 1", "theta", "kg m-2", 0.01, depth=0.05, decimals=3),
    Column("smcl 2", "theta", "kg m-2", 0.004, depth=0.225, decimals=3),
)
_USCRN = (
    Column("t_daily_avg", "t_air", "degC", 1.0, _K),
    Column("p_daily_calc", "precip", "mm d-1", 1.0 / 86400.0, decimals=1),
    Column("solarad_daily", "sw_down", "MJ m-2 d-1", 1e6 / 86400.0),
    Column("rh_daily_avg", "relative_humidity", "%", 0.01),
    Column("sur_temp_daily_avg", "lst", "degC", 1.0, _K),
    Column("soil_moisture_5_daily", "theta", "m3 m-3", depth=0.05, decimals=4),
    Column("soil_temp_5_daily", "t_soil", "degC", 1.0, _K, depth=0.05),
)
_COSORE = (
    Column("R", "resp_soil", "umol m-2 s-1", decimals=3),
    Column("T", "t_soil", "degC", 1.0, _K, depth=-1.0),
    Column("SM", "theta", "m3 m-3", depth=-1.0, decimals=4),
)
_DAVOS = (
    Column("LW_IN", "lw_down", "W m-2"),
    Column("PA", "pstar", "hPa", 100.0),
    Column("PPFD", "ppfd", "umol m-2 s-1"),
    Column("PREC_TOT_T1_25+20_1", "precip", "mm", 1.0 / 1800.0),
    Column("RH", "relative_humidity", "%", 0.01),
    Column("SWC_FF0_0.15_1", "theta", "%", 0.01, depth=0.15),
    Column("Tair_f", "t_air", "degC", 1.0, _K),
    Column("Rg_f", "sw_down", "W m-2"),
    Column("VPD_f", "vpd", "hPa", 100.0, decimals=3),
    Column("LE_f", "le", "W m-2"),
    Column("NEE_CUT_REF_f", "nee", "umol m-2 s-1", decimals=3),
    Column("NEE_CUT_16_f", "nee_ustar", "umol m-2 s-1", depth=16.0, decimals=3),
    Column("NEE_CUT_84_f", "nee_ustar", "umol m-2 s-1", depth=84.0, decimals=3),
)
_TABLE = tuple(c for c in _OZFLUX if c.variable not in ("relative_humidity", "pstar", "precip"))
_TABLE_KEYS = "\n".join(
    [
        'reader = "table"\ninterval = "30min"\nstamp_at = "end"\nutc_offset_hours = 1.0\nsite = "XX-Abc"\nmissing = [-9999]',
        'time = {columns = ["time"]}',
        *(
            f'columns.{c.name} = {{variable = "{c.variable}", unit = "{c.unit}"'
            + (f", depth = {c.depth}" if c.depth else "")
            + "}"
            for c in _TABLE
        ),
    ]
)


def parquet_table(table: Table, source: Source) -> pd.DataFrame:
    """Any table as Parquet, with time stamps at the end of the half-hour."""
    return table.numbers.assign(time=source.local(table)[1])


_LOCAL = "utc_offset_hours = 1.0"
SOURCES = (
    Source(
        "ALMA",
        "netcdf",
        "DE-Xyz_Met.nc",
        f'reader = "alma"\n{_LOCAL}',
        _ALMA,
        HALF_HOUR,
        48 * 17,
        1.0,
        write_netcdf=alma,
    ),
    Source(
        "OzFlux", "netcdf", "Samford_L6.nc", 'reader = "ozflux"', _OZFLUX, HALF_HOUR, 48 * 17, 10.0, write_netcdf=ozflux
    ),
    Source(
        "netCDF driving",
        "netcdf",
        "driving.nc",
        'reader = "jules_driving"',
        DRIVING,
        HOUR,
        24 * 17,
        write_netcdf=driving,
    ),
    Source(
        "NEON driving",
        "netcdf",
        "neon.nc",
        f'reader = "neon_driving"\ntower = "YELL"\n{_LOCAL}',
        DRIVING,
        HOUR,
        24 * 17,
        1.0,
        write_netcdf=neon,
    ),
    Source(
        "JULES output",
        "netcdf",
        "run.nc",
        "",
        _JULES,
        HALF_HOUR,
        48 * 17,
        write_netcdf=jules_output,
        read_file=_jules_read,
        is_model=True,
    ),
    Source(
        "column output",
        "netcdf",
        "column.nc",
        "",
        _RUN,
        DAY,
        150,
        write_netcdf=column_run,
        read_file=_run_read,
        is_model=True,
    ),
    Source(
        "LST, netCDF",
        "netcdf",
        "lst.nc",
        "",
        (Column("LST", "lst", "K"),),
        DAY,
        150,
        write_netcdf=satellite,
        read_file=lst_read,
    ),
    Source("SWI, netCDF", "netcdf", "swi.nc", "", SWI, DAY, 150, write_netcdf=satellite, read_file=swi_read),
    Source(
        "USCRN",
        "parquet",
        "uscrn.parquet",
        'reader = "uscrn"\nwban = "03048"',
        _USCRN,
        DAY,
        150,
        1.0,
        write_frame=uscrn,
    ),
    Source(
        "COSORE",
        "parquet",
        "cosore.parquet",
        'reader = "cosore"\ndataset = "d1"\nutc_offset_hours = 0.0',
        _COSORE,
        HOUR,
        24 * 30,
        write_frame=cosore,
    ),
    Source("Davos", "parquet", "davos.parquet", 'reader = "davos"', _DAVOS, HALF_HOUR, 48 * 17, 1.0, write_frame=davos),
    Source(
        "table, Parquet",
        "parquet",
        "table.parquet",
        _TABLE_KEYS,
        _TABLE,
        HALF_HOUR,
        48 * 17,
        1.0,
        write_frame=parquet_table,
    ),
)
