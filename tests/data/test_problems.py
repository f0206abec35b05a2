"""Problems of a file are raised at the first, or collected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.refusals import refusal
from helpers.tables import SMALL, spec

from jules_ml.data.problems import collected_problems, report
from jules_ml.data.readers.table import read_table
from jules_ml.errors import BadInput

#: Each line has a problem, and the reader stopped at the first of them.
DAMAGED = """date;hour;NEE;flag;rain;SM_20;SM_05;extra
01.06.2020;01:00;2.5;1;3.6;31.0;250;1
01.06.2020;02:00;3.5;9;0.0;310.0;251;1
01.06.2020;03:00;calm;1;0.0;wet;252;1
01.06.2020;04:00;calm;1;0.0;33.0
01.06.2020;04:00;-99.9;1;0.0;33.0;252;1
2020-06-01;05:00;-99.9;1;0.0;33.0;252;1
01.06.2020;06:10;2.5;1;0.0;33.0;252;1
"""


def test_all_problems_of_a_table_are_collected(tmp_path: Path) -> None:
    path = tmp_path / "small.csv"
    path.write_text(DAMAGED, encoding="utf-8")
    with collected_problems() as problems:
        ds = read_table(path, spec(SMALL))
    texts = "\n".join(map(str, problems))
    for part in (
        "column extra is not in the column map",
        "line 5: the line has 6 cells and the header 8",
        "line 4, column NEE: 'calm' is not a number",
        "line 4, column SM_20: 'wet' is not a number",
        "'2020-06-01 05:00' is not a time stamp",
        "not a multiple of the interval",
        "quality code 9 is not in the column map",
        "-99.9 looks like a missing-value code (2 values)",
        "3.1 at",
    ):
        assert part in texts
    assert all(problem.remedy for problem in problems)
    assert ds.sizes["time"] == 6


def test_the_first_problem_is_raised_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "small.csv"
    path.write_text(DAMAGED, encoding="utf-8")
    with refusal("small.csv, line 1", "column extra is not in the column map", "ignore"):
        read_table(path, spec(SMALL))


def test_a_problem_that_ends_the_reading_is_the_last() -> None:
    first, second = BadInput("a", remedy="b"), BadInput("c", remedy="d")
    with collected_problems() as problems:
        report(first)
        report(BadInput("a", remedy="b"))
        raise second
    assert problems == [first, second]
    with pytest.raises(BadInput, match="a") as caught:
        report(first, cause=ValueError("x"))
    assert isinstance(caught.value.__cause__, ValueError)


def test_columns_of_unknown_units_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "small.csv"
    path.write_text(DAMAGED.split("\n", 2)[0] + "\n" + DAMAGED.split("\n", 2)[1] + "\n", encoding="utf-8")
    changed = SMALL.replace("umol m-2 s-1", "sverd").replace("RECO_*", "*")
    with collected_problems() as problems:
        ds = read_table(path, spec(changed.replace('unit = "%"', 'unit = "K"')))
    assert [p.problem for p in problems] == ["unit 'sverd' is unknown", "unit 'K' cannot be converted to 'm3 m-3'"]
    assert np.isnan(ds["nee"]).all()
