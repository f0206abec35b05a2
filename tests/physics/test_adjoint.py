"""Gradients through many steps, with the state stored once a segment, against those of autograd."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from jules_ml.physics.adjoint import AdjointSteps, NotFinite
from jules_ml.physics.compilation import can_compile
from jules_ml.physics.packing import pack, row_names, unpack


class _Constants(NamedTuple):
    rate: Tensor
    capacity: Tensor


class _State(NamedTuple):
    water: Tensor


def _step(constants: _Constants, state: _State, rain: tuple[Tensor]) -> tuple[_State, dict[str, Tensor]]:
    """Two stores, of which the first drains into the second."""
    drained = constants.rate * state.water**2 / constants.capacity
    gained = torch.stack([rain[0], drained[0]])
    new = state.water + gained - drained
    return _State(new), {"drained": drained, "sum": new.sum(0)}


def _arguments(n_steps: int = 7) -> tuple[_Constants, _State, Tensor]:
    torch.manual_seed(0)
    constants = _Constants(0.1 + 0.1 * torch.rand(2, 3, dtype=torch.float64), torch.tensor([[2.0], [3.0]]).double())
    return constants, _State(torch.rand(2, 3).double()), torch.rand(n_steps, 1, 3).double()


def _steps(*, compiled: bool = False) -> AdjointSteps:
    constants, state, rain = _arguments()
    return AdjointSteps(
        _step, constants, state, (rain[0, 0],), outputs=("drained", "sum"), n_columns=3, compiled=compiled
    )


def test_packed_tree_is_restored() -> None:
    constants, state, _ = _arguments()
    rows, layout = pack((constants, state), 3)
    restored = unpack(rows, layout)
    assert isinstance(restored[0], _Constants)
    assert torch.equal(restored[0].rate, constants.rate)
    assert torch.equal(restored[0].capacity, constants.capacity.expand(2, 3))
    assert list(row_names((constants, state)))[:3] == ["0.rate (1)", "0.rate (2)", "0.capacity (1)"]


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_gradient_is_that_of_autograd(compiled: bool) -> None:
    if compiled and not can_compile():
        pytest.skip("no C++ compiler")
    constants, state, rain = _arguments()
    steps = _steps(compiled=compiled)

    def by_segments(rate: Tensor, water: Tensor) -> Tensor:
        packed = steps.pack(_Constants(rate, constants.capacity))
        carried, total = steps.pack(_State(water)), torch.zeros(3, dtype=torch.float64)
        for part in rain.split(3):
            carried, outputs = steps.segment(packed, carried, part)
            total = total + (outputs[:, 1] * outputs[:, 2]).sum(0)
        return total + carried.sum(0)

    def directly(rate: Tensor, water: Tensor) -> Tensor:
        now, total = _State(water), torch.zeros(3, dtype=torch.float64)
        for row in rain:
            now, outputs = _step(_Constants(rate, constants.capacity), now, (row[0],))
            total = total + outputs["drained"][1] * outputs["sum"]
        return total + now.water.sum(0)

    inputs = [constants.rate.clone().requires_grad_(), state.water.clone().requires_grad_()]
    for one, other in zip(
        torch.autograd.grad(by_segments(*inputs).sum(), inputs),
        torch.autograd.grad(directly(*inputs).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)
    assert torch.autograd.gradcheck(by_segments, inputs)


def test_gradient_that_is_not_finite_is_named() -> None:
    constants, _, rain = _arguments()
    water = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0]], dtype=torch.float64)

    def root(constants: _Constants, state: _State, rain: tuple[Tensor]) -> tuple[_State, dict[str, Tensor]]:
        new, outputs = _step(constants, state, rain)
        return new, outputs | {"sum": torch.sqrt(state.water).sum(0)}

    steps = AdjointSteps(root, constants, _State(water), (rain[0, 0],), outputs=("drained", "sum"), n_columns=3)
    state = water.requires_grad_()
    _, outputs = steps.segment(steps.pack(constants), steps.pack(_State(state)), rain[:1], label=40)
    with pytest.raises(NotFinite) as raised:
        outputs[:, 2].sum().backward()
    assert raised.value.segment == 40
    assert raised.value.locate() == (0, 1, "water (2)")
