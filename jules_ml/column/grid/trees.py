"""Tensors in nested structures: states, soil, surface and columns, whose last dimension is the column."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.physics.column import SoilColumn

_Tree = TypeVar("_Tree")


def mapped(tree: _Tree, change: Callable[[Tensor], Tensor]) -> _Tree:
    """Apply a function to each tensor of a structure.

    Parameters
    ----------
    tree : tuple, NamedTuple, list, dict, dataclass, SoilColumn, Tensor or other
        What is not a tensor and does not contain any is returned as it is.
    change : callable

    Returns
    -------
    The same structure.
    """
    return _mapped(tree, change)  # type: ignore[no-any-return]


def _mapped(tree: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(tree, Tensor):
        return change(tree)
    if isinstance(tree, tuple):
        parts = [_mapped(part, change) for part in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
    if isinstance(tree, list):
        return [_mapped(part, change) for part in tree]
    if isinstance(tree, dict):
        return {name: _mapped(part, change) for name, part in tree.items()}
    if isinstance(tree, SoilColumn) or (dataclasses.is_dataclass(tree) and not isinstance(tree, type)):
        twin = copy.copy(tree)
        for name, part in vars(tree).items():
            # fields of a frozen dataclass cannot be assigned
            object.__setattr__(twin, name, _mapped(part, change))
        return twin
    return tree


def tensors(tree: Any) -> list[Tensor]:
    """Tensors of a structure, in a fixed order."""
    found: list[Tensor] = []

    def add(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    _mapped(tree, add)
    return found


def with_tensors(tree: _Tree, values: Sequence[Tensor]) -> _Tree:
    """Replace the tensors of a structure by others, in the order of :func:`tensors`."""
    following: Iterator[Tensor] = iter(values)
    return mapped(tree, lambda _: next(following))


def columns_of(tree: _Tree, columns: NDArray[np.int64]) -> _Tree:
    """Select columns.

    Parameters
    ----------
    tree : structure of tensors
        Those whose last dimension is 1 are the same for all columns, and stay so.
    columns : array of int, shape (column,)
        Numbers of the columns; a column may be repeated.

    Returns
    -------
    The same structure.
    """
    index = torch.from_numpy(np.ascontiguousarray(columns))

    def chosen(tensor: Tensor) -> Tensor:
        if tensor.ndim == 0 or tensor.shape[-1] == 1:
            return tensor
        return tensor.index_select(-1, index.to(tensor.device))

    return mapped(tree, chosen)


def first_columns(tree: _Tree, n: int) -> _Tree:
    """Select the first columns, of a structure in which all tensors have one value for each column."""
    return mapped(tree, lambda tensor: tensor[..., :n])


def widened(tree: _Tree, n: int) -> _Tree:
    """Repeat what is the same for all columns, so that each tensor has ``n`` columns."""
    return mapped(tree, lambda tensor: tensor.expand(*tensor.shape[:-1], n).clone() if tensor.ndim else tensor)


def where(mask: Tensor, new: _Tree, old: _Tree) -> _Tree:
    """Select the columns of one of two equal structures: those of ``new`` where ``mask``, shape (column,), is true."""
    following = iter(tensors(old))
    return mapped(new, lambda tensor: torch.where(mask, tensor, next(following)))
