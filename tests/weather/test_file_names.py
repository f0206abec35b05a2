"""Names of files of a time series."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from jules_ml.errors import BadInput
from jules_ml.weather.file_names import interval_of_files, read_file_list


@pytest.mark.parametrize(
    ("name", "interval"), [("a.nc", None), ("%y2.nc", "year"), ("%y4%mc.nc", "month"), ("%d2_%m1_%y4.nc", "day")]
)
def test_the_interval_is_that_of_the_shortest_part(name: str, interval: str | None) -> None:
    assert interval_of_files(name) == interval


def test_forms_of_lines_of_a_list(tmp_path: Path) -> None:
    lines = (
        "'my file.nc', '1999-01-01 00:00:00'",
        "",
        "b.nc, 1999-02-01 00:00:00  ! a note",
        '  "c.nc" "1999-03-01"',
        "d.nc",
    )
    path = tmp_path / "list.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    files = read_file_list(path)
    assert [each.name for each in files] == ["my file.nc", "b.nc", "c.nc", "d.nc"]
    assert [each.time() for each in files[:3]] == [pd.Timestamp(f"1999-0{month}-01") for month in (1, 2, 3)]
    assert read_file_list(path, 2) == files[:2]
    with pytest.raises(BadInput, match="line 5: the line has no time of the first data"):
        files[3].time()


def test_a_missing_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such list of files"):
        read_file_list(tmp_path / "list.txt")
