"""Symbol names of compilers: one table for CMake and Python."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.paths import REPOSITORY

from jules_ml.jules.hooks.check import Hook, check_executable
from jules_ml.jules.hooks.symbols import SYMBOL_NAMES, TABLE_FILE, WRAPPED, symbol_name

ROWS = json.loads(TABLE_FILE.read_text(encoding="utf-8"))["compilers"]


@pytest.mark.parametrize(
    ("compiler", "symbol"),
    [
        ("gfortran", "__microbe_mod_MOD_microbe"),
        ("LLVM Flang", "_QMmicrobe_modPmicrobe"),
        ("Intel Fortran", "microbe_mod_mp_microbe_"),
        ("NVIDIA nvfortran", "microbe_mod_microbe_"),
        ("Cray Fortran", "microbe$microbe_mod_"),
        ("NAG Fortran", "microbe_mod_MP_microbe"),
    ],
)
def test_spelling_of_each_compiler(compiler: str, symbol: str) -> None:
    assert symbol_name(compiler, "Microbe_Mod", "MICROBE") == symbol


def test_no_spelling_is_ambiguous() -> None:
    """The compiler of an executable is determined from its symbols."""
    symbols = [symbol_name(name, *wrapped) for name in SYMBOL_NAMES for wrapped in WRAPPED]
    assert len(set(symbols)) == len(SYMBOL_NAMES) * len(WRAPPED)


def test_every_spelling_states_its_source() -> None:
    assert all(re.match(r"(not )?tested", row["source"]) for row in ROWS)


def _symbol_from_cmake(folder: Path, compiler_id: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("cmake") is None:
        pytest.skip("there is no CMake")
    script = folder / "symbol.cmake"
    script.write_text(
        f'set(CMAKE_Fortran_COMPILER_ID "{compiler_id}")\ninclude("{TABLE_FILE.with_name("jml_symbol.cmake")}")\n'
        'jml_symbol(symbol microbe_mod microbe)\nmessage("${symbol} ${JML_WRAPPED}")\n',
        encoding="utf-8",
    )
    return subprocess.run(["cmake", "-P", str(script)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_cmake_gives_the_same_symbols(row: dict[str, object], tmp_path: Path) -> None:
    ids = row["cmake_ids"]
    assert isinstance(ids, list)
    for compiler_id in ids:
        symbol, wrapped = _symbol_from_cmake(tmp_path, compiler_id).stderr.split()
        assert symbol == symbol_name(str(row["name"]), "microbe_mod", "microbe")
        assert [tuple(entry.split("/")[:2]) for entry in wrapped.split(";")] == list(WRAPPED)


def test_an_unknown_compiler_is_told_where_to_add_its_spelling(tmp_path: Path) -> None:
    done = _symbol_from_cmake(tmp_path, "XL")
    message = " ".join(done.stderr.split())
    assert done.returncode != 0
    assert "The symbols of the Fortran compiler XL are unknown" in message
    assert f'Add its spelling to "compilers" in {TABLE_FILE}' in message


@pytest.mark.fortran
def test_cray_symbols_are_wrapped_through_a_file_of_linker_options(tmp_path: Path) -> None:
    """A dollar sign is a variable for shells, for make and for FCM, so that the option is not on the command line."""
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc")
    names = [symbol_name("Cray Fortran", *wrapped) for wrapped in WRAPPED]
    jules = "".join(f"int {name}(void) {{ return 0; }}\n" for name in names)
    calls = "".join(f"int {name}(void);\n" for name in names) + "int main(void) { return "
    calls += " + ".join(f"{name}()" for name in names) + " != 5; }\n"
    hooks = "".join(f"int __wrap_{name}(void) {{ return 1; }}\n" for name in names)
    for name, text in {"jules.c": jules, "main.c": calls, "hooks.c": hooks}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "hooks.wraps").write_text("".join(f"--wrap={name}\n" for name in names), encoding="utf-8")
    link = "gcc -o jules.exe jules.c main.c hooks.c $(echo -Wl,@hooks.wraps) && ./jules.exe"
    subprocess.run(link, shell=True, cwd=tmp_path, check=True)
    checked = check_executable(tmp_path / "jules.exe")
    assert checked.compiler == "Cray Fortran"
    assert set(checked.hooks.values()) == {Hook.IN}


def test_the_documentation_lists_every_spelling() -> None:
    page = (REPOSITORY / "docs" / "how_to" / "hooks.md").read_text(encoding="utf-8")
    for row in ROWS:
        line = rf"^\| .+ \| `{re.escape(symbol_name(row['name'], 'microbe_mod', 'microbe'))}` \| (.+) \|$"
        found = re.search(line, page, flags=re.MULTILINE)
        assert found is not None, row["name"]
        assert found[1].startswith("not tested") == row["source"].startswith("not tested")
