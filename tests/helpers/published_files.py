"""Small files in the layouts in which records are published, one for each reader, with the section ``[data]`` that a user writes."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

#: Three days of half-hours in local standard time, stamped at the end, and a weather with a daily course.
END = pd.date_range("2020-06-01 00:30", periods=144, freq="30min")
START = END - pd.Timedelta(minutes=30)
_HOUR = np.asarray(START.hour + START.minute / 60.0 + 0.25)
SUN = np.maximum(0.0, np.round(-800.0 * np.cos(2.0 * np.pi * _HOUR / 24.0), 1))
T_AIR = np.round(12.0 - 6.0 * np.cos(2.0 * np.pi * (_HOUR - 2.0) / 24.0), 3)
T_SOIL = np.round(12.0 - 2.0 * np.cos(2.0 * np.pi * (_HOUR - 4.0) / 24.0), 3)
SWC = np.round(30.0 - 0.02 * np.arange(144), 3)
NEE = np.round(3.0 - 0.01 * SUN + 0.05 * T_AIR, 3)


@dataclass(frozen=True)
class Published:
    """Files of a record, and the keys of ``[data]`` beside ``path`` that read it."""

    paths: tuple[Path, ...]
    keys: dict[str, Any]


def _keys(text: str) -> dict[str, Any]:
    return tomllib.loads(text)


def _network(folder: Path, name: str, columns: dict[str, Any], head: str = "") -> Path:
    stamps = {"TIMESTAMP_START": START.strftime("%Y%m%d%H%M"), "TIMESTAMP_END": END.strftime("%Y%m%d%H%M")}
    path = folder / name
    path.write_text(head + pd.DataFrame(stamps | columns).to_csv(index=False), encoding="utf-8")
    return path


def ameriflux(folder: Path) -> Published:
    columns = {"TA_1_1_1": T_AIR, "SW_IN": SUN, "FC": NEE, "SWC_1_1_1": SWC, "TS_1_1_1": T_SOIL, "P": 0.0, "USTAR": 0.3}
    path = _network(folder, "AMF_US-Xyz_BASE_HH_1-5.csv", columns, "# Site: US-Xyz\n# Version: 1-5\n")
    return Published((path,), _keys('reader = "ameriflux"\nutc_offset_hours = -7.0'))


def icos_etc(folder: Path) -> Published:
    meteo = _network(folder, "ICOSETC_BE-Xyz_METEO_L2.csv", {"TA": T_AIR, "SW_IN": SUN, "SWC_1": SWC, "TS_1": T_SOIL})
    fluxes = _network(folder, "ICOSETC_BE-Xyz_FLUXES_L2.csv", {"NEE": NEE, "USTAR": 0.3})
    return Published((meteo, fluxes), _keys('reader = "icos_etc"\nutc_offset_hours = 1.0'))


def fluxnet(folder: Path) -> Published:
    columns = {"TA_F": T_AIR, "SW_IN_F": SUN, "NEE_VUT_REF": NEE, "SWC_F_MDS_1": SWC, "TS_F_MDS_1": T_SOIL}
    codes = {f"{column}_QC": 0 for column in columns}
    path = _network(
        folder, "FLX_CH-Dav_FLUXNET2015_FULLSET_HH_2020-2020_1-3.csv", columns | codes | {"RECO_NT_VUT_REF": 2.0}
    )
    return Published((path,), _keys('reader = "fluxnet"\nutc_offset_hours = 1.0'))


def reddyproc(folder: Path) -> Published:
    rows = [
        f"{end.year}\t{end.day_of_year}\t{end.hour + end.minute / 60.0:g}\t{nee}\t{sun}\t{t}\t{ts}\t{note}"
        for end, nee, sun, t, ts, note in zip(END, NEE, SUN, T_AIR, T_SOIL, range(144), strict=True)
    ]
    head = "Year\tDoY\tHour\tNEE\tRg\tTair\tTsoil\tcounter\n--\t--\t--\tumolm-2s-1\tWm-2\tdegC\tdegC\t--\n"
    path = folder / "DE-Tha.txt"
    path.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")
    return Published(
        (path,), _keys('reader = "reddyproc"\nsite = "DE-Tha"\nutc_offset_hours = 1.0\nignore = ["counter"]')
    )


def toa5(folder: Path) -> Published:
    head = (
        '"TOA5","Stn","CR1000","1234","CR1000.Std.32","CPU:x.CR1","1","Table30"\n"TIMESTAMP","RECORD","BattV","VWC_5cm_Avg","TS_Avg",'
        '"Rain_Tot"\n"TS","RN","Volts","m^3/m^3","Deg C","mm"\n"","","Smp","Avg","Avg","Tot"\n'
    )
    rows = [
        f'"{end:%Y-%m-%d %H:%M:%S}",{k},12.5,{0.01 * swc:.4f},{"NAN" if k == 3 else t},{0.2 if k == 40 else 0}'.replace(
            ",NAN,", ',"NAN",'
        )
        for k, (end, swc, t) in enumerate(zip(END, SWC, T_SOIL, strict=True))
    ]
    path = folder / "CR1000_Table30.dat"
    path.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")
    columns = 'columns.VWC_5cm_Avg = {variable = "theta", depth = 0.05}\ncolumns.TS_Avg.variable = "t_soil"\n'
    return Published(
        (path,), _keys(f'reader = "toa5"\nutc_offset_hours = 0.0\n{columns}columns.Rain_Tot.variable = "precip"')
    )


def eddypro(folder: Path) -> Published:
    times = {"date": ("[yyyy-mm-dd]", END.strftime("%Y-%m-%d")), "time": ("[HH:MM]", END.strftime("%H:%M"))}
    doy = {"DOY": ("[ddd.ddd]", np.round(END.day_of_year + _HOUR / 24.0, 3))}
    flags = np.where(np.arange(144) == 5, 2, 0)
    full = {"filename": ("", "x.ghg")} | times | doy
    full |= {
        "H": ("[W+1m-2]", 0.1 * SUN),
        "qc_H": ("[#]", flags),
        "co2_flux": ("[µmol+1s-1m-2]", NEE),
        "qc_co2_flux": ("[#]", flags),
    }
    full |= {"air_temperature": ("[K]", T_AIR + 273.15), "u*": ("[m+1s-1]", 0.3)}
    biomet = times | doy | {"Ta_1_1_1": ("[K]", T_AIR + 273.15), "Rg_1_1_1": ("[W+1m-2]", SUN)}
    biomet |= {"SWC_1_1_1": ("[m+3m-3]", 0.01 * SWC), "Ts_1_1_1": ("[K]", T_SOIL + 273.15)}
    paths = []
    for name, columns in (("full_output", full), ("biomet", biomet)):
        table = pd.DataFrame({column: values for column, (_, values) in columns.items()}, index=range(144))
        head = ["file_info" + "," * (len(columns) - 1)] if name == "full_output" else []
        head += [",".join(columns), ",".join(unit for unit, _ in columns.values())]
        path = folder / f"eddypro_XX-Abc_{name}_adv.csv"
        path.write_text("\n".join(head) + "\n" + table.to_csv(index=False, header=False), encoding="utf-8")
        paths.append(path)
    return Published(tuple(paths), _keys('reader = "eddypro"\nsite = "XX-Abc"\nutc_offset_hours = 0.0'))


def alma(folder: Path) -> Published:
    parts = {
        "Met": {"SWdown": (SUN, "W/m2"), "Tair": (T_AIR + 273.15, "K"), "Qair": (0.006 + 1e-6 * SUN, "kg/kg")},
        "Flux": {"NEE": (NEE, "umol/m2/s"), "Qle": (0.2 * SUN, "W/m2"), "Qh": (0.1 * SUN, "W/m2")},
    }
    paths = []
    for part, columns in parts.items():
        seconds = 1800.0 * np.arange(144)
        ds = xr.Dataset(coords={"time": ("time", seconds, {"units": "seconds since 2020-06-01 00:00:00"})})
        for name, (values, unit) in columns.items():
            ds[name] = (("time", "y", "x"), values.reshape(-1, 1, 1).astype(np.float32), {"units": unit})
            ds[f"{name}_qc"] = (("time", "y", "x"), np.zeros((144, 1, 1), dtype=np.int32))
        ds["latitude"], ds["longitude"] = (("y", "x"), [[-35.65]]), (("y", "x"), [[148.15]])
        ds.attrs["site_code"] = "AU-Tum"
        path = folder / f"AU-Tum_2020-2020_OzFlux_{part}.nc"
        ds.to_netcdf(path)
        paths.append(path)
    return Published(tuple(paths), _keys('reader = "alma"\nutc_offset_hours = 10.0'))


def ozflux(folder: Path) -> Published:
    columns = {"Fsd": (SUN, "W/m^2"), "Ta": (T_AIR, "degC"), "Fco2": (NEE, "umol/m^2/s"), "Fe": (0.2 * SUN, "W/m^2")}
    columns |= {"Sws_5cma": (0.01 * SWC, "m^3/m^3"), "Ts_5cma": (T_SOIL, "degC")}
    days = np.arange(1, 145) / 48.0
    ds = xr.Dataset(coords={"time": ("time", days, {"units": "days since 2020-06-01 00:00:00"})})
    for name, (values, unit) in columns.items():
        ds[name] = (("time", "latitude", "longitude"), values.reshape(-1, 1, 1), {"units": unit})
        ds[f"{name}_QCFlag"] = (("time", "latitude", "longitude"), np.zeros((144, 1, 1), dtype=np.int32))
    ds.attrs = {"site_name": "Samford", "time_zone": "Australia/Brisbane", "latitude": -27.4, "longitude": 152.8}
    path = folder / "Samford_2020_L3.nc"
    ds.to_netcdf(path)
    return Published((path,), _keys('reader = "ozflux"'))


def cosmos_uk(folder: Path) -> Published:
    rows = [
        f"{end:%Y-%m-%d %H:%M:%S},ALIC1,{t},{sun},{swc}" for end, t, sun, swc in zip(END, T_AIR, SUN, SWC, strict=True)
    ]
    path = folder / "COSMOS-UK_ALIC1_HydroSoil_SH_2013-2019.csv"
    path.write_text("DATE_TIME,SITE_ID,TA,SWIN,TDT1_VWC\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return Published((path,), _keys('reader = "cosmos_uk"'))


def cosore(folder: Path) -> Published:
    hours = pd.date_range("2016-07-01", periods=72, freq="h")
    frame = pd.DataFrame({"ds": "d1", "var": "Rs", "port": 1, "t": hours, "sm_flag": "ok", "sm_unit": "m3m-3"})
    frame = frame.assign(R=2.0 + 0.01 * np.arange(72), T=T_SOIL[::2], SM=0.01 * SWC[::2])
    path = folder / "cosore.parquet"
    frame.to_parquet(path)
    return Published((path,), _keys('reader = "cosore"\ndataset = "d1"\nutc_offset_hours = 0.0'))


def ismn(folder: Path) -> Published:
    name = "SCAN_SCAN_Abrams_sm_0.050000_0.050000_Hydraprobe_20200601_20200603.stm"
    rows = [f"{hour:%Y/%m/%d %H:%M} {0.01 * swc:10.4f} G M" for hour, swc in zip(END[1::2], SWC[1::2], strict=True)]
    head = "SCAN  SCAN  Abrams   40.12000  -105.34000  1600.00    0.0500    0.0500  Hydraprobe"
    (folder / name).write_text("\n".join([head, *rows]) + "\n", encoding="ascii")
    return Published((folder / name,), _keys('reader = "ismn"'))


def uscrn(folder: Path) -> Published:
    days = pd.date_range("2020-07-01", periods=20)
    soil = {f"soil_moisture_{depth}_daily": 0.2 + 0.001 * np.arange(20) for depth in (5, 10, 20, 50, 100)}
    soil |= {f"soil_temp_{depth}_daily": 15.0 + 0.1 * np.arange(20) for depth in (5, 10, 20, 50, 100)}
    weather = dict.fromkeys(
        ("t_daily_avg", "t_daily_min", "t_daily_max", "sur_temp_daily_avg", "sur_temp_daily_min", "sur_temp_daily_max"),
        15.0 + 0.1 * np.arange(20),
    )
    rest = {
        "p_daily_calc": 0.5,
        "solarad_daily": 20.0 + 0.1 * np.arange(20),
        "rh_daily_avg": 60.0 + 0.1 * np.arange(20),
    }
    place = {"wban": "03048", "longitude": -106.89, "latitude": 34.36, "sur_temp_daily_type": "C", "lst_date": days}
    path = folder / "uscrn.parquet"
    pd.DataFrame(place | weather | rest | soil).to_parquet(path)
    return Published((path,), _keys('reader = "uscrn"\nwban = "03048"'))


def jules_driving(folder: Path) -> Published:
    columns = (SUN, 320.0 + T_AIR, 0.0, 0.0, T_AIR + 273.15, 2.0 + 0.1 * T_AIR, 98000.0 + T_AIR, 0.006 + 1e-4 * T_AIR)
    table = np.column_stack([np.broadcast_to(column, 144) for column in columns])
    (folder / "data").mkdir()
    path = folder / "data" / "drive.dat"
    np.savetxt(path, table, fmt="%.6g", header="sw lw rain snow t wind pstar q")
    (folder / "drive.nml").write_text(
        "&JULES_DRIVE\nfile='data/drive.dat'\ndata_start='2020-06-01 00:00:00'\ndata_end='2020-06-04 00:00:00'\ndata_period=1800\n"
        "nvars=8\nvar='sw_down','lw_down','tot_rain','tot_snow','t','wind','pstar','q'\n/\n",
        encoding="utf-8",
    )
    text = 'reader = "jules_driving"\nstart = 2020-06-01T00:00:00\nperiod = 1800.0\nend = 2020-06-04T00:00:00'
    return Published((path,), _keys(text))


def jules_netcdf(folder: Path) -> Published:
    values = {"t": T_AIR + 273.15, "q": 0.006 + 1e-4 * T_AIR, "pstar": 98000.0 + T_AIR, "sw_down": SUN}
    ds = xr.Dataset({name: (("time", "y", "x"), one.reshape(-1, 1, 1)) for name, one in values.items()})
    ds = ds.assign_coords(time=("time", 0.5 * np.arange(144), {"units": "hours since 2020-06-01"}))
    path = folder / "drive.nc"
    ds.to_netcdf(path)
    return Published((path,), _keys('reader = "jules_driving"'))


def neon_driving(folder: Path) -> Published:
    values = {"sw_down": (SUN, "W m-2"), "lw_down": (320.0 + T_AIR, "W m-2"), "t": (T_AIR + 273.15, "K")}
    values |= {
        "tot_rain": (0.0 * SUN, "kg m-2 s-1"),
        "tot_snow": (0.0 * SUN, "kg m-2 s-1"),
        "wind": (2.0 + 0.1 * T_AIR, "m s-1"),
    }
    values |= {"pstar": (98000.0 + T_AIR, "Pa"), "q": (0.006 + 1e-4 * T_AIR, "kg kg-1")}
    ds = xr.Dataset({name: (("site", "time"), one[None, ::2], {"units": unit}) for name, (one, unit) in values.items()})
    ds = ds.assign_coords(
        site=("site", ["KONA"]), time=("time", np.arange(1.0, 73.0), {"units": "hours since 2020-06-01"})
    )
    path = folder / "neon_hourly.nc"
    ds.to_netcdf(path)
    return Published((path,), _keys('reader = "neon_driving"\ntower = "KONA"\nutc_offset_hours = -6.0'))


def davos(folder: Path) -> Published:
    frame = pd.DataFrame(index=pd.DatetimeIndex(START + pd.Timedelta(minutes=15), name="TIMESTAMP_MIDDLE"))
    frame["LW_IN"], frame["PA"], frame["PPFD"], frame["RH"] = (
        300.0 + T_AIR,
        835.0 + 0.1 * T_AIR,
        2.0 * SUN,
        70.0 + T_AIR,
    )
    frame["PREC_TOT_T1_25+20_1"], frame["SWC_FF0_0.15_1"], frame["Ustar_CUT_REF_Thres"] = 0.0, SWC, 0.288
    stems = {"Tair": T_AIR, "Rg": SUN, "VPD": 5.0 + 0.1 * T_AIR, "LE": 0.2 * SUN}
    for stem, values in (stems | dict.fromkeys(("NEE_CUT_REF", "NEE_CUT_16", "NEE_CUT_84"), NEE)).items():
        frame[f"{stem}_f"], frame[f"{stem}_orig"] = values, values
    path = folder / "davos.parquet"
    frame.to_parquet(path)
    return Published((path,), _keys('reader = "davos"'))


def table(folder: Path) -> Published:
    """A table as a spreadsheet of a German tower exports it."""
    frame = pd.DataFrame(
        {
            "Datum": END.strftime("%d.%m.%Y"),
            "Zeit": END.strftime("%H:%M"),
            "NEE [µmol m-2 s-1]": NEE,
            "NEE_QC": np.where(np.arange(144) % 7 == 0, 1, 0),
            "Lufttemperatur (°C)": T_AIR,
            "SWC_5cm": SWC,
            "Bemerkung": "",
        }
    )
    text = frame.to_csv(sep=";", decimal=",", index=False).splitlines()
    text[5] = text[5].replace(f"{NEE[4]}".replace(".", ","), "k.A.", 1)
    text[6] = text[6].replace(f"{NEE[5]}".replace(".", ","), "k.A.", 1)
    text[7] = text[7].replace(f"{SWC[6]}".replace(".", ","), "-99,9", 1)
    path = folder / "DE-Xyz_2020.csv"
    path.write_text("\n".join(text) + "\n", encoding="latin-1")
    keys = """
reader = "table"
site = "DE-Xyz"
utc_offset_hours = 1.0
interval = "30min"
stamp_at = "end"
delimiter = ";"
decimal = ","
encoding = "latin-1"
missing = ["k.A.", -99.9]
ignore = ["Bemerkung"]
time = {columns = ["Datum", "Zeit"], format = "%d.%m.%Y %H:%M"}
columns."NEE [µmol m-2 s-1]" = {variable = "nee", unit = "umol m-2 s-1", quality = {column = "NEE_QC", measured = [0], filled = [1]}}
columns."Lufttemperatur (°C)" = {variable = "t_air", unit = "degC"}
columns.SWC_5cm = {variable = "theta", unit = "%", depth = 0.05}
"""
    return Published((path,), _keys(keys))


#: Writers by reader; a reader with two kinds of files has two.
PUBLISHED: dict[str, Callable[[Path], Published]] = {
    one.__name__: one
    for one in (
        alma,
        ameriflux,
        cosmos_uk,
        cosore,
        davos,
        eddypro,
        fluxnet,
        icos_etc,
        ismn,
        jules_driving,
        jules_netcdf,
        neon_driving,
        ozflux,
        reddyproc,
        table,
        toa5,
        uscrn,
    )
}
