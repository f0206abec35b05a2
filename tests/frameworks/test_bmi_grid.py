"""Columns of the land points of a grid, each with its own soil, surface and initial state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

pytest.importorskip("bmipy")

from helpers.components import initialised
from helpers.small_experiment import write_weather
from helpers.small_grid import LAND, LATITUDE, write_grid
from numpy.typing import NDArray

from jules_ml.column.grid.trees import column_mapped, columns_of
from jules_ml.column.land_weather import sun_at
from jules_ml.errors import BadInput
from jules_ml.frameworks.bmi import COLUMN_OUTPUTS, WEATHER, SoilColumnBmi
from jules_ml.frameworks.setup import read_setup
from jules_ml.frameworks.soil_only import SoilOnlyBmi
from jules_ml.physics.integration import integrate
from jules_ml.physics.kernel.trees import mapped
from jules_ml.physics.land_surface.state import LandForcing
from jules_ml.physics.surface import Forcing

STEPS = 8


#: Driving data, which a coupled component does not read.
DRIVE = """\
file = "none.nc"
data_start = 2001-06-01T00:00:00
data_end = 2001-06-02T00:00:00
data_period = 3600.0
var = ["sw_down", "lw_down", "tot_rain", "tot_snow", "t", "wind", "pstar", "q"]
"""


def write(folder: Path, *, land: bool = False, component: str = "") -> Path:
    """Write the experiment of a grid with a coupled component."""
    folder.mkdir(exist_ok=True)
    path = write_grid(folder, DRIVE, run="start = 2001-06-01T00:00:00\n")
    text = path.read_text(encoding="utf-8") + ("\n[physics]\n" if land else "")
    path.write_text(f'{text}\n[component]\nmode = "coupled"\n{component}', encoding="utf-8")
    return path


def weather(step: int, columns: int) -> dict[str, NDArray[np.float64]]:
    """Weather of a step, which differs between the columns; the sun has risen and it rains."""
    own = np.arange(columns, dtype=np.float64)
    values = (
        300.0 + own,
        320.0 + own,
        1e-4 * own,
        0.0 * own,
        284.0 + own + step,
        2.0 + 0.1 * own,
        1e5 + own,
        7e-3 + 0.0 * own,
    )
    return dict(zip(WEATHER, values, strict=True))  # fmt: skip


def steps(component: SoilColumnBmi, begin: int, end: int) -> None:
    """Step with :func:`weather`."""
    for step in range(begin, end):
        for name, values in weather(step, 6).items():
            component.set_value(name, values)
        component.update()


@pytest.mark.parametrize("land", [False, True])
def test_each_column_equals_a_plain_one_with_its_soil_and_surface(tmp_path: Path, land: bool) -> None:
    path = write(tmp_path, land=land)
    many, setup = initialised(path), read_setup(path)
    n = many.get_grid_size(0)
    assert n == LAND.sum()
    series = [weather(step, n) for step in range(STEPS)]
    steps(many, 0, STEPS)
    times = pd.date_range("2001-06-01", periods=STEPS, freq="h")
    for number in (0, 4):
        one = columns_of(np.array([number]), n)
        columns = [torch.tensor([[now[name][number]] for now in series]) for name in WEATHER]
        place = (many.get_grid_y(0, np.empty(n)), many.get_grid_x(0, np.empty(n)))
        sun = sun_at(times, *(x[number : number + 1] for x in place))
        simple = Forcing(*columns)
        forcing = LandForcing(*simple, cosz=sun, diff_frac=torch.full_like(sun, 0.4)) if land else simple
        names = tuple(each.jules for each in COLUMN_OUTPUTS.values())
        plain = integrate(column_mapped(one, setup.column), mapped(one, setup.state), forcing, outputs=names)
        for name in names:
            here = many.get_value_ptr(name).reshape(-1, n)[:, number]
            there = plain.outputs[name][-1].flatten()
            np.testing.assert_allclose(here, there, rtol=1e-10, atol=1e-16, err_msg=name)


def test_soil_and_places_are_those_of_the_ancillaries(tmp_path: Path) -> None:
    path = write(tmp_path)
    grid, setup = initialised(path), read_setup(path)
    with xr.open_dataset(tmp_path / "soil.nc") as soil:
        np.testing.assert_array_equal(setup.column.soil.satcon, soil["satcon"].to_numpy()[:, LAND])
    assert grid.get_grid_type(0) == "points"
    np.testing.assert_array_equal(grid.get_grid_y(0, np.empty(6)), np.repeat(LATITUDE, 2))
    with pytest.raises(BadInput, match="there are 9 values for 6"):
        grid.set_value("tot_rain", np.zeros(9))


def test_restart_is_equal_to_the_bit_and_another_soil_is_refused(tmp_path: Path) -> None:
    whole, first, second = (initialised(write(tmp_path / "one")) for _ in range(3))
    steps(whole, 0, 6)
    steps(first, 0, 3)
    second.from_state(first.to_state())
    steps(second, 3, 6)
    assert second.to_state() == whole.to_state()
    with xr.open_dataset(tmp_path / "one" / "soil.nc") as soil:
        other = soil.load()
    other["satcon"][..., 1, 0] *= 2.0
    path = write(tmp_path / "two")
    other.to_netcdf(tmp_path / "two" / "soil.nc")
    with pytest.raises(BadInput, match=r"satcon of its soil is \[0.0048"):
        initialised(path).from_state(whole.to_state())


def test_a_record_drives_all_columns(tmp_path: Path) -> None:
    path = write(tmp_path)
    write_weather(tmp_path / "weather.dat", days=1)
    data = '[data]\nreader = "jules_driving"\npath = "weather.dat"\nstart = 2001-06-01T00:00:00\nperiod = 1800.0\n'
    text = path.read_text(encoding="utf-8").replace('mode = "coupled"', "").replace("cycles = 0", "cycles = 1")
    path.write_text(f"{text}\n{data}", encoding="utf-8")
    grid = initialised(path)
    grid.update_until(grid.get_end_time())
    assert grid.get_current_time() == 86400.0
    assert len(np.unique(grid.get_value_ptr("smcl").reshape(4, 6)[0])) == 6


def test_soil_alone_has_the_soil_of_the_grid(tmp_path: Path) -> None:
    soil = SoilOnlyBmi()
    soil.initialize(str(write(tmp_path)))
    for name, value in {"tfall": 1e-3, "et_stom_gb": 0.0, "esoil_gb": 0.0, "surf_ht_flux_gb": 0.0}.items():
        soil.set_value(name, np.full(6, value))
    soil.update()
    assert len(np.unique(soil.get_value_ptr("smcl").reshape(4, 6)[3])) == 6


def test_places_beside_a_grid_and_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="those of the land points of"):
        initialised(write(tmp_path, component="latitude = [50.0]\nlongitude = [0.0]\n"))
    path = write(tmp_path)
    (tmp_path / "soil.nc").unlink()
    with pytest.raises(BadInput, match=r"soil\.nc"):
        initialised(path)
