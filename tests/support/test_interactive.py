"""Interactive time series of reports."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from jules_ml.support.interactive import Band, Line, Panel, band_areas, interactive, thinned


def test_long_series_are_means_over_days() -> None:
    hours = pd.Series(np.arange(96.0), index=pd.date_range("2001-01-01", periods=96, freq="h"))
    assert thinned(hours, 1).tolist() == pytest.approx([11.5, 35.5, 59.5, 83.5])


def test_no_line_is_drawn_across_a_gap() -> None:
    days = pd.DatetimeIndex(["2001-01-01", "2001-01-02", "2001-01-03", "2001-03-01", "2001-03-02"])
    values = thinned(pd.Series([1.0, 2.0, 3.0, 4.0, 5.0], index=days), 0)
    assert values.isna().tolist() == [False, False, False, True, False, False]


def test_a_line_is_drawn_across_single_missing_days() -> None:
    days = pd.date_range("2001-01-01", periods=12, freq="D")
    values = thinned(pd.Series([0.0, 1.0, np.nan, 2.0, *[np.nan] * 5, 6.0, 7.0, 8.0], index=days), 1)
    assert values.isna().tolist() == [False, False, False, True, False, False, False]


def test_no_band_is_shaded_across_a_gap() -> None:
    days = pd.date_range("2001-01-01", periods=11, freq="D")
    lower = pd.Series([0.0, 1.0, np.nan, 2.0, *[np.nan] * 5, 5.0, 6.0], index=days)
    xs, ys = band_areas(Band("interval", lower, lower + 1.0), 0)
    # one missing day is no gap; the area goes forth along the lower end and back along the upper one
    assert [list(pd.DatetimeIndex(x).day) for x in xs] == [[1, 2, 4, 4, 2, 1], [10, 11, 11, 10]]
    assert [y.tolist() for y in ys] == [[0.0, 1.0, 2.0, 3.0, 2.0, 1.0], [5.0, 6.0, 7.0, 6.0]]


def test_other_calendars_and_empty_panels_are_left_out() -> None:
    times = xr.date_range("2001-01-01", periods=3, calendar="360_day", use_cftime=True)
    empty = pd.Series([np.nan], index=pd.DatetimeIndex(["2001-01-01"]))
    assert interactive([Panel("a", "K", [Line("run", pd.Series([1.0, 2.0, 3.0], index=times), "blue")])]) is None
    assert interactive([Panel("a", "K", [Line("run", empty, "blue")]), Panel("b", "K", [])]) is None
