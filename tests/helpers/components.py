"""Components of coupling frameworks on the small experiment, and the weather that drives them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from helpers.small_experiment import write_experiment
from jules_ml.column.run import run_column
from jules_ml.experiment import load_experiment
from jules_ml.frameworks.bmi import WEATHER, SoilColumnBmi
from jules_ml.physics.surface import Forcing
from jules_ml.weather import site_weather

RAIN = "atmosphere_water__rainfall_mass_flux"
AIR = "atmosphere_bottom_air__temperature"


def write_component(
    folder: Path, section: str = "", *, days: int = 1, changes: Mapping[str, str] | None = None
) -> Path:
    """Write the small experiment with output of every step and a section ``[component]``; ``changes`` replace text."""
    folder.mkdir(parents=True, exist_ok=True)
    replacements = [("mean_over = 48", "mean_over = 1"), *(changes or {}).items()]
    path = write_experiment(folder, *replacements, days=days)
    if section:
        path.write_text(path.read_text(encoding="utf-8") + f"\n[component]\n{section}\n", encoding="utf-8")
    return path


def initialised(path: Path) -> SoilColumnBmi:
    """Component of an experiment file."""
    component = SoilColumnBmi()
    component.initialize(str(path))
    return component


def plain_column(path: Path) -> xr.Dataset:
    """Output of each step of the column, without a framework."""
    return run_column(load_experiment(path)).output


def weather_of(path: Path) -> dict[str, NDArray[np.float64]]:
    """Weather of each step of an experiment, by the names of the inputs."""
    experiment = load_experiment(path)
    assert experiment.run is not None
    series = site_weather(
        experiment.record(), experiment.forcing, timestep=experiment.run.timestep, start=None, end=None
    ).series
    return {name: series[jules].to_numpy() for name, jules in zip(WEATHER, Forcing._fields, strict=True)}


def set_weather(component: SoilColumnBmi, weather: dict[str, NDArray[np.float64]], step: int) -> None:
    """Set all inputs of a step, the same at all columns."""
    size = component.get_grid_size(0)
    for name, values in weather.items():
        component.set_value(name, np.full(size, values[step]))
