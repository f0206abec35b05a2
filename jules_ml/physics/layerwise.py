"""Reductions over the few layers, or tiles, of columns: one after the other, from the first to the last.

A library's own reduction adds in an order that depends on how many columns stand side by side, and so gives a column another last bit in
company than alone. Over a year freezing and thawing make much of a bit. Besides, a compiler fuses this with what stands around it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import torch
from torch import Tensor


def over_layers(operation: Callable[[Tensor, Tensor], Tensor], x: Tensor | Sequence[Tensor]) -> Tensor:
    """Reduce over the first dimension in order.

    Parameters
    ----------
    operation : callable
        Of two tensors of shape (...), to one: ``torch.add``, ``torch.maximum``.
    x : Tensor, shape (layer, ...), or sequence of Tensor, shape (...)

    Returns
    -------
    Tensor, shape (...)
    """
    return reduce(operation, x.unbind(0) if isinstance(x, Tensor) else x)


def sum_over_layers(x: Tensor | Sequence[Tensor]) -> Tensor:
    """Sum over the first dimension in order; see :func:`over_layers`."""
    return over_layers(torch.add, x)
