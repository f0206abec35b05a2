"""The column in eWaterCycle, in the same process and through grpc4bmi."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

pytest.importorskip("bmipy")
try:
    import ewatercycle.base.model  # noqa: F401
except ImportError as error:  # eWaterCycle needs ESMValTool, which is on conda-forge alone
    pytest.skip(f"eWaterCycle cannot be imported ({error})", allow_module_level=True)

from ewatercycle.base.forcing import DefaultForcing
from ewatercycle.base.parameter_set import ParameterSet
from helpers.components import plain_column, set_weather, weather_of, write_component
from helpers.paths import REPOSITORY

from jules_ml.errors import BadInput
from jules_ml.frameworks.ewatercycle import JulesSoilColumn, write_weather
from jules_ml.frameworks.variables import WEATHER

_CMIP = {
    "rsds": "sw_down",
    "rlds": "lw_down",
    "tas": "t_air",
    "sfcWind": "wind",
    "ps": "pstar",
    "huss": "q",
    "pr": "tot_rain",
}


def parameters(path: Path) -> ParameterSet:
    return ParameterSet(name="small", directory=path.parent, config=path, target_model="julessoilcolumn")


def prepared(
    path: Path, folder: Path, *, process: str = "local", forcing: Any = None, **settings: Any
) -> JulesSoilColumn:
    """Model that is set up and initialised."""
    model = JulesSoilColumn(parameter_set=parameters(path), forcing=forcing, process=process)
    config, _ = model.setup(cfg_dir=str(folder), **settings)
    model.initialize(config)
    return model


@pytest.mark.parametrize("process", ["local", "grpc"])
def test_ten_days_equal_the_plain_column(tmp_path: Path, process: str) -> None:
    path = write_component(tmp_path, days=10)
    expected = plain_column(path)
    model = prepared(path, tmp_path / "run", process=process)
    assert model.start_time_as_isostr == "2001-06-01T00:00:00Z"
    assert model.end_time_as_isostr == "2001-06-11T00:00:00Z"
    for step in range(480):
        model.update()
        if step % 48 == 0 or step == 479:
            for name in ("smcl", "t_soil", "latent_heat", "resp_s_gb"):
                values = model.get_value_as_xarray(name)
                here = values.to_numpy().reshape(-1)
                np.testing.assert_allclose(here, np.atleast_1d(expected[name].to_numpy()[step]), rtol=1e-10, atol=1e-15)
    assert values.attrs["units"] == "kg m-2 s-1"
    assert model.time_as_isostr == model.end_time_as_isostr
    model.finalize()


def test_grid_and_points_are_arrays_with_coordinates(tmp_path: Path) -> None:
    path = write_component(tmp_path)
    grid = prepared(path, tmp_path / "grid", layout="rectilinear", latitude=[51.0, 50.0], longitude=[1.0, 2.0, 4.0])
    grid.update()
    water = grid.get_value_as_xarray("smcl")
    assert dict(water.sizes) == {"time": 1, "layer": 4, "latitude": 2, "longitude": 3}
    assert float(water.sel(latitude=50.0, longitude=4.0).isel(layer=0)[0]) > 0.0
    assert grid.get_value_at_coords("fqw_gb", [50.0], [4.0]).shape == (1,)
    points = prepared(path, tmp_path / "points", latitude=[51.0, 50.0], longitude=[1.0, 2.0])
    assert dict(points.get_value_as_xarray("smcl").sizes) == {"time": 1, "layer": 4, "point": 2}
    assert points.get_value_as_xarray("fqw_gb")["latitude"].to_numpy().tolist() == [51.0, 50.0]


def test_coupled_mode_and_period(tmp_path: Path) -> None:
    weather = weather_of(write_component(tmp_path / "record"))
    model = prepared(
        write_component(tmp_path),
        tmp_path / "run",
        mode="coupled",
        start_time="2001-06-01T00:00:00Z",
        end_time="2001-06-01T12:00:00Z",
    )
    assert model.end_time_as_isostr == "2001-06-01T12:00:00Z"
    with pytest.raises(BadInput, match="8 of 8 coupled inputs"):
        model.update()
    set_weather(model.bmi.origin, weather, 0)
    model.update()


def forcing(folder: Path, weather: dict[str, Any], *, without: str = "") -> DefaultForcing:
    """Forcing on a grid of two cells, one file for each variable."""
    folder.mkdir()
    times = pd.date_range("2001-06-01T00:15", periods=len(next(iter(weather.values()))), freq="30min")
    by_jules = {WEATHER[name].jules: values for name, values in weather.items()}
    names = {}
    for name, jules in _CMIP.items():
        if name == without:
            continue
        values = np.stack([0.5 * by_jules[jules], 1.5 * by_jules[jules]], axis=1)[:, :, None]
        units = next(v.units for v in WEATHER.values() if v.jules == jules)
        ds = xr.Dataset(
            {name: (("time", "lat", "lon"), values, {"units": units})},
            coords={"time": times, "lat": [50.0, 51.0], "lon": [1.0]},
        )
        names[name] = f"{name}.nc"
        ds.to_netcdf(folder / names[name])
    return DefaultForcing(
        directory=folder, start_time="2001-06-01T00:00:00Z", end_time="2001-06-02T00:00:00Z", filenames=names
    )


@pytest.mark.filterwarnings("ignore")
def test_forcing_is_converted_to_the_record(tmp_path: Path) -> None:
    pytest.importorskip("dask")
    path = write_component(tmp_path / "record")
    weather, expected = weather_of(path), plain_column(path)
    bare = write_component(tmp_path / "bare")
    (bare.parent / "weather.dat").unlink()
    model = prepared(bare, tmp_path / "run", forcing=forcing(tmp_path / "forcing", weather))
    while model.time < model.end_time:
        model.update()
    np.testing.assert_allclose(model.get_value("smcl"), expected["smcl"].to_numpy()[-1], rtol=1e-6)
    with pytest.raises(BadInput, match="the forcing has no rlds"):
        prepared(bare, tmp_path / "wrong", forcing=forcing(tmp_path / "other", weather, without="rlds"))


def test_text_that_is_also_the_name_of_a_file_stays_text(tmp_path: Path) -> None:
    path = write_component(tmp_path)
    for name in ("van_genuchten", "Somewhere", "bare_soil"):
        (tmp_path / name).touch()
    config, _ = JulesSoilColumn(parameter_set=parameters(path)).setup(cfg_dir=str(tmp_path / "run"))
    written = tomllib.loads(Path(config).read_text(encoding="utf-8"))
    read = tomllib.loads(path.read_text(encoding="utf-8"))
    assert written["data"].pop("path") == str((tmp_path / "weather.dat").resolve())
    read["data"].pop("path")
    written.pop("component")
    assert written == read


def test_forcing_in_another_calendar_is_refused(tmp_path: Path) -> None:
    weather = weather_of(write_component(tmp_path / "record"))
    by_jules = {WEATHER[name].jules: values for name, values in weather.items()}
    units = {variable.jules: variable.units for variable in WEATHER.values()}
    times = xr.date_range("2001-06-01", periods=48, freq="30min", calendar="360_day", use_cftime=True)
    ds = xr.Dataset(
        {name: ("time", by_jules[jules], {"units": units[jules]}) for name, jules in _CMIP.items()}, {"time": times}
    )
    with pytest.raises(BadInput, match="calendar 360_day"):
        write_weather(ds, tmp_path / "weather.dat")


def test_a_model_without_parameter_set_is_refused_and_the_entry_point_exists(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no parameter set"):
        JulesSoilColumn().setup(cfg_dir=str(tmp_path))
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, name = project["entry-points"]["ewatercycle.models"]["JulesSoilColumn"].split(":")
    assert getattr(import_module(module), name) is JulesSoilColumn
