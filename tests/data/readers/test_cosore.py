"""COSORE: every data set of the file, counts of dropped values, and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jules_ml.data.readers.cosore import cosore_datasets, read_cosore
from jules_ml.errors import BadInput

#: Two ports, one with roots and soil, one with soil alone; four hours, of which the second port has three.
ROWS = pd.DataFrame(
    {
        "ds": "d1",
        "var": ["Rs"] * 4 + ["Rh"] * 3,
        "port": [1] * 4 + [2] * 3,
        "t": pd.to_datetime([f"2016-07-01 0{hour}:00" for hour in (0, 1, 2, 3, 0, 1, 3)]),
        "sm_flag": "ok",
        "sm_unit": "m3m-3",
        "R": [2.0, 2.1, 2.2, 2.3, 1.0, 1.1, 1.3],
        "T": [15.0, 15.1, 15.2, 15.3, 15.0, 15.1, 15.3],
        "SM": [0.20, 0.21, 0.22, 0.23, 0.30, 0.31, 0.33],
    }
)


@pytest.fixture(scope="module")
def real(shared_data: Path) -> Path:
    return shared_data / "respiration" / "cosore_hourly.parquet"


def write(folder: Path, rows: pd.DataFrame) -> Path:
    path = folder / "cosore.parquet"
    rows.to_parquet(path)
    return path


def changed(column: str, at: int | list[int], value: object) -> pd.DataFrame:
    rows = ROWS.copy()
    rows.loc[at, column] = value
    return rows


def refusal(path: Path, dataset: str = "d1", **options: object) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read_cosore(path, dataset, **({"utc_offset_hours": 0.0} | options))  # type: ignore[arg-type]
    assert str(path) in str(caught.value.where)
    return caught.value


def test_ports_are_a_dimension(tmp_path: Path) -> None:
    ds = read_cosore(write(tmp_path, ROWS), "d1", utc_offset_hours=-7.0, latitude=40.0)
    assert ds.sizes == {"time": 4, "port": 2, "depth": 1}
    assert list(ds["measured"].to_numpy()) == ["Rs", "Rh"]
    # an hour that begins at midnight, seven hours behind UTC, ends at 8 h UTC
    assert ds["time"].to_numpy()[0] == np.datetime64("2016-07-01T08:00")
    np.testing.assert_allclose(ds["resp_soil"].sel(port=1), [2.0, 2.1, 2.2, 2.3])
    np.testing.assert_allclose(ds["resp_het"].sel(port=2), [1.0, 1.1, np.nan, 1.3])
    assert bool(ds["resp_soil"].sel(port=2).isnull().all())
    np.testing.assert_allclose(ds["theta"].sel(port=2).isel(depth=0), [0.30, 0.31, np.nan, 0.33])
    np.testing.assert_allclose(ds["t_soil"].sel(port=1).isel(depth=0)[0], 288.15)
    assert np.isnan(float(ds["depth"][0]))
    assert ds.attrs["utc_offset_hours"] == -7.0
    assert ds.attrs["latitude"] == 40.0


@pytest.mark.no_cover
@pytest.mark.slow
def test_every_real_data_set_is_read(real: Path) -> None:
    table = cosore_datasets(real)
    assert len(table) == 37
    assert table["rows"].sum() == 1209229
    for dataset, row in table.iterrows():
        ds = read_cosore(real, str(dataset), utc_offset_hours=0.0)
        fluxes = [name for name in ("resp_soil", "resp_het") if name in ds]
        assert ds.sizes["port"] == row["ports"], dataset
        assert ", ".join({"resp_soil": "Rs", "resp_het": "Rh"}[name] for name in sorted(fluxes)) == row["measured"]
        assert sum(int(ds[name].count()) for name in fluxes) + ds.attrs["dropped_resp"] == row["rows"], dataset
        dropped = ds.attrs["dropped_theta"] + ds.attrs["dropped_theta_flagged"]
        assert int(ds["theta"].count()) + dropped == row["rows"], dataset


def test_dropped_values_are_counted(real: Path) -> None:
    rows = pd.read_parquet(real).groupby("ds").get_group("d20191214_PANG")
    ds = read_cosore(real, "d20191214_PANG", utc_offset_hours=0.0)
    assert ds.attrs["dropped_theta_flagged"] == (rows["sm_flag"] != "ok").sum() == 28404
    assert ds.attrs["dropped_resp"] == (~rows["R"].between(-15.0, 150.0)).sum() == 2405
    assert int(ds["theta"].count()) == 0
    assert int(ds["t_soil"].count()) == 28404


def test_stamps_are_in_utc_as_the_database_keeps_them(real: Path) -> None:
    """The soil is warmest in the afternoon or evening if stamps are taken as UTC, and at any hour if they are local."""
    table = cosore_datasets(real)
    utc_offset = {
        "d20190409_ANJILELI": -8,
        "d20190617_SCOTT_SRM": -7,
        "d20190424_ZHANG_oak": -5,
        "d20200423_OYONARTE": 0,
        "d20200109_HIRANO_PDF": 7,
        "d20200108_HE": 7,
        "d20200328_UEYAMA_TESHIO": 9,
        "d20200228_RENCHON": 10,
    }
    stamped = table.loc[list(utc_offset), "warmest_hour"]
    local = (stamped + pd.Series(utc_offset)) % 24
    assert local.between(13.5, 17.5).all()
    assert not stamped.between(13.5, 17.5).all()
    # daily means have no diurnal cycle
    assert np.isnan(table.loc["d20190610_SIHI_H1", "warmest_hour"])


def test_single_impossible_values_are_dropped(tmp_path: Path) -> None:
    ds = read_cosore(write(tmp_path, changed("SM", 2, -0.3)), "d1", utc_offset_hours=0.0)
    assert ds.attrs["dropped_theta"] == 1
    assert np.isnan(float(ds["theta"].sel(port=1)[2, 0]))
    assert float(ds["resp_soil"].sel(port=1)[2]) == 2.2


def test_flagged_moisture_is_kept_on_request(tmp_path: Path) -> None:
    path = write(tmp_path, changed("sm_flag", [0, 1], "uncalibrated_SM"))
    assert read_cosore(path, "d1", utc_offset_hours=0.0).attrs["dropped_theta_flagged"] == 2
    ds = read_cosore(path, "d1", utc_offset_hours=0.0, sm_flags=["ok", "uncalibrated_SM"])
    assert ds.attrs["dropped_theta_flagged"] == 0
    assert int(ds["theta"].count()) == 7


def test_local_time_without_offset_is_refused(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, ROWS), utc_offset_hours=None)
    assert "offset from UTC is unknown" in error.problem
    assert "utc_offset_hours" in error.remedy


@pytest.mark.parametrize(
    ("rows", "place", "problem", "remedy"),
    [
        (ROWS.drop(columns="SM"), "cosore.parquet", "column SM is missing", "name"),
        (ROWS.iloc[:0], "cosore.parquet", "no rows", "download"),
        (ROWS.assign(ds="d2"), "cosore.parquet", "no data set 'd1'", "for example d2"),
        (changed("var", 0, "NEE"), "column var", "'NEE' is unknown", "Rs, Rh"),
        (changed("sm_unit", 0, "pct"), "column sm_unit", "'pct' is unknown", "m3m-3"),
        (changed("var", 0, "Rh"), "port 1", "measures Rh and Rs", "a separate port"),
        (changed("t", 1, ROWS.loc[0, "t"]), "port 1, column t", "duplicate time stamp", "delete"),
        (changed("t", 0, ROWS.loc[3, "t"] + pd.Timedelta(hours=1)), "port 1, column t", "backwards", "sort"),
        (ROWS.assign(SM=100.0 * ROWS["SM"]), "port 1, variable theta", "outside 0 to 1", "in %"),
        (ROWS.assign(R=ROWS["R"].astype(str)), "column R", "not numbers", "store it as numbers"),
        (ROWS.assign(t=ROWS["t"].astype(str)), "column t", "not time stamps", "store it as time stamps"),
        (changed("R", 0, -9999.0), "column R", "looks like a missing-value code", "missing-value"),
        (changed("SM", 0, -9999.0), "column SM", "looks like a missing-value code", "missing-value"),
    ],
)
def test_an_invalid_file_is_refused(tmp_path: Path, rows: pd.DataFrame, place: str, problem: str, remedy: str) -> None:
    error = refusal(write(tmp_path, rows))
    assert place in str(error.where)
    assert problem in error.problem
    assert remedy in error.remedy


@pytest.mark.parametrize(("part", "problem"), [(0.0, "empty"), (0.5, "truncated"), (0.99, "truncated")])
def test_a_truncated_file_is_refused(tmp_path: Path, part: float, problem: str) -> None:
    path = write(tmp_path, ROWS)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    error = refusal(path)
    assert problem in error.problem
    assert "download it again" in error.remedy
