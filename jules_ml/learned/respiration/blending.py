r"""Beyond the data: how a learned curve passes over to JULES's own shape.

Outside the range seen, with :math:`d` the distance from its edge and :math:`m` the slope of the logarithm,

.. math:: \frac{\mathrm d \ln c}{\mathrm dx} = e^{-d/L}\, m_{edge} + (1 - e^{-d/L})\, m_{JULES}(x)

is integrated from the edge on: value and slope are continuous there, the slope always lies between that at the edge and JULES's, so
that no curve overshoots, and over a few lengths :math:`L` the shape becomes JULES's.
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
    step = float(nodes[1] - nodes[0])
    jules = torch.diff(torch.log(torch.clamp(reference, min=_LEAST)))  # rise over each interval of the nodes
    joined = log_curve.clone()
    # upwards from the last node seen, and downwards from the first, as if the nodes were turned round
    for curve, rise, edge, turned in (
        (log_curve, jules, high, False),
        (log_curve.flip(-1), -jules.flip(0), len(nodes) - 1 - low, True),
    ):
        beyond = len(nodes) - 1 - edge
        if beyond == 0:
            continue
        learned = curve[..., edge] - curve[..., edge - 1]
        stays = torch.exp(-(torch.arange(beyond, dtype=torch.float64) + 0.5) * step / length)
        rises = stays * learned.unsqueeze(-1) + (1.0 - stays) * rise[edge:]
        outside = curve[..., edge : edge + 1] + torch.cumsum(rises, dim=-1)
        if turned:
            joined[..., :low] = outside.flip(-1)
        else:
            joined[..., high + 1 :] = outside
    return joined


def edge_nodes(nodes: Tensor, seen: tuple[float, float]) -> tuple[int, int]:
    """First and last node within the range seen; at least three nodes apart, so that there is a slope."""
    inside = torch.nonzero((nodes >= seen[0]) & (nodes <= seen[1])).flatten()
    if len(inside) >= 3:
        return int(inside[0]), int(inside[-1])
    middle = int(torch.argmin((nodes - 0.5 * (seen[0] + seen[1])).abs()))
    middle = min(max(middle, 1), len(nodes) - 2)
    return middle - 1, middle + 1
