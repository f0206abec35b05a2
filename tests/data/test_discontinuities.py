"""Spikes, and steps in the level of soil sensors: noted, and weather is not taken for them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fuzz.truth import weather
from numpy.typing import NDArray

from jules_ml.data.discontinuities import discontinuity_notes
from jules_ml.data.site import SiteMeta, site_dataset

STEP = pd.Timedelta(minutes=30)


def record(changed: dict[str, NDArray[np.float64]] | None = None, *, with_rain: bool = True) -> xr.Dataset:
    time = pd.date_range("2020-05-01", periods=48 * 20, freq=STEP) + STEP
    values = weather(time, STEP, np.random.default_rng(2)) | (changed or {})
    names = ("t_air", "nee", "pstar", *(("precip",) if with_rain else ()))
    columns = {name: values[name] for name in names} | {name: values[name][:, None] for name in ("theta", "t_soil")}
    meta = SiteMeta(site="S", source="synthetic", licence="none")
    return site_dataset(columns, time=time, interval=STEP, meta=meta, depth=[0.05], where="test")


def series(name: str) -> NDArray[np.float64]:
    time = pd.date_range("2020-05-01", periods=48 * 20, freq=STEP) + STEP
    return weather(time, STEP, np.random.default_rng(2))[name].copy()


def test_a_sound_record_has_no_note() -> None:
    assert discontinuity_notes(record()) == []


@pytest.mark.parametrize(("name", "size"), [("nee", 60.0), ("t_air", 25.0), ("t_soil", -20.0), ("pstar", -9000.0)])
def test_spikes_are_counted(name: str, size: float) -> None:
    values = series(name)
    values[[100, 400]] += size
    (note,) = discontinuity_notes(record({name: values}))
    assert note.startswith(f"site S: '{name}' has 2 spikes, for example {values[100]:.4g} at ")


@pytest.mark.parametrize(("name", "size"), [("t_soil", 15.0), ("theta", 0.25), ("theta", -0.11)])
def test_a_step_that_stays_is_noted(name: str, size: float) -> None:
    values = series(name)
    values[480:] += size
    notes = discontinuity_notes(record({name: values}))
    assert [note.split("'")[1] for note in notes] == [name]
    assert "steps from" in notes[0]


def test_a_rise_after_enough_rain_or_without_a_record_of_rain_is_no_step() -> None:
    values, rain = series("theta"), series("precip")
    values[480:] += 0.25
    rain[470:480] = 3.0 / 1800.0
    assert discontinuity_notes(record({"theta": values, "precip": rain})) == []
    assert discontinuity_notes(record({"theta": values}, with_rain=False)) == []
    assert discontinuity_notes(record({"theta": values, "precip": np.full_like(rain, np.nan)})) == []


def test_a_cold_front_is_no_step_of_the_soil() -> None:
    """Soil near the surface follows air within a day."""
    cold = np.where(np.arange(960) < 400, 0.0, -15.0)
    soil = 290.0 + np.random.default_rng(3).normal(0.0, 0.05, 960) + cold
    ds = record({"t_soil": soil})
    assert len(discontinuity_notes(ds)) == 1
    assert discontinuity_notes(ds.assign(t_air=("time", 285.0 + cold))) == []


def test_values_on_both_sides_of_a_gap_are_no_step() -> None:
    soil = 290.0 + np.random.default_rng(3).normal(0.0, 0.05, 960) - np.where(np.arange(960) < 400, 0.0, 15.0)
    ds = record({"t_soil": soil})
    assert discontinuity_notes(ds.isel(time=np.r_[0:390, 420:960])) == []
