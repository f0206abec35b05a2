"""What water in soil cannot do, as penalties that a user may put into the loss: leave its bounds, or come from nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.learned.moisture.record import LAYER_THICKNESS

_Array = NDArray[np.float64]
#: Residual water, below which no soil dries [m3 m-3] (Wösten et al. 1999, Geoderma 90, 169-185: that of mineral classes).
RESIDUAL = 0.01
#: Density of the solids of a mineral soil [kg m-3], and the porosity of a soil whose bulk density is unknown.
_SOLIDS, _MOST_POROUS = 2650.0, 0.75
#: Days that snow may lie, and how cold they are [K].
_SNOW_DAYS, _SNOW_BELOW = 60, 274.15
#: Water that the balance is told in [kg m-2].
_MUCH_WATER = 10.0


@dataclass(frozen=True, eq=False)
class Limits:
    """Bounds of water content, and the water that could enter the soil.

    Attributes
    ----------
    level : Tensor, shape (site, layer, 2)
        Mean and standard deviation that a layer's anomaly is counted from and in [m3 m-3].
    porosity : Tensor, shape (site,)
        Water content at saturation [m3 m-3].
    supply : Tensor, shape (site, day)
        Rain [kg m-2 d-1]; NaN where it was not measured, or where snow may lie and melt.
    """

    level: Tensor
    porosity: Tensor
    supply: Tensor

    def take(self, sites: Tensor) -> Limits:
        """Those of some of the sites, by their numbers."""
        return Limits(*(getattr(self, f.name)[sites] for f in fields(self)))

    def window(self, start: int, stop: int) -> Limits:
        """Those of some of the days."""
        return Limits(self.level, self.porosity, self.supply[:, start:stop])

    def to(self, device: torch.device | str) -> Limits:
        """The same on a device."""
        return Limits(*(getattr(self, f.name).to(device) for f in fields(self)))

    def out_of_bounds(self, mean: Tensor) -> Tensor:
        """Mean square of what lies under residual water or over saturation, in units of the layers' spread [1].

        Parameters
        ----------
        mean : Tensor, shape (site, layer, day)
            Anomalies.
        """
        level, spread = self.level[..., :1], self.level[..., 1:]
        least, most = (RESIDUAL - level) / spread, (self.porosity[:, None, None] - level) / spread
        return (torch.relu(least - mean) ** 2 + torch.relu(mean - most) ** 2).mean()

    def from_nowhere(self, mean: Tensor) -> Tensor:
        """Mean square of what all layers together gain in a day beyond its rain, in units of 10 kg m-2 [1].

        Parameters
        ----------
        mean : Tensor, shape (site, layer, day)
            Anomalies.
        """
        thickness = torch.tensor(LAYER_THICKNESS, dtype=mean.dtype, device=mean.device)
        storage = 1000.0 * (thickness[:, None] * self.level[..., 1:] * mean).sum(1)
        supply = self.supply[:, 1:]
        known = supply.isfinite()
        gained = torch.relu(torch.diff(storage, dim=1) - torch.nan_to_num(supply)) / _MUCH_WATER
        return (known * gained**2).sum() / known.sum().clamp_min(1)


def porosity(static: Mapping[str, float]) -> float:
    """Porosity of a soil [m3 m-3]: as given, else from its bulk density, else that of the most porous soils.

    Parameters
    ----------
    static : mapping of str to float
        By the names and in the units of :data:`~jules_ml.experiment.place.PROPERTIES`.
    """
    if "porosity" in static:
        return static["porosity"]
    if "bulk_density" not in static:
        return _MOST_POROUS
    return float(np.clip(1.0 - static["bulk_density"] / _SOLIDS, 0.2, 0.95))


def supply(precip: _Array, t_air: _Array) -> _Array:
    """Rain of the days on which no snow can have melted; NaN on all others, shape (day,) [kg m-2 d-1]."""
    coldest = pd.Series(t_air).rolling(_SNOW_DAYS, min_periods=1).min().to_numpy()
    return np.where(coldest > _SNOW_BELOW, precip, np.nan)
