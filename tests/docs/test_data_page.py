"""docs/how_to/data.md shows a section for each kind of file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers.paths import REPOSITORY

from jules_ml.experiment import load_experiment

PAGE = (REPOSITORY / "docs" / "how_to" / "data.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_example_on_the_page_is_a_valid_experiment(text: str, tmp_path: Path) -> None:
    (tmp_path / "shown.toml").write_text(text, encoding="utf-8")
    assert load_experiment(tmp_path / "shown.toml").data is not None
