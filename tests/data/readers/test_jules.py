"""Files of JULES: output and driving data, their agreement, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from jules_ml.data.readers.jules import read_jules, read_jules_driving
from jules_ml.errors import BadInput

RUNS = ("colvg", "colbc", "gl4", "trif", "layeredcn")
DZSOIL = (0.1, 0.25, 0.65, 2.0)
START = "1996-12-31 23:00:00"


def output(folder: Path, *, ny: int = 1, nx: int = 1, units: str = "seconds since 2001-01-01 00:00:00") -> xr.Dataset:
    """Small output of JULES: three half-hour steps, two layers, one missing value."""
    seconds = np.array([1800.0, 3600.0, 5400.0])
    smcl = np.arange(3.0 * 2 * ny * nx).reshape(3, 2, ny, nx)
    smcl[1, 0, 0, 0] = np.nan
    return xr.Dataset(
        {
            "smcl": (("time", "soil", "y", "x"), smcl, {"units": "kg m-2", "cell_methods": "time : point"}),
            "time_bounds": (("time", "nt"), np.column_stack([seconds - 1800.0, seconds])),
            "latitude": (("y", "x"), np.full((ny, nx), 52.0)),
            "longitude": (("y", "x"), np.full((ny, nx), 5.0)),
        },
        coords={"time": ("time", seconds, {"units": units})},
    )


def write(ds: xr.Dataset, path: Path, form: str = "NETCDF4") -> Path:
    ds.to_netcdf(path, format=form, encoding={"smcl": {"_FillValue": -1e20}})  # type: ignore[call-overload]
    return path


def refusal(path: Path, **options: object) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read_jules(path, **options)  # type: ignore[arg-type]
    return caught.value


def driving_refusal(path: Path, **options: object) -> BadInput:
    arguments = {"start": START, "period_seconds": 1800.0, "columns": ("t", "q")} | options
    with pytest.raises(BadInput) as caught:
        read_jules_driving(path, **arguments)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize("run", RUNS)
def test_every_loobos_run_is_read(shared_data: Path, run: str) -> None:
    settings = json.loads((shared_data / "jules" / "loobos_settings.json").read_text())[run]
    dzsoil = settings["jules_soil"]["jules_soil"]["dzsoil_io"]
    ds = read_jules(shared_data / "jules" / f"loobos_1997_{run}_30min.nc", dzsoil=dzsoil)
    assert ds.sizes["time"] == 17520
    assert "x" not in ds.dims
    assert ds["time"].to_numpy()[0] == np.datetime64("1996-12-31T23:30")
    assert ds["time"].to_numpy()[-1] == np.datetime64("1997-12-31T23:00")
    np.testing.assert_allclose(ds["depth"], [0.05, 0.225, 0.675, 2.0])
    assert float(ds["latitude"]) == pytest.approx(52.168)
    assert ds.attrs["interval_seconds"] == 1800.0
    assert ds["smcl"].dtype == np.float32
    assert ds["smcl"].attrs["units"] == "kg m-2"
    assert all(bool(np.isfinite(values).all()) for values in ds.data_vars.values())


def test_driving_rows_are_the_forcing_of_the_step_that_ends_at_their_stamp(shared_data: Path) -> None:
    folder = shared_data / "jules"
    driving = read_jules_driving(
        folder / "loobos_inputs" / "Loobos_1997.dat", start=START, period_seconds=1800.0, site="Loobos"
    )
    in_output = {
        "sw_down": "sw_down",
        "lw_down": "lw_down",
        "tot_rain": "rainfall",
        "tot_snow": "snowfall",
        "t_air": "tl1",
        "wind": "wind",
        "pstar": "pstar",
        "q": "qw1",
    }
    jules = read_jules(folder / "loobos_1997_colvg_30min.nc", variables=list(in_output.values()))
    np.testing.assert_array_equal(driving["time"], jules["time"])
    for ours, theirs in in_output.items():
        np.testing.assert_array_equal(driving[ours].to_numpy().astype(np.float32), jules[theirs], err_msg=ours)


@pytest.mark.parametrize("form", ["NETCDF4", "NETCDF3_64BIT"])
def test_fill_values_are_nan_and_only_requested_variables_are_loaded(tmp_path: Path, form: str) -> None:
    ds = read_jules(write(output(tmp_path), tmp_path / "run.nc", form), variables=["smcl"], dzsoil=[0.1, 0.9])
    assert list(ds.data_vars) == ["smcl"]
    assert ds["smcl"].dims == ("time", "soil")
    assert int(ds["smcl"].isnull().sum()) == 1
    assert ds["time"].to_numpy()[0] == np.datetime64("2001-01-01T00:30")


def test_several_points_are_one_dimension(tmp_path: Path) -> None:
    ds = read_jules(write(output(tmp_path, ny=2, nx=3), tmp_path / "grid.nc"))
    assert ds["smcl"].dims == ("time", "soil", "point")
    assert ds["latitude"].dims == ("point",)
    assert ds.sizes["point"] == 6


def test_single_precision_time_of_a_long_run_is_rounded_to_minutes(tmp_path: Path) -> None:
    ds = output(tmp_path)
    seconds = np.array([1, 2, 3]) * 1800.0 + 315_000_000.0
    bounds = np.column_stack([seconds - 1800.0, seconds]).astype(np.float32)
    assert not np.array_equal(bounds[:, 1], seconds)
    ds["time_bounds"] = (("time", "nt"), bounds)
    ds = read_jules(write(ds, tmp_path / "run.nc"))
    expected = pd.Timestamp("2001-01-01") + pd.to_timedelta(seconds, unit="s")
    np.testing.assert_array_equal(ds["time"], expected)


@pytest.mark.parametrize("form", ["NETCDF4", "NETCDF3_64BIT"])
@pytest.mark.parametrize("part", [0.01, 0.5, 0.98])
def test_truncated_output_is_refused(tmp_path: Path, form: str, part: float) -> None:
    path = write(output(tmp_path), tmp_path / "run.nc", form)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    error = refusal(path)
    assert error.where == str(path)
    assert "truncated" in error.problem
    assert "again" in error.remedy


def test_an_empty_or_absent_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.nc"
    assert "no such file" in refusal(path).problem
    path.touch()
    error = refusal(path)
    assert error.where == str(path)
    assert "empty" in error.problem


def test_another_netcdf_file_is_refused(tmp_path: Path) -> None:
    path = write(output(tmp_path).drop_vars(["time_bounds", "latitude"]), tmp_path / "other.nc")
    error = refusal(path)
    assert error.where == str(path)
    assert error.problem == "this is not JULES output: it has no variable time_bounds, latitude"


def test_a_missing_variable_is_named(tmp_path: Path) -> None:
    error = refusal(write(output(tmp_path), tmp_path / "run.nc"), variables=["smcl", "fsth"])
    assert "fsth is missing" in error.problem
    assert "smcl" in error.problem


@pytest.mark.parametrize(("units", "shown"), [("months since 2001-01-01", "months"), ("", "''")])
def test_an_unknown_unit_of_time_is_refused(tmp_path: Path, units: str, shown: str) -> None:
    error = refusal(write(output(tmp_path, units=units), tmp_path / "run.nc"))
    assert str(error.where).endswith("run.nc, variable time")
    assert shown in error.problem
    assert "seconds since" in error.remedy


def test_a_calendar_without_leap_days_is_refused(tmp_path: Path) -> None:
    ds = output(tmp_path)
    ds["time"].attrs["calendar"] = "365_day"
    assert "l_leap" in refusal(write(ds, tmp_path / "run.nc")).remedy


def test_years_that_nanoseconds_cannot_hold_are_refused(tmp_path: Path) -> None:
    path = write(output(tmp_path, units="seconds since 2290-01-01 00:00:00"), tmp_path / "run.nc")
    error = refusal(path)
    assert "2290-01-01" in error.problem
    assert str(error.where).endswith("variable time")


def test_output_that_xarray_resampled_is_stamped_at_the_end_of_the_day(tmp_path: Path) -> None:
    days = output(tmp_path).isel(time=[0, 1]).drop_vars("time_bounds")
    days["latitude"] = days["latitude"].expand_dims(time=2)
    # the averaged bounds of the half-hours, with a unit of their own
    bounds = np.array([[0, 30], [1440, 1470]])
    days["time_bounds"] = (("time", "nt"), bounds, {"units": "minutes since 2001-01-01 11:45:00"})
    days = days.assign_coords(time=("time", [0, 1], {"units": "days since 2001-01-01"}))
    ds = read_jules(write(days, tmp_path / "daily.nc"))
    np.testing.assert_array_equal(ds["time"], np.array(["2001-01-02", "2001-01-03"], dtype="datetime64[ns]"))
    assert ds.attrs["interval_seconds"] == 86400.0
    assert ds["latitude"].dims == ()


@pytest.mark.parametrize(("order", "problem"), [([0, 1, 1], "duplicate time stamp"), ([0, 2, 1], "backwards")])
def test_repeated_or_unsorted_stamps_are_refused(tmp_path: Path, order: list[int], problem: str) -> None:
    error = refusal(write(output(tmp_path).isel(time=order), tmp_path / "run.nc"))
    assert str(error.where).endswith("variable time")
    assert problem in error.problem


def test_layers_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = write(output(tmp_path), tmp_path / "run.nc")
    for dzsoil in ([0.1, 0.25, 0.65], [0.1, -0.9]):
        assert "dzsoil_io" in refusal(path, dzsoil=dzsoil).remedy


def test_output_of_another_shape_is_refused(tmp_path: Path) -> None:
    ds = xr.Dataset(
        {"time_bounds": (("time", "nt"), [[0.0, 1800.0]]), "latitude": 52.0, "longitude": 6.0},
        coords={"time": ("time", [1800.0], {"units": "seconds since 1997-01-01 00:00:00"})},
    )
    ds.to_netcdf(tmp_path / "other.nc")
    error = refusal(tmp_path / "other.nc")
    assert str(error.where).endswith("other.nc")
    assert "dimensions are time, nt" in error.problem
    assert "file of that kind" in error.remedy


@pytest.mark.parametrize(
    ("content", "place", "problem", "remedy"),
    [
        ("", "forcing.dat", "empty", "download"),
        ("# t q\n! none\n", "forcing.dat", "no data", "download"),
        ("# t q\n280.0,0.005\n", "line 2", "1 values but there are 2 columns", "separate the values by blanks"),
        ("280.0 0.005\n281.0\n", "line 2", "1 values but there are 2 columns", "truncated"),
        ("280.0 0.005\n\n281.0 0.0x5\n", "line 3, column q", "'0.0x5' is not a number", "correct"),
        ("280.0 0.005\n\n281.0 nan\n", "line 3, column q", "'nan' is not a number", "correct"),
        ("280.0 0.005\ninf 0.005\n", "line 2, column t", "'inf' is not a number", "correct"),
        ("280.0 0.005\n-9999.0 0.005\n", "variable t_air", "looks like a missing-value code", "missing"),
        ("7.5 0.005\n", "variable t_air", "outside 180 to 335 K", "unit"),
    ],
)
def test_a_broken_driving_file_is_refused(tmp_path: Path, content: str, place: str, problem: str, remedy: str) -> None:
    path = tmp_path / "forcing.dat"
    path.write_text(content)
    error = driving_refusal(path)
    assert str(path) in str(error.where)
    assert place in str(error.where)
    assert problem in error.problem
    assert remedy in error.remedy


def test_driving_that_is_wrongly_described_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "forcing.dat"
    path.write_text("280.0 0.005\n")
    error = driving_refusal(path, columns=("t", "humidity"))
    assert str(error.where).endswith("column 2")
    assert "JULES_DRIVE" in error.remedy
    assert "is duplicate" in driving_refusal(path, columns=("t", "t")).problem
    assert "YYYY-MM-DD" in driving_refusal(path, start="at dawn").remedy
    assert "not positive" in driving_refusal(path, period_seconds=0.0).problem
    assert "utc_offset_hours" in driving_refusal(path, start="2001-06-01T00:00Z").remedy
    assert "outside the years 1678 to 2261" in driving_refusal(path, start="0201-06-01").problem


def test_driving_in_local_time_is_converted_to_utc(tmp_path: Path) -> None:
    path = tmp_path / "forcing.dat"
    path.write_text("280.0 0.005\n281.0 0.005\n")
    ds = read_jules_driving(
        path, start="2001-06-01", period_seconds=3600, columns=("t", "q"), utc_offset_hours=-7.0, latitude=40.0
    )
    assert ds["time"].to_numpy()[0] == np.datetime64("2001-06-01T08:00")
    assert ds.attrs["latitude"] == 40.0


def daily_driving(path: Path, days: int) -> Path:
    """One row a day, whose temperature counts the days from 250 K on in hundredths."""
    path.write_text("".join(f"{250.0 + 0.01 * day:.2f} 0.001\n" for day in range(days)), encoding="ascii")
    return path


def test_rows_of_360_days_keep_their_dates(tmp_path: Path) -> None:
    path = daily_driving(tmp_path / "a.dat", 720)
    options = {"period_seconds": 86400.0, "columns": ("t", "q"), "calendar": "360_day"}
    ds = read_jules_driving(path, start="2003-12-01", **options)  # type: ignore[arg-type]
    starts = pd.DatetimeIndex(ds["time"].to_numpy()) - pd.Timedelta(days=1)
    row = pd.Series(np.round((ds["t_air"].to_numpy() - 250.0) * 100.0).astype(int), index=starts)
    # every month has 30 rows: the last of the 24 months is November 2005
    assert starts[-1] == pd.Timestamp("2005-11-30")
    assert (row["2004-02-29"], row["2004-03-01"], row["2005-03-01"]) == (88, 90, 450)
    assert row.index.has_duplicates is False
    assert len(row) == 720 - 3  # 30 February 2004, 29 and 30 February 2005
    assert "2004-01-31" not in row.index


def test_rows_without_leap_days_keep_their_dates(tmp_path: Path) -> None:
    path = daily_driving(tmp_path / "a.dat", 730)
    ds = read_jules_driving(
        path, start="2003-01-01", period_seconds=86400.0, columns=("t", "q"), calendar="365_day", end="2005-01-01"
    )
    starts = pd.DatetimeIndex(ds["time"].to_numpy()) - pd.Timedelta(days=1)
    assert starts[-1] == pd.Timestamp("2004-12-31")
    assert pd.Timestamp("2004-02-29") not in starts


def test_half_hours_of_360_days_end_at_midnight(tmp_path: Path) -> None:
    path = daily_driving(tmp_path / "a.dat", 48 * 60)
    ds = read_jules_driving(
        path, start="2001-01-01", period_seconds=1800.0, columns=("t", "q"), calendar="360_day", end="2001-03-01"
    )
    time = pd.DatetimeIndex(ds["time"].to_numpy())
    assert time[48 * 30 - 1] == pd.Timestamp("2001-01-31")  # the end of 30 January
    assert time[48 * 30] == pd.Timestamp("2001-02-01 00:30")
    assert len(time) == 48 * 58


@pytest.mark.parametrize(("days", "calendar"), [(364, "standard"), (366, "standard"), (365, "360_day")])
def test_a_missing_or_doubled_row_is_refused(tmp_path: Path, days: int, calendar: str) -> None:
    path = daily_driving(tmp_path / "a.dat", days)
    error = driving_refusal(path, start="2001-01-01", period_seconds=86400.0, end="2002-01-01", calendar=calendar)
    assert f"the file has {days} rows" in error.problem
    assert "missing or doubled row" in error.remedy


def test_a_start_that_the_calendar_does_not_have_is_refused(tmp_path: Path) -> None:
    path = daily_driving(tmp_path / "a.dat", 3)
    error = driving_refusal(path, start="2001-01-31", period_seconds=86400.0, calendar="360_day")
    assert "does not fit the calendar '360_day'" in error.problem


@pytest.mark.parametrize(("days", "calendar"), [(1080, "360_day"), (1460, "365_day")])
def test_whole_years_of_another_calendar_need_a_calendar(tmp_path: Path, days: int, calendar: str) -> None:
    path = daily_driving(tmp_path / "a.dat", days)
    error = driving_refusal(path, start="2001-01-01", period_seconds=86400.0)
    assert "but its calendar is not stated" in error.problem
    assert f'calendar = "{calendar}"' in error.remedy
    ds = read_jules_driving(path, start="2001-01-01", period_seconds=86400.0, columns=("t", "q"), calendar="standard")
    assert ds.sizes["time"] == days


def test_whole_years_need_no_calendar(tmp_path: Path) -> None:
    path = daily_driving(tmp_path / "a.dat", 1461)
    ds = read_jules_driving(path, start="2001-01-01", period_seconds=86400.0, columns=("t", "q"))
    assert ds["time"].to_numpy()[-1] == np.datetime64("2005-01-01")


def test_a_driving_file_that_ends_within_its_last_value_is_refused(tmp_path: Path) -> None:
    rows = ["0.0 300.0 0.0 0.0 280.0 2.0 1.0e5 0.00512"] * 4
    path = tmp_path / "driving.dat"
    path.write_text("\n".join(rows), encoding="ascii")
    read_jules_driving(path, start="2020-01-01", period_seconds=1800.0)
    path.write_text("\n".join(rows)[:-3], encoding="ascii")
    with pytest.raises(BadInput, match=r"its last cell '0\.00' may be truncated.*add a line end"):
        read_jules_driving(path, start="2020-01-01", period_seconds=1800.0)
