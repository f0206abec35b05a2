"""Properties that hold for any table: the order of columns, time stamps, missing-value codes and units."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from jules_ml.data.readers.fluxnet import read_fluxnet
from jules_ml.data.readers.table import read_table
from jules_ml.data.readers.table_spec import TableSpec
from jules_ml.data.site import StampAt, utc_end_of_interval
from jules_ml.data.units import convert

#: The same examples in every run, few enough for a quick test.
FAST = settings(derandomize=True, deadline=None, max_examples=25, database=None)
ROWS = 6
HOUR = pd.Timedelta(hours=1)
START = pd.Timestamp("2020-06-01 01:00")
FORMAT = "%Y-%m-%d %H:%M"
STAMPS = st.sampled_from(["start", "middle", "end"])
OFFSETS = st.integers(-12, 14).map(float)

#: Columns of a table: variable, unit in the file, and the range of its numbers.
COLUMNS: dict[str, tuple[str, str, float, float]] = {
    "TA": ("t_air", "degC", -30.0, 40.0),
    "H": ("h", "W m-2", -200.0, 600.0),
    "NEE": ("nee", "umol m-2 s-1", -40.0, 20.0),
    "WS": ("wind", "m s-1", 0.0, 20.0),
    "SWC": ("theta", "%", 2.0, 60.0),
}


def numbers(low: float, high: float) -> st.SearchStrategy[list[float]]:
    """One number for each row, with three decimals, as files have them."""
    return st.lists(st.floats(low, high).map(lambda x: round(x, 3)), min_size=ROWS, max_size=ROWS)


TABLES = st.fixed_dictionaries({name: numbers(low, high) for name, (_, _, low, high) in COLUMNS.items()})


def column_map(**changes: object) -> TableSpec:
    columns: dict[str, dict[str, Any]] = {
        name: {"variable": variable, "unit": unit} for name, (variable, unit, _, _) in COLUMNS.items()
    }
    columns["SWC"]["depth"] = 0.1
    base: dict[str, object] = {
        "site": "XX-Abc",
        "columns": columns,
        "interval": "1h",
        "stamp_at": "end",
        "utc_offset_hours": 0.0,
        "time": {"columns": ["time"], "format": FORMAT},
        "missing": [-9999.0],
    }
    return TableSpec.model_validate(base | changes)


def read(frame: pd.DataFrame, spec: TableSpec) -> xr.Dataset:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        frame.to_csv(path, index=False)
        return read_table(path, spec)


def frame_of(table: dict[str, list[float]], first: pd.Timestamp = START) -> pd.DataFrame:
    stamps = pd.date_range(first, periods=ROWS, freq=HOUR).strftime(FORMAT)
    return pd.DataFrame({"time": stamps, **table})


@FAST
@given(table=TABLES, order=st.permutations(["time", *COLUMNS]))
def test_a_table_is_read_alike_in_any_order_of_columns(table: dict[str, list[float]], order: Sequence[str]) -> None:
    frame = frame_of(table)
    xr.testing.assert_identical(read(frame[list(order)], column_map()), read(frame, column_map()))


@FAST
@given(table=TABLES, stamp_at=STAMPS, offset=OFFSETS)
def test_a_table_is_read_alike_with_any_stamp_and_offset(
    table: dict[str, list[float]], stamp_at: StampAt, offset: float
) -> None:
    before_end = {"start": HOUR, "middle": HOUR / 2, "end": pd.Timedelta(0)}[stamp_at]
    local = frame_of(table, START - before_end + pd.Timedelta(hours=offset))
    ds = read(local, column_map(stamp_at=stamp_at, utc_offset_hours=offset))
    xr.testing.assert_equal(ds, read(frame_of(table), column_map()))


@FAST
@given(
    table=TABLES,
    code=st.sampled_from([-9999.0, -6999.0, 9999.0]),
    gaps=st.sets(st.tuples(st.sampled_from(sorted(COLUMNS)), st.integers(0, ROWS - 1))),
)
def test_missing_codes_become_nan_and_nothing_else_does(
    table: dict[str, list[float]], code: float, gaps: set[tuple[str, int]]
) -> None:
    for name, row in gaps:
        table[name] = [code if i == row else value for i, value in enumerate(table[name])]
    ds = read(frame_of(table), column_map(missing=[code]))
    for name, (variable, *_) in COLUMNS.items():
        missing = [(name, row) in gaps for row in range(ROWS)]
        np.testing.assert_array_equal(ds[variable].isnull().to_numpy().ravel(), missing)


@FAST
@given(
    values=numbers(250.0, 320.0),
    unit=st.sampled_from(["K", "degC", "degF", "kelvin", "Degrees Celsius"]),
)
def test_a_table_is_read_alike_in_any_unit_of_temperature(values: list[float], unit: str) -> None:
    columns = {"TA": {"variable": "t_air", "unit": unit}}
    written = convert(np.array(values), "K", unit, where="test")
    ds = read(frame_of({"TA": written.tolist()}), column_map(columns=columns))
    np.testing.assert_allclose(ds["t_air"], values, rtol=1e-12)


@FAST
@given(
    values=numbers(-1e3, 1e3),
    pair=st.sampled_from(
        [
            ("degC", "K"),
            ("%", "1"),
            ("hPa", "Pa"),
            ("kPa", "Pa"),
            ("gC m-2 d-1", "umol m-2 s-1"),
            ("MJ m-2 d-1", "W m-2"),
            ("cm", "m"),
            ("g kg-1", "kg kg-1"),
        ]
    ),
)
def test_units_convert_back_to_the_same_number(values: list[float], pair: tuple[str, str]) -> None:
    source, target = pair
    there = convert(np.array(values), source, target, where="test")
    back = convert(there, target, source, where="test")
    np.testing.assert_allclose(back, values, rtol=1e-12, atol=1e-10)


@FAST
@given(
    first=st.datetimes(pd.Timestamp("1900-01-01").to_pydatetime(), pd.Timestamp("2100-01-01").to_pydatetime()),
    minutes=st.sampled_from([1, 10, 30, 60, 1440]),
    offset=OFFSETS,
)
def test_start_middle_and_end_of_an_interval_agree(first: object, minutes: int, offset: float) -> None:
    interval = pd.Timedelta(minutes=minutes)
    starts = pd.date_range(pd.Timestamp(first).floor("min"), periods=ROWS, freq=interval)
    shifts: dict[StampAt, pd.Timedelta] = {"start": pd.Timedelta(0), "middle": interval / 2, "end": interval}
    ends = [
        utc_end_of_interval(starts + shift, interval=interval, stamp_at=at, utc_offset_hours=offset, where="test")
        for at, shift in shifts.items()
    ]
    expected = starts + interval - pd.Timedelta(hours=offset)
    for end in ends:
        assert (end == expected).all()


FLUXNET = {
    "TA_F": numbers(-30.0, 40.0),
    "P_F": numbers(0.0, 10.0),
    "NEE_VUT_REF": numbers(-40.0, 20.0),
    "SWC_F_MDS_1": numbers(2.0, 60.0),
    "TS_F_MDS_1": numbers(-5.0, 30.0),
}


@FAST
@given(
    table=st.fixed_dictionaries(FLUXNET),
    codes=st.lists(st.integers(0, 3), min_size=ROWS, max_size=ROWS),
    offset=OFFSETS,
    data=st.data(),
)
def test_a_fluxnet_file_is_read_alike_in_any_order_of_columns(
    table: dict[str, list[float]], codes: list[int], offset: float, data: st.DataObject
) -> None:
    begin = pd.date_range("2020-06-01", periods=ROWS, freq="30min")
    frame = pd.DataFrame(
        {
            "TIMESTAMP_START": begin.strftime("%Y%m%d%H%M"),
            "TIMESTAMP_END": (begin + pd.Timedelta(minutes=30)).strftime("%Y%m%d%H%M"),
            **table,
            **{f"{name}_QC": codes for name in table},
        }
    )
    shuffled = frame[data.draw(st.permutations(list(frame.columns)))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "FLX_XX-Abc_FLUXNET2015_FULLSET_HH_2020-2020.csv"
        datasets = []
        for each in (frame, shuffled):
            each.to_csv(path, index=False)
            datasets.append(read_fluxnet(path, utc_offset_hours=offset))
    xr.testing.assert_equal(*datasets)
    ds = datasets[1]
    assert ds["time"].to_numpy()[0] == begin[0] + pd.Timedelta(minutes=30) - pd.Timedelta(hours=offset)
    np.testing.assert_allclose(ds["t_air"], np.array(table["TA_F"]) + 273.15, rtol=1e-12)
    assert ds["t_air_qc"].to_numpy().tolist() == pytest.approx(codes)
