"""Running an executable of JULES in a folder of its own: a stand-in that speaks as JULES does takes its place here."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import f90nml
import numpy as np
import pytest
import xarray as xr
from helpers.paths import STAND_IN

from jules_ml.errors import BadInput, RunFailed
from jules_ml.experiment import load_experiment
from jules_ml.jules import process as jules_process
from jules_ml.jules import run as module
from jules_ml.jules.input_files import sthuf_from_theta, write_ancillary, write_prescribed
from jules_ml.jules.run import default_folder, run_jules

SOIL = """
[soil]
form = "clapp_hornberger"
properties = {b = 5.0, sathh = 0.1, satcon = 0.005, sm_sat = 0.4, sm_crit = 0.25, sm_wilt = 0.12, hcap = 1.2e6, hcon = 0.3}
"""
Write = Callable[..., Path]


@pytest.fixture
def user(tmp_path: Path, shared_data: Path) -> Path:
    """A user's run folder: Loobos, two days of it, without TOPMODEL."""
    folder = tmp_path / "loobos"
    (folder / "nml").mkdir(parents=True)
    (folder / "inputs").mkdir()
    source = shared_data / "jules"
    for file in (source / "loobos_namelists").iterdir():
        text = file.read_text(encoding="ascii").replace(
            "main_run_end='1997-12-31 23:00:00'", "main_run_end='1997-01-02 23:00:00'"
        )
        (folder / "nml" / file.name).write_text(text.replace("l_top=T", "l_top=F"), encoding="ascii")
    for name in ("initial_conditions_bb219.dat", "tile_fractions.dat"):
        (folder / "inputs" / name).write_bytes((source / "loobos_inputs" / name).read_bytes())
    (folder / "inputs" / "Loobos_1997.dat").write_text("0 0 0 0 280 2 1e5 0.005\n", encoding="ascii")
    return folder


@pytest.fixture
def write(tmp_path: Path, user: Path) -> Write:
    """Writes an experiment about that folder, with the stand-in as executable."""
    executable = tmp_path / "jules.exe"
    executable.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {STAND_IN} "$@"\n', encoding="ascii")
    executable.chmod(0o755)

    def written(*, via: str = "", jules: str = "", more: str = "", behaviour: str = "well") -> Path:
        (user / "behaviour").write_text(behaviour, encoding="ascii")
        path = tmp_path / "swap.toml"
        path.write_text(
            f'[jules]\nfolder = "loobos"\nexecutable = "jules.exe"\n{jules}\n[run]\nmodel = "jules"\nvia = [{via}]\n{more}',
            encoding="utf-8",
        )
        return path

    return written


def listing(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_stock_run_in_a_folder_of_its_own(user: Path, write: Write) -> None:
    experiment = load_experiment(write())
    before = listing(user)
    told: list[tuple[str, int, int]] = []
    done = run_jules(experiment, default_folder(experiment), progress=lambda *x: told.append(x))
    assert listing(user) == before
    assert done.folder == user.with_name("loobos_swap")
    assert [p.name for p in done.output] == ["loobos.day.nc"]
    assert [p.name for p in done.dumps] == ["loobos.dump.19970102.0.nc"]
    assert told == [("run", 48, 96), ("run", 96, 96), ("run", 96, 96)]
    assert done.warnings == ("INIT_DRIVE: No diffuse shortwave radiation",)
    changed = (done.folder / "namelists.diff").read_text(encoding="utf-8")
    assert [line for line in changed.splitlines() if line[0] in "+-" and line[:3] not in ("+++", "---")] == [
        "-output_dir='outputs',",
        "+output_dir = 'output',",
    ]


def test_what_a_run_was_made_with_is_kept(write: Write) -> None:
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


def test_soil_given_twice_is_refused(write: Write) -> None:
    path = write(via='"ancillary"', jules='ancillary = "soil.nc"', more='[modules]\nhydraulics = "soils"\n')
    with pytest.raises(BadInput, match=r"soil\.nc and by soils") as caught:
        run_jules(load_experiment(path), path.parent / "out")
    assert "leave" in caught.value.remedy


def test_file_of_other_layers_is_refused_and_nothing_is_left(user: Path, write: Write) -> None:
    write_ancillary(user.parent / "soil.nc", {"b": [5.0] * 3, "sathh": [0.1] * 3})
    path = write(via='"ancillary"', jules='ancillary = "soil.nc"')
    with pytest.raises(BadInput) as caught:
        run_jules(load_experiment(path), path.parent / "out")
    assert "b has 3 layers, and the run 4" in caught.value.problem
    assert not (path.parent / "out").exists()


def test_soil_on_other_layers_is_refused(write: Write) -> None:
    path = write(via='"ancillary"', more=SOIL.replace("[soil]\n", "[soil]\ndzsoil = [0.1, 0.2, 0.7]\n"))
    with pytest.raises(BadInput, match="dzsoil_io"):
        run_jules(load_experiment(path), path.parent / "out")


def test_properties_of_another_form_are_refused_with_the_switch(write: Write) -> None:
    path = write(via='"ancillary"', more=SOIL.replace("clapp_hornberger", "van_genuchten"))
    with pytest.raises(BadInput) as caught:
        run_jules(load_experiment(path), path.parent / "out")
    assert "jules_soil.nml" in str(caught.value.where)
    assert "jules_soil = {l_vg_soil = true}" in caught.value.remedy


def prescribed(folder: Path, days: int = 4) -> None:
    theta = np.full((days, 4), 0.3)
    write_prescribed(
        folder / "theta.nc",
        {"sthuf": sthuf_from_theta(theta, 0.45)},
        start="1996-12-31 00:00:00",
        period_seconds=86400.0,
    )


def test_prescribed_wetness_takes_its_columns_out_of_the_initial_file(user: Path, write: Write) -> None:
    prescribed(user.parent)
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
    prescribed(user.parent)
    path = write(via='"prescribed"', jules='prescribed = {file = "theta.nc", levels = [1, 2]}')
    done = run_jules(load_experiment(path), path.parent / "out")
    assert "sthuf" in f90nml.read(done.folder / "namelists" / "initial_conditions.nml")["jules_initial"]["var"]
    group = f90nml.read(done.folder / "namelists" / "prescribed_data.nml")["jules_prescribed_dataset"]
    assert group["prescribed_levels"] == [1, 2]


def test_prescribed_wetness_is_refused_with_topmodel_and_says_why(user: Path, write: Write) -> None:
    hydrology = user / "nml" / "jules_hydrology.nml"
    hydrology.write_text(hydrology.read_text(encoding="ascii").replace("l_top=F", "l_top=T"), encoding="ascii")
    prescribed(user.parent)
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
    prescribed(user.parent, days=2)
    path = write(via='"prescribed"', jules='prescribed = {file = "theta.nc"}')
    with pytest.raises(BadInput) as caught:
        run_jules(load_experiment(path), path.parent / "out")
    assert "1997-01-02 00:00:00" in caught.value.problem


def test_prescribed_file_of_other_layers_is_refused(user: Path, write: Write) -> None:
    values = {"sthuf": np.full((4, 3), 0.5)}
    write_prescribed(user.parent / "theta.nc", values, start="1996-12-31 00:00:00", period_seconds=86400.0)
    path = write(via='"prescribed"', jules='prescribed = {file = "theta.nc"}')
    with pytest.raises(BadInput, match="4 soil layers"):
        run_jules(load_experiment(path), path.parent / "out")


def test_fatal_message_is_shown_and_the_log_kept(user: Path, write: Write) -> None:
    path, before = write(behaviour="fatal"), listing(user)
    with pytest.raises(RunFailed) as caught:
        run_jules(load_experiment(path), path.parent / "out")
    assert "soil_hyd: something cannot be" in str(caught.value)
    assert "1997-01-01 23:00:00" in str(caught.value)
    summary = json.loads((path.parent / "out" / "run_summary.json").read_text(encoding="utf-8"))
    assert summary["status"] == "failed"
    assert "something cannot be" in summary["failure"]
    assert listing(user) == before | {"behaviour": b"fatal"}


def test_run_that_hangs_after_a_fatal_message_is_ended(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jules_process, "GRACE", 0.2)
    path = write(behaviour="hang")
    with pytest.raises(RunFailed, match="one rank of several stops"):
        run_jules(load_experiment(path), path.parent / "out")


def test_run_that_dies_half_way_keeps_what_it_had_written(write: Write) -> None:
    path = write(behaviour="crash")
    with pytest.raises(RunFailed) as caught:
        run_jules(load_experiment(path), path.parent / "out")
    assert "SIGKILL" in str(caught.value)
    assert "Floating-point exception" in str(caught.value)
    kept = path.parent / "out" / "output" / "loobos.day.nc"
    assert kept.read_text(encoding="ascii") == "until 1997-01-01 23:00:00"


def test_full_disk_under_jules_is_said(write: Write) -> None:
    path = write(behaviour="full")
    with pytest.raises(RunFailed, match="make room, or run elsewhere with --out"):
        run_jules(load_experiment(path), path.parent / "out")
    assert (path.parent / "out" / "output" / "loobos.day.nc").is_file()


def test_disk_without_room_is_refused_before_the_run(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_FREE", 2**62)
    path = write()
    with pytest.raises(RunFailed, match="disk is full"):
        run_jules(load_experiment(path), path.parent / "out")
    assert not (path.parent / "out" / "jules.log").exists()


def test_interrupt_ends_jules_and_keeps_the_folder(write: Write) -> None:
    path = write(behaviour="slow")
    out = path.parent / "out"

    def interrupt() -> None:
        for _ in range(200):
            time.sleep(0.05)
            log = out / "jules.log"
            if log.is_file() and "Timestep: 2;" in log.read_text(encoding="utf-8"):
                break
        os.kill(os.getpid(), signal.SIGINT)

    # what runs in the background of a shell is started deaf to SIGINT
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            run_jules(load_experiment(path), out)
    finally:
        signal.signal(signal.SIGINT, before)
    assert json.loads((out / "run_summary.json").read_text(encoding="utf-8"))["status"] == "interrupted"


@pytest.mark.parametrize(
    ("name", "content", "mode", "problem"),
    [
        ("gone.exe", None, 0o755, "no such executable"),
        ("data.exe", b"\x7fELF nothing of the kind", 0o755, "not a stand-alone JULES"),
        ("plain.exe", b"jules_time", 0o644, "may not be executed"),
    ],
)
def test_what_is_no_jules_is_refused(write: Write, name: str, content: bytes | None, mode: int, problem: str) -> None:
    path = write()
    if content is not None:
        (path.parent / name).write_bytes(content)
        (path.parent / name).chmod(mode)
    path.write_text(path.read_text(encoding="utf-8").replace("jules.exe", name), encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        run_jules(load_experiment(path), path.parent / "out")
    assert problem in caught.value.problem
    assert "JULES_EXE" in caught.value.remedy
    assert not (path.parent / "out").exists()


def test_a_program_that_does_not_speak_as_jules_is_no_jules(write: Write) -> None:
    path = write()
    (path.parent / "jules.exe").write_text("#!/bin/sh\necho hello\n", encoding="ascii")
    with pytest.raises(RunFailed, match=r"is none.*hello"):
        run_jules(load_experiment(path), path.parent / "out")


def test_executable_from_the_environment(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write()
    monkeypatch.setenv("JULES_EXE", str(path.parent / "jules.exe"))
    path.write_text(path.read_text(encoding="utf-8").replace('executable = "jules.exe"\n', ""), encoding="utf-8")
    run_jules(load_experiment(path), path.parent / "out")
    monkeypatch.delenv("JULES_EXE")
    with pytest.raises(BadInput, match="no executable"):
        run_jules(load_experiment(path), path.parent / "out2")


def test_missing_group_is_said_before_anything_is_made(user: Path, write: Write) -> None:
    (user / "nml" / "jules_snow.nml").write_text("! nothing\n", encoding="ascii")
    path = write()
    with pytest.raises(BadInput, match=r"&JULES_SNOW in jules_snow.nml"):
        run_jules(load_experiment(path), path.parent / "out")
    assert not (path.parent / "out").exists()


@pytest.mark.parametrize("out", ["loobos/new", ".", "loobos"])
def test_new_folder_never_meets_the_old_one(write: Write, out: str) -> None:
    path = write()
    with pytest.raises(BadInput, match="--out"):
        run_jules(load_experiment(path), path.parent / out)


def test_folder_of_something_else_is_not_overwritten(write: Write) -> None:
    path = write()
    (path.parent / "mine").mkdir()
    (path.parent / "mine" / "thesis.tex").write_text("years", encoding="ascii")
    with pytest.raises(BadInput, match="something else"):
        run_jules(load_experiment(path), path.parent / "mine")
    assert (path.parent / "mine" / "thesis.tex").is_file()


def test_run_of_the_column_is_not_overwritten(write: Write) -> None:
    path = write()
    (path.parent / "column").mkdir()
    (path.parent / "column" / "run_summary.json").write_text('{"experiment": "tower.toml"}', encoding="utf-8")
    with pytest.raises(BadInput, match="something else"):
        run_jules(load_experiment(path), path.parent / "column")


def test_earlier_output_outlives_an_experiment_that_cannot_be_run(write: Write) -> None:
    path = write()
    out = path.parent / "out"
    run_jules(load_experiment(path), out)
    before = listing(out)
    with pytest.raises(BadInput, match="nothing to prescribe"):
        run_jules(load_experiment(write(via='"prescribed"')), out)
    assert listing(out) == before
    run_jules(load_experiment(write(jules="set = {jules_soil_biogeochem = {q10_soil = 2.5}}")), out)
    assert "2.5" in (out / "namelists.diff").read_text(encoding="utf-8")
    assert not list(path.parent.glob(".earlier-*"))


def test_files_of_the_users_are_not_written_through_links(user: Path, write: Write) -> None:
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


def test_entry_of_a_group_that_comes_twice_is_refused(user: Path, write: Write) -> None:
    output = user / "nml" / "output.nml"
    text = output.read_text(encoding="ascii")
    output.write_text(text + "\n&JULES_OUTPUT_PROFILE\n profile_name='more',\n/\n", encoding="ascii")
    path = write(jules="set = {jules_output_profile = {output_period = 3600}}")
    with pytest.raises(BadInput, match="2 groups &JULES_OUTPUT_PROFILE"):
        run_jules(load_experiment(path), path.parent / "out")


def test_summary_tells_of_the_run_as_it_was_made(write: Write) -> None:
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
    assert "[modules] respiration is named and not swapped in: namelist and hooks are not in [run] via" in done.notes


def test_paths_that_lead_out_of_the_folder_stay_good(user: Path, write: Write) -> None:
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
