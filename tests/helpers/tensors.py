"""Gradients and parameters of torch, with their types."""

from __future__ import annotations

import torch
from torch import nn


def gradient_of(leaf: torch.Tensor) -> torch.Tensor:
    """Gradient of a leaf after ``backward``."""
    assert leaf.grad is not None
    return leaf.grad


def finite_gradients(*leaves: torch.Tensor) -> bool:
    """Whether the gradients of all leaves are finite."""
    return all(bool(torch.isfinite(gradient_of(leaf)).all()) for leaf in leaves)


def linear(net: nn.Sequential, index: int) -> nn.Linear:
    """A linear layer of a net."""
    layer = net[index]
    assert isinstance(layer, nn.Linear)
    return layer
