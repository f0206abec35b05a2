"""Loops of time steps, forward and backward in time, by kernels that are generated from the step and from its derivative."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from jules_ml.physics import branches
from jules_ml.physics.kernel.stepper import Stepper, stepper_of
from jules_ml.physics.packed_step import PackedStep, Run


class _Forward:
    """Step on rows, as :func:`~jules_ml.physics.kernel.stepper.stepper_of` needs it."""

    surface = None

    def __init__(self, packed: PackedStep, constants: Tensor) -> None:
        self.packed, self.constants = packed, constants

    def step(self, state: Tensor, weather: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        new, outputs = self.packed.forward(self.constants, state, weather)
        return new, {"state": new, "outputs": outputs}


class _Backward:
    """Derivative of a step on rows, whose state is the gradient with respect to the state and the sum of that to the constants."""

    surface = None

    def __init__(self, packed: PackedStep, constants: Tensor) -> None:
        self.packed, self.constants = packed, constants

    def step(
        self, gradients: tuple[Tensor, Tensor], given: tuple[Tensor, Tensor, Tensor]
    ) -> tuple[tuple[Tensor, Tensor], dict[str, Tensor]]:
        to_state, to_constants = gradients
        state, weather, to_outputs = given
        with _differentiable_branches():
            part, to_state = self.packed.backward(self.constants, state, weather, to_state, to_outputs)
        return (to_state, to_constants + part), {"first": to_state[:1]}


@contextmanager
def _differentiable_branches() -> Iterator[None]:
    """Compute both sides of every branch: a recorded branch has no derivative."""
    outer, branches.recorder = branches.recorder, _both_sides
    try:
        yield
    finally:
        branches.recorder = outer


def _both_sides(
    condition: Tensor,
    function: Callable[..., tuple[Tensor, ...]],
    operands: tuple[Tensor, ...],
    otherwise: tuple[Tensor, ...],
) -> tuple[Tensor, ...]:
    return tuple(torch.where(condition, new, old) for new, old in zip(function(*operands), otherwise, strict=True))


class KernelRunner:
    """Runner of kernels; see :class:`~jules_ml.physics.adjoint.Runner`.

    Parameters
    ----------
    step : PackedStep

    Raises
    ------
    CannotGenerate
        If the step or its derivative has an operation for which there is no kernel.
    OSError
        If a kernel cannot be compiled.
    """

    def __init__(self, step: PackedStep) -> None:
        self._step = step
        constants, state, weather = step.examples
        with torch.no_grad():
            _, outputs = step.forward(constants, state, weather)
        self._n_outputs = len(outputs)
        self._forward_stepper(constants, state, weather)
        self._backward_stepper(constants, state, weather)

    def forward(self, constants: Tensor, state: Tensor, weather: Tensor) -> Run:
        """See :class:`~jules_ml.physics.adjoint.Runner`."""
        stepper = self._forward_stepper(constants, state, weather[0])
        integrator = stepper.start(state)
        means = integrator.steps([weather], 0, len(weather), mean_over=1, threads=torch.get_num_threads())
        rows = stepper.by_name(means)
        states = torch.cat([state.expand(1, -1, self._step.n_columns), rows["state"][:-1]])
        return Run(rows["state"][-1], states, rows["outputs"])

    def backward(
        self, constants: Tensor, states: Tensor, weather: Tensor, to_state: Tensor, to_outputs: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See :class:`~jules_ml.physics.adjoint.Runner`."""
        stepper = self._backward_stepper(constants, states[0], weather[0])
        integrator = stepper.start((to_state, torch.zeros_like(constants)))
        given = [x.flip(0) for x in (states, weather, to_outputs)]
        integrator.steps(given, 0, len(states), mean_over=len(states), threads=torch.get_num_threads())
        to_start, to_constants = integrator.state()
        return to_constants, to_start

    def _forward_stepper(self, constants: Tensor, state: Tensor, weather: Tensor) -> Stepper:
        return stepper_of(_Forward(self._step, constants), state, weather, ("state", "outputs"), self._step.n_columns)

    def _backward_stepper(self, constants: Tensor, state: Tensor, weather: Tensor) -> Stepper:
        outputs = state.new_zeros(self._n_outputs, self._step.n_columns)
        gradients = (torch.zeros_like(state), torch.zeros_like(constants))
        return stepper_of(
            _Backward(self._step, constants), gradients, (state, weather, outputs), ("first",), self._step.n_columns
        )
