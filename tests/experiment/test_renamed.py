"""Keys that have a new name are refused with that name and the conversion of the value."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from jules_ml.errors import BadInput
from jules_ml.experiment.renamed import Renamed, refuse_renamed_keys

TEXT = """
[soil]
clay = 0.1

[[surface.tiles]]
type = "shrub"

[[surface.tiles]]
type = "bare_soil"
share = 0.2

[moisture.site_properties]
clay = 12.0
"""
RENAMED = {
    "moisture.site_properties.clay": Renamed("place.clay", "divide the value by 100: it is a fraction"),
    "surface.tiles.share": Renamed("surface.tiles.frac"),
    "old": Renamed("new"),
}


def refusal(text: str, renamed: dict[str, Renamed]) -> BadInput:
    with pytest.raises(BadInput) as caught:
        refuse_renamed_keys(tomllib.loads(text), text=text, path=Path("site.toml"), renamed=renamed)
    return caught.value


def test_old_key_is_refused_with_new_name_and_conversion() -> None:
    error = refusal(TEXT, {"moisture.site_properties.clay": RENAMED["moisture.site_properties.clay"]})
    assert error.problem == "key 'moisture.site_properties.clay' has a new name: 'place.clay'"
    assert (
        error.where
        == f"site.toml, line {TEXT[: TEXT.index('clay = 12')].count(chr(10)) + 1}, moisture.site_properties.clay"
    )
    assert error.remedy == "write clay under [place], and divide the value by 100: it is a fraction"


def test_key_of_an_array_of_tables_is_refused_without_conversion() -> None:
    error = refusal(TEXT, {"surface.tiles.share": RENAMED["surface.tiles.share"]})
    assert str(error.where).endswith("surface.tiles[2].share")
    assert error.remedy == "write frac under [surface.tiles]"


def test_a_renamed_section_is_refused() -> None:
    error = refusal("[old]\nx = 1\n", RENAMED)
    assert error.problem == "key 'old' has a new name: 'new'"
    assert error.remedy == "write [new]"


def test_further_old_keys_are_listed() -> None:
    error = refusal(TEXT, RENAMED)
    assert error.problem.endswith("(also renamed: surface.tiles[2].share is now surface.tiles.frac)")


def test_other_keys_pass() -> None:
    refuse_renamed_keys(
        tomllib.loads(TEXT), text=TEXT, path=Path("site.toml"), renamed={"soil.silt": Renamed("place.silt")}
    )
