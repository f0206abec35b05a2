"""Inputs of the soil-moisture network as tensors, and their scaling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch
from torch import Tensor

#: Centre and width that scale each daily input to the order of 1; fixed, so that a new site needs no statistics.
SCALING: Mapping[str, tuple[float, float]] = {
    "precip": (0.0, 2.0),  # of log(1 + precip)
    "t_air": (283.15, 10.0),
    "sw_down": (160.0, 90.0),
    "lw_down": (310.0, 50.0),
    "vpd": (700.0, 600.0),
    "wind": (2.5, 1.5),
    "rad_net": (80.0, 70.0),
    "swi": (0.5, 0.25),
    "lst": (0.0, 4.0),  # of the difference from air temperature
}
#: Centre and width of static inputs: properties of the site by the names and in the units of
#: :data:`~jules_ml.experiment.place.PROPERTIES`, and the mean and standard deviation of the water content of the upper layer of JULES's
#: run [m3 m-3]. Inputs in :data:`LOGARITHMIC` are log-transformed.
STATIC_SCALING: Mapping[str, tuple[float, float]] = {
    "clay": (0.2, 0.15),
    "sand": (0.45, 0.25),
    "bulk_density": (1200.0, 300.0),
    "soc_stock": (1.9, 1.0),
    "elevation": (6.0, 1.5),
    "precip_annual": (6.6, 0.6),
    "t_air_mean": (283.0, 8.0),
    "vpd_mean": (700.0, 500.0),
    "frac_tree": (0.4, 0.4),
    "frac_grass": (0.4, 0.4),
    "frac_bare": (0.2, 0.2),
    "lst_excess_mean": (1.0, 2.0),
    "lst_excess_std": (2.0, 1.0),
    "jules_mean": (0.25, 0.1),
    "jules_spread": (0.06, 0.03),
}
LOGARITHMIC = ("soc_stock", "elevation", "precip_annual")


@dataclass(frozen=True, eq=False)
class MoistureInputs:
    """Inputs of sites over the same number of days; NaN where missing.

    Attributes
    ----------
    dynamic : Tensor, shape (site, input, day)
        Scaled by :data:`SCALING`.
    rain, drying : Tensor, shape (site, day)
        Precipitation and potential evaporation [cm d-1].
    jules : Tensor, shape (site, layer, day)
        Anomaly of JULES's layers, the first guess [1].
    static : Tensor, shape (site, property)
        Scaled by :data:`STATIC_SCALING`.
    initial : Tensor, shape (site, layer)
        Initial anomaly of the run [1].
    since_start : Tensor, shape (site, day)
        Days since the start of the run; negative before it.
    """

    dynamic: Tensor
    rain: Tensor
    drying: Tensor
    jules: Tensor
    static: Tensor
    initial: Tensor
    since_start: Tensor

    def __len__(self) -> int:
        """Return the number of sites."""
        return self.dynamic.shape[0]

    @property
    def days(self) -> int:
        """Number of days."""
        return self.dynamic.shape[2]

    def take(self, sites: Tensor) -> MoistureInputs:
        """Select sites by their indices."""
        return MoistureInputs(*(getattr(self, f.name)[sites] for f in fields(self)))

    def windows(self, start: Tensor, days: int, *, restarted: bool) -> MoistureInputs:
        """Select as many consecutive days of each site, from a first day of its own.

        Parameters
        ----------
        start : Tensor of int, shape (site,)
            First day of each site.
        days : int
        restarted : bool
            Whether the run starts on that day, from JULES's state; otherwise it has run before.
        """
        index = start[:, None] + torch.arange(days, device=start.device)
        jules = select_days(self.jules, index)
        since = torch.arange(days, dtype=self.since_start.dtype, device=start.device).expand(len(self), -1)
        return MoistureInputs(
            select_days(self.dynamic, index),
            select_days(self.rain, index),
            select_days(self.drying, index),
            jules,
            self.static,
            torch.where((start > 0)[:, None], jules[:, :, 0], self.initial) if restarted else self.initial,
            since if restarted else select_days(self.since_start, index),
        )

    def started_at(self, start: Tensor) -> MoistureInputs:
        """Mask all inputs before a day of each site, and start the run there from JULES's state.

        Parameters
        ----------
        start : Tensor of int, shape (site,)
        """
        day = torch.arange(self.days, device=self.dynamic.device)
        before = day[None, :] < start[:, None]
        site = torch.arange(len(self), device=self.dynamic.device)
        return MoistureInputs(
            self.dynamic.masked_fill(before[:, None], float("nan")),
            self.rain.masked_fill(before, float("nan")),
            self.drying.masked_fill(before, float("nan")),
            self.jules.masked_fill(before[:, None], float("nan")),
            self.static,
            self.jules[site, :, start],
            torch.where(before, torch.full_like(self.since_start, 1e4), (day[None, :] - start[:, None]).float()),
        )

    def to(self, device: torch.device | str) -> MoistureInputs:
        """Move all tensors to a device."""
        return MoistureInputs(*(getattr(self, f.name).to(device) for f in fields(self)))


def select_days(values: Tensor, index: Tensor) -> Tensor:
    """Select days along the last dimension, other ones for each site.

    Parameters
    ----------
    values : Tensor, shape (site, ..., day)
    index : Tensor of int, shape (site, selected day)

    Returns
    -------
    Tensor, shape (site, ..., selected day)
    """
    middle = values.shape[1:-1]
    where = index.reshape(len(index), *(1 for _ in middle), -1).expand(-1, *middle, -1)
    return values.gather(-1, where)
