"""Where rows of data lie among the nodes of a tabulated curve, and interpolation between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
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


_Array = NDArray[np.float64]


def spanned_nodes(nodes: Tensor, seen: tuple[float, float]) -> tuple[Tensor, int]:
    """Nodes of a table that lie about the range seen, and the number of the first."""
    step = float(nodes[1] - nodes[0])
    inside = torch.nonzero((nodes > seen[0] - step) & (nodes < seen[1] + step)).flatten()
    low, high = int(inside[0]), int(inside[-1])
    low, high = (max(low - 2, 0), min(high + 2, len(nodes) - 1)) if high - low < 4 else (low, high)
    return nodes[low : high + 1], low


def scaled_nodes(nodes: Tensor, coordinate: Tensor, x: _Array) -> Tensor:
    """Coordinate of the nodes, scaled so that the 1 and 99 % quantiles of the rows are -1 and 1."""
    at = place_on_line(torch.from_numpy(np.quantile(x, [0.01, 0.99])), nodes).at(coordinate)
    width = torch.clamp(at[1] - at[0], min=float(coordinate[1] - coordinate[0]))
    return 2.0 * (coordinate - at[0]) / width - 1.0
