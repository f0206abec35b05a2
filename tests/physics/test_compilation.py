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
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Python.h").touch()
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))


def test_the_folder_of_compiled_code_is_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []
    temporary_file = tempfile.TemporaryFile

    def counted(**arguments: Any) -> Any:
        tried.append(arguments["dir"])
        return temporary_file(**arguments)

    monkeypatch.setattr("tempfile.TemporaryFile", counted)
    for name in ("a", "b", "a"):
        monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / name))
        assert can_compile()
    assert tried == [tmp_path / "a", tmp_path / "b"]


def test_a_folder_that_cannot_be_written_is_an_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "file" / "a"))
    assert "compiled code cannot be written" in (compilation_obstacle() or "")


def test_a_torch_without_its_private_name_of_the_folder_can_compile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    monkeypatch.setitem(sys.modules, "torch._inductor.runtime.cache_dir_utils", None)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    assert can_compile()
    assert [path.name.partition("_")[0] for path in tmp_path.iterdir() if path.is_dir()] == ["torchinductor"]


def test_the_import_needs_nothing_private_of_torch() -> None:
    program = "import sys, jules_ml.physics.compilation; print([n for n in sys.modules if n.startswith('torch')])"
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.strip() == "[]"
