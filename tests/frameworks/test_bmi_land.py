"""Components with JULES's land surface: canopy, surface types, layers of snow, and the sun."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bmipy")

from helpers.components import initialised, plain_column, set_weather, weather_of, write_component

from jules_ml.errors import BadInput
from jules_ml.frameworks.bmi import COLUMN_OUTPUTS, SoilColumnBmi

#: JULES's land surface, with leaf area that varies by month.
MONTHS = "[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]"
LAND = {"[surface]": "[physics]\n\n[surface]", "lai = 4.0": f"lai = {MONTHS}"}
START = "start = 2001-06-01T00:00:00"


def write_land(
    folder: Path,
    section: str = "",
    *,
    days: int = 1,
    timestep: float = 1800.0,
    changes: Mapping[str, str] | None = None,
) -> Path:
    run = {"mean_over = 1\n": f"mean_over = 1\ntimestep = {timestep}\n{START}\n"}
    return write_component(folder, section, days=days, changes=LAND | run | dict(changes or {}))


def snow_falls(path: Path, days: int) -> None:
    """Let rain of the record fall as snow in cold air."""
    file = path.parent / "weather.dat"
    table = np.loadtxt(file)
    table[:, 3], table[:, 2], table[:, 4] = table[:, 2], 0.0, table[:, 4] - 20.0
    table[24 * days :, 4] += 15.0
    np.savetxt(file, table, fmt="%.6g", header="snow, and thaw")


def run(component: SoilColumnBmi, path: Path, begin: int, end: int) -> None:
    """Step with the weather of an experiment, which is set where the component has no record."""
    weather = weather_of(path)
    for step in range(begin, end):
        if component.coupled_inputs:
            set_weather(component, weather, step)
        component.update()


def test_a_day_of_the_record_equals_that_of_the_column(tmp_path: Path) -> None:
    path = write_land(tmp_path)
    snow_falls(path, 1)
    require_equal(path, path, steps=48)


@pytest.mark.slow
def test_ten_days_coupled_equal_the_column(tmp_path: Path) -> None:
    path = write_land(tmp_path / "record", days=10, timestep=3600.0)
    snow_falls(path, 10)
    require_equal(path, write_land(tmp_path / "coupled", 'mode = "coupled"', timestep=3600.0), steps=240)


def require_equal(path: Path, of_component: Path, *, steps: int) -> None:
    """All outputs of a component after some steps equal those of the column."""
    expected = plain_column(path)
    assert expected["snow_mass_gb"].max() > 0.5
    component = initialised(of_component)
    run(component, path, 0, steps)
    for name, variable in COLUMN_OUTPUTS.items():
        here, there = component.get_value_ptr(name), np.atleast_1d(expected[variable.jules].to_numpy()[steps - 1])
        np.testing.assert_allclose(here, there, rtol=1e-10, atol=1e-16, err_msg=variable.jules)


def test_restart_is_equal_to_the_bit(tmp_path: Path) -> None:
    path = write_land(tmp_path)
    snow_falls(path, 1)
    whole, first, second = (initialised(path) for _ in range(3))
    run(whole, path, 0, 20)
    run(first, path, 0, 11)
    first.save_state(path.with_name("half.state"))
    second.restore_state(path.with_name("half.state"))
    run(second, path, 11, 20)
    assert second.to_state() == whole.to_state()


def test_columns_have_their_own_sun(tmp_path: Path) -> None:
    places = "latitude = [52.0, 10.0]\nlongitude = [6.0, 150.0]"
    many = initialised(write_land(tmp_path / "many", places))
    run(many, tmp_path / "many" / "small.toml", 0, 20)
    for column, (latitude, longitude) in enumerate([(52.0, 6.0), (10.0, 150.0)]):
        position = {"latitude = 52.0": f"latitude = {latitude}", "longitude = 6.0": f"longitude = {longitude}"}
        path = write_land(tmp_path / f"one{column}", changes=position)
        one = initialised(path)
        run(one, path, 0, 20)
        for name in ("gpp_gb", "tstar_gb"):
            np.testing.assert_allclose(many.get_value_ptr(name)[column], one.get_value_ptr(name)[0], rtol=1e-9)


@pytest.mark.parametrize(
    ("changes", "section", "text"),
    [
        ({f"1800.0\n{START}": "1800.0"}, 'mode = "coupled"', "the date is unknown, which the sun needs"),
        (
            {f"1800.0\n{START}": "1800.0", "[physics]": "[physics]\nl_cosz = false"},
            'mode = "coupled"',
            "which vegetation that varies",
        ),
        ({"latitude = 52.0\n": ""}, "", "the position of the column is unknown"),
        ({MONTHS: '"leaves"'}, 'mode = "coupled"', "'leaves' is a series of the record"),
    ],
)
def test_what_the_land_surface_lacks_is_refused(
    tmp_path: Path, changes: dict[str, str], section: str, text: str
) -> None:
    with pytest.raises(BadInput, match=text):
        initialised(write_land(tmp_path, section, changes=changes))
