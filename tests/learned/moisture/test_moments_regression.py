"""Regressions of mean and spread of water content on static properties."""

import numpy as np
import pytest

from jules_ml.learned.moisture.moments import Moments
from jules_ml.learned.moisture.moments_regression import MomentsRegression, regressions_of


def sites(count: int = 60, *, curved: bool) -> tuple[list[dict[str, float]], list[Moments]]:
    random = np.random.default_rng(1)
    clay = random.uniform(0.0, 0.6, count)
    mean = 0.15 + (0.15 * np.sin(2.0 * np.pi * clay / 0.6) if curved else 0.4 * clay)
    return [{"clay": float(c)} for c in clay], [Moments(float(m), 0.05) for m in mean]


def test_the_kind_of_regression_is_that_with_the_smaller_error() -> None:
    (straight,), (curved,) = (regressions_of(*sites(curved=each), [("clay",)]) for each in (False, True))
    assert straight.length is None
    assert curved.length is not None
    assert curved.predict({"clay": 0.15}).mean == pytest.approx(0.3, abs=0.02)


def test_leave_one_out_errors_are_those_of_fits_without_the_site() -> None:
    statics, moments = sites(25, curved=True)
    (regression,) = regressions_of(statics, moments, [("clay",)])
    x = np.array([each["clay"] for each in statics])
    errors = []
    for i in range(25):  # the scaling of the predictors is that of all sites
        others = np.arange(25) != i
        z = (x - regression.centre) / regression.width
        y = np.array([each.mean for each in moments])
        basis = (
            np.exp(-0.5 * (z[:, None] - z[None]) ** 2 / regression.length**2) if regression.length else np.outer(z, z)
        )
        middle = y[others].mean()
        dual = np.linalg.solve(basis[np.ix_(others, others)] + regression.ridge * np.eye(24), y[others] - middle)
        errors.append(middle + basis[i, others] @ dual - y[i])
    assert regression.error[0] == pytest.approx(max(np.sqrt(np.mean(np.square(errors))), 0.02), rel=0.1)


@pytest.mark.parametrize("curved", [False, True])
def test_errors_grow_away_from_the_training_sites(curved: bool) -> None:
    (regression,) = regressions_of(*sites(curved=curved), [("clay",)])
    near, far = regression.error_at({"clay": 0.3}), regression.error_at({"clay": 3.0})
    assert near == regression.error
    assert far[0] > 1.3 * near[0]
    again = MomentsRegression.from_card(regression.to_card())
    assert again.error_at({"clay": 3.0}) == far
    assert again.predict({"clay": 0.2}).mean == regression.predict({"clay": 0.2}).mean


def test_dead_sensors_do_not_drag_the_spread_down() -> None:
    statics, moments = sites(curved=False)
    random = np.random.default_rng(2)
    alive = [Moments(each.mean, float(0.05 * np.exp(0.2 * random.standard_normal()))) for each in moments]
    dead = [Moments(each.mean, 0.004) if i % 10 == 0 else each for i, each in enumerate(alive)]
    (regression,) = regressions_of(statics, dead, [()])
    assert regression.predict({}).spread == pytest.approx(0.05, rel=0.1)


def test_regressions_that_are_as_good_are_averaged() -> None:
    statics, moments = sites(curved=False)
    random = np.random.default_rng(4)
    # the second predictor is as good as the first, the third says nothing
    statics = [each | {"sand": 1.0 - each["clay"], "elevation": float(random.standard_normal())} for each in statics]
    noisy = [Moments(each.mean + 0.03 * float(random.standard_normal()), 0.05) for each in moments]
    names = {each.names for each in regressions_of(statics, noisy, [("clay",), ("sand",), ("elevation",)])}
    assert names == {("clay",), ("sand",)}
