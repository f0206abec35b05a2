"""Which compiler wrote the .mod files, and compilers that do not fit."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest
from helpers.builds import DEFAULT_COMPILER, installed_compilers

from jules_ml.errors import BadInput
from jules_ml.jules.hooks.compilers import (
    ModuleFormat,
    command_for,
    compiler_version,
    module_format,
    require_readable,
)


@pytest.mark.parametrize(
    ("content", "expected", "text"),
    [
        (
            gzip.compress(b"GFORTRAN module version '15' created from microbe_jls.F90\n", mtime=0),
            ModuleFormat("gfortran", "15"),
            "gfortran 8 to 14 (module version 15)",
        ),
        (
            gzip.compress(b"GFORTRAN module version '17' created from x.f90\n", mtime=0),
            ModuleFormat("gfortran", "17"),
            "gfortran of another version (module version 17)",
        ),
        (b"GFORTRAN module created from x.F90 on Mon\n", ModuleFormat("gfortran"), "gfortran"),
        (
            "\ufeff!mod$ v1 sum:5556ac9113b8dc91\nmodule m\n".encode(),
            ModuleFormat("LLVM Flang", "1"),
            "LLVM Flang",
        ),
        (
            b"V34 :0x24 microbe_mod\n15 microbe_jls.F90 S624 0\n",
            ModuleFormat("NVIDIA nvfortran", "34"),
            "NVIDIA nvfortran",
        ),
        (b"\x0d\x00\x00\x00\x02\x00", ModuleFormat(""), "an unknown compiler"),
        (b"\x1f\x8bnot gzip", ModuleFormat(""), "an unknown compiler"),
        (gzip.compress(b"else", mtime=0), ModuleFormat(""), "an unknown compiler"),
    ],
)
def test_compiler_of_a_module_file(content: bytes, expected: ModuleFormat, text: str, tmp_path: Path) -> None:
    path = tmp_path / "m.mod"
    path.write_bytes(content)
    assert module_format(path) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("GNU Fortran (Debian 12.2.0-14+deb12u1) 12.2.0", "gfortran 12.2.0"),
        ("GNU Fortran (GCC) 8.5.0 20210514 (Red Hat 8.5.0-4)", "gfortran 8.5.0"),
        ("Debian flang-new version 19.1.7 (3~deb12u1)", "LLVM Flang 19.1.7"),
        ("flang version 20.1.2", "LLVM Flang 20.1.2"),
        ("ifort (IFORT) 2021.10.0 20230609", "Intel Fortran 2021.10.0"),
        ("ifx (IFX) 2024.0.0 20231017", "Intel Fortran 2024.0.0"),
        ("nvfortran 24.3-0 64-bit target on x86-64 Linux -tp skylake", "NVIDIA nvfortran 24.3"),
        ("Cray Fortran : Version 15.0.1", "Cray Fortran 15.0.1"),
        ("some compiler 1.0", ""),
    ],
)
def test_version_of_a_compiler(line: str, version: str, tmp_path: Path) -> None:
    command = tmp_path / "fc"
    command.write_text(f"#!/bin/sh\necho; echo '{line}'\n", encoding="utf-8")
    command.chmod(0o755)
    assert compiler_version(str(command)) == version


def test_command_of_the_compiler_that_wrote_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match=r"written by gfortran 8 to 14 \(module version 15\), which was not found"):
        command_for(ModuleFormat("gfortran", "15"))
    with pytest.raises(BadInput, match="not known from their content") as caught:
        command_for(ModuleFormat(""))
    assert "FC" in caught.value.remedy
    for name in ("ifx", "flang-new-19"):
        (tmp_path / name).touch(mode=0o755)
    assert command_for(ModuleFormat("")) == "ifx"
    assert command_for(ModuleFormat("LLVM Flang", "1")) == "flang-new-19"


def test_each_compiler_is_refused_for_the_module_files_of_another(hosts: Path) -> None:
    modules = hosts / "host_r32_objects_mod"
    require_readable(DEFAULT_COMPILER, modules)
    family = compiler_version(DEFAULT_COMPILER).rpartition(" ")[0]
    others = [name for name in installed_compilers() if not compiler_version(name).startswith(family)]
    if not others:
        pytest.skip("there is only one family of compilers")
    for other in others:
        with pytest.raises(BadInput, match=f"cannot read it: it was written by {family}") as caught:
            require_readable(other, modules)
        assert compiler_version(other) in caught.value.problem
        assert "--compiler" in caught.value.remedy


def test_another_version_of_gfortran_is_refused_if_it_cannot_read_the_module_files(hosts: Path, tmp_path: Path) -> None:
    if shutil.which("gfortran") is None or "flang" in DEFAULT_COMPILER:
        pytest.skip("needs hosts built with gfortran")
    modules = tmp_path / "include"
    shutil.copytree(hosts / "host_r32_objects_mod", modules)
    text = gzip.decompress((modules / "microbe_mod.mod").read_bytes())
    (modules / "microbe_mod.mod").write_bytes(gzip.compress(text.replace(b"version '15'", b"version '14'", 1)))
    with pytest.raises(BadInput, match=r"written by gfortran 5 to 7 \(module version 14\)"):
        require_readable("gfortran", modules)
    (modules / "microbe_mod.mod").write_bytes(b"\x01\x02")
    with pytest.raises(BadInput, match=r"cannot read it: .*microbe_mod"):
        require_readable("gfortran", modules)
