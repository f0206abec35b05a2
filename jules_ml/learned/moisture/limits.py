"""Physical limits of soil water as optional penalties in the loss: bounds of water content, and the daily water balance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.learned.moisture.inputs import select_days
from jules_ml.learned.moisture.record import LAYER_THICKNESS

_Array = NDArray[np.float64]
#: Residual water content [m3 m-3], of mineral classes (Wösten et al. 1999, Geoderma 90, 169-185).
RESIDUAL = 0.01
#: Density of mineral solids [kg m-3], and the porosity of a soil of unknown bulk density [m3 m-3].
_SOLIDS, _DEFAULT_POROSITY = 2650.0, 0.75
#: Days that snow may lie after a cold day [d], and the temperature of a cold day [K].
_SNOW_DAYS, _SNOW_BELOW = 60, 274.15
#: Unit of the water balance in the loss [kg m-2].
_WATER_UNIT = 10.0


@dataclass(frozen=True, eq=False)
class Limits:
    """Bounds of water content, and the rain that can enter the soil.

    Attributes
    ----------
    moments : Tensor, shape (site, layer, 2)
        Mean and standard deviation of each layer's water content [m3 m-3].
    porosity : Tensor, shape (site,)
        Water content at saturation [m3 m-3].
    supply : Tensor, shape (site, day)
        Rain [kg m-2 d-1]; NaN where it was not measured, or where snow may lie and melt.
    """

    moments: Tensor
    porosity: Tensor
    supply: Tensor

    def take(self, sites: Tensor) -> Limits:
        """Select sites by their indices."""
        return Limits(*(getattr(self, f.name)[sites] for f in fields(self)))

    def windows(self, index: Tensor) -> Limits:
        """Select days by their numbers, shape (site, selected day)."""
        return replace(self, supply=select_days(self.supply, index))

    def to(self, device: torch.device | str) -> Limits:
        """Move all tensors to a device."""
        return Limits(*(getattr(self, f.name).to(device) for f in fields(self)))

    def bounds_penalty(self, mean: Tensor) -> Tensor:
        """Compute the mean square of anomalies below residual water or above saturation [1].

        Parameters
        ----------
        mean : Tensor, shape (site, layer, day)
            Predicted anomalies [1].
        """
        offset, spread = self.moments[..., :1], self.moments[..., 1:]
        least, most = (RESIDUAL - offset) / spread, (self.porosity[:, None, None] - offset) / spread
        return (torch.relu(least - mean) ** 2 + torch.relu(mean - most) ** 2).mean()

    def balance_penalty(self, mean: Tensor) -> Tensor:
        """Compute the mean square of daily water gains of the column in excess of rain, in units of 10 kg m-2 [1].

        Parameters
        ----------
        mean : Tensor, shape (site, layer, day)
            Predicted anomalies [1].
        """
        thickness = torch.tensor(LAYER_THICKNESS, dtype=mean.dtype, device=mean.device)
        storage = 1000.0 * (thickness[:, None] * self.moments[..., 1:] * mean).sum(1)
        supply = self.supply[:, 1:]
        measured = supply.isfinite()
        excess = torch.relu(torch.diff(storage, dim=1) - torch.nan_to_num(supply)) / _WATER_UNIT
        return (measured * excess**2).sum() / measured.sum().clamp_min(1)


def porosity(static: Mapping[str, float]) -> float:
    """Return the porosity of a soil [m3 m-3]: the stated value, else from bulk density, else an upper limit.

    Parameters
    ----------
    static : mapping of str to float
        By the names and in the units of :data:`~jules_ml.experiment.place.PROPERTIES`.
    """
    if "porosity" in static:
        return static["porosity"]
    if "bulk_density" not in static:
        return _DEFAULT_POROSITY
    return float(np.clip(1.0 - static["bulk_density"] / _SOLIDS, 0.2, 0.95))


def rain_supply(precip: _Array, t_air: _Array) -> _Array:
    """Select the rain of days on which no snow can melt, shape (day,) [kg m-2 d-1]; NaN on all others.

    Parameters
    ----------
    precip : array, shape (day,)
        [kg m-2 d-1].
    t_air : array, shape (day,)
        [K].
    """
    coldest = pd.Series(t_air).rolling(_SNOW_DAYS, min_periods=1).min().to_numpy()
    return np.where(coldest > _SNOW_BELOW, precip, np.nan)
