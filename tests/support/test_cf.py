"""Attributes of netCDF files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.conventions import HAS_CHECKER, check_conventions, own_findings

from jules_ml.support.cf import axis_attributes, conventional, file_attributes, variable_attributes, write_dataset


def table() -> xr.Dataset:
    time = pd.date_range("2001-01-02", periods=3, freq="D")
    return xr.Dataset(
        {"t_soil": (("time", "site"), np.full((3, 2), 280.0), {"units": "K", "standard_name": "soil_temperature"})},
        coords={"time": time, "site": ["a", "bé"]},
    )


def test_a_dataset_is_completed_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    write_dataset(table(), path, title="soil", history="test", unlimited_dims=["time"])
    check_conventions(path)
    with xr.open_dataset(path) as back:
        assert back["site"].to_numpy().tolist() == ["a", "bé"]
        assert back["site"].dims == ("site",)
        assert back["time"].attrs["units_metadata"] == "leap_seconds: none"
        assert back["t_soil"].attrs["units_metadata"] == "temperature: on_scale"
        assert back.attrs["source"].startswith("jules_ml ")
        np.testing.assert_array_equal(back["t_soil"], table()["t_soil"])


def test_the_check_finds_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "bare.nc"
    table().assign(flux=("time", np.ones(3), {"units": "qwxz"})).to_netcdf(path)
    found = "\n".join(own_findings(path))
    for expected in ("no attribute title", "Conventions is None", "no number", "unit 'qwxz'", "neither on_scale"):
        assert expected in found


@pytest.mark.skipif(not HAS_CHECKER, reason="compliance-checker is not installed: pip install compliance-checker")
def test_the_checker_finds_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "bare.nc"
    table().to_netcdf(path)
    with pytest.raises(AssertionError, match=r"§2\.6"):
        check_conventions(path)


def test_the_institution_is_that_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "institution" not in file_attributes("", history="")
    monkeypatch.setenv("JULES_ML_INSTITUTION", " University of  Somewhere\n")
    write_dataset(table(), tmp_path / "a.nc", title="soil", history="test", unlimited_dims=["time"])
    check_conventions(tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc") as back:
        assert back.attrs["institution"] == "University of Somewhere"
    assert conventional(table().assign_attrs(institution="own")).attrs["institution"] == "own"


def test_own_attributes_take_precedence() -> None:
    ds = table().assign_attrs(title="own", history="command", source="tower")
    assert conventional(ds, title="other").attrs == file_attributes("own", history="command", source="tower")
    assert variable_attributes({"units": "K"}, difference=True)["units_metadata"] == "temperature: difference"
    assert axis_attributes("y", {"units": "m"})["standard_name"] == "projection_y_coordinate"
    assert axis_attributes("lat", {})["units"] == "degrees_north"
    assert axis_attributes("lon", {"long_name": "x"})["long_name"] == "x"
    assert axis_attributes("row", {})["long_name"] == "row coordinate of the grid"
