"""Quadratic penalties on the shape of a curve: on its roughness, and on its departure from the default form."""

from __future__ import annotations

import torch
from torch import Tensor

from jules_ml.learned.respiration.nodes import Placement


def roughness(coordinate: Tensor) -> Tensor:
    r"""Quadratic form of the roughness :math:`\int (c'')^2\,\mathrm d z` of a curve, from its values at nodes.

    Parameters
    ----------
    coordinate : Tensor, shape (node,)
        Nodes, increasing, scaled so that the data lie in -1 to 1; the form is half the integral over that range, which is a mean.

    Returns
    -------
    Tensor, shape (node, node)
    """
    n = len(coordinate)
    left, right = coordinate[1:-1] - coordinate[:-2], coordinate[2:] - coordinate[1:-1]
    second = torch.zeros(n - 2, n, dtype=torch.float64)
    row = torch.arange(n - 2)
    second[row, row] = 2.0 / (left * (left + right))
    second[row, row + 1] = -2.0 / (left * right)
    second[row, row + 2] = 2.0 / (right * (left + right))
    weight = 0.25 * (left + right)
    return second.T @ (weight.unsqueeze(1) * second)


def circular_roughness(nodes: int) -> Tensor:
    """Return the quadratic form of the roughness of a periodic curve, such as the season, on evenly spaced nodes; shape (node, node)."""
    step = 2.0 / nodes
    eye = torch.eye(nodes, dtype=torch.float64)
    second = (torch.roll(eye, 1, 0) - 2.0 * eye + torch.roll(eye, -1, 0)) / step**2
    return 0.5 * step * second.T @ second


def size(placement: Placement, nodes: int) -> Tensor:
    """Quadratic form of the mean square of a curve over the rows; shape (node, node)."""
    density = torch.bincount(placement.index.flatten(), placement.weight.flatten(), minlength=nodes)
    return torch.diag(density / len(placement.index))
