r"""Gradients through many time steps, with memory that hardly grows with their number.

The state is stored at the start of each segment of steps. Backward, the steps of a segment are run again with their states stored, and the
derivative of one step at a time is applied to the gradient from the last step to the first (checkpointing). The derivative of a step is
traced once; it can be compiled, which makes it about twenty times faster and takes some minutes at the first use.

References
----------
Griewank and Walther (2000), ACM Trans. Math. Softw. 26, 19-45, for checkpointing of adjoint models.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from jules_ml.errors import RunFailed
from jules_ml.physics.packing import Layout, pack, row_names, unpack
from jules_ml.support.descendants import end_descendants_with_this_process

#: The wrapper of the call is C++ as well, which halves the cost of the step of few columns.
_OPTIONS: dict[str, Any] = {"cpp_wrapper": True}

#: Step of a model: of its constant tensors, state and weather to the new state and named outputs.
Step = Callable[[Any, Any, Any], tuple[Any, dict[str, Tensor]]]
_Packed = Callable[..., Any]


class AdjointSteps:
    """Steps of a model whose gradient is computed backward in time, step by step.

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
    compiled : bool
        Compile the step and its derivative.
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
        self.n_columns = n_columns
        self._step = step
        self._outputs = tuple(outputs)
        with torch.no_grad():
            packed = [pack(each, n_columns) for each in (constants, state, weather)]
        self._layouts: list[Layout] = [layout for _, layout in packed]
        rows = [values.detach() for values, _ in packed]
        self._forward: _Packed = self._packed_step
        self._backward: _Packed = self._derivative
        if compiled:
            self._forward, self._backward = self._compiled(rows)

    def rows_of_outputs(self, constants: Any, state: Any, weather: Any) -> dict[str, slice]:
        """Rows of each output in the result of :meth:`segment`."""
        with torch.no_grad():
            _, outputs = self._step(constants, state, weather)
        slices, first = {}, 0
        for name in self._outputs:
            size = outputs[name].shape[0] if outputs[name].ndim == 2 else 1
            slices[name] = slice(first, first + size)
            first += size
        return slices

    def pack(self, tree: Any) -> Tensor:
        """Rows of constants, of a state or of weather; gradients flow through them."""
        return pack(tree, self.n_columns)[0]

    def unpack_state(self, rows: Tensor) -> Any:
        """State of its rows."""
        return unpack(rows, self._layouts[1])

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
            Outputs of each step, in the rows of :meth:`rows_of_outputs`.

        Raises
        ------
        NotFinite
            Backward, if the gradient is not finite.
        """
        end, outputs = _Segment.apply(self, label, constants, state, weather)  # type: ignore[no-untyped-call]
        return end, outputs

    def refuse_not_finite(self, to_constants: Tensor, to_state: Tensor, *, segment: int, step: int) -> None:
        """Raise :class:`NotFinite` for the first gradient that is not finite."""
        if bool(torch.isfinite(to_constants.sum() + to_state.sum())):
            return
        for gradient, layout in ((to_constants, self._layouts[0]), (to_state, self._layouts[1])):
            bad = (~torch.isfinite(gradient)).nonzero()
            if len(bad):
                row, column = (int(x) for x in bad[0])
                raise NotFinite(segment, step, column, list(row_names(layout.tree))[row])

    def _packed_step(self, constants: Tensor, state: Tensor, weather: Tensor) -> tuple[Tensor, Tensor]:
        trees: list[Any] = [
            unpack(rows, layout) for rows, layout in zip((constants, state, weather), self._layouts, strict=True)
        ]
        new, outputs = self._step(trees[0], trees[1], trees[2])
        n = constants.shape[-1]
        reported = tuple(outputs[name] for name in self._outputs)
        return pack(new, n)[0], pack(reported, n)[0]

    def _derivative(
        self, constants: Tensor, state: Tensor, weather: Tensor, to_state: Tensor, to_outputs: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Gradients with respect to constants and state from those with respect to the new state and the outputs."""
        with torch.enable_grad():
            inputs = [constants.detach().requires_grad_(), state.detach().requires_grad_()]
            results = self._packed_step(inputs[0], inputs[1], weather)
            gradients = torch.autograd.grad(
                results, inputs, (to_state, to_outputs), allow_unused=True, materialize_grads=True
            )
        return gradients[0], gradients[1]

    def _compiled(self, rows: Sequence[Tensor]) -> tuple[_Packed, _Packed]:
        """Compiled step and derivative; as they are if the compiler fails."""
        end_descendants_with_this_process()
        with torch.no_grad():
            new, outputs = self._packed_step(*rows)
            arguments = (*rows, torch.zeros_like(new), torch.zeros_like(outputs))
            # a bound method would count as one argument more
            traced = (
                make_fx(partial(_called, self._packed_step))(*rows),
                make_fx(partial(_called, self._derivative))(*arguments),
            )
            try:
                compiled = [torch.compile(each, fullgraph=True, dynamic=False, options=_OPTIONS) for each in traced]
                compiled[0](*rows)
                compiled[1](*arguments)
            except Exception as error:
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                warnings.warn(
                    f"the gradient runs without compilation, about twenty times slower ({reason})", stacklevel=4
                )
                return self._packed_step, self._derivative
        return compiled[0], compiled[1]


def _called(function: _Packed, *arguments: Tensor) -> Any:
    return function(*arguments)


class NotFinite(RunFailed):
    """A gradient that is not finite: label of the ``segment``, ``step`` in it, ``column``, and ``name`` of the tensor."""

    def __init__(self, segment: int, step: int, column: int, name: str) -> None:
        super().__init__(f"the gradient with respect to {name} is not finite")
        self.segment, self.step, self.column, self.name = segment, step, column, name


class _Segment(torch.autograd.Function):
    """Steps of one segment; the state is stored at its start only."""

    @staticmethod
    def forward(
        ctx: Any, steps: AdjointSteps, label: int, constants: Tensor, state: Tensor, weather: Tensor
    ) -> tuple[Tensor, Tensor]:
        ctx.steps, ctx.label = steps, label
        ctx.save_for_backward(constants, state, weather)
        # the compiler refuses tensors of a graph that are not its leaves
        constants, state = constants.detach(), state.detach()
        outputs = []
        for row in weather.unbind(0):
            state, reported = steps._forward(constants, state, row)
            outputs.append(reported)
        return state, torch.stack(outputs)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, to_state: Tensor, to_outputs: Tensor) -> tuple[None, None, Tensor, Tensor, None]:
        constants, state, weather = (x.detach() for x in ctx.saved_tensors)
        steps: AdjointSteps = ctx.steps
        states = [state]
        for row in weather.unbind(0)[:-1]:
            states.append(steps._forward(constants, states[-1], row)[0])
        to_constants = torch.zeros_like(constants)
        for k in reversed(range(len(states))):
            part, to_state = steps._backward(constants, states[k], weather[k], to_state, to_outputs[k].contiguous())
            to_constants = to_constants + part
            # a sum is finite only if its terms are; a check of each element would cost as much as the step
            if k % 24 == 0:
                steps.refuse_not_finite(to_constants, to_state, segment=ctx.label, step=k)
        return None, None, to_constants, to_state, None
