"""Static properties of a site: each once, with one unit and one range, for all kinds of module."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.moisture_site import site
from helpers.respiration_record import synthetic_record

from jules_ml.bridge.static_inputs import StaticInputs
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.experiment.carbon_module import CarbonSettings
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.experiment.moisture import MoistureSection
from jules_ml.experiment.place import (
    CARBON,
    COVER,
    PROPERTIES,
    SOIL,
    TEXTURE,
    PlaceSection,
    check_properties,
    merged_properties,
    with_soil_carbon,
)
from jules_ml.experiment.renamed import RENAMED
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.experiment.sections import SiteSection
from jules_ml.experiment.sections import Texture as TextureSection
from jules_ml.learned import card_versions
from jules_ml.learned.carbon import table as carbon
from jules_ml.learned.carbon.site import carbon_site
from jules_ml.learned.hydraulics import inputs as hydraulics
from jules_ml.learned.hydraulics.site import network_inputs
from jules_ml.learned.moisture import inputs as moisture
from jules_ml.learned.moisture.limits import porosity
from jules_ml.learned.moisture.moments_model import JULES, static_properties
from jules_ml.learned.moisture.site import site_record
from jules_ml.learned.respiration.site import select_rows

PLACE = """\
[place]
sand = 0.5
clay = 0.2
bulk_density = 1300.0
porosity = 0.45
organic_carbon = 0.02
frac_tree = 0.6
frac_bare = 0.1
precip_annual = 800.0
"""
TEXTURE_SECTION = """\
[soil.texture]
pedotransfer = "hypres"
sand = [0.4, 0.5, 0.5, 0.5]
silt = [0.4, 0.3, 0.3, 0.3]
clay = 0.2
bulk_density = 1250.0
organic_carbon = [0.03, 0.02, 0.01, 0.005]
"""
SURFACE = """\
[[surface.tiles]]
type = "needleleaf_tree"
frac = 0.5

[[surface.tiles]]
type = "c3_grass"
frac = 0.3

[[surface.tiles]]
type = "bare_soil"
frac = 0.2
"""


def read(folder: Path, text: str) -> Experiment:
    path = folder / "site.toml"
    path.write_text(text, encoding="utf-8")
    return load_experiment(path)


def refusal(folder: Path, text: str) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read(folder, text)
    return caught.value


def test_every_property_is_a_key_of_the_experiment_once() -> None:
    assert set(PlaceSection.model_fields) | {"elevation"} == set(PROPERTIES)
    assert "elevation" in SiteSection.model_fields
    for settings in (RespirationSettings, MoistureSection, HydraulicSettings, CarbonSettings):
        assert set(settings.model_fields).isdisjoint(PROPERTIES)


def test_texture_by_layer_has_the_names_and_units_of_the_table() -> None:
    layered = set(TextureSection.model_fields) - {"pedotransfer", "topsoil_depth"}
    assert layered == {"sand", "silt", "clay", "bulk_density", "organic_carbon"}
    for name in layered:
        description = TextureSection.model_fields[name].description
        assert description is not None
        assert description.startswith(PROPERTIES[name].description)


def test_every_kind_has_its_static_inputs_from_the_table() -> None:
    for names in (hydraulics.INPUTS, carbon.STATIC, set(moisture.STATIC_SCALING) - set(JULES), SOIL, COVER):
        assert set(names) <= set(PROPERTIES)
    assert set(TEXTURE) | set(CARBON) <= set(SOIL)


def test_the_table_is_sound() -> None:
    for name, each in PROPERTIES.items():
        assert name == each.name
        assert each.units
        assert each.valid_min < each.valid_max
        assert each.description == f"{each.long_name} [{each.units}]"
    meanings = [each.long_name for each in PROPERTIES.values()]
    assert len(set(meanings)) == len(meanings)


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ("clay = 20.0", "clay is 20, outside 0 to 1", "divide it by 100: it seems to be in %"),
        ("frac_tree = 30.0", "frac_tree is 30, outside 0 to 1", "divide it by 100: it seems to be in %"),
        ("bulk_density = 1.3", "bulk_density is 1.3, outside 30 to 2700 kg m-3", "multiply it by 1000: it seems to be"),
        (
            "organic_carbon = 25.0",
            "organic_carbon is 25, outside 0 to 0.58 kg kg-1",
            "give kilograms of carbon per kilogram of soil: divide",
        ),
        ("t_air_mean = 12.0", "t_air_mean is 12, outside 200 to 330 K", "give it in K"),
        ("soc_density = -1.0", "soc_density is -1, outside 0 to 300 kg m-3", "give it in kg m-3"),
    ],
)
def test_a_value_in_another_unit_is_refused_with_the_conversion(
    tmp_path: Path, text: str, problem: str, remedy: str
) -> None:
    error = refusal(tmp_path, f"[place]\n{text}\n")
    assert error.problem.startswith(f"{problem}; {remedy}")
    assert error.where == f"{tmp_path / 'site.toml'}, line 2, place.{text.split(maxsplit=1)[0]}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("sand = 0.7\nclay = 0.6", "sand, silt and clay add up to 1.3, which is more than 1"),
        ("sand = 0.4\nsilt = 0.2\nclay = 0.2", "sand, silt and clay add up to less than 1"),
        ("frac_tree = 0.7\nfrac_grass = 0.5", "add up to 1.2, which is more than 1"),
        ("organic_carbon = 0.02\nsoc_stock = 8.0", "organic_carbon and soc_stock are both given"),
        ("claay = 0.2", "key 'claay' is unknown"),
        ("elevation = 20.0", "key 'elevation' is unknown"),
    ],
)
def test_properties_that_cannot_be_together_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in refusal(tmp_path, f"[place]\n{text}\n").problem


def test_unknown_properties_are_refused() -> None:
    with pytest.raises(BadInput, match="'trees' is not a static property of a site"):
        check_properties({"trees": 0.3}, where="here")


@pytest.mark.parametrize(
    ("text", "old", "new", "conversion"),
    [
        ("[moisture.site_properties]\nclay = 20.0", "moisture.site_properties.clay", "place.clay", "divide the value by 100"),
        ("[moisture]\nsite_properties = {sand = 20.0}", "moisture.site_properties.sand", "place.sand", "divide the value by 100"),
        ("[moisture.site_properties]\nbulk_density = 1.3", "moisture.site_properties.bulk_density", "place.bulk_density", "by 1000"),
        ("[moisture.site_properties]\nsoc = 6.0", "moisture.site_properties.soc", "place.soc_stock", "kg m-2"),
        ("[moisture.site_properties]\ntrees = 0.6", "moisture.site_properties.trees", "place.frac_tree", ""),
        ("[moisture.site_properties]\nelevation = 6.0", "moisture.site_properties.elevation", "site.elevation", ""),
        ("[moisture.site_properties]\nprecip_year = 700.0", "moisture.site_properties.precip_year", "place.precip_annual", ""),
        ("[hydraulics.inputs]\nsoc = 20.0", "hydraulics.inputs.soc", "place.soc_density", ""),
        ("[hydraulics]\ninputs = {tree = 0.2}", "hydraulics.inputs.tree", "place.frac_tree", ""),
        ("[hydraulics]\ninputs = {}", "hydraulics.inputs", "place", ""),
        ("[carbon_module]\nsoc = 20.0", "carbon_module.soc", "place.organic_carbon", "divide the value by 1000"),
        ('[carbon_module]\nsoc_units = "g kg-1"', "carbon_module.soc_units", "place.organic_carbon", "leave soc_units out"),
        ("[carbon_module]\nbulk_density = 1300.0", "carbon_module.bulk_density", "place.bulk_density", ""),
        ("[carbon_module]\nbare = 0.1", "carbon_module.bare", "place.frac_bare", ""),
        ("[respiration.porosity]\nHere = 0.5", "respiration.porosity", "place.porosity", "of that site"),
    ],
)  # fmt: skip
def test_old_keys_are_refused_with_the_new_name_and_the_conversion(
    tmp_path: Path, text: str, old: str, new: str, conversion: str
) -> None:
    error = refusal(tmp_path, f"{text}\n")
    assert error.problem.startswith(f"key '{old}' has a new name: '{new}'")
    assert conversion in error.remedy
    section, _, name = new.rpartition(".")
    assert error.remedy.startswith(f"write {name} under [{section}]" if section else f"write [{name}]")


def test_new_names_of_old_keys_are_keys() -> None:
    for entry in RENAMED.values():
        section, _, name = entry.new.partition(".")
        if section == "place" and name:
            assert name in PlaceSection.model_fields


def test_organic_carbon_follows_from_one_quantity() -> None:
    expected = {"bulk_density": 1300.0, "organic_carbon": 0.02, "soc_density": 26.0, "soc_stock": 7.8}
    for name in CARBON:
        given = {key: expected[key] for key in ("bulk_density", name)}
        assert with_soil_carbon(given) == pytest.approx(expected)
    assert with_soil_carbon({"soc_stock": 7.8}) == pytest.approx({"soc_stock": 7.8, "soc_density": 26.0})
    assert with_soil_carbon({"organic_carbon": 0.02}) == {"organic_carbon": 0.02}


def test_given_texture_and_carbon_take_precedence_as_a_whole() -> None:
    derived = {"sand": 0.4, "silt": 0.4, "clay": 0.2, "bulk_density": 1250.0, "organic_carbon": 0.03, "frac_tree": 0.5}
    merged = merged_properties({"sand": 0.6, "clay": 0.1, "soc_stock": 3.0}, derived)
    assert merged["silt"] == pytest.approx(0.3)
    assert merged["soc_density"] == pytest.approx(10.0)
    assert merged["organic_carbon"] == pytest.approx(0.008)
    assert merged["frac_tree"] == 0.5


def test_what_is_not_given_follows_from_texture_surface_and_site(tmp_path: Path) -> None:
    experiment = read(tmp_path, f"[site]\nelevation = 120.0\n\n{TEXTURE_SECTION}\n{SURFACE}")
    expected = {
        "sand": 0.4, "silt": 0.4, "clay": 0.2, "bulk_density": 1250.0, "organic_carbon": 0.03, "soc_density": 37.5, "soc_stock": 11.25,
        "frac_tree": 0.5, "frac_grass": 0.3, "frac_bare": 0.2, "elevation": 120.0,
    }  # fmt: skip
    assert experiment.properties() == pytest.approx(expected)
    given = read(tmp_path, f"[place]\nfrac_tree = 0.1\nbulk_density = 1000.0\n\n{TEXTURE_SECTION}\n{SURFACE}")
    record = xr.Dataset(attrs={"elevation": 45.0})
    assert given.properties(record) == pytest.approx(
        expected | {"frac_tree": 0.1, "bulk_density": 1000.0, "soc_density": 30.0, "soc_stock": 9.0, "elevation": 45.0}
    )


def test_texture_in_percent_is_refused_with_its_section(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"soil\.texture\.clay: clay is 20, outside 0 to 1; divide it by 100"):
        read(tmp_path, TEXTURE_SECTION.replace("clay = 0.2", "clay = 20.0"))


def test_all_kinds_read_the_same_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = read(tmp_path, f"[site]\nelevation = 120.0\n\n{PLACE}")
    properties = experiment.properties()

    inputs = network_inputs(properties)
    assert inputs["soc_density"] == pytest.approx(26.0)
    assert inputs["bulk_density"] == 1300.0
    assert (inputs["sand"], inputs["clay"], inputs["frac_tree"]) == (0.5, 0.2, 0.6)

    static = static_properties(site_record(MoistureSection(), site(), static=properties))
    assert static["soc_stock"] == pytest.approx(7.8)
    assert (static["clay"], static["frac_tree"], static["elevation"]) == (0.2, 0.6, 120.0)
    assert static["precip_annual"] == 800.0

    record = site().assign_attrs(elevation=120.0)
    monkeypatch.setattr(Experiment, "record", lambda _: record)
    cored = carbon_site(experiment)
    assert (cored.soc, cored.bulk_density) == (0.02, 1300.0)
    assert (cored.static["frac_tree"], cored.static["frac_bare"], cored.static["elevation"]) == (0.6, 0.1, 120.0)
    assert cored.static["precip_annual"] == 800.0

    rows = select_rows(
        synthetic_record().assign_attrs(porosity=experiment.place.porosity), RespirationSettings(target="soil")
    )
    assert set(rows.porosity.values()) == {0.45}


def test_a_record_carries_the_porosity_of_its_place(tmp_path: Path, shared_data: Path) -> None:
    path = shared_data / "moisture" / "uscrn_2020_daily.parquet"
    data = f'[data]\nreader = "uscrn"\npath = "{path}"\nwban = "03048"\n'
    assert read(tmp_path, f"{data}\n{PLACE}").record().attrs["porosity"] == 0.45
    assert "porosity" not in read(tmp_path, data).record().attrs


def test_texture_is_not_taken_for_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Experiment, "record", lambda _: site())
    predicted = carbon_site(read(tmp_path, TEXTURE_SECTION))
    assert np.isnan(predicted.soc)
    assert np.isnan(predicted.bulk_density)


def test_static_inputs_of_the_hook_have_the_units_of_the_table(tmp_path: Path) -> None:
    path = tmp_path / "static.npz"
    np.savez(path, latitude=[50.0], longitude=[0.0], clay=[20.0], mine=[20.0])
    with pytest.raises(BadInput, match=r"static\.npz: clay is 20, outside 0 to 1.*divide it by 100"):
        StaticInputs.read(path)
    np.savez(path, latitude=[50.0], longitude=[0.0], clay=[np.nan], mine=[20.0])
    assert StaticInputs.read(path).inputs["mine"] == [20.0]


def test_porosity_of_the_place_bounds_moisture() -> None:
    assert porosity({"porosity": 0.5, "bulk_density": 1000.0}) == 0.5
    assert porosity({"bulk_density": 1325.0}) == 0.5


@pytest.mark.parametrize("kind", ["_MOISTURE", "_HYDRAULICS", "_CARBON"])
def test_cards_of_version_1_are_converted_to_names_of_the_table(kind: str) -> None:
    for name, factor in getattr(card_versions, kind).values():
        assert name in PROPERTIES
        assert factor in (1.0, 0.01, 1000.0)


def test_a_card_of_an_unknown_version_is_not_converted() -> None:
    assert card_versions.current_card({"card_version": 99}) is None
    assert card_versions.current_card(json.loads('{"module": "carbon"}')) is None
