"""Which steps are compiled: none that need a gradient or are on a GPU."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from jules_ml.physics import integration
from jules_ml.physics.compilation import can_compile
from jules_ml.physics.integration import Integration, integrate

pytestmark = pytest.mark.skipif(not can_compile(), reason="no C++ compiler")


class State(NamedTuple):
    surface: Tensor


class Store:
    """Grows by the weather and a rate."""

    surface = SimpleNamespace()

    def __init__(self, rate: Tensor) -> None:
        self.rate = rate

    def step(self, state: State, weather: State) -> tuple[State, dict[str, Tensor]]:
        new = state.surface + weather.surface + self.rate
        return State(new), {"store": new}


def run(rate: Tensor, compiled: bool | None, steps: int = 600) -> Integration:
    column: Any = Store(rate)
    state: Any = State(torch.zeros(1, 2, device=rate.device))
    weather: Any = State(torch.zeros(steps, 1, 2, device=rate.device))
    return integrate(column, state, weather, outputs=["store"], compiled=compiled)


@pytest.fixture
def no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise AssertionError("compiled")

    monkeypatch.setattr(integration, "stepper_of", fails)


@pytest.mark.usefixtures("no_kernels")
def test_a_compiled_step_of_what_needs_a_gradient_is_refused() -> None:
    rate = torch.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match=r"no gradient.*no_grad"):
        run(rate, compiled=True)
    run(rate, compiled=None).outputs["store"][-1].sum().backward()
    torch.testing.assert_close(rate.grad, torch.full((2,), 600.0))


def test_a_compiled_step_of_parameters_without_their_gradient_is_possible() -> None:
    with torch.no_grad():
        result = run(torch.ones(2, requires_grad=True), compiled=True, steps=3)
    torch.testing.assert_close(result.outputs["store"][:, 0, 0], torch.arange(1.0, 4.0))


@pytest.mark.usefixtures("no_kernels")
def test_a_compiled_step_on_another_device_is_refused_and_not_chosen() -> None:
    rate = torch.ones(2, device="meta")
    with pytest.raises(ValueError, match="on the CPU, not on meta"):
        run(rate, compiled=True)
    assert run(rate, compiled=None).outputs["store"].device.type == "meta"


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_columns_on_a_gpu_are_stepped_there() -> None:
    result = run(torch.ones(2, device="cuda"), compiled=None)
    assert result.outputs["store"].is_cuda
    torch.testing.assert_close(result.outputs["store"][-1, 0].cpu(), torch.full((2,), 600.0))
