"""Delimited text and Parquet: each fault is reported with file, line and column."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jules_ml.data.parquetfile import read_parquet
from jules_ml.data.textfile import read_csv_columns, read_times
from jules_ml.errors import BadInput


def write(folder: Path, content: bytes, name: str = "record.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def refusal(path: Path, **options: object) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read_csv_columns(path, **({"numbers": ["b"], "texts": ["a"]} | options))  # type: ignore[arg-type]
    return caught.value


def test_blank_lines_and_missing_codes_keep_the_line_number(tmp_path: Path) -> None:
    path = write(tmp_path, b"\xef\xbb\xbfa,b\r\nx,1\r\n\r\ny,NA\r\nz,-9999.0\r\n\r\n")
    frame = read_csv_columns(path, numbers=["b"], texts=["a"], missing=[-9999])
    assert list(frame.index) == [2, 4, 5]
    assert list(frame["a"]) == ["x", "y", "z"]
    np.testing.assert_array_equal(frame["b"], [1.0, np.nan, np.nan])


def test_rows_between_header_and_data_are_skipped(tmp_path: Path) -> None:
    path = write(tmp_path, b"made by hand\na;b\nunit;m\n1;2\n")
    frame = read_csv_columns(path, numbers=["a", "b"], delimiter=";", header_line=2, first_data_line=4)
    assert frame.loc[4].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("content", "place", "problem", "remedy"),
    [
        (b"", "record.csv", "empty", "download"),
        (b"a,b\n", "record.csv", "no data", "download"),
        (b"a;b\n1;2\n", "line 1", "not delimited by comma; semicolon would give 2 columns", "';'"),
        (b"a,c\n1,2\n", "line 1", "column b is missing; the file has a, c", "name"),
        (b"a,b,b\n1,2,3\n", "line 1", "duplicate column b", "rename"),
        (b"a,b\n1,2\n\n3\n", "line 4", "the line has 1 cells and the header 2", "truncated"),
        (b"a,b\n1,2,3\n", "line 2", "the line has 3 cells and the header 2", "correct it"),
        (b'a,b\n1,2\n3,"1,5"\n', "line 3, column b", "'1,5' is not a number", "the decimal separator is a point"),
        (b'a,b\n1,"2\n3,4\n', "line 2", "a quotation mark is not closed", "close it"),
        (b'a,b\n1,2\n3,"4\n', "line 3", "a quotation mark is not closed", "close it"),
        (b"PK\x03\x04rest", "record.csv", "the file is a ZIP archive", "unpack it"),
        (b"a,b\n\xff,2\n", "record.csv", "not utf-8-sig text", "encoding"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes, place: str, problem: str, remedy: str) -> None:
    error = refusal(write(tmp_path, content))
    assert place in str(error.where)
    assert problem in error.problem
    assert remedy in error.remedy


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "record.csv").problem


def test_a_truncated_gzip_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (i, i * i) for i in range(5000)))
    error = refusal(write(tmp_path, packed[: len(packed) // 2], "record.csv.gz"))
    assert "truncated" in error.problem
    assert "download" in error.remedy


def test_text_called_gzip_is_refused(tmp_path: Path) -> None:
    assert "gzip file is broken" in refusal(write(tmp_path, b"a,b\n1,2\n", "record.csv.gz")).problem


def test_an_unreadable_time_stamp_is_named_by_line_and_column() -> None:
    stamps = pd.Series(["2020-01-01", "2020-13-01"], index=pd.Index([2, 5], name="line"), name="day")
    with pytest.raises(BadInput) as caught:
        read_times(stamps, "%Y-%m-%d", where="record.csv")
    assert caught.value.where == "record.csv, line 5, column day"
    assert "2020-13-01" in caught.value.problem
    assert "format" in caught.value.remedy


@pytest.mark.parametrize("content", [b"", b"PAR1 no more", b"a,b\n1,2\n"])
def test_a_broken_parquet_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path, content, "record.parquet")
    with pytest.raises(BadInput) as caught:
        read_parquet(path)
    assert caught.value.where == str(path)
    assert "download" in caught.value.remedy


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.parquet"
    pd.DataFrame({"a": np.arange(1000.0)}).to_parquet(whole)
    path = write(tmp_path, whole.read_bytes()[:-100], "cut.parquet")
    with pytest.raises(BadInput, match="truncated"):
        read_parquet(path)


def test_a_parquet_file_without_rows_or_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "record.parquet"
    pd.DataFrame({"a": []}).to_parquet(path)
    with pytest.raises(BadInput, match="no rows"):
        read_parquet(path)
    pd.DataFrame({"a": [1.0]}).to_parquet(path)
    with pytest.raises(BadInput, match="column b is missing; the file has a"):
        read_parquet(path, required=["b"])


def test_a_quotation_mark_in_a_line_above_the_data_joins_no_lines(tmp_path: Path) -> None:
    path = write(tmp_path, b'a,b\n"unit,1\n1,2\n3,4\n')
    frame = read_csv_columns(path, numbers=["a", "b"], first_data_line=3)
    assert frame["b"].tolist() == [2.0, 4.0]
