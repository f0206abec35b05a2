"""Shapes of curves that the data rarely contradict: f with a single maximum, and g that does not decrease."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from sklearn.isotonic import isotonic_regression
from torch import Tensor

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.curves import Members
from jules_ml.learned.respiration.network import MOISTURE_NODES, TEMPERATURE_NODES
from jules_ml.learned.respiration.nodes import place_on_line
from jules_ml.learned.respiration.site import Rows, moisture_of

#: Standard deviation of the smoothing of a projected curve, in nodes: the projection has steps.
_SMOOTHING: Final = 4.0

#: Weight of a node without rows, relative to the mean over nodes; it fills gaps between rows.
_NO_ROWS: Final = 1e-3
#: Step between the nodes that are tried as the maximum of f.
_STEP: Final = 4

_Array = NDArray[np.float64]


def shaped(members: Members, rows: Rows, settings: RespirationSettings, *, only_g: bool = False) -> Members:
    """Give f a single maximum, unless ``only_g``, and let g not decrease, in every member.

    Parameters
    ----------
    members : Members
    rows : Rows
        Training rows, whose number at each node is its weight: the mean over the rows of the logarithm of a curve does not change.
    settings : RespirationSettings

    Returns
    -------
    Members
        Curves that have these shapes anyway are unchanged.
    """
    log_f = members.log_f
    if settings.moisture != "none" and not only_g:
        moisture = np.clip(moisture_of(rows, settings), *members.ranges["f"])
        log_f = unimodal(log_f, _rows_at_nodes(moisture, MOISTURE_NODES))
    t_soil = np.clip(rows.t_soil, *members.ranges["g"])
    return replace(members, log_f=log_f, log_g=rising(members.log_g, _rows_at_nodes(t_soil, TEMPERATURE_NODES)))


def _rows_at_nodes(x: _Array, nodes: Tensor) -> _Array:
    """Number of rows at each node, above zero, shape (node,)."""
    place = place_on_line(torch.from_numpy(x), nodes)
    counts = np.bincount(place.index.flatten().numpy(), place.weight.flatten().numpy(), minlength=len(nodes))
    return np.asarray(counts + _NO_ROWS * counts.mean(), dtype=np.float64)


def rising(log_curve: Tensor, weight: _Array) -> Tensor:
    """Project curves onto curves that do not decrease.

    Parameters
    ----------
    log_curve : Tensor, shape (member, node)
        Logarithms of the curves.
    weight : array, shape (node,)
        Weight of the squared change of each node, such as the number of rows at it; above zero.

    Returns
    -------
    Tensor, shape (member, node)
        Unchanged where a curve does not decrease anyway.
    """
    return _projected(log_curve, weight, lambda log, w: isotonic_regression(log, sample_weight=w))


def unimodal(log_curve: Tensor, weight: _Array) -> Tensor:
    """Project curves onto curves with a single maximum, as :func:`rising`."""
    return _projected(log_curve, weight, _single_maximum)


def _single_maximum(log: _Array, weight: _Array) -> _Array:
    """Closest curve that rises up to a node and falls after it; the best of all nodes."""
    best, least = log, np.inf
    for top in sorted({*range(0, len(log) + 1, _STEP), int(np.argmax(log))}):
        up = isotonic_regression(log[:top], sample_weight=weight[:top]) if top else log[:0]
        down = (
            isotonic_regression(log[top:], sample_weight=weight[top:], increasing=False) if top < len(log) else log[:0]
        )
        curve = np.concatenate([up, down])
        change = float((weight * (curve - log) ** 2).sum())
        if change < least:
            best, least = curve, change
    return best


def _projected(log_curve: Tensor, weight: _Array, project: Callable[[_Array, _Array], _Array]) -> Tensor:
    """Project each curve, and smooth those that changed; smoothing by a Gaussian keeps both shapes."""
    curves = []
    for log in log_curve.numpy():
        curve = project(log, weight)
        changed = float(np.abs(curve - log).max()) > 1e-9
        curves.append(gaussian_filter1d(curve, _SMOOTHING, mode="nearest") if changed else log)
    return torch.from_numpy(np.stack(curves))
