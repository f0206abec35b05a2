"""The soil column as a component of coupling frameworks."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from helpers.paths import REPOSITORY
from helpers.respiration_folder import write_module
from helpers.small_experiment import write_experiment

pytest.importorskip("bmipy")

from jules_ml.column.run import run_column
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.frameworks.bmi import COLUMN_OUTPUTS, TEMPERATURE, WATER, WEATHER, SoilColumnBmi

RAIN = "atmosphere_water__rainfall_mass_flux"
EXAMPLE = REPOSITORY / "docs" / "examples" / "couple_groundwater.py"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A column of one day of half-hours."""
    return write_experiment(tmp_path, ("mean_over = 48", "mean_over = 1"), days=1)


@pytest.fixture
def soil(config: Path) -> SoilColumnBmi:
    """An initialised component."""
    component = SoilColumnBmi()
    component.initialize(str(config))
    return component


def test_steps_equal_those_of_the_column(soil: SoilColumnBmi, config: Path) -> None:
    output = run_column(load_experiment(config)).output
    names = {WATER: "smcl", TEMPERATURE: "t_soil", **{name: each.jules for name, each in COLUMN_OUTPUTS.items()}}
    for step in range(48):
        soil.update()
        for name, variable in names.items():
            here = soil.get_value_ptr(name)
            np.testing.assert_allclose(here, np.atleast_1d(output[variable].to_numpy()[step]), rtol=1e-12, atol=1e-15)


def test_it_starts_after_spin_up(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, ("mean_over = 48", "mean_over = 1"), ("cycles = 0", "cycles = 3"), days=1)
    component = SoilColumnBmi()
    component.initialize(str(path))
    component.update()
    output = run_column(load_experiment(path)).output
    np.testing.assert_allclose(component.get_value_ptr(WATER), output["smcl"].to_numpy()[0], rtol=1e-12)


def test_learned_respiration_has_its_base_rate(tmp_path: Path) -> None:
    write_module(tmp_path / "module")
    modules = ("[run]", '[modules]\nrespiration = "module"\n\n[run]')
    path = write_experiment(tmp_path, ("mean_over = 48", "mean_over = 1"), modules, days=1)
    component = SoilColumnBmi()
    component.initialize(str(path))
    component.update()
    output = run_column(load_experiment(path)).output
    assert any("base rate of module: kaps" in note for note in component.notes)
    respiration = component.get_value_ptr("soil_carbon__respiration_mass_flux")
    np.testing.assert_allclose(respiration, output["resp_s_gb"].to_numpy()[:1], rtol=1e-12)


@pytest.mark.parametrize("name", [RAIN, TEMPERATURE])
def test_value_that_is_not_finite_is_refused(soil: SoilColumnBmi, name: str) -> None:
    with pytest.raises(BadInput, match="finite") as caught:
        soil.set_value(name, np.full(len(soil.get_value_ptr(name)), np.nan))
    assert name in str(caught.value.where)
    soil.get_value_ptr(name)[:] = np.nan
    with pytest.raises(BadInput, match="finite") as caught:
        soil.update()
    assert name in str(caught.value.where)


def test_time_and_grids(soil: SoilColumnBmi) -> None:
    assert (soil.get_start_time(), soil.get_end_time(), soil.get_time_step()) == (0.0, 86400.0, 1800.0)
    soil.update_until(7200.0)
    assert soil.get_current_time() == 7200.0
    assert soil.get_grid_size(soil.get_var_grid(WATER)) == 4
    np.testing.assert_allclose(soil.get_grid_x(1, np.empty(4)), [0.05, 0.225, 0.675, 2.0])
    assert soil.get_var_units(WATER) == "kg m-2"
    assert set(WEATHER) == set(soil.get_input_var_names())


def test_rain_of_another_component_replaces_that_of_the_record(soil: SoilColumnBmi) -> None:
    soil.update_until(43200.0)
    before = soil.get_value_ptr(WATER)[0]
    soil.set_value(RAIN, np.array([2e-3]))
    soil.update_until(50400.0)
    assert soil.get_value_ptr(RAIN)[0] == 2e-3
    assert soil.get_value_ptr(WATER)[0] > before + 5.0


def test_state_can_be_set_and_ice_follows_temperature(soil: SoilColumnBmi) -> None:
    frozen = np.array([265.0, 270.0, 275.0, 280.0])
    soil.set_value(TEMPERATURE, frozen)
    soil.set_value(WATER, 0.8 * soil.get_value(WATER, np.empty(4)))
    soil.update()
    ice = soil.get_value_ptr("soil_layer_water~frozen__saturation_fraction")
    assert ice[0] > 0.1
    assert ice[3] == 0.0
    soil.set_value(WATER, np.full(4, 1e4))
    with pytest.raises(BadInput, match="above saturation"):
        soil.update()


def test_end_of_the_record_is_refused(soil: SoilColumnBmi) -> None:
    soil.update_until(soil.get_end_time())
    with pytest.raises(BadInput, match="record has ended"):
        soil.update()


def test_an_unknown_variable_is_refused_with_the_names_of_all(soil: SoilColumnBmi) -> None:
    with pytest.raises(BadInput) as caught:
        soil.get_var_units("soil__colour")
    assert WATER in caught.value.remedy


def test_example_of_coupling_loses_no_water(config: Path) -> None:
    spec = importlib.util.spec_from_file_location("couple_groundwater", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    totals = example.couple(str(config))
    assert totals["drainage"] > 0.0
    assert totals["baseflow"] + totals["stored"] == pytest.approx(totals["drainage"], rel=1e-9)
