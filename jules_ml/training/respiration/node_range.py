"""The nodes of a table that a record spans, and their scaling for a network."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.modules.nodes import place_on_line

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
