r"""Cost of a calibration: misfit to the observations, and distance from the prior.

.. math::

    J = \frac12 \sum_k r_k^T R_k^{-1} r_k + \frac12 \sum_i \frac{\delta_i^2}{\sigma_i^2}, \qquad
    R_k = \tau_k\,\sigma_k^2\,I + s_k^2\,\mathbf{1}\mathbf{1}^T

for the daily residuals :math:`r_k` of each series, its error :math:`\sigma_k`, the number :math:`\tau_k` of days per independent
observation, and the standard deviation :math:`s_k` of an unknown constant offset of the sensor. :math:`J` is the negative log posterior, up
to a constant.

References
----------
Tarantola (2005), Inverse Problem Theory, SIAM, chapter 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from jules_ml.calibration.observations import Observations, Series


def first_errors(series: Sequence[Series]) -> Tensor:
    """Standard error of each series at the start of a fit, shape (series,)."""
    return torch.tensor([each.settings.first_error for each in series], dtype=torch.float64)


def estimated_errors(errors: Tensor, residuals: Tensor, observed: Observations) -> Tensor:
    """Replace the errors of the series whose error is estimated by the standard deviation of their residuals.

    Parameters
    ----------
    errors : Tensor, shape (series,)
    residuals : Tensor, shape (day, series)
        Simulated minus observed; NaN on days that are not fitted.
    observed : Observations

    Returns
    -------
    Tensor, shape (series,)
        Without the uncertainty of the measurements; not below a hundredth of the default error. Series with an unknown offset have the
        deviation from their mean residual.
    """
    new = errors.clone()
    for k, each in enumerate(observed.series):
        if each.settings.error == "estimated":
            of_series = residuals[:, k][torch.isfinite(residuals[:, k])]
            mean = of_series.mean() if each.offset > 0.0 else 0.0
            measured = observed.uncertainty[: len(residuals), k][torch.isfinite(residuals[:, k])]
            model = ((of_series - mean) ** 2 - measured**2).mean().clamp(min=0.0)
            new[k] = model.sqrt().clamp(min=0.01 * each.settings.first_error)
    return new


def fit_residuals(predicted: Tensor, observed: Observations) -> Tensor:
    """Simulated minus observed on the days of the fitting period, NaN elsewhere.

    Parameters
    ----------
    predicted : Tensor, shape (day, ..., series)
        Up to any day.
    observed : Observations

    Returns
    -------
    Tensor, shape (day, ..., series)
    """
    days = len(predicted)
    shape = (days, *[1] * (predicted.ndim - 2), predicted.shape[-1])
    mask, target = observed.fit[:days].reshape(shape), observed.observed[:days].reshape(shape)
    # NaN marks days that are not fitted: an unstable column must not pass for one of them
    stable = torch.where(torch.isnan(predicted), torch.inf, predicted)
    return torch.where(mask, stable - torch.where(mask, target, 0.0), torch.nan)


def whitened(residuals: Tensor, errors: Tensor, observed: Observations) -> Tensor:
    r"""Residuals whose sum of squares is that of the cost.

    .. math:: \tilde r = \sqrt{w}\,(r - c\,\bar r), \qquad w = \frac{1}{\tau\sigma^2}, \quad c = 1 - \frac{1}{\sqrt{1 + w n s^2}}

    Parameters
    ----------
    residuals : Tensor, shape (day, ..., series)
        Or their derivatives; NaN on days that are not fitted.
    errors : Tensor, shape (series,)
    observed : Observations

    Returns
    -------
    Tensor, shape (day, ..., series)
        0 on days that are not fitted.
    """
    if bool((observed.uncertainty > 0.0).any()):
        errors = _with_measurement(errors, observed, residuals.ndim)[: len(residuals)]
    days = torch.tensor([each.settings.independent_days for each in observed.series], dtype=residuals.dtype)
    offset = torch.tensor([each.offset for each in observed.series], dtype=residuals.dtype)
    weight = 1.0 / (days * errors**2)
    present = ~torch.isnan(residuals)
    count = present.sum(0)
    values = torch.where(present, residuals, 0.0)
    mean = values.sum(0) / count.clamp(min=1)
    c = 1.0 - 1.0 / torch.sqrt(1.0 + weight * count * offset**2)
    return torch.where(present, torch.sqrt(weight) * (values - c * mean), 0.0)


def _with_measurement(errors: Tensor, observed: Observations, dimensions: int) -> Tensor:
    """Standard errors of every day, that of the model and that of the measurement together, shape (day, ..., series)."""
    total = torch.sqrt(errors**2 + observed.uncertainty**2)
    return total.reshape(len(total), *[1] * (dimensions - 2), total.shape[-1])


def cost_of_series(white: Tensor) -> Tensor:
    """Half the sum of squares of each series, shape (..., series), from residuals of shape (day, ..., series)."""
    return 0.5 * (white**2).sum(0)
