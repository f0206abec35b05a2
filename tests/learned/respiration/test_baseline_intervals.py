"""Baselines of respiration: their base respiration at any site, and their intervals."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from helpers.respiration_record import synthetic_record

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.baseline_intervals import baseline_predictions, fit_baselines, predict_all
from jules_ml.learned.respiration.baselines import baselines
from jules_ml.learned.respiration.site import select_rows
from jules_ml.scoring.scores import coverage, score

SOIL = RespirationSettings(target="soil", inner_folds=3)


def records(*r0: float, days: int = 730) -> list[xr.Dataset]:
    """One record for each base respiration."""
    return [
        synthetic_record(site=f"site {k}", r0=each, seed=k, days=days).assign_attrs(porosity=0.45)
        for k, each in enumerate(r0)
    ]


ROWS = select_rows(records(3.0, days=1096), SOIL)
LATE = np.asarray(ROWS.middle.year == ROWS.middle.year.max() - 1)
TRAIN, TEST = ROWS.take(~LATE), ROWS.take(LATE)


def test_predictions_are_those_of_the_forms() -> None:
    predictions = baseline_predictions(TRAIN, TEST, SOIL)
    for name, form in baselines(SOIL.wilting, SOIL.critical).items():
        expected = form(TRAIN.t_soil, TRAIN.wetness, TRAIN.group, TRAIN.flux)(TEST.t_soil, TEST.wetness, TEST.group)
        np.testing.assert_allclose(predictions[name].predicted, expected, rtol=1e-6)


def test_intervals_cover_what_they_state() -> None:
    for name, each in baseline_predictions(TRAIN, TEST, SOIL).items():
        assert 0.85 < coverage(each.lower, each.upper, TEST.flux) < 0.95, name


def test_a_new_site_has_the_mean_base_respiration_of_the_training_sites() -> None:
    fitted = fit_baselines(select_rows(records(2.0, 8.0), SOIL), SOIL)
    new = select_rows([synthetic_record(site="new", r0=4.0, seed=9).assign_attrs(porosity=0.45)], SOIL)
    predicted = fitted["JULES, Q10 fitted"].predict(new)
    assert score(predicted.predicted, new.flux).bias == pytest.approx(0.0, abs=0.1)
    assert coverage(predicted.lower, predicted.upper, new.flux) > 0.8


def test_a_new_site_is_adapted_by_its_first_days() -> None:
    fitted = fit_baselines(select_rows(records(3.0), SOIL), SOIL)
    new = select_rows([synthetic_record(site="new", r0=9.0, seed=9).assign_attrs(porosity=0.45)], SOIL)
    local = new.take(np.arange(120))
    for name in ("JULES, Q10 fitted", "spline", "boosting"):
        adapted = fitted[name].adapted(local)
        assert score(adapted.mean(new), new.flux).nse > 0.7, name
        assert score(fitted[name].mean(new), new.flux).nse < 0.0, name
        predicted = adapted.predict(new)
        assert coverage(predicted.lower, predicted.upper, new.flux) > 0.8
    constant = fitted["constant"].adapted(local).mean(new)
    assert constant == pytest.approx(np.full(len(new), local.flux.mean()))


def test_another_year_has_the_mean_of_the_years_of_its_site() -> None:
    settings = SOIL.model_copy(update={"level": "site-year"})
    rows = select_rows(records(3.0, 30.0, days=1096), settings)
    late = np.asarray(rows.middle.year == 2022)
    test = rows.take(late)
    fitted = fit_baselines(rows.take(~late), settings)
    predictions = predict_all(fitted, test)
    for site in (0, 1):
        of_site = test.site == site
        ratio = predictions["Q10"].predicted[of_site].mean() / test.flux[of_site].mean()
        assert ratio == pytest.approx(1.0, abs=0.15)
