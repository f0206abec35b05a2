"""EddyPro: full output and biomet output, units, flags, storage, and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.refusals import refusal

from jules_ml.data.quality import measured
from jules_ml.data.readers.eddypro import EddyproRecord

#: Column, unit and three values of a full output.
FULL: dict[str, tuple[str, tuple[str, str, str]]] = {
    "filename": ("", ("a.ghg", "b.ghg", "not_enough_data")),
    "date": ("[yyyy-mm-dd]", ("2020-06-01",) * 3),
    "time": ("[HH:MM]", ("00:30", "01:00", "01:30")),
    "DOY": ("[ddd.ddd]", ("153.021", "153.042", "153.063")),
    "daytime": ("[1=daytime]", ("0", "0", "0")),
    "Tau": ("[kg+1m-1s-2]", ("-0.1", "-0.1", "-9999")),
    "qc_Tau": ("[#]", ("0", "1", "-9999")),
    "H": ("[W+1m-2]", ("-20.5", "-10", "-9999")),
    "qc_H": ("[#]", ("0", "2", "-9999")),
    "LE": ("[W+1m-2]", ("5", "6", "-9999")),
    "qc_LE": ("[#]", ("1", "1", "-9999")),
    "co2_flux": ("[µmol+1s-1m-2]", ("2.5", "3.5", "-9999")),
    "qc_co2_flux": ("[#]", ("0", "2", "-9999")),
    "co2_strg": ("[µmol+1s-1m-2]", ("0.5", "0.5", "-9999")),
    "co2_mole_fraction": ("[µmol+1mol_a-1]", ("410", "411", "-9999")),
    "air_temperature": ("[K]", ("283.15", "284.15", "-9999")),
    "air_pressure": ("[Pa]", ("98000", "98010", "-9999")),
    "specific_humidity": ("[kg+1kg-1]", ("0.008", "0.009", "-9999")),
    "RH": ("[%]", ("90", "130", "-9999")),
    "VPD": ("[Pa]", ("100", "120", "-9999")),
    "wind_speed": ("[m+1s-1]", ("2", "3", "-9999")),
    "wind_dir": ("[deg_from_north]", ("180", "190", "-9999")),
    "u*": ("[m+1s-1]", ("0.3", "0.4", "-9999")),
    "(z-d)/L": ("[#]", ("0.1", "0.1", "-9999")),
    "un_co2_flux": ("[µmol+1s-1m-2]", ("2", "3", "-9999")),
}
BIOMET: dict[str, tuple[str, tuple[str, str, str]]] = {
    "date": ("[yyyy-mm-dd]", ("2020-06-01",) * 3),
    "time": ("[HH:MM]", ("00:30", "01:00", "01:30")),
    "DOY": ("[ddd.ddd]", ("153.021", "153.042", "153.063")),
    "Ta_1_1_1": ("[K]", ("280", "281", "282")),
    "Ta_1_2_1": ("[K]", ("270", "270", "270")),
    "Rg_1_1_1": ("[W+1m-2]", ("0", "1", "2")),
    "P_RAIN_1_1_1": ("[m]", ("0.0009", "0", "0")),
    "SWC_1_1_1": ("[m+3m-3]", ("0.25", "0.26", "0.27")),
    "Ts_1_1_1": ("[K]", ("285", "285", "285")),
    "VIN_1_1_1": ("[V]", ("12", "12", "12")),
}


def write(
    folder: Path,
    columns: dict[str, tuple[str, tuple[str, str, str]]] = FULL,
    *,
    name: str = "eddypro_x_full_output.csv",
    encoding: str = "utf-8",
) -> Path:
    rows = [list(columns), [unit for unit, _ in columns.values()]]
    rows += [[values[i] for _, values in columns.values()] for i in range(3)]
    groups = [["file_info", *[""] * (len(columns) - 1)]] if "filename" in columns else []
    path = folder / name
    path.write_text("".join(",".join(row) + "\n" for row in [*groups, *rows]), encoding=encoding)
    return path


def biomet(folder: Path) -> Path:
    return write(folder, BIOMET, name="eddypro_x_biomet.csv")


def read(*paths: Path, **keys: object) -> xr.Dataset:
    base = {"reader": "eddypro", "path": list(map(str, paths)), "utc_offset_hours": 1.0, "site": "XX-Abc"}
    return EddyproRecord.model_validate(base | keys).read()


def changed(**columns: tuple[str, str, str]) -> dict[str, tuple[str, tuple[str, str, str]]]:
    return {name: (unit, columns.get(name, values)) for name, (unit, values) in FULL.items()}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("nee", 2.5),
        ("h", -20.5),
        ("le", 5.0),
        ("co2", 410.0),
        ("t_air", 283.15),
        ("pstar", 98000.0),
        ("q", 0.008),
        ("relative_humidity", 0.9),
        ("vpd", 100.0),
        ("wind", 2.0),
        ("wind_direction", 180.0),
        ("ustar", 0.3),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_full_output(tmp_path: Path, variable: str, value: float, encoding: str) -> None:
    ds = read(write(tmp_path, encoding=encoding))
    assert float(ds[variable][0]) == pytest.approx(value)
    assert bool(ds[variable].isnull()[2])
    assert ds["time"].to_numpy()[0] == np.datetime64("2020-05-31T23:30")
    assert ds.attrs["interval_seconds"] == 1800.0


def test_flags_of_2_are_left_out(tmp_path: Path) -> None:
    ds = read(write(tmp_path))
    np.testing.assert_array_equal(measured(ds, "nee"), [True, False, False])
    np.testing.assert_array_equal(measured(ds, "le"), [True, True, False])
    assert ds["nee"].attrs["n_rejected"] == 1
    assert ds["relative_humidity"].attrs["n_dropped"] == 1
    assert read(write(tmp_path), max_flag=0)["le"].isnull().all()


def test_flags_from_1_to_9_need_a_limit(tmp_path: Path) -> None:
    path = write(tmp_path, changed(qc_co2_flux=("3", "7", "-9999")))
    with refusal("qc_co2_flux", "quality flags exceed 2", "give max_flag"):
        read(path)
    np.testing.assert_array_equal(read(path, max_flag=6)["nee"], [2.5, np.nan, np.nan])


def test_storage_is_added_on_request(tmp_path: Path) -> None:
    assert float(read(write(tmp_path), storage=True)["nee"][0]) == 3.0
    assert read(write(tmp_path))["nee"].attrs["comment"] == "turbulent flux without storage"


def test_biomet_takes_precedence_and_has_the_sensors(tmp_path: Path) -> None:
    ds = read(write(tmp_path), biomet(tmp_path), depths={"*_1_1_1": 0.05})
    np.testing.assert_array_equal(ds["t_air"], [280.0, 281.0, 282.0])
    np.testing.assert_array_equal(ds["sw_down"], [0.0, 1.0, 2.0])
    assert float(ds["precip"][0]) == pytest.approx(0.9 / 1800.0)
    np.testing.assert_array_equal(ds["theta"][:, 0], [0.25, 0.26, 0.27])
    assert ds["depth"].to_numpy().tolist() == [0.05]
    assert float(ds["nee"][0]) == 2.5
    assert float(ds["vpd"][0]) == 100.0


@pytest.mark.parametrize(
    ("columns", "problem", "remedy"),
    [
        ({k: v for k, v in FULL.items() if k != "qc_LE"}, "column qc_LE is missing", "name"),
        ({k: v for k, v in FULL.items() if k not in ("co2_flux", "LE", "H")}, "the file contains no flux", "co2_flux"),
        ({"a": ("[#]", ("1", "1", "1"))}, "this is neither a full output nor a biomet output", "full_output"),
        (changed(co2_flux=("Infinity", "x", "1")), "'x' is not a number", "correct"),
    ],
)
def test_wrong_files_are_refused(
    tmp_path: Path, columns: dict[str, tuple[str, tuple[str, str, str]]], problem: str, remedy: str
) -> None:
    with refusal("eddypro_x", problem, remedy):
        read(write(tmp_path, columns))


def test_storage_needs_its_column(tmp_path: Path) -> None:
    with refusal("eddypro_x", "column co2_strg is missing", "name"):
        read(write(tmp_path, {k: v for k, v in FULL.items() if k != "co2_strg"}), storage=True)


def test_recognition(tmp_path: Path) -> None:
    assert EddyproRecord.recognises(write(tmp_path)) == "an EddyPro full output file"
    assert EddyproRecord.recognises(biomet(tmp_path)) == "an EddyPro biomet file"


def test_the_first_position_is_that_of_the_lowest_numbers(tmp_path: Path) -> None:
    columns = {name: BIOMET[name] for name in ("date", "time", "DOY")}
    columns |= {"Ta_10_1_1": BIOMET["Ta_1_2_1"], "Ta_2_1_1": BIOMET["Ta_1_1_1"]}
    columns |= {f"SWC_1_{level}_1": BIOMET["SWC_1_1_1"] for level in (10, 9)}
    ds = read(write(tmp_path, columns, name="eddypro_x_biomet.csv"))
    assert ds["t_air"].attrs["column"] == "Ta_2_1_1"
    assert ds["theta"].attrs["column"] == "SWC_1_9_1 SWC_1_10_1"
