"""docs/how_to/frameworks.md lists the exchanged variables as the components define them."""

from __future__ import annotations

import pytest
from helpers.paths import REPOSITORY

pytest.importorskip("bmipy")

from jules_ml.frameworks.bmi import COLUMN_OUTPUTS, STATE, WEATHER
from jules_ml.frameworks.variables import SOIL_INPUTS, SOIL_ONLY_OUTPUTS

PAGE = (REPOSITORY / "docs" / "how_to" / "frameworks.md").read_text(encoding="utf-8")


def test_page_lists_inputs_with_their_units_and_ranges() -> None:
    for name, variable in {**WEATHER, **SOIL_INPUTS}.items():
        assert variable.range is not None
        limits = f"{variable.range.valid_min:g} to {variable.range.valid_max:g}"
        assert f"| `{name}` | `{variable.jules}` | {variable.units} | {limits} |" in PAGE


def test_page_lists_outputs_with_their_units_and_grids() -> None:
    for name, variable in {**STATE, **COLUMN_OUTPUTS, **SOIL_ONLY_OUTPUTS}.items():
        grid = "layers" if variable.grid else "columns"
        assert f"| `{name}` | `{variable.jules}` | {variable.units} | {grid} | {variable.doc} |" in PAGE
