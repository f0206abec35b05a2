"""Notes on a record, for the user."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from jules_ml.data.record import record_notes
from jules_ml.data.site import SiteMeta, site_dataset


def record(depth: list[float]) -> xr.Dataset:
    values = np.full((3, len(depth)), 0.3)
    return site_dataset(
        {"theta": values},
        time=pd.date_range("2020-01-01 00:30", periods=3, freq="30min"),
        interval=pd.Timedelta("30min"),
        meta=SiteMeta(site="Here", source="synthetic", licence="none"),
        depth=depth,
        where="synthetic",
    )


@pytest.mark.parametrize("depth", [[0.05], [0.05, 0.3, 2.0], [np.nan, np.nan], [0.0, 3.0]])
def test_usual_depths_need_no_note(depth: list[float]) -> None:
    assert record_notes(record(depth)) == []


@pytest.mark.parametrize(
    ("depth", "text"),
    [
        ([5.0], "the uppermost sensor is at a depth of 5 m"),
        ([2.0, 5.0], "the uppermost sensor is at a depth of 2 m"),
        ([0.05, 20.0, 50.0], "a sensor is at a depth of 20 m"),
    ],
)
def test_a_depth_in_centimetres_is_named_with_its_unit(depth: list[float], text: str) -> None:
    (note,) = record_notes(record(depth))
    assert note.startswith("site Here, variable theta:")
    assert text in note
    assert "metres" in note


def test_a_depth_of_another_variable_is_not_named() -> None:
    ds = record([0.05, 5.0])
    ds["theta"][:, 1] = np.nan
    assert record_notes(ds) == []
