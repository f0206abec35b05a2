r"""Whether respiration is a product of a curve of moisture and one of temperature: a joint surface h(s, T) is held against f g.

.. math:: R = R_0\, g(T)\, h(s, T), \qquad g \text{ of Lloyd and Taylor's form}

Both are scored on the same inner blocks. Where the surface does no better, the product is as good a description as the data can tell.
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
from jules_ml.learned.respiration.nodes import Placement, place_in_groups, place_on_line, scaled_nodes, covered_nodes
from jules_ml.learned.respiration.products import Product, ProductModel, Term, fit_products
from jules_ml.learned.respiration.site import Rows, moisture_of
from jules_ml.scoring.scores import score
from jules_ml.scoring.splits import inner_folds

#: Nodes of the surface along each of its sides.
_SIDE = 15
#: Weight of departure that leaves Lloyd and Taylor's form as it is.
_HELD = 1e4

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Separability:
    """NSE on held-out inner blocks of the joint surface and of the product that the module contains [1]."""

    nse_joint: float
    nse_product: float


def separability(rows: Rows, cross_validated: _Array, settings: RespirationSettings) -> Separability:
    """Fit a joint surface and score it where the product was scored.

    Parameters
    ----------
    rows : Rows
        What was learned from, with moisture.
    cross_validated : array, shape (row,)
        The product's predictions of held-out inner blocks [umol m-2 s-1]; NaN where none was made.
    settings : RespirationSettings
    """
    fold = inner_folds(rows.site, rows.middle, most=settings.inner_folds)
    names = np.unique(fold[fold >= 0])
    scale = site_scale(rows)
    weight = torch.tensor(np.stack([fold != name for name in names]).astype(np.float64))
    weight = torch.where(torch.tensor(np.isnan(rows.flux)), 0.0, weight)
    model = _model(rows, settings, len(names))
    target = torch.tensor(np.nan_to_num(rows.flux / scale))
    share = weight / weight.sum(1, keepdim=True)
    model.scale_penalties((share * (target - (share * target).sum(1, keepdim=True)) ** 2).sum(1))
    fitted, _ = fit_products(model, target, weight, iterations=20, tolerance=2e-4)
    predicted = model.predict(fitted.log_factor).numpy()
    joint = np.full(len(rows), np.nan)
    for member, name in enumerate(names):
        joint[fold == name] = predicted[member, fold == name]
    known = (fold >= 0) & np.isfinite(rows.flux) & np.isfinite(cross_validated)
    flux = (rows.flux / scale)[known]
    return Separability(score(joint[known], flux).nse, score((cross_validated / scale)[known], flux).nse)


def _model(rows: Rows, settings: RespirationSettings, members: int) -> ProductModel:
    generator = torch.Generator().manual_seed(settings.seed + 2)
    t_nodes, _ = covered_nodes(TEMPERATURE_NODES, (float(rows.t_soil.min()), float(rows.t_soil.max())))
    place_t = place_on_line(torch.tensor(rows.t_soil), t_nodes)
    scaled_t = scaled_nodes(t_nodes, t_nodes, rows.t_soil)
    plain = [LloydTaylorCurve(t_nodes, Curve(scaled_t, (2,), generator)) for _ in range(members)]
    held = _HELD * penalties.size(place_t, len(t_nodes))
    side = torch.linspace(-1.3, 1.3, _SIDE, dtype=torch.float64)
    lattice = torch.cartesian_prod(side, side)
    place = _on_lattice(_scaled(moisture_of(rows, settings)), _scaled(rows.t_soil), side)
    width = max(settings.hidden[0], 2)
    surfaces = [Surface(lattice, (2 * width,), generator) for _ in range(members)]
    rough = penalties.roughness(side)
    eye = torch.eye(_SIDE, dtype=torch.float64) / _SIDE
    bend = torch.kron(rough, eye) + torch.kron(eye, rough)
    smooth, size = (float(np.sqrt(low * high)) for low, high in (settings.smoothness, settings.size))
    penalty = smooth * bend + size * penalties.size(place, len(lattice))
    terms = {
        "level": Term([GroupFactor(len(rows.groups)) for _ in range(members)], place_in_groups(torch.tensor(rows.group))),
        "g": Term(plain, place_t, held.expand(members, -1, -1)),
        "h": Term(surfaces, place, penalty.expand(members, -1, -1)),
    }
    return ProductModel(terms, [Product(tuple(terms))])


def _scaled(x: _Array) -> torch.Tensor:
    """Variable with its 1 and 99 % quantiles at -1 and 1."""
    low, high = np.quantile(x, [0.01, 0.99])
    return torch.tensor(2.0 * (x - low) / max(high - low, 1e-9) - 1.0)


def _on_lattice(first: torch.Tensor, second: torch.Tensor, side: torch.Tensor) -> Placement:
    """Place rows in the cells of a square lattice, whose second variable runs fastest."""
    a, b = place_on_line(first, side), place_on_line(second, side)
    index = (a.index.unsqueeze(2) * len(side) + b.index.unsqueeze(1)).flatten(1)
    return Placement(index, (a.weight.unsqueeze(2) * b.weight.unsqueeze(1)).flatten(1))


#: From here on f and g are not to be told apart.
WARN_ABOVE = 0.8


_KNOTS = 6


def concurvity(moisture: _Array, t_soil: _Array) -> float:
    """Greater share of variance that a smooth curve of one variable explains of the other [1].

    Parameters
    ----------
    moisture, t_soil : array, shape (row,)
        The two variables, in any unit.

    Returns
    -------
    float
        0: they can be told apart as well as can be; 1: each is a function of the other.
    """
    return max(_explained(moisture, t_soil), _explained(t_soil, moisture))


def _explained(y: _Array, x: _Array) -> float:
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
