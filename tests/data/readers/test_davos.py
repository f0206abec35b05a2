"""The record of the demonstration: its reader, its provenance, and checks of its documentation against the data."""

from __future__ import annotations

import hashlib
import os
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import platformdirs
import pytest
import xarray as xr
from helpers.refusals import refusal

from jules_ml.data.clock import solar_noon_error
from jules_ml.data.quality import measured, night
from jules_ml.data.readers import davos
from jules_ml.data.readers.davos import fetch_davos, read_davos, unpack_davos
from jules_ml.errors import BadInput

STEMS = ("Tair", "Rg", "VPD", "LE", "NEE_CUT_REF", "NEE_CUT_16", "NEE_CUT_84")


def table(n: int = 6) -> pd.DataFrame:
    """A record in the layout of the real one, in which every second filled value was measured."""
    index = pd.date_range("2013-01-01 00:15", periods=n, freq="30min", name="TIMESTAMP_MIDDLE")
    frame = pd.DataFrame(index=index)
    frame["LW_IN"], frame["PA"], frame["PPFD"], frame["RH"] = 250.0, 835.0, 0.5, 80.0
    frame["PREC_TOT_T1_25+20_1"], frame["SWC_FF0_0.15_1"], frame["Ustar_CUT_REF_Thres"] = 1.8, 24.0, 0.288
    for stem in STEMS:
        frame[f"{stem}_f"] = np.linspace(1.0, 2.0, n)
        frame[f"{stem}_orig"] = np.where(np.arange(n) % 2 == 0, frame[f"{stem}_f"], np.nan)
    return frame


def write(folder: Path, frame: pd.DataFrame) -> Path:
    path = folder / "davos.parquet"
    frame.to_parquet(path)
    return path


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small wheel whose record has the checksum that is expected."""
    record = write(tmp_path, table()).read_bytes()
    path = tmp_path / "diive-0.90.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(davos._MEMBER, record)
        archive.writestr("diive/__init__.py", "raise SystemExit")
    monkeypatch.setattr(davos, "WHEEL_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(davos, "RECORD_SHA256", hashlib.sha256(record).hexdigest())
    return path


def pip(monkeypatch: pytest.MonkeyPatch, wheel: Path | None, stderr: str = "") -> list[list[str]]:
    """Replace pip by a function that copies ``wheel`` or fails; return the list of its commands."""
    calls: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        if wheel is not None:
            (Path(command[-1]) / wheel.name).write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0 if wheel is not None else 1, "", stderr)

    monkeypatch.setattr(subprocess, "run", run)
    return calls


def test_fetching_keeps_only_the_record_and_reports_its_source(
    tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[str] = []
    calls, cache = pip(monkeypatch, wheel), tmp_path / "cache"
    path = fetch_davos(cache, messages.append)
    assert [p.name for p in cache.iterdir()] == [path.name]
    assert "GPL-3" in messages[0]
    assert "no licence of their own" in messages[0]
    assert {"--no-deps", "--only-binary=:all:", "diive==0.90.0"} <= set(calls[0])
    assert fetch_davos(cache, messages.append) == path
    assert len(calls) == 1
    assert "Found in the cache" in messages[-1]


def test_a_damaged_cache_is_fetched_again(tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, cache = pip(monkeypatch, wheel), tmp_path / "cache"
    cache.mkdir()
    (cache / davos.FILE_NAME).write_bytes(b"half")
    read_davos(fetch_davos(cache, lambda line: None))
    assert len(calls) == 1


def test_no_network_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip(monkeypatch, None, "WARNING: retrying\nERROR: No matching distribution found for diive==0.90.0\n")
    with pytest.raises(BadInput) as caught:
        fetch_davos(tmp_path, lambda line: None)
    assert "(No matching distribution found for diive==0.90.0)" in caught.value.problem
    assert "--data FILE" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_another_wheel_is_refused(tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other" / wheel.name
    other.parent.mkdir()
    other.write_bytes(wheel.read_bytes() + b" ")
    pip(monkeypatch, other)
    with pytest.raises(BadInput, match=r"not the wheel of diive 0\.90\.0: its SHA-256 is .* Remedy: delete it"):
        fetch_davos(tmp_path / "cache", lambda line: None)
    with pytest.raises(BadInput, match="no such file"):
        unpack_davos(tmp_path / "none.whl", tmp_path)


def test_a_cache_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match=r"cannot be written .* Remedy: give another folder"):
        fetch_davos(tmp_path / "file", lambda line: None)


def test_the_wheel_itself_can_be_read(wheel: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    assert read_davos(wheel).sizes["time"] == 6
    assert sorted(tmp_path.iterdir()) == before


def test_filled_values_never_look_measured(tmp_path: Path) -> None:
    ds = read_davos(write(tmp_path, table()))
    for name in ("t_air", "sw_down", "vpd", "le", "nee"):
        np.testing.assert_array_equal(measured(ds, name), [True, False] * 3)
    assert measured(ds, "nee_ustar").sum("time").to_numpy().tolist() == [3, 3]
    assert ds["time"].to_numpy()[0] == np.datetime64("2012-12-31T23:30")
    assert float(ds["precip"][0]) == pytest.approx(1e-3)
    assert float(ds["pstar"][0]) == pytest.approx(83500.0)
    assert float(ds["theta"].sel(depth=0.15)[0]) == pytest.approx(0.24)
    assert ds["nee"].attrs["ustar_threshold"] == 0.288
    assert "wind" in ds.attrs["absent"]


#: A change to the table for each refusal.
CHANGES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "missing column": lambda frame: frame.drop(columns="LE_orig"),
    "duplicate": lambda frame: frame.set_index(frame.index[[0, 0, 2, 3, 4, 5]]),
    "unsorted": lambda frame: frame.iloc[[1, 0, 2, 3, 4, 5]],
    "gap": lambda frame: frame.iloc[[0, 1, 3, 4, 5]],
    "no time": lambda frame: frame.reset_index(drop=True),
    "inconsistent": lambda frame: frame.assign(LE_f=frame["LE_f"] + 1.0),
    "code": lambda frame: frame.assign(PA=[835.0, -9999.0] * 3),
    "fraction": lambda frame: frame.assign(**{"SWC_FF0_0.15_1": 0.24}),
    "unit": lambda frame: frame.assign(PA=83.5),
}


@pytest.mark.parametrize(
    ("kind", "place", "problem", "remedy"),
    [
        ("missing column", "davos.parquet", "column LE_orig is missing", "name"),
        ("duplicate", "index", "duplicate time stamp", "delete"),
        ("unsorted", "index", "runs backwards", "sort"),
        ("gap", "index", "not half an hour apart", "diive"),
        ("no time", "davos.parquet", "does not contain time stamps", "diive"),
        ("inconsistent", "column LE_f", "measured and filled values differ (3 times", "diive"),
        ("code", "column PA", "-9999 looks like a missing-value code", "missing-value"),
        ("fraction", "column SWC_FF0_0.15_1", "its largest value is 0.24", "fraction"),
        ("unit", "variable pstar", "8350 at", "unit"),
    ],
)
def test_an_invalid_record_is_refused(tmp_path: Path, kind: str, place: str, problem: str, remedy: str) -> None:
    with refusal(place, problem, remedy, file="davos.parquet"):
        read_davos(write(tmp_path, CHANGES[kind](table())))


@pytest.mark.parametrize("size", [0, 2000])
def test_an_empty_or_truncated_record_is_refused(tmp_path: Path, size: int) -> None:
    path = write(tmp_path, table())
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(BadInput, match=r"davos\.parquet: the file is (empty|truncated).* Remedy: download it again"):
        read_davos(path)


@pytest.fixture(scope="module")
def record() -> xr.Dataset:
    """The real record, from ``JULES_ML_DAVOS`` or the user's cache; never fetched by a test."""
    path = Path(os.environ.get("JULES_ML_DAVOS", platformdirs.user_cache_path("jules_ml") / davos.FILE_NAME))
    if not path.is_file():
        pytest.skip(f"no record of Davos at {path}: run 'jules-ml demo' once, or set JULES_ML_DAVOS")
    return read_davos(path)


def test_the_real_record_is_complete(record: xr.Dataset) -> None:
    assert record.sizes["time"] == 175296
    shares = {name: float(record[name].notnull().mean()) for name in record.data_vars}
    assert shares["lw_down"] == pytest.approx(0.8809, abs=1e-4)
    assert shares["theta"] == pytest.approx(0.9388, abs=1e-4)
    assert all(shares[name] == 1.0 for name in ("t_air", "sw_down", "vpd", "le", "nee", "nee_ustar"))
    local_2015 = slice("2014-12-31T23:30", "2015-12-31T23:00")
    assert not bool(record["lw_down"].sel(time=local_2015).notnull().any())


def test_real_clock_is_right(record: xr.Dataset) -> None:
    for light, tolerance in (("ppfd", 0.5), ("sw_down", 1.0)):
        error = solar_noon_error(record, light)
        assert error.sizes["day"] > 3600
        assert abs(float(error.median())) < tolerance
    by_month = solar_noon_error(record, "ppfd").groupby("day.month").median()
    assert float(abs(by_month).max()) < 2.0


def test_measured_fractions_are_as_documented(record: xr.Dataset) -> None:
    assert float(measured(record, "nee").mean()) == pytest.approx(0.332, abs=1e-3)
    assert float(measured(record, "le").mean()) == pytest.approx(0.708, abs=1e-3)
    assert int((~measured(record, "sw_down")).sum()) == 15
    dark = night(record)
    by_threshold = measured(record, "nee_ustar").where(dark).mean("time")
    assert float(measured(record, "nee").where(dark).mean()) == pytest.approx(0.11, abs=0.01)
    np.testing.assert_allclose(by_threshold, [0.16, 0.05], atol=0.01)


def test_thresholds_are_nested(record: xr.Dataset) -> None:
    low = measured(record, "nee_ustar").sel(ustar_percentile=16.0, drop=True)
    high = measured(record, "nee_ustar").sel(ustar_percentile=84.0, drop=True)
    reference = measured(record, "nee")
    assert not bool((high & ~reference).any())
    assert not bool((reference & ~low).any())
    np.testing.assert_array_equal(record["nee_ustar"].sel(ustar_percentile=16.0)[reference], record["nee"][reference])


def test_precipitation_changes_as_documented(record: xr.Dataset) -> None:
    local_year = (record["time"] - np.timedelta64(15, "m") + np.timedelta64(1, "h")).dt.year
    amount = record["precip"] * 1800.0
    early, late = local_year <= 2015, local_year >= 2016
    warm, cold = record["t_air"] > 278.15, record["t_air"] < 273.15

    def yearly(mask: xr.DataArray) -> tuple[float, float]:
        return float(amount.where(mask & early).sum()) / 3.0, float(amount.where(mask & late).sum()) / 7.0

    for mask, expected in ((early | late, (680.0, 969.0)), (warm, (357.0, 476.0)), (cold, (147.0, 247.0))):
        assert yearly(mask) == pytest.approx(expected, abs=0.6)
        assert all(f"{value:.0f}" in record["precip"].attrs["comment"] for value in expected)
    sums = amount.groupby(local_year).sum()
    assert float(sums.sel(year=slice(2013, 2015)).max()) < float(sums.sel(year=slice(2016, 2022)).min())
