"""Namelists that a folder needs, by the version of JULES that it is for."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from helpers.jules_runs import Write

from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.required_namelists import SINCE, first_version, later, required_groups
from jules_ml.jules.run import run_jules
from jules_ml.jules.run_folder import read_run_folder
from jules_ml.jules.template import write_template
from jules_ml.support.namelist_text import scan


def of_version(point: Path, version: str) -> None:
    """Reduce the shipped template to the namelists that a version has."""
    namelists = point / "namelists"
    for since, file, group in SINCE:
        if not later(since, version):
            continue
        path = namelists / f"{file}.nml"
        groups = [name for f, name, _ in NamelistFolder.read(namelists).groups() if f == path.name]
        if groups == [group]:
            path.unlink()
        else:
            text = path.read_text(encoding="ascii")
            (cut,) = [each for each in scan(text) if each.name == group]
            path.write_text(text[: cut.start] + text[cut.end :], encoding="ascii")


@pytest.fixture
def point(tmp_path: Path) -> Path:
    """Run folder of the shipped template."""
    write_template(tmp_path / "point", version="7.0")
    return tmp_path / "point"


@pytest.mark.parametrize(
    ("version", "first"),
    [("5.0", "5.0"), ("5.2", "5.0"), ("5.4", "5.4"), ("5.9", "5.9"), ("6.2", "6.0"), ("7.0", "6.3")],
)
def test_folder_of_a_version_is_complete(point: Path, version: str, first: str) -> None:
    of_version(point, version)
    run = read_run_folder(point)
    assert first_version({name for _, name, _ in run.namelists.groups()}) == first


def test_empty_group_of_a_file_of_all_versions_tells_no_version(point: Path) -> None:
    of_version(point, "5.2")
    path = point / "namelists" / "model_grid.nml"
    path.write_text(path.read_text(encoding="ascii") + "&JULES_NLSIZES\n/\n", encoding="ascii")
    read_run_folder(point)


@pytest.mark.parametrize(
    ("file", "missing"),
    [
        ("jules_deposition.nml", "jules_deposition.nml"),
        ("jules_prnt_control.nml", "jules_prnt_control.nml"),
        ("science_fixes.nml", "science_fixes.nml"),
        ("fire.nml", "fire.nml"),
    ],
)
def test_folder_of_a_later_version_needs_all_before_it(point: Path, file: str, missing: str) -> None:
    (point / "namelists" / file).unlink()
    with pytest.raises(BadInput, match=r"JULES 6\.3 and later versions require") as caught:
        read_run_folder(point)
    assert caught.value.problem.endswith(f"missing: {missing}")


def test_only_what_the_version_has_is_asked_for(point: Path) -> None:
    of_version(point, "5.4")
    (point / "namelists" / "drive.nml").unlink()
    with pytest.raises(BadInput) as caught:
        read_run_folder(point)
    assert caught.value.problem.endswith("missing: drive.nml")


def test_versions_are_in_order() -> None:
    assert all(not later(a[0], b[0]) for a, b in itertools.pairwise(SINCE))
    assert later("5.10", "5.9")
    assert "jules_deposition" in required_groups(["jules_prnt_control"])["jules_deposition"]


@pytest.mark.parametrize(("given", "refused"), [("", False), ('version = "7.6"', True)])
def test_missing_namelists_of_the_version_are_found_before_the_start(
    user: Path, write: Write, given: str, refused: bool
) -> None:
    folder = user / "nml"
    for file in ("jules_irrig.nml", "jules_water_resources.nml", "jules_prnt_control.nml"):
        (folder / file).unlink()
    imogen = folder / "imogen.nml"
    text = imogen.read_text(encoding="ascii")
    assert "imogen_onoff_switch" in text.lower()
    imogen.write_text("&imogen_run_list\n/\n&imogen_anlg_vals_list\n/\n", encoding="ascii")
    path = write(jules=given)
    if refused:
        with pytest.raises(BadInput, match=r"JULES_IRRIG in jules_irrig\.nml \(from JULES 5\.9\)"):
            run_jules(load_experiment(path), path.parent / "out")
    else:
        done = run_jules(load_experiment(path), path.parent / "out")
        assert any("complete for JULES 5.5, and later versions stop" in note for note in done.notes)
