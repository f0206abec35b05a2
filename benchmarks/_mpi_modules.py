"""Modules for the hooks of a JULES on several MPI ranks; each point has its own result, which depends on no other point.

The benchmark copies this file beside the namelists of a run, where the hooks import it as ``mpi_modules``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class TorchModifiers:
    """f and g from a network of torch with fixed weights, one sample a point and level."""

    def __init__(self) -> None:
        import torch

        self.torch = torch
        generator = torch.Generator().manual_seed(1)
        self.weights = [torch.randn(shape, generator=generator) / 4 for shape in ((16, 2), (16, 16), (2, 16))]

    def __call__(self, *, sthu: Array, t_soil: Array, **_: object) -> tuple[Array, Array]:
        torch = self.torch
        x = torch.stack([torch.tensor(sthu), torch.tensor((t_soil - 282.4) / 10.0)], dim=-1).to(torch.float32)
        for weight in self.weights[:-1]:
            x = torch.tanh(x @ weight.T)
        y = torch.nn.functional.softplus(x @ self.weights[-1].T)
        return y[..., 0].numpy().astype(sthu.dtype), y[..., 1].numpy().astype(sthu.dtype)


class Moisture:
    """Water content that follows a running mean of rain; the mean of each point is the history of the module."""

    def __init__(self) -> None:
        self.mean_rain: Array | None = None

    def __call__(self, *, forcing: Mapping[str, Array], sthu: Array, **_: object) -> tuple[Array, Array]:
        rain = 86400.0 * forcing["rain"].astype(np.float64)
        self.mean_rain = rain if self.mean_rain is None else self.mean_rain + 0.1 * (rain - self.mean_rain)
        target = 0.2 + 0.15 * self.mean_rain / (self.mean_rain + 2.0)
        return np.broadcast_to(target, sthu.shape).astype(sthu.dtype), np.ones(sthu.shape, dtype=bool)

    def state(self) -> dict[str, Array]:
        return {} if self.mean_rain is None else {"mean_rain": self.mean_rain}

    def set_state(self, state: Mapping[str, Array]) -> None:
        self.mean_rain = state.get("mean_rain")


class FailsInTheNorth(Moisture):
    """Raises on the sixth day of the run, on the rank with the northernmost points."""

    def __call__(  # type: ignore[override]
        self, *, date: tuple[int, ...], latitude: Array, forcing: Mapping[str, Array], sthu: Array, **_: object
    ) -> tuple[Array, Array]:
        if date[2] >= 6 and latitude.max() > NORTHERNMOST:
            raise RuntimeError("no series in the north")
        return super().__call__(forcing=forcing, sthu=sthu)


#: Only the last row of the grid is further north.
NORTHERNMOST = 52.0 + 0.995


def properties(*, cs: Array, latitude: Array, longitude: Array, sm_levels: int, **_: object) -> dict[str, Array]:
    """Soil properties that depend on carbon and place."""
    shape = (sm_levels, latitude.size)
    place = 0.05 * np.sin(20.0 * latitude + 30.0 * longitude) + 1e-3 * cs.sum(axis=(0, 1))
    values = {
        "b": 5.0 + 10.0 * place,
        "sathh": 0.1 + place,
        "satcon": 0.006 + 0.05 * place,
        "sm_sat": 0.44 + place,
        "sm_crit": 0.26 + place,
        "sm_wilt": 0.12 + place,
        "hcap": 1.2e6 + 1e6 * place,
        "hcon": 0.24 + place,
    }
    return {
        name: np.broadcast_to(value, (shape[0] + (name in ("satcon", "hcon")), shape[1])).astype(cs.dtype)
        for name, value in values.items()
    }
