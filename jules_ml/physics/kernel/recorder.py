"""Recording of a step of torch as a graph of elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from jules_ml.physics import branches, increments
from jules_ml.physics.kernel.elements import REAL, CannotGenerate, Elements
from jules_ml.physics.kernel.operators import IN_PLACE, OPERATORS, Operand, converted, kind_of

#: Array of element numbers, shape (..., 1).
Numbers = NDArray[np.int64]


class Recorder(TorchDispatchMode):
    """Records what torch does on tensors without values.

    Parameters
    ----------
    n_columns : int
        Size of the last dimension of every tensor, unless that is 1.
    keeps_remainders : bool
        Whether what rounding leaves of an increment is kept, see :func:`jules_ml.physics.increments.accumulated`.

    Attributes
    ----------
    elements : Elements
        The graph.
    constants : list of Tensor
        Tensors with values that the step used, in the order of the first use.
    scalars : list of Tensor
        Those without dimensions, likewise.
    tables : list of Tensor
        Of those, the ones in which an index looks up values.
    remainders : list of int
        Elements of further rows of the state after those of its tensors, which are 0 at the start.
    """

    def __init__(self, n_columns: int, *, keeps_remainders: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.elements = Elements()
        self.constants: list[Tensor] = []
        self.scalars: list[Tensor] = []
        self.tables: list[Tensor] = []
        self.n_columns = n_columns
        self._keeps_remainders = keeps_remainders
        self.n_constant_rows = 0
        self.rows = {"state": 0, "forcing": 0}
        self._numbers: dict[int, Numbers] = {}
        self._twins: dict[int, Tensor] = {}
        self._kept: list[Tensor] = []
        self._values: dict[int, Tensor] = {}
        self._outer = branches.recorder, increments.recorder
        self.remainders: list[int] = []

    def __enter__(self) -> Recorder:
        super().__enter__()  # type: ignore[no-untyped-call]
        self._outer = branches.recorder, increments.recorder
        branches.recorder, increments.recorder = self._branch, self._accumulated
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        branches.recorder, increments.recorder = self._outer
        super().__exit__(kind, error, trace)  # type: ignore[no-untyped-call]

    def input(self, shape: Sequence[int], dtype: torch.dtype, operation: str) -> Tensor:
        """Make a tensor without values that stands for the next rows of ``"state"`` or ``"forcing"``."""
        tensor = torch.empty(tuple(shape), dtype=dtype, device="meta")
        size = int(np.prod(shape[:-1]))
        first_row = self.rows[operation]
        self.rows[operation] += size
        rows = [self.elements.leaf(operation, first_row + k) for k in range(size)]
        return self._keep(tensor, np.array(rows, dtype=np.int64).reshape(self.by_column(shape)))

    def numbers(self, tensor: Tensor) -> Numbers:
        """Element numbers of a tensor of the step."""
        if id(tensor) in self._numbers:
            return self._numbers[id(tensor)]
        twin = self._twin(tensor)
        if id(twin) not in self._numbers and id(twin) not in self._values:
            raise CannotGenerate("a tensor made with new_tensor; use torch.tensor")
        if id(twin) not in self._numbers:
            self._numbers[id(twin)] = self._constant(self._values[id(twin)])
        return self._numbers[id(twin)]

    def weigh(self, weights: Tensor) -> None:
        """State that a constant has fractions; see :meth:`Elements.weight`."""
        for number in self.numbers(weights).reshape(-1).tolist():
            self.elements.weight(number)

    def by_column(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of the element numbers of a tensor."""
        if not shape:
            return ()
        if shape[-1] not in (1, self.n_columns):
            raise CannotGenerate(f"a tensor of shape {tuple(shape)} whose last dimension is not the column")
        return (*shape[:-1], 1)

    def table(self, tensor: Tensor) -> int | None:
        """Return the number of a table, or None for what the step computes."""
        values = self._values.get(id(tensor)) if tensor.is_meta else tensor
        if values is None:
            return None
        for k, table in enumerate(self.tables):
            if table is values:
                return k
        self.tables.append(values)
        return len(self.tables) - 1

    def same_values(self, tensor: Tensor, like: Tensor) -> None:
        """State that a tensor has the values of a constant, for example in another precision."""
        if like.is_meta and id(like) in self._values:
            self._values[id(tensor)] = self._values[id(like)]

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        del types
        kwargs = dict(kwargs or {})
        given = tuple(self._on_meta(x) for x in args)
        kwargs = {name: self._on_meta(x) for name, x in kwargs.items()}
        if "device" in kwargs:
            kwargs["device"] = torch.device("meta")
        name = function.overloadpacket.__name__
        operator = OPERATORS.get(IN_PLACE.get(name, name))
        if operator is None or (function._schema.is_mutable and name not in IN_PLACE):
            raise CannotGenerate(f"the operation {function}")
        result = function(*given, **kwargs)
        if isinstance(result, Tensor):
            self._record(operator, result, given, kwargs)
        else:
            for k, each in enumerate(result):
                self._record(operator, each, given, {**kwargs, "output": k})
        return result

    def _record(self, operator: Operand, result: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        numbers = operator(self, result, *args, **kwargs)
        self._kept.append(result)
        if numbers is not None:
            self._keep(result, numbers)

    def _keep(self, tensor: Tensor, numbers: Numbers) -> Tensor:
        self._numbers[id(tensor)] = numbers
        self._kept.append(tensor)
        return tensor

    def _on_meta(self, x: Any) -> Any:
        if isinstance(x, Tensor):
            return self._twin(x)
        if isinstance(x, list | tuple):
            return type(x)(self._on_meta(each) for each in x)
        return x

    def _twin(self, tensor: Tensor) -> Tensor:
        """Tensor without values in place of one with values."""
        if tensor.is_meta:
            return tensor
        if id(tensor) not in self._twins:
            twin = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
            self._twins[id(tensor)] = twin
            self._values[id(twin)] = tensor
            self._kept += [tensor, twin]
        return self._twins[id(tensor)]

    def _constant(self, values: Tensor) -> Numbers:
        """Elements of a constant, which gets the next rows."""
        kind = kind_of(values)
        if values.ndim == 0:
            self.scalars.append(values)
            return converted(self, np.array(self.elements.leaf("scalar", len(self.scalars) - 1)), kind)
        shape = self.by_column(values.shape)
        size = int(np.prod(shape, dtype=np.int64))
        first = self.n_constant_rows
        self.constants.append(values)
        self.n_constant_rows += size
        rows = [self.elements.leaf("constant", first + k) for k in range(size)]
        return converted(self, np.array(rows, dtype=np.int64).reshape(shape), kind)

    def _accumulated(self, store: Tensor, increment: Tensor) -> Tensor:
        """Record an increment of the state; see :func:`jules_ml.physics.increments.accumulated`."""
        result = store + increment
        old = self.numbers(store)
        is_state = all(self.elements.all[k].operation == "state" for k in old.reshape(-1).tolist())
        if not self._keeps_remainders or not is_state:
            return result
        add = self.elements.add
        change = np.broadcast_to(self.numbers(increment), old.shape)
        new = np.empty_like(old)
        for at in np.ndindex(old.shape):
            before = int(old[at])
            kept = self.elements.leaf("state", self.rows["state"])
            self.rows["state"] += 1
            whole = add("add", REAL, int(change[at]), kept)
            new[at] = add("add", REAL, before, whole)
            self.remainders.append(add("sub", REAL, whole, add("sub", REAL, int(new[at]), before)))
        return self._keep(result, new)

    def _branch(
        self,
        condition: Tensor,
        function: Callable[..., tuple[Tensor, ...]],
        operands: tuple[Tensor, ...],
        otherwise: tuple[Tensor, ...],
    ) -> tuple[Tensor, ...]:
        """Record a part of the step that few columns need; see :func:`jules_ml.physics.branches.where_any`."""
        conditions = self.numbers(condition)
        old = [self.numbers(x) for x in otherwise]
        with self.elements.within(tuple(dict.fromkeys(conditions.flatten().tolist()))) as branch:
            results = function(*operands)
            new = [self.numbers(x) for x in results]
        chosen: list[Tensor] = []
        for tensor, before, after in zip(results, old, new, strict=True):
            shape = np.broadcast_shapes(conditions.shape, before.shape, after.shape)
            parts = zip(
                *(np.broadcast_to(x, shape).flatten().tolist() for x in (conditions, after, before)), strict=True
            )
            numbers = np.array([self.elements.chosen(branch, *each) for each in parts], dtype=np.int64).reshape(shape)
            size = (*shape[:-1], self.n_columns) if shape else ()
            chosen.append(self._keep(torch.empty(size, dtype=tensor.dtype, device="meta"), numbers))
        return tuple(chosen)
