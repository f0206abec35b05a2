"""The column in FINAM."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("bmipy")
pytest.importorskip("finam", reason="FINAM is not installed (pip install jules_ml[finam])")

import finam
from helpers.components import initialised, plain_column, weather_of, write_component
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.frameworks.finam import SoilColumnComponent
from jules_ml.frameworks.variables import WEATHER

START = datetime(2001, 6, 1)
STEP = timedelta(seconds=1800.0)


def generator(
    weather: dict[str, NDArray[np.float64]],
    *,
    units: dict[str, str] | None = None,
    grid: Any = None,
    shape: tuple[int, ...] = (),
) -> Any:
    """Component that has the weather of each step at its end."""

    def at(values: NDArray[np.float64]) -> Any:
        def value(time: datetime) -> NDArray[np.float64]:
            step = round((time - START) / STEP) - 1
            return np.full(shape, values[max(step, 0)])

        return value

    grid = finam.NoGrid() if grid is None else grid
    infos = {
        name: finam.Info(time=None, grid=grid, units=(units or {}).get(variable.jules, variable.units))
        for name, variable in WEATHER.items()
    }
    callbacks = {WEATHER[name].jules: (at(values), infos[name]) for name, values in weather.items()}
    return finam.components.CallbackGenerator(callbacks, start=START, step=STEP)


def run(
    soil: SoilColumnComponent, weather: Any, days: float, outputs: Iterable[str], inputs: Iterable[str] | None = None
) -> dict[str, list[NDArray[np.float64]]]:
    """Run a composition of both; return the outputs of each step."""
    series: dict[str, list[NDArray[np.float64]]] = {name: [] for name in outputs}

    def record(name: str) -> Any:
        return lambda _, data, time: series[name].append(np.array(finam.data.get_magnitude(data))[0])

    readers = {
        name: finam.components.DebugPushConsumer(
            {"In": finam.Info(time=None, grid=None, units=None)}, callbacks={"In": record(name)}
        )
        for name in series
    }
    composition = finam.Composition([weather, soil, *readers.values()], log_level=50)
    for variable in WEATHER.values():
        if inputs is None or variable.jules in inputs:
            weather.outputs[variable.jules] >> soil.inputs[variable.jules]
    for name, reader in readers.items():
        soil.outputs[name] >> reader.inputs["In"]
    composition.run(start_time=START, end_time=START + timedelta(days=days))
    return {name: values[1:] for name, values in series.items()}


def test_ten_days_equal_the_plain_column(tmp_path: Path) -> None:
    path = write_component(tmp_path / "record", days=10)
    weather, expected = weather_of(path), plain_column(path)
    soil = SoilColumnComponent(write_component(tmp_path / "coupled", 'mode = "coupled"'), start=START)
    outputs = ("smcl", "t_soil", "latent_heat", "sub_surf_roff", "resp_s_gb")
    for name, values in run(soil, generator(weather), 10, outputs).items():
        assert len(values) == 480
        np.testing.assert_allclose(np.stack(values), expected[name].to_numpy(), rtol=1e-10, atol=1e-15)


def test_many_columns_on_a_grid_and_a_record_for_the_rest(tmp_path: Path) -> None:
    section = 'mode = "mixed"\ncoupled = ["tot_rain"]\nlayout = "rectilinear"\nlatitude = [53.0, 50.0]\nlongitude = [1.0, 2.0, 4.0]'
    path = write_component(tmp_path, section)
    weather = weather_of(path)
    soil = SoilColumnComponent(path)
    grid = finam.RectilinearGrid(
        [np.array([1.0, 2.0, 4.0]), np.array([53.0, 50.0])], data_location="POINTS", axes_reversed=True, order="C"
    )
    rain = {name: values for name, values in weather.items() if WEATHER[name].jules == "tot_rain"}
    result = run(soil, generator(rain, grid=grid, shape=(2, 3)), 1, ("smcl", "surf_roff"), ["tot_rain"])
    assert result["smcl"][-1].shape == (4, 2, 3)
    assert result["surf_roff"][-1].shape == (2, 3)
    np.testing.assert_allclose(result["smcl"][-1][:, 1, 2], plain_column(path)["smcl"].to_numpy()[-1], rtol=1e-10)


def test_units_are_converted_and_those_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = write_component(tmp_path / "record")
    weather, expected = weather_of(path), plain_column(path)
    in_celsius = {n: v - 273.15 if WEATHER[n].jules == "t_air" else v for n, v in weather.items()}
    coupled = write_component(tmp_path / "coupled", 'mode = "coupled"')
    soil = SoilColumnComponent(coupled, start=START)
    result = run(soil, generator(in_celsius, units={"t_air": "degC"}), 1, ("t_soil",))
    np.testing.assert_allclose(result["t_soil"][-1], expected["t_soil"].to_numpy()[-1], rtol=1e-10)
    with pytest.raises(finam.FinamMetaDataError):
        run(SoilColumnComponent(coupled, start=START), generator(weather, units={"tot_rain": "W m-2"}), 1, ("t_soil",))


def test_missing_connection_grid_start_and_input_are_refused(tmp_path: Path) -> None:
    path = write_component(tmp_path, 'mode = "coupled"')
    weather = weather_of(write_component(tmp_path / "record"))
    wrong = finam.UniformGrid((3, 3))
    with pytest.raises(finam.FinamMetaDataError):
        run(SoilColumnComponent(path, start=START), generator(weather, grid=wrong, shape=(2, 2)), 1, ("smcl",))
    with pytest.raises(finam.FinamConnectError):
        run(SoilColumnComponent(path, start=START), generator(weather), 1, ("smcl",), ["t_air"])
    with pytest.raises(BadInput, match="start of the run is missing"):
        SoilColumnComponent(path).initialize()
    with pytest.raises(BadInput, match="are not among the inputs"):
        SoilColumnComponent(path, start=START, inputs=["t", "q"]).initialize()
    kelvin = {n: v - 273.15 if WEATHER[n].jules == "t_air" else v for n, v in weather.items()}
    with pytest.raises(BadInput, match="outside 180 to 335 K"):
        run(SoilColumnComponent(path, start=START), generator(kelvin), 1, ("smcl",))


def test_a_record_drives_the_component_without_connections(tmp_path: Path) -> None:
    path = write_component(tmp_path)
    soil = SoilColumnComponent(path, outputs=["soil_layer__temperature"])
    composition = finam.Composition([soil], log_level=50)
    composition.run(start_time=START, end_time=START + timedelta(days=1))
    with pytest.raises(BadInput, match="not initialised"):
        soil.bmi.update()
    assert list(soil.outputs) == ["t_soil"]
    with pytest.raises(BadInput, match=r"start is 2001-06-02 00:00:00, and the run starts at 2001-06-01 00:00:00"):
        SoilColumnComponent(path, start=START + timedelta(days=1)).initialize()
    SoilColumnComponent(path, start=START).initialize()
    assert initialised(path).start_date() == START


def test_the_clock_of_a_restored_state_starts_at_its_date(tmp_path: Path) -> None:
    path = write_component(tmp_path, days=2)
    expected = plain_column(path)["t_soil"].to_numpy()
    first_day = initialised(path)
    first_day.update_until(first_day.get_start_time() + 86400.0)
    first_day.save_state(tmp_path / "day.state")
    path.write_text(
        path.read_text(encoding="utf-8") + f'\n[component]\nstate = "{tmp_path / "day.state"}"\n', encoding="utf-8"
    )
    soil = SoilColumnComponent(path, outputs=["t_soil"])
    series: list[NDArray[np.float64]] = []
    reader = finam.components.DebugPushConsumer(
        {"In": finam.Info(time=None, grid=None, units=None)},
        callbacks={"In": lambda _, data, time: series.append(np.array(finam.data.get_magnitude(data))[0])},
    )
    composition = finam.Composition([soil, reader], log_level=50)
    assert soil.time == START + timedelta(days=1)
    soil.outputs["t_soil"] >> reader.inputs["In"]
    composition.run(start_time=soil.time, end_time=START + timedelta(days=2))
    np.testing.assert_allclose(np.stack(series[1:]), expected[48:], rtol=1e-10)
