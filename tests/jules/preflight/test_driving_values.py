"""Values of driving data: each file is read once, and as JULES reads it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from jules_ml.jules.preflight import driving_values
from jules_ml.jules.preflight.driving_values import driving_problems, row_difference
from jules_ml.jules.variable_lists import ListedVariable

VARIABLES = [ListedVariable("t"), ListedVariable("q")]


def problems(path: Path) -> list[str]:
    return [problem for problem, _ in driving_problems(path, VARIABLES)]


@pytest.mark.parametrize(
    ("content", "bad"),
    [
        ("280.0 0.005\n281.0 0.006\n", False),
        ("# t q\n! t q\n\n 280.0\t0.005\n  ! more\n7.5 0.006\n", True),
        ("280.0, 0.005\n7.5, 0.006\n", True),
        ("280.0,0.005\n281.0,0.006\n", False),
        ("280.0 0.005 0.0\n7.5 0.006 0.0 0.0 # more\n", True),
        ("280.0\n7.5\n", True),
        ("280.0 0.005\n7.5\n", True),
        ("280.0 0.005\nNaN 0.006\n", False),
        # what JULES reads as well, and is no table
        ("280.0 0.005\n2*7.5\n", False),
        ("7.5 NA\n", False),
        ("# nothing\n", False),
        ("", False),
    ],
)
def test_values_of_a_text_are_in_their_range(tmp_path: Path, content: str, bad: bool) -> None:
    path = tmp_path / "forcing.dat"
    path.write_text(content)
    assert [problem.startswith("forcing.dat: ") for problem in problems(path)] == [True] * bad


def test_a_file_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    read_text = Path.read_text

    def counted(path: Path, **others: Any) -> str:
        read.append(path)
        return read_text(path, **others)

    monkeypatch.setattr(Path, "read_text", counted)
    path, link = tmp_path / "forcing.dat", tmp_path / "link.dat"
    path.write_text("280.0 0.005\n\n! a\n281.0 0.005\n")
    link.symlink_to(path)
    for each in (path, link, path):
        assert problems(each) == []
        assert row_difference(each, VARIABLES, 2) == ""
        assert "has 2 rows, and from data_start to data_end there are 3 periods" in row_difference(each, VARIABLES, 3)
    assert len(read) == 1
    path.write_text("280.0 0.005\n7.5 0.005\n281.0 0.005\n")
    os.utime(path, ns=(0, 0))
    assert len(problems(path)) == 1
    assert row_difference(path, VARIABLES, 3) == ""
    assert len(read) == 2


def test_a_large_netcdf_variable_is_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "forcing.nc"
    with netCDF4.Dataset(path, "w") as dataset:
        dataset.createDimension("time", 1000)
        dataset.createDimension("land", 2)
        dataset.createVariable("t", "f4", ("time", "land"))[:] = np.full((1000, 2), 7.5)
    monkeypatch.setattr(driving_values, "MOST_VALUES", 100)
    assert len(problems(path)) == 1
