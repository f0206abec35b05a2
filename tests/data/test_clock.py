"""Errors of clocks from the position of the sun."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.hanford import hanford
from pvlib import solarposition

from jules_ml.data.clock import clock_notes, solar_noon_error
from jules_ml.errors import BadInput

LATITUDE, LONGITUDE = 46.8, 9.9


def record(minutes_late: float = 0.0, *, minutes: int = 30, days: int = 30) -> xr.Dataset:
    """Photon flux from the true height of the sun, with twilight, by a clock that is late."""
    end = pd.date_range("2021-09-01", periods=days * 1440 // minutes, freq=f"{minutes}min")
    middle = end - pd.Timedelta(minutes=minutes / 2) - pd.Timedelta(minutes=minutes_late)
    height = solarposition.get_solarposition(middle.tz_localize("UTC"), LATITUDE, LONGITUDE)["elevation"].to_numpy()
    light = 10.0 * np.exp(height / 2.0)
    attrs = {"site": "test", "interval_seconds": 60.0 * minutes, "latitude": LATITUDE, "longitude": LONGITUDE}
    return xr.Dataset({"ppfd": ("time", np.minimum(light, 1000.0))}, coords={"time": end}, attrs=attrs)


@pytest.mark.parametrize("late", [0.0, 15.0, -15.0, 60.0])
def test_a_late_clock_is_detected_to_two_minutes(late: float) -> None:
    error = solar_noon_error(record(late), "ppfd")
    assert float(error.median()) == pytest.approx(late, abs=2.0)
    assert error.sizes["day"] >= 28


def test_hills_do_not_change_the_estimate() -> None:
    ds = record()
    hour = ds["time"].dt.hour
    shaded = ds["ppfd"].where((hour < 6) | (hour > 8), np.minimum(ds["ppfd"], 60.0))
    error = solar_noon_error(ds.assign(ppfd=shaded), "ppfd")
    assert float(error.median()) == pytest.approx(0.0, abs=2.0)


def test_days_with_gaps_are_left_out() -> None:
    ds = record()
    whole = solar_noon_error(ds, "ppfd").sizes["day"]
    ds["ppfd"][500] = np.nan
    assert solar_noon_error(ds, "ppfd").sizes["day"] == whole - 1


def test_records_without_enough_sun_are_refused() -> None:
    with pytest.raises(BadInput, match="half-hourly or hourly"):
        solar_noon_error(record(minutes=180), "ppfd")
    with pytest.raises(BadInput, match="no day has one dawn and one dusk"):
        solar_noon_error(record().assign(ppfd=lambda ds: xr.ones_like(ds["ppfd"])), "ppfd")
    with pytest.raises(BadInput, match="'sw_down' is missing"):
        solar_noon_error(record(), "sw_down")


def test_an_hour_of_summer_time_is_noted() -> None:
    assert clock_notes(record()) == []
    assert clock_notes(record(15.0)) == []
    (note,) = clock_notes(record(60.0))
    assert note == (
        "site test: by 'ppfd' and the sun, time stamps are about 60 minutes too late in 2021-09; correct utc_offset_hours, stamp_at or the "
        "longitude, or leave these months out"
    )


def test_two_months_of_a_real_record_are_an_hour_early(shared_data: Path) -> None:
    """US-Hn1: right to six minutes until August 2017, then an hour early."""
    (note,) = clock_notes(hanford(shared_data))
    assert note.startswith(
        "site US-Hn1: by 'sw_down' and the sun, time stamps are about 60 minutes too early in 2017-09 to 2017-10;"
    )


def test_what_cannot_be_judged_has_no_note() -> None:
    assert clock_notes(record(60.0, minutes=180)) == []
    assert clock_notes(record(60.0, days=5)) == []
    assert clock_notes(record(60.0).drop_vars("ppfd")) == []
    assert clock_notes(record(60.0).drop_attrs()) == []
    assert clock_notes(record(60.0).assign(ppfd=lambda ds: xr.ones_like(ds["ppfd"]))) == []
