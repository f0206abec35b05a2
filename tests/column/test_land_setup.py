"""JULES's land surface from an experiment: [physics], surface types of JULES's files, vegetation that varies in time."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from helpers.conventions import check_conventions
from helpers.loobos_folder import write_loobos_folder
from helpers.refusals import refusal

from jules_ml.column.folder import write_run
from jules_ml.column.land_setup import column_forcing
from jules_ml.column.land_weather import monthly_values
from jules_ml.column.run import run_column, run_weather
from jules_ml.column.setup import experiment_column
from jules_ml.comparison.converted_files import converted_dataset
from jules_ml.comparison.convertible import read_convertible
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.experiment.physics import PhysicsSection
from jules_ml.jules.column_run.run import run_folder_as_column
from jules_ml.physics.land_surface.properties import LandSurface
from jules_ml.physics.land_surface.state import LandForcing
from jules_ml.physics.switches import POSSIBLE
from jules_ml.support.sources import POINT_RUN

TILES = """
[[surface.tiles]]
type = "broadleaf_tree"
frac = 0.355
[[surface.tiles]]
type = "ndl_leaf"
frac = 0.355
[[surface.tiles]]
type = 3
frac = 0.208
[[surface.tiles]]
type = "bare_soil"
frac = 0.082
"""


def write(
    folder: Path,
    shared_data: Path,
    *,
    physics: str = "[physics]\ndiff_frac_const = 0.0",
    surface: str = "",
    tiles: str = TILES,
) -> Path:
    """Write an experiment at Loobos, one day long."""
    driving = shared_data / "jules" / "loobos_inputs" / "Loobos_1997.dat"
    path = folder / "loobos.toml"
    path.write_text(
        f"""
[site]
latitude = 52.168
longitude = 5.744
[data]
reader = "jules_driving"
path = "{driving}"
start = 1996-12-31T23:00:00
period = 1800
[soil]
form = "van_genuchten"
[soil.properties]
b = 6.63
sathh = 0.04946
satcon = 0.004715
sm_sat = 0.45815
sm_crit = 0.242433
sm_wilt = 0.136328
hcap = 1185676.0
hcon = 0.226873
{physics}
[surface]
co2 = {0.0005941 / 1.5194!r}
{surface}
{tiles}
[carbon]
cs = 12.1
[run]
end = 1997-01-01T23:00:00
mean_over = 1
compiled = false
spin_up = {{ cycles = 0 }}
initial = {{ sthuf = [0.749, 0.743, 0.754, 0.759], t_soil = [276.78, 277.46, 278.99, 282.48] }}
""",
        encoding="utf-8",
    )
    return path


def test_a_run_equals_that_of_the_same_namelists(shared_data: Path, tmp_path: Path) -> None:
    run = run_column(load_experiment(write(tmp_path, shared_data)))
    folder = write_loobos_folder(
        shared_data, "snow3", tmp_path / "loobos", jules_time={"main_run_end": "1997-01-01 23:00:00"}
    )
    state = folder / "initial_conditions.dat"
    state.write_text(state.read_text(encoding="utf-8").replace("0.46", "0.0 "), encoding="utf-8")
    expected, _ = run_folder_as_column(folder, compiled=False)
    for name in ("t_soil", "smcl", "tstar_gb", "latent_heat", "gpp_gb", "snow_mass_gb"):
        np.testing.assert_allclose(
            run.output[name].to_numpy(), expected.output[name].to_numpy(), rtol=1e-9, atol=1e-15, err_msg=name
        )
    assert run.output["gpp"].dims == ("time", "pft")
    assert run.output["frac"].sel(tile="c3_grass") == pytest.approx(0.208)
    write_run(run, tmp_path / "out")
    check_conventions(tmp_path / "out" / "column.nc")
    with xr.open_dataset(tmp_path / "out" / "column.nc") as back:
        assert back["tile"].to_numpy().tolist() == run.output["tile"].to_numpy().tolist()
    ds = converted_dataset(read_convertible(tmp_path / "out"), "alma")
    evaporation = ds["TVeg"] + ds["ESoil"] + ds["ECanop"] + ds["SubSnow"]
    np.testing.assert_allclose(evaporation, ds["Evap"], atol=1e-12)
    np.testing.assert_allclose(ds["SWnet"] + ds["LWnet"], ds["Rnet"], atol=1e-9)
    assert float(ds["SWnet"].min()) >= 0.0
    assert bool((ds["SWnet"] <= ds["SWdown"]).all())
    np.testing.assert_allclose(ds["NEE"], ds["Reco"] - ds["GPP"], atol=1e-15)


def column_of(experiment: Experiment) -> tuple[LandSurface, LandForcing]:
    """Land surface and weather of the first day."""
    column, _ = experiment_column(experiment, timestep=1800.0, dtype=torch.float64)
    record = experiment.record()
    section = experiment.required(experiment.run, "run")
    weather, _ = run_weather(experiment, section, record)
    if "leaves" in str(experiment.text):
        record = record.assign(leaves=("time", np.linspace(1.0, 3.0, record.sizes["time"])))
    forcing = column_forcing(experiment, column, weather, record)
    assert isinstance(column.surface, LandSurface)
    assert isinstance(forcing, LandForcing)
    return column.surface, forcing


def test_leaf_area_may_vary_by_month_or_by_the_record(shared_data: Path, tmp_path: Path) -> None:
    months = ", ".join(str(m / 10.0) for m in range(1, 13))
    tiles = TILES.replace("frac = 0.355\n", f"frac = 0.355\nlai = [{months}]\n", 1)
    tiles = tiles.replace("frac = 0.208\n", 'frac = 0.208\nlai = "leaves"\ncanht_ft = 0.5\n')
    surface, forcing = column_of(load_experiment(write(tmp_path, shared_data, tiles=tiles)))
    assert forcing.lai is not None
    assert forcing.lai.shape == (48, 5, 1)
    # halfway between December and January
    assert float(forcing.lai[0, 0, 0]) == pytest.approx(0.65, abs=0.05)
    assert float(forcing.lai[0, 1, 0]) == 4.0
    assert float(forcing.lai[0, 2, 0]) == pytest.approx(1.0, abs=0.01)
    assert forcing.canht is None
    assert float(surface.canht[2, 0]) == 0.5


def test_monthly_values_are_those_of_the_middle_of_the_month() -> None:
    values = tuple(float(m) for m in range(1, 13))
    times = pd.DatetimeIndex(["2001-03-15 12:00", "2001-12-15 12:00", "2001-12-31 00:00"])
    np.testing.assert_allclose(monthly_values(values, times)[:2], [3.0, 12.0])
    assert 6.0 < monthly_values(values, times)[2] < 7.0


def test_types_of_a_users_files(shared_data: Path, tmp_path: Path) -> None:
    for name in ("pft_params.nml", "nveg_params.nml"):
        shutil.copy(POINT_RUN / name, tmp_path)
    files = 'pft_params = "pft_params.nml"\nnveg_params = "nveg_params.nml"'
    tiles = '[[surface.tiles]]\ntype = "pft_2"\nfrac = 0.5\n[[surface.tiles]]\ntype = "soil"\nfrac = 0.5\n'
    surface, _ = column_of(load_experiment(write(tmp_path, shared_data, surface=files, tiles=tiles)))
    assert surface.frac.flatten().tolist() == [0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0]


@pytest.mark.parametrize(
    ("physics", "tiles", "problem"),
    [
        ("", TILES, "needs [physics]"),
        (
            "",
            TILES.replace('"ndl_leaf"', '"shrub"').replace("type = 3", 'type = "c3_grass"\nlai = "leaves"'),
            "needs [physics]",
        ),
        ("[physics]\ncan_rad_mod = 3", TILES, "can_rad_mod"),
        ("[physics]\nl_fix_wind_snow = false", TILES, "l_fix_wind_snow"),
        ("[physics]\nnsmax = 5", TILES, "nsmax"),
        ("[physics]\nfsmc_shape = 1", TILES, "l_use_pft_psi"),
        ("[physics]", TILES.replace("frac = 0.208", "frac = 0.208\nlai = [1.0, 2.0]"), "one for each month"),
        ("[physics]", TILES.replace("frac = 0.208", "frac = 0.208\nlai = 16.0"), "at most 15"),
    ],
)
def test_the_schema_refuses(shared_data: Path, tmp_path: Path, physics: str, tiles: str, problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_experiment(write(tmp_path, shared_data, physics=physics, tiles=tiles))
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("tiles", "problem"),
    [
        (TILES.replace('"ndl_leaf"', '"heather"'), "no surface type 'heather'"),
        (TILES.replace("type = 3", "type = 12"), "no surface type 12"),
        (TILES.replace("type = 3", 'type = "ice"'), "land ice"),
        (TILES.replace("type = 3", 'type = "ndl_leaf"'), "two tiles of ndl_leaf"),
        (TILES.replace("type = 3", "type = 2"), "'ndl_leaf' and 2 are the same surface type, ndl_leaf"),
        (TILES.replace("type = 3", "type = 6\nlai = 1.0"), "urban is no plant"),
    ],
)
def test_tiles_without_a_type_are_refused(shared_data: Path, tmp_path: Path, tiles: str, problem: str) -> None:
    experiment = load_experiment(write(tmp_path, shared_data, tiles=tiles))
    with refusal("surface.tiles", problem, ""):
        experiment_column(experiment, timestep=1800.0, dtype=torch.float64)


def test_leaf_area_that_the_record_lacks_is_named_with_its_key(shared_data: Path, tmp_path: Path) -> None:
    tiles = TILES.replace("frac = 0.208\n", 'frac = 0.208\nlai = "foliage"\n')
    with refusal(
        "loobos.toml, surface.tiles, lai", "has no series foliage", "one of the series of the record: sw_down"
    ):
        column_of(load_experiment(write(tmp_path, shared_data, tiles=tiles)))


def test_a_closed_loop_has_the_simple_surface(shared_data: Path, tmp_path: Path) -> None:
    experiment = load_experiment(write(tmp_path, shared_data))
    with refusal("loobos.toml", "a closed loop has the simple surface", "remove [physics]"):
        experiment.refuse_physics("a closed loop")
    assert isinstance(experiment.record(), xr.Dataset)


def test_keys_of_the_section_have_the_values_of_the_switches() -> None:
    for name, field in PhysicsSection.model_fields.items():
        if POSSIBLE.get(name):
            allowed = {bool: (False, True)}.get(field.annotation, get_args(field.annotation))  # type: ignore[arg-type]
            assert set(allowed) == set(POSSIBLE[name]), name
