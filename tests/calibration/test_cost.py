"""The cost of residuals is that of their covariance, with independent errors, correlated days and an unknown offset."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from jules_ml.calibration.cost import cost_of_series, estimated_errors, fit_residuals, whitened
from jules_ml.calibration.observations import Observations, Series, stacked_observations
from jules_ml.experiment.calibration import ObservedSection

DAYS = 12
DZSOIL = torch.tensor([[0.1], [0.25]], dtype=torch.float64)


def _observations(**settings: object) -> Observations:
    section = ObservedSection.model_validate({"variable": "theta", "error": 0.03, **settings})
    observed = np.linspace(0.2, 0.3, DAYS)
    observed[3] = np.nan
    fit = np.isfinite(observed) & (np.arange(DAYS) < 10)
    weights = np.full((DAYS, 4), 0.25)
    series = Series(0, section, 0.05, observed, weights, fit, ~fit, section.offset)
    return stacked_observations([series], dzsoil=DZSOIL, days=DAYS)


@pytest.mark.parametrize("offset", [0.0, 0.02])
def test_cost_is_that_of_the_covariance(offset: float) -> None:
    observed = _observations(offset=offset, independent_days=3.0)
    predicted = torch.linspace(0.25, 0.22, DAYS, dtype=torch.float64)[:, None]
    residuals = fit_residuals(predicted, observed)
    errors = torch.tensor([0.03], dtype=torch.float64)
    r = residuals[torch.isfinite(residuals)]
    covariance = 3.0 * 0.03**2 * torch.eye(len(r), dtype=torch.float64) + offset**2
    expected = 0.5 * r @ torch.linalg.solve(covariance, r)
    assert len(r) == 9
    torch.testing.assert_close(cost_of_series(whitened(residuals, errors, observed))[0], expected)


def test_unstable_day_has_no_finite_cost() -> None:
    observed = _observations()
    predicted = torch.full((DAYS, 1), 0.25, dtype=torch.float64)
    predicted[2] = torch.nan
    errors = torch.tensor([0.03], dtype=torch.float64)
    assert not bool(
        torch.isfinite(cost_of_series(whitened(fit_residuals(predicted, observed), errors, observed))).all()
    )


def test_estimated_error_is_the_deviation_of_the_residuals() -> None:
    observed = _observations(error="estimated")
    predicted = observed.observed + 0.01
    residuals = fit_residuals(predicted, observed)
    new = estimated_errors(torch.tensor([0.03], dtype=torch.float64), residuals, observed)
    assert float(new) == pytest.approx(0.01)
