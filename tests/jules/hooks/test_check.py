"""Checking an executable for the hooks."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.builds import DEFAULT_COMPILER

from jules_ml import __version__
from jules_ml.errors import BadInput
from jules_ml.jules.hooks.check import Hook, check_executable
from jules_ml.jules.hooks.stamp import read_stamp


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


def test_check_prints_what_the_hooks_were_built_for(hosts: Path) -> None:
    checked = check_executable(hosts / "host_r64")
    assert checked.stamp is not None
    assert (checked.stamp.jules_ml, checked.stamp.microbe, checked.stamp.real_bits) == (__version__, "7.6", 64)
    assert "JULES                    7.6 or 7.7\n" in checked.report
    assert "reals                    64 bits\n" in checked.report
    assert f"compiler                 {checked.stamp.compiler}\n" in checked.report
    assert check_executable(hosts / "host_plain_r64").stamp is None


def test_check_refuses_hooks_of_another_version_of_jules(hosts: Path) -> None:
    checked = check_executable(hosts / "host_82_with_hooks_76")
    assert not checked.complete
    assert set(checked.hooks.values()) == {Hook.IN}
    later = "jules_soil_biogeochem_mod/cs_decomp_soil_moist_func"
    assert checked.problems == (
        f"the hooks were built for JULES 7.6 or 7.7, and the executable has {later}, which came with a later version",
    )
    assert "Build the hooks against this JULES" in checked.report


def test_check_refuses_stamps_that_do_not_fit(hosts: Path, tmp_path: Path) -> None:
    content = (hosts / "host_82").read_bytes()
    changed = tmp_path / "changed"

    def problems(old: bytes, new: bytes) -> tuple[str, ...]:
        assert content.count(old) >= 1
        assert len(old) == len(new)
        changed.write_bytes(content.replace(old, new))
        return check_executable(changed).problems

    assert "which is unknown" in problems(b'"microbe": "8.2"', b'"microbe": "8.9"')[0]
    has = b'"has": "jules_soil_biogeochem_mod/cs_decomp'
    assert "lacks jules_soil_biogeochem_mod/ns_decomp" in problems(has, has.replace(b"cs_", b"ns_"))[0]
    assert problems(b'"mpi": "none"', b'"mpi": "MPIX"') == (
        "the hooks were built with MPIX, and the executable is linked without MPI; the run would crash",
    )
    assert "earlier version of jules_ml" in problems(b"jules_ml_hooks_stamp{", b"jules_ml_hooks_other{")[0]
    changed.write_bytes(content + content.replace(b'"real_bits": 32', b'"real_bits": 64'))
    with pytest.raises(BadInput, match="the hooks of two builds"):
        read_stamp(changed)
    changed.write_bytes(content.replace(b'"real_bits"', b'"REAL_bits"'))
    with pytest.raises(BadInput, match="another version of jules_ml"):
        read_stamp(changed)
