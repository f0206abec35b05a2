"""Soil moisture that is a function of the date alone, and soil properties, for the hooks of a real JULES.

The benchmark copies this file beside the namelists of a run, where the hooks import it as ``series_module``.
"""

from __future__ import annotations

from datetime import date as calendar_date
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def series(date: tuple[int, ...]) -> float:
    """Water content of the day [m3 m-3]."""
    day = calendar_date(*date[:3]).timetuple().tm_yday
    return float(0.25 + 0.10 * np.sin(2 * np.pi * (day - 30) / 365.0))


def wide(*, sthu: Array, t_soil: Array, **_: object) -> tuple[Array, Array]:
    """Double precision, which a JULES in single precision refuses."""
    return sthu.astype(np.float64), t_soil.astype(np.float64)


def follow(*, date: tuple[int, ...], sthu: Array, **_: object) -> tuple[Array, Array]:
    return np.full_like(sthu, series(date)), np.ones(sthu.shape, dtype=bool)


def percent(*, sthu: Array, **_: object) -> tuple[Array, Array]:
    return np.full_like(sthu, 25.0), np.ones(sthu.shape, dtype=bool)


def soil(*, cs: Array, sm_levels: int, **_: object) -> dict[str, Array]:
    """The soil properties that the run has without hooks."""
    values = {
        "b": 6.63,
        "sathh": 0.04946,
        "satcon": 0.004715,
        "sm_sat": 0.45815,
        "sm_crit": 0.242433,
        "sm_wilt": 0.136328,
        "hcap": 1185676.0,
        "hcon": 0.226873,
    }
    return {
        name: np.full((sm_levels + (name in ("satcon", "hcon")), cs.shape[-1]), value, dtype=cs.dtype)
        for name, value in values.items()
    }


def roomier_soil(*, cs: Array, sm_levels: int, **_: object) -> dict[str, Array]:
    """The same soil with a larger porosity."""
    return soil(cs=cs, sm_levels=sm_levels) | {"sm_sat": np.full((sm_levels, cs.shape[-1]), 0.5, dtype=cs.dtype)}


def fail_in_march(*, date: tuple[int, ...], sthu: Array, **_: object) -> tuple[Array, Array]:
    if date[1] == 3:
        raise RuntimeError("the series ends here")
    return follow(date=date, sthu=sthu)
