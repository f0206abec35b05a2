"""Tables with decimal commas, texts for missing values, rejected codes and truncated ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.refusals import refusal
from pydantic import ValidationError

from jules_ml.data.readers.table import TableRecord, read_table
from jules_ml.data.readers.table_spec import TableSpec


def spec(**changes: object) -> TableSpec:
    base: dict[str, object] = {
        "site": "XX-Abc",
        "utc_offset_hours": 0.0,
        "stamp_at": "end",
        "interval": "30min",
        "time": {"columns": ["time"], "format": "%d.%m.%Y %H:%M"},
        "columns": {"NEE": {"variable": "nee", "unit": "umol m-2 s-1"}, "TA": {"variable": "t_air", "unit": "°C"}},
        "delimiter": ";",
    }
    return TableSpec.model_validate(base | changes)


def read(folder: Path, text: str, **changes: object) -> xr.Dataset:
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    return read_table(path, spec(**changes))


def test_decimal_commas_day_first_and_several_texts_for_missing(tmp_path: Path) -> None:
    rows = ["time;NEE;TA", "01.02.2020 00:30;-1,5;3,25", "01.02.2020 01:00;k.A.;---", "01.02.2020 01:30;-9999;NAN"]
    ds = read(tmp_path, "\n".join(rows) + "\n", decimal=",", missing=[-9999, "k.A.", "---"])
    np.testing.assert_array_equal(ds["nee"], [-1.5, np.nan, np.nan])
    np.testing.assert_allclose(ds["t_air"], [276.4, np.nan, np.nan])
    assert ds["time"].to_numpy()[0] == np.datetime64("2020-02-01T00:30")


def test_missing_numbers_may_have_decimal_commas(tmp_path: Path) -> None:
    rows = ["time;NEE;TA", "01.02.2020 00:30;-99,9;3,0", "01.02.2020 01:00;2,0;-99,90"]
    ds = read(tmp_path, "\n".join(rows) + "\n", decimal=",", missing=[-99.9])
    np.testing.assert_array_equal(ds["nee"], [np.nan, 2.0])
    assert np.isnan(float(ds["t_air"][1]))


@pytest.mark.parametrize(
    ("cell", "decimal", "problem", "remedy"),
    [
        ("2,5", ".", "'2,5' is not a number", 'decimal = ","'),
        ("2.5", ",", "'2.5' is not a number", "the decimal separator is a comma"),
        ("k.A.", ".", "'k.A.' is not a number", "missing"),
    ],
)
def test_the_other_separator_and_unknown_texts_are_refused(
    tmp_path: Path, cell: str, decimal: str, problem: str, remedy: str
) -> None:
    with refusal("line 2, column NEE", problem, remedy):
        read(tmp_path, f"time;NEE;TA\n01.02.2020 00:30;{cell};3\n", decimal=decimal)


def test_decimal_commas_of_quoted_numbers_are_no_delimiters(tmp_path: Path) -> None:
    ds = read(tmp_path, 'time,NEE,TA\n01.02.2020 00:30,"2,5","3,0"\n', decimal=",", delimiter=",")
    assert float(ds["nee"][0]) == 2.5


def test_rejected_codes_are_dropped_and_counted(tmp_path: Path) -> None:
    columns = {
        "NEE": {
            "variable": "nee",
            "unit": "umol m-2 s-1",
            "quality": {"column": "qc", "measured": [0, 1], "rejected": [2]},
        }
    }
    rows = ["time;NEE;qc", "01.02.2020 00:30;1.5;0", "01.02.2020 01:00;2.5;2", "01.02.2020 01:30;3.5;1"]
    ds = read(tmp_path, "\n".join(rows) + "\n", columns=columns)
    np.testing.assert_array_equal(ds["nee"], [1.5, np.nan, 3.5])
    np.testing.assert_array_equal(ds["nee_qc"], [0.0, np.nan, 0.0])
    assert ds["nee"].attrs["n_rejected"] == 1


def test_a_code_is_not_both_rejected_and_measured() -> None:
    quality = {"column": "qc", "measured": [0], "rejected": [0]}
    with pytest.raises(ValidationError, match="rejected code"):
        spec(columns={"NEE": {"variable": "nee", "unit": "umol m-2 s-1", "quality": quality}})


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        (("13.25", "12.5", "1"), "its last cell '1' may be truncated"),
        (("13.25", "12.25", "12.2"), "its last cell '12.2' may be truncated"),
    ],
)
def test_a_last_cell_without_line_end_that_may_be_cut_is_refused(
    tmp_path: Path, cells: tuple[str, ...], problem: str
) -> None:
    rows = [f"01.02.2020 0{i}:00;1;{cell}" for i, cell in enumerate(cells)]
    with refusal("column TA", problem, "add a line end"):
        read(tmp_path, "\n".join(["time;NEE;TA", *rows]), interval="1h")


@pytest.mark.parametrize("cells", [("13.25", "2.25"), ("12", "13"), ("1.5", "22.75"), ("8.5", "")])
def test_a_last_cell_that_is_complete_needs_no_line_end(tmp_path: Path, cells: tuple[str, ...]) -> None:
    rows = [f"01.02.2020 0{i}:00;1;{cell}" for i, cell in enumerate(cells)]
    assert read(tmp_path, "\n".join(["time;NEE;TA", *rows]), interval="1h").sizes["time"] == 2


def test_a_table_without_site_has_the_name_of_the_file(tmp_path: Path) -> None:
    assert read(tmp_path, "time;NEE;TA\n01.02.2020 00:30;1;3\n", site=None).attrs["site"] == "table"


def test_old_codes_are_refused_with_the_number_of_the_file(tmp_path: Path) -> None:
    rows = [f"01.02.2020 0{i}:00;{x};3" for i, x in enumerate((-2.5, 3.5, 99.99))]
    with refusal("column NEE", "99.99 looks like a missing-value code", "missing = [99.99]"):
        read(tmp_path, "\n".join(["time;NEE;TA", *rows]) + "\n", interval="1h")


def test_years_in_files_of_their_own_are_one_record(tmp_path: Path) -> None:
    for year in (2020, 2021):
        (tmp_path / f"{year}.csv").write_text(f"time;NEE;TA\n01.02.{year} 00:30;1;3\n", encoding="utf-8")
    paths = [str(tmp_path / f"{year}.csv") for year in (2020, 2021)]
    table = spec().model_dump(exclude_unset=True) | {"reader": "table", "path": paths}
    ds = TableRecord.model_validate(table).read()
    assert ds["time"].dt.year.to_numpy().tolist() == [2020, 2021]
