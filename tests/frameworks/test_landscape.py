"""The example of a hillslope: soil and the groundwater of Landlab, coupled in FINAM."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("bmipy")
pytest.importorskip("finam", reason="FINAM is not installed (pip install jules_ml[finam])")
pytest.importorskip("landlab", reason="Landlab is not installed (pip install landlab)")

from helpers.components import write_component
from helpers.paths import REPOSITORY


def test_no_water_is_lost_between_soil_aquifer_and_river(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("landscape", REPOSITORY / "docs" / "examples" / "finam_landscape.py")
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    budget = example.couple(write_component(tmp_path, days=5), 5, figure=tmp_path / "landscape.png")
    assert budget["drainage of the soil"] > 0.0
    assert budget["river, from groundwater"] > 0.0
    assert abs(budget["lost"]) < 1e-9 * budget["drainage of the soil"]
    assert (tmp_path / "landscape.png").stat().st_size > 10_000
