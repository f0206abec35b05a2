"""Atomic writes of files, and output folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.module_attacks import NAMES

from jules_ml.errors import BadInput
from jules_ml.support.files import atomic_write, safe_file_name, safe_file_names, writable_folder


def test_a_file_replaces_the_old_one(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "new" / "a.txt") as part:
        part.write_text("done", encoding="utf-8")
        assert not (tmp_path / "new" / "a.txt").exists()
    assert (tmp_path / "new" / "a.txt").read_text(encoding="utf-8") == "done"
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_the_old_file_is_kept_when_writing_is_interrupted(tmp_path: Path, error: type[BaseException]) -> None:
    (tmp_path / "a.txt").write_text("before", encoding="utf-8")

    def write() -> None:
        with atomic_write(tmp_path / "a.txt") as part:
            part.write_text("half", encoding="utf-8")
            raise error

    with pytest.raises(error):
        write()
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_that_cannot_be_created_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(BadInput, match="cannot be written") as caught, atomic_write(tmp_path / "file" / "a.txt"):
        pass
    assert "--out" in caught.value.remedy


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.nc").mkdir()
    with pytest.raises(BadInput, match="cannot be replaced") as caught, atomic_write(tmp_path / "run.nc") as part:
        part.write_text("new")
    assert caught.value.where == str(tmp_path / "run.nc")
    assert "remove or rename it" in caught.value.remedy
    assert [p.name for p in tmp_path.iterdir()] == ["run.nc"]


def test_a_folder_that_cannot_be_created_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadInput, match="cannot be written") as error:
        writable_folder(tmp_path / "file" / "runs")
    assert "--out" in error.value.remedy
    writable_folder(tmp_path / "runs" / "tower")
    assert list((tmp_path / "runs" / "tower").iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_a_site_is_a_file_in_its_folder(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{safe_file_name(name)}_sthuf.nc"
    with atomic_write(path) as part:
        part.write_text("x")
    assert path.parent.resolve() == tmp_path.resolve()
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert not path.name.startswith("-")


def test_names_of_devices_are_changed() -> None:
    assert (safe_file_name("CON"), safe_file_name("lpt1"), safe_file_name("")) == ("_CON", "_lpt1", "_")
    assert safe_file_name("FI-Hyy_2") == "FI-Hyy_2"


def test_sites_with_the_same_file_name_get_different_files() -> None:
    names = safe_file_names(["a b", "a_b", "A/B", "c", "x" * 300, "x" * 301])
    assert len({name.lower() for name in names.values()}) == 6
    assert names["c"] == "c"
    assert names == safe_file_names(list(names))
