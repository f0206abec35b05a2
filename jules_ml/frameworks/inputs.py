"""Inputs of a component: who provides them, and what has been set.

A record drives inputs that nobody has set. What another component sets, by ``set_value``, ``set_value_at_indices`` or through the array of
``get_value_ptr``, which are the same, keeps its value until it is set again. Coupled inputs have no record: they are NaN until they are
set, count for one call of ``update`` or ``update_until``, and must be set again before the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from jules_ml.errors import BadInput
from jules_ml.frameworks.variables import Array, BmiVariable

#: Functions of NumPy that write to their first argument.
_WRITERS = {np.copyto, np.put, np.place, np.putmask, np.put_along_axis, np.fill_diagonal}


class WatchedArray(np.ndarray[Any, np.dtype[np.float64]]):
    """View of the values of an input that reports when it is written to, even with the values that it has."""

    _report: Callable[[], None] | None = None
    _owner: Array | None = None

    @classmethod
    def of(cls, values: Array, report: Callable[[], None]) -> WatchedArray:
        """View of ``values`` that calls ``report`` when it is written to."""
        view = values.view(cls)
        view._report, view._owner = report, values
        return view

    def __array_finalize__(self, obj: Any) -> None:
        """Views report too; copies do not, as they do not share memory."""
        self._report, self._owner = getattr(obj, "_report", None), getattr(obj, "_owner", None)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        self._written()

    def fill(self, value: Any) -> None:
        """Fill with a value."""
        super().fill(value)
        self._written()

    def put(self, indices: Any, values: Any, mode: Any = "raise") -> None:
        """Set values at indices."""
        super().put(indices, values, mode)
        self._written()

    def __array_ufunc__(self, ufunc: np.ufunc, method: Any, *inputs: Any, **kwargs: Any) -> Any:
        """Results are plain arrays, unless they are written here."""
        out = kwargs.get("out", ())
        if out:
            kwargs["out"] = tuple(map(_plain, out))
        result = getattr(ufunc, method)(*map(_plain, inputs), **kwargs)
        for target in (*out, *(inputs[:1] if method == "at" else ())):
            if isinstance(target, WatchedArray):
                target._written()
        return out[0] if len(out) == 1 else result

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Results are plain arrays; functions that write to an argument are reported."""
        result = func(*map(_plain, args), **{name: _plain(value) for name, value in kwargs.items()})
        for target in (*(args[:1] if func in _WRITERS else ()), kwargs.get("out")):
            if isinstance(target, WatchedArray):
                target._written()
        return result

    def _written(self) -> None:
        if self._report is not None and self._owner is not None and np.may_share_memory(self, self._owner):
            self._report()


def _plain(x: Any) -> Any:
    if isinstance(x, WatchedArray):
        return x.view(np.ndarray)
    return type(x)(map(_plain, x)) if type(x) in (list, tuple) else x


class Inputs:
    """Values of the inputs between steps.

    Parameters
    ----------
    variables : mapping of str to BmiVariable
        Inputs by name.
    coupled : collection of str
        Inputs without a record.
    columns : int
        Number of columns.

    Attributes
    ----------
    names : tuple of str
        Inputs.
    values : dict of str to array
        Values of each input, shape (column,): rows of one array, so that all are checked by a few operations.
    set : set of str
        Inputs that the record does not drive any more.
    """

    def __init__(self, variables: Mapping[str, BmiVariable], coupled: Collection[str], columns: int) -> None:
        self.names, self.coupled = tuple(variables), frozenset(coupled)
        self._block = np.zeros((len(self.names), columns))
        self._shown = np.zeros_like(self._block)
        self.values: dict[str, Array] = dict(zip(self.names, self._block, strict=True))
        ranges = [(each.range.valid_min, each.range.valid_max) for each in variables.values() if each.range is not None]
        self._lowest, self._highest = np.array(ranges).T
        self._of_record = np.array([name not in self.coupled for name in self.names])
        self.set: set[str] = set()
        self._coupled_rows = np.flatnonzero(~self._of_record)
        # inputs that are not checked when they are set
        self._unchecked: set[str] = set()
        self.forget()

    def mark(self, name: str, *, complete: bool = False) -> None:
        """Note that another component has set a variable; ``complete`` if all of its values, which were checked."""
        if name not in self.names:
            return
        if complete:
            self._complete.add(name)
        if name not in self.set:
            self.set.add(name)
            self._of_record[self.names.index(name)] = False

    @property
    def of_record(self) -> frozenset[str]:
        """Inputs that the record drives."""
        return frozenset(name for name, driven in zip(self.names, self._of_record, strict=True) if driven)

    def restore(self, names: Collection[str]) -> None:
        """Replace the set of inputs that other components have set."""
        self.set = set()
        self._of_record = np.array([name not in self.coupled for name in self.names])
        self._unchecked |= set(names)
        for name in names:
            self.mark(name)

    def pointer(self, name: str) -> Array:
        """Array through which another component reads and writes an input."""
        self._unchecked.add(name)
        if name in self.coupled:
            return self.values[name]
        return WatchedArray.of(self.values[name], lambda: self.mark(name))

    def show(self, row: Array) -> None:
        """Show the record's values of the next step, shape (input,), in the inputs that nobody has set."""
        if self._of_record.all():
            self._block[...] = row[:, None]
        else:
            self._block[self._of_record] = row[self._of_record, None]
        self._shown[...] = self._block

    def settle(self) -> None:
        """Find what has been written to memory without :class:`WatchedArray`, for example from C."""
        if self._unchecked and self._of_record.any() and not np.array_equal(self._block, self._shown):
            changed = (self._block != self._shown).any(axis=1) & self._of_record
            for number in np.flatnonzero(changed):
                self.mark(self.names[number])

    def suspects(self) -> list[str]:
        """Inputs that are not the record's and have a value that is not finite or outside its range."""
        if not self._unchecked and self._complete >= self.coupled:
            return []
        # a comparison with NaN is false
        possible = (self._block.min(axis=1) >= self._lowest) & (self._block.max(axis=1) <= self._highest)
        return [self.names[number] for number in np.flatnonzero(~(possible | self._of_record))]

    def require_all(self, where: str, labels: Mapping[str, str]) -> None:
        """Refuse coupled inputs that have not been set since the last call.

        Raises
        ------
        BadInput
            With the names of all that are missing.
        """
        missing = {n: int(np.isnan(self.values[n]).sum()) for n in self.names if n in self.coupled}
        missing = {name: count for name, count in missing.items() if count}
        if missing:
            n_columns = self._block.shape[1]
            text = ", ".join(
                labels[name] + (f" (at {count} of {n_columns} nodes)" if n_columns > 1 else "")
                for name, count in missing.items()
            )
            raise BadInput(
                f"{len(missing)} of {len(self.coupled)} coupled inputs have not been set for this step: {text}",
                where=where,
                remedy="set every coupled input before each call of update or update_until",
            )

    def forget(self) -> None:
        """Remove the values of coupled inputs after a call."""
        self._complete: set[str] = set()
        self._block[self._coupled_rows] = np.nan
