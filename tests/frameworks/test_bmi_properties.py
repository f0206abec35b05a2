"""Properties of the Basic Model Interface that hold for any sequence of calls: pointers, indices, order, missing inputs, restart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bmipy")

from helpers.components import initialised, set_weather, weather_of, write_component
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.frameworks.bmi import TEMPERATURE, WEATHER, SoilColumnBmi

COLUMNS, STEP = 3, 1800.0
PLACES = "latitude = [50.0, 51.0, 52.0]\nlongitude = [0.0, 1.0, 2.0]"
NAMES = tuple(WEATHER)
few = settings(max_examples=15, deadline=None)

Pair = tuple[SoilColumnBmi, SoilColumnBmi, bytes]


@pytest.fixture(scope="module")
def weather(tmp_path_factory: pytest.TempPathFactory) -> dict[str, NDArray[np.float64]]:
    return weather_of(write_component(tmp_path_factory.mktemp("weather")))


@pytest.fixture(scope="module")
def coupled(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return pair(tmp_path_factory.mktemp("coupled"), f'mode = "coupled"\n{PLACES}')


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return pair(tmp_path_factory.mktemp("driven"), PLACES)


def pair(folder: Path, section: str) -> Pair:
    """Two components of the same experiment, and their state at the start."""
    path = write_component(folder, section)
    one, two = initialised(path), initialised(path)
    return one, two, one.to_state()


def begun(components: Pair) -> tuple[SoilColumnBmi, SoilColumnBmi]:
    """The components at their start."""
    one, two, start = components
    for component in (one, two):
        component.from_state(start)
    return one, two


@few
@given(data=st.data())
def test_inputs_of_a_coupled_step_come_in_any_order_by_any_way(
    coupled: Pair, weather: dict[str, NDArray[np.float64]], data: st.DataObject
) -> None:
    one, two = begun(coupled)
    for step in range(2):
        set_weather(one, weather, step)
        for name in data.draw(st.permutations(NAMES)):
            values = np.full(COLUMNS, weather[name][step])
            way = data.draw(st.sampled_from(["value", "pointer", "indices"]))
            if way == "value":
                two.set_value(WEATHER[name].jules, values)
            elif way == "pointer":
                two.get_value_ptr(name)[:] = values
            else:
                for number in data.draw(st.permutations(range(COLUMNS))):
                    two.set_value_at_indices(name, np.array([number]), values[:1])
        one.update()
        two.update()
    assert one.to_state() == two.to_state()


@few
@given(absent=st.sets(st.sampled_from(NAMES), min_size=1), node=st.integers(0, COLUMNS - 1))
def test_inputs_that_are_missing_are_named_and_change_nothing(
    coupled: Pair, weather: dict[str, NDArray[np.float64]], absent: set[str], node: int
) -> None:
    soil, _ = begun(coupled)
    present = {name: values for name, values in weather.items() if name not in absent}
    set_weather(soil, present, 0)
    for name in absent:
        others = np.setdiff1d(np.arange(COLUMNS), node)
        soil.set_value_at_indices(name, others, np.full(others.size, weather[name][0]))
    before = soil.to_state()
    with pytest.raises(BadInput) as caught:
        soil.update()
    assert f"{len(absent)} of 8 coupled inputs" in str(caught.value)
    assert all((name in str(caught.value)) == (name in absent) for name in NAMES)
    assert soil.to_state() == before
    for name in absent:
        soil.set_value_at_indices(name, np.array([node]), weather[name][:1])
    soil.update()


@few
@given(data=st.data())
def test_values_at_indices_are_those_of_the_array(driven: Pair, data: st.DataObject) -> None:
    soil, _ = begun(driven)
    size = soil.get_grid_size(soil.get_var_grid(TEMPERATURE))
    places = np.array(data.draw(st.lists(st.integers(0, size - 1), unique=True, min_size=1)))
    values = np.array(data.draw(st.lists(st.floats(260.0, 300.0), min_size=places.size, max_size=places.size)))
    expected = soil.get_value(TEMPERATURE, np.empty(size))
    expected[places] = values
    soil.set_value_at_indices("t_soil", places, values)
    np.testing.assert_array_equal(soil.get_value_ptr(TEMPERATURE), expected)
    np.testing.assert_array_equal(soil.get_value_at_indices(TEMPERATURE, np.empty(places.size), places), values)
    wrong = data.draw(st.integers(size, 2 * size) | st.integers(-size, -1))
    with pytest.raises(BadInput, match="indices"):
        soil.get_value_at_indices(TEMPERATURE, np.empty(1), np.array([wrong]))


@few
@given(
    calls=st.lists(st.sampled_from(["update", "until", "back", "read", "save"]) | st.floats(260.0, 300.0), max_size=8)
)
def test_time_follows_from_any_sequence_of_calls(driven: Pair, calls: list[str | float]) -> None:
    """Time counts the steps and does not go back; reading and saving change nothing."""
    one, two = begun(driven)
    steps = 0
    for call in calls:
        if isinstance(call, float):
            for component in (one, two):
                component.set_value("t", np.full(COLUMNS, call))
        elif call == "update":
            one.update()
            two.update()
        elif call == "until":
            one.update_until((steps + 2) * STEP)
            for _ in range(2):
                two.update()
        elif call == "back" and steps:
            with pytest.raises(BadInput, match="does not go back"):
                one.update_until((steps - 1) * STEP)
        elif call == "read":
            for name in one.get_output_var_names():
                one.get_value(name, np.empty(one.get_grid_size(one.get_var_grid(name))))
        elif call == "save":
            one.from_state(one.to_state())
        steps += {"update": 1, "until": 2}.get(str(call), 0)
        assert one.get_current_time() == steps * STEP
    assert one.to_state() == two.to_state()


@few
@given(first=st.integers(0, 4), more=st.integers(1, 4), wind=st.none() | st.floats(0.0, 20.0), pointer=st.booleans())
def test_restart_at_any_step_is_equal_to_the_bit(
    driven: Pair, first: int, more: int, wind: float | None, pointer: bool
) -> None:
    one, two = begun(driven)
    frozen = np.linspace(270.0, 285.0, 12)
    if pointer:
        one.get_value_ptr(TEMPERATURE)[:] = frozen
    else:
        one.set_value(TEMPERATURE, frozen)
    one.update_until(first * STEP)
    if wind is not None:
        one.set_value("wind", np.full(COLUMNS, wind))
    two.from_state(one.to_state())
    for component in (one, two):
        component.update_until((first + more) * STEP)
    assert one.to_state() == two.to_state()
