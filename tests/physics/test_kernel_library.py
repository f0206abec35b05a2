"""Compiled code on the disk: damaged, without a compiler, and in a folder that cannot be written."""

from __future__ import annotations

import ctypes
import itertools
from pathlib import Path

import pytest

from jules_ml.physics import compilation
from jules_ml.physics.compilation import can_compile
from jules_ml.physics.kernel import library as library_module

pytestmark = pytest.mark.skipif(not can_compile(), reason="no C++ compiler")
NUMBERS = itertools.count(1)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JULES_ML_CACHE_DIR", str(tmp_path))
    return tmp_path / "kernels"


@pytest.fixture
def text() -> str:
    return f'extern "C" long answer() {{ return {next(NUMBERS)}; }}\n'


def answer(text: str) -> int:
    library_module._loaded.cache_clear()
    kernel: ctypes.CDLL = library_module.library(text)
    return int(kernel.answer())


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_a_library_that_was_cut_off_is_compiled_again(folder: Path, text: str, part: float) -> None:
    library_module._compile(text, folder / "whole.so")
    code = (folder / "whole.so").read_bytes()
    damaged = library_module._file(text)
    damaged.write_bytes(code[: int(part * len(code))])
    assert answer(text) == int(text.split()[-2].rstrip(";"))
    assert damaged.read_bytes() == code


def test_a_library_that_cannot_be_loaded_is_compiled_again(folder: Path, text: str) -> None:
    folder.mkdir()
    code = b"a library of another system"
    library_module._file(text).write_bytes(code + library_module._checksum(code))
    assert answer(text) == int(text.split()[-2].rstrip(";"))


def test_a_library_is_found_without_a_compiler_and_in_a_folder_that_cannot_be_written(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = answer(text)
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert can_compile()
    assert answer(text) == expected
    with pytest.raises(OSError, match="no C\\+\\+ compiler"):
        answer(text + "// another")


def test_a_library_that_is_there_needs_no_folder_that_can_be_written(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = answer(text)
    monkeypatch.setattr(compilation, "_not_writable", lambda folder: f"{folder} cannot be written")
    assert can_compile()
    assert answer(text) == expected
    with pytest.raises(OSError, match="cannot be written"):
        answer(text + "// another")
    library_module._file(text).unlink()
    assert not can_compile()
