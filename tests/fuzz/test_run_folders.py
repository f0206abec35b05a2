"""Other spellings of namelists are read to the same values, and damaged run folders and files of soil properties are answered."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz import run_folders

from jules_ml.errors import BadInput


def answer(tmp_path: Path, file: str, old: str, new: str) -> list[str]:
    """Warnings about the run folder with a changed file."""
    run_folders.copy_of_point(tmp_path)
    path = tmp_path / "run" / file
    text = path.read_text(encoding="ascii")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="ascii")
    return run_folders.entries_of_run(tmp_path)[1]


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        ("jules_soil.nml", "sm_levels = 4", "sm_levels  4", "'sm_levels 4' is no entry, since it has no '='"),
        ("jules_soil.nml", "0.1, 0.25, 0.65, 2.0", "0,1, 0,25, 0,65, 2,0", "dzsoil_io is 0, outside 0.001 to 20 m"),
        ("ancillaries.nml", "0.242", "NaN", "const_val is nan"),
    ],
)
def test_namelists_that_mean_something_else_are_refused(
    tmp_path: Path, file: str, old: str, new: str, problem: str
) -> None:
    with pytest.raises(BadInput) as caught:
        answer(tmp_path, file, old, new)
    assert problem in str(caught.value)
    assert file in str(caught.value)


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        ("ancillaries.nml", "6.63, 0.049", "6,63, 0.049", "const_val has 10 values, and nvars is 9"),
        ("pft_params.nml", "nl0_io = 0.04", "nl0_io = 0,04", "nl0_io has 6 values, and npft is 5"),
    ],
)
def test_lists_that_are_too_long_are_noted(tmp_path: Path, file: str, old: str, new: str, problem: str) -> None:
    assert any(problem in note and file in note for note in answer(tmp_path, file, old, new))


@pytest.mark.slow
def test_a_part_of_the_mutated_run_folders() -> None:
    results = run_folders.mutations(list(run_folders.plan(len(run_folders.FAULTS), seed=1)))
    print(results.table())
    assert not results.of("silent", "traceback"), "\n".join(result.line for result in results.of("silent", "traceback"))
    spelt = [result for result in results.results if result.fault in run_folders.SPELLINGS]
    assert {result.found for result in spelt} == {"right"}
