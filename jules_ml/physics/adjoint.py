r"""Gradients through many time steps, with memory that hardly grows with their number.

The state is stored at the start of each segment of steps. Backward, the steps of a segment are run again with their states stored, and the
derivative of one step at a time is applied to the gradient from the last step to the first (checkpointing). Where a kernel can be
generated, both directions are loops of compiled code (:mod:`jules_ml.physics.adjoint_kernel`), about a thousand times faster.

References
----------
Griewank and Walther (2000), ACM Trans. Math. Softw. 26, 19-45, for checkpointing of adjoint models.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from jules_ml.errors import RunFailed
from jules_ml.physics.adjoint_kernel import KernelRunner
from jules_ml.physics.kernel.elements import CannotGenerate
from jules_ml.physics.packed_step import PackedStep, Run, Step
from jules_ml.physics.packing import pack, row_names
from jules_ml.support.descendants import end_descendants_with_this_process


class NotFinite(RunFailed):
    """A gradient that is not finite in a segment.

    Parameters
    ----------
    segment : int
        Label of the segment.
    locate : callable
        Returns the step in the segment, the column, and the name of the tensor; it takes much longer than the gradient.
    """

    def __init__(self, segment: int, locate: Callable[[], tuple[int, int, str]]) -> None:
        super().__init__("the gradient is not finite")
        self.segment, self.locate = segment, locate


class Runner(Protocol):
    """Way to run a step many times, forward and backward."""

    def forward(self, constants: Tensor, state: Tensor, weather: Tensor) -> Run:
        """Run through the weather, shape (step, row, column)."""

    def backward(
        self, constants: Tensor, states: Tensor, weather: Tensor, to_state: Tensor, to_outputs: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Gradients with respect to constants and the first state."""


class EagerRunner:
    """Steps of torch."""

    def __init__(self, step: PackedStep) -> None:
        self._step = step

    def forward(self, constants: Tensor, state: Tensor, weather: Tensor) -> Run:
        """See :class:`Runner`."""
        states, outputs = [], []
        for row in weather.unbind(0):
            states.append(state)
            state, reported = self._step.forward(constants, state, row)
            outputs.append(reported)
        return Run(state, torch.stack(states), torch.stack(outputs))

    def backward(
        self, constants: Tensor, states: Tensor, weather: Tensor, to_state: Tensor, to_outputs: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See :class:`Runner`."""
        to_constants = torch.zeros_like(constants)
        for k in reversed(range(len(states))):
            part, to_state = self._step.backward(constants, states[k], weather[k], to_state, to_outputs[k])
            to_constants = to_constants + part
        return to_constants, to_state

    def first_not_finite(
        self, constants: Tensor, states: Tensor, weather: Tensor, to_state: Tensor, to_outputs: Tensor
    ) -> tuple[int, int, str]:
        """Step, column and name of the first gradient that is not finite on the way back."""
        for k in reversed(range(len(states))):
            gradients = self._step.backward(constants, states[k], weather[k], to_state, to_outputs[k])
            for gradient, layout in zip(gradients, self._step.layouts, strict=False):
                bad = (~torch.isfinite(gradient)).nonzero()
                if len(bad):
                    row, column = (int(x) for x in bad[0])
                    return k, column, list(row_names(layout.tree))[row]
            to_state = gradients[1]
        return 0, 0, "the state"


class AdjointSteps:
    """Steps of a model whose gradient is computed backward in time, step by step.

    Parameters
    ----------
    step : callable
        See :class:`~jules_ml.physics.packed_step.PackedStep`.
    constants, state, weather : tuple or dataclass
        Examples of the arguments.
    outputs : sequence of str
        Names of the outputs that are returned.
    n_columns : int
        Number of columns.
    compiled : bool
        Generate a kernel for the step and one for its derivative.
    """

    def __init__(
        self,
        step: Step,
        constants: Any,
        state: Any,
        weather: Any,
        *,
        outputs: Sequence[str],
        n_columns: int,
        compiled: bool = False,
    ) -> None:
        self._step = PackedStep(step, constants, state, weather, outputs=outputs, n_columns=n_columns)
        self.eager = EagerRunner(self._step)
        self.runner: Runner = self.eager
        if compiled:
            self.runner = self._compiled()

    def pack(self, tree: Any) -> Tensor:
        """Rows of constants, of a state or of weather; gradients flow through them."""
        return pack(tree, self._step.n_columns)[0]

    def segment(self, constants: Tensor, state: Tensor, weather: Tensor, *, label: int = 0) -> tuple[Tensor, Tensor]:
        """Run some steps.

        Parameters
        ----------
        constants : Tensor, shape (row, column)
            From :meth:`pack`.
        state : Tensor, shape (row, column)
            At the start.
        weather : Tensor, shape (step, row, column)
        label : int
            Number by which an error identifies the segment.

        Returns
        -------
        Tensor, shape (row, column)
            State at the end.
        Tensor, shape (step, row, column)
            Outputs of each step, in the order of their names.

        Raises
        ------
        NotFinite
            Backward, if the gradient is not finite.
        """
        end, outputs = _Segment.apply(self, label, constants, state, weather)  # type: ignore[no-untyped-call]
        return end, outputs

    def _compiled(self) -> Runner:
        """Runner of kernels; the one of torch where none can be generated."""
        end_descendants_with_this_process()
        try:
            return KernelRunner(self._step)
        except (CannotGenerate, OSError) as error:
            warnings.warn(f"{error}: the gradient runs without compilation, many times slower", stacklevel=4)
            return self.eager


class _Segment(torch.autograd.Function):
    """Steps of one segment; the state is stored at its start only."""

    @staticmethod
    def forward(
        ctx: Any, steps: AdjointSteps, label: int, constants: Tensor, state: Tensor, weather: Tensor
    ) -> tuple[Tensor, Tensor]:
        ctx.steps, ctx.label = steps, label
        ctx.save_for_backward(constants, state, weather)
        run = steps.runner.forward(constants.detach(), state.detach(), weather)
        return run.end, run.outputs

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, to_state: Tensor, to_outputs: Tensor) -> tuple[None, None, Tensor, Tensor, None]:
        constants, state, weather = (x.detach() for x in ctx.saved_tensors)
        steps: AdjointSteps = ctx.steps
        states = steps.runner.forward(constants, state, weather).states
        arguments = (constants, states, weather, to_state, to_outputs)
        to_constants, to_start = steps.runner.backward(*arguments)
        if not bool(torch.isfinite(to_constants.sum() + to_start.sum())):
            raise NotFinite(ctx.label, partial(steps.eager.first_not_finite, *arguments))
        return None, None, to_constants, to_start, None
