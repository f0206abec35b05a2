"""Uncertainty of a curve due to its smoothness, in addition to the spread of the ensemble.

Members of an ensemble share the bias of smoothing: all of them round off a corner. The variance of a curve given its penalties, as of the
smooths of additive models, includes the expected square of that bias.

References
----------
Nychka (1988), J. Am. Stat. Assoc. 83, 1134-1143; Wood (2017), Generalized Additive Models, section 6.10.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.learned.respiration import penalties
from jules_ml.learned.respiration.nodes import covered_nodes, place_on_line, scaled_nodes

_Array = NDArray[np.float64]


def smoothing_variance(
    x: _Array,
    nodes: Tensor,
    *,
    flux: _Array,
    predicted: _Array,
    smoothness: float,
    size: float,
    reference: float,
) -> Tensor:
    r"""Variance of the logarithm of a curve relative to its value at a reference, given its penalties.

    .. math:: \operatorname{Cov}(c) = \frac{\sigma^2}{n}\left(A + v P\right)^{-1}

    with the curvature :math:`A` of the mean squared error, the penalty :math:`P`, the variance :math:`v` of the flux and that of the
    residuals :math:`\sigma^2`.

    Parameters
    ----------
    x : array, shape (row,)
        Variable of the curve, within the supported range.
    nodes : Tensor, shape (node,)
        Nodes of the table.
    flux, predicted : array, shape (row,)
        Measured and predicted flux, in the same unit.
    smoothness, size : float
        Weights of the penalties of roughness and departure.
    reference : float
        Value of ``x`` at which the curve is one.

    Returns
    -------
    Tensor, shape (node,)
        Constant outside the range of ``x``.
    """
    inner, first = covered_nodes(nodes, (float(x.min()), float(x.max())))
    count = len(inner)
    place = place_on_line(torch.from_numpy(x), inner)
    penalty = smoothness * penalties.roughness(scaled_nodes(inner, inner, x)) + size * penalties.size(place, count)
    pair = (place.index.unsqueeze(2) * count + place.index.unsqueeze(1)).flatten(1)
    weight = (place.weight.unsqueeze(2) * place.weight.unsqueeze(1)).flatten(1)
    square = torch.from_numpy(predicted**2).unsqueeze(1)
    curvature = torch.bincount(pair.flatten(), (square * weight).flatten(), minlength=count * count) / len(x)
    matrix = curvature.reshape(count, count) + float(np.var(flux)) * penalty
    # nodes without rows have no curvature of their own; the penalty of departure may be zero there
    matrix = matrix + 1e-12 * torch.trace(matrix) * torch.eye(count, dtype=torch.float64)
    covariance = float(np.mean((flux - predicted) ** 2)) / len(x) * torch.linalg.inv(matrix)
    at = place_on_line(torch.tensor([reference], dtype=torch.float64), inner).at(torch.eye(count, dtype=torch.float64))
    difference = torch.eye(count, dtype=torch.float64) - at.flatten()
    variance = torch.clamp(((difference @ covariance) * difference).sum(1), min=0.0)
    return variance[torch.clamp(torch.arange(len(nodes)) - first, 0, count - 1)]
