"""Check of ``jules_ml.nml`` before JULES is started."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.jules_runs import Write

from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.jules.curve_files import write_curve
from jules_ml.jules.preflight.hook_settings import GROUPS
from jules_ml.jules.run import prepare_run, run_jules
from jules_ml.learned.respiration.tables import CurveTable
from jules_ml.support.sources import SOURCES

MODULE = "def moisture(smcl):\n    return smcl\n"


@pytest.fixture
def hooks(tmp_path: Path) -> Path:
    """Folder for ``[jules] hooks`` with a curve table and a Python module."""
    folder = tmp_path / "hooks"
    folder.mkdir()
    table = CurveTable(
        name="fsth", x="sthu", x_min=0.0, x_max=1.0, y=np.array([0.2, 1.0]), seen_min=0.0, seen_max=1.0, reference=0.5
    )
    write_curve(table, folder / "fsth.nml")
    (folder / "my_soil.py").write_text(MODULE, encoding="utf-8")
    return folder


def prepare(write: Write, hooks: Path, text: str) -> Path:
    """Write ``jules_ml.nml``, and prepare a run whose executable is not there yet."""
    (hooks / "jules_ml.nml").write_text(text, encoding="utf-8")
    path = write(via='"hooks"', jules='hooks = "hooks"')
    (path.parent / "jules.exe").rename(path.parent / "later.exe")
    return prepare_run(load_experiment(path), path.parent / "out").folder


def moisture(entries: str = "", callable_: str = "my_soil:moisture", more: str = "") -> str:
    return f"&jules_ml_moisture\n python_callable = '{callable_}'\n mode = 'replace'\n {entries}\n/\n{more}"


@pytest.mark.parametrize(
    ("text", "where", "problem", "remedy"),
    [
        ("&jules_ml_respiration\n fsth_table = 'gone.nml'\n/\n", "respiration:fsth_table", "no such file", "export"),
        ("&jules_ml_respiration\n ftemp_table = 'fsth.nml'\n/\n", "ftemp_table", "not 'ftemp'", "file of ftemp"),
        ("&jules_ml_respiration\n net = 'fsth.nml'\n/\n", "respiration:net", "not a dense net", "write_net"),
        ("&jules_ml_respiration\n/\n", "jules_ml_respiration", "no table and no net", "give fsth_table"),
        ("&jules_ml_respiratoin\n/\n", "jules_ml_respiratoin", "no group", "write jules_ml_respiration if"),
        (moisture("tau_hour = 24.0"), "jules_ml_moisture:tau_hour", "no entry tau_hour", "write tau_hours if"),
        (moisture("tau_hours = 24.0"), "jules_ml_moisture", "tau_hours is for mode = 'nudge' only", "remove it"),
        (moisture("every = 'hour'"), "jules_ml_moisture:every", "every is 'hour'", "'day' or 'step'"),
        (moisture("levels = 1.5"), "jules_ml_moisture:levels", "levels is 1.5, not an integer", "correct"),
        (moisture(callable_="my_soil:moistur"), "python_callable", "defines no moistur", "write moisture if"),
        (moisture(callable_="my_sol:moisture"), "python_callable", "no module my_sol", "my_sol.py beside"),
        (moisture(callable_="my_soil"), "jules_ml_moisture", "python_callable is 'my_soil'", "'module:function'"),
        (moisture(more="&jules_ml_python\n venv = '/gone'\n/\n"), "python:venv", "no bin/python", "give venv"),
        ("&jules_ml_ledger\n content = 'sums'\n regions = 'gone.txt'\n/\n", "ledger:regions", "no file", "beside"),
    ],
)
def test_mistake_is_refused_before_the_start(
    write: Write, hooks: Path, text: str, where: str, problem: str, remedy: str
) -> None:
    with pytest.raises(BadInput) as caught:
        prepare(write, hooks, text)
    assert str(caught.value.where).endswith(where)
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy
    assert not (hooks.parent / "out").exists()


def test_correct_configuration_is_accepted(write: Write, hooks: Path) -> None:
    (hooks / "static.npz").write_bytes(b"PK\x05\x06" + bytes(18))
    text = (
        "&jules_ml\n reproducible = T\n/\n&JULES_ML_Respiration\n FSTH_table = 'fsth.nml'\n/\n"
        "&jules_ml_properties\n python_callable = 'json:dumps'\n static_file = 'static.npz'\n/\n"
    ) + moisture("levels = 2*1, every = 'step'")
    prepare(write, hooks, text)


def test_entries_are_those_of_the_bridge() -> None:
    source = (SOURCES / "fortran_bridge" / "src" / "jml_config.f90").read_text(encoding="utf-8")
    bridge = {name: set(re.split(r",\s*", entries)) for name, entries in re.findall(r"namelist /(\w+)/ (.*)", source)}
    assert {name: set(group.model_fields) for name, group in GROUPS.items()} == bridge


def test_template_has_no_other_entries() -> None:
    text = (SOURCES / "namelists" / "jules_ml.nml").read_text(encoding="utf-8")
    for name, body in re.findall(r"^!&(\w+)\n((?:!.*\n)*?)!/", text, flags=re.MULTILINE):
        assert set(re.findall(r"^! +(\w+) +=", body, flags=re.MULTILINE)) <= set(GROUPS[name].model_fields)


def test_environment_of_a_python_module_is_that_of_the_command(
    write: Write, hooks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    out = prepare(write, hooks, moisture())
    jules = hooks.parent / "jules.exe"
    jules.write_text('#!/bin/sh\necho "environment $VIRTUAL_ENV"\n', encoding="ascii")
    jules.chmod(0o755)

    def environment_of_job(**variables: str) -> str:
        subprocess.run(["sh", str(out / "submit.sh")], env={"PATH": "/usr/bin:/bin", **variables}, check=True)
        return (out / "jules.log").read_text(encoding="utf-8").strip()

    assert environment_of_job() == f"environment {sys.prefix}"
    assert environment_of_job(VIRTUAL_ENV="/of/job") == "environment /of/job"


def test_run_gets_the_environment_of_the_command(write: Write, hooks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.setattr("jules_ml.jules.swap.respiration.require_hooks", lambda _: None)
    (hooks / "jules_ml.nml").write_text(moisture(), encoding="utf-8")
    path = write(via='"hooks"', jules='hooks = "hooks"\nprogram = "jules.bin"', behaviour="hooks")
    (hooks.parent / "jules.bin").write_bytes(b"jules_time")
    (hooks.parent / "jules.bin").chmod(0o755)
    jules = hooks.parent / "jules.exe"
    jules.write_text(jules.read_text(encoding="ascii").replace("exec", "echo in $VIRTUAL_ENV; exec"), encoding="ascii")
    done = run_jules(load_experiment(path), path.parent / "out")
    assert f"in {sys.prefix}\n" in (done.folder / "jules.log").read_text(encoding="utf-8")


def test_active_environment_is_that_of_the_job(
    write: Write, hooks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    active = tmp_path / "active"
    (active / "bin").mkdir(parents=True)
    (active / "bin" / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="ascii")
    (active / "bin" / "python").chmod(0o755)
    monkeypatch.setenv("VIRTUAL_ENV", str(active))
    assert f"export VIRTUAL_ENV={active}" in (prepare(write, hooks, moisture()) / "submit.sh").read_text()


def test_configuration_of_a_run_without_hooks_is_a_warning(user: Path, write: Write) -> None:
    (user / "nml" / "jules_ml.nml").write_text("&jules_ml_respiration\n net = 'gone.nml'\n/\n", encoding="ascii")
    path = write()
    notes = run_jules(load_experiment(path), path.parent / "out").notes
    assert any("gone.nml" in note and note.startswith("warning: ") for note in notes)
