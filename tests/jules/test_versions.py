"""Versions of JULES and their namelist entries."""

from __future__ import annotations

from pathlib import Path

import pytest

from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.rose import read_rose_app
from jules_ml.jules.run_folder import RunFolder
from jules_ml.jules.versions import VERSIONS, Versions, entry_table, periods, versions_of_run


def run_with(tmp_path: Path, group: str, entries: str) -> RunFolder:
    return RunFolder(tmp_path, NamelistFolder({"a.nml": f"&{group}\n{entries}\n/\n"}, tmp_path), "")


@pytest.mark.parametrize(
    ("group", "name", "first", "last"),
    [
        ("jules_soil_biogeochem", "kaps_roth", "7.0", "7.1"),
        ("jules_soil_biogeochem", "kaps_4pool", "7.2", "8.2"),
        ("jules_model_grid", "lat_bounds", "7.0", "7.1"),
        ("jules_latlon", "l_coord_latlon", "7.2", "8.2"),
        ("jules_temp_fixes", "l_fix_neg_snow", "7.5", "8.2"),
        ("jules_overbank_props", "file", "7.0", "7.7"),
        ("jules_soil_props", "read_list", "7.8", "8.2"),
        ("jules_hydrology", "l_hydrology", "7.0", "8.2"),
        ("jules_rivers", "l_inland", "7.0", "8.1"),
        ("jules_soil_biogeochem", "cs_decomp_soil_moist_func", "8.2", "8.2"),
    ],
)
def test_entry_has_its_versions(group: str, name: str, first: str, last: str) -> None:
    entries = periods(group, name)
    assert (entries[0].first, entries[-1].last) == (first, last)


def test_entry_has_type_values_and_range() -> None:
    switch, saturated = (
        periods("jules_soil_biogeochem", name)[0] for name in ("cs_decomp_soil_moist_func", "fsthsat_cs_decomp_opt1")
    )
    assert (switch.kind, switch.values) == ("integer", ("0", "1"))
    assert (saturated.kind, saturated.limits) == ("real", "0.0:1.0")


def test_draft_names_are_in_no_version() -> None:
    assert periods("jules_soil_biogeochem", "l_lessdecomp_sat") == ()


def test_table_has_every_version() -> None:
    counts = dict.fromkeys(VERSIONS, 0)
    for group in entry_table().values():
        for entry in (each for entries in group.values() for each in entries):
            for version in entry.versions:
                counts[version] += 1
    assert min(counts.values()) > 900
    assert counts["8.2"] > counts["7.6"] > counts["7.0"]


@pytest.mark.parametrize(
    ("group", "entries", "possible"),
    [
        ("jules_soil_biogeochem", "kaps_roth = 4*1e-8", ("7.0", "7.1")),
        ("jules_model_grid", "lat_bounds = 50, 51", ("7.0", "7.1")),
        ("jules_soil_biogeochem", "l_bgc_heat = F", ("8.2",)),
        ("jules_pftparm", "sug_g0_io = 5*1.0", VERSIONS[4:]),
    ],
)
def test_version_follows_from_entries(tmp_path: Path, group: str, entries: str, possible: tuple[str, ...]) -> None:
    versions = versions_of_run(run_with(tmp_path, group, entries))
    assert versions.possible == possible
    assert "entries" in str(versions)


@pytest.mark.parametrize("entries", ["kaps = 5e-9", "kaps_roth = 4*1e-8, l_bgc_heat = F", "of_a_branch = 1"])
def test_version_is_unknown(tmp_path: Path, entries: str) -> None:
    versions = versions_of_run(run_with(tmp_path, "jules_soil_biogeochem", entries))
    assert not versions.known
    assert not versions.since("7.0")
    assert str(versions) == "an unknown version of JULES"


def test_version_of_the_experiment_takes_precedence(tmp_path: Path) -> None:
    run = run_with(tmp_path, "jules_soil_biogeochem", "l_bgc_heat = F")
    assert str(versions_of_run(run, "7.6", executable="8.2")) == "JULES 7.6 ([jules] version)"
    assert versions_of_run(run, executable="8.1").possible == ("8.1",)
    assert str(versions_of_run(run, executable="7.6 or 7.7")) == "JULES 7.6 to 7.7 (hooks of the executable)"


@pytest.mark.parametrize(
    ("meta", "possible"),
    [
        ("jules-standalone/vn7.6", ("7.6",)),
        ("jules-standalone/vn8.1_t70", ("8.1", "8.2")),
        ("/meta/rose-meta/jules-standalone/vn7.6", ("7.6",)),
        ("jules-standalone/HEAD", VERSIONS),
        ("um-atmos/vn13.0", VERSIONS),
        ("jules-standalone/vn6.3", VERSIONS),
    ],
)
def test_version_of_a_rose_application(tmp_path: Path, meta: str, possible: tuple[str, ...]) -> None:
    (tmp_path / "rose-app.conf").write_text(f"meta={meta}\n\n[env]\nA=b\n", encoding="ascii")
    run = RunFolder(tmp_path, NamelistFolder({"a.nml": "&jules_time\n/\n"}, tmp_path), "", rose=read_rose_app(tmp_path))
    assert versions_of_run(run).possible == possible


def test_entries_of_several_versions() -> None:
    group, name = "jules_soil_biogeochem", "cs_decomp_soil_moist_func"
    assert Versions(("8.2",), "given").all_have(group, name)
    assert not Versions(("8.1", "8.2"), "given").all_have(group, name)
    assert Versions(("8.1", "8.2"), "given").entry(group, name) is not None
    assert Versions(("7.6",), "given").entry(group, name) is None
    assert Versions(("7.8", "7.9"), "given").since("7.8")
