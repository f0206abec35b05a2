"""Ranges of JULES's variables: one table, used for every file of the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from pydantic import ValidationError

from jules_ml.data.model_variables import MODEL_VARIABLES, check_model_data, check_model_values
from jules_ml.data.readers.jules import read_jules
from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("sthu", -9999.0, "code of missing values"),
        ("sthu", 45.0, "as a fraction of saturation; it seems to be in %"),
        ("sthu", 1.2, "outside 0 to 1"),
        ("t_soil", 12.5, "in degC: add 273.15"),
        ("t_soil", 1e20, "code of missing values"),
        ("smcl", -1e20, "code of missing values"),
        ("smcl", np.inf, "code of missing values"),
        ("pstar", 1013.0, "outside 45000 to 110000 Pa"),
        ("t", 15.0, "in degC: add 273.15"),
        ("q", 80.0, "give q in kg kg-1"),
        ("precip", 5.0, "give precip in kg m-2 s-1"),
        ("sm_sat", 45.0, "give sm_sat in m3 m-3; it seems to be in %"),
        ("satcon", 1e30, "give satcon in kg m-2 s-1"),
        ("dzsoil", 65.0, "give dzsoil in m"),
    ],
)
def test_an_impossible_value_names_variable_range_and_remedy(name: str, value: float, message: str) -> None:
    with pytest.raises(BadInput) as refusal:
        check_model_values(name, [np.nan, value], where="run.nc")
    text = str(refusal.value)
    assert text.startswith(f"run.nc, variable {name}: {name} is ")
    assert message in text


def test_missing_values_rounding_and_unknown_variables_pass() -> None:
    check_model_values("sthu", [np.nan, 0.0, 1.0 + 1e-6, -1e-9], where="run.nc")
    check_model_values("an_unknown_name", [1e30], where="run.nc")


def test_every_range_has_a_lower_and_an_upper_limit() -> None:
    assert all(v.valid_min < v.valid_max < np.inf for v in MODEL_VARIABLES.values())


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("sthu", lambda x: x.where(x["time"] != x["time"][7], -9999.0)),
        ("sthu", lambda x: x * 100.0),
        ("t_soil", lambda x: x - 273.15),
    ],
)
def test_output_with_impossible_values_is_refused(tmp_path: Path, shared_data: Path, name: str, change: object) -> None:
    source = shared_data / "jules" / "loobos_1997_colvg_30min.nc"
    with xr.open_dataset(source, decode_times=False) as opened:
        ds = opened.isel(time=slice(0, 48))[["time_bounds", "latitude", "longitude", "sthu", "t_soil"]].load()
    assert callable(change)
    damaged = ds.assign({name: change(ds[name]).assign_attrs(ds[name].attrs)})
    path = tmp_path / "output.nc"
    damaged.to_netcdf(path)
    with pytest.raises(BadInput, match=f"output.nc, variable {name}: {name} is "):
        read_jules(path)
    ds.to_netcdf(tmp_path / "sound.nc")
    check_model_data(read_jules(tmp_path / "sound.nc"), where="sound.nc")


@pytest.mark.parametrize(("key", "value"), [("b", 51.0), ("b", 0.01), ("b", 0.0), ("sathh", 21.0), ("sathh", 1e-5)])
def test_settings_of_respiration_have_the_ranges_of_model_variables(key: str, value: float) -> None:
    with pytest.raises(ValidationError, match=rf"{key} is .* outside|below|greater than 0"):
        RespirationSettings.model_validate({key: value})
