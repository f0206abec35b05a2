"""docs/versions.md gives the number of entries of each version as the table has it, and its example is valid."""

from __future__ import annotations

import re
from pathlib import Path

from helpers.paths import REPOSITORY

from jules_ml.experiment import load_experiment
from jules_ml.jules.versions import VERSIONS, entry_table

PAGE = (REPOSITORY / "docs" / "versions.md").read_text(encoding="utf-8")


def test_page_has_the_number_of_entries_of_each_version() -> None:
    entries = [period for group in entry_table().values() for periods in group.values() for period in periods]
    counts = {version: sum(version in entry.versions for entry in entries) for version in VERSIONS}
    listed = re.findall(r"^\| (\d\.\d) \| (\d+) \|", PAGE, re.MULTILINE)
    assert {version: int(count) for version, count in listed} == counts


def test_example_on_the_page_is_a_valid_experiment(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "shown.toml").write_text(text, encoding="utf-8")
    section = load_experiment(tmp_path / "shown.toml").jules
    assert section is not None
    assert section.branch_entries == ("rd_model",)
