"""Columns of nested structures of tensors: states, weather and columns, whose last dimension is the column."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.physics.column import SoilColumn
from jules_ml.physics.kernel.trees import mapped, tensors

_Tree = TypeVar("_Tree")


def column_mapped(change: Callable[[Tensor], Tensor], column: SoilColumn) -> SoilColumn:
    """Apply a function to every tensor of a column: soil, surface, carbon and switches."""
    twin = copy.copy(column)
    for name, part in vars(column).items():
        setattr(twin, name, mapped(change, part))
    return twin


def with_tensors(tree: _Tree, values: Sequence[Tensor]) -> _Tree:
    """Replace the tensors of a structure by others, in the order of :func:`tensors`."""
    following = iter(values)
    return mapped(lambda _: next(following), tree)


def columns_of(columns: NDArray[np.int64], total: int) -> Callable[[Tensor], Tensor]:
    """Return a function of a tensor that selects columns.

    Parameters
    ----------
    columns : array of int, shape (column,)
        Numbers of the columns; a column may be repeated.
    total : int
        Number of all columns.

    Returns
    -------
    callable
        A tensor without dimensions, or whose last one is 1, is the same for all columns, and stays so. ``ValueError`` for a tensor
        whose last dimension is neither 1 nor ``total``: it is not that of columns.
    """
    index = torch.from_numpy(np.ascontiguousarray(columns))

    def chosen(tensor: Tensor) -> Tensor:
        if tensor.ndim == 0 or (tensor.shape[-1] == 1 and total != 1):
            return tensor
        if tensor.shape[-1] != total:
            raise ValueError(f"a tensor of shape {tuple(tensor.shape)} has not {total} columns, nor one for all")
        return tensor.index_select(-1, index.to(tensor.device))

    return chosen


def widened(tree: _Tree, n: int) -> _Tree:
    """Repeat what is the same for all columns, so that each tensor has ``n`` columns."""
    return mapped(lambda tensor: tensor.expand(*tensor.shape[:-1], n).clone(), tree)


def where(mask: Tensor, new: _Tree, old: _Tree) -> _Tree:
    """Select the columns of one of two equal structures: those of ``new`` where ``mask``, shape (column,), is true."""
    following = iter(tensors(old))
    return mapped(lambda tensor: torch.where(mask, tensor, next(following)), new)
