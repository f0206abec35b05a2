"""Stores that grow by increments far smaller than themselves, such as the water of a soil layer."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

#: What stands for :func:`accumulated` while a step is recorded, with the same arguments.
recorder: Callable[[Tensor, Tensor], Tensor] | None = None


def accumulated(store: Tensor, increment: Tensor) -> Tensor:
    """Add an increment to a store of the state.

    In single precision a compiled step keeps what rounding leaves of the increment, and adds it in the next step (Kahan 1965, Commun. ACM
    8, 40). Water budgets of a year then close to rounding of the store, 1e-4 kg m-2, where they would be out by 1e-2 kg m-2.

    Parameters
    ----------
    store : Tensor, shape (..., column)
        At the start of the step; a part of the state.
    increment : Tensor, shape (..., column)
        Its change in the step, in the same units.

    Returns
    -------
    Tensor, shape (..., column)
        At the end of the step.
    """
    return store + increment if recorder is None else recorder(store, increment)
