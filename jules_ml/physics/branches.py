"""Parts of a step that many columns do not need at most times, such as the layers of snow in summer."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

#: What stands for :func:`where_any` while a step is recorded, with the same arguments.
recorder: Callable[..., tuple[Tensor, ...]] | None = None


def where_any(
    condition: Tensor,
    function: Callable[..., tuple[Tensor, ...]],
    operands: tuple[Tensor, ...],
    otherwise: tuple[Tensor, ...],
) -> tuple[Tensor, ...]:
    """Take ``function(*operands)`` where a condition holds, and ``otherwise`` elsewhere.

    The function is not evaluated if the condition holds nowhere; a column's result is the same either way. It must be finite wherever it is
    evaluated, so that gradients are.

    Parameters
    ----------
    condition : Tensor of bool, shape (..., column)
        Where the result of the function counts.
    function : callable
        Function of ``operands`` that returns tensors of the shapes of ``otherwise``.
    operands : tuple of Tensor
        Arguments of the function.
    otherwise : tuple of Tensor
        Result where the condition does not hold; ``condition`` broadcasts to the shape of each.

    Returns
    -------
    tuple of Tensor
    """
    if recorder is not None:
        return recorder(condition, function, operands, otherwise)
    if not bool(condition.any()):
        return otherwise
    return tuple(torch.where(condition, new, old) for new, old in zip(function(*operands), otherwise, strict=True))
