"""``jules-ml doctor``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jules_ml.cli import app, installation
from jules_ml.cli.installation import Check, State

runner = CliRunner()


@pytest.fixture
def no_subprocess(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions of programs are not asked for, which takes seconds."""
    monkeypatch.setattr(installation, "_program", lambda name, path, *_: Check(name, State.OK, str(path)))
    monkeypatch.setattr(installation, "_python", lambda _: (True, "a library"))


@pytest.mark.usefixtures("no_subprocess")
def test_every_part_is_listed_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JULES_EXE", raising=False)
    result = runner.invoke(app, ["doctor", "--json"])
    assert result.exit_code == 0, result.output
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    assert set(checks) >= {"jules_ml", "Python", "torch", "netCDF4", "C++ compiler", "Fortran compiler", "cmake"}
    assert set(checks) >= {"mpi4py", "mpiexec", "JULES", "compiled code", "GPU", "readers", "kinds"}
    assert checks["JULES"]["state"] == "missing"
    assert "JULES_EXE" in checks["JULES"]["remedy"]
    assert "respiration" in checks["kinds"]["found"]


@pytest.mark.usefixtures("no_subprocess")
def test_what_does_not_work_fails_if_strict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JULES_EXE", str(tmp_path / "jules.exe"))
    assert runner.invoke(app, ["doctor", "--quiet"]).exit_code == 0
    result = runner.invoke(app, ["doctor", "--quiet", "--strict"])
    assert result.exit_code == 1
    assert "JULES" in result.output


def test_a_program_that_does_not_run_is_broken(tmp_path: Path) -> None:
    program = tmp_path / "g++"
    program.write_text("#!/bin/sh\necho no libc >&2\nexit 3\n", encoding="ascii")
    program.chmod(0o755)
    check = installation._program("C++ compiler", str(program), "a fast column", "install g++")
    assert check.state is State.BROKEN
    assert check.text == f"{program} fails (no libc); needed for a fast column; install g++"
    assert installation._program("cmake", None, "the bridge", "install cmake").state is State.MISSING
