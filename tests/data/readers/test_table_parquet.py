"""Parquet tables read by a column map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.refusals import refusal
from helpers.tables import HYYTIALA, spec

from jules_ml.data.readers.table import read_table
from jules_ml.data.readers.table_spec import TableSpec
from jules_ml.errors import BadInput


def parquet(folder: Path, frame: pd.DataFrame) -> Path:
    path = folder / "table.parquet"
    frame.to_parquet(path)
    return path


def parquet_spec(**changes: object) -> TableSpec:
    defaults: dict[str, object] = {
        "site": "XX-Abc",
        "columns": {"TA": {"variable": "t_air", "unit": "degC"}},
        "interval": "1h",
        "stamp_at": "middle",
        "utc_offset_hours": 0.0,
        "missing": [-9999.0],
    }
    return TableSpec.model_validate(defaults | changes)


HOURS = pd.date_range("2020-01-01 00:30", periods=3, freq="h")


def test_time_of_parquet_is_the_index_or_a_column(tmp_path: Path) -> None:
    frame = pd.DataFrame({"TA": [1.0, -9999.0, 3.0]}, index=HOURS)
    by_index = read_table(parquet(tmp_path, frame), parquet_spec())
    named = frame.rename_axis("when").reset_index()
    by_column = read_table(parquet(tmp_path, named), parquet_spec(time={"columns": ["when"]}))
    as_text = read_table(
        parquet(tmp_path, named.astype({"when": str})),
        parquet_spec(time={"columns": ["when"], "format": "%Y-%m-%d %H:%M:%S"}),
    )
    for ds in (by_index, by_column, as_text):
        assert ds["time"].to_numpy()[0] == np.datetime64("2020-01-01T01:00")
        np.testing.assert_allclose(ds["t_air"], [274.15, np.nan, 276.15])


@pytest.mark.parametrize(
    ("frame", "changes", "place", "problem", "remedy"),
    [
        (pd.DataFrame({"TA": [1.0]}), {}, "table.parquet", "index of the table does not contain", "time.columns"),
        (pd.DataFrame({"TB": [1.0] * 3}, index=HOURS), {}, "table.parquet", "column TA is missing", "name"),
        (pd.DataFrame({"TA": ["warm"] * 3}, index=HOURS), {}, "column TA", "not numbers", "numbers"),
        (pd.DataFrame({"TA": [1.0, 2.0, 3.0]}, index=HOURS[[0, 0, 1]]), {}, "index", "duplicate time stamp", "delete"),
        (pd.DataFrame({"TA": [1.0, 2.0, 3.0]}, index=HOURS[[1, 0, 2]]), {}, "index", "runs backwards", "sort"),
        (
            pd.DataFrame({"TA": [1.0] * 3}, index=HOURS),
            {"utc_offset_hours": None},
            "index",
            "offset from UTC is unknown",
            "utc_offset_hours",
        ),
        (
            pd.DataFrame({"TA": [1.0], "when": ["2020-01-01"]}),
            {"time": {"columns": ["when"]}},
            "column when",
            "stored as text",
            "time.format",
        ),
        (
            pd.DataFrame({"TA": [1.0, 2.0], "when": ["2020-01-01", None]}),
            {"time": {"columns": ["when"], "format": "%Y-%m-%d"}},
            "row 2, column when",
            "'' is not a time stamp",
            "correct",
        ),
        (
            pd.DataFrame({"TA": [1.0] * 4}, index=HOURS.append(HOURS[-1:] + pd.Timedelta(minutes=90))),
            {},
            "index",
            "01:30:00 after the previous one",
            "delete the row",
        ),
        (
            pd.DataFrame({"TA": [1.0] * 3, "Q": [0.0, 5.0, 0.0]}, index=HOURS),
            {"columns": {"TA": {"variable": "t_air", "unit": "degC", "quality": {"column": "Q", "measured": [0]}}}},
            "row 2, column Q",
            "quality code 5",
            "measured",
        ),
    ],
)
def test_an_invalid_parquet_table_is_refused(
    tmp_path: Path, frame: pd.DataFrame, changes: dict[str, object], place: str, problem: str, remedy: str
) -> None:
    with refusal(place, problem, remedy):
        read_table(parquet(tmp_path, frame), parquet_spec(**changes))


def test_a_truncated_parquet_table_is_refused(tmp_path: Path, shared_data: Path) -> None:
    path = tmp_path / "cut.parquet"
    path.write_bytes((shared_data / "respiration" / "fi_hyy_2016_2020_30min.parquet").read_bytes()[:100_000])
    with pytest.raises(BadInput, match=r"cut\.parquet: the file is truncated .* Remedy: download"):
        read_table(path, spec(HYYTIALA))
