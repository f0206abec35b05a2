"""One step at a time of the columns of a component, by torch or by a compiled kernel.

Weather is read from the arrays of the inputs themselves, and the whole state is copied only when it is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from jules_ml.frameworks.variables import Array
from jules_ml.physics.column import ColumnState
from jules_ml.physics.kernel.elements import CannotGenerate
from jules_ml.physics.kernel.stepper import Integrator, stepper_of
from jules_ml.support.descendants import end_descendants_with_this_process


class Steps(Protocol):
    """Columns that are stepped: :class:`~jules_ml.physics.column.SoilColumn`, or the soil alone."""

    @property
    def step(self) -> Callable[[ColumnState, Any], tuple[ColumnState, dict[str, Tensor]]]:
        """State at the end of a step and outputs by JULES's names, from the state and what drives the step."""


class Stepping(Protocol):
    """Way to step the columns of a component."""

    @property
    def outputs(self) -> Sequence[Array]:
        """Outputs of the last step, flat, in the same memory in all steps; 0 before the first."""

    @property
    def state(self) -> ColumnState:
        """State, shape (..., column) each."""

    def set_state(self, state: ColumnState) -> None:
        """Replace the state."""

    def step(self) -> None:
        """Step once, with the values that the arrays of the inputs have."""


@dataclass(frozen=True, eq=False)
class Exchange:
    """What columns exchange with other components.

    Attributes
    ----------
    forcing : callable
        Named tuple of what drives a step.
    inputs : sequence of array, shape (..., column)
        Values of its fields, read in each step.
    outputs : mapping of str to int
        Outputs by JULES's names, with their number of values.
    """

    forcing: Callable[..., Any]
    inputs: Sequence[Array]
    outputs: Mapping[str, int]


class EagerStepping:
    """Steps of torch.

    Parameters
    ----------
    column : Steps
    state : ColumnState
        At the start, shape (..., column) each.
    exchange : Exchange
    """

    def __init__(self, column: Steps, state: ColumnState, exchange: Exchange) -> None:
        self._column, self._state, self._exchange = column, state, exchange
        self._inputs = [torch.from_numpy(x) for x in exchange.inputs]
        self.outputs: Sequence[Array] = [np.zeros(size) for size in exchange.outputs.values()]

    @property
    def state(self) -> ColumnState:
        """See :class:`Stepping`."""
        return self._state

    def set_state(self, state: ColumnState) -> None:
        """See :class:`Stepping`."""
        self._state = state

    def step(self) -> None:
        """See :class:`Stepping`."""
        # the state may keep a tensor of what drives the step, whose memory other components change
        forcing = self._exchange.forcing(*(x.clone() for x in self._inputs))
        with torch.no_grad():
            self._state, outputs = self._column.step(self._state, forcing)
        for name, array in zip(self._exchange.outputs, self.outputs, strict=True):
            array[...] = outputs[name].reshape(-1).numpy()


class KernelStepping:
    """Steps of a compiled kernel; parameters as of :class:`EagerStepping`.

    Raises
    ------
    CannotGenerate, OSError
        If there is no kernel for the column.
    """

    def __init__(self, column: Steps, state: ColumnState, exchange: Exchange) -> None:
        weather = [torch.from_numpy(x) for x in exchange.inputs]
        n = int(state.smcl.shape[-1])
        names = tuple(exchange.outputs)
        stepper = stepper_of(column, state, exchange.forcing(*weather), names, n)
        self._integrator: Integrator = stepper.start(state)
        self._step, means = self._integrator.repeated(weather, threads=torch.get_num_threads())
        sizes = [math.prod(stepper.shapes[name]) for name in names]
        rows = [slice(end - size, end) for size, end in zip(sizes, accumulate(sizes), strict=True)]
        self.outputs: Sequence[Array] = [means[each].reshape(-1).numpy() for each in rows]

    @property
    def state(self) -> ColumnState:
        """See :class:`Stepping`."""
        state: ColumnState = self._integrator.state()
        return state

    def set_state(self, state: ColumnState) -> None:
        """See :class:`Stepping`."""
        self._integrator.set_state(state)

    def step(self) -> None:
        """See :class:`Stepping`."""
        self._step()


def stepping_of(
    column: Steps, state: ColumnState, exchange: Exchange, *, compiled: bool
) -> tuple[Stepping, str | None]:
    """Choose the way to step columns.

    Parameters
    ----------
    column : Steps
    state : ColumnState
        Shape (..., column) each.
    exchange : Exchange
    compiled : bool
        Whether to compile the step.

    Returns
    -------
    Stepping
    str or None
        Message if the step cannot be compiled.
    """
    if not compiled:
        return EagerStepping(column, state, exchange), None
    end_descendants_with_this_process()
    try:
        return KernelStepping(column, state, exchange), None
    except (CannotGenerate, OSError) as error:
        problem = f"{error}: the column runs without compilation, many times slower"
        return EagerStepping(column, state, exchange), problem
