"""Cases of records: published layouts, calendars and missing codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from _field_cases import differ, record_or_refusal

from jules_ml.data.readers.jules import read_jules


def _experiment(folder: Path, data: str, *, name: str = "XX-Xyz") -> Path:
    file = folder / "case.toml"
    file.write_text(f'[site]\nname = "{name}"\nlatitude = 50.0\nlongitude = 10.0\n[data]\n{data}', encoding="utf-8")
    return file


def _refused(file: Path, *words: str) -> list[str]:
    record = record_or_refusal(file)
    if not isinstance(record, str):
        return [f"{file.name} is read"]
    return [f"{file.name}: does not say {word!r}: {record}" for word in words if word not in record]


def _read(file: Path) -> tuple[xr.Dataset, list[str]]:
    record = record_or_refusal(file)
    if isinstance(record, str):
        return xr.Dataset(), [f"{file.name} is refused: {record}"]
    return record, []


def _finite(record: xr.Dataset, name: str) -> int:
    return int(np.isfinite(record[name].to_numpy()).sum())


def _first_value(record: xr.Dataset, name: str, right: float) -> list[str]:
    values = record[name].to_numpy().reshape(record.sizes["time"], -1)
    first = values[np.isfinite(values).any(axis=1)][0]
    return [] if np.isclose(first, right).any() else [f"first {name} is {first}, not {right}"]


def ameriflux(folder: Path) -> list[str]:
    file = "AMF_US-Xyz_BASE_HH_1-5.csv"
    record, wrong = _read(_experiment(folder, f'reader = "ameriflux"\npath = "{file}"\nutc_offset_hours = -6.0\n'))
    if not wrong:
        wrong += _first_value(record, "t_air", 283.783) + _first_value(record, "theta", 0.29994)
        wrong += differ("first stamp", str(record["time"].to_numpy()[0])[:16], "2020-06-01T06:30")
    for name in ("fluxnet", "fluxnet_name", "fluxnet_site"):
        wrong += _refused(folder / f"{name}.toml", "AmeriFlux BASE", 'reader = "ameriflux"')
    return wrong


def renamed_fluxnet(folder: Path) -> list[str]:
    record, wrong = _read(folder / "renamed.toml")
    return wrong or differ("site", record.attrs["site"], "CH-Xyz")


def icos_etc(folder: Path) -> list[str]:
    paths = '["ICOSETC_BE-Xyz_METEO_L2.csv", "ICOSETC_BE-Xyz_FLUXES_L2.csv"]'
    record, wrong = _read(_experiment(folder, f'reader = "icos_etc"\npath = {paths}\nutc_offset_hours = 1.0\n'))
    if wrong:
        return wrong
    return _first_value(record, "t_air", 283.783) + _first_value(record, "nee", 2.252)


def reddyproc(folder: Path) -> list[str]:
    data = 'reader = "reddyproc"\npath = "Example_DETha98.txt"\nutc_offset_hours = 1.0\n'
    record, wrong = _read(_experiment(folder, data))
    if wrong:
        return wrong
    # a stamp is the end of its period: 00:30 local is 23:30 UTC
    first = str(record["time"].to_numpy()[0])[:16]
    return differ("first stamp", first, "2020-05-31T23:30") + _first_value(record, "nee", 2.252)


def ismn(folder: Path) -> list[str]:
    file = next(folder.glob("*.stm")).name
    record, wrong = _read(_experiment(folder, f'reader = "ismn"\npath = "{file}"\n'))
    if wrong:
        return wrong
    wrong = differ("hours", record.sizes["time"], 720)
    return wrong + differ("theta that is not masked", _finite(record, "theta"), 719)


def toa5(folder: Path) -> list[str]:
    wrong = []
    for name, right in (("table", 1439), ("nonan", 1439), ("nonan2", 1439)):
        record, refused = _read(folder / f"{name}.toml")
        wrong += refused or differ(f"values of theta in {name}.toml", _finite(record, "theta"), right)
    return wrong


def time_bounds(folder: Path) -> list[str]:
    wrong = []
    for name in ("hh_resampled_daily", "hh_resampled_right"):
        end = str(read_jules(folder / f"{name}.nc")["time"].to_numpy()[0])[:19]
        wrong += differ(f"end of the first day of {name}.nc", end, "2000-01-02T00:00:00")
    return wrong


def driving_of_360_days(folder: Path) -> list[str]:
    file = folder / "drive.toml"
    wrong = []
    unnamed = record_or_refusal(file)
    if isinstance(unnamed, str) and "calendar" not in unnamed:
        wrong.append(f"the refusal does not mention the calendar: {unnamed}")
    file.write_text(file.read_text(encoding="utf-8") + '\ncalendar = "360_day"\n', encoding="utf-8")
    record = record_or_refusal(file)
    if isinstance(record, str):
        return wrong + ([] if "360" in record else [f"calendar = '360_day' is refused: {record}"])
    # 1080 rows are three years of 360 days; dates that the Gregorian calendar does not have are left out. A stamp is the end of a day.
    return wrong + differ("last stamp", str(record["time"].to_numpy()[-1])[:10], "2003-12-31")


def alma(folder: Path) -> list[str]:
    file = next(folder.glob("*.nc"))
    record, wrong = _read(_experiment(folder, f'reader = "alma"\npath = "{file.name}"\nutc_offset_hours = 10.0\n'))
    if wrong:
        return wrong
    with xr.open_dataset(file) as source:
        right = float(source["Tair"].to_numpy().ravel()[0])
    return _first_value(record, "t_air", right)


def cosmos_flags(folder: Path) -> list[str]:
    record, wrong = _read(folder / "cosmos.toml")
    return wrong or differ("interpolated values that are kept", _finite(record, "t_air"), 0)


#: Variable of each file whose values are not a missing code but true: they are read.
_PLAUSIBLE = ("swc_0", "sw_0", "ta_m40")


def missing_codes(folder: Path) -> list[str]:
    wrong = []
    for file in sorted(folder.glob("*.toml")):
        if file.stem not in _PLAUSIBLE:
            wrong += _refused(file, "missing")
    return wrong
