"""Input files for an unmodified JULES."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.conventions import check_conventions
from numpy.typing import ArrayLike

from jules_ml.errors import BadInput
from jules_ml.jules.input_files import InputGrid, sthuf_from_theta, write_ancillary, write_prescribed

SOIL: dict[str, list[float] | float] = {
    "b": [6.63] * 4,
    "sathh": [0.04946] * 4,
    "satcon": [0.004715] * 4,
    "sm_sat": [0.45815] * 4,
    "sm_crit": [0.242433] * 4,
    "sm_wilt": [0.136328] * 4,
    "hcap": [1185676.0] * 4,
    "hcon": [0.226873] * 4,
    "albsoil": 0.11,
}


def test_ancillary_of_a_point_has_the_dimensions_of_jules(tmp_path: Path) -> None:
    path = write_ancillary(tmp_path / "soil.nc", SOIL)
    check_conventions(path)
    with xr.open_dataset(path) as ds:
        assert ds["satcon"].dims == ("soil", "y", "x")
        assert ds["satcon"].shape == (4, 1, 1)
        assert ds["albsoil"].dims == ("y", "x")
        assert ds["sathh"].dtype == np.float64
        assert float(ds["sathh"][0, 0, 0]) == 0.04946
        assert ds["satcon"].attrs["units"] == "kg m-2 s-1"


def test_ancillary_follows_the_grid_of_the_run(tmp_path: Path) -> None:
    grid = InputGrid.of({"nx": 3, "ny": 2, "x_dim_name": "lon", "y_dim_name": "lat", "soil_dim_name": "z"})
    values: dict[str, ArrayLike] = {"sm_sat": np.linspace(0.3, 0.6, 24).reshape(4, 2, 3), "b": [5.0, 6.0, 7.0, 8.0]}
    with xr.open_dataset(write_ancillary(tmp_path / "soil.nc", values, grid=grid)) as ds:
        assert ds["sm_sat"].dims == ("z", "lat", "lon")
        np.testing.assert_array_equal(ds["sm_sat"], values["sm_sat"])
        np.testing.assert_array_equal(ds["b"].isel(lat=1, lon=2), values["b"])


def test_ancillary_on_a_vector_of_land_points(tmp_path: Path) -> None:
    grid = InputGrid.of({"grid_is_1d": True, "npoints": 5})
    with xr.open_dataset(write_ancillary(tmp_path / "soil.nc", SOIL, grid=grid)) as ds:
        assert ds["b"].dims == ("soil", "land")
        assert ds["albsoil"].shape == (5,)


@pytest.mark.parametrize(
    ("change", "place", "remedy"),
    [
        ({"sm_wilt": [0.3] * 4}, "variable sm_wilt", "check the layers"),
        ({"b": [6.0] * 3}, "soil.nc", "one value per soil layer"),
        ({"satcon": [0.1, 0.1, np.nan, 0.1]}, "variable satcon", "fill missing values"),
        ({"satcon": [0.1, 0.1, 0.0, 0.1]}, "variable satcon", "above 0"),
        ({"sm_sat": [45.0] * 4}, "variable sm_sat", "m3 m-3"),
        ({"ksat": [1.0] * 4}, "soil.nc", "choose among"),
    ],
)
def test_impossible_properties_are_refused(
    tmp_path: Path, change: dict[str, list[float] | float], place: str, remedy: str
) -> None:
    with pytest.raises(BadInput) as caught:
        write_ancillary(tmp_path / "soil.nc", SOIL | change)
    assert place in str(caught.value.where)
    assert remedy in caught.value.remedy
    assert not (tmp_path / "soil.nc").exists()


def test_prescribed_state_has_time_first(tmp_path: Path) -> None:
    wetness = np.full((48, 4), 0.5)
    path = write_prescribed(
        tmp_path / "sthuf.nc",
        {"sthuf": wetness},
        start="1996-12-31 23:00:00",
        period_seconds=1800.0,
        grid=InputGrid(time_dim="tstep"),
    )
    check_conventions(path)
    with xr.open_dataset(path) as ds:
        assert ds["sthuf"].dims == ("tstep", "soil", "y", "x")
        assert ds.attrs["data_start"] == "1996-12-31 23:00:00"
        assert ds.attrs["data_end"] == "1997-01-01 23:00:00"
        assert ds["tstep"].to_numpy()[2] == np.datetime64("1997-01-01T00:00:00")


@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        ({"sthuf": np.full((3, 4), 12.0)}, "fraction of saturation"),
        ({"sthuf": np.full((3, 4), np.nan)}, "missing"),
        ({"smcl": np.full((3, 4), 12.0)}, "sthuf_from_theta"),
        ({"sthuf": np.full((3, 4), 0.5), "t_soil": np.full((2, 4), 280.0)}, "same times and layers"),
        ({}, "sthuf or t_soil"),
    ],
)
def test_impossible_state_is_refused(tmp_path: Path, values: dict[str, np.ndarray], remedy: str) -> None:
    with pytest.raises(BadInput) as caught:
        write_prescribed(tmp_path / "p.nc", values, start="2020-01-01", period_seconds=3600.0)
    assert remedy in caught.value.remedy


def test_wetness_excludes_residual_water_and_is_at_most_1() -> None:
    wetness = sthuf_from_theta([[0.05, 0.25, 0.60]], sm_sat=0.4, theta_r=0.05)
    np.testing.assert_allclose(wetness, [[0.0, 0.5, 1.0]])


def test_residual_water_is_written_with_the_properties(tmp_path: Path) -> None:
    path = write_ancillary(tmp_path / "soil.nc", SOIL | {"theta_r": [0.05] * 4}, form="van_genuchten")
    with xr.open_dataset(path) as ds:
        assert ds["theta_r"].dims == ("soil", "y", "x")
        assert ds.attrs["hydraulic_form"] == "van_genuchten"
