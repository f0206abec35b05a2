"""Inputs of the bridge for its tests, their tolerances, and configurations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

#: Largest absolute errors against 64-bit torch, for factors of the order of 1.
TOLERANCE: dict[type[np.floating], float] = {np.float32: 1e-6, np.float64: 1e-13}
KINDS = pytest.mark.parametrize("kind", [np.float32, np.float64])
#: One point, a few points, more than one block, and several chunks.
POINTS = pytest.mark.parametrize("points", [1, 7, 33, 600])
#: Starts the bridge with a Python function as the module.
Serve = Callable[[Callable[..., object]], None]


def soil(kind: type[np.floating], points: int) -> dict[str, NDArray[np.floating]]:
    """Inputs inside and outside the training range of tables and nets."""
    rng = np.random.default_rng(points)
    shape = (4, points)
    return {
        "sthu": rng.uniform(0.0, 1.1, shape).astype(kind),
        "sthf": rng.uniform(0.0, 0.2, shape).astype(kind),
        "v_sat": rng.uniform(0.3, 0.6, shape).astype(kind),
        "v_wilt": rng.uniform(0.05, 0.2, shape).astype(kind),
        "v_crit": rng.uniform(0.2, 0.3, shape).astype(kind),
        "t_soil": rng.uniform(230.0, 330.0, shape).astype(kind),
        "l_soil_point": np.ones(points, dtype=bool),
    }


def configure(folder: Path, text: str) -> Path:
    path = folder / "jules_ml.nml"
    path.write_text(text)
    return path
