"""Learned soil carbon for maps: the regression without soil moisture at each point, with bounds, and as an input of learned hydraulics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from _static_maps import synthetic_map, write_map, write_soils_module
from helpers.conventions import check_conventions
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.errors import BadInput
from jules_ml.experiment.carbon_module import CarbonSettings
from jules_ml.jules.export.carbon_map import CARBON_MAP, RANGE_MAP, export_carbon_map
from jules_ml.jules.export.map_file import SOIL_MAP
from jules_ml.jules.export.soil_map import export_soil_map
from jules_ml.learned.carbon.training import Target, fit_regression
from jules_ml.learned.store import read_module_folder, write_module_folder
from jules_ml.learned.uses import MapRequest

STATIC = ("t_air_mean", "precip_annual", "frac_tree")


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Colder and wetter places have more carbon: ln SOC = 3 - 0.1 (T - 283) + ln(P / 800)."""
    rng = np.random.default_rng(0)
    places = np.stack(
        [rng.uniform(276.0, 292.0, 40), np.log(rng.uniform(300.0, 1800.0, 40)), rng.uniform(0.0, 0.7, 40)], 1
    )
    log_soc = 3.0 - 0.1 * (places[:, 0] - 283.0) + places[:, 1] - np.log(800.0)
    target = Target(log_soc, np.full(40, 0.3))
    moist = np.column_stack([places, rng.normal(size=40)])
    state = {f"soc.{k}": v for k, v in fit_regression(moist, target).state_dict().items()}
    state |= {f"climate.{k}": v for k, v in fit_regression(places, target).state_dict().items()}
    return write_module_folder(
        tmp_path_factory.mktemp("modules") / "carbon",
        state=state,
        card={
            "module": "carbon",
            "inputs": {name: {} for name in (*STATIC, "memory")},
            "settings": CarbonSettings().model_dump(),
            "interval": {"quantile": 1.6, "variance": 0.1},
            "climate_interval": {"quantile": 1.6, "variance": 0.3},
            "sites": {},
            "mark": None,
        },
        scores={},
        predictions=xr.Dataset(),
    )


def test_a_map_has_the_carbon_of_each_point(module: Path, tmp_path: Path) -> None:
    ds = synthetic_map(6, 7).drop_vars("bulk_density")
    ds["t_air_mean"][0, 0] = 330.0
    done = export_carbon_map(module, tmp_path, MapRequest((write_map(ds, tmp_path / "static.nc"),)))
    for name in (CARBON_MAP, RANGE_MAP):
        check_conventions(tmp_path / name)
    with xr.open_dataset(tmp_path / CARBON_MAP) as opened:
        carbon = opened.load()
    assert carbon["cs"].dims == ("scpool", "sclayer", "y", "x")
    land = ds["frac_tree"].notnull().to_numpy()
    np.testing.assert_array_equal(carbon["soc_density"].notnull().to_numpy(), land)
    assert not land.all()
    row, column = np.argwhere(land)[-1]
    at = ds.isel(lat=row, lon=column)
    soc = np.exp(3.0 - 0.1 * (float(at["t_air_mean"]) - 283.0)) * float(at["precip_annual"]) / 800.0
    organic = 1.724e-3 * soc
    density = 1.0 / (organic / 244.0 + (1.0 - organic) / 1550.0)
    # the ridge penalty shrinks the coefficients a little
    np.testing.assert_allclose(carbon["soc_density"][row, column], 0.001 * soc * density, rtol=0.03)
    np.testing.assert_allclose(
        carbon["cs"].to_numpy()[0, 0, row, column], carbon["soc_density"][row, column] * 0.3 / 0.55, rtol=1e-12
    )
    low, here, high = (carbon[f"soc_density{bound}"].to_numpy()[land] for bound in ("_low", "", "_high"))
    assert (low < here).all()
    assert (here < high).all()
    with xr.open_dataset(tmp_path / RANGE_MAP, mask_and_scale=False) as flags:
        assert set(flags.data_vars) >= set(STATIC)
        if land[0, 0]:
            assert flags["t_air_mean"].to_numpy()[0, 0] == 2
    assert any("soil moisture is not used" in note for note in done.notes)
    assert done.files[-1].name == "soil_carbon.png"
    assert done.files[-1].stat().st_size > 10_000


def test_the_inputs_that_are_used_are_stated(module: Path, tmp_path: Path) -> None:
    grid = write_map(synthetic_map(3, 3)[["t_air_mean", "precip_annual"]], tmp_path / "static.nc")
    notes = export_carbon_map(module, tmp_path, MapRequest((grid,))).notes
    with xr.open_dataset(tmp_path / CARBON_MAP) as opened:
        assert opened.attrs["origin"] == "predicted from t_air_mean, precip_annual"
    assert (
        "soil moisture is not used: the regression without it predicts carbon from t_air_mean, precip_annual" in notes
    )
    assert not any("topography" in note or "land cover" in note for note in notes)


def test_measured_bulk_density_of_the_map_is_used(module: Path, tmp_path: Path) -> None:
    ds = synthetic_map(4, 4, kind="land")
    light, heavy = ds.assign(bulk_density=0.0 * ds["sand"] + 600.0), ds.assign(bulk_density=0.0 * ds["sand"] + 1200.0)
    stocks = []
    for name, each in (("light", light), ("heavy", heavy)):
        each["bulk_density"].attrs["units"] = "kg m-3"
        (tmp_path / name).mkdir()
        export_carbon_map(module, tmp_path / name, MapRequest((write_map(each, tmp_path / f"{name}.nc"),)))
        with xr.open_dataset(tmp_path / name / CARBON_MAP) as opened:
            stocks.append(opened["cs"].to_numpy())
    np.testing.assert_allclose(stocks[1], 2.0 * stocks[0], rtol=1e-12)


def test_a_map_of_carbon_is_an_input_of_learned_hydraulics(module: Path, tmp_path: Path) -> None:
    grid = write_map(synthetic_map(5, 5).drop_vars("soc_density"), tmp_path / "static.nc")
    command = ["export", str(module), "--to", "initial", "--grid", str(grid), "--out", str(tmp_path / "carbon")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "replaced" not in result.output or "training range" in result.output
    soils = write_soils_module(tmp_path / "soils")
    for name, grids in (("with", (grid, tmp_path / "carbon" / CARBON_MAP)), ("without", (grid,))):
        (tmp_path / name).mkdir()
        notes = export_soil_map(soils, tmp_path / name, MapRequest(grids)).notes
        assert any("the map lacks" in note for note in notes) == (name == "without")
    with xr.open_dataset(tmp_path / "with" / SOIL_MAP) as one, xr.open_dataset(tmp_path / "without" / SOIL_MAP) as two:
        assert not np.allclose(one["sm_sat"], two["sm_sat"], equal_nan=True)


def test_options_of_soil_maps_are_refused(module: Path, tmp_path: Path) -> None:
    command = [
        "export",
        str(module),
        "--to",
        "initial",
        "--out",
        str(tmp_path / "out"),
        "--grid",
        "static.nc",
        "--members",
    ]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert "--members is not an option of initial" in result.output


def test_a_module_of_signatures_only_and_a_map_without_land_are_refused(module: Path, tmp_path: Path) -> None:
    ds = synthetic_map(3, 3)
    ds["land"] = xr.zeros_like(ds["sand"])
    ds["land"].attrs = {}
    with pytest.raises(BadInput, match="no point of the map has a prediction"):
        export_carbon_map(module, tmp_path, MapRequest((write_map(ds, tmp_path / "static.nc"),)))
    card = read_module_folder(module, kind="carbon")[1]
    memory = np.random.default_rng(0).normal(size=(40, 1))
    fitted = fit_regression(memory, Target(memory[:, 0], np.full(40, 0.3)))
    state = {f"soc.{k}": v for k, v in fitted.state_dict().items()}
    moist = {**card, "inputs": {"memory": {}}}
    only = write_module_folder(tmp_path / "moist", state=state, card=moist, scores={}, predictions=xr.Dataset())
    with pytest.raises(BadInput, match="all its inputs are signatures of soil moisture"):
        export_carbon_map(only, tmp_path, MapRequest((tmp_path / "static.nc",)))


def test_another_bulk_density_than_that_of_sites_is_noted(module: Path, tmp_path: Path) -> None:
    state, card = read_module_folder(module, kind="carbon")
    density = {k.replace("soc.", "bulk_density."): v for k, v in state.items() if k.startswith("soc.")}
    fitted = write_module_folder(
        tmp_path / "fitted", state=state | density, card=card, scores={}, predictions=xr.Dataset()
    )
    grid = write_map(synthetic_map(3, 3).drop_vars("bulk_density"), tmp_path / "static.nc")
    for folder, expected in ((fitted, True), (module, False)):
        out = tmp_path / f"of_{folder.name}"
        out.mkdir()
        notes = export_carbon_map(folder, out, MapRequest((grid,))).notes
        assert any("the export of sites has that of the fitted regression" in note for note in notes) == expected
