r"""Beyond the data: how a learned curve passes over to JULES's own shape.

At the edge :math:`x_e` of the range seen, with :math:`d = |x - x_e|` and :math:`r` JULES's curve,

.. math:: \ln c(x) = \ln r(x) + \delta_0 + \delta_1 L\,(1 - e^{-d/L}), \qquad
    \delta_0 = \ln\frac{c(x_e)}{r(x_e)}, \quad \delta_1 = \pm\frac{\mathrm d}{\mathrm dx}\ln\frac{c}{r}\Big|_{x_e}

so that value and slope are continuous, and the slope of the logarithm becomes JULES's over a few lengths :math:`L`.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: JULES's factor is taken to be no less than this where its logarithm is wanted: RothC's form is zero in frozen soil.
_LEAST = 1e-6


def pass_over(
    nodes: Tensor, log_curve: Tensor, reference: Tensor, *, seen: tuple[float, float], length: float
) -> Tensor:
    """Replace a learned curve outside the range seen.

    Parameters
    ----------
    nodes : Tensor, shape (node,)
        Nodes, evenly spaced and rising.
    log_curve : Tensor, shape (..., node)
        Logarithm of the learned curve.
    reference : Tensor, shape (node,)
        JULES's curve at the nodes, zero or above [1].
    seen : tuple of float
        Range seen, in the unit of the nodes; the edges are the outermost nodes within it.
    length : float
        Length over which the slope becomes JULES's, in the unit of the nodes.

    Returns
    -------
    Tensor, shape (..., node)
        Logarithm of the curve, unchanged within the range seen.
    """
    low, high = edge_nodes(nodes, seen)
    excess = log_curve - torch.log(torch.clamp(reference, min=_LEAST))
    step = float(nodes[1] - nodes[0])
    joined = excess.clone()
    for edge, inward, outside in (
        (low, 1, torch.arange(len(nodes)) < low),
        (high, -1, torch.arange(len(nodes)) > high),
    ):
        if not bool(outside.any()):
            continue
        outward = edge - inward  # JULES's slope counts on the side that is passed into: its curve has corners
        learned = (log_curve[..., edge] - log_curve[..., edge + inward]) / step
        jules = (
            torch.log(torch.clamp(reference[outward], min=_LEAST)) - torch.log(torch.clamp(reference[edge], min=_LEAST))
        ) / step
        away = (nodes - nodes[edge]).abs()
        bend = length * (1.0 - torch.exp(-away / length))
        value = excess[..., edge, None] + (learned - jules).unsqueeze(-1) * bend
        joined = torch.where(outside, value, joined)
    return joined + torch.log(torch.clamp(reference, min=_LEAST))


def edge_nodes(nodes: Tensor, seen: tuple[float, float]) -> tuple[int, int]:
    """First and last node within the range seen; at least three nodes apart, so that there is a slope."""
    inside = torch.nonzero((nodes >= seen[0]) & (nodes <= seen[1])).flatten()
    if len(inside) >= 3:
        return int(inside[0]), int(inside[-1])
    middle = int(torch.argmin((nodes - 0.5 * (seen[0] + seen[1])).abs()))
    middle = min(max(middle, 1), len(nodes) - 2)
    return middle - 1, middle + 1
