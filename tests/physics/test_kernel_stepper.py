"""What a recorded step may be used for again, and which precisions and devices it takes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from jules_ml.physics.compilation import can_compile
from jules_ml.physics.kernel.elements import CannotGenerate
from jules_ml.physics.kernel.stepper import stepper_of

pytestmark = pytest.mark.skipif(not can_compile(), reason="no C++ compiler")


class Store:
    """Grows by the weather and two rates."""

    surface = SimpleNamespace()

    def __init__(self, first: Tensor, second: Tensor) -> None:
        self.first, self.second = first, second

    def step(self, state: Tensor, weather: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        new = state + weather + self.first + 10.0 * self.second
        return new, {"store": new}


def stepped(store: Store, state: Tensor, series: Tensor) -> Tensor:
    integrator = stepper_of(store, state, series[0], ("store",), state.shape[-1]).start(state)
    return integrator.steps([series], 0, len(series), mean_over=1, threads=1)[:, 0]


def test_a_tensor_in_two_places_is_not_taken_for_two_tensors() -> None:
    one, two = torch.full((2,), 1.0), torch.full((2,), 2.0)
    state, series = torch.zeros(1, 2), torch.zeros(1, 1, 2)
    for first, second in ((one, one), (one, two), (two, two), (two, one)):
        result = stepped(Store(first, second), state, series)
        torch.testing.assert_close(result[0], first + 10.0 * second)


@pytest.mark.parametrize("precisions", [(torch.float32, torch.float64), (torch.float64, torch.float32)])
def test_weather_of_another_precision_is_converted(precisions: tuple[torch.dtype, torch.dtype]) -> None:
    of_state, of_weather = precisions
    rate = torch.zeros(3, dtype=of_state)
    series = torch.arange(15, dtype=of_weather).reshape(5, 1, 3)
    result = stepped(Store(rate, rate), torch.zeros(1, 3, dtype=of_state), series)
    torch.testing.assert_close(result, series[:, 0].to(of_state).cumsum(0))


def test_weather_of_another_precision_than_in_the_first_step_is_converted() -> None:
    rate, state, series = torch.zeros(3), torch.zeros(1, 3), torch.ones(4, 1, 3)
    integrator = stepper_of(Store(rate, rate), state, series[0], ("store",), 3).start(state)
    result = integrator.steps([series.double()], 0, 4, mean_over=1, threads=1)[:, 0]
    torch.testing.assert_close(result, series[:, 0].cumsum(0))


@pytest.mark.parametrize("elsewhere", ["column", "state", "weather"])
def test_tensors_beyond_the_processor_are_refused(elsewhere: str) -> None:
    rate, state, weather = (
        torch.zeros(shape, device="meta" if name == elsewhere else "cpu")
        for name, shape in (("column", (3,)), ("state", (1, 3)), ("weather", (1, 3)))
    )
    with pytest.raises(CannotGenerate, match="meta"):
        stepper_of(Store(rate, rate), state, weather, ("store",), 3)


@pytest.mark.parametrize("other", [torch.float32, torch.int64])
def test_a_state_of_other_precisions_is_refused(other: torch.dtype) -> None:
    rate, weather = torch.zeros(3), torch.zeros(1, 3)
    state = (torch.zeros(1, 3, dtype=torch.float64), torch.zeros(1, 3, dtype=other))
    with pytest.raises(CannotGenerate, match="precision"):
        stepper_of(Store(rate, rate), state, weather, ("store",), 3)
