"""Members of an ensemble on a grid take the maps of their draws of learned hydraulics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from _grid_runs import write_grid_run
from _static_maps import synthetic_map, write_map, write_soils_module

from jules_ml.ensemble.draws import HYDRAULICS
from jules_ml.ensemble.jules_members import RUN, JulesWork
from jules_ml.ensemble.members import plan_members
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.jules.export.map_file import MEMBER_MAP, SOIL_MAP
from jules_ml.jules.export.soil_map import export_soil_map
from jules_ml.jules.run import prepare_run
from jules_ml.jules.run_folder import SWAPPED
from jules_ml.jules.swap.ancillary import SOIL_FILE
from jules_ml.learned.uses import MapRequest

EXPERIMENT = """\
[jules]
folder = "grid"
ancillary = "map"
version = "7.6"

[modules]
hydraulics = "soils"

[run]
model = "jules"
via = "ancillary"

[ensemble]
draws = ["hydraulics"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ensemble")
    places = synthetic_map(3, 4, kind="projected")
    write_soils_module(folder / "soils", members=3)
    (folder / "map").mkdir()
    request = MapRequest((write_map(places, folder / "static.nc"),), members=True)
    export_soil_map(folder / "soils", folder / "map", request)
    latitude, longitude = (places[name].to_numpy() for name in ("latitude", "longitude"))
    write_grid_run(folder / "grid", latitude, longitude, places["sand"].notnull().to_numpy())
    (folder / "maps.toml").write_text(EXPERIMENT, encoding="utf-8")
    return folder


def soil_of(run: Path, name: str = "satcon") -> np.ndarray:
    with xr.open_dataset(run) as ds:
        return ds[name].to_numpy()


def test_each_member_has_the_map_of_its_draw(folder: Path, tmp_path: Path) -> None:
    experiment = load_experiment(folder / "maps.toml")
    HYDRAULICS.check(experiment)
    members = plan_members(experiment)
    assert len(members) == 3
    for member in members[:]:
        out = tmp_path / str(member.number)
        out.mkdir()
        JulesWork(experiment).prepare(member, out)
        expected = soil_of(folder / "map" / MEMBER_MAP.format(member.draws["hydraulics"] + 1))
        np.testing.assert_array_equal(soil_of(out / RUN / SWAPPED / SOIL_FILE), expected)


def test_a_single_run_has_the_map_of_the_ensemble(folder: Path, tmp_path: Path) -> None:
    prepare_run(load_experiment(folder / "maps.toml"), tmp_path / "run")
    np.testing.assert_array_equal(soil_of(tmp_path / "run" / SWAPPED / SOIL_FILE), soil_of(folder / "map" / SOIL_MAP))


def test_maps_of_other_members_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "map").mkdir()
    text = EXPERIMENT.replace('"soils"', f'"{folder / "soils"}"').replace('"grid"', f'"{folder / "grid"}"')
    (tmp_path / "maps.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match="maps of no members, and soils has 3") as caught:
        HYDRAULICS.check(load_experiment(tmp_path / "maps.toml"))
    assert "--members" in caught.value.remedy
