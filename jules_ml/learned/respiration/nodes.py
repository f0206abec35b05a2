"""Linear interpolation of tabulated curves: positions of data rows between nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Placement:
    """Positions of rows between the nodes of a factor, as interpolation weights.

    Parameters
    ----------
    index : Tensor of int64, shape (row, corner)
        Nodes adjacent to the row.
    weight : Tensor, shape (row, corner)
        Interpolation weight of each of these nodes [1]; they sum to 1.
    """

    index: Tensor
    weight: Tensor

    def at(self, values: Tensor) -> Tensor:
        """Interpolate ``values`` (..., node) at the rows: shape (..., row)."""
        return sum(
            (values[..., self.index[:, k]] * self.weight[:, k] for k in range(self.index.shape[1])),
            start=torch.zeros((), dtype=values.dtype),
        )


def place_on_line(x: Tensor, nodes: Tensor) -> Placement:
    """Place rows between evenly spaced nodes; values outside the nodes are clamped to the nearest end.

    Parameters
    ----------
    x : Tensor, shape (row,)
        Value of the variable in each row.
    nodes : Tensor, shape (node,)
        Nodes, evenly spaced and increasing.
    """
    step = nodes[1] - nodes[0]
    position = torch.clamp((x.double() - nodes[0]) / step, 0.0, len(nodes) - 1.0)
    left = torch.clamp(position.long(), max=len(nodes) - 2)
    right_weight = position - left
    return Placement(torch.stack([left, left + 1], 1), torch.stack([1.0 - right_weight, right_weight], 1))


def place_in_groups(group: Tensor) -> Placement:
    """Place rows on the node of their group; ``group`` has shape (row,) and type int64."""
    return Placement(group.long().unsqueeze(1), torch.ones(len(group), 1, dtype=torch.float64))


def place_on_circle(turn: Tensor, nodes: int) -> Placement:
    """Place rows between evenly spaced nodes of a circle.

    Parameters
    ----------
    turn : Tensor, shape (row,)
        Position on the circle as a fraction of a turn [1]; complete turns are ignored.
    nodes : int
        Number of nodes.
    """
    position = torch.remainder(turn.double(), 1.0) * nodes
    left = torch.clamp(position.long(), max=nodes - 1)
    right_weight = position - left
    return Placement(torch.stack([left, (left + 1) % nodes], 1), torch.stack([1.0 - right_weight, right_weight], 1))


_Array = NDArray[np.float64]


def covered_nodes(nodes: Tensor, data_range: tuple[float, float]) -> tuple[Tensor, int]:
    """Return the nodes of a table that cover the range of the data (at least five), and the index of the first of them."""
    step = float(nodes[1] - nodes[0])
    inside = torch.nonzero((nodes > data_range[0] - step) & (nodes < data_range[1] + step)).flatten()
    low, high = int(inside[0]), int(inside[-1])
    low, high = (max(low - 2, 0), min(high + 2, len(nodes) - 1)) if high - low < 4 else (low, high)
    return nodes[low : high + 1], low


def scaled_nodes(nodes: Tensor, coordinate: Tensor, x: _Array) -> Tensor:
    """Scale the coordinate of the nodes so that the 1 and 99 % quantiles of the rows are at -1 and 1."""
    at = place_on_line(torch.from_numpy(np.quantile(x, [0.01, 0.99])), nodes).at(coordinate)
    width = torch.clamp(at[1] - at[0], min=float(coordinate[1] - coordinate[0]))
    return 2.0 * (coordinate - at[0]) / width - 1.0
