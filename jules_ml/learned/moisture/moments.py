"""Mean and standard deviation of water content, which convert anomalies to water content and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jules_ml.learned.moisture.record import LAYER_DEPTHS, MoistureRecord

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]
#: Smallest standard deviation that anomalies are scaled by [m3 m-3].
MIN_SPREAD = 0.004
#: Fewest days from which moments are computed.
MIN_DAYS = 20
#: Depth assigned to a cosmic-ray sensor when sensors are ranked by depth [m].
CRNS_DEPTH = 0.1


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and standard deviation of the water content at a sensor [m3 m-3]."""

    mean: float
    spread: float


#: Moments of an unknown soil.
DEFAULT_MOMENTS = Moments(0.25, 0.06)


def sensor_moments(record: MoistureRecord, train: _Mask) -> list[Moments | None]:
    """Compute the moments of each sensor over the training days; None where there are fewer than 20.

    Parameters
    ----------
    record : MoistureRecord
    train : array of bool, shape (day,) or (day, sensor)
    """
    mask = record.usable & (train[:, None] if train.ndim == 1 else train)
    moments: list[Moments | None] = []
    for sensor in range(mask.shape[1]):
        values = record.theta[mask[:, sensor], sensor]
        moments.append(
            Moments(float(values.mean()), max(float(values.std()), MIN_SPREAD)) if len(values) >= MIN_DAYS else None
        )
    return moments


def jules_moments(record: MoistureRecord, days: _Mask) -> _Array:
    """Compute the mean and standard deviation of JULES's layers over some days.

    All days of the run are used where the selected ones are fewer than 20.

    Parameters
    ----------
    record : MoistureRecord
    days : array of bool, shape (day,)

    Returns
    -------
    array, shape (2, layer)
        [m3 m-3]; NaN where the run has fewer than 20 days, too few to scale its anomalies.
    """
    available = np.isfinite(record.jules[:, 0])
    theta = record.jules[days & available]
    theta = theta if len(theta) >= MIN_DAYS else record.jules[available]
    if len(theta) < MIN_DAYS:
        return np.full((2, record.jules.shape[1]), np.nan)
    return np.stack([theta.mean(0), np.maximum(theta.std(0), MIN_SPREAD)])


def sensor_depths(depth: _Array) -> _Array:
    """Depths by which sensors are ranked, and that they have as an input [m]; 0.1 m for a cosmic-ray sensor, whose depth is NaN."""
    depths: _Array = np.nan_to_num(depth, nan=CRNS_DEPTH)
    return depths


def nearest_sensor(depth: _Array, moments: Sequence[Moments | None], layer: int) -> int | None:
    """Return the index of the sensor with moments that is nearest to a layer; None where no sensor has moments.

    A cosmic-ray sensor counts as one at a depth of 0.1 m.
    """
    candidates = [i for i, each in enumerate(moments[: len(depth)]) if each is not None]
    depths = sensor_depths(depth)
    return min(candidates, key=lambda i: abs(depths[i] - LAYER_DEPTHS[layer]), default=None)
