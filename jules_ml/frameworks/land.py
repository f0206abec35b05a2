"""What drives JULES's land surface in a component beside the weather: the sun, and vegetation that varies in time."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from torch import Tensor

from jules_ml.column.land_setup import vegetation_at
from jules_ml.column.land_weather import sun_at
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.physics import PhysicsSection
from jules_ml.frameworks.variables import Array
from jules_ml.physics.land_surface.properties import LandSurface
from jules_ml.physics.land_surface.state import LandForcing

#: Most values of one variable that are computed at once, and most steps.
_VALUES: Final = 2**20
_STEPS: Final = 256


class LandDrivers:
    """Drivers of JULES's land surface that no component sets: they follow from the date and the place.

    Parameters
    ----------
    experiment : Experiment
    physics : PhysicsSection
        ``[physics]`` of the experiment.
    land : LandSurface
    latitude, longitude : array, shape (column,)
        Positions of the columns [degree]; empty if they are unknown.
    columns : int
        Number of columns.
    start : Timestamp or None
        Start of the run, UTC; None if it is unknown.
    record : xarray.Dataset or None
        Site dataset, with the variables that tiles name.

    Attributes
    ----------
    arrays : dict of str to array
        Values of a step: ``cosz`` and ``diff_frac``, shape (column,), and ``lai`` and ``canht``, shape (pft, column), where they vary.

    Raises
    ------
    BadInput
        If the date or the position is unknown and something depends on it, or a series of the record is missing.
    """

    def __init__(
        self,
        experiment: Experiment,
        physics: PhysicsSection,
        land: LandSurface,
        *,
        latitude: Array,
        longitude: Array,
        columns: int,
        start: pd.Timestamp | None,
        record: xr.Dataset | None,
    ) -> None:
        run = experiment.required(experiment.run, "run")
        self._experiment, self._land, self._record = experiment, land, record
        self._length, self._start = pd.Timedelta(seconds=run.timestep), start
        self._position = (latitude, longitude) if physics.l_cosz else None
        if physics.l_cosz and not len(latitude):
            raise BadInput(
                "the position of the column is unknown, which the sun needs",
                where=f"{experiment.file}, site",
                remedy="give latitude and longitude in [site] or [component], or l_cosz = false in [physics]",
            )
        self._steps, self._first = max(1, min(_STEPS, _VALUES // columns)), -1
        self._series: dict[str, Array] = {}
        self.arrays = {"cosz": np.ones(columns), "diff_frac": np.full(columns, physics.diff_frac_const)}
        plants = self._vegetation(pd.DatetimeIndex([pd.Timestamp(2001, 1, 1) if start is None else start]))
        if start is None and (physics.l_cosz or plants):
            what = "the sun" if physics.l_cosz else "vegetation that varies in time"
            raise BadInput(
                f"the date is unknown, which {what} needs",
                where=f"{experiment.file}, run.start",
                remedy="give the start of the run, or l_cosz = false in [physics] and constant lai and canht_ft",
            )
        self.arrays |= {name: np.repeat(values[0][:, None], columns, axis=1) for name, values in plants.items()}

    def forcing(self, *values: Tensor) -> LandForcing:
        """Weather of a step from the eight values of the weather and :attr:`arrays`."""
        n_weather = len(values) - len(self.arrays)
        return LandForcing(*values[:n_weather], **dict(zip(self.arrays, values[n_weather:], strict=True)))

    def show(self, step: int) -> None:
        """Write the values of a step to :attr:`arrays`."""
        if self._start is None:
            return
        first = step - step % self._steps
        if first != self._first:
            self._first = first
            starts = pd.date_range(self._start + first * self._length, periods=self._steps, freq=self._length)
            self._series = self._vegetation(starts + self._length)
            if self._position is not None:
                self._series["cosz"] = sun_at(starts, *self._position).numpy()
        for name, series in self._series.items():
            self.arrays[name][...] = series[step - first].reshape(-1, *[1] * (self.arrays[name].ndim - 1))

    def _vegetation(self, stamps: pd.DatetimeIndex) -> dict[str, Array]:
        """Leaf area and height that vary in time, shape (step, pft); on a grid they are constant."""
        if self._experiment.grid is not None:
            return {}
        timestep = self._length.total_seconds()
        return vegetation_at(self._experiment, self._land, stamps, timestep, record=self._record)
