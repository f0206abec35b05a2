r"""Test of separability: whether respiration is the product f(s) g(T), by comparison with a joint surface h(s, T).

.. math:: R = R_0\, g(T)\, h(s, T), \qquad g \text{ of Lloyd and Taylor's form}

Both are scored on the same inner blocks. If the surface is not better, the data do not contradict the product.

Concurvity measures how far the effects of moisture and temperature can be told apart (Wood 2017, section 7.8).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import make_lsq_spline

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration import penalties
from jules_ml.learned.respiration.curves import site_scale
from jules_ml.learned.respiration.factors import Curve, GroupFactor, LloydTaylorCurve, Surface
from jules_ml.learned.respiration.network import TEMPERATURE_NODES
from jules_ml.learned.respiration.nodes import Placement, covered_nodes, place_in_groups, place_on_line, scaled_nodes
from jules_ml.learned.respiration.products import Product, ProductModel, Term, fit_products
from jules_ml.learned.respiration.site import Rows, moisture_of
from jules_ml.scoring.scores import score
from jules_ml.scoring.splits import inner_folds

#: Number of nodes along each side of the surface.
_SIDE = 15
#: Penalty weight of departure that fixes g to Lloyd and Taylor's form.
_FIXED = 1e4

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Separability:
    """NSE of the joint surface and of the product of the module, on inner blocks that the fits left out [1]."""

    nse_joint: float
    nse_product: float


def separability(rows: Rows, cross_validated: _Array, settings: RespirationSettings) -> Separability:
    """Fit a joint surface and score it on the same inner blocks as the product.

    Parameters
    ----------
    rows : Rows
        Training rows, with moisture.
    cross_validated : array, shape (row,)
        Predictions of the product for each inner block by a fit without it [umol m-2 s-1]; NaN where there is none.
    settings : RespirationSettings
    """
    fold = inner_folds(rows.site, rows.middle, most=settings.inner_folds)
    names = np.unique(fold[fold >= 0])
    scale = site_scale(rows)
    weight = torch.tensor(np.stack([fold != name for name in names]).astype(np.float64))
    weight = torch.where(torch.tensor(np.isnan(rows.flux)), 0.0, weight)
    model = _model(rows, settings, len(names))
    target = torch.tensor(np.nan_to_num(rows.flux / scale))
    normalised = weight / weight.sum(1, keepdim=True)
    model.scale_penalties((normalised * (target - (normalised * target).sum(1, keepdim=True)) ** 2).sum(1))
    fitted, _ = fit_products(model, target, weight, iterations=20, tolerance=2e-4)
    predicted = model.predict(fitted.log_factor).numpy()
    joint = np.full(len(rows), np.nan)
    for member, name in enumerate(names):
        joint[fold == name] = predicted[member, fold == name]
    valid = (fold >= 0) & np.isfinite(rows.flux) & np.isfinite(cross_validated)
    flux = (rows.flux / scale)[valid]
    return Separability(score(joint[valid], flux).nse, score((cross_validated / scale)[valid], flux).nse)


def _model(rows: Rows, settings: RespirationSettings, members: int) -> ProductModel:
    """Model of R0 times Lloyd and Taylor's g times the surface h, with one member per fold."""
    generator = torch.Generator().manual_seed(settings.seed + 2)
    t_nodes, _ = covered_nodes(TEMPERATURE_NODES, (float(rows.t_soil.min()), float(rows.t_soil.max())))
    place_t = place_on_line(torch.tensor(rows.t_soil), t_nodes)
    scaled_t = scaled_nodes(t_nodes, t_nodes, rows.t_soil)
    lloyd_taylor = [LloydTaylorCurve(t_nodes, Curve(scaled_t, (2,), generator)) for _ in range(members)]
    fixed = _FIXED * penalties.size(place_t, len(t_nodes))
    side = torch.linspace(-1.3, 1.3, _SIDE, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)
    place = _place_on_grid(_scaled(moisture_of(rows, settings)), _scaled(rows.t_soil), side)
    width = max(settings.hidden[0], 2)
    surfaces = [Surface(grid, (2 * width,), generator) for _ in range(members)]
    rough = penalties.roughness(side)
    eye = torch.eye(_SIDE, dtype=torch.float64) / _SIDE
    bend = torch.kron(rough, eye) + torch.kron(eye, rough)
    smooth, size = (float(np.sqrt(low * high)) for low, high in (settings.smoothness, settings.size))
    penalty = smooth * bend + size * penalties.size(place, len(grid))
    terms = {
        "level": Term(
            [GroupFactor(len(rows.groups)) for _ in range(members)], place_in_groups(torch.tensor(rows.group))
        ),
        "g": Term(lloyd_taylor, place_t, fixed.expand(members, -1, -1)),
        "h": Term(surfaces, place, penalty.expand(members, -1, -1)),
    }
    return ProductModel(terms, [Product(tuple(terms))])


def _scaled(x: _Array) -> torch.Tensor:
    """Scale a variable so that its 1 and 99 % quantiles are at -1 and 1."""
    low, high = np.quantile(x, [0.01, 0.99])
    return torch.tensor(2.0 * (x - low) / max(high - low, 1e-9) - 1.0)


def _place_on_grid(first: torch.Tensor, second: torch.Tensor, side: torch.Tensor) -> Placement:
    """Place rows in the cells of a square grid, on which the second variable varies fastest."""
    a, b = place_on_line(first, side), place_on_line(second, side)
    index = (a.index.unsqueeze(2) * len(side) + b.index.unsqueeze(1)).flatten(1)
    return Placement(index, (a.weight.unsqueeze(2) * b.weight.unsqueeze(1)).flatten(1))


#: Concurvity above which f and g cannot be told apart.
WARN_ABOVE = 0.8
#: Number of quantiles at which the splines of :func:`concurvity` have knots.
_KNOTS = 6


def concurvity(moisture: _Array, t_soil: _Array) -> float:
    """Fraction of the variance of one variable that a smooth curve of the other explains, the greater of the two directions [1].

    Parameters
    ----------
    moisture, t_soil : array, shape (row,)
        The two variables, in any unit.

    Returns
    -------
    float
        0 if the variables are unrelated, 1 if one is a function of the other.
    """
    return max(_explained(moisture, t_soil), _explained(t_soil, moisture))


def _explained(y: _Array, x: _Array) -> float:
    """Fraction of the variance of ``y`` that a least-squares spline in ``x`` explains [1]; 1 if either is constant."""
    if np.ptp(x) <= 0.0 or np.ptp(y) <= 0.0:
        return 1.0
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    inner = np.unique(np.quantile(x, np.linspace(0.0, 1.0, _KNOTS)[1:-1]))
    inner = inner[(inner > x[0]) & (inner < x[-1])]
    knots = np.concatenate([[x[0]] * 4, inner, [x[-1]] * 4])
    try:
        fitted = make_lsq_spline(x, y, knots, k=3)(x)
    except (ValueError, np.linalg.LinAlgError):  # too few distinct values for a spline
        fitted = np.poly1d(np.polyfit(x, y, 2))(x)
    return float(1.0 - np.var(y - fitted) / np.var(y))
