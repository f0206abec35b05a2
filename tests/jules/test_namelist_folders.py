"""Arrays of namelist folders: those of the user and the staged ones, against compiled Fortran."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.folder_by_fortran import compare_folder
from helpers.jules_runs import SOIL
from helpers.paths import STAND_IN

from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.run import run_jules
from jules_ml.jules.run_folder import RunFolder, read_run_folder
from jules_ml.jules.template import write_template
from jules_ml.jules.variable_lists import read_list

Change = Callable[[str, str, str], None]


@pytest.fixture
def point(tmp_path: Path) -> Path:
    """Run folder of the shipped template, with ten days."""
    folder = tmp_path / "point"
    write_template(folder)
    return folder


@pytest.fixture
def change(point: Path) -> Change:
    """Function that replaces text in a namelist file of the run folder."""

    def replace(file: str, old: str, new: str) -> None:
        path = point / "namelists" / file
        text = path.read_text(encoding="ascii")
        assert old in text
        path.write_text(text.replace(old, new), encoding="ascii")

    return replace


def write_swap(folder: Path, changes: str) -> Path:
    """Write an experiment that swaps soil into the run folder, with the stand-in as executable."""
    executable = folder / "jules.exe"
    executable.write_text(f'#!/bin/sh\nexec python3 -I -S {STAND_IN} "$@"\n', encoding="ascii")
    executable.chmod(0o755)
    path = folder / "swap.toml"
    path.write_text(
        f'[jules]\nfolder = "point"\nexecutable = "jules.exe"\nset.jules_soil.l_vg_soil = false\n{changes}'
        f'[run]\nmodel = "jules"\nvia = ["ancillary"]\n{SOIL}',
        encoding="ascii",
    )
    return path


def written_by_element(change: Change) -> None:
    """Write arrays as elements whose values go on in the elements after them."""
    for name in ("var      ", "use_file ", "const_val"):
        change("ancillaries.nml", f"{name} = ", f"{name.strip()}(1) = ")
    change("jules_soil.nml", "dzsoil_io = 0.1, 0.25, 0.65, 2.0", "dzsoil_io(2) = 0.25, 0.65,\n 2.0, dzsoil_io = 0.1")


@pytest.mark.fortran
def test_all_values_of_the_template_are_those_of_fortran(point: Path, tmp_path: Path) -> None:
    equal, differences = compare_folder(point / "namelists", tmp_path)
    assert differences == []
    assert equal > 550


@pytest.mark.fortran
def test_all_values_are_those_of_fortran_after_every_entry_is_written(point: Path, tmp_path: Path) -> None:
    folder = NamelistFolder.read(point / "namelists")
    counts: dict[str, int] = {}
    for file, group, entries in list(folder.groups()):
        folder.set(group, entries, occurrence=counts.get(group, 0), file=file)
        counts[group] = counts.get(group, 0) + 1
    folder.write(tmp_path / "written")
    before, _ = compare_folder(point / "namelists", tmp_path)
    assert compare_folder(tmp_path / "written", tmp_path) == (before, [])


@pytest.mark.fortran
def test_staged_arrays_are_those_of_fortran(point: Path, change: Change, tmp_path: Path) -> None:
    written_by_element(change)
    path = write_swap(
        tmp_path, 'set.jules_pftparm."lai_io(2)" = [4.5, 2.5]\nset.jules_radiation.wght_alb = [0.1, 0.2, 0.3]\n'
    )
    done = run_jules(load_experiment(path), tmp_path / "out")
    assert any("dzsoil_io: one element has several values" in note for note in done.notes)
    equal, differences = compare_folder(done.folder / "namelists", tmp_path)
    assert differences == []
    assert equal > 550
    staged = read_run_folder(done.folder)
    soil = {v.name: v for v in read_list(staged.namelists.get("jules_soil_props"))}
    assert (soil["albsoil"].use_file, soil["albsoil"].const_val, soil["b"].use_file) == (False, 0.11, True)
    original = NamelistFolder.read(point / "namelists").get("jules_pftparm")["lai_io"]
    assert staged.namelists.get("jules_pftparm")["lai_io"] == [original[0], 4.5, 2.5, *original[3:]]
    assert staged.dzsoil == (0.1, 0.25, 0.65, 2.0)


def test_elements_of_arrays_are_read_wherever_they_are_assigned(point: Path, change: Change) -> None:
    before = read_run_folder(point)
    written_by_element(change)
    after = read_run_folder(point)
    assert after.dzsoil == before.dzsoil
    group = "jules_soil_props"
    assert read_list(after.namelists.get(group)) == read_list(before.namelists.get(group))


@pytest.mark.parametrize(
    ("group", "entry", "read", "problem"),
    [
        ("jules_soil", "dzsoil_io(2) = 0.25, 0.65", lambda run: run.dzsoil, r"dzsoil_io\(1\) has no value"),
        ("jules_soil", "dzsoil_io = 0.1", lambda run: run.dzsoil, "1 values, and sm_levels is 4"),
        ("jules_soil", "dzsoil_io = 'a'", lambda run: run.dzsoil, "'a', not a number"),
        ("jules_soil", "sm_levels = 4, 5", lambda run: run.dzsoil, r"\[4, 5\], which is not a whole number"),
        ("jules_soil", "sm_levels = T", lambda run: run.dzsoil, "not a whole number"),
        ("jules_soil", "l_vg_soil = 1", lambda run: run.van_genuchten, "not T or F"),
        ("jules_time", "timestep_len = 'day'", lambda run: run.timestep, "not a number"),
        ("jules_time", "main_run_start = '1997-01-01 00:00:00'", lambda run: run.end, "main_run_end is missing"),
        ("jules_time", "main_run_end = 'soon'", lambda run: run.end, "main_run_end is 'soon', which is not a time"),
        ("jules_input_grid", "nx = 1.5", lambda run: run.grid, "not a whole number"),
        ("jules_output", "output_dir = 3", lambda run: run.entry("jules_output", "output_dir", ""), "not a text"),
    ],
)
def test_value_of_another_type_is_refused(
    tmp_path: Path, group: str, entry: str, read: Callable[[RunFolder], object], problem: str
) -> None:
    run = RunFolder(tmp_path, NamelistFolder({"a.nml": f"&{group}\n {entry}\n/\n"}, tmp_path), "")
    with pytest.raises(BadInput, match=problem):
        read(run)


def test_layouts_that_gfortran_reads_otherwise_are_warned_of(point: Path, change: Change, tmp_path: Path) -> None:
    change("jules_soil.nml", "dzsoil_io = 0.1, 0.25", "dzsoil_io = 0.1, ! top\n 0.25")
    path = point / "namelists" / "drive.nml"
    path.write_text(path.read_text(encoding="ascii").rstrip(), encoding="ascii")
    notes = run_jules(load_experiment(write_swap(tmp_path, "")), tmp_path / "out").notes
    assert any("jules_soil.nml: in dzsoil_io a comment" in note for note in notes)
    assert any("drive.nml: the last line has no line end" in note for note in notes)
