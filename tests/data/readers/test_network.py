"""AmeriFlux BASE and ICOS ETC files: the layout, the choice of columns, flags, depths and refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.refusals import refusal

from jules_ml.data.quality import measured
from jules_ml.data.readers.ameriflux import AmerifluxRecord
from jules_ml.data.readers.icos_etc import IcosEtcRecord
from jules_ml.data.readers.network_columns import NetworkColumn, columns_of, sensors
from jules_ml.experiment import load_experiment

Columns = Mapping[str, Sequence[object]]
STAMPS: Columns = {
    "TIMESTAMP_START": ["202001010000", "202001010030", "202001010100"],
    "TIMESTAMP_END": ["202001010030", "202001010100", "202001010130"],
}
HOURLY: Columns = {
    "TIMESTAMP_START": ["202001010000", "202001010100"],
    "TIMESTAMP_END": ["202001010100", "202001010200"],
}


def base(folder: Path, columns: Columns, *, stamps: Columns = STAMPS, name: str = "AMF_US-Xyz_BASE_HH_1-5.csv") -> Path:
    path = folder / name
    table = pd.DataFrame({**stamps, **columns}).to_csv(index=False)
    path.write_text(f"# Site: US-Xyz\n# Version: 1-5\n{table}", encoding="utf-8")
    return path


def icos(folder: Path, columns: Columns, *, part: str = "METEO") -> Path:
    path = folder / f"ICOSETC_BE-Xyz_{part}_L2.csv"
    pd.DataFrame({**STAMPS, **columns}).to_csv(path, index=False)
    return path


def read(path: Path, **keys: object) -> xr.Dataset:
    return AmerifluxRecord.model_validate(
        {"reader": "ameriflux", "path": str(path), "utc_offset_hours": -6.0} | keys
    ).read()


def read_icos(*paths: Path, **keys: object) -> xr.Dataset:
    table = {"reader": "icos_etc", "path": list(map(str, paths)), "utc_offset_hours": 1.0}
    return IcosEtcRecord.model_validate(table | keys).read()


@pytest.mark.parametrize(
    ("column", "variable", "number", "value"),
    [
        ("TA", "t_air", 20.0, 293.15),
        ("VPD_PI", "vpd", 5.0, 500.0),
        ("RH_1_1_1", "relative_humidity", 60.0, 0.6),
        ("PA", "pstar", 98.0, 98000.0),
        ("P", "precip", 0.9, 0.9 / 1800.0),
        ("WS_1_1_1", "wind", 3.0, 3.0),
        ("SW_IN", "sw_down", 500.0, 500.0),
        ("LW_OUT", "lw_up", 400.0, 400.0),
        ("PPFD_IN", "ppfd", 1000.0, 1000.0),
        ("NEE_PI", "nee", -5.0, -5.0),
        ("FC", "nee", -5.0, -5.0),
        ("USTAR", "ustar", 0.4, 0.4),
        ("G_1_1_1", "g_soil", 10.0, 10.0),
        ("D_SNOW", "snow_depth", 25.0, 0.25),
    ],
)
def test_columns_have_the_units_of_the_network(
    tmp_path: Path, column: str, variable: str, number: float, value: float
) -> None:
    ds = read(base(tmp_path, {column: [number, -9999, number]}))
    np.testing.assert_allclose(ds[variable], [value, np.nan, value])
    assert ds[variable].attrs["column"] == column


def test_half_hours_end_in_utc(tmp_path: Path) -> None:
    ds = read(base(tmp_path, {"TA": [1, 2, 3]}))
    assert ds["time"].to_numpy()[0] == np.datetime64("2020-01-01T06:30")
    assert (ds.attrs["site"], ds.attrs["interval_seconds"]) == ("US-Xyz", 1800.0)


def test_hours_are_recognised_and_sums_are_of_an_hour(tmp_path: Path) -> None:
    ds = read(base(tmp_path, {"P": [3.6, 0.0]}, stamps=HOURLY, name="AMF_US-Xyz_BASE_HR_1-5.csv"))
    assert ds.attrs["interval_seconds"] == 3600.0
    assert ds["time"].to_numpy()[0] == np.datetime64("2020-01-01T07:00")
    np.testing.assert_allclose(ds["precip"], [1e-3, 0.0])


@pytest.mark.parametrize(
    ("columns", "chosen"),
    [
        ({"TA_1_2_1": [1, 1, 1], "TA_1_1_1": [2, 2, 2]}, "TA_1_1_1"),  # the top first
        ({"TA_1_1_1": [1, 1, 1], "TA": [2, 2, 2]}, "TA"),
        ({"TA_1_1_1": [1, 1, 1], "TA_PI_1": [2, 2, 2]}, "TA_PI_1"),  # the mean of a layer
        ({"TA_1_1_1": [1, 1, 1], "TA_1_1_A": [2, 2, 2]}, "TA_1_1_A"),  # the mean of replicates
        ({"TA_PI": [1, 1, 1], "TA": [2, 2, 2]}, "TA"),
        ({"TA": [-9999, -9999, 1], "TA_1_1_1": [2, 2, 2]}, "TA_1_1_1"),  # fewer than half as many values
        ({"TA_F": [1, 1, 1], "TA_PI_F": [1, 1, 1], "TA_2_1_1": [2, 2, 2]}, "TA_2_1_1"),  # filled ones are not read
        ({"TA_SD": [1, 1, 1], "TA_1_1_1_N": [1, 1, 1], "TA_QC": [0, 0, 0], "TA": [2, 2, 2]}, "TA"),
    ],
)
def test_one_column_is_chosen(tmp_path: Path, columns: Columns, chosen: str) -> None:
    ds = read(base(tmp_path, columns))
    assert ds["t_air"].attrs["column"] == chosen
    assert float(ds["t_air"][2]) == 275.15


def test_ignore_leaves_columns_out(tmp_path: Path) -> None:
    ds = read(base(tmp_path, {"TA": [1, 1, 1], "TA_1_1_1": [2, 2, 2]}), ignore=["TA"])
    assert ds["t_air"].attrs["column"] == "TA_1_1_1"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["SWC_1_1_1", "SWC_1_2_1", "SWC_2_1_1", "SWC_PI_1"], ["SWC_1_1_1", "SWC_1_2_1", "SWC_2_1_1"]),
        (["SWC_PI_2", "SWC_PI_1"], ["SWC_PI_1", "SWC_PI_2"]),
        (["SWC_1", "SWC_2", "SWC_10"], ["SWC_1", "SWC_2", "SWC_10"]),
        (["SWC_1_1_A", "SWC_1_1_1", "SWC_1_1_2", "SWC_1_2_A"], ["SWC_1_1_1", "SWC_1_1_2", "SWC_1_2_A"]),
        (["SWC_PI_1_1_1", "SWC_1_1_1", "SWC_PI_1_2_1"], ["SWC_1_1_1", "SWC_PI_1_2_1"]),
        (["SWC", "SWC_1_1_1"], ["SWC_1_1_1"]),
        (["SWC", "SWC_PI"], ["SWC"]),
        (["SWC_F_1_1_1", "SWC_1_1_1_SD", "SWC_1_N"], []),
    ],
)
def test_every_sensor_has_one_column(names: list[str], expected: list[str]) -> None:
    assert [column.name for column in sensors(columns_of(names), "SWC")] == expected


@pytest.mark.parametrize(
    "name", ["H2O", "WS_MAX", "P_RAIN", "CO2_SIGMA", "T_SONIC", "SW_BC_IN", "TA_X", "TIMESTAMP_END"]
)
def test_other_columns_are_not_read(name: str) -> None:
    assert NetworkColumn.parse(name) is None


def test_depths_are_given_by_column_or_pattern(tmp_path: Path) -> None:
    path = base(tmp_path, {"SWC_1_1_1": [20, 21, 22], "SWC_1_2_1": [30, 31, 32], "TS_1_1_1": [1, 2, 3]})
    ds = read(path, depths={"*_1_1_1": 0.05, "SWC_1_2_1": 0.2})
    np.testing.assert_array_equal(ds["depth"], [0.05, 0.2])
    np.testing.assert_allclose(ds["theta"][0], [0.2, 0.3])
    np.testing.assert_allclose(ds["t_soil"][0], [274.15, np.nan])
    assert bool(read(path)["depth"].isnull().all())


@pytest.mark.parametrize(
    ("depths", "problem", "remedy"),
    [
        ({"SWC_9_9_9": 0.1}, "the depth of 'SWC_9_9_9' fits no soil sensor", "SWC_1_1_1"),
        ({"SWC_*": 0.1, "*_1_1_1": 0.2}, "several depths fit sensor SWC_1_1_1", "by its name"),
    ],
)
def test_depths_that_fit_nothing_or_twice_are_refused(
    tmp_path: Path, depths: dict[str, float], problem: str, remedy: str
) -> None:
    with refusal("AMF_US-Xyz", problem, remedy):
        read(base(tmp_path, {"SWC_1_1_1": [20, 21, 22]}), depths=depths)


def test_fluxes_are_measured_unless_their_test_failed(tmp_path: Path) -> None:
    ds = read(base(tmp_path, {"FC": [1.0, 2.0, 3.0], "FC_SSITC_TEST": [0, 2, -9999], "SC": [0.5, 0.5, 0.5]}))
    np.testing.assert_array_equal(ds["nee"], [1.0, np.nan, 3.0])
    np.testing.assert_array_equal(measured(ds, "nee"), [True, False, True])
    assert ds["nee"].attrs["n_rejected"] == 1
    assert ds["nee"].attrs["comment"] == "turbulent flux without storage"


def test_storage_is_added_on_request(tmp_path: Path) -> None:
    path = base(tmp_path, {"FC": [1.0, 2.0, 3.0], "SC": [0.5, -9999, -0.5]})
    np.testing.assert_array_equal(read(path, storage=True)["nee"], [1.5, np.nan, 2.5])
    with refusal("x.csv", "column SC is missing", "storage = false"):
        read(base(tmp_path, {"FC": [1.0, 2.0, 3.0]}, name="x.csv"), storage=True)


def test_values_outside_the_range_are_dropped_and_counted(tmp_path: Path) -> None:
    ds = read(base(tmp_path, {"RH": [50.0, 130.0, 60.0]}))
    np.testing.assert_allclose(ds["relative_humidity"], [0.5, np.nan, 0.6])
    assert ds["relative_humidity"].attrs["n_dropped"] == 1


def test_meteo_and_fluxes_are_one_record(tmp_path: Path) -> None:
    meteo = icos(tmp_path, {"TA": [1, 2, 3], "SWC_1": [20, 21, 22], "SWC_2": [30, 31, 32]})
    fluxes = icos(tmp_path, {"NEE": [1.0, 2.0, 3.0], "NEE_SSITC_TEST": [0, 1, 2]}, part="FLUXES")
    ds = read_icos(meteo, fluxes, depths={"SWC_1": 0.05, "SWC_2": 0.1})
    assert ds.attrs["site"] == "BE-Xyz"
    assert ds["time"].to_numpy()[0] == np.datetime64("2019-12-31T23:30")
    np.testing.assert_array_equal(ds["nee"], [1.0, 2.0, np.nan])
    np.testing.assert_allclose(ds["theta"][0], [0.2, 0.3])
    np.testing.assert_array_equal(ds["depth"], [0.05, 0.1])


@pytest.mark.parametrize(
    ("columns", "problem", "remedy"),
    [
        ({"GPP_PI": [1, 1, 1]}, "the file contains no variable that is read", "TA, VPD"),
        ({"TA": [-9999, -9999, -9999]}, "all values of the file are missing", "download"),
        ({"FC": [1, 1, 1], "FC_SSITC_TEST": [0, 7, 0]}, "quality code 7 is not in the column map", "rejected"),
        ({"SWC_1_1_1": [0.2, 0.3, 0.4]}, "the unit of the column is % but its largest value is 0.4", "fraction"),
        (
            {"TIMESTAMP_END": ["202001010030", "202001010130", "202001010130"], "TA": [1, 1, 1]},
            "is not 0 days 00:30",
            "that line",
        ),
        (
            {"TIMESTAMP_START": ["202001010020", "202001010030", "202001010100"], "TA": [1, 1, 1]},
            "neither half an hour",
            "hourly file",
        ),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, columns: Columns, problem: str, remedy: str) -> None:
    with refusal("AMF_US-Xyz", problem, remedy):
        read(base(tmp_path, columns))


def test_files_of_two_sites_are_refused(tmp_path: Path) -> None:
    other = icos(tmp_path, {"TA": [1, 2, 3]}).rename(tmp_path / "ICOSETC_DE-Xyz_METEO_L2.csv")
    with refusal("DE-Xyz", "the site is DE-Xyz but BE-Xyz", "one site"):
        read_icos(icos(tmp_path, {"TA": [1, 2, 3]}), other, site="BE-Xyz")


def test_recognition(tmp_path: Path) -> None:
    base_file, meteo = base(tmp_path, {"TA": [1, 2, 3]}), icos(tmp_path, {"TA": [1, 2, 3]})
    assert AmerifluxRecord.recognises(base_file) == "an AmeriFlux BASE file of US-Xyz"
    assert IcosEtcRecord.recognises(meteo) == "an ICOS ETC METEO file of BE-Xyz"
    assert AmerifluxRecord.recognises(meteo) is None
    assert IcosEtcRecord.recognises(base_file) is None
    with refusal("ICOSETC", "the first line is not '# Site: '", "icos_etc"):
        read(meteo)


@pytest.mark.parametrize("keys", ["", 'site = "US-Xyz"'])
def test_the_fluxnet_reader_says_what_the_file_is(tmp_path: Path, keys: str) -> None:
    path = base(tmp_path, {"TA": [1, 2, 3]})
    file = tmp_path / "x.toml"
    file.write_text(
        f'[data]\nreader = "fluxnet"\npath = "{path.name}"\nutc_offset_hours = -6.0\n{keys}\n', encoding="utf-8"
    )
    with refusal(
        "AMF_US-Xyz", "this is an AmeriFlux BASE file of US-Xyz, which reader 'fluxnet' does not read", '"ameriflux"'
    ):
        load_experiment(file).record()


def test_an_error_of_the_table_reader_is_kept(tmp_path: Path) -> None:
    path = base(tmp_path, {"TA": [1, 2, 3]})
    file = tmp_path / "x.toml"
    file.write_text(
        f"""
[data]
reader = "table"
path = "{path.name}"
site = "x"
interval = "30min"
stamp_at = "end"
utc_offset_hours = 0.0
time = {{columns = ["TIMESTAMP_END"], format = "%Y%m%d%H%M"}}
columns = {{TA = {{variable = "t_air", unit = "degC"}}}}
""",
        encoding="utf-8",
    )
    with refusal("AMF_US-Xyz", "column", 'or set reader = "ameriflux": the file is an AmeriFlux BASE file of US-Xyz'):
        load_experiment(file).record()
