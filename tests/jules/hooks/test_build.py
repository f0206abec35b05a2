"""Building the hooks against a JULES build, and relinking."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import f90nml
import pytest
from _relink import relink
from helpers.builds import DEFAULT_COMPILER
from helpers.hosts import HostRunner, respiration_files

from jules_ml.errors import BadInput
from jules_ml.jules.hooks.build import BuiltHooks, build_hooks, find_modules
from jules_ml.jules.hooks.check import check_executable
from jules_ml.jules.hooks.compilers import compiler_version
from jules_ml.jules.hooks.mpi_library import NO_MPI
from jules_ml.jules.hooks.symbols import symbol_name
from jules_ml.support.sources import SOURCES


@pytest.mark.slow
def test_hooks_are_built_against_mod_files_and_relinked(
    built: BuiltHooks, hosts: Path, host: HostRunner, tmp_path: Path
) -> None:
    assert built.flags == built.flags_file.read_text().strip()
    family = compiler_version(DEFAULT_COMPILER).rpartition(" ")[0]
    assert f"-Wl,--wrap={symbol_name(family, 'microbe_mod', 'microbe')}" in built.flags
    assert built.toolchain.mpi == NO_MPI
    assert built.toolchain.notes == ()
    assert str(built.flags_file) in built.advice
    objects = sorted(hosts.glob("CMakeFiles/host_r32_objects.dir/*.o"))
    libraries = ([] if "Flang" in family else ["-fopenmp"]) + (
        ["-lnetcdff"] if any(b"netcdf" in p.read_bytes() for p in objects) else []
    )
    exe = hosts / "host_relinked"
    relink(objects, built, exe=exe, compiler=DEFAULT_COMPILER, libraries=libraries)
    assert check_executable(exe).complete
    run = host.complete(exe.name, "n_days = 1", respiration_files())
    assert "hooks on: respiration (native)" in run.log
    assert "jules_ml: kernels of the native backend: " in run.log


@pytest.mark.slow
def test_the_object_defines_no_symbol_of_another_library(built: BuiltHooks) -> None:
    """A symbol such as nc_close would replace that of a netCDF library which is linked statically or dynamically."""
    listing = subprocess.run(
        ["nm", "--extern-only", "--defined-only", str(built.object_file)], check=True, capture_output=True, text=True
    ).stdout
    names = {line.split()[-1] for line in listing.splitlines() if line}
    assert len(names) > 50
    own = re.compile(r"__wrap_|(__|_QM)?(jml_|jules_ml_bridge)|mpi_fortran_|mpif?(cmb|priv)")
    assert not {name for name in names if not own.match(name)}


def test_the_template_lists_every_entry_that_the_bridge_reads(built: BuiltHooks) -> None:
    text = built.template.read_text(encoding="utf-8")
    assert not any(
        line and not line.startswith("!") for line in text.splitlines()
    )  # unchanged, it leaves every hook off
    source = (SOURCES / "fortran_bridge" / "src" / "jml_config.f90").read_text(encoding="utf-8")
    entries_read = {
        group: set(re.findall(r"\w+", entries)) for group, entries in re.findall(r"namelist /(\w+)/ (.+)", source)
    }
    entries_shown: dict[str, set[str]] = {}
    for group in re.findall(r"^!&(?s:.+?)^!/", text, flags=re.MULTILINE):
        ((name, entries),) = f90nml.reads(group.replace("!", "")).items()
        entries_shown.setdefault(name, set()).update(entries)
    assert entries_shown == entries_read


def test_an_installed_package_contains_the_sources_of_the_bridge(tmp_path: Path) -> None:
    """The wheel contains the sources, and the package then uses them."""
    pytest.importorskip("setuptools", minversion="77")
    build = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", str(tmp_path)]
    subprocess.run(build, cwd=SOURCES, check=True, capture_output=True)
    packaged = tmp_path / "jules_ml" / "bridge_sources"
    for folder in ("src", "hooks", "include"):
        source = SOURCES / "fortran_bridge" / folder
        for path in filter(Path.is_file, source.rglob("*")):
            assert (packaged / path.relative_to(SOURCES)).read_bytes() == path.read_bytes()
    program = "from jules_ml.support.sources import SOURCES; print(SOURCES)"
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    assert Path(done.stdout.strip()) == packaged


def test_missing_parts_of_the_build_are_named(hosts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match=r"there is no microbe_mod\.mod in it.*build/include") as caught:
        find_modules(tmp_path)
    assert "FCM" in caught.value.remedy

    modules = tmp_path / "build" / "include"
    shutil.copytree(hosts / "host_r32_objects_mod", modules)
    (modules / "freeze_soil_mod.mod").unlink()
    with pytest.raises(BadInput, match=r"module files of JULES are missing: freeze_soil_mod\.mod"):
        build_hooks(tmp_path, out=tmp_path / "out")

    with pytest.raises(BadInput, match="the sources of the bridge are missing"):
        build_hooks(tmp_path, out=tmp_path / "out", sources=tmp_path)

    shutil.copy(hosts / "host_r32_objects_mod" / "freeze_soil_mod.mod", modules)
    with pytest.raises(BadInput, match="no_such_fortran was not found"):
        build_hooks(tmp_path, out=tmp_path / "out", compiler="no_such_fortran")

    (modules / "microbe_mod.mod").write_bytes(b"written by another compiler")
    monkeypatch.delenv("FC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="not known from their content") as caught:
        build_hooks(tmp_path, out=tmp_path / "out")
    assert "FC" in caught.value.remedy


@pytest.mark.jules
@pytest.mark.skipif("JULES_BUILD_DIR" not in os.environ, reason="JULES_BUILD_DIR is not set: no JULES to build against")
def test_hooks_are_built_against_a_real_jules(tmp_path: Path) -> None:
    built = build_hooks(Path(os.environ["JULES_BUILD_DIR"]), out=tmp_path)
    assert built.object_file.is_file()
