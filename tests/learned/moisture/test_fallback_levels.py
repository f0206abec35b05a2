"""Mean and standard deviation of water content at new sites that lack some of the predictors."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers.moisture_site import QUICK, site

from jules_ml.errors import BadInput
from jules_ml.learned.moisture.ensemble_training import train_moisture
from jules_ml.learned.moisture.moments import Moments
from jules_ml.learned.moisture.moments_model import fit_moments_model
from jules_ml.learned.moisture.record import moisture_record
from jules_ml.learned.moisture.store import card_of_ensemble, ensemble_of, state_of
from jules_ml.learned.moisture.training_site import TrainingSite


def satellite_sites(count: int = 30) -> tuple[list[dict[str, float]], list[Moments]]:
    """Sites whose mean water content depends on their surface temperature, and less on rain."""
    random = np.random.default_rng(0)
    statics = [
        {
            "precip_annual": float(np.exp(random.normal(6.5, 0.5))),
            "t_air_mean": 283.0 + random.normal(),
            "vpd_mean": 500.0,
            "lst_excess_mean": random.normal(),
            "lst_excess_std": 2.0,
        }
        for _ in range(count)
    ]
    moments = [
        Moments(0.25 - 0.08 * each["lst_excess_mean"] + 0.05 * (np.log(each["precip_annual"]) - 6.5), 0.05)
        for each in statics
    ]
    return statics, moments


def test_sites_that_lack_a_predictor_are_predicted_by_a_fallback() -> None:
    statics, moments = satellite_sites()
    model = fit_moments_model(statics, moments, static="satellite")
    assert model is not None
    assert "lst_excess_mean" in model.regressions[0].names
    complete = model.predict(statics[0])
    # the same prediction as without fallbacks
    without = replace(model, fallbacks=()).predict(statics[0])
    assert (complete[0].mean, complete[0].spread, complete[1]) == (without[0].mean, without[0].spread, without[1])
    assert model.fallback_note(statics[0], where="X") is None

    no_lst = {name: value for name, value in statics[0].items() if not name.startswith("lst")}
    (used,) = model.usable(no_lst)
    assert "precip_annual" in used.names
    _, error = model.predict(no_lst)
    assert error[0] > complete[1][0]
    note = model.fallback_note(no_lst, where="X")
    assert note is not None
    assert note.startswith("X: lst_excess_mean")
    assert "predicted from precip_annual" in note
    short = model.predict({})  # a record of some months has no climate
    assert short[0].mean == pytest.approx(np.mean([each.mean for each in moments]), abs=1e-6)
    assert short[1][0] > error[0]
    with pytest.raises(BadInput, match="is missing") as caught:  # a module of an earlier version
        replace(model, fallbacks=()).predict(no_lst, where="X")
    assert "fit the module again with this version" in caught.value.remedy


def test_fallbacks_are_stored_in_the_card() -> None:
    many = [moisture_record(site(400, seed=i, name=f"site {i}"), static={"clay": 0.03 * i}) for i in range(9)]
    settings = QUICK.model_copy(update={"static": "texture"})
    ensemble = train_moisture([TrainingSite(r, np.ones(400, dtype=bool)) for r in many[:8]], settings)
    statics, moments = satellite_sites()
    ensemble = replace(ensemble, moments_model=fit_moments_model(statics, moments, static="satellite"))
    card = json.loads(json.dumps(card_of_ensemble(ensemble)))
    again = ensemble_of(state_of(ensemble), card)
    new = many[8]
    assert np.array_equal(again.predict(new).theta, ensemble.predict(new).theta)
    assert "lst_excess_mean" in str(ensemble.moments_note(new))
    assert np.isfinite(again.adapt(new).predict(new).theta).all()
    del card["level_fallbacks"]
    with pytest.raises(BadInput, match="static input"):
        ensemble_of(state_of(ensemble), card).predict(new)


def test_a_site_unlike_all_training_sites_is_named() -> None:
    statics, moments = satellite_sites()
    model = fit_moments_model(statics, moments, static="satellite")
    assert model is not None
    assert model.distance_note(statics[0], where="X") is None
    far = statics[0] | {"lst_excess_mean": 30.0}
    note = model.distance_note(far, where="X")
    assert note is not None
    assert note.startswith("X: its static properties are unlike those of all training sites")
    assert model.predict(far)[1][0] > model.predict(statics[0])[1][0]


def test_a_site_is_unlike_others_by_a_property_that_its_mean_does_not_depend_on() -> None:
    statics, moments = satellite_sites()
    model = fit_moments_model(statics, moments, static="satellite")
    assert model is not None
    note = model.distance_note(statics[0] | {"precip_annual": 0.01}, where="X")
    assert note is not None
