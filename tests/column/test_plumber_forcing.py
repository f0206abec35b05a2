"""Meteorology in the layout of PLUMBER2 drives a column run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from jules_ml.column.run import run_weather
from jules_ml.experiment import load_experiment

FORCING = {
    "SWdown": 200.0,
    "LWdown": 320.0,
    "Tair": 285.0,
    "Qair": 0.006,
    "Psurf": 98000.0,
    "Wind": 2.0,
    "Precip": 1e-5,
}


def test_meteorology_of_plumber2_is_the_weather_of_a_run(tmp_path: Path) -> None:
    ds = xr.Dataset({name: (("time", "y", "x"), np.full((96, 1, 1), value)) for name, value in FORCING.items()})
    ds = ds.assign_coords(time=("time", 1800.0 * np.arange(96), {"units": "seconds since 2002-01-01 00:00:00"}))
    ds["latitude"], ds["longitude"] = (("y", "x"), [[-35.65]]), (("y", "x"), [[148.15]])
    ds.to_netcdf(tmp_path / "AU-Tum_2002-2002_OzFlux_Met.nc")
    path = tmp_path / "x.toml"
    path.write_text(
        '[data]\nreader = "alma"\npath = "AU-Tum_2002-2002_OzFlux_Met.nc"\nutc_offset_hours = 10.0\n[run]\nmodel = "column"\n',
        encoding="utf-8",
    )
    experiment = load_experiment(path)
    assert experiment.run is not None
    weather, _ = run_weather(experiment, experiment.run, experiment.record())
    series = weather.series
    assert series.sizes["time"] == 96
    assert series["time"].to_numpy()[0] == np.datetime64("2001-12-31T14:30")
    expected = {"sw_down": 200.0, "lw_down": 320.0, "t_air": 285.0, "q": 0.006, "pstar": 98000.0, "wind": 2.0}
    for name, value in expected.items():
        np.testing.assert_allclose(series[name], value, err_msg=name)
    np.testing.assert_allclose(series["tot_rain"] + series["tot_snow"], 1e-5)
