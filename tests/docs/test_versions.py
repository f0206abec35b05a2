"""docs/reference/versions.md gives the number of entries of each version as the table has it, and its example is valid."""

from __future__ import annotations

import re
from pathlib import Path

from helpers.namelist_forms import FORMS
from helpers.paths import REPOSITORY

from jules_ml.experiment import load_experiment
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.required_namelists import SINCE
from jules_ml.jules.rose import read_rose_app
from jules_ml.jules.run_folder import RunFolder
from jules_ml.jules.versions import VERSIONS, entry_table, versions_of_run

PAGE = (REPOSITORY / "docs" / "reference" / "versions.md").read_text(encoding="utf-8")


def test_page_has_the_number_of_entries_of_each_version() -> None:
    entries = [period for group in entry_table().values() for periods in group.values() for period in periods]
    counts = {version: sum(version in entry.versions for entry in entries) for version in VERSIONS}
    listed = re.findall(r"^\| (\d\.\d) \| (\d+) \|", PAGE, re.MULTILINE)
    assert {version: int(count) for version, count in listed} == counts


def test_page_lists_what_the_version_is_known_from_in_order(tmp_path: Path) -> None:
    (table,) = re.findall(r"^\| source, in order of precedence \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    rows = [row.split("|")[1].strip() for row in table.splitlines()]
    (tmp_path / "rose-app.conf").write_text("meta=jules-standalone/vn8.0\n", encoding="ascii")
    namelists = NamelistFolder({"a.nml": "&jules_soil_biogeochem\nl_bgc_heat = F\n/\n"}, tmp_path)
    run = RunFolder(tmp_path, namelists, "")
    rose = RunFolder(tmp_path, namelists, "", rose=read_rose_app(tmp_path))
    known = [
        versions_of_run(rose, "7.0", executable="7.1"),
        versions_of_run(rose, executable="7.1"),
        versions_of_run(rose),
        versions_of_run(run),
    ]
    sources = ["[jules] version", "hooks of the executable", "meta in rose-app.conf", "by the entries of its namelists"]
    assert [versions.source for versions in known] == sources
    assert rows == [
        "`version` under `[jules]`",
        "the [hooks](../how_to/hooks.md) of the executable",
        "the Rose application",
        "the entries of the namelists",
    ]


def test_example_on_the_page_is_a_valid_experiment(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "shown.toml").write_text(text, encoding="utf-8")
    section = load_experiment(tmp_path / "shown.toml").jules
    assert section is not None
    assert section.branch_entries == ("rd_model",)


def test_page_lists_the_namelists_that_later_versions_added() -> None:
    rows = re.findall(r"^\| (\d\.\d) \| `(\w+)\.nml` \| `(\w+)` \|$", PAGE, re.MULTILINE)
    assert tuple(rows) == SINCE


def test_page_has_the_number_of_forms_that_are_compared_with_fortran() -> None:
    assert re.findall(r"compare (\d+) forms", PAGE) == [str(len(FORMS))]
