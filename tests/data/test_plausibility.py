"""Values that contradict each other, the sun or the rest of the record: noted where they do, and nothing said of a sound record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fuzz.truth import LATITUDE, LONGITUDE, weather
from helpers.hanford import hanford

from jules_ml.data.plausibility import plausibility_notes
from jules_ml.data.site import SiteMeta, site_dataset

NAMES = (
    "t_air",
    "relative_humidity",
    "vpd",
    "q",
    "pstar",
    "wind",
    "ustar",
    "sw_down",
    "ppfd",
    "precip",
    "nee",
    "le",
    "h",
)


def record(days: int = 20, *, step: str = "30min") -> xr.Dataset:
    interval = pd.Timedelta(step)
    time = pd.date_range("2020-03-01", periods=round(pd.Timedelta(days=days) / interval), freq=interval) + interval
    values = weather(time, interval, np.random.default_rng(4))
    soil = {name: values[name][:, None] for name in ("theta", "t_soil")}
    meta = SiteMeta(site="S", source="synthetic", licence="none", latitude=LATITUDE, longitude=LONGITUDE)
    columns = {name: values[name] for name in NAMES} | soil
    return site_dataset(columns, time=time, interval=interval, meta=meta, depth=[0.05], where="test")


def scaled(name: str, factor: float) -> Callable[[xr.Dataset], xr.Dataset]:
    return lambda ds: ds.assign({name: ds[name] * factor})


def held(name: str, days: float) -> Callable[[xr.Dataset], xr.Dataset]:
    """A sensor that stays at its value for some days."""

    def change(ds: xr.Dataset) -> xr.Dataset:
        values = ds[name].to_numpy().copy()
        first = len(values) // 3
        values[first : first + round(days * 86400.0 / ds.attrs["interval_seconds"])] = values[first]
        return ds.assign({name: (ds[name].dims, values)})

    return change


@pytest.mark.parametrize("step", ["30min", "1h", "1D"])
def test_a_sound_record_has_no_note(step: str) -> None:
    assert plausibility_notes(record(60 if step == "1D" else 20, step=step)) == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda ds: ds.assign(t_air=2 * 278.0 - ds["t_air"]), "'t_air' falls while the sun shines"),
        (scaled("le", -1.0), "'le' falls while the sun shines"),
        (scaled("nee", -1.0), "'nee' is negative at night"),
        (scaled("sw_down", 0.01), "'sw_down' is 0.00"),
        (scaled("sw_down", 2.05), "'sw_down' is 1."),
        (lambda ds: ds.assign(sw_down=ds["sw_down"] + 50.0), "'sw_down' exceeds 30 W m-2 at night"),
        (scaled("vpd", 10.0), "'vpd' exceeds the saturation pressure"),
        (scaled("q", 0.001), "'q' means a relative humidity of"),
        (lambda ds: ds.assign(ustar=ds["wind"], wind=ds["ustar"]), "'ustar' exceeds 'wind'"),
        (scaled("wind", 0.01), "'wind' never exceeds"),
        (scaled("relative_humidity", 0.01), "'relative_humidity' never exceeds"),
        (scaled("precip", 100.0), "'precip' exceeds 80 mm h-1"),
        (held("t_air", 3.0), "'t_air' is constant"),
        (held("theta", 6.0), "'theta' is constant"),
        (held("pstar", 2.0), "'pstar' is constant"),
        (lambda ds: ds.assign(theta=ds["theta"].where(ds["time"].dt.day != 5, 0.0)), "'theta' is exactly 0 in"),
    ],
)
def test_a_contradiction_is_noted(change: Callable[[xr.Dataset], xr.Dataset], text: str) -> None:
    notes = plausibility_notes(change(record()))
    assert any(note.startswith("site S: ") and text in note for note in notes), notes


def test_values_at_rest_are_no_fault() -> None:
    ds = record()
    fog = ds["relative_humidity"].where(ds["time"].dt.day > 12, 1.0)
    curtain = ds["t_soil"].where(ds["time"].dt.day > 15, 273.2)
    assert plausibility_notes(ds.assign(relative_humidity=fog, t_soil=curtain)[["relative_humidity", "t_soil"]]) == []


def test_a_real_record_has_notes_of_its_real_faults(shared_data: Path) -> None:
    """US-Hn1: fluxes and pressure are filled with one number for ten days, and the clock is an hour off in autumn."""
    notes = plausibility_notes(hanford(shared_data))
    assert [note.split("'")[1] for note in notes] == ["sw_down", "pstar", "nee"]
    assert "'pstar' is constant, 1.006e+05, in 501 steps from 2017-12-20 21:30:00" in notes[1]


def test_short_records_have_no_note() -> None:
    assert plausibility_notes(scaled("le", -1.0)(record(2))) == []
    assert plausibility_notes(record().isel(time=slice(0, 1))) == []
