"""ALMA netCDF: files in the layout of PLUMBER2, read back to value, unit and time stamp, and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.refusals import refusal

from jules_ml.data.quality import measured
from jules_ml.data.readers.alma import read_alma
from jules_ml.experiment import load_experiment

MET = {
    "SWdown": (100.0, "W/m2", "sw_down", 100.0),
    "LWdown": (300.0, "W/m2", "lw_down", 300.0),
    "Tair": (285.0, "K", "t_air", 285.0),
    "Qair": (0.006, "kg/kg", "q", 0.006),
    "RH": (60.0, "%", "relative_humidity", 0.6),
    "VPD": (5.0, "hPa", "vpd", 500.0),
    "Psurf": (95000.0, "Pa", "pstar", 95000.0),
    "Wind": (2.5, "m/s", "wind", 2.5),
    "Precip": (1e-4, "kg/m2/s", "precip", 1e-4),
    "CO2air": (400.0, "ppm", "co2", 400.0),
}
FLUX = {
    "NEE": (-3.0, "umol/m2/s", "nee", -3.0),
    "Qle": (80.0, "W/m2", "le", 80.0),
    "Qh": (40.0, "W/m2", "h", 40.0),
    "Qg": (5.0, "W/m2", "g_soil", 5.0),
    "Rnet": (150.0, "W/m2", "rad_net", 150.0),
}


def plumber(path: Path, columns: dict[str, tuple[float, str, str, float]], *, n: int = 6, units: bool = True) -> Path:
    """A file in the layout of PLUMBER2: half-hours in local time, quality codes, static variables of the point."""
    ds = xr.Dataset(coords={"time": ("time", 1800.0 * np.arange(n), {"units": "seconds since 2002-01-01 00:00:00"})})
    for name, (value, unit, _, _) in columns.items():
        values = np.full((n, 1, 1), value, dtype=np.float32)
        values[4] = -9999.0
        attrs = {"missing_value": np.float32(-9999.0)} | ({"units": unit} if units else {})
        ds[name] = (("time", "y", "x"), values, attrs)
        if name != "RH":
            ds[f"{name}_qc"] = (
                ("time", "y", "x"),
                np.array([0, 1, 0, 101, -9999, 4]).reshape(n, 1, 1),
                {"missing_value": -9999},
            )
    ds["GPP"] = (("time", "y", "x"), np.ones((n, 1, 1)))
    ds["Qle_cor"] = (("time", "y", "x"), np.ones((n, 1, 1)))
    ds["latitude"] = (("y", "x"), [[-35.65]])
    ds["longitude"] = (("y", "x"), [[148.15]])
    ds["elevation"] = (("y", "x"), [[1200.0]])
    ds["reference_height"] = (("y", "x"), [[70.0]])
    ds.attrs = {"site_code": "AU-Tum", "Conventions": "CF-1.7"}
    ds.to_netcdf(path, encoding={name: {"_FillValue": None} for name in ds.variables})
    return path


@pytest.mark.parametrize(("kind", "columns"), [("Met", MET), ("Flux", FLUX)])
@pytest.mark.parametrize("units", [True, False])
def test_values_units_and_stamps_are_read(
    tmp_path: Path, kind: str, columns: dict[str, tuple[float, str, str, float]], units: bool
) -> None:
    path = plumber(tmp_path / f"AU-Tum_2002-2002_OzFlux_{kind}.nc", columns, units=units)
    ds = read_alma(path, utc_offset_hours=10.0)
    assert set(ds.data_vars) >= {ours for _, _, ours, _ in columns.values()}
    for _, _, ours, expected in columns.values():
        assert float(ds[ours][0]) == pytest.approx(expected, rel=1e-6), ours
        assert np.isnan(float(ds[ours][4]))
    # the stamp 2002-01-01 00:00 is the start of a half-hour in UTC+10
    assert ds["time"].to_numpy()[0] == np.datetime64("2001-12-31T14:30")
    assert ds.attrs["interval_seconds"] == 1800.0
    assert (ds.attrs["site"], ds.attrs["latitude"], ds.attrs["longitude"]) == ("AU-Tum", -35.65, 148.15)
    assert ds.attrs["elevation"] == 1200.0


def test_filled_values_are_not_measured(tmp_path: Path) -> None:
    ds = read_alma(plumber(tmp_path / "AU-Tum_Flux.nc", FLUX), utc_offset_hours=10.0)
    assert measured(ds, "nee").to_numpy().tolist() == [True, False, True, False, False, False]


def test_meteorology_and_fluxes_are_one_record(tmp_path: Path) -> None:
    plumber(tmp_path / "AU-Tum_Met.nc", MET)
    plumber(tmp_path / "AU-Tum_Flux.nc", FLUX)
    (tmp_path / "x.toml").write_text(
        '[data]\nreader = "alma"\npath = ["AU-Tum_Met.nc", "AU-Tum_Flux.nc"]\nutc_offset_hours = 10.0\n',
        encoding="utf-8",
    )
    ds = load_experiment(tmp_path / "x.toml").record()
    assert {"sw_down", "t_air", "nee", "le"} <= set(ds.data_vars)
    assert ds.sizes["time"] == 6


def test_rain_and_snow_are_told_apart(tmp_path: Path) -> None:
    columns = {"Rainf": (2e-4, "kg/m2/s", "", 0.0), "Tair": MET["Tair"]}
    ds = read_alma(plumber(tmp_path / "a.nc", columns), utc_offset_hours=0.0)
    assert float(ds["precip"][0]) == pytest.approx(2e-4)
    ds = read_alma(plumber(tmp_path / "b.nc", columns | {"Snowf": (1e-4, "kg/m2/s", "", 0.0)}), utc_offset_hours=0.0)
    assert float(ds["tot_rain"][0]) == pytest.approx(2e-4)
    assert float(ds["tot_snow"][0]) == pytest.approx(1e-4)


def test_one_point_of_several_is_chosen(tmp_path: Path) -> None:
    path = plumber(tmp_path / "a.nc", {name: MET[name] for name in ("SWdown", "Tair")})
    with xr.open_dataset(path, decode_times=False) as opened:
        wide = xr.concat([opened.load(), opened.load() + 1.0], dim="x", data_vars="all", coords="minimal", join="outer")
    wide["time"].attrs["units"] = "seconds since 2002-01-01 00:00:00"
    wide.to_netcdf(tmp_path / "b.nc")
    with refusal("b.nc", "several points (y 1, x 2)", "choose one by point"):
        read_alma(tmp_path / "b.nc", utc_offset_hours=0.0)
    assert float(read_alma(tmp_path / "b.nc", utc_offset_hours=0.0, point=(1, 2))["t_air"][0]) == 286.0
    near = read_alma(tmp_path / "b.nc", utc_offset_hours=0.0, latitude=-34.7, longitude=149.1)
    assert near.attrs["latitude"] == pytest.approx(-34.65)
    with refusal("b.nc", "point [1, 3] is not in the grid of 1 (y) by 2 (x)", "2 numbers from 1"):
        read_alma(tmp_path / "b.nc", utc_offset_hours=0.0, point=(1, 3))
    with refusal("b.nc", "km from the nearest point", "correct latitude"):
        read_alma(tmp_path / "b.nc", utc_offset_hours=0.0, latitude=50.0, longitude=0.0)


def test_other_files_and_codes_are_refused(tmp_path: Path) -> None:
    path = plumber(tmp_path / "a.nc", MET)
    with refusal("a.nc", "the offset from UTC is unknown", "utc_offset_hours"):
        read_alma(path, utc_offset_hours=None)
    with xr.open_dataset(path, decode_times=False) as opened:
        ds = opened.load()
    ds.assign(Mystery=ds["Tair"]).to_netcdf(tmp_path / "b.nc")
    with refusal("b.nc", "variable Mystery is not a known variable", 'ignore = ["Mystery"]'):
        read_alma(tmp_path / "b.nc", utc_offset_hours=0.0)
    assert "t_air" in read_alma(tmp_path / "b.nc", utc_offset_hours=0.0, ignore=["Myst*"])
    ds.assign(Tair_qc=ds["Tair_qc"] + 0.5).to_netcdf(tmp_path / "c.nc")
    with refusal("variable Tair_qc", "quality code 0.5 is unknown", "recode"):
        read_alma(tmp_path / "c.nc", utc_offset_hours=0.0)
    ds["time"].attrs["calendar"] = "360_day"
    ds.to_netcdf(tmp_path / "d.nc")
    with refusal("variable time", "calendar of time is '360_day'", "convert_calendar"):
        read_alma(tmp_path / "d.nc", utc_offset_hours=0.0)
    ds[["latitude", "time"]].to_netcdf(tmp_path / "e.nc")
    with refusal("e.nc", "no variable of ALMA", "SWdown"):
        read_alma(tmp_path / "e.nc", utc_offset_hours=0.0)


@pytest.mark.parametrize("name", ["Tair", "Tair_qc"])
def test_variables_that_are_no_series_of_numbers_are_refused(tmp_path: Path, name: str) -> None:
    with xr.open_dataset(plumber(tmp_path / "a.nc", MET), decode_times=False) as opened:
        ds = opened.load()
    ds.assign({name: (ds[name].dims, np.full(ds[name].shape, "x"))}).to_netcdf(tmp_path / "text.nc")
    with refusal(f"variable {name}", "not a series of numbers", "one number for each time"):
        read_alma(tmp_path / "text.nc", utc_offset_hours=0.0)
    if name == "Tair_qc":
        ds.assign({name: ds[name].isel(time=0, drop=True)}).to_netcdf(tmp_path / "single.nc")
        with refusal(f"variable {name}", "dimensions: none", "one number for each time"):
            read_alma(tmp_path / "single.nc", utc_offset_hours=0.0)
