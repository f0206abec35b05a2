"""Trees of tensors: named tuples, dataclasses, tuples, lists and dictionaries, of which only the tensors matter."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable
from typing import Any, TypeGuard, TypeVar, cast

from torch import Tensor

Tree = TypeVar("Tree")


@dataclasses.dataclass(frozen=True, eq=False)
class _Same:
    """What has no hash, equal to itself alone."""

    what: object

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.what is self.what

    def __hash__(self) -> int:
        return id(self.what)


def _has_hash(x: object) -> TypeGuard[Hashable]:
    try:
        hash(x)
    except TypeError:
        return False
    return True


def mapped(function: Callable[[Tensor], Tensor], tree: Tree) -> Tree:
    """Apply a function to every tensor of a tree, in order.

    Parameters
    ----------
    function : callable
        Function of a tensor.
    tree : tree of Tensor
        What is neither a tensor nor a tree stays as it is.

    Returns
    -------
    tree of Tensor
        Of the same types.
    """
    return cast(Tree, _mapped(function, tree))


def _mapped(function: Callable[[Tensor], Tensor], tree: Any) -> Any:
    if isinstance(tree, Tensor):
        return function(tree)
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(_mapped(function, x) for x in tree))
    if isinstance(tree, tuple | list):
        return type(tree)(_mapped(function, x) for x in tree)
    if isinstance(tree, dict):
        return {name: _mapped(function, x) for name, x in tree.items()}
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        parts = {f.name: _mapped(function, getattr(tree, f.name)) for f in dataclasses.fields(tree) if f.init}
        return dataclasses.replace(tree, **parts)
    return tree


def tensors(tree: object) -> list[Tensor]:
    """Return the tensors of a tree, in order."""
    return flattened(tree)[0]


def flattened(tree: object) -> tuple[list[Tensor], tuple[Hashable, ...]]:
    """Divide a tree into its tensors and what can be compared: types, shapes and all else, by identity where that has no hash.

    Parameters
    ----------
    tree : tree of Tensor
        See :func:`mapped`.

    Returns
    -------
    list of Tensor
        In order.
    tuple
        Equal for trees that differ only in the numbers of their tensors.
    """
    found: list[Tensor] = []
    structure: list[Hashable] = []
    _flatten(tree, found, structure)
    return found, tuple(structure)


def _flatten(tree: object, found: list[Tensor], structure: list[Hashable]) -> None:
    if isinstance(tree, Tensor):
        found.append(tree)
        structure.append((tuple(tree.shape), tree.dtype))
        return
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        parts: list[object] = [getattr(tree, f.name) for f in dataclasses.fields(tree)]
    elif isinstance(tree, tuple | list):
        parts = list(tree)
    elif isinstance(tree, dict):
        structure.append(tuple(tree))
        parts = list(tree.values())
    else:
        structure.append(tree if _has_hash(tree) else _Same(tree))
        return
    structure.append((type(tree), len(parts)))
    for part in parts:
        _flatten(part, found, structure)
