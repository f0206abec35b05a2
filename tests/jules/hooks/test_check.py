"""Checking an executable for the hooks."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.builds import DEFAULT_COMPILER

from jules_ml.errors import BadInput
from jules_ml.jules.hooks.check import Hook, check_executable


def test_check_lists_the_hooks_of_an_executable(hosts: Path) -> None:
    hooked, plain = check_executable(hosts / "host_r64"), check_executable(hosts / "host_plain_r64")
    assert hooked.complete
    assert hooked.compiler == ("LLVM Flang" if "flang" in DEFAULT_COMPILER else "gfortran")
    assert set(plain.hooks.values()) == {Hook.ABSENT}
    assert "relink JULES" in plain.report
    partial = check_executable(hosts / "host_without_microbe")
    assert partial.hooks["microbe"] is Hook.DROPPED
    assert partial.hooks["write_dump"] is Hook.IN


def test_check_detects_hooks_dropped_by_link_time_optimisation(hosts: Path) -> None:
    if "flang" in DEFAULT_COMPILER:
        pytest.skip("only gfortran's link-time optimisation is tested")
    checked = check_executable(hosts / "host_lto")
    assert not checked.complete
    assert checked.hooks["microbe"] is Hook.DROPPED
    assert "-flto" in checked.report


def test_check_refuses_a_file_that_is_not_an_executable_with_symbols(hosts: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no such file"):
        check_executable(tmp_path / "none")
    text = tmp_path / "text"
    text.write_text("no executable")
    with pytest.raises(BadInput, match="not an executable"):
        check_executable(text)
    stripped = tmp_path / "stripped"
    shutil.copy(hosts / "host_r32", stripped)
    subprocess.run(["strip", str(stripped)], check=True)
    with pytest.raises(BadInput, match="link JULES without -s"):
        check_executable(stripped)
    other = shutil.which("gfortran")
    assert other is not None
    with pytest.raises(BadInput, match=r"symbols were stripped|no procedure of JULES"):
        check_executable(Path(other).resolve())
