"""Many columns in one component: at points, or on a grid of latitudes and longitudes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bmipy")

from helpers.components import AIR, RAIN, initialised, plain_column, weather_of, write_component

from jules_ml.errors import BadInput
from jules_ml.frameworks.bmi import COLUMN_OUTPUTS, TEMPERATURE, WATER
from jules_ml.frameworks.variables import LAYERS

GRID = 'layout = "rectilinear"\nlatitude = [50.0, 51.0, 53.0]\nlongitude = [1.0, 2.0]\n'
POINTS = "latitude = [50.0, 51.0, 53.0]\nlongitude = [1.0, 2.0, 2.5]\n"
UNIFORM = 'layout = "uniform_rectilinear"\nlatitude = [53.0, 52.5, 52.0]\nlongitude = [1.0, 2.0]\n'


def test_a_record_drives_all_columns(tmp_path: Path) -> None:
    path = write_component(tmp_path, POINTS)
    soil = initialised(path)
    soil.update_until(soil.get_end_time())
    expected = plain_column(path)["smcl"].to_numpy()[-1]
    for column in range(3):
        np.testing.assert_allclose(soil.get_value_ptr(WATER).reshape(4, 3)[:, column], expected, rtol=1e-12)


@pytest.mark.parametrize("compiled", ["false", "true"])
def test_each_column_has_its_own_weather_and_state(tmp_path: Path, compiled: str) -> None:
    changes = {"compiled = false": f"compiled = {compiled}"}
    weather = weather_of(write_component(tmp_path / "record"))
    many = initialised(write_component(tmp_path / "many", f'mode = "coupled"\n{GRID}', changes=changes))
    warmer, wetter = np.arange(6.0), 1e-4 * np.arange(6.0)
    for step in range(20):
        for name, values in weather.items():
            own = warmer if name == AIR else wetter if name == RAIN else 0.0
            many.set_value(name, np.full(6, values[step]) + own)
        many.update()
    for column in (0, 5):
        one = initialised(write_component(tmp_path / f"one{column}", 'mode = "coupled"'))
        for step in range(20):
            for name, values in weather.items():
                own = warmer if name == AIR else wetter if name == RAIN else np.zeros(6)
                one.set_value(name, values[step : step + 1] + own[column])
            one.update()
        for name, variable in COLUMN_OUTPUTS.items():
            here = many.get_value_ptr(name).reshape(-1, 6)[:, column]
            np.testing.assert_allclose(here, one.get_value_ptr(name), rtol=1e-9, atol=1e-12, err_msg=variable.jules)


def test_grid_is_described(tmp_path: Path) -> None:
    soil = initialised(write_component(tmp_path, GRID))
    assert (soil.get_grid_type(0), soil.get_grid_type(LAYERS)) == ("rectilinear", "rectilinear")
    assert (soil.get_grid_rank(0), soil.get_grid_rank(LAYERS)) == (2, 3)
    assert soil.get_grid_shape(LAYERS, np.empty(3, dtype=int)).tolist() == [4, 3, 2]
    assert soil.get_grid_size(0) == 6
    assert soil.get_grid_x(0, np.empty(2)).tolist() == [1.0, 2.0]
    assert soil.get_grid_y(LAYERS, np.empty(3)).tolist() == [50.0, 51.0, 53.0]
    np.testing.assert_allclose(soil.get_grid_z(LAYERS, np.empty(4)), [0.05, 0.225, 0.675, 2.0])
    with pytest.raises(NotImplementedError, match="not evenly spaced"):
        soil.get_grid_spacing(0, np.empty(2))
    with pytest.raises(NotImplementedError, match="no depth"):
        soil.get_grid_z(0, np.empty(1))


def test_even_grid_has_origin_and_spacing(tmp_path: Path) -> None:
    soil = initialised(write_component(tmp_path, UNIFORM))
    assert (soil.get_grid_type(0), soil.get_grid_type(LAYERS)) == ("uniform_rectilinear", "rectilinear")
    assert soil.get_grid_origin(0, np.empty(2)).tolist() == [53.0, 1.0]
    assert soil.get_grid_spacing(0, np.empty(2)).tolist() == [-0.5, 1.0]


def test_points_have_a_place_for_each_node_and_no_edges(tmp_path: Path) -> None:
    soil = initialised(write_component(tmp_path, POINTS))
    assert (soil.get_grid_type(0), soil.get_grid_rank(0), soil.get_grid_size(LAYERS)) == ("points", 2, 12)
    assert soil.get_grid_x(LAYERS, np.empty(12))[:4].tolist() == [1.0, 2.0, 2.5, 1.0]
    assert soil.get_grid_y(0, np.empty(3)).tolist() == [50.0, 51.0, 53.0]
    np.testing.assert_allclose(soil.get_grid_z(LAYERS, np.empty(12))[[0, 3]], [0.05, 0.225])
    assert (soil.get_grid_edge_count(0), soil.get_grid_face_count(0)) == (0, 0)


def test_values_for_another_grid_and_missing_nodes_are_refused(tmp_path: Path) -> None:
    soil = initialised(write_component(tmp_path, f'mode = "mixed"\ncoupled = ["tot_rain"]\n{GRID}'))
    with pytest.raises(BadInput, match="there are 4 values for 6"):
        soil.set_value(RAIN, np.zeros(4))
    soil.set_value_at_indices(RAIN, np.array([0, 1, 2, 4]), np.zeros(4))
    with pytest.raises(BadInput, match=r"1 of 1 coupled inputs .* \(at 2 of 6 nodes\)"):
        soil.update()
    soil.set_value_at_indices(RAIN, np.array([3, 5]), np.zeros(2))
    soil.update()


def test_state_of_many_columns_restarts_to_the_bit(tmp_path: Path) -> None:
    path = write_component(tmp_path, UNIFORM)
    soil, later = initialised(path), initialised(path)
    soil.set_value(TEMPERATURE, np.linspace(270.0, 285.0, 24))
    soil.update_until(36000.0)
    later.from_state(soil.to_state())
    for component in (soil, later):
        component.update_until(72000.0)
    assert soil.to_state() == later.to_state()
