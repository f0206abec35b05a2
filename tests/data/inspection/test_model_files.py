"""Output of JULES that is not the first guess of moisture, netCDF that cannot be opened, tables without time, and notes of a fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.published_files import PUBLISHED

from jules_ml.data.inspection import Inspection, inspect_files
from jules_ml.data.inspection.fit_notes import fit_notes
from jules_ml.data.inspection.suspicions import Suspicion, notes_on


def one(path: Path, site: str | None = None) -> Inspection:
    (inspection,) = inspect_files([path], site=site)
    return inspection


def write_output(path: Path, ends: list[float], smcl: float, *, bounds: bool = True, name: str = "smcl") -> Inspection:
    seconds = 86400.0 * np.array(ends)
    ds = xr.Dataset(
        {
            name: (("time", "soil", "y", "x"), np.full((len(ends) - 1, 4, 1, 1), smcl), {"units": "kg m-2"}),
            "time_bounds": (("time", "nt"), np.column_stack([seconds[:-1], seconds[1:]])),
            "latitude": (("y", "x"), [[52.0]]),
            "longitude": (("y", "x"), [[5.0]]),
        },
        coords={"time": ("time", seconds[1:], {"units": "seconds since 2018-01-01"})},
    )
    (ds if bounds else ds.drop_vars("time_bounds")).to_netcdf(path)
    return one(path)


def test_monthly_output_is_no_first_guess_and_has_no_missing_row(tmp_path: Path) -> None:
    ends = (pd.date_range("2018-01-01", "2020-06-01", freq="MS") - pd.Timestamp("2018-01-01")).days.tolist()
    inspection = write_output(tmp_path / "monthly.nc", ends, 30.0)
    assert inspection.period is not None
    assert (inspection.period.n_steps, inspection.period.n_missing) == (29, 0)
    assert "these periods are 31 days long" in inspection.use
    assert inspection.section == ""


@pytest.mark.parametrize(("smcl", "problem"), [(np.nan, "all values of smcl are missing"), (0.03, "seems to be m")])
def test_output_without_usable_water_is_a_problem(tmp_path: Path, smcl: float, problem: str) -> None:
    inspection = write_output(tmp_path / "out.nc", list(range(11)), smcl)
    assert problem in inspection.problems[0].problem
    assert inspection.section == ""


@pytest.mark.parametrize(("name", "problem"), [("fsth", "no variable smcl"), ("smcl", "seems to be m")])
def test_a_copy_of_some_variables_is_recognised_as_output(tmp_path: Path, name: str, problem: str) -> None:
    inspection = write_output(tmp_path / "out.nc", list(range(11)), 0.03, bounds=False, name=name)
    assert "output of JULES" in inspection.kind
    assert "without time_bounds" in inspection.problems[0].problem
    assert problem in inspection.problems[1].problem
    assert "output_period = 86400" in inspection.problems[0].remedy


@pytest.mark.parametrize("content", [b"\x89HDF\r\n\x1a\n" + b"\0" * 40, b"no netCDF"])
def test_netcdf_that_cannot_be_opened_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.nc").write_bytes(content)
    inspection = one(tmp_path / "x.nc")
    assert inspection.kind == "a netCDF file that cannot be opened"
    assert "truncated or is not netCDF" in inspection.problems[0].problem


def test_daily_aggregates_of_fluxes_have_a_remedy(tmp_path: Path) -> None:
    ds = xr.Dataset(
        {"NEE_daily": ("time", np.ones(3))}, {"time": ("time", np.arange(3.0), {"units": "days since 2018-01-01"})}
    )
    ds.to_netcdf(tmp_path / "flux.nc")
    assert "rename them (NEE_daily to NEE" in one(tmp_path / "flux.nc").use


def test_soil_cores_and_json_are_no_tables_of_a_record(tmp_path: Path) -> None:
    (tmp_path / "soc.csv").write_text("site,plot,lat,lon,OC_gkg_0_30,BD_0_30,clay_0_30\nA,A_1,45,-122,147,0.9,30\n")
    inspection = one(tmp_path / "soc.csv")
    assert inspection.problems == ()
    assert "[place]" in inspection.use
    (tmp_path / "x.json").write_text("{}")
    assert one(tmp_path / "x.json").kind == "a JSON file"


def test_the_points_of_a_satellite_series_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text("ID,Date,MOD11A1_061_LST_Day_1km\nb,2020-07-01,300.0\na,2020-07-01,290.0\na,2020-07-02,291.0\n")
    assert "2 points: b, a; b is summarised: choose one by --site" in one(path).use
    assert '[site]\nname = "a"\n' in one(path, "a").section


def test_flags_of_values_that_are_left_out_are_named() -> None:
    attrs = {"n_flagged": 1, "flagged": "C03 1", "n_dropped": 2}
    assert notes_on(xr.Dataset({"theta": ("time", [0.1], attrs)})) == [
        "theta: 2 values outside the valid range are left out",
        "theta: 1 value with a flag that is not used (flag C03 1) is left out",
    ]


def test_notes_of_a_fit_are_listed_once(tmp_path: Path) -> None:
    (path,) = PUBLISHED["fluxnet"](tmp_path).paths
    record = one(path).record
    assert record is not None
    ds = record.assign(wind=("time", np.full(record.sizes["time"], 3.0), {"units": "m s-1"}))
    (note,) = [note for note in fit_notes(ds, []) if "values are 3" in note]
    assert note.startswith("variable wind")
    known = [Suspicion("wind", "constant at 3 m s-1 for 3 days", "check")]
    assert note not in fit_notes(ds, known)
