"""Whether a step can be compiled, found out once for each folder of compiled code."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from jules_ml.physics.compilation import can_compile, compilation_obstacle


@pytest.fixture(autouse=True)
def compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")


def test_the_folder_of_compiled_code_is_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []
    temporary_file = tempfile.TemporaryFile

    def counted(**arguments: Any) -> Any:
        tried.append(arguments["dir"])
        return temporary_file(**arguments)

    monkeypatch.setattr("tempfile.TemporaryFile", counted)
    for name in ("a", "b", "a"):
        monkeypatch.setenv("JULES_ML_CACHE_DIR", str(tmp_path / name))
        assert can_compile()
    assert tried == [tmp_path / "a" / "kernels", tmp_path / "b" / "kernels"]


def test_a_folder_that_cannot_be_written_is_an_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("JULES_ML_CACHE_DIR", str(tmp_path / "file" / "a"))
    assert "compiled code cannot be written" in (compilation_obstacle() or "")


def test_the_import_needs_no_torch() -> None:
    program = "import sys, jules_ml.physics.compilation; print([n for n in sys.modules if n.startswith('torch')])"
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.strip() == "[]"
