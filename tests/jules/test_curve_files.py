"""Curve tables: round trip, comparison with JULES's own curves, and refusals."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import f90nml
import numpy as np
import pytest
import torch
from _jules_curves import jules_fsth, jules_ftemp
from helpers.paths import REPOSITORY

from jules_ml.errors import BadInput
from jules_ml.jules.curve_files import read_curve, write_curve
from jules_ml.learned.respiration.tables import CurveTable
from jules_ml.physics.respiration import fsth, ftemp_q10, ftemp_rothc

TABLE = CurveTable("fsth", "sthu", 0.0, 1.0, np.array([0.0, 0.5, 1.0, 0.25]), 0.1, 0.9, 0.7)


def test_a_written_table_is_read_unchanged(tmp_path: Path) -> None:
    again = read_curve(write_curve(TABLE, tmp_path / "fsth.nml"), "fsth")
    np.testing.assert_array_equal(again.y, TABLE.y)
    for name in ("name", "x", "x_min", "x_max", "seen_min", "seen_max", "reference"):
        assert getattr(again, name) == getattr(TABLE, name)


@pytest.mark.parametrize(
    "y", ["y(1) = 0.0, 0.5, 1.0, 0.25", "y(1:4) = 0.0, 0.5, 1.0, 0.25", "y(3) = 1.0, 0.25 y(1:2) = 0.0, 0.5"]
)
def test_elements_are_read_as_by_the_bridge(tmp_path: Path, y: str) -> None:
    path = write_curve(TABLE, tmp_path / "fsth.nml")
    lines = [line for line in path.read_text(encoding="ascii").splitlines() if not line.strip().startswith("y ")]
    path.write_text("\n".join([lines[0], y, *lines[1:], ""]), encoding="ascii")
    np.testing.assert_array_equal(read_curve(path, "fsth").y, TABLE.y)


def test_longest_table_is_read(tmp_path: Path) -> None:
    path = write_curve(TABLE, tmp_path / "fsth.nml")
    text = path.read_text(encoding="ascii").replace("n = 4", "n = 100001")
    path.write_text(re.sub(r"y = .*", "y = 50000*0.5, " + ", ".join(["0.25"] * 50001), text), encoding="ascii")
    assert read_curve(path).y.sum() == 50000 * 0.5 + 50001 * 0.25


def test_a_table_is_linear_between_points_and_constant_outside() -> None:
    x = torch.tensor([-1.0, 0.0, 1.0 / 6.0, 1.0 / 3.0, 0.5, 1.0, 2.0], dtype=torch.float64)
    expected = torch.tensor([0.0, 0.0, 0.25, 0.5, 0.75, 0.25, 0.25], dtype=torch.float64)
    torch.testing.assert_close(TABLE(x), expected)


def test_result_has_the_shape_and_precision_of_the_input() -> None:
    y = TABLE(torch.zeros(2, 3, dtype=torch.float32))
    assert (y.shape, y.dtype) == ((2, 3), torch.float32)


@pytest.mark.parametrize("pools", [1, 4])
def test_table_of_the_moisture_modifier_of_jules(pools: Literal[1, 4]) -> None:
    s = torch.linspace(0.0, 1.0, 333, dtype=torch.float64)
    wilt, sat = (torch.tensor(value, dtype=torch.float64) for value in (0.12, 0.45))
    torch.testing.assert_close(
        jules_fsth(0.12, 0.45, pools=pools)(s), fsth(s, wilt, sat, pools=pools), rtol=0, atol=4e-3
    )


def test_table_of_the_moisture_modifier_over_water_content() -> None:
    theta = torch.linspace(0.0, 0.45, 50, dtype=torch.float64)
    wilt, sat = (torch.tensor(value, dtype=torch.float64) for value in (0.12, 0.45))
    table = jules_fsth(0.12, 0.45, x="theta")
    torch.testing.assert_close(table(theta), fsth(theta / 0.45, wilt, sat, pools=1), rtol=0, atol=4e-3)
    assert float(table(torch.tensor(table.reference, dtype=torch.float64))) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(("form", "exact"), [("q10", ftemp_q10), ("rothc", ftemp_rothc)])
def test_table_of_the_temperature_modifier_of_jules(
    form: Literal["q10", "rothc"], exact: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    t = torch.linspace(240.0, 320.0, 777, dtype=torch.float64)
    torch.testing.assert_close(jules_ftemp(form=form)(t), exact(t), rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "ftemp"}, "not an input of ftemp"),
        ({"x": "psi"}, "x is 'psi'"),
        ({"x_max": 0.0}, "x runs from"),
        ({"y": np.array([1.0])}, "1 values"),
        ({"y": np.array([1.0, -0.1, 1.0])}, r"y\(2\)"),
        ({"y": np.array([1.0, np.nan])}, r"y\(2\)"),
        ({"y": np.array([1.0, 1e39])}, r"y\(2\)"),
        ({"seen_min": np.nan}, "the data cover nan"),
        ({"seen_max": np.inf}, "the data cover 0.1 to inf"),
        ({"seen_max": 0.05}, "is below seen_min"),
        ({"reference": np.nan}, "the reference is nan"),
    ],
)
def test_a_table_that_cannot_be_evaluated_is_not_written(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadInput, match=problem):
        write_curve(replace(TABLE, **changes), tmp_path / "fsth.nml")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("x_units = '1'", "x_units = 'K'", "x_units is 'K'"),
        ("version = 1", "version = 2", "version is 2"),
        ("n = 4", "n = 5", "n is 5 and y has 4"),
        ("reference = 0.7", "referee = 0.7", "reference is missing"),
        ("seen_min = 0.1", "seen_min = 'low'", "not a number"),
        ("&jules_ml_curve", "&other", "&other"),
        ("seen_min = 0.1", "seen_min = NaN", "the data cover nan"),
        ("seen_max = 0.9", "seen_max = Infinity", "the data cover 0.1 to inf"),
        ("seen_max = 0.9", "seen_max = 0.05", "is below seen_min"),
        ("seen_max = 0.9", "seen_max = .true.", "not a number"),
        ("seen_max = 0.9", "seen_max = 0.9, 1.0", "not a number"),
        ("x_max = 1.0", "x_max = NaN", "x runs from 0 to nan"),
        ("x = 'sthu'", "x = 1", "x is 1, not text"),
        ("x = 'sthu'", "x = 'sthu', 'theta'", "not text"),
        ("y = 0.0", "y(2:5) = 0.0", r"y does not start at y\(1\)"),
        ("y = 0.0", "y = , 0.0", r"y does not start at y\(1\)"),
        ("y = 0.0", "y = NaN", r"y\(1\) is nan"),
        ("y = 0.0", "y = 'a'", "not a number"),
        ("&jules_ml_curve", "&jules_ml_curve\n/\n&jules_ml_curve", "contains &jules_ml_curve, &jules_ml_curve"),
    ],
)
def test_an_invalid_file_is_refused(tmp_path: Path, old: str, new: str, problem: str) -> None:
    path = write_curve(TABLE, tmp_path / "fsth.nml")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(BadInput, match=problem) as caught:
        read_curve(path)
    assert str(path) in str(caught.value.where)
    assert caught.value.remedy


def test_missing_file_and_the_other_curve_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        read_curve(tmp_path / "none.nml")
    path = write_curve(jules_ftemp(), tmp_path / "ftemp.nml")
    with pytest.raises(BadInput, match="name is 'ftemp', not 'fsth'"):
        read_curve(path, "fsth")


def test_repeat_counts_of_namelists_are_read(tmp_path: Path) -> None:
    group = f90nml.read(write_curve(TABLE, tmp_path / "fsth.nml"))["jules_ml_curve"]
    text = "&jules_ml_curve\n" + "\n".join(
        f"{key} = {value!r}" for key, value in group.items() if key not in ("y", "n")
    )
    (tmp_path / "hand.nml").write_text(text + "\nn = 5\ny(1:5) = 2*0.5, 3*1.0\n/\n")
    np.testing.assert_array_equal(read_curve(tmp_path / "hand.nml").y, [0.5, 0.5, 1.0, 1.0, 1.0])


def test_the_table_of_the_page_is_read(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "reference" / "bridge.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```text\n(&jules_ml_curve.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "fsth.nml").write_text(text, encoding="ascii")
    assert float(read_curve(tmp_path / "fsth.nml", "fsth")(torch.tensor([0.75]).double())) == 1.0
