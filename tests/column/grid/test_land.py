"""Soil, surface types and initial state of land points: what is refused, and what reaches the column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from helpers.small_grid import LAND, coordinates, write_ancillaries, write_grid

from jules_ml.column.grid.land import GridColumn, grid_column
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.physics.land_surface.properties import LandSurface

DRIVE = """\
file = "all.nc"
data_start = 2001-06-01T00:00:00
data_end = 2001-06-02T00:00:00
data_period = 3600.0
var = ["sw_down", "lw_down", "tot_rain", "tot_snow", "t", "wind", "pstar", "q"]
"""


def land(folder: Path, soil: dict[str, float] | None = None, *, grid: str = "", more: str = "") -> GridColumn:
    """Land points of an experiment; ``soil`` replaces properties at the first point."""
    path = write_grid(folder, DRIVE, grid=grid)
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    if soil:
        with xr.open_dataset(folder / "soil.nc") as ds:
            changed = ds.load()
        for name, value in soil.items():
            if name not in changed:
                changed[name] = (("lat", "lon"), np.where(LAND, 0.2, np.nan))
            changed[name][..., 0, 0] = value
        changed.to_netcdf(folder / "soil.nc")
    return grid_column(load_experiment(path), dtype=torch.float64)


@pytest.mark.parametrize("name", ["b", "sathh", "satcon", "hcap", "hcon"])
@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_incomplete_soil_is_refused(tmp_path: Path, name: str, value: float) -> None:
    with pytest.raises(BadInput, match=f"{name} is missing or not above 0 at 1 of 6 land points.*50.0000, -1.0000"):
        land(tmp_path, {name: value})


@pytest.mark.parametrize("value", [0.0, 1.3])
def test_an_impossible_albedo_is_refused(tmp_path: Path, value: float) -> None:
    with pytest.raises(BadInput, match="albsoil"):
        land(tmp_path, {"albsoil": value})


def test_a_point_without_albedo_has_that_of_the_section(tmp_path: Path) -> None:
    made = land(tmp_path, {"albsoil": float("nan")}, more="\n[physics]\n")
    surface = made.column.surface
    assert isinstance(surface, LandSurface)
    np.testing.assert_allclose(surface.albsoil.numpy().reshape(-1)[:2], [0.11, 0.2])


def test_fractions_that_do_not_add_up_are_refused(tmp_path: Path) -> None:
    write_ancillaries(tmp_path)
    with xr.open_dataset(tmp_path / "frac.nc") as ds:
        frac = ds.load()
    frac["frac"][..., 0, 1] *= 0.9
    frac.to_netcdf(tmp_path / "half.nc")
    path = write_grid(tmp_path, DRIVE)
    path.write_text(path.read_text(encoding="utf-8").replace('"frac.nc"', '"half.nc"'), encoding="utf-8")
    with pytest.raises(BadInput, match=r"do not add up to 1 at 1 of 6 land points, the first at 50.0000, -0.5000"):
        grid_column(load_experiment(path), dtype=torch.float64)


@pytest.mark.parametrize("conserved", [True, False])
def test_conservation_of_snow_reaches_the_column(tmp_path: Path, conserved: bool) -> None:
    surface = land(tmp_path, more=f"\n[physics]\nconserve_snow = {str(conserved).lower()}\n").column.surface
    assert isinstance(surface, LandSurface)
    assert surface.snow.conserve_water is conserved


def initial(folder: Path, name: str, values: np.ndarray) -> str:
    dims = ("layer", "lat", "lon")[-values.ndim :]
    xr.Dataset({name: (dims, np.where(LAND, values, np.nan))}, coords=coordinates()).to_netcdf(folder / "initial.nc")
    return 'initial = "initial.nc"\n'


def test_four_pools_of_carbon_are_refused(tmp_path: Path) -> None:
    """The first of them, decomposable plant material, is not all carbon of the soil."""
    pools = np.array([0.1, 1.0, 0.3, 8.0])[:, None, None] * np.ones((3, 3))
    with pytest.raises(BadInput, match="cs has 4 pools or layers"):
        land(tmp_path, grid=initial(tmp_path, "cs", pools))
    made = land(tmp_path, grid=initial(tmp_path, "cs", pools.sum(axis=0)))
    np.testing.assert_allclose(made.column.cs, 9.4)


@pytest.mark.parametrize(("name", "value"), [("sthuf", 75.0), ("t_soil", 12.0), ("cs", -1.0)])
def test_an_impossible_initial_state_is_refused(tmp_path: Path, name: str, value: float) -> None:
    with pytest.raises(BadInput, match=f"{name} is"):
        land(tmp_path, grid=initial(tmp_path, name, np.full((3, 3), value)))


def test_daily_data_begin_at_midnight(tmp_path: Path) -> None:
    drive = DRIVE.replace('"q"]', '"q", "dt_range"]').replace("3600.0", "86400.0\nl_daily_disagg = true")
    load_experiment(write_grid(tmp_path, drive))
    with pytest.raises(BadInput, match="begin at midnight"):
        load_experiment(write_grid(tmp_path, drive.replace("06-01T00", "06-01T09")))
