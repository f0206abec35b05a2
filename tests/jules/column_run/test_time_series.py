"""Time series of a run folder: text and netCDF, one file or several, by the dates of the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.refusals import refusal

from jules_ml.jules.column_run.time_series import SeriesFiles, series_at_steps
from jules_ml.jules.run_folder import read_run_folder
from jules_ml.support.sources import POINT_RUN

HOURLY: dict[str, Any] = {
    "data_start": "2001-01-01 00:00:00",
    "data_end": "2001-01-03 00:00:00",
    "data_period": 3600,
    "nvars": 2,
    "var": ["t", "wind"],
    "interp": ["nf", "nf"],
}
HOURS = np.arange(48.0)


def series(
    folder: Path, steps: pd.DatetimeIndex, sizes: dict[str, int] | None = None, **entries: Any
) -> dict[str, Any]:
    """Series of the template's run in a folder."""
    run = read_run_folder(POINT_RUN)
    run = type(run)(folder, run.namelists, "")
    return series_at_steps(SeriesFiles(run, HOURLY | entries, "drive.nml", sizes or {}), steps)


def half_hours(start: str, end: str) -> pd.DatetimeIndex:
    return pd.date_range(start, end, freq="30min", inclusive="left")


@pytest.fixture
def text_file(tmp_path: Path) -> str:
    rows = "".join(f"{280.0 + h} {h / 10.0} 7\n" for h in HOURS)
    (tmp_path / "weather.dat").write_text(f"# t wind other\n{rows}", encoding="utf-8")
    return "weather.dat"


def test_a_period_longer_than_the_time_step(tmp_path: Path, text_file: str) -> None:
    steps = half_hours("2001-01-01 05:00", "2001-01-01 08:00")
    values = series(tmp_path, steps, file=text_file)
    np.testing.assert_allclose(values["t"][:, 0], 280.0 + np.repeat([5.0, 6.0, 7.0], 2))
    values = series(tmp_path, steps, file=text_file, interp=["i", "nf"])
    np.testing.assert_allclose(values["t"][:, 0], 280.0 + np.arange(5.5, 8.5, 0.5))


def test_the_last_record_stands_for_one_after_the_data(tmp_path: Path, text_file: str) -> None:
    values = series(tmp_path, half_hours("2001-01-02 23:00", "2001-01-03 00:00"), file=text_file, interp=["i", "nf"])
    np.testing.assert_allclose(values["t"][:, 0], 327.0)


def test_a_run_may_begin_with_the_data(tmp_path: Path, text_file: str) -> None:
    values = series(tmp_path, half_hours("2001-01-01", "2001-01-01 01:00"), file=text_file, interp=["c", "nf"])
    # the first record stands for the one before the data
    assert np.isfinite(values["t"]).all()
    np.testing.assert_allclose(values["wind"][:, 0], 0.0)


def test_files_by_month_and_variable(tmp_path: Path) -> None:
    for month, days in ((1, 31), (2, 28)):
        start = pd.Timestamp(2001, month, 1)
        hours = np.arange(24.0 * days)
        for tpl, records in (("Tair", 280.0 + month + 0.0 * hours), ("Wind", hours / 100.0)):
            data = xr.Dataset({tpl: (("time", "y", "x"), records[:, None, None])}, coords={"time": hours})
            data.to_netcdf(tmp_path / f"{tpl}_{start:%Y%m}.nc")
    values = series(
        tmp_path,
        half_hours("2001-01-31 23:00", "2001-02-01 01:00"),
        file="%vv_%y4%m2.nc",
        data_end="2001-03-01 00:00:00",
        var_name=["Tair", "Wind"],
        tpl_name=["Tair", "Wind"],
    )
    np.testing.assert_allclose(values["t"][:, 0], [281.0, 281.0, 282.0, 282.0])
    np.testing.assert_allclose(values["wind"][:, 0], [7.43, 7.43, 0.0, 0.0])


def test_a_list_of_files(tmp_path: Path, text_file: str) -> None:
    (tmp_path / "second.dat").write_text("".join(f"{250.0 + h} 1\n" for h in range(24)), encoding="utf-8")
    listing = f"'{text_file}', '2001-01-01 00:00:00'\n'second.dat', '2001-01-02 00:00:00'\n"
    (tmp_path / "files.txt").write_text(listing, encoding="utf-8")
    steps = half_hours("2001-01-01 23:00", "2001-01-02 01:00")
    values = series(tmp_path, steps, file="files.txt", read_list=True, nfiles=2)
    np.testing.assert_allclose(values["t"][:, 0], [303.0, 303.0, 250.0, 250.0])
    with refusal("drive", "nfiles is 0", "give nfiles"):
        series(tmp_path, steps, file="files.txt", read_list=True)


def test_a_climatology_of_months_serves_any_year(tmp_path: Path) -> None:
    rows = "".join(f"{m} {m + 0.5} {m} {m} {m}\n" for m in range(1, 13))
    (tmp_path / "lai.dat").write_text(rows, encoding="utf-8")
    entries = {
        "data_start": "1990-01-01 00:00:00",
        "data_end": "1991-01-01 00:00:00",
        "data_period": -1,
        "is_climatology": True,
        "nvars": 1,
        "var": "lai",
        "interp": "nf",
        "file": "lai.dat",
    }
    values = series(tmp_path, half_hours("2000-02-29 23:00", "2000-03-01 01:00"), {"lai": 5}, **entries)
    np.testing.assert_allclose(values["lai"][:, 0], [2.0, 2.0, 3.0, 3.0])
    np.testing.assert_allclose(values["lai"][:, 1], [2.5, 2.5, 3.5, 3.5])
    between = series(
        tmp_path, half_hours("2001-12-31 23:00", "2002-01-01 01:00"), {"lai": 5}, **(entries | {"interp": "i"})
    )
    # from 12 in December to 1 in January, and on to 2
    np.testing.assert_allclose(between["lai"][:, 0], [1.0074, 1.0, 1.0007, 1.0013], atol=1e-4)


def test_a_variable_that_a_file_lacks_is_named_with_its_key(tmp_path: Path) -> None:
    data = xr.Dataset({"TA": (("time", "y", "x"), np.full((24, 1, 1), 280.0))}, coords={"time": np.arange(24.0)})
    data.to_netcdf(tmp_path / "drive.nc")
    steps = half_hours("2001-01-01 05:00", "2001-01-01 08:00")
    with refusal("drive.nc", "no variable Tair for t, only TA", "correct var_name in"):
        series(tmp_path, steps, file="drive.nc", var_name=["Tair", "Wind"])


def test_a_netcdf_file_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"Tair": 280.0, "Wind": 3.0}
    data = xr.Dataset({name: (("time", "y", "x"), np.full((24, 1, 1), value)) for name, value in values.items()})
    data.to_netcdf(tmp_path / "drive.nc")
    paths: list[Any] = []
    original = xr.open_dataset

    def counted(path: Any, **options: Any) -> xr.Dataset:
        paths.append(path)
        return original(path, **options)

    monkeypatch.setattr(xr, "open_dataset", counted)
    steps = half_hours("2001-01-01 05:00", "2001-01-01 08:00")
    series(tmp_path, steps, file="drive.nc", var_name=list(values))
    assert len(paths) == 1


def test_refusals_name_the_problem(tmp_path: Path, text_file: str) -> None:
    steps = half_hours("2001-01-01 05:00", "2001-01-01 08:00")
    with refusal("drive.nml", "interp of t is 'x'", "choose among b, c"):
        series(tmp_path, steps, file=text_file, interp=["x", "nf"])
    with refusal("none.dat", "there is no such file", "correct 'file'"):
        series(tmp_path, steps, file="none.dat")
    with refusal("drive.nml", "data_period is -3", "give seconds"):
        series(tmp_path, steps, file=text_file, data_period=-3)
    with refusal("drive.nml", "the data are from 2001-01-01", "data_end"):
        series(tmp_path, half_hours("2004-01-01", "2004-01-02"), file=text_file)
    with refusal("drive.nml", "the data are from 2001-01-01", "data_end"):
        series(tmp_path, half_hours("2000-12-31 23:30", "2001-01-01 02:00"), file=text_file)
    with refusal("drive.nml", "the data are from 2001-01-01", "data_end"):
        series(tmp_path, half_hours("2001-01-02 23:00", "2001-01-03 00:30"), file=text_file)
    with refusal("weather.dat, line 2", "has 3 numbers", "on each line"):
        series(tmp_path, steps, file=text_file, nvars=4, var=["t", "wind", "q", "pstar"], interp=["nf"] * 4)
    with refusal("drive.nml", "shorter than the time step", "average"):
        series(tmp_path, steps, file=text_file, data_period=600)
    with refusal("drive.nml", "data_period is 2700 s", "time steps"):
        series(tmp_path, steps, file=text_file, data_period=2700)
    with refusal("drive.nml", "data_start is 2001-01-01 00:10:00", "start of the run"):
        series(tmp_path, steps, file=text_file, data_start="2001-01-01 00:10:00")
