"""Days of the training data in a card."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from jules_ml.errors import BadInput
from jules_ml.learned.training_days import day_intervals, in_intervals, refuse_training_days

YEARS = pd.date_range("2016-01-01", "2020-12-31", freq="12h")
CARD = {"sites": {"Here": {"training_days": [["2016-01-01", "2017-12-31"], ["2019-01-01", "2020-12-31"]]}}}


def test_a_year_that_was_left_out_separates_two_intervals() -> None:
    assert day_intervals(YEARS[YEARS.year != 2018]) == CARD["sites"]["Here"]["training_days"]


def test_short_gaps_are_merged_and_a_month_is_not() -> None:
    assert day_intervals(YEARS[(YEARS.day > 7) | (YEARS.month != 3)]) == [["2016-01-01", "2020-12-31"]]
    one_february = (YEARS.year == 2017) & (YEARS.month == 2)
    assert day_intervals(YEARS[~one_february]) == [["2016-01-01", "2017-01-31"], ["2017-03-01", "2020-12-31"]]


def test_single_days_are_kept_exactly() -> None:
    days = pd.DatetimeIndex(["2019-03-01", "2019-03-02 12:00", "2019-03-09"])
    assert day_intervals(days, least_gap=1) == [["2019-03-01", "2019-03-02"], ["2019-03-09", "2019-03-09"]]
    assert day_intervals(days[:0]) == []


def test_days_are_compared_with_the_intervals() -> None:
    days = pd.DatetimeIndex(["2017-12-31 23:45", "2018-01-01 00:15", "2018-12-31 23:45", "2019-01-01"])
    assert in_intervals(days, CARD["sites"]["Here"]["training_days"]).tolist() == [True, False, False, True]


def test_only_days_of_the_training_data_are_refused() -> None:
    refuse_training_days(YEARS[YEARS.year == 2018], "Here", CARD, Path("module"))
    refuse_training_days(YEARS, "elsewhere", CARD, Path("module"))
    with pytest.raises(BadInput, match="2016-01-01 to 2017-12-31, 2019-01-01 to 2020-12-31") as caught:
        refuse_training_days(YEARS, "Here", CARD, Path("module"))
    assert caught.value.remedy.startswith("give other years, or another site")


def test_years_without_training_days_are_named_for_respiration() -> None:
    with pytest.raises(BadInput) as caught:
        refuse_training_days(YEARS, "Here", CARD | {"module": "respiration"}, Path("module"))
    years = "set [respiration] test_years = [2018] in the experiment file of the record"
    assert caught.value.remedy.startswith(f"give other years: {years}, or another site")
