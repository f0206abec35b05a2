"""Fixtures shared by the tests of runs of JULES: a run folder of a user, and an experiment about it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from helpers.jules_runs import Write
from helpers.paths import STAND_IN


@pytest.fixture
def user(tmp_path: Path, shared_data: Path) -> Path:
    """Run folder of a user: two days of Loobos, without TOPMODEL."""
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
    (folder / "inputs" / "Loobos_1997.dat").write_text("0 300 0 0 280 2 1e5 0.005\n" * 96, encoding="ascii")
    return folder


@pytest.fixture
def write(tmp_path: Path, user: Path) -> Write:
    """Function that writes an experiment about that folder, with the stand-in as executable."""
    executable = tmp_path / "jules.exe"
    executable.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {STAND_IN} "$@"\n', encoding="ascii")
    executable.chmod(0o755)

    def write_experiment(*, via: str = "", jules: str = "", more: str = "", behaviour: str = "well") -> Path:
        (user / "behaviour").write_text(behaviour, encoding="ascii")
        path = tmp_path / "swap.toml"
        path.write_text(
            f'[jules]\nfolder = "loobos"\nexecutable = "jules.exe"\n{jules}\n[run]\nmodel = "jules"\nvia = [{via}]\n{more}',
            encoding="utf-8",
        )
        return path

    return write_experiment
