"""FLUXNET files: 16 real daily towers, the layout of half-hourly FULLSET files, and every refusal."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from jules_ml.data.quality import measured
from jules_ml.data.readers.fluxnet import read_fluxnet
from jules_ml.data.readers.fluxnet_columns import FileName, is_known
from jules_ml.data.record import record_notes
from jules_ml.errors import BadInput

DAILY = "AMF_US-xAE_FLUXNET_SUBSET_DD_2017-2021_3-5.csv.gz"

HALF_HOURLY: dict[str, list[Any]] = {
    "TIMESTAMP_START": ["202001010000", "202001010030", "202001010100"],
    "TIMESTAMP_END": ["202001010030", "202001010100", "202001010130"],
    "TA_F": [2.0, 3.0, -9999],
    "TA_F_QC": [0, 2, -9999],
    "TA_ERA": [1.0, 1.0, 1.0],
    "P_F": [0.9, 0.0, 0.0],
    "P_F_QC": [0, 0, 2],
    "USTAR": [0.3, -9999, 0.2],
    "SWC_F_MDS_1": [30.0, 31.0, 32.0],
    "SWC_F_MDS_1_QC": [0, 0, 1],
    "SWC_F_MDS_2": [20.0, 21.0, 22.0],
    "SWC_F_MDS_2_QC": [0, 0, 0],
    "TS_F_MDS_1": [1.0, 1.5, 2.0],
    "TS_F_MDS_1_QC": [0, 0, 3],
    "NEE_CUT_REF": [3.0, 3.0, 3.0],
    "NEE_CUT_REF_QC": [0, 0, 0],
    "NEE_VUT_REF": [2.0, 2.5, 3.0],
    "NEE_VUT_REF_QC": [0, 1, 3],
    "NEE_VUT_16": [1.5, 2.0, 2.5],
    "NEE_VUT_16_QC": [0, 0, 1],
    "NEE_VUT_84": [2.5, 3.0, 3.5],
    "NEE_VUT_84_QC": [1, 1, 1],
    "RECO_NT_VUT_REF": [2.0, 2.0, 2.0],
}


def write(
    folder: Path, columns: Mapping[str, list[Any]], name: str = "FLX_CH-Cha_FLUXNET2015_FULLSET_HH_2020-2020.csv"
) -> Path:
    path = folder / name
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def refusal(path: Path, **options: object) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read_fluxnet(path, **({"utc_offset_hours": 1.0} | options))  # type: ignore[arg-type]
    return caught.value


@pytest.fixture(scope="module")
def towers(shared_data: Path) -> dict[str, xr.Dataset]:
    """All daily towers, by code, with their real offset from UTC."""
    with xr.open_dataset(shared_data / "jules" / "neon_daily.nc") as jules:
        offsets = dict(zip(jules["code"].to_numpy(), jules["utc"].to_numpy(), strict=True))
    files = sorted((shared_data / "moisture" / "neon_fluxnet_daily").glob("*.csv.gz"))
    return {
        code: read_fluxnet(path, utc_offset_hours=float(offsets[code]))
        for path in files
        if (code := str(FileName.parse(path).site))
    }


@pytest.mark.slow
def test_all_towers_load(towers: dict[str, xr.Dataset]) -> None:
    assert len(towers) == 16
    for ds in towers.values():
        assert ds.attrs["interval_seconds"] == 86400.0
        assert {"t_air", "precip", "theta", "t_soil", "lw_up", "nee", "nee_ustar", "ustar", "sw_pot"} <= set(ds)
        assert not {name for name in ds if str(name).startswith(("gpp", "reco"))}
        assert ds["ustar_percentile"].to_numpy().tolist() == [25.0, 50.0, 75.0]
        assert all(ds[name].attrs["n_dropped"] == 0 for name in ds if not str(name).endswith("_qc"))


@pytest.mark.parametrize(
    ("name", "theirs", "scale", "offset"),
    [
        ("t_air", "obs_tair", 1.0, 273.15),
        ("vpd", "obs_vpd", 100.0, 0.0),
        ("pstar", "obs_pa", 1000.0, 0.0),
        ("precip", "obs_precip", 1.0 / 86400.0, 0.0),
        ("sw_down", "obs_sw_in", 1.0, 0.0),
        ("lw_up", "obs_lw_out", 1.0, 0.0),
        ("nee", "obs_nee", 1.0 / 1.03772448, 0.0),  # ONEFlux's own factor, gC m-2 d-1 a umol m-2 s-1
        ("nee_qc", "obs_nee_qc", 1.0, 0.0),
        ("theta", "observed_theta_all", 1.0, 0.0),
        ("theta_qc", "observed_theta_qc", 1.0, 0.0),
    ],
)
def test_units_agree_with_an_independent_reading_of_the_same_files(
    towers: dict[str, xr.Dataset], shared_data: Path, name: str, theirs: str, scale: float, offset: float
) -> None:
    with xr.open_dataset(shared_data / "jules" / "neon_daily.nc") as jules:
        by_code = jules[theirs].assign_coords(site=jules["code"].to_numpy())
        for code, ds in towers.items():
            first_moment = (
                ds["time"] - np.timedelta64(1, "D") + np.timedelta64(int(3600 * ds.attrs["utc_offset_hours"]), "s")
            )
            expected = by_code.sel(site=code, time=first_moment.to_numpy()).to_numpy() * scale + offset
            ours = ds[name].to_numpy()
            if ours.ndim == 2:
                mine = ds[f"sensor_{name.removesuffix('_qc')}"].to_numpy() > 0
                ours, expected = ours[:, mine], expected[:, : mine.sum()]
            np.testing.assert_allclose(ours, expected, rtol=2e-6, atol=1e-12)


def test_measured_water_content_is_a_part_of_all(towers: dict[str, xr.Dataset]) -> None:
    ds = towers["US-xAE"]
    share = measured(ds, "theta").sum("time") / ds["theta"].notnull().sum("time")
    assert ds["sensor_theta"].to_numpy().tolist() == [1, 2, 3, 4, 0]
    assert ds["sensor_t_soil"].to_numpy().tolist() == [1, 2, 3, 4, 5]
    assert bool(ds["depth"].isnull().all())
    assert 0.0 < float(share[2]) < 0.1 < float(share[3]) < 0.6


def test_half_hours_end_in_utc_with_codes(tmp_path: Path) -> None:
    ds = read_fluxnet(write(tmp_path, HALF_HOURLY), utc_offset_hours=1.0, latitude=47.2, longitude=8.4)
    assert ds["time"].to_numpy()[0] == np.datetime64("2019-12-31T23:30")
    assert ds.attrs["interval_seconds"] == 1800.0
    assert ds.attrs["site"] == "CH-Cha"
    assert float(ds["precip"][0]) == pytest.approx(0.9 / 1800.0)
    np.testing.assert_allclose(ds["t_air"], [275.15, 276.15, np.nan])
    np.testing.assert_array_equal(measured(ds, "t_air"), [True, False, False])
    assert "ustar_qc" not in ds
    assert "2 is downscaled reanalysis" in ds["t_air_qc"].attrs["comment"]


def test_nee_keeps_reference_and_thresholds_apart(tmp_path: Path) -> None:
    ds = read_fluxnet(write(tmp_path, HALF_HOURLY), utc_offset_hours=1.0)
    assert ds["nee"].attrs["column"] == "NEE_VUT_REF"
    assert ds["nee_ustar"].attrs["column"] == "NEE_VUT_16 NEE_VUT_84"
    np.testing.assert_array_equal(ds["nee_ustar"].sel(ustar_percentile=84.0), [2.5, 3.0, 3.5])
    np.testing.assert_array_equal(measured(ds, "nee_ustar").sel(ustar_percentile=16.0), [True, True, False])


def test_constant_threshold_serves_where_there_is_no_other(tmp_path: Path) -> None:
    columns = {name: column for name, column in HALF_HOURLY.items() if "VUT" not in name}
    ds = read_fluxnet(write(tmp_path, columns), utc_offset_hours=1.0)
    assert ds["nee"].attrs["column"] == "NEE_CUT_REF"
    assert "nee_ustar" not in ds


def test_sensors_of_known_depth_meet_at_that_depth(tmp_path: Path) -> None:
    ds = read_fluxnet(write(tmp_path, HALF_HOURLY), utc_offset_hours=1.0, swc_depths=[0.05, 0.2], ts_depths=[0.2])
    np.testing.assert_array_equal(ds["depth"], [0.05, 0.2])
    np.testing.assert_array_equal(ds["sensor_theta"], [1, 2])
    np.testing.assert_array_equal(ds["sensor_t_soil"], [0, 1])
    np.testing.assert_allclose(ds["t_soil"].sel(depth=0.2), [274.15, 274.65, 275.15])
    assert bool(ds["t_soil"].sel(depth=0.05).isnull().all())
    np.testing.assert_allclose(ds["theta"].sel(depth=0.2), [0.20, 0.21, 0.22])


def test_second_sensor_at_a_depth_gets_its_own_level(tmp_path: Path) -> None:
    ds = read_fluxnet(write(tmp_path, HALF_HOURLY), utc_offset_hours=1.0, swc_depths=[0.1, 0.1])
    np.testing.assert_array_equal(ds["depth"], [0.1, 0.1, np.nan])
    np.testing.assert_array_equal(ds["sensor_theta"], [1, 2, 0])
    np.testing.assert_array_equal(ds["sensor_t_soil"], [0, 0, 1])


def test_hourly_file_is_known_by_its_stamps(tmp_path: Path) -> None:
    columns = HALF_HOURLY | {
        "TIMESTAMP_START": ["202001010000", "202001010100", "202001010200"],
        "TIMESTAMP_END": ["202001010100", "202001010200", "202001010300"],
    }
    path = write(tmp_path, columns, "tower.csv")
    ds = read_fluxnet(path, site="XX-Abc", utc_offset_hours=1.0)
    assert ds.attrs["interval_seconds"] == 3600.0
    assert float(ds["precip"][0]) == pytest.approx(0.9 / 3600.0)


def test_single_impossible_value_is_dropped_and_counted(tmp_path: Path) -> None:
    ds = read_fluxnet(write(tmp_path, HALF_HOURLY | {"SWC_F_MDS_1": [30.0, 130.0, 32.0]}), utc_offset_hours=1.0)
    assert ds["theta"].attrs["n_dropped"] == 1
    assert bool(ds["theta"][1, 0].isnull())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (DAILY, FileName("AMF", "US-xAE", "SUBSET", "DD")),
        ("FLX_CH-Dav_FLUXNET2015_FULLSET_HH_1997-2014_1-3.csv", FileName("FLX", "CH-Dav", "FULLSET", "HH")),
        ("ICOSETC_BE-Bra_FLUXNET_HH_L2.csv", FileName("ICOSETC", "BE-Bra", None, "HH")),
        ("AMF_US-Ha1_FLUXNET_FLUXMET_HR_1991-2025_v1.3_r1.csv", FileName("AMF", "US-Ha1", "FLUXMET", "HR")),
        ("tower.csv", FileName()),
    ],
)
def test_file_name_tells_site_and_resolution(name: str, expected: FileName) -> None:
    assert FileName.parse(Path(name)) == expected


def test_published_columns_are_known_and_others_are_not() -> None:
    thresholds = [f"{m}_{v}" for m in ("CUT", "VUT") for v in ("REF", "USTAR50", "MEAN", "SE", "05", "16", "95")]
    published = [
        *(
            "TA_F_MDS_NIGHT_SD",
            "TA_ERA_DAY",
            "LW_IN_JSB",
            "LW_IN_JSB_ERA",
            "LW_IN_JSB_F_QC",
            "PA",
            "P_ERA",
            "WS_F_QC",
            "WD",
        ),
        *("PPFD_DIF", "SW_DIF_QC", "CO2_F_MDS_QC", "TS_F_MDS_14_QC", "SWC_F_MDS_9", "LE_CORR_25", "LE_CORR_JOINTUNC"),
        *(
            "H_RANDUNC_METHOD",
            "H_RANDUNC_N",
            "EBC_CF_METHOD",
            "NIGHT",
            "DAY_D",
            "NIGHT_RANDUNC_N",
            "RECO_SR",
            "RECO_SR_N",
        ),
        *(
            f"NEE_{t}{part}"
            for t in thresholds
            for part in ("", "_QC", "_NIGHT", "_DAY_SD", "_NIGHT_QC", "_RANDUNC_METHOD")
        ),
        *(f"{flux}_{way}_{t}" for flux in ("RECO", "GPP") for way in ("NT", "DT") for t in thresholds),
    ]
    assert [name for name in published if not is_known(name)] == []
    assert not any(is_known(name) for name in ("SWC_1_1_1", "TA", "NEE", "NEE_VUT_10", "FCH4_F", "SWC_F_MDS_A", ""))


def edit(change: Callable[[str], str]) -> Callable[[Path, Path], Path]:
    """A copy of the real daily file whose text was changed."""

    def make(source: Path, folder: Path) -> Path:
        path = folder / DAILY
        path.write_bytes(gzip.compress(change(gzip.decompress(source.read_bytes()).decode()).encode()))
        return path

    return make


def swap_lines(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join([lines[0], lines[2], lines[1], *lines[3:]])


@pytest.mark.parametrize(
    ("make", "place", "problem", "remedy"),
    [
        (edit(lambda text: text.replace(",", ";")), "line 1", "not delimited by comma; semicolon", "delimiter"),
        (
            edit(lambda text: text.replace("WS_F,", "WIND,", 1)),
            "line 1, column 15",
            "column WIND is not one of",
            "delete",
        ),
        (edit(lambda text: text.replace("TA_F_QC", "TA_ERA", 1)), "line 1", "column TA_F_QC is missing", "name"),
        (
            edit(lambda text: text.replace("TIMESTAMP,", "TIMESTAMP_START,", 1)),
            "line 1",
            "TIMESTAMP_END is missing",
            "name",
        ),
        (edit(swap_lines), "column TIMESTAMP", "time runs backwards", "sort"),
        (
            edit(lambda text: text.replace("20170102,", "20170101,", 1)),
            "column TIMESTAMP",
            "duplicate time stamp",
            "delete",
        ),
        (
            edit(lambda text: text.replace("20170102,", "2017-1-2,", 1)),
            "line 3, column TIMESTAMP",
            "'2017-1-2'",
            "format",
        ),
        (edit(lambda text: text.replace("6.516,0.0", "warm,0.0", 1)), "line 2, column TA_F", "'warm' is not", "empty"),
        (
            edit(lambda text: text.replace("6.516,0.0", "-6999,0.0", 1)),
            "column TA_F",
            "-6999 looks like a missing-value code",
            "missing-value",
        ),
        (edit(lambda text: text[: len(text) // 2]), "line", "the line has", "truncated"),
        (edit(lambda text: text[: text.index("\n") + 1]), DAILY, "no data", "download"),
        (edit(lambda text: ""), DAILY, "line 1, which should contain the column names", "complete"),
    ],
)
def test_a_spoiled_file_is_refused(
    shared_data: Path,
    tmp_path: Path,
    make: Callable[[Path, Path], Path],
    place: str,
    problem: str,
    remedy: str,
) -> None:
    error = refusal(make(shared_data / "moisture" / "neon_fluxnet_daily" / DAILY, tmp_path))
    assert DAILY in str(error.where)
    assert place in str(error.where)
    assert problem in error.problem
    assert remedy in error.remedy


def test_truncated_gzip_is_refused(shared_data: Path, tmp_path: Path) -> None:
    path = tmp_path / DAILY
    path.write_bytes((shared_data / "moisture" / "neon_fluxnet_daily" / DAILY).read_bytes()[:100_000])
    error = refusal(path)
    assert "truncated" in error.problem
    assert "download" in error.remedy


def test_local_time_without_offset_is_refused(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, HALF_HOURLY), utc_offset_hours=None)
    assert "column TIMESTAMP_END" in str(error.where)
    assert "utc_offset_hours" in error.remedy


def test_fraction_where_percent_is_published_is_refused(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, HALF_HOURLY | {"SWC_F_MDS_1": [0.30, 0.31, 0.32]}))
    assert "column SWC_F_MDS_1" in str(error.where)
    assert "multiply it by 100" in error.remedy


def test_column_in_another_unit_is_refused(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, HALF_HOURLY | {"TA_F": [275.0, 276.0, -9999]}))
    assert "variable t_air" in str(error.where)
    assert "unit" in error.remedy


def test_values_with_an_unknown_quality_code_are_left_out(tmp_path: Path) -> None:
    ds = read_fluxnet(write(tmp_path, HALF_HOURLY | {"NEE_VUT_REF_QC": [0, 4, 0]}), utc_offset_hours=1.0)
    assert ds["nee"].notnull().to_numpy().tolist() == [True, False, True]
    assert measured(ds, "nee").to_numpy().tolist() == [True, False, True]
    assert ds["t_air"].notnull().to_numpy().tolist() == [True, True, False]
    assert ds["nee"].attrs["unknown_quality_codes"] == "4 (1)"
    (note,) = record_notes(ds)
    assert "values with a quality code that is unknown were left out: nee 4 (1)" in note


def test_a_fraction_above_one_leaves_out_its_day(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "moisture" / "neon_fluxnet_daily" / DAILY
    ds = read_fluxnet(
        edit(lambda text: text.replace("6.516,0.0", "6.516,3", 1))(source, tmp_path), utc_offset_hours=-7.0
    )
    assert np.isnan(ds["t_air"][0])
    assert ds["t_air"].attrs["unknown_quality_codes"] == "3 (1)"


def test_interval_that_changes_is_refused(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, HALF_HOURLY | {"TIMESTAMP_END": ["202001010030", "202001010100", "202001010200"]}))
    assert "line 4, column TIMESTAMP_END" in str(error.where)


def test_file_of_another_resolution_is_refused(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, HALF_HOURLY, "FLX_CH-Cha_FLUXNET2015_FULLSET_DD_2020-2020.csv"))
    assert "the resolution is DD in the file name and HH in the time stamps" in error.problem
    monthly: dict[str, list[Any]] = {"TIMESTAMP": ["202001", "202002"], "TA_F": [1.0, 2.0], "TA_F_QC": [1.0, 1.0]}
    error = refusal(write(tmp_path, monthly, "FLX_CH-Cha_FLUXNET2015_FULLSET_MM_2020-2020.csv"))
    assert "DD, HR or HH" in error.remedy


def test_site_must_be_known(tmp_path: Path) -> None:
    assert "give site" in refusal(write(tmp_path, HALF_HOURLY, "tower.csv")).remedy


def test_depths_must_be_as_many_as_sensors(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, HALF_HOURLY), swc_depths=[0.05])
    assert "1 depths are given for theta but the file has 2 sensors" in error.problem
    assert "columns SWC_F_MDS_*" in str(error.where)


def test_depths_that_cannot_be_are_refused(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, HALF_HOURLY), swc_depths=[0.05, -0.1])
    assert "depths of theta are 0.05, -0.1 m" in error.problem
    assert "positive downward" in error.remedy


def test_reanalysis_alone_is_refused(tmp_path: Path) -> None:
    columns = {name: HALF_HOURLY[name] for name in ("TIMESTAMP_START", "TIMESTAMP_END", "TA_ERA")}
    assert "not a file of reanalysis only" in refusal(write(tmp_path, columns)).remedy
