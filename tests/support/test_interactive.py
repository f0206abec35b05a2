"""Interactive time series of reports."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from jules_ml.support.interactive import Line, Panel, interactive, thinned


def test_long_series_are_means_over_days() -> None:
    hours = pd.Series(np.arange(96.0), index=pd.date_range("2001-01-01", periods=96, freq="h"))
    assert thinned(hours, 1).tolist() == pytest.approx([11.5, 35.5, 59.5, 83.5])


def test_no_line_is_drawn_across_a_gap() -> None:
    days = pd.DatetimeIndex(["2001-01-01", "2001-01-02", "2001-01-03", "2001-03-01", "2001-03-02"])
    values = thinned(pd.Series([1.0, 2.0, 3.0, 4.0, 5.0], index=days), 0)
    assert values.isna().tolist() == [False, False, False, True, False, False]


def test_other_calendars_and_empty_panels_are_left_out() -> None:
    times = xr.date_range("2001-01-01", periods=3, calendar="360_day", use_cftime=True)
    empty = pd.Series([np.nan], index=pd.DatetimeIndex(["2001-01-01"]))
    assert interactive([Panel("a", "K", [Line("run", pd.Series([1.0, 2.0, 3.0], index=times), "blue")])]) is None
    assert interactive([Panel("a", "K", [Line("run", empty, "blue")]), Panel("b", "K", [])]) is None
