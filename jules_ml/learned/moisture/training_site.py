"""A site with the days and the simulated records that networks are trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from jules_ml.learned.moisture.moments import sensor_moments
from jules_ml.learned.moisture.record import MoistureRecord

_Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class TrainingSite:
    """A record with its training days.

    Attributes
    ----------
    record : MoistureRecord
    train : array of bool, shape (day,)
        Training days.
    main : int or None
        Index of the scored sensor; by default the first that has moments.
    simulated : tuple of TrainingSite
        Records of model runs at the site (see :mod:`jules_ml.learned.moisture.simulated`). Networks are trained on them too, but their
        moments are not stored.
    """

    record: MoistureRecord
    train: _Mask
    main: int | None = None
    simulated: tuple[TrainingSite, ...] = ()

    @property
    def is_trainable(self) -> bool:
        """Whether any sensor has enough training days."""
        return any(sensor_moments(self.record, self.train))

    @property
    def scored_sensor(self) -> int:
        """Index of the scored sensor; where none is named, the first with a usable day."""
        return self.main if self.main is not None else int(np.argmax(self.record.usable.any(0)))

    def without(self, days: _Mask) -> TrainingSite:
        """Remove days from the training days of the record and of its simulated records."""
        shortened = (each.without(days) for each in self.simulated)
        simulated = tuple(each for each in shortened if each.is_trainable)
        return replace(self, train=self.train & ~days, simulated=simulated)
