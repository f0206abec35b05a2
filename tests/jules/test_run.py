"""Running an executable of JULES in a new folder; a stand-in that behaves like JULES takes its place here."""

from __future__ import annotations

import json
from pathlib import Path

import f90nml
import pytest
from helpers.jules_runs import SOIL, Write, listing
from helpers.progress import Reports

from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.jules.run import default_folder, run_jules


def test_stock_run_in_a_new_folder(user: Path, write: Write) -> None:
    experiment = load_experiment(write())
    before = listing(user)
    reports = Reports()
    done = run_jules(experiment, default_folder(experiment), progress=reports)
    assert listing(user) == before
    assert done.folder == user.with_name("loobos_swap")
    assert [p.name for p in done.output] == ["loobos.day.nc"]
    assert [p.name for p in done.dumps] == ["loobos.dump.19970102.0.nc"]
    assert reports.reports == [("run", 48, 96), ("run", 96, 96), ("run", 96, 96)]
    assert done.warnings == ("INIT_DRIVE: No diffuse shortwave radiation",)
    changed = (done.folder / "namelists.diff").read_text(encoding="utf-8")
    assert [line for line in changed.splitlines() if line[0] in "+-" and line[:3] not in ("+++", "---")] == [
        "-output_dir='outputs',",
        "+output_dir = 'output',",
    ]


def test_inputs_of_a_run_are_recorded(write: Write) -> None:
    path = write(jules="set = {jules_soil_biogeochem = {q10_soil = 2.5}}")
    done = run_jules(load_experiment(path), path.parent / "out")
    summary = json.loads((done.folder / "run_summary.json").read_text(encoding="utf-8"))
    assert summary["status"] == "done"
    assert summary["model_time_reached"] == "1997-01-02 23:00:00"
    assert len(summary["executable"]["sha256"]) == 64
    assert summary["inputs"]["jules_drive:file"]["name"] == "Loobos_1997.dat"
    assert (done.folder / "experiment.toml").read_text(encoding="utf-8") == path.read_text(encoding="utf-8")
    assert "+q10_soil = 2.5," in (done.folder / "namelists.diff").read_text(encoding="utf-8")
    assert "next_time" in (done.folder / "jules.log").read_text(encoding="utf-8")


def test_executable_from_the_environment(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write()
    monkeypatch.setenv("JULES_EXE", str(path.parent / "jules.exe"))
    path.write_text(path.read_text(encoding="utf-8").replace('executable = "jules.exe"\n', ""), encoding="utf-8")
    run_jules(load_experiment(path), path.parent / "out")
    monkeypatch.delenv("JULES_EXE")
    with pytest.raises(BadInput, match="no executable"):
        run_jules(load_experiment(path), path.parent / "out2")


@pytest.mark.parametrize("out", ["loobos/new", ".", "loobos"])
def test_new_folder_inside_or_around_the_old_one_is_refused(write: Write, out: str) -> None:
    path = write()
    with pytest.raises(BadInput, match="--out"):
        run_jules(load_experiment(path), path.parent / out)


def test_folder_with_other_files_is_not_overwritten(write: Write) -> None:
    path = write()
    (path.parent / "mine").mkdir()
    (path.parent / "mine" / "thesis.tex").write_text("years", encoding="ascii")
    with pytest.raises(BadInput, match="is not a run of JULES"):
        run_jules(load_experiment(path), path.parent / "mine")
    assert (path.parent / "mine" / "thesis.tex").is_file()


def test_run_of_the_column_is_not_overwritten(write: Write) -> None:
    path = write()
    (path.parent / "column").mkdir()
    (path.parent / "column" / "run_summary.json").write_text('{"experiment": "tower.toml"}', encoding="utf-8")
    with pytest.raises(BadInput, match="is not a run of JULES"):
        run_jules(load_experiment(path), path.parent / "column")


def test_earlier_output_is_kept_when_an_experiment_cannot_run(write: Write) -> None:
    path = write()
    out = path.parent / "out"
    run_jules(load_experiment(path), out)
    before = listing(out)
    with pytest.raises(BadInput, match="no file to prescribe is given"):
        run_jules(load_experiment(write(via='"prescribed"')), out)
    assert listing(out) == before
    run_jules(load_experiment(write(jules="set = {jules_soil_biogeochem = {q10_soil = 2.5}}")), out)
    assert "2.5" in (out / "namelists.diff").read_text(encoding="utf-8")
    assert not list(path.parent.glob(".earlier-*"))


def test_files_of_the_user_are_not_written_through_links(user: Path, write: Write) -> None:
    for name in ("jules.log", "namelists.diff", "run_summary.json", "experiment.toml"):
        (user / name).write_text("mine", encoding="ascii")
    path, before = write(), listing(user)
    run_jules(load_experiment(path), path.parent / "out")
    assert listing(user) == before | {"behaviour": b"well"}
    assert "next_time" in (path.parent / "out" / "jules.log").read_text(encoding="utf-8")


def test_output_cannot_be_sent_elsewhere(user: Path, write: Write) -> None:
    path = write(jules='set = {jules_output = {output_dir = "../loobos/inputs"}}')
    with pytest.raises(BadInput) as caught:
        run_jules(load_experiment(path), path.parent / "out")
    assert "jules.set.jules_output.output_dir" in str(caught.value.where)
    assert "--out" in caught.value.remedy


def test_entry_of_a_duplicate_group_is_refused(user: Path, write: Write) -> None:
    output = user / "nml" / "output.nml"
    text = output.read_text(encoding="ascii")
    output.write_text(text + "\n&JULES_OUTPUT_PROFILE\n profile_name='more',\n/\n", encoding="ascii")
    path = write(jules="set = {jules_output_profile = {output_period = 3600}}")
    with pytest.raises(BadInput, match="2 groups &JULES_OUTPUT_PROFILE"):
        run_jules(load_experiment(path), path.parent / "out")


def test_summary_describes_the_run_as_configured(write: Write) -> None:
    path = write(
        via='"ancillary"',
        jules='set = {jules_time = {main_run_start = "1997-01-01 00:00:00"}}',
        more=SOIL + '[modules]\nrespiration = "curves"\n',
    )
    done = run_jules(load_experiment(path), path.parent / "out")
    summary = json.loads((done.folder / "run_summary.json").read_text(encoding="utf-8"))
    assert summary["start"] == "1997-01-01 00:00:00"
    assert len(summary["inputs"]["jules_soil_props:file"]["sha256"]) == 64
    assert summary["modules"] == {}
    assert "[modules] respiration is not swapped in: namelist and hooks are not in [run] via" in done.notes


def test_paths_outside_the_folder_stay_valid(user: Path, write: Write) -> None:
    (user / "inputs" / "Loobos_1997.dat").rename(user.parent / "weather.dat")
    drive = user / "nml" / "drive.nml"
    text = drive.read_text(encoding="ascii").replace("inputs/Loobos_1997.dat", "../weather.dat")
    drive.write_text(text, encoding="ascii")
    path = write()
    out = path.parent / "elsewhere" / "deep" / "out"
    done = run_jules(load_experiment(path), out)
    named = f90nml.read(done.folder / "namelists" / "drive.nml")["jules_drive"]["file"]
    assert Path(named) == user.parent / "weather.dat"


def test_run_times_of_the_experiment(write: Write) -> None:
    path = write(more="start = 1997-01-01 00:00:00\nend = 1997-01-02 00:00:00\n")
    done = run_jules(load_experiment(path), path.parent / "out")
    group = f90nml.read(done.folder / "namelists" / "timesteps.nml")["jules_time"]
    assert (group["main_run_start"], group["main_run_end"]) == ("1997-01-01 00:00:00", "1997-01-02 00:00:00")


def test_hooks_need_an_executable_that_has_them(write: Write) -> None:
    path = write(via='"hooks"')
    with pytest.raises(BadInput):
        run_jules(load_experiment(path), path.parent / "out")
