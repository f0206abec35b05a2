"""Values of the site dataset: fractions that were divided by 100 once too often."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from helpers.refusals import refusal

from jules_ml.data.problems import collected_problems
from jules_ml.data.site import check_values, utc_end_of_interval


@pytest.mark.parametrize("name", ["theta", "theta_crns", "relative_humidity"])
def test_a_hundredth_of_possible_values_is_refused_with_its_unit(name: str) -> None:
    values = np.linspace(0.1, 0.45, 200)
    time = pd.date_range("2020-01-01", periods=200, freq="D")
    check_values(name, values, time=time, where="x.csv")
    with refusal("x.csv", "they seem to be a hundredth of the true ones", "multiply the values by 100"):
        check_values(name, values / 100.0, time=time, where="x.csv")


def test_dry_sand_and_short_records_are_accepted() -> None:
    time = pd.date_range("2020-01-01", periods=200, freq="D")
    check_values("theta", np.linspace(0.004, 0.012, 200), time=time, where="x.csv")
    check_values("theta", np.full(20, 0.004), time=time[:20], where="x.csv")


def test_the_row_that_runs_backwards_is_named_where_one_before_it_is_unreadable() -> None:
    stamps = pd.DatetimeIndex(["2020-01-01 01:00", "NaT", "2020-01-01 03:00", "2020-01-01 02:00"])
    with collected_problems() as problems:
        utc_end_of_interval(stamps, interval=pd.Timedelta("1h"), stamp_at="end", utc_offset_hours=0.0, where="a.csv")
    assert [problem.problem for problem in problems] == [
        "time stamp of data row 2 cannot be read",
        "time runs backwards at 2020-01-01 02:00:00 (data row 4)",
    ]
