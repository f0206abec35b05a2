r"""Extrapolation: outside the training range a learned curve is held at its edge, or blended into the curve of JULES.

For the blend, outside the training range, with :math:`d` the distance from its edge and :math:`m` the slope of the logarithm,

.. math:: \frac{\mathrm d \ln c}{\mathrm dx} = e^{-d/L}\, m_{edge} + (1 - e^{-d/L})\, m_{JULES}(x)

is integrated outwards from the edge. Value and slope are continuous at the edge. The slope always lies between that at the edge and that
of JULES, so that no curve overshoots, and over a few lengths :math:`L` the shape becomes that of JULES.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Lower limit of JULES's modifier before its logarithm is taken: RothC's form is zero in frozen soil.
_LEAST = 1e-6


def blend(
    nodes: Tensor, log_curve: Tensor, reference: Tensor, *, data_range: tuple[float, float], length: float
) -> Tensor:
    """Blend a learned curve into the curve of JULES outside the training range.

    Parameters
    ----------
    nodes : Tensor, shape (node,)
        Nodes, evenly spaced and increasing.
    log_curve : Tensor, shape (..., node)
        Logarithm of the learned curve.
    reference : Tensor, shape (node,)
        JULES's curve at the nodes, zero or above [1].
    data_range : tuple of float
        Training range, in the unit of the nodes; the edges are the outermost nodes within it.
    length : float
        Length over which the slope becomes JULES's, in the unit of the nodes.

    Returns
    -------
    Tensor, shape (..., node)
        Logarithm of the curve, unchanged within the training range.
    """
    low, high = edge_nodes(nodes, data_range)
    step = float(nodes[1] - nodes[0])
    jules = torch.diff(torch.log(torch.clamp(reference, min=_LEAST)))  # rise over each interval of the nodes
    joined = log_curve.clone()
    # upwards from the last node in the range, and downwards from the first on reversed nodes
    for curve, rise, edge, reverse in (
        (log_curve, jules, high, False),
        (log_curve.flip(-1), -jules.flip(0), len(nodes) - 1 - low, True),
    ):
        beyond = len(nodes) - 1 - edge
        if beyond == 0:
            continue
        learned = curve[..., edge] - curve[..., edge - 1]
        weight = torch.exp(-(torch.arange(beyond, dtype=torch.float64) + 0.5) * step / length)
        rises = weight * learned.unsqueeze(-1) + (1.0 - weight) * rise[edge:]
        outside = curve[..., edge : edge + 1] + torch.cumsum(rises, dim=-1)
        if reverse:
            joined[..., :low] = outside.flip(-1)
        else:
            joined[..., high + 1 :] = outside
    return joined


def hold(nodes: Tensor, log_curve: Tensor, *, data_range: tuple[float, float]) -> Tensor:
    """Hold a curve at its values at the edges of the training range.

    Parameters
    ----------
    nodes : Tensor, shape (node,)
        Nodes, evenly spaced and increasing.
    log_curve : Tensor, shape (..., node)
        Logarithm of the learned curve.
    data_range : tuple of float
        Training range, in the unit of the nodes; the edges are the outermost nodes within it.

    Returns
    -------
    Tensor, shape (..., node)
    """
    low, high = edge_nodes(nodes, data_range)
    index = torch.clamp(torch.arange(len(nodes)), low, high)
    return log_curve[..., index]


def edge_nodes(nodes: Tensor, data_range: tuple[float, float]) -> tuple[int, int]:
    """Return the first and last node within the training range; they span at least three nodes, so that there is a slope."""
    inside = torch.nonzero((nodes >= data_range[0]) & (nodes <= data_range[1])).flatten()
    if len(inside) >= 3:
        return int(inside[0]), int(inside[-1])
    middle = int(torch.argmin((nodes - 0.5 * (data_range[0] + data_range[1])).abs()))
    middle = min(max(middle, 1), len(nodes) - 2)
    return middle - 1, middle + 1
