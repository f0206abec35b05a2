"""What sensors see of the layers: point probes by their depth, cosmic-ray sensors by a footprint that follows the water.

All works in anomalies: a sensor's is the mean of the layers', weighted by what it sees of them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from jules_ml.learned.moisture.crns import footprint_weights


@dataclass(frozen=True, eq=False)
class Sensors:
    """The sensors of some sites.

    Attributes
    ----------
    points : Tensor, shape (site, sensor, layer)
        Weights of the layers in what point probes see; 0 for cosmic-ray sensors.
    cosmic : Tensor of bool, shape (site, sensor)
        Whether it is a cosmic-ray sensor.
    level : Tensor, shape (site, sensor, 2)
        Mean and standard deviation that anomalies are counted from and in [m3 m-3].
    bulk_density : Tensor, shape (site,)
        Dry bulk density of the soil [kg m-3].
    """

    points: Tensor
    cosmic: Tensor
    level: Tensor
    bulk_density: Tensor

    def take(self, sites: Tensor) -> Sensors:
        """Those of some of the sites, by their numbers."""
        return Sensors(*(getattr(self, f.name)[sites] for f in fields(self)))

    def to(self, device: torch.device | str) -> Sensors:
        """The same on a device."""
        return Sensors(*(getattr(self, f.name).to(device) for f in fields(self)))

    def see(self, mean: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
        r"""Anomaly and its spread at every sensor.

        A probe sees :math:`\sum_l w_l z_l`. The weights of a cosmic-ray sensor are those of
        :func:`~jules_ml.learned.moisture.crns.footprint_weights` for the water content of that day: the wetter the soil, the shallower
        the footprint. Errors of the layers are treated as fully correlated, so that spreads add.

        Parameters
        ----------
        mean, spread : Tensor, shape (site, layer, day)
            Of the layers.

        Returns
        -------
        tuple of Tensor, each of shape (site, sensor, day)
        """
        seen, width = self.points @ mean, self.points @ spread
        site, sensor = torch.nonzero(self.cosmic, as_tuple=True)
        if len(site) == 0:
            return seen, width
        layers, spreads = mean[site].transpose(1, 2), spread[site].transpose(1, 2)
        level, scale = self.level[site, sensor, 0][:, None, None], self.level[site, sensor, 1][:, None, None]
        weights = footprint_weights(level + scale * layers, self.bulk_density[site][:, None])
        index = (site, sensor)
        return seen.index_put(index, (weights * layers).sum(-1)), width.index_put(index, (weights * spreads).sum(-1))
