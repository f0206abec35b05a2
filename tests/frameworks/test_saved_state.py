"""State that is saved in one run and restored in another: its soil, its date and its inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bmipy")

from helpers.components import AIR, initialised, set_weather, weather_of, write_component

from jules_ml.errors import BadInput
from jules_ml.frameworks.bmi import WATER

_DAY = 86400.0


def test_state_of_a_soil_with_other_properties_is_refused(tmp_path: Path) -> None:
    """Water that saturates 0.458 m3 m-3 would drain 135 mm in half an hour from 0.30 m3 m-3."""
    content = initialised(write_component(tmp_path / "one")).to_state()
    changes = {"sm_sat = 0.45815": "sm_sat = 0.30", "sm_crit = 0.242433": "sm_crit = 0.22"}
    other = initialised(write_component(tmp_path / "two", changes=changes))
    before = other.get_value_ptr(WATER).copy()
    with pytest.raises(BadInput, match="sm_sat of its soil is"):
        other.from_state(content)
    np.testing.assert_array_equal(other.get_value_ptr(WATER), before)


def test_state_counts_at_its_date_in_a_run_with_another_start(tmp_path: Path) -> None:
    first = initialised(write_component(tmp_path / "first", "epoch = 2001-01-01T00:00:00", days=3))
    first.update_until(first.get_start_time() + _DAY)
    content, date = first.to_state(), first.get_current_time()
    later = {"mean_over = 1\n": "mean_over = 1\nstart = 2001-06-02T00:00:00\n"}
    second = initialised(write_component(tmp_path / "second", "epoch = 2001-01-01T00:00:00", days=3, changes=later))
    second.from_state(content)
    assert second.get_current_time() == second.get_start_time() == date
    for component in (first, second):
        component.update_until(date + 3600.0)
    np.testing.assert_array_equal(second.get_value_ptr(WATER), first.get_value_ptr(WATER))


@pytest.mark.parametrize(("start", "text"), [("2001-06-03T00:00:00", "before"), ("2001-06-01T00:00:00", "after")])
def test_date_outside_the_run_is_refused(tmp_path: Path, start: str, text: str) -> None:
    first = initialised(write_component(tmp_path / "first", days=4))
    first.update_until(1.5 * _DAY)
    changes = {"mean_over = 1\n": f"mean_over = 1\nstart = {start}\nend = {start.replace('T00', 'T12')}\n"}
    second = initialised(write_component(tmp_path / "second", days=4, changes=changes))
    with pytest.raises(BadInput, match=rf"2001-06-02 12:00:00, {text} "):
        second.from_state(first.to_state())
    assert second.get_current_time() == 0.0


def test_step_after_the_end_is_refused_without_a_date(tmp_path: Path) -> None:
    first = initialised(write_component(tmp_path / "first", 'mode = "coupled"'))
    weather = weather_of(write_component(tmp_path / "record"))
    for _ in range(50):
        set_weather(first, weather, 0)
        first.update()
    second = initialised(write_component(tmp_path / "second"))
    with pytest.raises(BadInput, match="50 steps, and the run has 48"):
        second.from_state(first.to_state())
    assert second.get_current_time() == 0.0


def test_coupled_state_continues_with_a_record_and_the_other_way_round(tmp_path: Path) -> None:
    record = write_component(tmp_path / "record")
    coupled = initialised(write_component(tmp_path / "coupled", 'mode = "coupled"'))
    weather = weather_of(record)
    set_weather(coupled, weather, 0)
    coupled.update()
    driven = initialised(record)
    driven.from_state(coupled.to_state())
    assert driven.get_value_ptr(AIR)[0] == weather[AIR][1]
    driven.update()
    coupled.from_state(driven.to_state())
    with pytest.raises(BadInput, match="8 of 8 coupled inputs"):
        coupled.update()
