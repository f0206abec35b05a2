"""OzFlux netCDF: a file in the layout of PyFluxPro, read back to value, unit and time stamp, and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.refusals import refusal

from jules_ml.data.quality import measured
from jules_ml.data.readers.ozflux import read_ozflux
from jules_ml.experiment import load_experiment

VALUES = {
    "Fsd": (500.0, "W/m^2", "sw_down", 500.0),
    "Fld": (300.0, "W/m^2", "lw_down", 300.0),
    "Ta": (20.0, "degC", "t_air", 293.15),
    "SH": (0.008, "kg/kg", "q", 0.008),
    "RH": (55.0, "percent", "relative_humidity", 0.55),
    "AH": (9.0, "g/m^3", "vapour_density", 0.009),
    "VPD": (1.2, "kPa", "vpd", 1200.0),
    "ps": (100.0, "kPa", "pstar", 100000.0),
    "Ws": (3.0, "m/s", "wind", 3.0),
    "Wd": (180.0, "degrees", "wind_direction", 180.0),
    "Precip": (1.8, "mm", "precip", 1e-3),
    "CO2": (410.0, "umol/mol", "co2", 410.0),
    "Fe": (100.0, "W/m^2", "le", 100.0),
    "Fh": (50.0, "W/m^2", "h", 50.0),
    "Fg": (5.0, "W/m^2", "g_soil", 5.0),
    "Fco2": (-4.0, "umol/m^2/s", "nee", -4.0),
}
FLAGS = [0, 10, 30, 2, 0, 0]


def level6(path: Path, *, extra: dict[str, tuple[float, str, str]] | None = None, **attrs: object) -> Path:
    """A file of level 6: dimensions time, latitude and longitude, flags, days since 1800 at the end of half-hours."""
    n = len(FLAGS)
    days = (np.datetime64("2014-01-01") - np.datetime64("1800-01-01")).astype(float) + (1.0 + np.arange(n)) / 48.0
    ds = xr.Dataset(
        coords={
            "time": ("time", days, {"units": "days since 1800-01-01 00:00:00.0", "calendar": "gregorian"}),
            "latitude": ("latitude", [-27.388]),
            "longitude": ("longitude", [152.878]),
        }
    )
    dims = ("time", "latitude", "longitude")
    everything = {name: (value, unit, "") for name, (value, unit, _, _) in VALUES.items()} | (extra or {})
    for name, (value, unit, height) in everything.items():
        ds[name] = (dims, np.full((n, 1, 1), value), {"units": unit, "height": height, "missing_value": -9999.0})
        ds[f"{name}_QCFlag"] = (dims, np.array(FLAGS).reshape(n, 1, 1).astype(np.int32), {"long_name": f"{name} flag"})
    ds["GPP_SOLO"] = (dims, np.ones((n, 1, 1)))
    ds.attrs = {
        "site_name": "Samford",
        "time_zone": "Australia/Brisbane",
        "time_step": "30",
        "altitude": "60m",
        "processing_level": "L6",
    } | attrs
    ds.to_netcdf(path, encoding={name: {"_FillValue": None} for name in ds.variables})
    return path


def test_values_units_and_stamps_are_read(tmp_path: Path) -> None:
    ds = read_ozflux(level6(tmp_path / "Samford_L6.nc"))
    for _, _, ours, expected in VALUES.values():
        assert float(ds[ours][0]) == pytest.approx(expected), ours
    # the stamp 2014-01-01 00:30 is the end of a half-hour in UTC+10
    assert ds["time"].to_numpy()[0] == np.datetime64("2013-12-31T14:30")
    assert ds.attrs["interval_seconds"] == 1800.0
    assert (ds.attrs["site"], ds.attrs["latitude"], ds.attrs["elevation"]) == ("Samford", -27.388, 60.0)


def test_flags_tell_measured_filled_and_rejected_values(tmp_path: Path) -> None:
    ds = read_ozflux(level6(tmp_path / "a.nc"))
    assert measured(ds, "nee").to_numpy().tolist() == [True, True, False, False, True, True]
    assert np.isfinite(ds["nee"].to_numpy()).tolist() == [True, True, True, False, True, True]
    assert ds["nee"].attrs["n_rejected"] == 1


def test_soil_sensors_have_their_depths(tmp_path: Path) -> None:
    extra = {
        "Sws": (0.2, "m^3/m^3", "-0.1m"),
        "Ts_5cma": (15.0, "degC", ""),
        "Ts_20cm": (14.0, "degC", ""),
        "Ts": (14.5, "degC", "-0.05m"),
    }
    path = level6(tmp_path / "a.nc", extra=extra)
    ds = read_ozflux(path)
    np.testing.assert_allclose(ds["depth"], [0.05, 0.1, 0.2])
    np.testing.assert_allclose(ds["theta"][0], [np.nan, 0.2, np.nan])
    np.testing.assert_allclose(ds["t_soil"][0], [288.15, np.nan, 287.15])
    np.testing.assert_allclose(read_ozflux(path, depths={"Sws*": 0.05})["depth"], [0.05, 0.2])


def test_exchange_with_storage_comes_before_the_turbulent_flux(tmp_path: Path) -> None:
    extra = {"NEE_SOLO": (-5.0, "umol/m^2/s", ""), "NEE_LT": (-6.0, "umol/m^2/s", "")}
    ds = read_ozflux(level6(tmp_path / "a.nc", extra=extra))
    assert float(ds["nee"][0]) == -5.0
    assert ds["nee"].attrs["column"] == "NEE_SOLO"


@pytest.mark.parametrize(
    ("zone", "hours"), [("Australia/Sydney", 10.0), ("Australia/Darwin", 9.5), ("+8", 8.0), ("UTC10.5", 10.5)]
)
def test_standard_time_has_no_summer_time(tmp_path: Path, zone: str, hours: float) -> None:
    assert read_ozflux(level6(tmp_path / "a.nc", time_zone=zone)).attrs["utc_offset_hours"] == hours


def test_a_zone_that_is_unknown_needs_an_offset(tmp_path: Path) -> None:
    path = level6(tmp_path / "a.nc", time_zone="Mars/Tharsis")
    with refusal("attribute time_zone", "'Mars/Tharsis' is unknown", "utc_offset_hours"):
        read_ozflux(path)
    assert read_ozflux(path, utc_offset_hours=10.0).attrs["utc_offset_hours"] == 10.0


def test_an_unknown_variable_is_refused(tmp_path: Path) -> None:
    path = level6(tmp_path / "a.nc", extra={"Zzz": (1.0, "1", "")})
    with refusal("a.nc", "variable Zzz is not a known variable of OzFlux", 'ignore = ["Zzz"]'):
        read_ozflux(path)
    assert "nee" in read_ozflux(path, ignore=["Zzz"])


def test_auto_recognises_the_file(tmp_path: Path) -> None:
    level6(tmp_path / "a.nc")
    (tmp_path / "x.toml").write_text('[data]\nreader = "auto"\npath = "a.nc"\n', encoding="utf-8")
    assert "OzFlux netCDF" in load_experiment(tmp_path / "x.toml").record().attrs["recognised"]


@pytest.mark.parametrize(
    ("latitude", "degrees"),
    [("22.283S", -22.283), ("22.283 N", 22.283), ("-22.283", -22.283), (-22.283, -22.283), ("", -27.388)],
)
def test_the_letter_of_the_hemisphere_is_the_sign(tmp_path: Path, latitude: object, degrees: float) -> None:
    assert read_ozflux(level6(tmp_path / "a.nc", latitude=latitude)).attrs["latitude"] == degrees


@pytest.mark.parametrize(
    ("name", "text"), [("latitude", "."), ("latitude", "-22.3S"), ("longitude", "133.2S"), ("altitude", "1.2.3m")]
)
def test_attributes_that_are_no_numbers_are_refused(tmp_path: Path, name: str, text: str) -> None:
    with refusal(f"attribute {name}", f"'{text}'", "correct the attribute"):
        read_ozflux(level6(tmp_path / "a.nc", extra=None, **{name: text}))


def test_an_offset_of_points_is_refused_and_such_a_height_unknown(tmp_path: Path) -> None:
    with refusal("attribute time_zone", "'UTC+1.0.0' is unknown", "utc_offset_hours"):
        read_ozflux(level6(tmp_path / "a.nc", time_zone="UTC+1.0.0"))
    ds = read_ozflux(level6(tmp_path / "b.nc", extra={"Sws": (0.2, "m^3/m^3", "-0.1.2m")}))
    assert np.isnan(ds["depth"]).all()
