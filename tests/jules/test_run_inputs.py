"""Soil properties and soil moisture that an experiment puts into a run of JULES."""

from __future__ import annotations

from pathlib import Path

import f90nml
import numpy as np
import pytest
import xarray as xr
from helpers.jules_runs import SOIL, Write

from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.jules.input_files import sthuf_from_theta, write_ancillary, write_prescribed
from jules_ml.jules.run import run_jules


def test_soil_of_the_experiment_goes_in_as_an_ancillary(write: Write) -> None:
    path = write(via='"ancillary"', more=SOIL)
    done = run_jules(load_experiment(path), path.parent / "out")
    group = f90nml.read(done.folder / "namelists" / "ancillaries.nml")["jules_soil_props"]
    assert group["use_file"] == [True] * 8 + [False]
    assert group["const_val"][8] == 0.11
    assert group["const_z"] is False
    with xr.open_dataset(done.folder / group["file"]) as ds:
        np.testing.assert_array_equal(ds["sm_sat"].to_numpy().ravel(), [0.4] * 4)
        np.testing.assert_array_equal(ds["theta_r"].to_numpy().ravel(), [0.0] * 4)
    assert "theta_r" not in group["var"]


def test_soil_from_two_sources_is_refused(write: Write) -> None:
    path = write(via='"ancillary"', jules='ancillary = "soil.nc"', more='[modules]\nhydraulics = "soils"\n')
    with pytest.raises(BadInput, match=r"by both soil\.nc and soils") as caught:
        run_jules(load_experiment(path), path.parent / "out")
    assert "leave" in caught.value.remedy


def test_file_with_other_layers_is_refused_and_no_folder_is_left(user: Path, write: Write) -> None:
    write_ancillary(user.parent / "soil.nc", {"b": [5.0] * 3, "sathh": [0.1] * 3})
    path = write(via='"ancillary"', jules='ancillary = "soil.nc"')
    with pytest.raises(BadInput) as caught:
        run_jules(load_experiment(path), path.parent / "out")
    assert "b has 3 layers, but the run has 4" in caught.value.problem
    assert not (path.parent / "out").exists()


def test_soil_on_other_layers_is_refused(write: Write) -> None:
    path = write(via='"ancillary"', more=SOIL.replace("[soil]\n", "[soil]\ndzsoil = [0.1, 0.2, 0.7]\n"))
    with pytest.raises(BadInput, match="dzsoil_io"):
        run_jules(load_experiment(path), path.parent / "out")


def test_properties_of_another_hydraulic_form_are_refused(write: Write) -> None:
    path = write(via='"ancillary"', more=SOIL.replace("clapp_hornberger", "van_genuchten"))
    with pytest.raises(BadInput) as caught:
        run_jules(load_experiment(path), path.parent / "out")
    assert "jules_soil.nml" in str(caught.value.where)
    assert "jules_soil = {l_vg_soil = true}" in caught.value.remedy


def write_theta(folder: Path, days: int = 4) -> None:
    """Write daily water content for the run, from the day before it starts."""
    theta = np.full((days, 4), 0.3)
    write_prescribed(
        folder / "theta.nc",
        {"sthuf": sthuf_from_theta(theta, 0.45)},
        start="1996-12-31 00:00:00",
        period_seconds=86400.0,
    )


def test_prescribed_wetness_is_removed_from_the_initial_file(user: Path, write: Write) -> None:
    write_theta(user.parent)
    path = write(via='"prescribed"', jules='prescribed = {file = "theta.nc"}')
    done = run_jules(load_experiment(path), path.parent / "out")
    namelists = done.folder / "namelists"
    initial = f90nml.read(namelists / "initial_conditions.nml")["jules_initial"]
    assert "sthuf" not in initial["var"]
    assert initial["nvars"] == 8 == len(initial["use_file"])
    old, new = (
        next(line.split() for line in p.read_text(encoding="ascii").splitlines() if line.strip() and line.lstrip()[0] not in "#!")
        for p in (user / "inputs" / "initial_conditions_bb219.dat", done.folder / initial["file"])
    )  # fmt: skip
    assert new == old[4:]
    group = f90nml.read(namelists / "prescribed_data.nml")
    assert group["jules_prescribed"]["n_datasets"] == 1
    assert group["jules_prescribed_dataset"]["data_end"] == "1997-01-04 00:00:00"
    assert group["jules_prescribed_dataset"]["data_period"] == 86400


def test_layers_that_are_not_prescribed_keep_their_initial_state(user: Path, write: Write) -> None:
    write_theta(user.parent)
    path = write(via='"prescribed"', jules='prescribed = {file = "theta.nc", levels = [1, 2]}')
    done = run_jules(load_experiment(path), path.parent / "out")
    assert "sthuf" in f90nml.read(done.folder / "namelists" / "initial_conditions.nml")["jules_initial"]["var"]
    group = f90nml.read(done.folder / "namelists" / "prescribed_data.nml")["jules_prescribed_dataset"]
    assert group["prescribed_levels"] == [1, 2]


def test_prescribed_wetness_is_refused_with_topmodel(user: Path, write: Write) -> None:
    hydrology = user / "nml" / "jules_hydrology.nml"
    hydrology.write_text(hydrology.read_text(encoding="ascii").replace("l_top=F", "l_top=T"), encoding="ascii")
    write_theta(user.parent)
    path = write(via='"prescribed"', jules='prescribed = {file = "theta.nc"}')
    with pytest.raises(BadInput) as caught:
        run_jules(load_experiment(path), path.parent / "out")
    assert "l_top = T" in caught.value.problem
    assert "water table" in caught.value.problem
    assert "l_top = false" in caught.value.remedy
    # and the remedy works
    path = write(
        via='"prescribed"', jules='prescribed = {file = "theta.nc"}\nset = {jules_hydrology = {l_top = false}}'
    )
    run_jules(load_experiment(path), path.parent / "out")


def test_prescribed_file_that_ends_before_the_run_is_refused(user: Path, write: Write) -> None:
    write_theta(user.parent, days=2)
    path = write(via='"prescribed"', jules='prescribed = {file = "theta.nc"}')
    with pytest.raises(BadInput) as caught:
        run_jules(load_experiment(path), path.parent / "out")
    assert "1997-01-02 00:00:00" in caught.value.problem


def test_prescribed_file_with_other_layers_is_refused(user: Path, write: Write) -> None:
    values = {"sthuf": np.full((4, 3), 0.5)}
    write_prescribed(user.parent / "theta.nc", values, start="1996-12-31 00:00:00", period_seconds=86400.0)
    path = write(via='"prescribed"', jules='prescribed = {file = "theta.nc"}')
    with pytest.raises(BadInput, match="4 soil layers"):
        run_jules(load_experiment(path), path.parent / "out")
