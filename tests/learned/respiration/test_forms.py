"""Forms of respiration: selection with a margin, and averages."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.respiration_record import synthetic_record

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.curves import fit_members
from jules_ml.learned.respiration.forms import (
    InnerValidation,
    average,
    averaged_members,
    clearly_better,
    fit_spline,
    predict_spline,
    select_weights,
    spline_members,
)
from jules_ml.learned.respiration.plan import plan_members
from jules_ml.learned.respiration.site import select_rows
from jules_ml.learned.respiration.spline import fit_spline_product
from jules_ml.learned.respiration.training import train_respiration

SOIL = RespirationSettings(target="soil", members=2)
RNG = np.random.default_rng(0)
FOLD = np.repeat(np.arange(6), 200)
TRUE = np.exp(0.3 * RNG.normal(size=1200))
FLUX = TRUE + 0.2 * RNG.normal(size=1200)


def predictions(**errors: float) -> dict[str, np.ndarray]:
    """Predictions of forms, with errors of these sizes that persist over a block."""
    rng = np.random.default_rng(1)
    return {name: TRUE * np.exp(size * rng.normal(size=6))[FOLD] for name, size in errors.items()}


def test_equal_weights_are_the_default() -> None:
    weights = select_weights(predictions(lloyd_taylor=0.1, spline=0.1, learned=0.1), FLUX, FOLD)
    assert weights == pytest.approx(dict.fromkeys(("lloyd_taylor", "spline", "learned"), 1.0 / 3.0))


def test_lloyd_and_taylors_form_is_selected_alone_where_it_is_clearly_better() -> None:
    weights = select_weights(predictions(lloyd_taylor=0.0, spline=0.6, learned=0.5), FLUX, FOLD)
    assert weights == {"lloyd_taylor": 1.0, "spline": 0.0, "learned": 0.0}


def test_lloyd_and_taylors_form_is_left_out_where_it_is_clearly_worse() -> None:
    predicted = predictions(spline=0.05, learned=0.05) | {"lloyd_taylor": np.full(1200, TRUE.mean())}
    weights = select_weights({name: predicted[name] for name in ("lloyd_taylor", "spline", "learned")}, FLUX, FOLD)
    assert weights["lloyd_taylor"] == 0.0


def test_better_by_chance_is_not_clearly_better() -> None:
    good, bad = predictions(one=0.1, two=0.1).values()
    assert not (clearly_better(good, bad, FLUX, FOLD) and clearly_better(bad, good, FLUX, FOLD))
    assert clearly_better(TRUE, np.full(1200, TRUE.mean()), FLUX, FOLD)
    assert not clearly_better(TRUE, np.full(1200, TRUE.mean()), FLUX, np.zeros(1200, dtype=int))


def test_the_name_of_the_form() -> None:
    third = dict.fromkeys(("lloyd_taylor", "spline", "learned"), 1.0 / 3.0)
    assert InnerValidation({}, 0.0, third, False, 6).form == "average"
    assert InnerValidation({}, 0.0, {"lloyd_taylor": 1.0, "learned": 0.0}, False, 6).form == "lloyd_taylor"


def test_members_of_the_spline_predict_as_the_spline() -> None:
    rows = select_rows(synthetic_record(days=500).assign_attrs(porosity=0.45), SOIL)
    weights = np.ones((2, len(rows)))
    learned = fit_members(rows, plan_members(weights, SOIL), SOIL)
    members = spline_members(rows, SOIL, learned, weights)
    spline = fit_spline(rows, SOIL, learned, weights[0], 0)
    error = members.predict(rows, SOIL, [0]) / predict_spline(spline, rows, SOIL) - 1.0
    # the tables are held from the outermost nodes within the supported range, a little before its edge
    assert np.quantile(np.abs(error), 0.97) < 2e-3
    both = averaged_members({"learned": learned, "spline": members}, {"learned": 0.5, "spline": 0.5})
    expected = average(
        {"learned": learned.predict(rows, SOIL, [0]), "spline": members.predict(rows, SOIL, [0])},
        {"learned": 0.5, "spline": 0.5},
    )
    np.testing.assert_allclose(both.predict(rows, SOIL, [0]), expected, rtol=1e-6)


def test_a_group_without_rows_has_the_mean_r0_of_its_site() -> None:
    settings = SOIL.model_copy(update={"level": "site-year", "inner_folds": 2})
    rows = select_rows(synthetic_record(days=1000).assign_attrs(porosity=0.45), settings)
    middle_year = rows.group == rows.groups.index("synthetic 2021")
    train = rows.take(~middle_year)
    spline = fit_spline_product(train.t_soil, train.wetness, train.group, train.flux)
    assert spline.log_r0[1] == pytest.approx(0.5 * (spline.log_r0[0] + spline.log_r0[2]), abs=0.3)
    module = train_respiration(train, settings).module
    expected = np.sqrt(float(module.level[0] * module.level[2]))
    assert float(module.level[1]) == pytest.approx(expected, rel=1e-6)


def test_a_monotone_g_of_the_average_increases() -> None:
    settings = SOIL.model_copy(update={"monotone_temperature": True, "shape": "free", "inner_folds": 2})
    rows = select_rows(synthetic_record(days=500, noise=0.6).assign_attrs(porosity=0.45), settings)
    assert bool((np.diff(train_respiration(rows, settings).module.log_g.numpy(), axis=1) >= -1e-9).all())
