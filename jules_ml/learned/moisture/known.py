"""What a module of soil moisture keeps of a site that it was learned from, or that was taken in by a few days of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.learned.moisture.batch import Level, nearest_sensor

_Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class KnownSite:
    """A site that the module knows.

    Attributes
    ----------
    names : tuple of str
        Of its sensors.
    depth : array, shape (sensor,)
        Of point sensors [m]; NaN for a cosmic-ray sensor.
    levels : tuple of Level or None
        Of its sensors, from the training days; None where there were too few.
    offsets : array, shape (2, sensor)
        Mean and standard deviation of the predicted anomalies on the training days, which predictions are put right by.
    jules : array, shape (2, layer)
        Moments that JULES's anomalies are counted from and in; NaN where there was no run.
    main : int
        Sensor that is scored.
    static : mapping of str to float
        Properties of the place, from the training days.
    covariance : array, shape (sensor, 2, 2)
        Of the errors of each level's mean and standard deviation [m6 m-6]; 0 where it was learned from.
    learned : bool
        Whether the networks have learned from it; if not, it was taken in later.
    """

    names: tuple[str, ...]
    depth: _Array
    levels: tuple[Level | None, ...]
    offsets: _Array
    jules: _Array
    main: int
    static: Mapping[str, float]
    covariance: _Array
    learned: bool = True

    def sensor(self, name: str, *, site: str) -> int:
        """Number of the sensor whose level serves a name: its own, else of the nearest in depth that has one.

        Raises
        ------
        BadInput
            If the site has no sensor of that name.
        """
        if name not in self.names:
            raise BadInput(
                f"the module does not know the sensor '{name}'; it knows {', '.join(self.names)}",
                where=f"site {site}",
                remedy="leave its column out, or take it in under another name of the site: jules-ml fit moisture --adapt DIR",
            )
        own = self.names.index(name)
        if self.levels[own] is not None:
            return own
        middle = np.nan_to_num(self.depth, nan=0.1)
        have = [i for i, level in enumerate(self.levels) if level is not None]
        return min(have, key=lambda i: abs(middle[i] - middle[own]))

    def level(self, sensor: int) -> Level:
        """Level of a sensor that has one."""
        found = self.levels[sensor]
        assert found is not None
        return found

    def sensor_of_layer(self, layer: int) -> int:
        """Number of the sensor whose level serves one of JULES's layers."""
        found = nearest_sensor(self.depth, self.levels, layer)
        assert found is not None
        return found

    def put_right(self, sensor: int, z: _Array, *, match: float) -> _Array:
        """Bring anomalies to mean 0 on the training days, and their spread towards 1: wholly with ``match`` 1, not at all with 0."""
        mean, spread = self.offsets[:, sensor]
        return (z - mean) / spread**match

    def to_card(self) -> dict[str, Any]:
        """For the card of a module."""
        return {
            "names": list(self.names),
            "depth": self.depth.tolist(),
            "levels": [None if level is None else [level.mean, level.spread] for level in self.levels],
            "offsets": self.offsets.tolist(),
            "jules": self.jules.tolist(),
            "main": self.main,
            "static": dict(self.static),
            "covariance": self.covariance.tolist(),
            "learned": self.learned,
        }

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> KnownSite:
        """What :meth:`to_card` wrote."""
        depth, offsets, jules, covariance = (_floats(card[key]) for key in ("depth", "offsets", "jules", "covariance"))
        return cls(
            names=tuple(card["names"]),
            depth=depth,
            levels=tuple(None if pair is None else Level(*pair) for pair in card["levels"]),
            offsets=offsets,
            jules=jules,
            main=card["main"],
            static=card["static"],
            covariance=covariance,
            learned=card["learned"],
        )


def _floats(values: list[Any]) -> _Array:
    """Numbers of a card, in which NaN stands as null."""
    return np.array(values, dtype=np.float64)
