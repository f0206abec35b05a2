"""Observation operator from layers to sensors: point sensors by their depth, cosmic-ray sensors by their footprint.

It operates on anomalies: the anomaly at a sensor is the weighted mean of those of the layers.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from jules_ml.learned.moisture.crns import footprint_weights


@dataclass(frozen=True, eq=False)
class Sensors:
    """Sensors of sites.

    Attributes
    ----------
    points : Tensor, shape (site, sensor, layer)
        Weights of the layers at point sensors; 0 for cosmic-ray sensors.
    cosmic : Tensor of bool, shape (site, sensor)
        Whether each is a cosmic-ray sensor.
    moments : Tensor, shape (site, sensor, 2)
        Mean and standard deviation of the water content [m3 m-3].
    bulk_density : Tensor, shape (site,)
        Dry bulk density of the soil [kg m-3].
    """

    points: Tensor
    cosmic: Tensor
    moments: Tensor
    bulk_density: Tensor

    def take(self, sites: Tensor) -> Sensors:
        """Select sites by their indices."""
        return Sensors(*(getattr(self, f.name)[sites] for f in fields(self)))

    def to(self, device: torch.device | str) -> Sensors:
        """Move all tensors to a device."""
        return Sensors(*(getattr(self, f.name).to(device) for f in fields(self)))

    def observe(self, mean: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
        r"""Compute the anomaly and its standard deviation at each sensor.

        The anomaly at a point sensor is :math:`\sum_l w_l z_l`. The weights of a cosmic-ray sensor are those of
        :func:`~jules_ml.learned.moisture.crns.footprint_weights` for the water content of that day: the footprint is shallower in wetter
        soil. Errors of the layers are treated as fully correlated, so their standard deviations add.

        Parameters
        ----------
        mean, spread : Tensor, shape (site, layer, day)
            Anomaly and its standard deviation in the layers [1].

        Returns
        -------
        tuple of Tensor, each of shape (site, sensor, day)
        """
        observed, width = self.points @ mean, self.points @ spread
        site, sensor = torch.nonzero(self.cosmic, as_tuple=True)
        if len(site) == 0:
            return observed, width
        layers, spreads = mean[site].transpose(1, 2), spread[site].transpose(1, 2)
        offset, scale = self.moments[site, sensor, 0][:, None, None], self.moments[site, sensor, 1][:, None, None]
        weights = footprint_weights(offset + scale * layers, self.bulk_density[site][:, None])
        index = (site, sensor)
        return (
            observed.index_put(index, (weights * layers).sum(-1)),
            width.index_put(index, (weights * spreads).sum(-1)),
        )
