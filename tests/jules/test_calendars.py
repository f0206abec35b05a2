"""Runs of JULES in calendars of 360 and 365 days: their times, their log, and prescribed data."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path

import cftime
import f90nml
import numpy as np
import pytest
import xarray as xr
from helpers.jules_runs import Write

from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.jules.log import JulesLog
from jules_ml.jules.moments import calendar_of_run, in_calendar, parse_moment
from jules_ml.jules.outcome import requested_profiles
from jules_ml.jules.preflight.staged import StagedRun
from jules_ml.jules.preflight.time_series import time_series_findings
from jules_ml.jules.run import run_jules
from jules_ml.jules.run_folder import read_run_folder
from jules_ml.jules.swap.prescribed import swap_prescribed
from jules_ml.jules.versions import versions_of_run

FORMAT = "%Y-%m-%d %H:%M:%S"


def test_the_calendar_of_a_run_follows_its_switches() -> None:
    assert calendar_of_run({}) == "standard"
    assert calendar_of_run({"l_leap": True, "l_360": False}) == "standard"
    assert calendar_of_run({"l_leap": False}) == "365_day"
    assert calendar_of_run({"l_leap": False, "l_360": True}) == "360_day"


def test_the_30_february_is_a_time_of_360_days_only() -> None:
    assert parse_moment("2001-02-30 00:00:00", "360_day") == cftime.datetime(2001, 2, 30, calendar="360_day")
    assert parse_moment("2004-02-29 12:00:00", "standard") == datetime(2004, 2, 29, 12)
    assert in_calendar(datetime(2001, 2, 28), "365_day") == cftime.datetime(2001, 2, 28, calendar="365_day")
    for text, calendar in (
        ("2001-02-30 00:00:00", "standard"),
        ("2001-01-31 00:00:00", "360_day"),
        ("2004-02-29 00:00:00", "365_day"),
        ("2001-02-03", "standard"),
    ):
        with pytest.raises(ValueError, match=r"form|day"):
            parse_moment(text, calendar)


def test_progress_counts_steps_of_the_calendar() -> None:
    reports: list[tuple[str, int, int]] = []
    start, end = (parse_moment(f"2001-0{month}-01 00:00:00", "360_day") for month in (2, 4))
    log = JulesLog(start, end, 86400.0, progress=lambda *report: reports.append(report), calendar="360_day")
    log.line("[INFO] next_time: Timestep: 30; Started at: 2001-02-30 00:00:00")
    log.line("[INFO] next_time: Timestep: 31; Started at: 2001-03-01 00:00:00")
    log.line("[INFO] next_time: Timestep: 32; Started at: 2001-03-31 00:00:00")  # no such date: not reported
    log.close(done=True)
    assert reports == [("run", 29, 60), ("run", 30, 60), ("run", 60, 60)]


def in_360_days(folder: Path, *, end: str = "1997-02-30 00:00:00") -> None:
    """Give the run folder a calendar of 360 days, with driving data for two months."""
    weather = folder / "inputs" / "Loobos_1997.dat"
    weather.write_text("0 300 0 0 280 2 1e5 0.005\n" * 60 * 48, encoding="ascii")
    times = folder / "nml" / "timesteps.nml"
    text = times.read_text(encoding="ascii")
    start = text.index("main_run_end")
    line = text[start : text.index("\n", start)]
    text = text.replace(line, f"main_run_end='{end}', l_360=T").replace("1996-12-31 23:00:00", "1996-12-30 23:00:00")
    times.write_text(text, encoding="ascii")
    drive = folder / "nml" / "drive.nml"
    drive.write_text(drive.read_text(encoding="ascii").replace("-12-31 ", "-12-30 "), encoding="ascii")


def test_a_run_folder_ends_on_the_30_february(user: Path) -> None:
    in_360_days(user)
    run = read_run_folder(user)
    assert run.calendar == "360_day"
    assert f"{run.end:{FORMAT}}" == "1997-02-30 00:00:00"
    assert run.log(None).calendar == "360_day"
    in_360_days(user, end="1997-01-31 00:00:00")
    with pytest.raises(BadInput, match="not a time in the calendar 360_day"):
        _ = read_run_folder(user).end


def test_a_run_of_360_days_ends_where_its_calendar_says(user: Path, write: Write) -> None:
    in_360_days(user)
    path = write()
    done = run_jules(load_experiment(path), path.parent / "out")
    log = (done.folder / "jules.log").read_text(encoding="utf-8")
    assert "Started at: 1997-02-29 23:00:00" in log
    assert "Started at: 1997-01-31" not in log
    assert json.loads((done.folder / "run_summary.json").read_text(encoding="utf-8"))["end"] == "1997-02-30 00:00:00"


def test_spin_up_and_output_of_a_run_of_360_days_are_in_its_calendar(user: Path) -> None:
    in_360_days(user)
    times, output = user / "nml" / "timesteps.nml", user / "nml" / "output.nml"
    spin_up = (
        "&jules_spinup max_spinup_cycles=1, spinup_start='1996-02-30 00:00:00', spinup_end='1997-02-30 00:00:00' /"
    )
    text = times.read_text(encoding="ascii")
    times.write_text(f"{re.sub(r'(?is)&jules_spinup.*?/', '', text)}\n{spin_up}\n", encoding="ascii")
    starts = output.read_text(encoding="ascii").replace(
        "output_main_run", "output_start='1997-02-30 00:00:00', output_main_run"
    )
    output.write_text(starts, encoding="ascii")
    run = read_run_folder(user)
    assert requested_profiles(run) == []  # output would start at the end of the run
    (finding, *_) = time_series_findings(StagedRun(run, run.namelists, versions_of_run(run, None), user, {}))
    assert "the run with its spin-up is from 1996-02-30 00:00:00 to 1997-02-30 00:00:00" in finding.problem


def state_file(path: Path, calendar: str, *, cell_methods: str | None = "time : mean", n: int = 6) -> None:
    """Daily output of JULES, stamped at the end of each day."""
    days = np.arange(n, dtype=np.float64)
    attrs = {} if cell_methods is None else {"cell_methods": cell_methods}
    xr.Dataset(
        {
            "sthuf": (("time", "soil", "y", "x"), np.full((n, 4, 1, 1), 0.5), attrs),
            "time_bounds": (("time", "nt"), np.column_stack([days, days + 1.0])),
        },
        coords={"time": ("time", days + 1.0, {"units": "days since 1996-12-30 00:00:00", "calendar": calendar})},
    ).to_netcdf(path)


def data_start(user: Path, write: Write) -> str:
    path = write(via='"prescribed"', jules='prescribed = {file = "state.nc"}')
    folder = run_jules(load_experiment(path), path.parent / "out").folder
    group = f90nml.read(folder / "namelists" / "prescribed_data.nml")["jules_prescribed_dataset"]
    return str(group["data_start"])


@pytest.mark.parametrize(
    ("cell_methods", "start"), [("time : mean", "1996-12-30"), (None, "1996-12-30"), ("time : point", "1996-12-31")]
)
def test_means_are_prescribed_from_the_start_of_their_bounds(
    user: Path, write: Write, cell_methods: str | None, start: str
) -> None:
    state_file(user.parent / "state.nc", "standard", cell_methods=cell_methods)
    assert data_start(user, write) == f"{start} 00:00:00"


def test_state_of_a_run_of_360_days_is_prescribed_in_its_calendar(user: Path) -> None:
    in_360_days(user, end="1997-01-02 00:00:00")
    run = read_run_folder(user)
    state_file(user / "state.nc", "360_day", n=8)
    swap_prescribed(run, user / "state.nc")
    group = run.namelists.all("jules_prescribed_dataset")[0]
    # December has 30 days
    assert (group["data_start"], group["data_end"]) == ("1996-12-30 00:00:00", "1997-01-08 00:00:00")
    with xr.open_dataset(user / "swapped" / "prescribed_soil.nc", decode_times=False) as ds:
        assert ds["time"].attrs["calendar"] == "360_day"


@pytest.mark.parametrize(("of_file", "remedy"), [("360_day", "l_360 = T"), ("noleap", "l_leap = F")])
def test_a_file_of_another_calendar_is_refused(user: Path, write: Write, of_file: str, remedy: str) -> None:
    state_file(user.parent / "state.nc", of_file)
    with pytest.raises(BadInput, match="drift apart") as caught:
        data_start(user, write)
    assert remedy in caught.value.remedy
