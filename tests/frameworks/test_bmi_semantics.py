"""Semantics of the Basic Model Interface: pointers, modes, indices, order of calls, restart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bmipy")

from helpers.components import AIR, RAIN, initialised, plain_column, set_weather, weather_of, write_component
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jules_ml.errors import BadInput
from jules_ml.frameworks.bmi import COLUMN_OUTPUTS, TEMPERATURE, WATER, SoilColumnBmi
from jules_ml.frameworks.component import OPEN_END

Write = Callable[[SoilColumnBmi, float], None]
RUNOFF = "land_surface_water__runoff_mass_flux"


def _set_value(soil: SoilColumnBmi, value: float) -> None:
    soil.set_value(RAIN, np.array([value]))


def _at_index(soil: SoilColumnBmi, value: float) -> None:
    soil.set_value_at_indices("tot_rain", np.array([0]), np.array([value]))


def _item(soil: SoilColumnBmi, value: float) -> None:
    soil.get_value_ptr(RAIN)[0] = value


def _view(soil: SoilColumnBmi, value: float) -> None:
    soil.get_value_ptr(RAIN)[0:][:] = value


def _fill(soil: SoilColumnBmi, value: float) -> None:
    soil.get_value_ptr(RAIN).fill(value)


def _copyto(soil: SoilColumnBmi, value: float) -> None:
    np.copyto(soil.get_value_ptr(RAIN), value)


def _put(soil: SoilColumnBmi, value: float) -> None:
    np.put(soil.get_value_ptr(RAIN), [0], [value])


def _ufunc(soil: SoilColumnBmi, value: float) -> None:
    array = soil.get_value_ptr(RAIN)
    array *= 0.0
    array += value


def _out(soil: SoilColumnBmi, value: float) -> None:
    np.add(0.0, value, out=soil.get_value_ptr(RAIN))


def _memory(soil: SoilColumnBmi, value: float) -> None:
    np.frombuffer(soil.get_value_ptr(RAIN).data)[...] = value


WRITES = [_set_value, _at_index, _item, _view, _fill, _copyto, _put, _ufunc, _out]


@pytest.mark.parametrize("write", [*WRITES, _memory])
def test_rain_counts_the_same_however_it_is_written(tmp_path: Path, write: Write) -> None:
    """7.2 mm in two hours of which the record has none."""
    path = write_component(tmp_path)
    expected, soil = initialised(path), initialised(path)
    for component in (expected, soil):
        component.update_until(43200.0)
    expected.set_value(RAIN, np.array([1e-3]))
    write(soil, 1e-3)
    for component in (expected, soil):
        component.update_until(50400.0)
    np.testing.assert_array_equal(soil.get_value_ptr(WATER), expected.get_value_ptr(WATER))


@pytest.mark.parametrize("write", WRITES)
def test_value_that_equals_the_records_is_kept_too(tmp_path: Path, write: Write) -> None:
    """The record is dry at 22:00, and rains from midnight on."""
    soil = initialised(write_component(tmp_path, days=2))
    soil.update_until(79200.0)
    assert soil.get_value_ptr(RAIN)[0] == 0.0
    write(soil, 0.0)
    soil.update_until(90000.0)
    assert soil.get_value_ptr(RAIN)[0] == 0.0


def test_reading_through_the_pointer_leaves_the_input_to_the_record(tmp_path: Path) -> None:
    path = write_component(tmp_path, days=2)
    soil, rain = initialised(path), weather_of(path)[RAIN]
    pointer = soil.get_value_ptr(RAIN)
    copied = pointer.copy()
    for step in range(60):
        assert pointer[0] == rain[step]
        copied[:] = 5.0
        assert float((pointer * 2.0 + np.sum(pointer))[0]) == 3.0 * rain[step]
        soil.update()
    np.testing.assert_array_equal(soil.get_value_ptr(WATER), plain_column(path)["smcl"].to_numpy()[59])


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from(WRITES), st.floats(0.0, 2e-3)), min_size=1, max_size=4))
def test_any_sequence_of_writes_equals_that_of_set_value(
    tmp_path: Path, changes: list[tuple[int, Write, float]]
) -> None:
    path = write_component(tmp_path)
    one, two = initialised(path), initialised(path)
    for steps, write, value in changes:
        one.set_value(RAIN, np.array([value]))
        write(two, value)
        for component in (one, two):
            component.update_until(component.get_current_time() + 1800.0 * steps)
    assert one.to_state() == two.to_state()


def test_pointer_to_the_state_changes_the_state_and_that_to_an_output_is_read_only(tmp_path: Path) -> None:
    soil = initialised(write_component(tmp_path))
    soil.get_value_ptr("t_soil")[:] = 280.0
    soil.update()
    np.testing.assert_allclose(soil.get_value_ptr(TEMPERATURE)[1:], 280.0, atol=0.2)
    with pytest.raises(ValueError, match="read-only"):
        soil.get_value_ptr(RUNOFF)[:] = 1.0
    with pytest.raises(BadInput, match="is an output and cannot be set"):
        soil.set_value(RUNOFF, np.zeros(1))


def test_coupled_mode_needs_no_record_and_equals_the_column(tmp_path: Path) -> None:
    path = write_component(tmp_path / "record")
    weather, expected = weather_of(path), plain_column(path)
    path = write_component(tmp_path / "coupled", 'mode = "coupled"')
    (path.parent / "weather.dat").unlink()
    soil = initialised(path)
    assert soil.get_end_time() == OPEN_END
    for step in range(48):
        set_weather(soil, weather, step)
        soil.update()
    for name, variable in COLUMN_OUTPUTS.items():
        here = soil.get_value(name, np.empty(soil.get_grid_size(soil.get_var_grid(name))))
        np.testing.assert_allclose(here, np.atleast_1d(expected[variable.jules].to_numpy()[47]), rtol=1e-12, atol=1e-15)


def test_coupled_mode_names_the_inputs_that_are_missing_in_every_step(tmp_path: Path) -> None:
    path = write_component(tmp_path)
    weather = weather_of(path)
    soil = initialised(write_component(tmp_path, 'mode = "coupled"'))
    with pytest.raises(BadInput, match="8 of 8 coupled inputs have not been set"):
        soil.update()
    set_weather(soil, weather, 0)
    soil.update_until(3600.0)
    assert np.isnan(soil.get_value_ptr(RAIN)).all()
    set_weather(soil, {name: values for name, values in weather.items() if name not in (RAIN, AIR)}, 2)
    before = soil.to_state()
    with pytest.raises(BadInput, match=r"2 of 8 .*rainfall_mass_flux \(tot_rain\).*air__temperature \(t_air\)"):
        soil.update()
    assert soil.to_state() == before
    soil.get_value_ptr(RAIN)[:] = 0.0
    soil.get_value_ptr(AIR)[:] = 285.0
    soil.update()
    assert soil.get_current_time() == 5400.0


def test_mixed_mode_needs_the_inputs_of_its_list_and_has_the_others_from_the_record(tmp_path: Path) -> None:
    path = write_component(tmp_path / "record")
    weather, expected = weather_of(path), plain_column(path)
    soil = initialised(write_component(tmp_path / "mixed", f'mode = "mixed"\ncoupled = ["t", "{RAIN}"]'))
    with pytest.raises(BadInput, match="2 of 2 coupled inputs"):
        soil.update()
    for step in range(48):
        set_weather(soil, {name: weather[name] for name in (RAIN, AIR)}, step)
        soil.update()
    np.testing.assert_array_equal(soil.get_value_ptr(WATER), expected["smcl"].to_numpy()[47])
    with pytest.raises(BadInput, match=r"snow is not an input"):
        initialised(write_component(tmp_path / "wrong", 'mode = "mixed"\ncoupled = ["snow"]'))


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("t", 15.0, r"15, outside 180 to 335 K"),
        ("tot_rain", -1e-5, r"tot_rain is -1e-05, outside 0 to 0.15 kg m-2 s-1"),
        ("tot_rain", 7.2, r"outside 0 to 0.15 kg m-2 s-1"),
        ("pstar", 1013.0, r"pstar is 1013, outside 45000 to 110000 Pa"),
        ("q", 8.0, r"q is 8, outside 0 to 0.06"),
        ("t_soil", 10.0, r"t_soil is 10, outside 190 to 350 K"),
    ],
)
@pytest.mark.parametrize("pointer", [False, True])
def test_value_outside_its_range_is_refused(tmp_path: Path, name: str, value: float, text: str, pointer: bool) -> None:
    soil = initialised(write_component(tmp_path))
    before = soil.to_state()
    if pointer:
        soil.get_value_ptr(name)[:] = value

    def change() -> None:
        if pointer:
            soil.update()
        else:
            soil.set_value(name, np.full(len(soil.get_value_ptr(name)), value))

    with pytest.raises(BadInput, match=text) as caught:
        change()
    assert soil.name_of(name) in str(caught.value.where)
    if not pointer:
        assert soil.to_state() == before


def test_units_of_another_component_are_converted_or_refused(tmp_path: Path) -> None:
    soil = initialised(write_component(tmp_path))
    soil.set_value_in_units("tot_rain", np.array([3.6]), "mm h-1")
    assert soil.get_value_ptr(RAIN)[0] == pytest.approx(1e-3)
    soil.set_value_in_units("t", np.array([10.0]), "degC")
    assert soil.get_value_ptr(AIR)[0] == pytest.approx(283.15)
    with pytest.raises(BadInput, match="cannot be converted"):
        soil.set_value_in_units("tot_rain", np.array([1.0]), "W m-2")


def test_wrong_sizes_and_indices_are_refused(tmp_path: Path) -> None:
    soil = initialised(write_component(tmp_path))
    with pytest.raises(BadInput, match="there are 3 values for 1"):
        soil.set_value(RAIN, np.zeros(3))
    with pytest.raises(BadInput, match="there are 1 values for 4"):
        soil.get_value(WATER, np.empty(1))
    with pytest.raises(BadInput, match=r"indices \[4\] are not whole numbers from 0 to 3"):
        soil.set_value_at_indices(TEMPERATURE, np.array([4]), np.array([280.0]))
    with pytest.raises(BadInput, match="indices"):
        soil.get_value_at_indices(TEMPERATURE, np.empty(1), np.array([-1]))
    with pytest.raises(BadInput, match="there are 2 values for 1"):
        soil.set_value_at_indices(TEMPERATURE, np.array([0]), np.array([280.0, 281.0]))
    with pytest.raises(BadInput, match="no numbers"):
        soil.set_value(RAIN, ["x"])  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="no numbers"):
        soil.set_value_at_indices(RAIN, np.array([0]), ["x"])  # type: ignore[arg-type]
    soil.set_value_at_indices(TEMPERATURE, np.array([1, 3]), np.array([280.0, 281.0]))
    np.testing.assert_array_equal(soil.get_value_at_indices(TEMPERATURE, np.empty(2), np.array([1, 3])), [280.0, 281.0])


def test_time_does_not_go_back_or_beyond_the_end(tmp_path: Path) -> None:
    soil = initialised(write_component(tmp_path))
    soil.update_until(7200.0)
    soil.update_until(7200.0)
    assert soil.get_current_time() == 7200.0
    with pytest.raises(BadInput, match="3600 s is before the current time, 7200 s"):
        soil.update_until(3600.0)
    with pytest.raises(BadInput, match="after the end time"):
        soil.update_until(90000.0)
    with pytest.raises(BadInput, match="not finite"):
        soil.update_until(float("nan"))
    assert soil.get_current_time() == 7200.0


def test_names_are_listed_before_initialize_and_calls_out_of_order_are_refused(tmp_path: Path) -> None:
    soil = SoilColumnBmi()
    inputs, outputs = set(soil.get_input_var_names()), set(soil.get_output_var_names())
    assert not inputs & outputs
    assert {WATER, TEMPERATURE} < outputs
    assert soil.get_var_units("tot_rain") == "kg m-2 s-1"
    for call in (soil.update, soil.get_current_time, soil.get_end_time, lambda: soil.get_value_ptr(WATER)):
        with pytest.raises(BadInput, match="not initialised"):
            call()
    soil.initialize(str(write_component(tmp_path)))
    soil.finalize()
    with pytest.raises(BadInput, match="not initialised"):
        soil.update()


def test_aliases_name_the_same_variables(tmp_path: Path) -> None:
    soil = initialised(write_component(tmp_path))
    assert soil.get_value_ptr("smcl") is soil.get_value_ptr(WATER)
    assert soil.get_var_units("t") == soil.get_var_units("t_air") == soil.get_var_units(AIR) == "K"


def test_times_count_from_the_epoch(tmp_path: Path) -> None:
    soil = initialised(write_component(tmp_path, "epoch = 2001-05-31T00:00:00"))
    assert soil.get_time_units() == "seconds since 2001-05-31 00:00:00"
    assert (soil.get_start_time(), soil.get_end_time()) == (86400.0, 172800.0)
    soil.update_until(90000.0)
    assert soil.get_current_time() == 90000.0


@pytest.mark.parametrize("mode", ["record", "coupled"])
def test_restart_is_equal_to_the_bit(tmp_path: Path, mode: str) -> None:
    weather = weather_of(write_component(tmp_path / "record"))
    path = write_component(tmp_path / mode, f'mode = "{mode}"')
    whole, first = initialised(path), initialised(path)

    def steps(component: SoilColumnBmi, begin: int, end: int) -> None:
        for step in range(begin, end):
            if mode == "coupled":
                set_weather(component, weather, step)
            component.update()

    whole.set_value(TEMPERATURE, np.array([272.0, 274.0, 276.0, 278.0]))
    first.set_value(TEMPERATURE, np.array([272.0, 274.0, 276.0, 278.0]))
    if mode == "record":
        for component in (whole, first):
            component.set_value("wind", np.array([5.0]))
    steps(whole, 0, 48)
    steps(first, 0, 20)
    first.save_state(tmp_path / "half.state")
    steps(first, 20, 30)
    first.restore_state(tmp_path / "half.state")
    path.write_text(f'{path.read_text()}state = "{tmp_path}/half.state"\n' if mode == "coupled" else path.read_text())
    second = initialised(path)
    if mode == "record":
        second.from_state((tmp_path / "half.state").read_bytes())
    assert second.get_current_time() == first.get_current_time() == 36000.0
    for component in (first, second):
        steps(component, 20, 48)
        assert component.to_state() == whole.to_state()


def test_state_of_another_soil_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    soil = initialised(write_component(tmp_path / "one"))
    content = soil.to_state()
    other = initialised(write_component(tmp_path / "two", changes={"dzsoil = [0.1, 0.25": "dzsoil = [0.2, 0.25"}))
    with pytest.raises(BadInput, match="dzsoil of its soil is"):
        other.from_state(content)
    for damaged in (b"", content[:-9], b"\xff" * 40):
        with pytest.raises(BadInput, match="damaged"):
            soil.from_state(damaged)
    with pytest.raises(BadInput, match="cannot be read"):
        soil.restore_state(tmp_path / "nothing")
    assert soil.to_state() == content


@pytest.mark.parametrize(
    ("section", "changes", "text"),
    [
        ('mode = "coupled"', {"cycles = 0": "cycles = 2"}, "spin-up needs a record"),
        ('mode = "coupled"', {"t_soil = [285.0, 284.0, 283.0, 282.0]": ""}, "initial soil temperature is missing"),
        ('mode = "mixed"', {}, "coupled lists the inputs"),
        ('coupled = ["t"]', {}, "coupled lists the inputs"),
        ("latitude = [50.0]", {}, "both latitude and longitude"),
        ("latitude = [50.0, 51.0]\nlongitude = [1.0]", {}, "make no points"),
        ('layout = "rectilinear"\nlatitude = [50.0, 50.0]\nlongitude = [1.0, 2.0]', {}, "increase or decrease"),
        ('layout = "uniform_rectilinear"\nlatitude = [50.0, 51.0, 53.0]\nlongitude = [1.0, 2.0]', {}, "evenly spaced"),
    ],
)
def test_section_that_is_not_possible_is_refused(
    tmp_path: Path, section: str, changes: dict[str, str], text: str
) -> None:
    with pytest.raises(BadInput, match=text):
        initialised(write_component(tmp_path, section, changes=changes))
