"""Exported maps in runs of JULES on grids: points matched by latitude and longitude, land without values refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from _grid_runs import write_grid_run
from _static_maps import synthetic_map, write_map, write_soils_module

from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.jules.export.map_file import SOIL_MAP
from jules_ml.jules.export.soil_map import export_soil_map
from jules_ml.jules.input_files import FILL, InputGrid, write_ancillary
from jules_ml.jules.run import prepare_run
from jules_ml.jules.run_folder import SWAPPED, read_run_folder
from jules_ml.jules.run_points import run_points
from jules_ml.jules.swap.ancillary import SOIL_FILE, read_ancillary
from jules_ml.learned.uses import MapRequest
from jules_ml.physics.soil_names import LAYERED


@pytest.fixture(scope="module")
def places() -> xr.Dataset:
    return synthetic_map(5, 6, kind="projected")


@pytest.fixture(scope="module")
def exported(places: xr.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("maps")
    module = write_soils_module(folder / "soils")
    (folder / "map").mkdir()
    export_soil_map(module, folder / "map", MapRequest((write_map(places, folder / "static.nc"),), members=True))
    return folder / "map"


def grid_run(folder: Path, places: xr.Dataset) -> Path:
    """Run folder on the points of a map."""
    latitude, longitude = (places[name].to_numpy() for name in ("latitude", "longitude"))
    return write_grid_run(folder, latitude, longitude, places["sand"].notnull().to_numpy())


def swapped(folder: Path, run: Path, ancillary: Path) -> tuple[xr.Dataset, tuple[str, ...]]:
    """Ancillary in the new run folder of an experiment, and its notes."""
    experiment = folder / "swap.toml"
    experiment.write_text(
        f'[jules]\nfolder = "{run}"\nancillary = "{ancillary}"\nversion = "7.6"\n[run]\nmodel = "jules"\nvia = "ancillary"\n',
        encoding="utf-8",
    )
    prepared = prepare_run(load_experiment(experiment), folder / "new")
    with xr.open_dataset(prepared.folder / SWAPPED / SOIL_FILE, mask_and_scale=False) as ds:
        return ds.load(), prepared.notes


def test_a_gridded_run_takes_a_map(places: xr.Dataset, exported: Path, tmp_path: Path) -> None:
    run = grid_run(tmp_path / "grid", places)
    soil, notes = swapped(tmp_path, run, exported / SOIL_MAP)
    land = places["sand"].notnull().to_numpy()
    assert not land.all()
    with xr.open_dataset(exported / SOIL_MAP) as ds:
        for name in LAYERED:
            assert soil[name].dims == ("soil", "y", "x")
            np.testing.assert_array_equal(soil[name].to_numpy()[:, land], ds[name].to_numpy()[:, land])
            assert (soil[name].to_numpy()[:, ~land] == FILL).all()
    assert any("soil properties from soil_properties.nc" in note for note in notes)


def test_points_are_matched_whatever_their_order(places: xr.Dataset, exported: Path, tmp_path: Path) -> None:
    rows = grid_run(tmp_path / "rows", places.isel(y=slice(None, None, -1)))
    land = places["sand"].notnull().to_numpy()
    latitude, longitude = (places[name].to_numpy()[land][::-1] for name in ("latitude", "longitude"))
    vector = write_grid_run(tmp_path / "vector", latitude, longitude, np.ones(land.sum(), dtype=bool))
    with xr.open_dataset(exported / SOIL_MAP) as ds:
        b = ds["b"].to_numpy()
    np.testing.assert_array_equal(read_ancillary(exported / SOIL_MAP, read_run_folder(rows))[0]["b"], b[:, ::-1])
    on_land = read_ancillary(exported / SOIL_MAP, read_run_folder(vector))[0]["b"]
    np.testing.assert_array_equal(on_land, b[:, land][:, ::-1])


def test_dimensions_of_a_variable_may_have_another_order_than_those_of_latitude(
    places: xr.Dataset, exported: Path, tmp_path: Path
) -> None:
    run = read_run_folder(grid_run(tmp_path / "grid", places))
    with xr.open_dataset(exported / SOIL_MAP) as ds:
        soil = ds.load()
    changed = soil.assign({name: soil[name].transpose("soil", "x", "y") for name in LAYERED})
    changed.expand_dims(step=1).assign(latitude=soil["latitude"], longitude=soil["longitude"]).to_netcdf(
        tmp_path / "other.nc"
    )
    np.testing.assert_array_equal(read_ancillary(tmp_path / "other.nc", run)[0]["b"], soil["b"])


MISMATCHES: dict[str, tuple[Any, str]] = {
    "moved": (lambda ds: ds.assign(latitude=ds["latitude"] + 0.5), "land points of the run are not in the file"),
    "missing": (lambda ds: ds.assign(b=ds["b"].where(ds["x"] > 1500.0)), "values are missing at"),
    "infinite": (lambda ds: ds.assign(b=ds["b"] * np.inf), "not finite"),
    "out of range": (lambda ds: ds.assign(sm_sat=ds["sm_sat"] * 100.0), "sm_sat is"),
    "unknown layers": (
        lambda ds: ds.rename(soil="level"),
        "variable .*: the dimension level of 4 is neither a soil layer",
    ),
    "not on the map": (lambda ds: ds.assign(b=ds["b"][:, :, 0]), "variable b: it lacks the dimension x of latitude"),
    "fewer points": (
        lambda ds: ds.isel(x=slice(2, None)),
        "land points of the run are not in the file, the first at latitude",
    ),
}


@pytest.mark.parametrize("case", MISMATCHES)
def test_a_map_that_does_not_fit_is_refused(case: str, places: xr.Dataset, exported: Path, tmp_path: Path) -> None:
    change, problem = MISMATCHES[case]
    with xr.open_dataset(exported / SOIL_MAP) as ds:
        change(ds.load()).to_netcdf(tmp_path / "other.nc")
    run = grid_run(tmp_path / "grid", places)
    with pytest.raises(BadInput, match=problem) as caught:
        swapped(tmp_path, run, tmp_path / "other.nc")
    assert "other.nc" in str(caught.value)
    assert caught.value.remedy


def test_ice_of_an_ancillary_has_no_soil(places: xr.Dataset, tmp_path: Path) -> None:
    run = grid_run(tmp_path / "grid", places)
    land = places["sand"].notnull().to_numpy()
    values = {
        "b": 5.0,
        "sathh": 0.1,
        "satcon": 0.005,
        "sm_sat": 0.45,
        "sm_crit": 0.3,
        "sm_wilt": 0.1,
        "hcap": 1e6,
        "hcon": 0.2,
    }
    fields = {name: np.where(land, value, np.nan) * np.ones((4, 1, 1)) for name, value in values.items()}
    ice = tuple(np.argwhere(land)[2])
    for name in ("b", "sathh", "satcon", "sm_sat", "sm_crit", "sm_wilt"):
        fields[name][:, ice[0], ice[1]] = 0.0
    path = write_ancillary(tmp_path / "soil.nc", fields, grid=InputGrid(nx=6, ny=5), land=land)
    soil, _ = swapped(tmp_path, run, path)
    np.testing.assert_array_equal(soil["sm_sat"].to_numpy()[:, ice[0], ice[1]], 0.0)
    soil_point = np.argwhere(land)[5]
    fields["b"][:, soil_point[0], soil_point[1]] = 0.0
    with pytest.raises(BadInput, match="b is 0"):
        write_ancillary(tmp_path / "bad.nc", fields, grid=InputGrid(nx=6, ny=5), land=land)


def test_points_of_a_run_are_those_of_its_namelists(places: xr.Dataset, tmp_path: Path) -> None:
    run = grid_run(tmp_path / "grid", places)
    points = run_points(read_run_folder(run))
    assert points.latitude is not None
    assert points.land is not None
    np.testing.assert_array_equal(points.latitude, places["latitude"])
    np.testing.assert_array_equal(points.land, places["sand"].notnull())
    with xr.open_dataset(run / "grid.nc") as ds:
        changed = ds.load().isel(x=slice(1, None))
    changed.to_netcdf(tmp_path / "cut.nc")
    (tmp_path / "cut.nc").replace(run / "grid.nc")
    with pytest.raises(BadInput, match="the grid of the run"):
        run_points(read_run_folder(run))
