"""Variables that contradict each other are noted, and nothing is said of sound real records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fuzz.truth import ELEVATION, LATITUDE, LONGITUDE, weather

from jules_ml.data.consistency import standard_pressure
from jules_ml.data.plausibility import plausibility_notes
from jules_ml.data.readers.uscrn import read_uscrn
from jules_ml.data.site import SiteMeta, site_dataset

NAMES = ("t_air", "lst", "relative_humidity", "vpd", "q", "pstar", "wind", "ustar", "sw_down", "precip", "nee")


def record(days: int, step: str) -> xr.Dataset:
    interval = pd.Timedelta(step)
    time = pd.date_range("2020-03-01", periods=round(pd.Timedelta(days=days) / interval), freq=interval) + interval
    values = weather(time, interval, np.random.default_rng(4))
    meta = SiteMeta(
        site="S", source="synthetic", licence="none", latitude=LATITUDE, longitude=LONGITUDE, elevation=ELEVATION
    )
    columns = {name: values[name] for name in NAMES if name != "ustar" or interval < pd.Timedelta(days=1)}
    columns |= {"t_soil": values["t_soil"][:, None], "nee_ustar": np.column_stack([values["nee"]] * 2)}
    return site_dataset(columns, time=time, interval=interval, meta=meta, depth=[0.05], where="test")


def anomaly(name: str, factor: float) -> Callable[[xr.Dataset], xr.Dataset]:
    """Damage of a column in degrees Celsius."""
    return lambda ds: ds.assign({name: 273.15 + factor * (ds[name] - 273.15)})


@pytest.mark.parametrize(
    ("step", "change", "text"),
    [
        ("1D", anomaly("t_air", 0.01), "'t_air' hardly varies from day to day"),
        ("30min", anomaly("t_air", 0.01), "'t_air' hardly varies within a day"),
        ("1D", anomaly("lst", 0.01), "'lst' hardly varies from day to day"),
        ("1D", lambda ds: ds.assign(lst=ds["lst"][::-1].drop_vars("time")), "'lst' does not follow 't_air'"),
        ("1D", lambda ds: ds.assign(lst=ds["lst"].where(ds["time"].dt.day != 9, 265.0)), "'lst' departs from 't_air'"),
        ("30min", lambda ds: ds.assign(t_air=ds["t_air"] + 32.0), "'t_air' and 't_soil' have means of"),
        ("30min", lambda ds: ds.assign(vpd=ds["vpd"] / 100.0), "'vpd' is 0.01 of the deficit"),
        ("30min", lambda ds: ds.assign(pstar=ds["pstar"] * 0.75), "'pstar' is 0.75 of the pressure at 195 m"),
        ("30min", lambda ds: ds.assign(ustar=ds["ustar"][::-1].drop_vars("time")), "'ustar' does not follow 'wind'"),
        ("30min", lambda ds: ds.assign(nee_ustar=-ds["nee_ustar"]), "'nee_ustar' is opposite to 'nee'"),
        ("30min", lambda ds: ds.assign(wind=ds["wind"] * 10.0), "'wind' has a mean of"),
        ("30min", lambda ds: ds.assign(precip=ds["precip"] + 1e-6), "'precip' is positive in 100%"),
    ],
)
def test_a_contradiction_is_noted(step: str, change: Callable[[xr.Dataset], xr.Dataset], text: str) -> None:
    sound = record(90 if step == "1D" else 20, step)
    assert plausibility_notes(sound) == []
    notes = plausibility_notes(change(sound))
    assert any(note.startswith("site S: ") and text in note for note in notes), notes


def test_pressure_of_the_standard_atmosphere() -> None:
    """Table of ISO 2533 at sea level, 1000 m and 5000 m."""
    assert standard_pressure(0.0) == pytest.approx(101325.0)
    assert standard_pressure(1000.0) == pytest.approx(89874.6, rel=1e-4)
    assert standard_pressure(5000.0) == pytest.approx(54019.9, rel=1e-4)


def test_real_stations_have_notes_of_real_faults_only(shared_data: Path) -> None:
    """Of 116 USCRN stations three have an infrared sensor that is stuck or far from the air; the others contradict nothing."""
    file = shared_data / "moisture" / "uscrn_2020_daily.parquet"
    stations = sorted(pd.read_parquet(file, columns=["wban"])["wban"].astype(str).unique())
    noted = {wban: plausibility_notes(read_uscrn(file, wban)) for wban in [*stations[::4], "23908", "23909", "63869"]}
    assert {wban for wban, notes in noted.items() if notes} == {"23908", "23909", "63869"}
    assert all("'lst" in note for notes in noted.values() for note in notes)
