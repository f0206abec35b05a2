"""Which library of the bridge is loaded: that of the package, one compiled before, or one that is compiled now."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from jules_ml.bridge import shared_library
from jules_ml.bridge.library import Bridge
from jules_ml.bridge.shared_library import NAME, bridge_library, cached_library
from jules_ml.errors import BadInput, RunFailed


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, and a package without a library."""
    monkeypatch.setenv("JULES_ML_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(shared_library, "PACKAGED", tmp_path / "package" / NAME)
    (tmp_path / "package").mkdir()


@pytest.fixture
def compiled(bridge_build: Path) -> Path:
    return bridge_build / "fortran_bridge" / NAME


def program(folder: Path, name: str, script: str) -> None:
    """Put a shell script into a folder of programs."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def test_the_library_of_the_package_precedes_that_of_the_cache(compiled: Path) -> None:
    cached = cached_library()
    cached.parent.mkdir(parents=True)
    shutil.copy(compiled, cached)
    assert bridge_library() == cached
    shutil.copy(compiled, shared_library.PACKAGED)
    assert bridge_library() == shared_library.PACKAGED
    assert not Bridge().enabled("respiration")


def test_a_library_that_cannot_be_loaded_is_passed_over(compiled: Path) -> None:
    shared_library.PACKAGED.write_bytes(b"for another processor")
    cached = cached_library()
    cached.parent.mkdir(parents=True)
    shutil.copy(compiled, cached)
    assert bridge_library() == cached


def test_without_one_it_is_compiled_into_the_cache_once(
    compiled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CMake is a script here, which copies the library that the tests use."""
    programs = tmp_path / "programs"
    copy = f'[ "$1" = --build ] && mkdir -p "$2/fortran_bridge" && cp {compiled} "$2/fortran_bridge/{NAME}"; exit 0'
    program(programs, "cmake", f"echo >> {tmp_path}/calls\n{copy}")
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    assert bridge_library() == bridge_library() == cached_library()
    assert (tmp_path / "calls").read_text() == "\n\n"
    assert list(cached_library().parent.iterdir()) == [cached_library()]


def test_a_build_that_fails_shows_the_output_of_cmake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "programs", "cmake", "echo no such option; exit 1")
    program(tmp_path / "programs", "gfortran", "exit 0")
    monkeypatch.delenv("FC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "programs"), prepend=":")
    with pytest.raises(RunFailed, match="could not compile the library of the bridge:\nno such option"):
        bridge_library()
    assert list(cached_library().parent.iterdir()) == []


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        BadInput, match=r"no compiled library of the bridge, and cmake and gfortran .* wheel of jules_ml"
    ):
        bridge_library()
    for name in ("cmake", "gfortran"):
        program(tmp_path, name, "exit 0")
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(BadInput, match=r"cannot be written \(Not a directory\).*set JULES_ML_CACHE_DIR"):
        bridge_library()
    monkeypatch.setattr(shared_library, "SOURCES", tmp_path / "nothing")
    with pytest.raises(BadInput, match="the sources of the bridge are missing"):
        bridge_library()
