"""Forms of respiration that a module is composed of, and the selection of their weights in inner validation.

The forms are Lloyd and Taylor's (f = 1), a product of two splines, and the networks ("learned"). Each is a product of a moisture and a
temperature modifier, so that the average of their logarithms is one too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.curves import (
    BLEND_LENGTH_S,
    BLEND_LENGTH_T,
    Members,
    member_targets,
    outside_support,
    site_scale,
)
from jules_ml.learned.respiration.network import MOISTURE_NODES, TEMPERATURE_NODES, jules_f, jules_g
from jules_ml.learned.respiration.photosynthesis import LearnedAssimilation
from jules_ml.learned.respiration.site import Rows, moisture_of, thinned_rows
from jules_ml.learned.respiration.spline import SplineProduct, fit_spline_product
from jules_ml.scoring.margin import mean_gain
from jules_ml.scoring.scores import score

#: Names of the forms.
LLOYD_TAYLOR, SPLINE, LEARNED = "lloyd_taylor", "spline", "learned"
#: Names of the forms for the user.
FORM_NAMES: Final = {LLOYD_TAYLOR: "Lloyd and Taylor", SPLINE: "spline", LEARNED: "networks"}
#: Largest number of rows that a spline is fitted to: more do not change its few parameters.
_SPLINE_ROWS: Final = 8000

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class InnerValidation:
    """Result of the inner validation.

    Attributes
    ----------
    nse : dict of str to float
        NSE of each form on inner blocks that the fits left out [1].
    nse_selected : float
        NSE of the selected average [1]; slightly too high, because it was selected on the same blocks.
    weights : dict of str to float
        Weight of each form in the average of the logarithms [1].
    free : bool
        Whether the networks have the wider penalty ranges (``free_smoothness``).
    folds : int
        Number of folds.
    shaped : bool
        Whether f of the networks has a single maximum and their g does not decrease; free shapes need a clear advantage.
    """

    nse: dict[str, float]
    nse_selected: float
    weights: dict[str, float]
    free: bool
    folds: int
    shaped: bool = True

    @property
    def form(self) -> str:
        """Name of the only form with a weight, or ``average``."""
        return next((name for name, weight in self.weights.items() if weight == 1.0), "average")


def select_weights(predicted: Mapping[str, _Array], flux: _Array, block: NDArray[np.int64]) -> dict[str, float]:
    """Select the weights of the forms by a one-standard-error rule.

    The equal average of all forms is the default, because estimated weights predict worse than equal ones if there is little to estimate
    them from. Another combination is selected only if its squared error on the inner blocks is smaller by more than one standard error of
    the difference between blocks of days: the equal average without Lloyd and Taylor's form, the networks alone, or Lloyd and Taylor's
    form alone.

    Parameters
    ----------
    predicted : mapping of str to array, shape (row,)
        Predicted flux of each form in the left-out blocks, relative to the mean of its site.
    flux : array, shape (row,)
        Measured flux in the same unit.
    block : array of int, shape (row,)
        Block of consecutive days of each row, see :func:`~jules_ml.scoring.bootstrap.day_blocks`.

    Returns
    -------
    dict of str to float
        They add up to 1.

    References
    ----------
    Hastie et al. (2009), The Elements of Statistical Learning, section 7.10 (one-standard-error rule); Claeskens et al. (2016),
    Int. J. Forecast. 32, 754-762 (equal weights).
    """
    names = list(predicted)
    log = np.log(np.maximum(np.stack([predicted[name] for name in names]), 1e-12))
    moist = [name for name in names if name != LLOYD_TAYLOR]
    chosen = [names, moist, *([name] for name in names if name != SPLINE)]
    candidates = [np.array([name in group for name in names]) / len(group) for group in chosen if group]
    flux_predicted = [np.exp(weights @ log) for weights in candidates]
    gains = [
        decrease_of_squares(each, flux_predicted[0], flux)
        if clearly_better(each, flux_predicted[0], flux, block)
        else 0.0
        for each in flux_predicted
    ]
    return dict(zip(names, candidates[int(np.argmax(gains))].tolist(), strict=True))


def clearly_better(
    predicted: _Array, reference: _Array, flux: _Array, block: NDArray[np.int64], *, errors: float = 1.0
) -> bool:
    """Whether a prediction is better than a reference by more than some standard errors of the difference between blocks.

    Parameters
    ----------
    predicted, reference, flux : array, shape (row,)
        Two predictions of the flux, and the measured flux.
    block : array of int, shape (row,)
        Block of each row.
    errors : float
        Number of standard errors.
    """
    squares = (reference - flux) ** 2 - (predicted - flux) ** 2
    gain = mean_gain(np.array([squares[block == number].sum() for number in np.unique(block)]))
    return gain.mean > errors * gain.standard_error


def decrease_of_squares(predicted: _Array, reference: _Array, flux: _Array) -> float:
    """Decrease of the sum of squared errors of a prediction from that of a reference; arrays of shape (row,)."""
    return float(((reference - flux) ** 2 - (predicted - flux) ** 2).sum())


def average(predicted: Mapping[str, _Array], weights: Mapping[str, float]) -> _Array:
    """Average the logarithms of the predictions of forms with their weights, shape (row,)."""
    return np.asarray(
        np.exp(sum(weight * np.log(np.maximum(predicted[name], 1e-12)) for name, weight in weights.items()))
    )


def inner_scores(predicted: Mapping[str, _Array], flux: _Array) -> dict[str, float]:
    """NSE of each form."""
    return {name: score(values, flux).nse for name, values in predicted.items()}


def fit_spline(
    rows: Rows, settings: RespirationSettings, members: Members, weights: _Array, draw: int
) -> SplineProduct:
    """Fit the spline form to rows within the supported range of the networks.

    Parameters
    ----------
    rows : Rows
        Training rows.
    settings : RespirationSettings
    members : Members
        Networks fitted to the same rows, for the supported range.
    weights : array, shape (row,)
        Weight of each row.
    draw : int
        Number of the member, which selects its threshold of friction velocity.
    """
    flux = member_targets(rows, np.array([draw]))[0]
    usable = np.flatnonzero(np.isfinite(flux) & (weights > 0.0))
    usable = usable[thinned_rows(len(usable), _SPLINE_ROWS)]
    t_soil, moisture = _clipped(rows, settings, members)
    return fit_spline_product(t_soil[usable], moisture[usable], rows.group[usable], flux[usable], weights[usable])


def predict_spline(spline: SplineProduct, rows: Rows, settings: RespirationSettings) -> _Array:
    """Predict the respiration of rows, shape (row,) [umol m-2 s-1]; a group outside the fit has the mean R0."""
    log_r0 = np.where(
        rows.group < len(spline.log_r0),
        spline.log_r0[np.minimum(rows.group, len(spline.log_r0) - 1)],
        spline.log_r0.mean(),
    )
    moisture = moisture_of(rows, settings)
    return np.asarray(np.exp(np.clip(spline.log_f(moisture) + spline.log_g(rows.t_soil) + log_r0, -30.0, 30.0)))


def spline_members(rows: Rows, settings: RespirationSettings, learned: Members, weights: _Array) -> Members:
    """Fit the spline form to each draw of a network ensemble.

    Parameters
    ----------
    rows : Rows
        Training rows.
    settings : RespirationSettings
    learned : Members
        Networks fitted to the same draws.
    weights : array, shape (member, row)
        Weights of the rows in each draw.

    Returns
    -------
    Members
        Without parameters of networks.
    """
    splines = [fit_spline(rows, settings, learned, each, number) for number, each in enumerate(weights)]
    s, t = MOISTURE_NODES.numpy(), TEMPERATURE_NODES.numpy()
    n_groups = len(rows.groups)
    log_r0 = np.stack([np.pad(each.log_r0, (0, n_groups - len(each.log_r0)), mode="mean") for each in splines])
    log_f = np.stack([each.log_f(s) for each in splines])
    if settings.moisture == "none":  # f is then a constant factor of R0
        log_r0, log_f = log_r0 + log_f[:, :1], np.zeros_like(log_f)
    log_g = torch.from_numpy(np.stack([each.log_g(t) for each in splines]))
    porosity = float(np.mean(list(rows.porosity.values())))
    ranges = learned.ranges
    log_f_table = torch.from_numpy(log_f)
    if "f" in ranges:
        reference = jules_f(settings, porosity)
        log_f_table = outside_support(MOISTURE_NODES, log_f_table, reference, ranges["f"], BLEND_LENGTH_S, settings)
    return replace(
        learned,
        log_f=log_f_table,
        log_g=outside_support(TEMPERATURE_NODES, log_g, jules_g(settings), ranges["g"], BLEND_LENGTH_T, settings),
        log_level=torch.from_numpy(log_r0),
        parameters={},
    )


def averaged_members(members: Mapping[str, Members], weights: Mapping[str, float]) -> Members:
    """Average the logarithms of the members of forms, draw by draw.

    Parameters
    ----------
    members : mapping of str to Members
        Members of each form with a weight, with the same draws.
    weights : mapping of str to float

    Returns
    -------
    Members
        With the networks and the ranges of the learned form.
    """
    used = {name: weight for name, weight in weights.items() if weight > 0.0}
    first = members.get(LEARNED, next(iter(members.values())))

    def averaged(field: str) -> torch.Tensor:
        terms = [weight * getattr(members[name], field) for name, weight in used.items()]
        return torch.stack(terms).sum(0)

    uptakes = {name: members[name].assimilation for name in used}
    assimilation = first.assimilation
    if assimilation is not None:
        states = {name: uptake.state_dict() for name, uptake in uptakes.items() if uptake is not None}
        assimilation = LearnedAssimilation.from_state(
            {
                key: torch.stack([used[name] * state[key] for name, state in states.items()]).sum(0)
                for key in assimilation.state_dict()
            }
        )
    return replace(
        first,
        log_f=averaged("log_f"),
        log_g=averaged("log_g"),
        log_level=averaged("log_level"),
        assimilation=assimilation,
    )


def relative_to_sites(rows: Rows, predicted: Mapping[str, _Array]) -> tuple[dict[str, _Array], _Array]:
    """Divide predictions and the flux of rows by the mean flux of their site."""
    scale = site_scale(rows)
    return {name: values / scale for name, values in predicted.items()}, rows.flux / scale


def _clipped(rows: Rows, settings: RespirationSettings, members: Members) -> tuple[_Array, _Array]:
    """Temperature and moisture of rows, limited to the supported range."""
    moisture = moisture_of(rows, settings)
    return np.clip(rows.t_soil, *members.ranges["g"]), np.clip(moisture, *members.ranges.get("f", (0.0, 1.0)))
