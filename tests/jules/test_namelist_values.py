"""Values of namelists, against compiled Fortran."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.fortran_reader import compile_reader, read_by_fortran
from helpers.namelist_forms import FORMS, GROUP, READ_OTHERWISE, REFUSED

from jules_ml.errors import BadInput
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.preflight.layout import missing_values

#: Length of the first dimension of ``m``.
_ROWS = 3


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Program that reads the group of the forms."""
    return compile_reader(tmp_path_factory.mktemp("reader"), {"g": GROUP})


def by_element(values: dict[str, Any]) -> Iterator[tuple[tuple[str, int], Any]]:
    """Yield designator, index in memory order and value of each element that has one."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from (((f"{name}%{part}", k), each) for (part, k), each in by_element(value))
            continue
        flat: list[Any] = value if isinstance(value, list) else [value]
        if any(isinstance(each, list) for each in flat):
            flat = [item for row in flat for item in row + [None] * (_ROWS - len(row))]
        for k, each in enumerate(flat, start=1):
            if isinstance(each, dict):
                yield from (((f"{name}({k})%{part}", j), item) for (part, j), item in by_element(each))
            elif each is not None:
                yield (name, k), each


def same(read: Any, expected: Any) -> bool:
    if isinstance(read, str | bool) or isinstance(expected, str | bool):
        return type(read) is type(expected) and read == expected
    return math.isclose(read, expected, rel_tol=1e-14, abs_tol=0.0) or (math.isnan(read) and math.isnan(expected))


def compare(reader: Path, file: Path, text: str) -> dict[tuple[str, int], Any]:
    """Read a group here and by Fortran, and return the values by element."""
    file.write_bytes(text.encode())
    fortran = read_by_fortran(reader, {"g": GROUP}, "g", file)
    assert not isinstance(fortran, str), fortran
    expected = {(designator, index): value for (_, _, designator, index), value in fortran.items()}
    here = dict(by_element(NamelistFolder.read(file.parent).get("g")))
    assert set(here) == set(expected), (here, expected)
    assert all(same(here[key], value) for key, value in expected.items()), (here, expected)
    return here


@pytest.mark.fortran
@pytest.mark.parametrize("form", FORMS)
def test_values_are_those_of_fortran_before_and_after_a_change(reader: Path, tmp_path: Path, form: str) -> None:
    file = tmp_path / "a.nml"
    before = compare(reader, file, f"&G {form}\n/\n")
    folder = NamelistFolder.read(tmp_path)
    plain = {name: value for name, value in folder.get("g").items() if _is_scalar_or_row(value)}
    folder.set("g", plain)
    after = compare(reader, file, folder.text("a.nml"))
    assert set(after) == set(before)
    assert all(same(after[key], value) for key, value in before.items())


def _is_scalar_or_row(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return not any(isinstance(each, list | dict) for each in values)


@pytest.mark.fortran
@pytest.mark.parametrize(
    "text",
    [
        "&G y = 1 k = 2/\n",
        "$g y = 1 $end\n",
        "&g\n y = 1,\n&END\n",
        "\ufeff&g\n y = 1\n/\n",
        "A run of R&D, 5 / 6.\n! &g y = 2 /\n&g y = 1 /\nthe end\n",
        "&g\r\n  x = 1, 2,\r\n      3\r\n  f = 'a' ! c\r\n  k = 1\r\n/\r\n",
        "&h y = 2 /\n&g y = 1 /\n",
        "\t&g\ty = 1\t/\n",
    ],
)
def test_group_is_found_as_by_fortran(reader: Path, tmp_path: Path, text: str) -> None:
    values = compare(reader, tmp_path / "a.nml", text)
    assert values.get(("y", 1), 1) == 1


@pytest.mark.parametrize("form", FORMS)
def test_layout_of_a_form_is_read_alike_by_all_compilers(form: str) -> None:
    assert missing_values(f"&G {form}\n/\n") == []


@pytest.mark.fortran
@pytest.mark.parametrize("form", READ_OTHERWISE)
def test_layout_that_a_compiler_reads_otherwise_is_named(reader: Path, tmp_path: Path, form: str) -> None:
    text = f"&G {form}\n/\n"
    assert missing_values(text) == [form[0]]
    folder = NamelistFolder({"a.nml": text}, tmp_path)
    (expected,) = folder.groups()
    folder.set("g", expected[2])
    # after a change, the values are those of the standard
    here = compare(reader, tmp_path / "a.nml", folder.text("a.nml"))
    assert here == dict(by_element(expected[2]))


@pytest.mark.parametrize(("form", "message"), REFUSED)
def test_text_that_has_no_certain_meaning_is_refused_with_its_line(tmp_path: Path, form: str, message: str) -> None:
    (tmp_path / "a.nml").write_text(f"\n&G\n {form}\n/\n", encoding="ascii")
    with pytest.raises(BadInput) as caught:
        NamelistFolder.read(tmp_path).get("g")
    assert message in caught.value.problem
    assert str(caught.value.where).endswith(("line 2", "line 3"))


@pytest.mark.parametrize("form", ["x = 1", "x = 'a /\n", "x = 1 ! /\n"])
def test_group_without_end_is_refused(tmp_path: Path, form: str) -> None:
    (tmp_path / "a.nml").write_text(f"&G {form}", encoding="ascii")
    with pytest.raises(BadInput, match="not closed"):
        NamelistFolder.read(tmp_path)
