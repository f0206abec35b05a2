"""Step of a model as a function of rows of tensors over columns, and its derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.packing import pack, unpack

#: Step of a model: of its constant tensors, state and weather to the new state and named outputs.
Step = Callable[[Any, Any, Any], tuple[Any, dict[str, Tensor]]]


class PackedStep:
    """Step of a model on rows, and its derivative.

    Parameters
    ----------
    step : callable
        Function of constants, state and weather, each a tree of tensors over columns, that returns the new state and outputs by name,
        of shape (column,) or (layer, column).
    constants, state, weather : tuple or dataclass
        Examples of the arguments, which give the structure of the trees.
    outputs : sequence of str
        Names of the outputs that are returned.
    n_columns : int
        Number of columns.
    """

    def __init__(
        self, step: Step, constants: Any, state: Any, weather: Any, *, outputs: Sequence[str], n_columns: int
    ) -> None:
        self.n_columns = n_columns
        self.outputs = tuple(outputs)
        self._step = step
        with torch.no_grad():
            packed = [pack(each, n_columns) for each in (constants, state, weather)]
        self.layouts = [layout for _, layout in packed]
        self.examples = [rows.detach() for rows, _ in packed]

    def forward(self, constants: Tensor, state: Tensor, weather: Tensor) -> tuple[Tensor, Tensor]:
        """State after a step, shape (row, column), and the outputs, shape (row, column)."""
        trees: list[Any] = [
            unpack(rows, layout) for rows, layout in zip((constants, state, weather), self.layouts, strict=True)
        ]
        new, outputs = self._step(trees[0], trees[1], trees[2])
        reported = tuple(outputs[name] for name in self.outputs)
        return pack(new, self.n_columns)[0], pack(reported, self.n_columns)[0]

    def backward(
        self, constants: Tensor, state: Tensor, weather: Tensor, to_state: Tensor, to_outputs: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Gradients with respect to constants and state from those with respect to the new state and the outputs."""
        with torch.enable_grad():
            inputs = [constants.detach().requires_grad_(), state.detach().requires_grad_()]
            results = self.forward(inputs[0], inputs[1], weather)
            gradients = torch.autograd.grad(
                results, inputs, (to_state, to_outputs), allow_unused=True, materialize_grads=True
            )
        return gradients[0], gradients[1]


class Run(NamedTuple):
    """Rows of a run: the state at the end, that before each step, and the outputs of each step, shape (step, row, column)."""

    end: Tensor
    states: Tensor
    outputs: Tensor
