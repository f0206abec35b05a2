"""docs/how_to/calibration.md lists every parameter, and its example is a valid section."""

from __future__ import annotations

import re
import tomllib

from helpers.paths import REPOSITORY

from jules_ml.experiment.calibration import CalibrationSection
from jules_ml.physics.parameter_names import PARAMETERS

PAGE = (REPOSITORY / "docs" / "how_to" / "calibration.md").read_text(encoding="utf-8")


def test_page_lists_every_parameter() -> None:
    for name, each in PARAMETERS.items():
        group = f"`{each.group}`" if each.group else "–"
        scale = "log" if each.log else "linear"
        row = f"| `{name}` | {group} | {each.units} | {each.lower:g} to {each.upper:g} | {scale} | {each.long_name} |"
        assert row in PAGE


def test_example_is_valid() -> None:
    text = re.search(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    assert text is not None
    section = CalibrationSection.model_validate(tomllib.loads(text[1])["calibration"])
    assert [each.name for each in section.parameters] == ["satcon", "b", "nl0"]
