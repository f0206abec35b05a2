"""Conventions of ngen for BMI models in Python. ngen itself is a program in C++ and not a package: its rules are tested."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bmipy")

from helpers.components import plain_column, weather_of, write_component
from helpers.paths import REPOSITORY
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.frameworks.ngen import AORC, BmiJulesSoil
from jules_ml.frameworks.variables import WEATHER

#: Types that ngen converts, by the size of an item.
_TYPES = {"float64": 8, "float32": 4, "int32": 4, "int64": 8}


def aorc(path: Path) -> dict[str, NDArray[np.float64]]:
    """Forcing of each step in AORC's variables, from the record of an experiment."""
    by_jules = {WEATHER[name].jules: values for name, values in weather_of(path).items()}
    columns = (
        by_jules["sw_down"],
        by_jules["lw_down"],
        by_jules["tot_rain"] + by_jules["tot_snow"],
        by_jules["t_air"],
        0.6 * by_jules["wind"],
        -0.8 * by_jules["wind"],
        by_jules["pstar"],
        by_jules["q"],
    )
    return dict(zip(AORC, columns, strict=True))


def initialised_model(folder: Path) -> BmiJulesSoil:
    model = BmiJulesSoil()
    model.initialize(str(write_component(folder, 'mode = "coupled"')))
    return model


def test_ten_days_equal_the_plain_column(tmp_path: Path) -> None:
    path = write_component(tmp_path / "record", days=10)
    forcing, expected = aorc(path), plain_column(path)
    model = initialised_model(tmp_path / "ngen")
    for step in range(480):
        for name, values in forcing.items():
            model.set_value(name, values[step : step + 1])
        model.update_until((step + 1) * 1800.0)
        runoff = 1.8 * float(expected["runoff"].to_numpy()[step])
        assert model.get_value_ptr("Q_OUT")[0] == pytest.approx(runoff, rel=1e-10, abs=1e-15)
    for name in ("smcl", "t_soil", "latent_heat"):
        np.testing.assert_allclose(
            model.get_value_ptr(name), np.atleast_1d(expected[name].to_numpy()[479]), rtol=1e-10, atol=1e-15
        )


def test_lists_of_names_follow_the_conventions(tmp_path: Path) -> None:
    model = initialised_model(tmp_path)
    inputs, outputs = model.get_input_var_names(), model.get_output_var_names()
    assert not set(inputs) & set(outputs)
    assert len({*inputs, *outputs}) == len(inputs) + len(outputs)
    assert (model.get_input_item_count(), model.get_output_item_count()) == (len(inputs), len(outputs))
    for name in (*inputs, *outputs):
        assert _TYPES[model.get_var_type(name)] == model.get_var_itemsize(name)
        assert model.get_var_nbytes(name) == 8 * model.get_grid_size(model.get_var_grid(name))
        assert model.get_grid_rank(model.get_var_grid(name)) == 0
        assert model.get_var_location(name) == "node"
        assert model.get_value(name, np.zeros(1)).shape == (1,)
        assert model.get_value_ptr(name).dtype == np.float64
        assert model.get_var_units(name)
    assert model.get_time_units() == "s"
    assert model.get_start_time() == 0.0
    assert model.get_end_time() > 1e9


def test_unknown_names_are_ignored_when_set_and_refused_when_read(tmp_path: Path) -> None:
    model = initialised_model(tmp_path)
    model.set_value("some_parameter", np.array([1.0]))
    model.set_value_at_indices("some_parameter", np.array([0]), np.array([1.0]))
    with pytest.raises(BadInput, match="no variable some_parameter"):
        model.get_value_ptr("some_parameter")
    model.set_value("t_soil", np.full(4, 280.0))
    assert model.get_value_ptr("t_soil")[0] == 280.0


def test_wrong_indices_and_sizes_of_names_of_ngen_are_refused(tmp_path: Path) -> None:
    model = initialised_model(tmp_path)
    name = next(iter(AORC))
    for index in (-1, 1):
        with pytest.raises(BadInput, match=rf"indices \[{index}\] are not whole numbers from 0 to 0"):
            model.set_value_at_indices(name, np.array([index]), np.array([1.0]))
    with pytest.raises(BadInput, match="there are 2 values for 1"):
        model.set_value_at_indices(name, np.array([0]), np.array([1.0, 2.0]))
    with pytest.raises(BadInput, match="there are 2 values for 1"):
        model.set_value(name, np.array([1.0, 2.0]))
    assert np.isnan(model.get_value_ptr(name)[0])
    with pytest.raises(BadInput, match="there are 2 values for 1"):
        model.get_value("Q_OUT", np.empty(2))
    with pytest.raises(BadInput, match="no numbers"):
        model.set_value(name, ["x"])  # type: ignore[arg-type]
    model.set_value_at_indices(name, np.array([0]), np.array([1.0]))
    assert model.get_value_ptr(name)[0] == 1.0


def test_missing_forcing_is_named_and_steps_of_an_hour_sum_up(tmp_path: Path) -> None:
    path = write_component(tmp_path / "record")
    forcing = aorc(path)
    hourly, stepped = initialised_model(tmp_path / "one"), initialised_model(tmp_path / "two")
    with pytest.raises(BadInput, match=r"land_surface_air__temperature.* has not been set"):
        hourly.update()
    now = {name: values[1:2] for name, values in forcing.items()} | {"land_surface_air__temperature": np.array([270.0])}
    for name, values in now.items():
        hourly.set_value(name, values)
    hourly.update_until(3600.0)
    total = 0.0
    for _ in range(2):
        for name, values in now.items():
            stepped.set_value(name, values)
        stepped.update()
        total += float(stepped.get_value_ptr("ACTUAL_ET")[0])
    assert hourly.get_value_ptr("ACTUAL_ET")[0] == pytest.approx(total, rel=1e-12)
    assert float(hourly.get_value_ptr("snow_mass_gb")[0]) > 0.5
    with pytest.raises(BadInput, match="has not been set"):
        hourly.update()


def test_record_mode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="sets all inputs of a single column"):
        BmiJulesSoil().initialize(str(write_component(tmp_path)))


def test_realisation_example_names_this_model_and_its_variables() -> None:
    text = (REPOSITORY / "docs" / "examples" / "ngen_realization.json").read_text(encoding="utf-8")
    parameters = json.loads(text)["global"]["formulations"][0]["params"]
    module, name = parameters["python_type"].rsplit(".", 1)
    model = getattr(import_module(module), name)()
    assert set(parameters["variables_names_map"]) == set(model.get_input_var_names())
    assert {*parameters["output_variables"], parameters["main_output_variable"]} <= set(model.get_output_var_names())


def test_time_does_not_go_back_and_other_units_are_refused(tmp_path: Path) -> None:
    forcing = aorc(write_component(tmp_path / "record"))
    model = initialised_model(tmp_path / "ngen")
    for name, values in forcing.items():
        model.set_value(name, values[:1])
    model.update()
    with pytest.raises(BadInput, match="0 s is before the current time, 1800 s"):
        model.update_until(0.0)
    for name, values in forcing.items():
        model.set_value(name, values[:1] - 273.15 if name == "land_surface_air__temperature" else values[:1])
    with pytest.raises(BadInput, match="outside 180 to 335 K"):
        model.update()
