"""Time stamps in columns of text: decimal hours, hours and minutes as a number, 24:00."""

from __future__ import annotations

from time import process_time

import pandas as pd
import pytest
from helpers.refusals import refusal

from jules_ml.data.timetext import read_column_times


def frame(**columns: list[str]) -> pd.DataFrame:
    n = len(next(iter(columns.values())))
    return pd.DataFrame(columns, index=pd.Index(range(2, n + 2), name="line"))


@pytest.mark.parametrize(
    ("columns", "form"),
    [
        ({"Y": ["2020"] * 3, "D": ["153"] * 3, "H": ["0.5", "1", "24.0"]}, "%Y %j %H"),
        ({"Y": ["2020"] * 3, "D": ["153"] * 3, "H": ["30", "100", "2400"]}, "%Y %j %H%M"),
        ({"d": ["01.06.2020"] * 3, "t": ["00:30", "01:00", "24:00"]}, "%d.%m.%Y %H:%M"),
        ({"dt": ["01/06/2020 00:30", "01/06/2020 01:00", "01/06/2020 24:00"]}, "%d/%m/%Y %H:%M"),
    ],
)
def test_hours_are_read_and_24_is_the_end_of_the_day(columns: dict[str, list[str]], form: str) -> None:
    stamps = read_column_times(frame(**columns), list(columns), form, where="x.csv")
    assert [str(stamp) for stamp in stamps] == ["2020-06-01 00:30:00", "2020-06-01 01:00:00", "2020-06-02 00:00:00"]


@pytest.mark.parametrize(
    ("hour", "form", "problem"),
    [
        ("24.5", "%Y %j %H", "'24.5' is not an hour from 0 to 24"),
        ("x", "%Y %j %H", "'x' is not an hour"),
        ("160", "%Y %j %H%M", "'160' is not hours and minutes"),
        ("0.5", "%Y %j %H%M", "'0.5' is not hours and minutes"),
        ("2430", "%Y %j %H%M", "'2430' is not hours and minutes"),
    ],
)
def test_other_hours_are_refused(hour: str, form: str, problem: str) -> None:
    table = frame(Y=["2020"], D=["153"], H=[hour])
    with refusal("x.csv, line 2, column H", problem, "format"):
        read_column_times(table, ["Y", "D", "H"], form, where="x.csv")


def test_day_and_month_that_are_exchanged_are_refused() -> None:
    days = pd.date_range("2020-06-01", "2020-06-12", freq="D")
    table = frame(d=[day.strftime("%d/%m/%Y 00:00") for day in days])
    assert list(read_column_times(table, ["d"], "%d/%m/%Y %H:%M", where="x.csv")) == list(days)
    with refusal("x.csv, column d", "the time stamps have", "time.format = '%d/%m/%Y %H:%M'"):
        read_column_times(table, ["d"], "%m/%d/%Y %H:%M", where="x.csv")


def test_gaps_are_allowed() -> None:
    table = frame(d=["01/06/2020 00:00", "02/06/2020 00:00", "09/06/2020 00:00"])
    assert len(read_column_times(table, ["d"], "%d/%m/%Y %H:%M", where="x.csv")) == 3


def test_a_number_without_leading_zeros_is_hours_then_minutes() -> None:
    """Without leading zeros, strptime reads 130 as 13:00."""
    table = frame(Y=["2020"], D=["1"], H=["130"])
    assert str(read_column_times(table, ["Y", "D", "H"], "%Y %j %H%M", where="x.csv")[0]) == "2020-01-01 01:30:00"


def test_many_rows_are_joined_quickly() -> None:
    stamps = pd.date_range("2000-01-01", periods=100_000, freq="30min")
    texts = pd.DataFrame({"date": stamps.strftime("%Y-%m-%d"), "time": stamps.strftime("%H:%M")})
    begin = process_time()
    assert read_column_times(texts, ("date", "time"), "%Y-%m-%d %H:%M", where="a.csv").equals(stamps)
    assert process_time() - begin < 3.0  # row by row it takes 7 s and more
