"""The most frequent step of time stamps."""

from __future__ import annotations

import pandas as pd
import pytest

from jules_ml.data.regular import most_frequent_step


@pytest.mark.parametrize(
    ("stamps", "step"),
    [
        (["00:00", "00:30", "01:00", "03:00"], "30min"),
        (["00:00", "NaT", "01:00", "02:00", "02:30"], "1h"),
        (["00:00", "00:00", "00:30", "02:30"], "30min"),
        (["03:00", "02:00"], None),
        (["NaT"], None),
    ],
)
def test_the_most_frequent_step_is_positive_and_the_shortest_of_several(stamps: list[str], step: str | None) -> None:
    index = pd.DatetimeIndex([each if each == "NaT" else f"2020-01-01 {each}" for each in stamps])
    assert most_frequent_step(index) == (None if step is None else pd.Timedelta(step))
