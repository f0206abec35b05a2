"""A fit of enough sites: Rosetta 3 corrected, with sizes chosen on sites held out, in the card and in all uses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from helpers.hydraulic_sites import write_site

from jules_ml.experiment import load_experiment
from jules_ml.learned.adaptation import AdaptationDays
from jules_ml.learned.hydraulics import adapt, correction_fit
from jules_ml.learned.hydraulics.adapt import adapt_hydraulics
from jules_ml.learned.hydraulics.correction import CorrectedRosetta
from jules_ml.learned.hydraulics.evaluate import evaluate_hydraulics
from jules_ml.learned.hydraulics.fit import fit_hydraulics
from jules_ml.learned.hydraulics.held_out_choice import Choice
from jules_ml.learned.hydraulics.network import input_table
from jules_ml.learned.hydraulics.soil import bounded_parameters, organic_fraction
from jules_ml.learned.hydraulics.soil_ensemble import soil_library
from jules_ml.learned.hydraulics.store import load_hydraulics

SITES = {"A": 0.5, "B": 0.25, "C": 0.35, "D": 0.45, "E": 0.3}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("sites")
    experiments = [load_experiment(write_site(folder, name, sand=sand)) for name, sand in SITES.items()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(correction_fit, "_POINTS", 2)
        patch.setattr(correction_fit, "soil_library", lambda: soil_library(4))
        patch.setattr(Choice, "used", property(lambda _: True))  # whether it is depends on these few days
        fit_hydraulics(experiments, folder / "soils")
    return folder, folder / "soils"


def test_the_card_has_what_was_chosen_with_its_margin(fitted: tuple[Path, Path]) -> None:
    _, out = fitted
    card = json.loads((out / "card.json").read_text(encoding="utf-8"))
    assert card["prior"] == "rosetta3"
    for name in ("size", "width"):
        choice = card["choices"][name]
        assert choice["sites"] == 5
        assert np.isfinite([choice["gain"], choice["standard_error"]]).all()
    assert card["soil_sites"] == 5
    assert any("Rosetta 3" in note for note in card["notes"])
    scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    assert np.isfinite(scores["all"]["ensemble"]["ubrmse"])
    assert scores["verdict"]["baseline"] == "texture regression"
    with xr.open_dataset(out / "predictions.nc") as predictions:
        members = predictions["ensemble"]
        assert bool((members <= predictions["upper"] + 1e-6).all() and (members >= predictions["lower"] - 1e-6).all())


def test_the_soil_that_is_read_is_that_of_the_fit(fitted: tuple[Path, Path]) -> None:
    _, out = fitted
    network, card = load_hydraulics(out)
    assert isinstance(network, CorrectedRosetta)
    table = torch.tensor(input_table([card["sites"]["A"]["inputs"]], network.inputs))
    raw = {"": network(table).detach().mean(0), "texture_": network.prior(table)}
    organic = organic_fraction(torch.tensor([[26.0], [6.5]], dtype=torch.float64))  # 0.02 kg kg-1 of 1300 kg m-3
    with xr.open_dataset(out / "predictions.nc") as predictions:
        for prefix, values in raw.items():
            expected = bounded_parameters(values, organic)["satcon"][0, 0]
            written = predictions[f"{prefix}satcon"].sel(site="A").to_numpy()[0]
            np.testing.assert_allclose(written, float(expected), rtol=1e-4)
        drawn = network.draws(table)[:, :, 0, 0]
        expected = bounded_parameters(drawn.T[:, :, None], organic[:1])["satcon"][:, 0]
        written = predictions["member_satcon"].sel(site="A").to_numpy()[:, 0]
        np.testing.assert_allclose(written, expected.numpy(), rtol=1e-4)


def test_it_is_evaluated_and_adapted_like_any_module(
    fitted: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapt, "soil_library", lambda: soil_library(4))
    _, out = fitted
    new = load_experiment(write_site(tmp_path, "New", sand=0.4))
    scores = evaluate_hydraulics(out, [new])
    assert np.isfinite(scores["all"]["learned"]["ubrmse"])
    adapt_hydraulics(out, [new], tmp_path / "adapted", days=AdaptationDays(count=5))
    network, card = load_hydraulics(tmp_path / "adapted")
    assert isinstance(network, CorrectedRosetta)
    assert card["soil_sites"] == 1
    table = torch.tensor(input_table([card["sites"]["New"]["inputs"]], network.inputs))
    assert network.draws(table).shape == (2, 5, 2, 1)
