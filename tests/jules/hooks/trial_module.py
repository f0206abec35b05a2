"""Soil moisture, soil properties and respiration to try the hooks with; each run of the host imports a copy of this file.

The arguments are those that the Fortran bridge passes: arrays ``(sm_levels, land_pts)``, ``date`` as (year, month, day, hour, minute,
second).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Date = tuple[int, int, int, int, int, int]


def wet(*, sthu: Array, **_: object) -> tuple[Array, Array]:
    return np.full_like(sthu, 0.4), np.ones(sthu.shape, dtype=bool)


def dry(*, sthu: Array, **_: object) -> tuple[Array, Array]:
    return np.full_like(sthu, 0.2), np.ones(sthu.shape, dtype=bool)


def top_layer(*, sthu: Array, **_: object) -> tuple[Array, Array]:
    mask = np.zeros(sthu.shape, dtype=bool)
    mask[0] = True
    return np.full_like(sthu, 0.35), mask


def narrow(*, sthu: Array, **_: object) -> tuple[Array, Array]:
    """Half precision, which is refused."""
    return np.full(sthu.shape, 0.4, dtype=np.float16), np.ones(sthu.shape, dtype=bool)


def flat(*, sthu: Array, **_: object) -> tuple[Array, Array]:
    """One level instead of all."""
    return np.full(sthu.shape[1], 0.4, dtype=sthu.dtype), np.ones(sthu.shape, dtype=bool)


def nowhere(*, sthu: Array, **_: object) -> tuple[Array, Array]:
    return np.full_like(sthu, np.nan), np.ones(sthu.shape, dtype=bool)


def percent(*, sthu: Array, **_: object) -> tuple[Array, Array]:
    return np.full_like(sthu, 40.0), np.ones(sthu.shape, dtype=bool)


def fail_later(*, date: Date, sthu: Array, **_: object) -> tuple[Array, Array]:
    if date[2] >= 4:
        raise RuntimeError("the series ends here")
    return wet(sthu=sthu)


def fail_east(*, date: Date, longitude: Array, sthu: Array, **_: object) -> tuple[Array, Array]:
    if date[2] >= 4 and longitude.max() > 2:
        raise RuntimeError("no series in the east")
    return wet(sthu=sthu)


def print_weather(
    *, date: Date, forcing: Mapping[str, Array], latitude: Array, longitude: Array, sthu: Array, **_: object
) -> tuple[Array, Array]:
    print(
        "WEATHER",
        date,
        *(float(forcing[k][0]) for k in ("rain", "t", "wind", "pstar", "vpd")),
        latitude[0],
        longitude[0],
    )
    return wet(sthu=sthu)


class Counting:
    """Water content that grows with the number of calls, which is the state of the module."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *, sthu: Array, forcing: Mapping[str, Array], **_: object) -> tuple[Array, Array]:
        self.calls += 1
        target = 0.30 + 0.01 * self.calls + 1e-4 * (forcing["t"] - 273.15)
        return np.broadcast_to(target, sthu.shape).astype(sthu.dtype), np.ones(sthu.shape, dtype=bool)

    def state(self) -> dict[str, Array]:
        return {"calls": np.array(self.calls)}

    def set_state(self, state: Mapping[str, Array]) -> None:
        self.calls = int(state["calls"])


def soil(cs: Array, sm_levels: int, sm_sat: float = 0.5) -> dict[str, Array]:
    shape = (sm_levels, cs.shape[-1])

    def full(value: float, n: int = 0) -> Array:
        return np.full((shape[0] + n, shape[1]), value, dtype=cs.dtype)

    values = {
        "b": full(5.0),
        "sathh": full(0.1),
        "satcon": full(0.01, 1),
        "sm_sat": full(sm_sat),
        "sm_crit": full(0.2),
        "sm_wilt": full(0.1),
        "hcap": full(1.3e6),
        "hcon": full(0.3, 1),
    }
    values["b"] += cs.sum(axis=(0, 1))
    return values


def properties(*, cs: Array, sm_levels: int, **_: object) -> dict[str, Array]:
    return soil(cs, sm_levels)


def tight(*, cs: Array, sm_levels: int, **_: object) -> dict[str, Array]:
    """A soil that saturates below the water content of the host."""
    return soil(cs, sm_levels, sm_sat=0.25)


def impossible(*, cs: Array, sm_levels: int, **_: object) -> dict[str, Array]:
    return soil(cs, sm_levels) | {"b": np.zeros((sm_levels, cs.shape[-1]), dtype=cs.dtype)}


def quiet_soil(*, sthu: Array, t_soil: Array, **_: object) -> tuple[Array, Array]:
    """Constant factors, after a division by zero that must not stop the host."""
    with np.errstate(all="ignore"):
        assert np.isnan(np.zeros(1) / np.zeros(1)).all()
    return (sthu * 0 + 0.5).astype(sthu.dtype), (t_soil * 0 + 1).astype(sthu.dtype)


def critical_soil(*, sthu: Array, v_crit: Array, **_: object) -> tuple[Array, Array]:
    return v_crit.copy(), np.ones_like(sthu)
