"""Cards of version 1 are converted to the current names and units, so that predictions are unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from helpers.few_trees import few_trees
from helpers.module_folders import edit_card, without_checksums
from helpers.moisture_site import QUICK, jules_run, site

from jules_ml.experiment.carbon_module import CarbonSettings
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.experiment.place import PROPERTIES
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.card_versions import CARD_VERSION, current_card
from jules_ml.learned.hydraulics.network import LearnedHydraulics
from jules_ml.learned.hydraulics.store import load_hydraulics
from jules_ml.learned.moisture.fit import fit_moisture
from jules_ml.learned.moisture.moments_regression import MomentsRegression
from jules_ml.learned.moisture.record import MoistureRecord, moisture_record
from jules_ml.learned.moisture.site import MoistureSite
from jules_ml.learned.moisture.store import load_moisture
from jules_ml.learned.store import write_module_folder

#: Names of version 1 by current name, with the factor from the current unit to that of version 1.
MOISTURE = {
    "clay": ("clay", 100.0), "sand": ("sand", 100.0), "bulk_density": ("bulk_density", 0.001), "soc_stock": ("soc", 1.0),
    "precip_annual": ("precip_year", 1.0), "frac_tree": ("trees", 1.0), "frac_grass": ("grass", 1.0), "frac_bare": ("bare", 1.0),
    "lst_excess_mean": ("lst_excess", 1.0), "lst_excess_std": ("lst_range", 1.0),
}  # fmt: skip


def record(i: int) -> MoistureRecord:
    static = {
        "clay": 0.05 + 0.03 * i, "sand": 0.6 - 0.02 * i, "bulk_density": 1100.0 + 30.0 * i, "soc_stock": 4.0 + i,
        "elevation": 100.0 * i, "frac_tree": 0.1 * i, "frac_grass": 0.1, "frac_bare": 0.1,
    }  # fmt: skip
    rng = np.random.default_rng(i)
    return moisture_record(
        site(600, seed=i, name=f"site {i}", lst=rng.normal(289.0, 2.0, 600)), jules=jules_run(600), static=static
    )


def old_values(values: dict[str, float | None]) -> dict[str, float | None]:
    converted = {}
    for name, value in values.items():
        old, factor = MOISTURE.get(name, (name, 1.0))
        converted[old] = None if value is None else factor * value
    return converted


def old_moisture_card(card: dict[str, Any]) -> dict[str, Any]:
    """Convert a card to version 1."""
    card["card_version"] = 1
    card["inputs"]["static"] = [MOISTURE.get(name, (name, 1.0))[0] for name in card["inputs"]["static"]]
    for sites in (card["known"], card["sites"]):
        for of in sites.values():
            of["static"] = old_values(of["static"])
    for model in card["level_guess"] or []:
        factors = [MOISTURE.get(name, (name, 1.0))[1] for name in model["names"]]
        for key in ("centre", "width"):
            model[key] = [factor * value for factor, value in zip(factors, model[key], strict=True)]
        model["names"] = [MOISTURE.get(name, (name, 1.0))[0] for name in model["names"]]
    return card


def test_a_moisture_folder_of_version_1_predicts_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "theta"
    with few_trees():
        fit_moisture([MoistureSite(record(i)) for i in range(9)], QUICK, folder)
    ensemble, _ = load_moisture(folder)
    assert {"clay", "soc_stock", "frac_tree", "lst_excess_mean"} <= set(ensemble.static)
    edit_card(folder, lambda card: without_checksums(old_moisture_card(card)), sealed=False)
    converted, _ = load_moisture(folder)
    assert converted.static == ensemble.static
    for each in (record(2), record(11)):  # a training site, and a new one
        for name in ("theta", "low", "high"):
            expected, actual = (getattr(module.predict(each), name) for module in (ensemble, converted))
            np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_the_moments_regression_of_version_1_is_converted_to_fractions() -> None:
    old = {
        "names": ["clay", "precip_year"],
        "centre": [20.0, 6.5],
        "width": [5.0, 0.5],
        "weights": [[0.1, 0.2]] * 3,
        "error": [0.1, 0.2],
    }
    card = {"card_version": 1, "module": "moisture", "inputs": {"static": []}, "known": {}, "sites": {}}
    converted = current_card(card | {"level_guess": [old]})
    assert converted is not None
    model = MomentsRegression.from_card(converted["level_guess"][0])
    assert model.names == ("clay", "precip_annual")
    assert model.centre == pytest.approx([0.2, 6.5])
    assert model.width == pytest.approx([0.05, 0.5])


def test_a_hydraulics_folder_of_version_1_is_read(tmp_path: Path) -> None:
    names = ("soc", "t_air", "precip", "dryness", "t_range", "swi", "lst_excess", "lst_spread", "tree", "bare", "sand")
    network = LearnedHydraulics(names, members=2, hidden=2)
    settings = HydraulicSettings(members=2, hidden=2).model_dump() | {"inputs": {"soc": 20.0}}
    card = {
        "module": "hydraulics",
        "inputs": {name: {} for name in names},
        "settings": settings,
        "sites": {"Here": {"start": "2001-01-01", "inputs": {"soc": 15.0, "lst_excess": None, "sand": 0.4}}},
    }
    folder = tmp_path / "soils"
    write_module_folder(folder, state=dict(network.state_dict()), card=card, scores={}, predictions=xr.Dataset())
    edit_card(folder, lambda card: without_checksums(card | {"card_version": 1}), sealed=False)
    read, converted = load_hydraulics(folder)
    assert set(read.inputs) <= set(PROPERTIES)
    assert read.inputs[0] == "soc_density"
    assert converted["sites"]["Here"]["inputs"] == {"soc_density": 15.0, "lst_excess_warm_mean": None, "sand": 0.4}
    assert converted["card_version"] == CARD_VERSION


def test_a_carbon_card_of_version_1_has_settings_without_the_site() -> None:
    site = {"soc": 20.0, "soc_units": "g kg-1", "bulk_density": None, "tree": 0.1, "bare": None}
    settings = CarbonSettings().model_dump() | site
    card = {
        "card_version": 1,
        "module": "carbon",
        "inputs": {"t_mean": {}, "t_season": {}, "precip": {}, "elevation": {}, "tree": {}, "bare": {}, "memory": {}},
        "settings": settings,
        "sites": {"Here": {"soc": 20.0, "soc_spread": 0.4}},
    }
    converted = current_card(card)
    assert converted is not None
    assert CarbonSettings(**converted["settings"]) == CarbonSettings()
    assert list(converted["inputs"]) == [
        "t_air_mean", "t_air_seasonality", "precip_annual", "elevation", "frac_tree", "frac_bare", "memory",
    ]  # fmt: skip
    assert converted["sites"]["Here"]["soc"] == pytest.approx(0.02)


def test_a_respiration_card_of_version_1_keeps_its_porosity() -> None:
    settings = RespirationSettings().model_dump(mode="json") | {"porosity": {"Here": 0.5, "Elsewhere": 0.4}}
    converted = current_card(
        {"card_version": 1, "module": "respiration", "settings": settings, "porosity": {"Here": 0.5}}
    )
    assert converted is not None
    assert RespirationSettings.model_validate(converted["settings"]) == RespirationSettings()
    assert converted["porosity"] == {"Here": 0.5, "Elsewhere": 0.4}


def test_cards_of_version_2_refuse_the_days_from_the_first_to_the_last() -> None:
    entry = {"first": "2016-01-01 00:30:00", "last": "2018-12-31 22:00:00"}
    for module in ("respiration", "moisture"):
        converted = current_card({"card_version": 2, "module": module, "sites": {"Here": entry}})
        assert converted is not None
        assert converted["sites"]["Here"]["training_days"] == [["2016-01-01", "2018-12-31"]]
        assert converted["card_version"] == CARD_VERSION
    listed = current_card(
        {"card_version": 2, "module": "respiration", "sites": {"Here": entry | {"days": ["2016-05-01"]}}}
    )
    assert listed is not None
    assert listed["sites"]["Here"]["training_days"] == [["2016-05-01", "2016-05-01"]]


def test_a_hydraulics_card_of_version_2_refuses_the_whole_record() -> None:
    entry = {"start": "2015-12-31 18:00:00", "days": 366, "inputs": {}}
    converted = current_card({"card_version": 2, "module": "hydraulics", "sites": {"Here": entry}})
    assert converted is not None
    assert converted["sites"]["Here"]["training_days"] == [["2016-01-01", "2016-12-31"]]
