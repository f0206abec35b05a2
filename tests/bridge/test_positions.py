"""The search for points by position: in Fortran and in Python it finds the same."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from helpers.position_cases import CASES, PositionCase, Positions

from jules_ml.bridge.positions import duplicate_of, places_of

CASE = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def array(positions: Positions) -> np.ndarray:
    return np.array(positions, dtype=np.float64).reshape(-1, 2)


@CASE
def test_python_finds_points(case: PositionCase) -> None:
    assert (duplicate_of(array(case.here)) >= 0) == case.ambiguous
    assert places_of(array(case.here), array(case.there)).tolist() == list(case.places)


@CASE
def test_fortran_finds_points(bridge_build: Path, case: PositionCase) -> None:
    text = ""
    for positions in (array(case.here), array(case.there)):
        text += f"{len(positions)}\n" + "".join(" ".join(map(repr, row.tolist())) + "\n" for row in positions.T)
    program = bridge_build / "fortran_bridge" / "tests" / "find_points"
    done = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
    duplicate, *places = (int(line) for line in done.stdout.split())
    assert (duplicate > 0) == case.ambiguous
    assert [place - 1 for place in places] == list(case.places)
