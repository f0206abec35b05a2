"""Sites that a module was trained on or adapted to, as stored in its card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.learned.moisture.moments import Moments, nearest_sensor, sensor_depths

_Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StoredSite:
    """A site that the module was trained on or adapted to.

    Attributes
    ----------
    names : tuple of str
        Names of the sensors.
    depth : array, shape (sensor,)
        Depth of point sensors [m]; NaN for a cosmic-ray sensor.
    moments : tuple of Moments or None
        Moments of each sensor on the training days; None where there were too few days.
    offsets : array, shape (2, sensor)
        Mean and standard deviation of the predicted anomalies on the training days, by which predictions are corrected.
    jules : array, shape (2, layer)
        Mean and standard deviation that define the anomalies of JULES's layers [m3 m-3]; NaN where there was no run.
    main : int
        Index of the scored sensor.
    static : mapping of str to float
        Static properties of the site, from the training days.
    covariance : array, shape (sensor, 2, 2)
        Covariance of the errors of each sensor's mean and standard deviation [m6 m-6]; 0 at a training site.
    trained : bool
        Whether the networks were trained on the site; False where the module was adapted to it later.
    interval_scale : float
        Factor of the intervals at this site, from the ends of its record that were held out [1].
    amplitude : float
        Factor of the anomaly at a site that the module was adapted to, as it was then [1].
    """

    names: tuple[str, ...]
    depth: _Array
    moments: tuple[Moments | None, ...]
    offsets: _Array
    jules: _Array
    main: int
    static: Mapping[str, float]
    covariance: _Array
    trained: bool = True
    interval_scale: float = 1.0
    amplitude: float = 1.0

    def sensor_index(self, name: str, *, site: str) -> int:
        """Return the index of the sensor whose moments apply to a name.

        This is the sensor of that name, or the one nearest in depth that has moments.

        Raises
        ------
        BadInput
            If the site has no sensor of that name.
        """
        if name not in self.names:
            raise BadInput(
                f"the module has no sensor '{name}' at this site; it has {', '.join(self.names)}",
                where=f"site {site}",
                remedy="leave out its column, or adapt the module to it under another site name: "
                "jules-ml fit moisture --adapt DIR",
            )
        own = self.names.index(name)
        if self.moments[own] is not None:
            return own
        depths = sensor_depths(self.depth)
        candidates = [i for i, each in enumerate(self.moments) if each is not None]
        return min(candidates, key=lambda i: abs(depths[i] - depths[own]))

    def moments_of(self, sensor: int) -> Moments:
        """Return the moments of a sensor that has them."""
        moments = self.moments[sensor]
        assert moments is not None
        return moments

    def sensor_of_layer(self, layer: int) -> int:
        """Return the index of the sensor whose moments apply to one of JULES's layers."""
        sensor = nearest_sensor(self.depth, self.moments, layer)
        assert sensor is not None
        return sensor

    def correct(self, sensor: int, z: _Array, *, rescaling: float) -> _Array:
        """Remove the mean of predicted anomalies on the training days, and rescale their standard deviation towards 1.

        ``rescaling`` is the degree of rescaling: 1 is complete, 0 is none.
        """
        mean, spread = self.offsets[:, sensor]
        corrected: _Array = (z - mean) / spread**rescaling
        return corrected

    def to_card(self) -> dict[str, Any]:
        """Convert to an entry of a module card."""
        return {
            "names": list(self.names),
            "depth": self.depth.tolist(),
            "levels": [None if each is None else [each.mean, each.spread] for each in self.moments],
            "offsets": self.offsets.tolist(),
            "jules": self.jules.tolist(),
            "main": self.main,
            "static": dict(self.static),
            "covariance": self.covariance.tolist(),
            "learned": self.trained,
            "interval_scale": self.interval_scale,
            "amplitude": self.amplitude,
        }

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> StoredSite:
        """Read an entry that :meth:`to_card` wrote."""
        depth, offsets, jules, covariance = (_floats(card[key]) for key in ("depth", "offsets", "jules", "covariance"))
        return cls(
            names=tuple(card["names"]),
            depth=depth,
            moments=tuple(None if pair is None else Moments(*pair) for pair in card["levels"]),
            offsets=offsets,
            jules=jules,
            main=card["main"],
            static=card["static"],
            covariance=covariance,
            trained=card["learned"],
            interval_scale=card.get("interval_scale", 1.0),  # modules of earlier versions have neither
            amplitude=card.get("amplitude", 1.0),
        )


def _floats(values: list[Any]) -> _Array:
    """Convert numbers of a card to an array; null becomes NaN."""
    return np.array(values, dtype=np.float64)
