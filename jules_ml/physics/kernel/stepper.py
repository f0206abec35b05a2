"""Steps of columns by a generated kernel."""

from __future__ import annotations

import ctypes
import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jules_ml.physics.kernel.elements import CannotGenerate
from jules_ml.physics.kernel.library import library
from jules_ml.physics.kernel.recorder import Recorder
from jules_ml.physics.kernel.source import kernel_source
from jules_ml.physics.kernel.trees import flattened, mapped, tensors

#: A step of torch: state and weather to the state after it and the outputs by name.
Step = Callable[[Any, Any], tuple[Any, dict[str, Tensor]]]

#: Recordings that a process keeps.
_MOST_RECORDINGS = 16


_NUMBERS = ("n_columns", "steps", "every", "done")
_ADDRESSES = ("scalars", "constants", "state", "sums", "forcing", "by_time", "by_column", "tables", "means")


class _Call(ctypes.Structure):
    _fields_ = (*((name, ctypes.c_long) for name in _NUMBERS), *((name, ctypes.c_void_p) for name in _ADDRESSES))


class _Table(ctypes.Structure):
    _fields_ = (("values", ctypes.c_void_p), ("size", ctypes.c_long))


@dataclass(frozen=True)
class _Recording:
    """A step that was recorded and compiled. Tensors that it needs are numbers in the list of those of the column, or given."""

    library: ctypes.CDLL
    scalars: tuple[int | Tensor, ...]
    constants: tuple[int | Tensor, ...]
    tables: tuple[int | Tensor, ...]
    literals: tuple[float, ...]
    shapes: dict[str, tuple[int, ...]]
    n_remainders: int


#: Recordings of this process, the latest last.
_recordings: OrderedDict[Hashable, _Recording] = OrderedDict()


def stepper_of(column: Any, state: Any, forcing: Any, outputs: tuple[str, ...], n_columns: int) -> Stepper:
    """Return the stepper of a column; one that differs from an earlier one in numbers alone is not recorded again.

    All is computed in the precision of the state; constants and weather are converted to it.

    Parameters
    ----------
    column : object
        Has a method ``step``, see :data:`Step`, and a ``surface``. What is multiplied by a fraction ``surface.frac`` of 0 is left out.
    state : tree of Tensor, shape (..., column) each
        Gives the shapes; all of single or all of double precision.
    forcing : tree of Tensor, shape (..., column) or (..., 1) each
        Weather of one step.
    outputs : tuple of str
        Names of outputs.
    n_columns : int
        Columns.

    Returns
    -------
    Stepper

    Raises
    ------
    CannotGenerate
        If the step does something for which there is no kernel, a tensor is on a GPU, or the state is of several precisions.
    OSError
        If the kernel cannot be compiled.
    ValueError
        If an output does not exist.
    """
    column_tensors, structure = flattened(vars(column))
    dtype = _precision(state)
    _refuse_other_devices([*column_tensors, *tensors(state), *tensors(forcing)])
    first: dict[int, int] = {}
    # a tensor in two places was recorded as one, and does for no column with two tensors there
    same = tuple(first.setdefault(id(x), k) for k, x in enumerate(column_tensors))
    key = (type(column), structure, same, flattened(state)[1], flattened(forcing)[1], outputs, n_columns)
    recording = _recordings.pop(key, None)
    weights = [frac] if isinstance(frac := getattr(column.surface, "frac", None), Tensor) else []
    if recording is None:
        recording = _record(column.step, column_tensors, weights, state, forcing, outputs, n_columns)
    _recordings[key] = recording
    if len(_recordings) > _MOST_RECORDINGS:
        _recordings.popitem(last=False)
    return Stepper(recording, column_tensors, dtype, n_columns)


def _precision(state: Any) -> torch.dtype:
    dtypes = {x.dtype for x in tensors(state)}
    if len(dtypes) != 1 or not dtypes <= {torch.float32, torch.float64}:
        raise CannotGenerate(f"a state of the precisions {', '.join(sorted(str(x) for x in dtypes))}")
    return dtypes.pop()


def _refuse_other_devices(parts: Sequence[Tensor]) -> None:
    others = {x.device.type for x in parts} - {"cpu"}
    if others:
        raise CannotGenerate(f"tensors on the device {', '.join(sorted(others))}")


def _record(
    step: Step,
    column_tensors: Sequence[Tensor],
    weights: Sequence[Tensor],
    state: Any,
    forcing: Any,
    outputs: tuple[str, ...],
    n_columns: int,
) -> _Recording:
    """Record a step and compile its kernel."""
    dtype = _precision(state)
    double = dtype == torch.float64
    recorder = Recorder(n_columns, keeps_remainders=not double)
    for tensor in weights:
        recorder.weigh(tensor)
    with torch.no_grad(), recorder:
        recorded = mapped(lambda x: recorder.input((*x.shape[:-1], n_columns), x.dtype, "state"), state)
        weather = mapped(lambda x: recorder.input((*x.shape[:-1], n_columns), dtype, "forcing"), forcing)
        new, available = step(recorded, weather)
    refuse_unknown(outputs, available)
    rows = [recorder.numbers(x) for x in tensors(new)]
    if [x.shape[:-1] for x in rows] != [x.shape[:-1] for x in tensors(state)]:
        raise CannotGenerate("a state that changes its shape")
    numbers = [recorder.numbers(available[name]) for name in outputs]
    source = kernel_source(recorder, [*_flat(rows), *recorder.remainders], _flat(numbers), double=double)
    places = {id(x): k for k, x in enumerate(column_tensors)}
    scalars, constants, tables = (
        tuple(places.get(id(x), x) for x in used) for used in (recorder.scalars, recorder.constants, recorder.tables)
    )
    shapes = {name: tuple(x.shape[:-1]) for name, x in zip(outputs, numbers, strict=True)}
    n_remainders = len(recorder.remainders)
    return _Recording(library(source.text), scalars, constants, tables, source.literals, shapes, n_remainders)


def refuse_unknown(outputs: Sequence[str], available: dict[str, Tensor]) -> None:
    """Raise a ValueError if an output does not exist."""
    unknown = [name for name in outputs if name not in available]
    if unknown:
        raise ValueError(f"the column has no output {', '.join(unknown)}; choose among {', '.join(sorted(available))}")


class Stepper:
    """Kernel and constants of columns, for any number of steps; see :func:`stepper_of`."""

    def __init__(
        self, recording: _Recording, column_tensors: Sequence[Tensor], dtype: torch.dtype, n_columns: int
    ) -> None:
        def values(places: Sequence[int | Tensor]) -> list[Tensor]:
            return [column_tensors[x] if isinstance(x, int) else x for x in places]

        self.dtype, self.n_columns = dtype, n_columns
        self.library, self.shapes, self.n_remainders = recording.library, recording.shapes, recording.n_remainders
        self.lanes = int(self.library.jml_lanes())
        self.n_blocks = -(-n_columns // self.lanes)
        self.n_outputs = sum(math.prod(shape) for shape in self.shapes.values())
        self.scalars = torch.tensor(
            [float(x) for x in values(recording.scalars)] + list(recording.literals), dtype=dtype
        )
        self.constants = self.blocks(values(recording.constants))
        self._tables = [table.detach().to(dtype).contiguous() for table in values(recording.tables)]
        structures = [_Table(table.data_ptr(), table.numel()) for table in self._tables]
        self.tables = (_Table * max(len(structures), 1))(*structures)

    def start(self, state: Any) -> Integrator:
        """Begin an integration from a state."""
        return Integrator(self, state)

    def by_name(self, means: Tensor) -> dict[str, Tensor]:
        """Divide rows of shape (period, row, column) into outputs of shape (period, ..., column)."""
        parts = means.split([math.prod(shape) for shape in self.shapes.values()], dim=1)
        return {
            name: part.reshape(part.shape[0], *shape, part.shape[-1])
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def blocks(self, rows: Sequence[Tensor]) -> Tensor:
        """Arrange tensors of shape (..., column) as (block, row, lane); lanes beyond the last column repeat it."""
        wide = [
            x.detach().to(self.dtype).expand(*x.shape[:-1], self.n_columns).reshape(-1, self.n_columns) for x in rows
        ]
        flat = torch.cat(wide) if wide else torch.zeros(0, self.n_columns, dtype=self.dtype)
        missing = self.n_blocks * self.lanes - self.n_columns
        if missing:
            flat = torch.cat([flat, flat[:, -1:].expand(-1, missing)], dim=1)
        return _aligned(flat.reshape(flat.shape[0], self.n_blocks, self.lanes).permute(1, 0, 2))


class Integrator:
    """State of columns in the layout of the kernel."""

    def __init__(self, stepper: Stepper, state: Any) -> None:
        self._stepper = stepper
        self._like = state
        self._state = self._rows(state)
        self._sums = _aligned(torch.zeros(stepper.n_blocks, stepper.n_outputs, stepper.lanes, dtype=stepper.dtype))
        self._done = 0

    def steps(self, forcing: Sequence[Tensor], first: int, last: int, *, mean_over: int, threads: int) -> Tensor:
        """Step through a part of a series.

        Parameters
        ----------
        forcing : sequence of Tensor, shape (time, ..., column) or (time, ..., 1)
            Weather; converted to the precision of the state.
        first, last : int
            First step, and the one after the last.
        mean_over : int
            Steps of a period of output.
        threads : int
            Blocks of columns are divided among these.

        Returns
        -------
        Tensor, shape (period, row, column)
            Means of the periods that end in this part.
        """
        stepper = self._stepper
        periods = (self._done + last - first) // mean_over - self._done // mean_over
        means = torch.empty(periods, stepper.n_outputs, stepper.n_columns, dtype=stepper.dtype)
        _refuse_other_devices(forcing)
        weather = [x.detach()[first:last].to(stepper.dtype) for x in forcing]
        addresses, by_time, by_column = _weather_rows(weather)
        call = _Call(
            stepper.n_columns, last - first, mean_over, self._done, stepper.scalars.data_ptr(), stepper.constants.data_ptr(),
            self._state.data_ptr(), self._sums.data_ptr(), addresses.ctypes.data, by_time.ctypes.data,
            by_column.ctypes.data, ctypes.addressof(stepper.tables), means.data_ptr(),
        )  # fmt: skip
        _divided(stepper.library, call, stepper.n_blocks, threads)
        self._done += last - first
        return means

    def repeated(self, forcing: Sequence[Tensor], *, threads: int) -> tuple[Callable[[], None], Tensor]:
        """Prepare single steps that read their weather from the same memory each time.

        Parameters
        ----------
        forcing : sequence of Tensor, shape (..., column)
            Weather of a step, in the precision of the state; its values are changed between steps.
        threads : int
            Blocks of columns are divided among these.

        Returns
        -------
        callable
            Steps once.
        Tensor, shape (row, column)
            Outputs of the last step, in the same memory each time; 0 before the first one.
        """
        stepper = self._stepper
        weather = [x[None] for x in forcing]
        if any(x.dtype != stepper.dtype for x in weather):
            raise ValueError("the weather is not in the precision of the state")
        means = torch.zeros(stepper.n_outputs, stepper.n_columns, dtype=stepper.dtype)
        addresses, by_time, by_column = _weather_rows(weather)
        call = _Call(
            stepper.n_columns, 1, 1, 0, stepper.scalars.data_ptr(), stepper.constants.data_ptr(),
            self._state.data_ptr(), self._sums.data_ptr(), addresses.ctypes.data, by_time.ctypes.data,
            by_column.ctypes.data, ctypes.addressof(stepper.tables), means.data_ptr(),
        )  # fmt: skip
        memory = (self._state, weather, addresses, by_time, by_column, means)
        pool = ThreadPoolExecutor(threads) if threads > 1 and stepper.n_blocks > 1 else None

        def step() -> None:
            assert memory  # the call has only its addresses
            _divided(stepper.library, call, stepper.n_blocks, threads, pool)

        return step, means

    @property
    def n_rows(self) -> int:
        """Rows of the state and of the sums of outputs."""
        return int(self._state.shape[1] + self._sums.shape[1])

    def state(self) -> Any:
        """State as a tree of tensors, shape (..., column) each."""
        stepper = self._stepper
        rows = self._state.permute(1, 0, 2).reshape(self._state.shape[1], -1)[:, : stepper.n_columns]
        first = 0

        def part(like: Tensor) -> Tensor:
            nonlocal first
            size = int(np.prod(like.shape[:-1]))
            first += size
            return rows[first - size : first].reshape(*like.shape[:-1], stepper.n_columns).clone()

        return mapped(part, self._like)

    def set_state(self, state: Any) -> None:
        """Replace the state, in the same memory."""
        self._state.copy_(self._rows(state))

    def _rows(self, state: Any) -> Tensor:
        """State in the layout of the kernel."""
        nothing = torch.zeros(self._stepper.n_remainders, 1, dtype=self._stepper.dtype)
        return self._stepper.blocks([*tensors(state), nothing])


def _flat(rows: Sequence[Any]) -> list[int]:
    return [k for x in rows for k in x.flatten().tolist()]


def _aligned(x: Tensor) -> Tensor:
    """Copy that begins at a multiple of 64 bytes, which torch gives all that it allocates."""
    copy = x.contiguous().clone()
    if copy.numel() and copy.data_ptr() % 64:
        raise CannotGenerate("memory that is not aligned")
    return copy


def _weather_rows(forcing: Sequence[Tensor]) -> tuple[Any, Any, Any]:
    """Address of each row of weather, and its strides by time and column."""
    addresses: list[int] = []
    by_time: list[int] = []
    by_column: list[int] = []
    for x in forcing:
        offsets = np.zeros((), dtype=np.int64)
        for size, stride in zip(x.shape[1:-1], x.stride()[1:-1], strict=True):
            offsets = offsets[..., None] + stride * np.arange(size)
        addresses += (x.data_ptr() + x.element_size() * offsets.reshape(-1)).tolist()
        by_time += [x.stride(0)] * offsets.size
        by_column += [x.stride(-1) if x.shape[-1] > 1 else 0] * offsets.size
    return tuple(np.array(x or [0], dtype=np.int64) for x in (addresses, by_time, by_column))  # type: ignore[return-value]


def _divided(
    kernel: ctypes.CDLL, call: _Call, n_blocks: int, threads: int, pool: ThreadPoolExecutor | None = None
) -> None:
    """Step all blocks, in threads, by default of their own: a call releases Python's lock."""
    if threads <= 1 or n_blocks < 2:
        kernel.jml_steps(ctypes.byref(call), ctypes.c_long(0), ctypes.c_long(n_blocks))
        return
    # several parts a thread, as other programs may slow one of them down
    edges = np.linspace(0, n_blocks, min(4 * threads, n_blocks) + 1).astype(int).tolist()
    with ThreadPoolExecutor(threads) if pool is None else nullcontext(pool) as workers:
        parts = [
            workers.submit(kernel.jml_steps, ctypes.byref(call), ctypes.c_long(a), ctypes.c_long(b))
            for a, b in pairwise(edges)
        ]
        for part in parts:
            part.result()
