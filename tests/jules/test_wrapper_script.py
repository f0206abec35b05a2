"""Scripts as executable, with hooks: the program that they start, and the proof by the log."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from helpers.jules_runs import Write

from jules_ml.errors import BadInput, RunFailed
from jules_ml.experiment import load_experiment
from jules_ml.jules import process as jules_process
from jules_ml.jules.log import JulesLog
from jules_ml.jules.program import program_of
from jules_ml.jules.run import collect_run, prepare_run, run_jules

VIA = {"via": '"hooks"', "jules": 'hooks = "hooks"'}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Configuration of the hooks."""
    folder = tmp_path / "hooks"
    folder.mkdir()
    (folder / "jules_ml.nml").write_text("&jules_ml_ledger\n content = 'off'\n/\n", encoding="ascii")
    return folder


def executable(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o755)
    return path


def test_program_of_a_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = executable(tmp_path / "jules.exe", b"\x7fELF JULES_TIME")
    assert program_of(program) == program
    script = executable(
        tmp_path / "run.sh", b'#!/bin/bash\nmodule load netcdf  # isn\'t JULES\nmpiexec -n 4 nothing "$@"\n'
    )
    assert program_of(script) is None
    assert program_of(script, program) == program
    monkeypatch.setenv("BUILD", str(tmp_path))
    for line in (f'exec mpiexec "{program}" "$@"', "JULES=$BUILD/jules.exe", "./jules.exe $1"):
        executable(script, f"#!/bin/bash\nmodule load netcdf\n{line}\n".encode())
        found = program_of(script)
        assert found is not None
        assert found.samefile(program)
    with pytest.raises(BadInput, match="not a stand-alone JULES"):
        program_of(script, executable(tmp_path / "other.exe", b"\x7fELF"))


def test_log_of_a_run_proves_the_hooks_of_a_script(config: Path, write: Write) -> None:
    path = write(**VIA, behaviour="hooks")
    done = run_jules(load_experiment(path), path.parent / "out")
    (note,) = (note for note in done.notes if "script" in note)
    assert "'jules_ml: hooks on:'" in note
    assert json.loads((done.folder / "run_summary.json").read_text(encoding="utf-8"))["hooks"] == "respiration (native)"


@pytest.mark.parametrize(("behaviour", "message"), [("well", "jules-ml hooks --check"), ("off", "linked and off")])
def test_run_without_hooks_has_failed(config: Path, write: Write, behaviour: str, message: str) -> None:
    path = write(**VIA, behaviour=behaviour)
    with pytest.raises(RunFailed, match=message):
        run_jules(load_experiment(path), path.parent / "out")
    prepare_run(load_experiment(path), path.parent / "batch")
    with pytest.raises(RunFailed, match="not started"):
        collect_run(path.parent / "batch")


def test_run_without_hooks_is_ended_early(config: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jules_process, "GRACE", 0.2)
    path = write(**VIA, behaviour="slow")
    with pytest.raises(RunFailed, match="ran without hooks"):
        run_jules(load_experiment(path), path.parent / "out")
    assert "Run completed" not in (path.parent / "out" / "jules.log").read_text(encoding="utf-8")


def test_hooks_are_missed_at_the_second_message_about_steps() -> None:
    log = JulesLog(datetime(2001, 1, 1), datetime(2001, 1, 3), 1800.0, expects_hooks=True)
    step = "{{MPI Task {}}} [INFO] next_time: Timestep: {}; Started at: 2001-01-01 12:00:00"
    log.line(step.format(0, 48))
    log.line(step.format(1, 48))
    assert not log.lacks_hooks
    log.line(step.format(1, 96))
    assert log.lacks_hooks
    log.line("[INFO] jules_ml: hooks on: respiration (native)")
    assert not log.lacks_hooks


def test_program_that_the_experiment_names_is_checked(config: Path, write: Write) -> None:
    path = write(via='"hooks"', jules='hooks = "hooks"\nprogram = "program.exe"')
    executable(path.parent / "program.exe", b"\x7fELF JULES_TIME")
    with pytest.raises(BadInput, match=r"program\.exe"):
        run_jules(load_experiment(path), path.parent / "out")


def test_executable_that_is_not_there_yet_is_proved_by_its_log(config: Path, write: Write) -> None:
    path = write(**VIA, behaviour="hooks")
    (path.parent / "jules.exe").rename(path.parent / "later.exe")
    prepared = prepare_run(load_experiment(path), path.parent / "out")
    assert any("no executable here" in note for note in prepared.notes)
    assert (prepared.folder / "namelists" / "jules_ml.nml").is_file()
