"""Integration of columns through time: by the steps of torch, or by a kernel that is generated from them and compiled."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from jules_ml.physics.column import ColumnState, SoilColumn
from jules_ml.physics.compilation import NO_COMPILER, can_compile, compilation_obstacle
from jules_ml.physics.kernel.elements import CannotGenerate
from jules_ml.physics.kernel.stepper import refuse_unknown, stepper_of
from jules_ml.physics.kernel.trees import mapped, tensors
from jules_ml.physics.land_surface.state import LandForcing
from jules_ml.physics.surface import Forcing
from jules_ml.support.descendants import end_descendants_with_this_process

#: Width of the widest vectors of processors [bytes].
_VECTOR = 64
#: Steps from which it takes less time to compile a kernel than to do without.
_WORTH_COMPILING = 500
#: Steps between two calls of ``on_steps``, and the least and most steps of a call of the kernel.
_PROGRESS_EVERY, _FEWEST = 480, 24
#: Steps times columns of a call of the kernel, which cannot be interrupted: about a second.
_UNINTERRUPTED = 8_000_000


class Integration(NamedTuple):
    """State at the end, outputs of shape (period, column) or (period, ..., column), and whether a kernel made them."""

    state: ColumnState
    outputs: dict[str, Tensor]
    compiled: bool = False


class Analysis(NamedTuple):
    """Change of the state from outside the model: after every ``every`` steps, ``change`` of the steps done and the state."""

    every: int
    change: Callable[[int, ColumnState], ColumnState]


class _Way(Protocol):
    """Way to step columns, which has their state."""

    state: ColumnState

    def advance(self, first: int, last: int) -> dict[str, Tensor]:
        """Step from one step to before another, and return the means of the periods that end there."""


def whole_vectors(n_columns: int, dtype: torch.dtype) -> int:
    """Round a number of columns up to whole vectors of the processor.

    The result of a column in torch is the same to the last bit in any number of columns that fills whole vectors. In a compiled run it is
    the same in any number of columns.

    Parameters
    ----------
    n_columns : int
        Number of columns.
    dtype : torch.dtype
        Precision of the state.

    Returns
    -------
    int

    Examples
    --------
    >>> whole_vectors(1, torch.float64), whole_vectors(9, torch.float64), whole_vectors(9, torch.float32)
    (8, 16, 16)
    """
    lanes = _VECTOR // dtype.itemsize
    return -(-n_columns // lanes) * lanes


def integrate(
    column: SoilColumn,
    state: ColumnState,
    forcing: Forcing | LandForcing,
    *,
    outputs: Sequence[str],
    mean_over: int = 1,
    analysis: Analysis | None = None,
    compiled: bool | None = None,
    on_steps: Callable[[int], None] | None = None,
) -> Integration:
    """Step a column with its surface through a series of weather.

    State and weather may be any named tuples (or dataclasses) of tensors, nested or not, that ``column.step`` takes.

    Parameters
    ----------
    column : SoilColumn
        With a surface.
    state : ColumnState
        At the start; shape (..., column) each.
    forcing : Forcing or LandForcing
        Shape (time, ..., column) or (time, ..., 1) each.
    outputs : sequence of str
        Names of outputs of :meth:`SoilColumn.step`.
    mean_over : int
        Steps of one period of output; outputs are means over it.
    analysis : Analysis, optional
        Change of the state between steps; the outputs and residuals do not include what it adds or removes.
    compiled : bool, optional
        Whether to compile the step; by default if a C++ compiler is available, no gradient is needed, no tensor is on a GPU, and there are
        500 steps or more.
        The blocks of columns are then divided among the threads of torch, and the result of a column does not depend on the number of
        columns or threads.
    on_steps : callable, optional
        Called at intervals with the number of steps done since the last call.

    Returns
    -------
    Integration

    Raises
    ------
    ValueError
        If the length of the series is not a whole number of periods, an output does not exist, or a compiled step is requested of tensors
        that need a gradient or are on a GPU.
    """
    n_steps = _n_steps(column, state, forcing)
    if n_steps == 0 or n_steps % mean_over:
        raise ValueError(f"{n_steps} steps do not make whole periods of {mean_over}")
    given = [*tensors(vars(column)), *tensors(state), *tensors(forcing)]
    wants_gradient = torch.is_grad_enabled() and any(x.requires_grad for x in given)
    n_columns = max(x.shape[-1] for x in (*tensors(state), *tensors(forcing), *_column_tensors(column)))
    way: _Way | None = None
    if _is_compiled(compiled, n_steps, given, wants_gradient=wants_gradient):
        way = _kernel(column, state, forcing, tuple(outputs), mean_over, n_columns)
    with torch.set_grad_enabled(wants_gradient):
        if way is None:
            way = _Eager(column, state, forcing, tuple(outputs), mean_over, n_columns)
        parts: list[dict[str, Tensor]] = []
        every = analysis.every if analysis is not None else n_steps
        for first, last in _spans(n_steps, every, n_columns):
            parts.append(way.advance(first, last))
            if analysis is not None and last % every == 0:
                way.state = analysis.change(last, way.state)
            if on_steps is not None:
                on_steps(last - first)
    series = {name: torch.cat([part[name] for part in parts]) for name in outputs}
    return Integration(way.state, series, compiled=isinstance(way, _Kernel))


def _n_steps(column: SoilColumn, state: ColumnState, forcing: Forcing | LandForcing) -> int:
    if column.surface is None or state.surface is None:
        raise ValueError("integrate needs a column and a state with a surface; use soil_step")
    return int(tensors(forcing)[0].shape[0])


def _column_tensors(column: SoilColumn) -> list[Tensor]:
    """Tensors of a column with a dimension of columns beside others."""
    return [x for x in tensors(vars(column)) if x.ndim > 1]


def _spans(n_steps: int, every: int, n_columns: int) -> Iterator[tuple[int, int]]:
    """Parts of a series that end at each analysis, and are short enough to be interrupted between them."""
    most = min(max(_UNINTERRUPTED // n_columns, _FEWEST), _PROGRESS_EVERY)
    first = 0
    while first < n_steps:
        last = min(first + most, (first // every + 1) * every, n_steps)
        yield first, last
        first = last


def _is_compiled(compiled: bool | None, n_steps: int, given: Sequence[Tensor], *, wants_gradient: bool) -> bool:
    """Whether to compile the step; warn if that is requested and not possible here."""
    elsewhere = sorted({x.device.type for x in given} - {"cpu"})
    if compiled is None:
        return not wants_gradient and not elsewhere and n_steps >= _WORTH_COMPILING and can_compile()
    if compiled and wants_gradient:
        raise ValueError("a compiled step has no gradient; set compiled = False, or use torch.no_grad()")
    if compiled and elsewhere:
        raise ValueError(f"a compiled step runs on the CPU, not on {', '.join(elsewhere)}; set compiled = False")
    if compiled and not can_compile():
        _warn(compilation_obstacle() or NO_COMPILER)
        return False
    return bool(compiled)


def _warn(reason: str) -> None:
    warnings.warn(f"{reason}: the column runs without compilation, many times slower", stacklevel=4)


@dataclass
class _Eager:
    """Steps of torch; ``total`` accumulates the outputs of a period."""

    column: SoilColumn
    state: ColumnState
    forcing: Forcing | LandForcing
    outputs: tuple[str, ...]
    mean_over: int
    n_columns: int
    total: dict[str, Tensor] | None = None

    def __post_init__(self) -> None:
        self.state = mapped(lambda x: x.expand(*x.shape[:-1], self.n_columns), self.state)

    def advance(self, first: int, last: int) -> dict[str, Tensor]:
        """See :class:`_Way`."""
        means: dict[str, list[Tensor]] = {name: [] for name in self.outputs}
        for k in range(first, last):
            self.state, out = self.column.step(self.state, mapped(lambda x: x[k], self.forcing))  # noqa: B023
            refuse_unknown(self.outputs, out)
            new = {name: out[name].expand(*out[name].shape[:-1], self.n_columns) for name in self.outputs}
            self.total = new if self.total is None else {name: self.total[name] + x for name, x in new.items()}
            if (k + 1) % self.mean_over == 0:
                for name, x in self.total.items():
                    means[name].append(x / self.mean_over)
                self.total = None
        return {name: torch.stack(x) if x else torch.empty(0) for name, x in means.items()}


class _Kernel:
    """Steps of a kernel."""

    def __init__(
        self,
        column: SoilColumn,
        state: ColumnState,
        forcing: Forcing | LandForcing,
        outputs: tuple[str, ...],
        mean_over: int,
        n: int,
    ) -> None:
        now = mapped(lambda x: x[0], forcing)
        self._stepper = stepper_of(column, state, now, outputs, n)
        self._integrator = self._stepper.start(state)
        self._forcing = tensors(forcing)
        self._mean_over = mean_over

    @property
    def state(self) -> ColumnState:
        """State of all columns."""
        state: ColumnState = self._integrator.state()
        return state

    @state.setter
    def state(self, state: ColumnState) -> None:
        self._integrator.set_state(state)

    def advance(self, first: int, last: int) -> dict[str, Tensor]:
        """See :class:`_Way`."""
        threads = torch.get_num_threads()
        rows = self._integrator.steps(self._forcing, first, last, mean_over=self._mean_over, threads=threads)
        return self._stepper.by_name(rows)


def _kernel(
    column: SoilColumn,
    state: ColumnState,
    forcing: Forcing | LandForcing,
    outputs: tuple[str, ...],
    mean_over: int,
    n: int,
) -> _Kernel | None:
    """Kernel of a column; without one, for example on a full disk, a warning and None."""
    end_descendants_with_this_process()
    try:
        return _Kernel(column, state, forcing, outputs, mean_over, n)
    except (CannotGenerate, OSError) as error:
        _warn(str(error))
        return None
