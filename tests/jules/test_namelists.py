"""Namelist folders: read, checked, changed and written."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import f90nml
import pytest

from jules_ml.errors import BadInput
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.variable_lists import read_list
from jules_ml.support.namelist_text import remove_entries, scan, set_entries


@pytest.fixture
def loobos(shared_data: Path) -> NamelistFolder:
    """Namelists of a point run with comments, repeats, and lists separated by blanks or commas."""
    return NamelistFolder.read(shared_data / "jules" / "loobos_namelists")


def test_round_trip_keeps_every_byte(loobos: NamelistFolder, tmp_path: Path) -> None:
    written = loobos.write(tmp_path)
    assert len(written) == 29
    for file in written:
        assert file.read_bytes() == (loobos.where / file.name).read_bytes()


def test_values_equal_those_of_f90nml(loobos: NamelistFolder) -> None:
    for file in loobos.files:
        expected = f90nml.read(loobos.where / file)
        here = {name: values for f, name, values in loobos.groups() if f == file}
        assert here == {
            name: {k: v for k, v in group.items() if k != "_start_index"} for name, group in expected.items()
        }


def test_setting_every_entry_keeps_the_values(loobos: NamelistFolder, tmp_path: Path) -> None:
    before = list(loobos.groups())
    for file, name, values in before:
        loobos.set(name, values, file=file)
    assert list(loobos.groups()) == before
    loobos.write(tmp_path)
    assert list(NamelistFolder.read(tmp_path).groups()) == before


def test_a_change_changes_one_line(loobos: NamelistFolder) -> None:
    before = loobos.text("jules_soil_biogeochem.nml").splitlines()
    loobos.set("jules_soil_biogeochem", {"q10_soil": 3.25})
    after = loobos.text("jules_soil_biogeochem.nml").splitlines()
    assert [(a, b) for a, b in zip(before, after, strict=True) if a != b] == [("q10_soil=2.0,", "q10_soil = 3.25,")]
    assert loobos.changed == ("jules_soil_biogeochem.nml",)


TEXT = """! before
&One  ! with a slash / in the comment
  Name = 'it''s / here!',  ! and = here
  values = 3*1.5, 2 4.0D0
  x(1) = 1, x(3) = 3,
/
&TWO /
&two a=T /
"""


def test_comments_case_and_order_are_kept() -> None:
    text = set_entries(TEXT, "one", {"values": [1.0, 2.5e-9], "x": [7, 8, 9], "new": False})
    assert "! before" in text
    assert "! with a slash / in the comment" in text
    assert "  Name = 'it''s / here!',  ! and = here" in text
    assert f90nml.reads(text)["one"] == {
        "name": "it's / here!",
        "values": [1.0, 2.5e-9],
        "x": [7, 8, 9],
        "new": False,
    }


def test_values_of_single_elements_are_at_their_index() -> None:
    text = "&JULES_SOIL_PROPS\n  nvars = 3, var = 'b', 'sathh', 'albsoil',\n  use_file(3) = F,\n  const_val(3) = 0.11,\n/\n"
    folder = NamelistFolder({"ancillaries.nml": text}, Path("anywhere"))
    group = folder.get("jules_soil_props")
    assert group["const_val"] == [None, None, 0.11]
    assert [(v.name, v.use_file, v.const_val) for v in read_list(group)] == [
        ("b", True, None),
        ("sathh", True, None),
        ("albsoil", False, 0.11),
    ]
    folder.set("jules_soil_props", {"const_val": group["const_val"]})
    assert folder.get("jules_soil_props") == group


def test_the_second_of_two_groups_with_one_name_is_changed() -> None:
    text = set_entries(TEXT, "two", {"a": False}, occurrence=1)
    assert "&two a = .false. /" in text
    added = set_entries(text, "two", {"a": 5}, occurrence=2)
    assert [group.name for group in scan(added)] == ["one", "two", "two", "two"]


def test_edited_files_are_read_by_fortran(loobos: NamelistFolder, tmp_path: Path) -> None:
    if shutil.which("gfortran") is None:
        pytest.skip("there is no Fortran compiler")
    loobos.set("jules_soil_props", {"use_file": [True] * 8 + [False], "const_z": False, "file": "it's soil.nc"})
    loobos.write(tmp_path / "nml")
    program = tmp_path / "read.f90"
    program.write_text(
        """program read
  implicit none
  logical :: use_file(9) = .false., const_z = .true.
  integer :: nvars = 0
  real :: const_val(9) = 0.0
  character(len=80) :: var(9) = '', file = ''
  namelist /jules_soil_props/ nvars, var, use_file, const_val, const_z, file
  open(10, file='nml/ancillaries.nml')
  read(10, nml=jules_soil_props)
  write(*, *) count(use_file), const_z, nvars, trim(var(9)), ' ', trim(file)
  write(*, '(es12.5)') const_val(7)
end program
""",
        encoding="ascii",
    )
    subprocess.run(["gfortran", "-o", "read", "read.f90"], cwd=tmp_path, check=True)
    done = subprocess.run([str(tmp_path / "read")], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["8", "F", "9", "albsoil", "it's", "soil.nc", "1.18568E+06"]


def test_a_complete_folder_passes(loobos: NamelistFolder) -> None:
    loobos.check()


def test_all_missing_groups_are_named(loobos: NamelistFolder, tmp_path: Path) -> None:
    loobos.write(tmp_path)
    (tmp_path / "drive.nml").unlink()
    (tmp_path / "timesteps.nml").write_text("&JULES_TIME main_run_start='1997-01-01 00:00:00' /\n", encoding="ascii")
    (tmp_path / "output.nml").write_text("&JULES_OUTPUT nprofiles=2 /\n&JULES_OUTPUT_PROFILE /\n", encoding="ascii")
    with pytest.raises(BadInput) as caught:
        NamelistFolder.read(tmp_path).check()
    problem = caught.value.problem
    assert "drive.nml" in problem
    assert "&JULES_SPINUP in timesteps.nml" in problem
    assert "&JULES_OUTPUT_PROFILE (nprofiles = 2, 1 present)" in problem
    assert "jules-ml init" in caught.value.remedy


def test_a_missing_group_is_reported_with_its_file(loobos: NamelistFolder) -> None:
    with pytest.raises(BadInput) as caught:
        loobos.get("jules_soil_ecosse")
    assert "JULES_SOIL_ECOSSE" in caught.value.problem


def test_a_group_that_is_not_closed_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.nml").write_text("! hm\n\n&jules_time\n main_run_start='1997'\n", encoding="ascii")
    with pytest.raises(BadInput) as caught:
        NamelistFolder.read(tmp_path)
    assert str(caught.value.where).endswith("a.nml, line 3")


def test_the_original_folder_is_never_written(loobos: NamelistFolder) -> None:
    with pytest.raises(BadInput, match="must not be changed"):
        loobos.write(loobos.where)


def test_folder_without_namelists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no namelists"):
        NamelistFolder.read(tmp_path / "nothing")


def test_entries_are_removed_and_all_else_is_kept() -> None:
    text = remove_entries(TEXT, "one", ["name", "x"])
    assert scan(text)[0].entries[0].name == "values"
    assert len(scan(text)[0].entries) == 1
    assert "! before" in text
    assert "it''s" not in text
    assert remove_entries(TEXT, "two", ["a"]).splitlines()[-1] == "&two /"
    assert remove_entries(TEXT, "one", ["other"]) == TEXT


def test_entries_are_removed_from_a_folder(loobos: NamelistFolder) -> None:
    loobos.remove("JULES_TIME", ["timestep_len"])
    assert "timestep_len" not in loobos.get("jules_time")
    assert loobos.changed == ("timesteps.nml",)


def test_missing_values_at_the_end_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.nml").write_text("&g\nn=3,,\nx=1.0,2.0, ,\ny=1,,2,\nz=2*,\ne=,\n/\n", encoding="ascii")
    group = NamelistFolder.read(tmp_path).get("g")
    assert group == {"n": 3, "x": [1.0, 2.0], "y": [1, None, 2], "z": None, "e": None}


def test_strings_are_written_as_they_are() -> None:
    values = ["tab\there", "it's  two blanks", "both \" and '", "x" * 120]
    text = set_entries("&g\n/\n", "g", {"s": values, "long": [0.1] * 60})
    folder = NamelistFolder({"a.nml": text}, Path("anywhere"))
    assert folder.get("g") == {"s": values, "long": [0.1] * 60}


def test_lines_with_carriage_returns_are_removed_whole() -> None:
    assert remove_entries("&g\r\n x = 1,\r\n y = 2 ! c\r\n z = 3\r\n/\r\n", "g", ["x", "y"]) == "&g\r\n z = 3\r\n/\r\n"
