"""Lists of variables in namelists, and columns of ASCII files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jules_ml.errors import BadInput
from jules_ml.jules.run_folder import RunFolder, read_run_folder
from jules_ml.jules.template import write_template
from jules_ml.jules.variable_lists import list_entries, read_list, read_row, remove_from_initial_state


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """The shipped template."""
    write_template(tmp_path / "point")
    return read_run_folder(tmp_path / "point")


def set_initial(run: RunFolder, names: list[str], row: str) -> None:
    """Write the initial state to a file with ``row`` as its first line of data."""
    (run.folder / "initial_conditions.dat").write_text(f"# comment\n\n{row}\n99 99\n", encoding="ascii")
    constants: dict[str, list[bool] | list[float]] = {"use_file": [True] * len(names), "const_val": [0.0] * len(names)}
    run.namelists.set("jules_initial", {"nvars": len(names), "var": names, **constants})


def first_row(run: RunFolder) -> list[float]:
    """First line of data of the file that the namelist names."""
    lines = (run.folder / run.namelists.get("jules_initial")["file"]).read_text(encoding="ascii").splitlines()
    return [float(word) for word in lines[2].split()]


def test_list_survives_a_round_trip(run: RunFolder) -> None:
    group = run.namelists.get("jules_initial")
    entries = list_entries(read_list(group))
    assert {key: group[key] for key in entries} == entries


def test_columns_are_counted_from_the_left(run: RunFolder) -> None:
    set_initial(run, ["gs", "sthuf", "t_soil"], "7  1 2 3 4  5 6 7 8")
    remove_from_initial_state(run, "sthuf", run.folder / "swapped" / "new.dat")
    assert first_row(run) == [7, 5, 6, 7, 8]


def test_columns_are_counted_from_the_right_after_an_unknown_variable(run: RunFolder) -> None:
    set_initial(run, ["mystery", "sthuf", "t_soil"], "70 71 72  1 2 3 4  5 6 7 8")
    remove_from_initial_state(run, "sthuf", run.folder / "swapped" / "new.dat")
    assert first_row(run) == [70, 71, 72, 5, 6, 7, 8]


def test_ambiguous_columns_are_refused(run: RunFolder) -> None:
    set_initial(run, ["mystery", "sthuf", "other"], "70 71 72  1 2 3 4  5")
    with pytest.raises(BadInput) as caught:
        remove_from_initial_state(run, "sthuf", run.folder / "swapped" / "new.dat")
    assert "mystery" in caught.value.problem
    assert "put sthuf first" in caught.value.remedy


def test_row_that_is_too_short_is_refused(run: RunFolder) -> None:
    set_initial(run, ["t_soil", "sthuf"], "280 281 282 283 0.5")
    with pytest.raises(BadInput, match="too few"):
        remove_from_initial_state(run, "sthuf", run.folder / "swapped" / "new.dat")


def test_variable_with_a_constant_has_no_column(run: RunFolder) -> None:
    run.namelists.set("jules_initial", {"use_file": [False] * 4 + [False, True]})
    before = run.namelists.get("jules_initial")["file"]
    remove_from_initial_state(run, "sthuf", run.folder / "swapped" / "new.dat")
    after = run.namelists.get("jules_initial")
    assert after["file"] == before
    assert after["var"] == ["canopy", "tstar_tile", "cs", "snow_tile", "t_soil"]
    assert after["const_val"] == [0.0, 283.0, 10.0, 0.0, 0.0]


def test_sizes_follow_the_run(run: RunFolder) -> None:
    source = run.folder / "row.dat"
    source.write_text(" ".join(str(n) for n in range(30)), encoding="ascii")
    # nine tiles, five types of plants, four layers
    np.testing.assert_array_equal(read_row(run, source, ["snow_tile", "lai", "t_soil"], "t_soil"), [14, 15, 16, 17])
    run.namelists.set("jules_surface", {"l_aggregate": True})
    np.testing.assert_array_equal(read_row(run, source, ["snow_tile", "lai", "t_soil"], "t_soil"), [6, 7, 8, 9])
