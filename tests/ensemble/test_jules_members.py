"""Members that run JULES; a stand-in takes the place of the executable."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from _ensemble import jules_ensemble

from jules_ml.ensemble.manifest import member_folder
from jules_ml.ensemble.member_experiment import member_experiment
from jules_ml.ensemble.process_pool import pool
from jules_ml.ensemble.results import write_results
from jules_ml.ensemble.run import plan_ensemble, run_ensemble
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment


def changed(path: Path, old: str, new: str) -> Path:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_members_are_run_gathered_and_listed(
    tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = load_experiment(jules_ensemble(shared_data, tmp_path, 4))
    # a Latin hypercube of four has one value in the last quarter
    monkeypatch.setenv("STAND_IN_FATAL", "2.25")
    run = run_ensemble(experiment, tmp_path / "out", start_pool=pool(2))
    assert (run.done, run.failed) == (3, 1)
    (number,) = run.messages
    assert "q10_soil cannot be" in run.messages[number]
    assert run.members[number].values["q10_soil"] > 2.25
    write_results(run)
    with netCDF4.Dataset(tmp_path / "out" / "ensemble.nc") as ds:
        ds.set_auto_mask(False)
        q10, respiration, done = ds["parameter_q10_soil"][:], ds["resp_s_gb"][:, 0], ds["done"][:].astype(bool)
        assert "sha256" in ds.executable
        assert "+q10_soil = " in ds.namelist_differences
        assert ds["sthu"].dimensions == ("member", "time", "soil")
    np.testing.assert_allclose(respiration[done], 1e-8 * q10[done], rtol=1e-12)
    assert np.isnan(respiration[~done]).all()
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["messages"].keys() == {str(number)}
    place = member_folder(tmp_path / "out", 0)
    assert sorted(p.name for p in place.iterdir()) == ["member.nc", "run", "status.json"]
    monkeypatch.delenv("STAND_IN_FATAL")
    again = run_ensemble(experiment, tmp_path / "out", retry=True)
    assert (again.done, again.failed, again.done_before) == (4, 0, 3)


def test_a_run_folder_that_is_deleted_is_still_listed(tmp_path: Path, shared_data: Path) -> None:
    path = changed(jules_ensemble(shared_data, tmp_path, 1), "[ensemble]\n", "[ensemble]\nkeep_runs = false\n")
    run = run_ensemble(load_experiment(path), tmp_path / "out")
    write_results(run)
    left = {p.name for p in (member_folder(tmp_path / "out", 0) / "run").iterdir()}
    assert left == {"run_summary.json", "namelists.diff"}
    with netCDF4.Dataset(tmp_path / "out" / "ensemble.nc") as ds:
        assert "sha256" in ds.executable
        assert "+q10_soil = " in ds.namelist_differences


def test_a_killed_member_is_run_again_without_a_request(
    tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch, figures: Callable[[str], None]
) -> None:
    experiment = load_experiment(jules_ensemble(shared_data, tmp_path, 3))
    monkeypatch.setenv("STAND_IN_KILLED", "2.16")
    run = run_ensemble(experiment, tmp_path / "out")
    assert (run.done, run.failed) == (2, 1)
    (number,) = run.messages
    assert "SIGKILL" in run.messages[number]
    assert "attempt-" not in run.messages[number]
    monkeypatch.delenv("STAND_IN_KILLED")
    again = run_ensemble(experiment, tmp_path / "out")
    assert (again.done, again.failed, again.done_before) == (3, 0, 2)
    figures(
        f"{again.done_before} of 3 were done before, the one whose JULES was killed was run again without being asked for"
    )


def test_index_and_factor_change_the_value_in_the_namelist(tmp_path: Path, shared_data: Path) -> None:
    path = jules_ensemble(shared_data, tmp_path, 2)
    with path.open("a", encoding="utf-8") as file:
        file.write(
            '\n[[ensemble.parameters]]\nfile = "ancillaries.nml"\ngroup = "JULES_SOIL_PROPS"\nparameter = "const_val"\n'
            "index = 2\nbounds = [1.5, 2.5]\nfactor = true\n"
        )
    experiment = load_experiment(path)
    plan = plan_ensemble(experiment)
    member = member_experiment(experiment, plan.members[1])
    assert member.jules is not None
    values = member.jules.set["jules_soil_props"]["const_val"]
    assert isinstance(values, tuple)
    assert values[1] == pytest.approx(0.04946 * plan.members[1].values["const_val_2"])
    assert (values[0], values[2]) == (6.63, 0.004715)


def test_one_element_of_an_array_is_changed_where_others_have_no_value(tmp_path: Path, shared_data: Path) -> None:
    path = jules_ensemble(shared_data, tmp_path, 2)
    with path.open("a", encoding="utf-8") as file:
        file.write(
            '\n[[ensemble.parameters]]\ngroup = "jules_soil_props"\nparameter = "const_val"\nindex = 9\nbounds = [0.1, 0.2]\n'
        )
    experiment = load_experiment(path)
    assert experiment.jules is not None
    (namelist,) = experiment.jules.folder.rglob("ancillaries.nml")
    text = namelist.read_text(encoding="ascii")
    namelist.write_text(re.sub(r"const_val *= *6\.63.*", "const_val(9) = 0.11,", text), encoding="ascii")
    plan = plan_ensemble(experiment)
    member = member_experiment(experiment, plan.members[0])
    assert member.jules is not None
    assert member.jules.set["jules_soil_props"]["const_val"] == (*[None] * 8, plan.members[0].values["const_val_9"])


@pytest.mark.parametrize(
    ("old", "new", "problem", "remedy"),
    [
        ('"q10_soil"', '"q10_soil(2)"', "element of an array", "as index"),
        ('"q10_soil"', '"q10_sol"', "no entry q10_sol", "write 'q10_soil'"),
        ('group = "jules_soil_biogeochem"', 'group = "jules_soil_biogeo"', "no group", "write 'jules_soil_biogeochem'"),
        ('parameter = "q10_soil"', 'parameter = "q10_soil"\nindex = 3', "index is 3", "from 1 to 1"),
        ('group = "jules_soil_biogeochem"\n', "", "needs the group", "give group"),
    ],
)
def test_unknown_parameters_are_refused(
    tmp_path: Path, shared_data: Path, old: str, new: str, problem: str, remedy: str
) -> None:
    experiment = load_experiment(changed(jules_ensemble(shared_data, tmp_path, 2), old, new))
    with pytest.raises(BadInput) as caught:
        run_ensemble(experiment, tmp_path / "out")
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy
    assert "ensemble.parameters" in str(caught.value.where)
    assert not (tmp_path / "out").exists()
