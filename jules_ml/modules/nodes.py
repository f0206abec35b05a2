"""Where rows of data lie among the nodes of a tabulated curve, and interpolation between them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Placement:
    """Where each row lies among the nodes of a factor.

    Parameters
    ----------
    index : Tensor of int64, shape (row, corner)
        Nodes about the row.
    share : Tensor, shape (row, corner)
        Weight of each in interpolation [1]; they sum to 1.
    """

    index: Tensor
    share: Tensor

    def at(self, values: Tensor) -> Tensor:
        """Interpolate ``values`` (..., node) at the rows: shape (..., row)."""
        return sum(
            (values[..., self.index[:, k]] * self.share[:, k] for k in range(self.index.shape[1])),
            start=torch.zeros((), dtype=values.dtype),
        )


def place_on_line(x: Tensor, nodes: Tensor) -> Placement:
    """Place rows among evenly spaced nodes; what lies beyond an end is put on it.

    Parameters
    ----------
    x : Tensor, shape (row,)
        Variable at the rows.
    nodes : Tensor, shape (node,)
        Nodes, evenly spaced and rising.
    """
    step = nodes[1] - nodes[0]
    position = torch.clamp((x.double() - nodes[0]) / step, 0.0, len(nodes) - 1.0)
    left = torch.clamp(position.long(), max=len(nodes) - 2)
    right_share = position - left
    return Placement(torch.stack([left, left + 1], 1), torch.stack([1.0 - right_share, right_share], 1))


def place_in_groups(group: Tensor) -> Placement:
    """Place rows on the node of their group, shape (row,) of int64."""
    return Placement(group.long().unsqueeze(1), torch.ones(len(group), 1, dtype=torch.float64))


def place_on_circle(turn: Tensor, nodes: int) -> Placement:
    """Place rows among evenly spaced nodes of a circle.

    Parameters
    ----------
    turn : Tensor, shape (row,)
        Part of a turn [1]; whole turns do not count.
    nodes : int
        How many there are.
    """
    position = torch.remainder(turn.double(), 1.0) * nodes
    left = torch.clamp(position.long(), max=nodes - 1)
    right_share = position - left
    return Placement(torch.stack([left, (left + 1) % nodes], 1), torch.stack([1.0 - right_share, right_share], 1))
