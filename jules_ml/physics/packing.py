"""Trees of tensors over columns as rows of one tensor, and back.

A step of the column takes and returns nested named tuples and dataclasses. Its derivative is computed, compiled and stored with few
arguments: all tensors of a tree become rows of one tensor of shape (row, column).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Layout(NamedTuple):
    """What :func:`pack` needs to restore a tree: the tree itself, and the shape of each tensor in it without its last dimension."""

    tree: Any
    shapes: tuple[torch.Size, ...]


def tensors_of(tree: Any) -> Iterator[Tensor]:
    """Yield the floating-point tensors of a tree of tuples, named tuples and dataclasses, depth first."""
    if isinstance(tree, Tensor):
        if tree.is_floating_point():
            yield tree
    elif isinstance(tree, tuple):
        for each in tree:
            yield from tensors_of(each)
    elif dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        for field in dataclasses.fields(tree):
            yield from tensors_of(getattr(tree, field.name))


def row_names(tree: Any, path: str = "") -> Iterator[str]:
    """Yield the name of each row that :func:`pack` makes of a tree, for messages."""
    if isinstance(tree, Tensor):
        if tree.is_floating_point():
            count = tree.shape[:-1].numel()
            yield from (path if count == 1 else f"{path} ({row + 1})" for row in range(count))
        return
    named: list[tuple[str, Any]] = []
    if isinstance(tree, tuple):
        named = list(zip(getattr(tree, "_fields", map(str, range(len(tree)))), tree, strict=True))
    elif dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        named = [(field.name, getattr(tree, field.name)) for field in dataclasses.fields(tree)]
    for name, each in named:
        yield from row_names(each, f"{path}.{name}" if path else name)


def with_tensors(tree: Any, tensors: Iterator[Tensor]) -> Any:
    """Return a copy of a tree with other tensors, in the order of :func:`tensors_of`; everything else is that of ``tree``."""
    if isinstance(tree, Tensor):
        return next(tensors) if tree.is_floating_point() else tree
    if isinstance(tree, tuple):
        parts = [with_tensors(each, tensors) for each in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        changed = {f.name: with_tensors(getattr(tree, f.name), tensors) for f in dataclasses.fields(tree) if f.init}
        return dataclasses.replace(tree, **changed)
    return tree


def pack(tree: Any, n_columns: int) -> tuple[Tensor, Layout]:
    """Stack the tensors of a tree as rows.

    Parameters
    ----------
    tree : tuple or dataclass
        Tensors of shape (..., column), (..., 1) or (); they are broadcast to all columns.
    n_columns : int
        Number of columns.

    Returns
    -------
    Tensor, shape (row, column)
    Layout
        For :func:`unpack`.
    """
    tensors = list(tensors_of(tree))
    rows = [x.expand(*x.shape[:-1], n_columns).reshape(-1, n_columns) for x in tensors]
    return torch.cat(rows), Layout(tree, tuple(x.shape[:-1] for x in tensors))


def unpack(rows: Tensor, layout: Layout) -> Any:
    """Inverse of :func:`pack`: the tree with tensors of shape (..., column), views of the rows.

    Parameters
    ----------
    rows : Tensor, shape (row, column)
    layout : Layout

    Returns
    -------
    tuple or dataclass
        As the tree that was packed.
    """
    sizes = [shape.numel() for shape in layout.shapes]
    parts = zip(rows.split(sizes), layout.shapes, strict=True)
    return with_tensors(layout.tree, iter([part.reshape(*shape, rows.shape[-1]) for part, shape in parts]))
