"""One step at a time of the columns of a component, by torch or by a compiled kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from jules_ml.physics.column import ColumnState, SoilColumn
from jules_ml.physics.kernel.elements import CannotGenerate
from jules_ml.physics.kernel.stepper import Integrator, stepper_of
from jules_ml.physics.kernel.trees import mapped, tensors
from jules_ml.physics.surface import Forcing
from jules_ml.support.descendants import end_descendants_with_this_process


class Stepping(Protocol):
    """Way to step the columns of a component."""

    def step(self, state: ColumnState, forcing: Forcing) -> tuple[ColumnState, dict[str, Tensor]]:
        """Step once.

        Parameters
        ----------
        state : ColumnState
            At the start of the step, shape (..., column) each.
        forcing : Forcing
            Weather of the step, shape (column,) each.

        Returns
        -------
        ColumnState
            At its end.
        dict of str to Tensor
            Outputs, shape (..., column) each.
        """


class EagerStepping:
    """Steps of torch.

    Parameters
    ----------
    column : SoilColumn
    """

    def __init__(self, column: SoilColumn) -> None:
        self._column = column

    def step(self, state: ColumnState, forcing: Forcing) -> tuple[ColumnState, dict[str, Tensor]]:
        """See :class:`Stepping`."""
        with torch.no_grad():
            return self._column.step(state, forcing)


class KernelStepping:
    """Steps of a compiled kernel.

    Parameters
    ----------
    column : SoilColumn
    state : ColumnState
        Gives the shapes.
    outputs : sequence of str
        Names of outputs.

    Raises
    ------
    CannotGenerate, OSError
        If there is no kernel for the column.
    """

    def __init__(self, column: SoilColumn, state: ColumnState, outputs: Sequence[str]) -> None:
        n = int(state.smcl.shape[-1])
        one = state.t_soil[0]
        self._stepper = stepper_of(column, state, Forcing(*([one] * len(Forcing._fields))), tuple(outputs), n)
        self._integrator: Integrator = self._stepper.start(state)
        self._state = state

    def step(self, state: ColumnState, forcing: Forcing) -> tuple[ColumnState, dict[str, Tensor]]:
        """See :class:`Stepping`."""
        if state is not self._state:
            self._integrator.set_state(state)
        weather = tensors(mapped(lambda x: x[None], forcing))
        rows = self._integrator.steps(weather, 0, 1, mean_over=1, threads=torch.get_num_threads())
        self._state = self._integrator.state()
        return self._state, {name: values[0] for name, values in self._stepper.by_name(rows).items()}


def stepping_of(
    column: SoilColumn, state: ColumnState, outputs: Sequence[str], *, compiled: bool, notes: list[str]
) -> Stepping:
    """Choose the way to step columns.

    Parameters
    ----------
    column : SoilColumn
    state : ColumnState
        Shape (..., column) each.
    outputs : sequence of str
        Names of outputs.
    compiled : bool
        Whether to compile the step.
    notes : list of str
        Receives a note if that is not possible.

    Returns
    -------
    Stepping
    """
    if compiled:
        end_descendants_with_this_process()
        try:
            return KernelStepping(column, state, outputs)
        except (CannotGenerate, OSError) as error:
            notes.append(f"{error}: the column runs without compilation, many times slower")
    return EagerStepping(column)
