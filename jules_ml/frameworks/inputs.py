"""Inputs of a component: who provides them, and what has been set.

A record drives inputs that nobody has set. What another component sets, by ``set_value``, ``set_value_at_indices`` or through the array of
``get_value_ptr``, which are the same, keeps its value until it is set again. Coupled inputs have no record: they are NaN until they are
set, count for one call of ``update`` or ``update_until``, and must be set again before the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from jules_ml.errors import BadInput
from jules_ml.frameworks.variables import Array

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
    values : dict of str to array
        Values of all variables of the component, of which ``names`` are inputs.
    names : sequence of str
        Inputs.
    coupled : collection of str
        Inputs without a record.
    """

    def __init__(self, values: dict[str, Array], names: Collection[str], coupled: Collection[str]) -> None:
        self.names, self.coupled = tuple(names), frozenset(coupled)
        self.set: set[str] = set()
        self._values = values
        self._shown: dict[str, Array] = {}
        self.forget()

    def mark(self, name: str) -> None:
        """Note that another component has set a variable."""
        if name in self.names:
            self.set.add(name)

    def pointer(self, name: str) -> Array:
        """Array through which another component reads and writes an input."""
        if name in self.coupled:
            return self._values[name]
        return WatchedArray.of(self._values[name], lambda: self.set.add(name))

    def show(self, name: str, row: Array | float) -> None:
        """Show the record's value of the next step, if nobody has set the input."""
        if name in self.set or name in self.coupled:
            return
        values = self._values[name]
        values[...] = row
        self._shown[name] = values.copy()

    def settle(self) -> list[str]:
        """Find what has been set before a step, and return the names of the inputs that are not the record's."""
        for name, shown in self._shown.items():
            # memory that was written to without this class, for example from C
            if name not in self.set and not np.array_equal(self._values[name], shown, equal_nan=True):
                self.set.add(name)
        return [name for name in self.names if name in self.set or name in self.coupled]

    def require_all(self, where: str, labels: dict[str, str]) -> None:
        """Refuse coupled inputs that have not been set since the last call.

        Raises
        ------
        BadInput
            With the names of all that are missing.
        """
        missing = [n for n in self.names if n in self.coupled and np.isnan(self._values[n]).any()]
        if missing:
            counts = [int(np.isnan(self._values[name]).sum()) for name in missing]
            text = ", ".join(
                labels[name]
                + (f" (at {count} of {self._values[name].size} nodes)" if self._values[name].size > 1 else "")
                for name, count in zip(missing, counts, strict=True)
            )
            raise BadInput(
                f"{len(missing)} of {len(self.coupled)} coupled inputs have not been set for this step: {text}",
                where=where,
                remedy="set every coupled input before each call of update or update_until",
            )

    def forget(self) -> None:
        """Remove the values of coupled inputs after a call."""
        for name in self.coupled:
            self._values[name][...] = np.nan
