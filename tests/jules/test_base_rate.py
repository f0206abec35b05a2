"""The rate of JULES that reproduces a learned flux, from the carbon that a run starts with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.jules_runs import Write
from helpers.module_folders import edit_settings
from helpers.respiration_folder import write_module

from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.jules.base_rate import base_rate, swap_base_rate
from jules_ml.jules.initial_carbon import clay_fraction, initial_carbon, vegetated_fraction
from jules_ml.jules.run import run_jules
from jules_ml.jules.run_folder import RunFolder, read_run_folder
from jules_ml.jules.swap.respiration import layer_notes
from jules_ml.learned.respiration.layers import depth_factors
from jules_ml.learned.respiration.rate import BaseFlux
from jules_ml.support.namelist_text import Value

FLUX = BaseFlux(4.0, 0.5, "a tower")
KAPS_4POOL = np.array([3.22e-7, 9.65e-9, 2.12e-8, 6.43e-10])


def initial(run: RunFolder, **entries: Value) -> None:
    """Replace the initial state by a file with cs alone, or other entries."""
    blank: dict[str, Value] = {"nvars": 1, "var": ["cs"], "use_file": [True], "const_val": [0.0]}
    run.namelists.set("jules_initial", {**blank, **entries})


def four_pools(run: RunFolder, **entries: Value) -> None:
    run.namelists.set("jules_soil_biogeochem", {"soil_bgc_model": 2, **entries})


def test_one_pool_with_constant_carbon(user: Path) -> None:
    rate = base_rate(read_run_folder(user), FLUX)
    assert rate.entries["kaps"] == pytest.approx(2.0 * 12.011e-9 / 12.1, rel=1e-6)
    assert "instead of 5e-09" in rate.note
    assert "initial cs 12.1 kg m-2" in rate.note


def test_four_pools_with_a_row_of_values(user: Path) -> None:
    run = read_run_folder(user)
    (user / "cs.dat").write_text("0.1 2.0 0.3 9.0\n", encoding="ascii")
    initial(run, file="cs.dat")
    four_pools(run)
    np.testing.assert_allclose(initial_carbon(run).ravel(), [0.1, 2.0, 0.3, 9.0])
    np.testing.assert_allclose(vegetated_fraction(run), 0.355 + 0.355 + 0.208)
    assert clay_fraction(run) is None
    rate = base_rate(run, FLUX)
    new = np.array(rate.entries["kaps_4pool"])
    np.testing.assert_allclose(new / KAPS_4POOL, new[0] / KAPS_4POOL[0], rtol=1e-5)
    respired = float(new @ [0.1, 2.0, 0.3, 9.0]) * (0.6 + 0.4 * (1.0 - 0.918)) * 0.8521
    assert respired == pytest.approx(FLUX.carbon, rel=1e-4)
    assert "with clay 0 as in JULES" in rate.note


def test_layered_carbon_of_a_dump_on_several_points(user: Path) -> None:
    run = read_run_folder(user)
    cs = np.random.default_rng(0).uniform(0.1, 5.0, (4, 4, 3))
    frac = np.zeros((9, 3))
    frac[0], frac[7] = 0.5, 0.5
    ds = xr.Dataset({"cs": (("scpool", "sclayer", "land"), cs), "frac": (("type", "land"), frac)})
    ds.to_netcdf(user / "spun.dump.nc")
    initial(run, dump_file=True, file="spun.dump.nc", nvars=0)
    four_pools(run, l_layeredc=True, tau_resp=2.0)
    run.namelists.set("jules_vegetation", {"l_triffid": True})
    np.testing.assert_array_equal(initial_carbon(run), cs)
    rate = base_rate(run, FLUX)
    depth = depth_factors(run.dzsoil, 2.0)
    respired = np.einsum("i,ijp,j->p", np.array(rate.entries["kaps_4pool"]), cs, depth) * 0.8 * 0.8521
    assert respired.mean() == pytest.approx(FLUX.carbon, rel=1e-4)
    assert "the mean over 3 points" in rate.note
    assert "TRIFFID" in rate.note


def test_points_without_carbon_are_left_out(user: Path) -> None:
    run = read_run_folder(user)
    run.namelists.set("jules_input_grid", {"nx": 3, "ny": 1})
    cs = np.array([6.0, np.nan, 18.0]).reshape(1, 1, 1, 3)
    xr.Dataset({"carbon": (("scpool", "sclayer", "y", "x"), cs)}).to_netcdf(user / "cs.nc")
    initial(run, file="cs.nc", var_name=["carbon"])
    assert base_rate(run, FLUX).entries["kaps"] == pytest.approx(FLUX.carbon / 12.0, rel=1e-6)


def test_unknown_carbon_is_refused_only_where_the_rate_is_asked_for(user: Path, write: Write, tmp_path: Path) -> None:
    write_module(tmp_path / "module")
    run = read_run_folder(user)
    run.namelists.set("jules_initial", {"nvars": 1, "var": ["gs"], "use_file": [False], "const_val": [0.0]})
    experiment = load_experiment(write(more='[modules]\nrespiration = "module"\n'))
    (note,) = swap_base_rate(experiment, run, tmp_path / "module")
    assert "base rate of JULES: kaps = 5e-09" in note
    assert "no soil carbon cs" in note
    experiment = load_experiment(write(more='[modules]\nrespiration = "module"\nbase_rate = "learned"\n'))
    with pytest.raises(BadInput, match="no soil carbon cs"):
        swap_base_rate(experiment, run, tmp_path / "module")


def test_a_rate_that_jules_refuses_is_refused_before(user: Path) -> None:
    run = read_run_folder(user)
    initial(run, use_file=[False], const_val=[1e-9])
    with pytest.raises(BadInput, match="JULES accepts"):
        base_rate(run, FLUX)


@pytest.mark.parametrize(
    ("more", "jules", "expected"),
    [
        ("", "", 0.54 * 2.0 * 12.011e-9 / 12.1),
        ('base_rate = "jules"\n', "", 5e-9),
        ("", "set = {jules_soil_biogeochem = {kaps = 7e-9}}", 7e-9),
    ],
)
def test_way_namelist_scales_the_base_rate(
    write: Write, tmp_path: Path, more: str, jules: str, expected: float
) -> None:
    write_module(tmp_path / "module")
    path = write(via='"namelist"', jules=jules, more=f'[modules]\nrespiration = "module"\n{more}')
    done = run_jules(load_experiment(path), tmp_path / "out")
    run = read_run_folder(done.folder)
    plain = load_experiment(write(via='"namelist"', more='[modules]\nrespiration = "module"\nbase_rate = "jules"\n'))
    scale = (
        float(read_run_folder(run_jules(plain, tmp_path / "plain").folder).entry("jules_soil_biogeochem", "kaps", 0.0))
        / 5e-9
    )
    assert run.entry("jules_soil_biogeochem", "kaps", 0.0) == pytest.approx(scale * expected, rel=1e-5)
    assert any("base rate" in note for note in done.notes)


@pytest.mark.parametrize("fitted_to_second", [True, False])
def test_another_layer_than_that_of_the_fit_is_noted(user: Path, tmp_path: Path, fitted_to_second: bool) -> None:
    module = write_module(tmp_path / "module")
    edit_settings(module, state="stock.nc", l_soil_resp_lev2=fitted_to_second)
    run = read_run_folder(user)
    run.namelists.set("jules_soil_biogeochem", {"l_soil_resp_lev2": fitted_to_second})
    assert layer_notes(run, module) == []
    run.namelists.set("jules_soil_biogeochem", {"l_soil_resp_lev2": not fitted_to_second})
    (note,) = layer_notes(run, module)
    assert f"fitted to the {'second' if fitted_to_second else 'first'} layer" in note


def fitted_to_all_layers(folder: Path, *, layered: bool) -> Path:
    """A module folder that was fitted to all layers of a model's soil, or to the first one."""
    module = write_module(folder)
    edit_settings(module, state="stock.nc", l_layeredc=layered)
    return module


def test_base_rate_needs_the_layers_of_the_fit(user: Path, write: Write, tmp_path: Path) -> None:
    run = read_run_folder(user)
    one, every = (BaseFlux(4.0, 0.5, "a tower", layered=layered) for layered in (False, True))
    assert base_rate(run, one).entries == base_rate(run, FLUX).entries
    with pytest.raises(BadInput, match=r"fitted to all layers.*respires in one layer") as refusal:
        base_rate(run, every)
    assert "l_layeredc = false" in str(refusal.value)
    run.namelists.set("jules_soil_biogeochem", {"l_layeredc": True, "tau_resp": 2.0})
    with pytest.raises(BadInput, match=r"fitted to one layer.*respires in all layers"):
        base_rate(run, one)
    # without base_rate = "learned" the rate of JULES stays, with the reason
    fitted_to_all_layers(tmp_path / "module", layered=False)
    experiment = load_experiment(write(more='[modules]\nrespiration = "module"\n'))
    (note,) = swap_base_rate(experiment, run, tmp_path / "module")
    assert "base rate of JULES" in note
    assert "fitted to one layer" in note


def test_layers_of_the_fit_and_of_the_run_are_compared(user: Path, tmp_path: Path) -> None:
    run = read_run_folder(user)
    module = fitted_to_all_layers(tmp_path / "module", layered=True)
    (note,) = layer_notes(run, module)
    assert "fitted to all layers without their frozen water" in note
    assert "the first layer (l_layeredc = false, l_soil_resp_lev2 = false)" in note
    run.namelists.set("jules_soil_biogeochem", {"l_layeredc": True})
    assert layer_notes(run, module) == []
    run.namelists.set("jules_soil_biogeochem", {"l_soil_resp_lev2": True})
    (note,) = layer_notes(run, module)
    assert "all layers with their frozen water (l_layeredc = true, l_soil_resp_lev2 = true)" in note
