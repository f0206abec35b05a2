"""Reductions over the layers or tiles of columns in a fixed order, from the first to the last.

The reductions of torch add in an order that depends on the number of columns, so that the last bit of a column would depend on the other
columns; freezing and thawing amplify such a difference over a year. In addition, the compiler fuses these sums with the operations around
them.
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
        Function of two tensors of shape (...), such as ``torch.add`` or ``torch.maximum``.
    x : Tensor, shape (layer, ...), or sequence of Tensor, shape (...)
        Values of the layers.

    Returns
    -------
    Tensor, shape (...)
    """
    return reduce(operation, x.unbind(0) if isinstance(x, Tensor) else x)


def sum_over_layers(x: Tensor | Sequence[Tensor]) -> Tensor:
    """Sum over the first dimension in order.

    Parameters
    ----------
    x : Tensor, shape (layer, ...), or sequence of Tensor, shape (...)
        Values of the layers.

    Returns
    -------
    Tensor, shape (...)

    Examples
    --------
    >>> sum_over_layers(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([4., 6.])
    """
    return over_layers(torch.add, x)
