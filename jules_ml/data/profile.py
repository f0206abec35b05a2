"""Soil sensors of several variables on the common ``depth`` dimension of a site dataset."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Sensor:
    """One column of soil observations.

    Attributes
    ----------
    number : int
        Number of the sensor in the source, from 1.
    depth : float
        Depth [m], positive downward; NaN if the source does not state it.
    values, qc : array, shape (time,)
        Values in the variable's units, and their quality codes; ``qc`` is ``None`` if the source has none.
    """

    number: int
    depth: float
    values: NDArray[np.float64]
    qc: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class Profile:
    """Sensors of all variables on common levels.

    Attributes
    ----------
    depth : array, shape (level,)
        Depth [m], ascending; levels of unknown depth are last and NaN.
    numbers : dict of str to array of int, shape (level,)
        By variable, the number of the sensor on each level; 0 if it has none.
    values, qc : dict of str to array, shape (time, level)
        By variable; NaN on levels without a sensor. ``qc`` contains only variables with quality codes.
    """

    depth: NDArray[np.float64]
    numbers: dict[str, NDArray[np.int64]]
    values: dict[str, NDArray[np.float64]]
    qc: dict[str, NDArray[np.float64]]

    def label(self, ds: xr.Dataset) -> xr.Dataset:
        """Add a coordinate ``sensor_<variable>`` for each variable, with the sensor number in the source."""
        return ds.assign_coords(
            {
                f"sensor_{name}": (
                    "depth",
                    numbers,
                    {
                        "long_name": f"number of the sensor of {name} in the source; 0 where there is none",
                        "comment": "without depths, an equal number does not mean an equal depth for two variables",
                    },
                )
                for name, numbers in self.numbers.items()
            }
        )


@dataclass(frozen=True, eq=False)
class RecordColumns:
    """Columns of a record as they are read: variables without depth, and soil sensors in the order of their columns.

    Attributes
    ----------
    values, qc : dict of str to array, shape (time,)
        Values of the variables without depth, and their quality codes; ``qc`` contains only variables with codes.
    sensors : dict of str to list of Sensor
        Soil sensors by variable.
    """

    values: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    qc: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    sensors: dict[str, list[Sensor]] = field(default_factory=dict)

    def add(
        self,
        variable: str,
        values: NDArray[np.float64],
        qc: NDArray[np.float64] | None = None,
        *,
        depth: float | None = None,
    ) -> None:
        """Add a column; it is a soil sensor if it has a depth [m], which is NaN if unknown."""
        if depth is not None:
            others = self.sensors.setdefault(variable, [])
            others.append(Sensor(len(others) + 1, depth, values, qc))
            return
        self.values[variable] = values
        if qc is not None:
            self.qc[variable] = qc


def align(sensors: Mapping[str, Sequence[Sensor]]) -> Profile:
    """Arrange sensors of several variables on common levels.

    A level is a depth if depths are known; a second sensor of the same variable at the same depth has a separate level. Sensors of
    unknown depth share a level with sensors of the same number, which only gives their order.

    Parameters
    ----------
    sensors : mapping of str to sequence of Sensor
        Sensors by variable; all arrays have the same length.
    """
    placed = {
        name: {level: s for level, s in zip(_levels(column), column, strict=True)} for name, column in sensors.items()
    }
    levels = sorted(set().union(*placed.values()))
    missing = np.full(max((len(s.values) for column in sensors.values() for s in column), default=0), np.nan)

    def stack(rows: Mapping[tuple[float, int], Sensor], kind: str) -> NDArray[np.float64]:
        columns = [getattr(rows[level], kind) if level in rows else None for level in levels]
        return np.column_stack([missing if column is None else column for column in columns])

    return Profile(
        depth=np.array([depth if math.isfinite(depth) else np.nan for depth, _ in levels]),
        numbers={
            name: np.array([rows[level].number if level in rows else 0 for level in levels])
            for name, rows in placed.items()
        },
        values={name: stack(rows, "values") for name, rows in placed.items()},
        qc={name: stack(rows, "qc") for name, rows in placed.items() if any(s.qc is not None for s in rows.values())},
    )


def _levels(column: Sequence[Sensor]) -> list[tuple[float, int]]:
    """Sortable key of each sensor's level: depth, and number among the sensors at that depth; unknown depths are last."""
    counts: dict[float, int] = {}
    levels = []
    for sensor in column:
        if math.isnan(sensor.depth):
            levels.append((math.inf, sensor.number))
            continue
        counts[sensor.depth] = counts.get(sensor.depth, 0) + 1
        levels.append((sensor.depth, counts[sensor.depth]))
    return levels


def layer_at(depth: float, dzsoil: Sequence[float]) -> int | None:
    """Select the soil layer of JULES that contains a sensor.

    Parameters
    ----------
    depth : float
        Depth of the sensor [m]; a depth on a boundary belongs to the layer above.
    dzsoil : sequence of float
        Thickness of the layers from the top [m].

    Returns
    -------
    int or None
        Index of the layer, from 0; None below the lowest layer.
    """
    bottoms = np.cumsum(dzsoil)
    return int(np.searchsorted(bottoms, depth, side="left")) if depth <= bottoms[-1] else None


def layer_or_lowest(depth: float, dzsoil: Sequence[float]) -> int:
    """Select the soil layer as :func:`layer_at`; the lowest layer for greater depths."""
    layer = layer_at(depth, dzsoil)
    return len(dzsoil) - 1 if layer is None else layer
