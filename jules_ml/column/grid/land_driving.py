"""Weather of JULES's land surface on a grid: driving data with the position of the sun and the diffuse fraction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from jules_ml.column.grid.driving import FileDriving, Window
from jules_ml.column.land_weather import sun_at
from jules_ml.physics.land_surface.state import LandForcing


@dataclass(frozen=True, eq=False)
class LandDriving:
    """Driving data for columns with JULES's land surface.

    Attributes
    ----------
    files : FileDriving
    l_cosz : bool
        JULES's switch: without it the sun is in the zenith.
    diff_frac : float
        Diffuse fraction of shortwave radiation [1].
    vegetation : callable, optional
        Function of the starts of steps and of numbers of land points: leaf area ``lai`` [1] and height ``canht`` [m] where they vary in
        time, shape (time, pft, point) each.
    """

    files: FileDriving
    l_cosz: bool
    diff_frac: float
    vegetation: Callable[[pd.DatetimeIndex, NDArray[np.int64]], dict[str, NDArray[np.float64]]] | None = None

    def window(self, first: int, steps: int, points: NDArray[np.int64]) -> LandWindow:
        """Read the data of time steps; see :meth:`jules_ml.column.grid.driving.Driving.window`."""
        step = pd.Timedelta(seconds=self.files.timestep)
        starts = pd.date_range(self.files.start + first * step, periods=steps, freq=step)
        vegetation = {} if self.vegetation is None else self.vegetation(starts, points)
        return LandWindow(self, self.files.window(first, steps, points), starts, points, vegetation)


@dataclass(frozen=True, eq=False)
class LandWindow:
    """Driving data of some land points over some time steps, which begin at ``starts``."""

    driving: LandDriving
    weather: Window
    starts: pd.DatetimeIndex = field(repr=False)
    points: NDArray[np.int64] = field(repr=False)
    vegetation: dict[str, NDArray[np.float64]] = field(repr=False)

    def forcing(self, columns: NDArray[np.int64], dtype: torch.dtype) -> LandForcing:
        """Weather of columns; see :meth:`jules_ml.column.grid.driving.Window.forcing`."""
        weather = self.weather.forcing(columns, dtype)
        cosz = torch.ones_like(weather.t_air)
        if self.driving.l_cosz:
            cosz = self._cosz(self.points[columns]).to(dtype)
        return LandForcing(
            *weather[:8],
            cosz=cosz,
            diff_frac=torch.full_like(cosz, self.driving.diff_frac),
            **{name: torch.tensor(values[..., columns], dtype=dtype) for name, values in self.vegetation.items()},
        )

    def _cosz(self, points: NDArray[np.int64]) -> torch.Tensor:
        """Cosine of the solar zenith angle at the start of each step, shape (time, column)."""
        land = self.driving.files.land
        return sun_at(self.starts, land.latitude[points], land.longitude[points])
