r"""Learned photosynthesis, which is subtracted from respiration to predict NEE in daylight.

.. math:: A = A_0\, \frac{I}{I + K}\, h_1(I)\, h_2(D)\, h_3(T_a)\, h_4(d)\, h_5(s), \qquad \mathrm{NEE} = R - A

with light :math:`I`, vapour pressure deficit :math:`D`, air temperature :math:`T_a`, day of the year :math:`d` and moisture
:math:`s`. Each :math:`h` is a free curve; the response to light saturates and is limited by the other factors.

References
----------
Lasslop et al. (2010), Glob. Change Biol. 16, 187-208, for light response and VPD limitation in the partitioning of NEE.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from jules_ml.learned.respiration.factors import Curve, Factor
from jules_ml.learned.respiration.network import MOISTURE_NODES
from jules_ml.learned.respiration.nodes import Placement, place_on_circle, place_on_line
from jules_ml.physics.constants import DAYS_PER_YEAR

#: Nodes in the square root of the photon flux [(umol m-2 s-1)^1/2], which are dense at low light, where the response bends.
ROOT_LIGHT_NODES: Final = torch.linspace(0.0, 55.0, 111, dtype=torch.float64)
#: Nodes in vapour pressure deficit [Pa] and air temperature [K].
VPD_NODES: Final = torch.linspace(0.0, 8000.0, 161, dtype=torch.float64)
AIR_NODES: Final = torch.linspace(233.0, 323.0, 181, dtype=torch.float64)
#: Number of nodes of the season: one every five days.
SEASON_NODES: Final = 73
#: Photon flux below which photosynthesis is zero [umol m-2 s-1].
NO_LIGHT: Final = 5.0
#: Names of the factors, in order.
DRIVERS: Final = ("light", "vpd", "air", "season", "water")


@dataclass(frozen=True)
class Weather:
    """Drivers of photosynthesis at rows, tensors of shape (row,).

    Attributes
    ----------
    light : Tensor
        Photon flux [umol m-2 s-1].
    vpd : Tensor
        Vapour pressure deficit [Pa].
    t_air : Tensor
        Air temperature [K].
    day : Tensor
        Day of the year, 0 at the beginning of the year [d].
    moisture : Tensor
        Moisture variable of f.
    """

    light: Tensor
    vpd: Tensor
    t_air: Tensor
    day: Tensor
    moisture: Tensor

    def placements(self) -> dict[str, Placement]:
        """Position of the rows between the nodes of each factor."""
        return {
            "light": place_on_line(torch.sqrt(torch.clamp(self.light, min=0.0)), ROOT_LIGHT_NODES),
            "vpd": place_on_line(self.vpd, VPD_NODES),
            "air": place_on_line(self.t_air, AIR_NODES),
            "season": place_on_circle(self.day / DAYS_PER_YEAR, SEASON_NODES),
            "water": place_on_line(self.moisture, MOISTURE_NODES),
        }

    def lit(self) -> Tensor:
        """Return 1 in daylight, else 0; shape (row,)."""
        return (self.light >= NO_LIGHT).double()


class LightCurve(Factor):
    r"""Saturating response to light, multiplied by a free curve.

    .. math:: \ln\frac{I}{I + K} + h_1(I), \qquad K = 400\,\operatorname{softplus}(k + 0.54)

    Parameters
    ----------
    root_light : Tensor, shape (node,)
        Square root of light at the nodes [(umol m-2 s-1)^1/2].
    free : Curve
        Free curve on the same nodes.
    """

    light: Tensor

    def __init__(self, root_light: Tensor, free: Curve) -> None:
        super().__init__()
        self.register_buffer("light", torch.clamp(root_light.double() ** 2, min=1.0))
        self.half_light = nn.Parameter(torch.zeros(1, dtype=torch.float64))
        self.free = free

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the logarithm of the response, and that of its free part, shape (node,)."""
        # softplus(0.5413) is 1: the initial half-saturation light is 400 umol m-2 s-1
        half = 400.0 * softplus(self.half_light + 0.5413248546129181)
        free, _ = self.free()
        return torch.log(self.light / (self.light + half)) + free, free


class LearnedAssimilation(nn.Module):
    """Photosynthesis of the members of the network ensemble, as tables.

    Parameters
    ----------
    log_capacity : Tensor, shape (member, group)
        Logarithm of A0 [ln(umol m-2 s-1)].
    tables : dict of str to Tensor, shape (member, node)
        Logarithm of each factor of :data:`DRIVERS` at its nodes.
    """

    log_capacity: Tensor

    def __init__(self, log_capacity: Tensor, tables: dict[str, Tensor]) -> None:
        super().__init__()
        self.register_buffer("log_capacity", log_capacity)
        for name in DRIVERS:
            self.register_buffer(f"log_{name}", tables[name])

    @classmethod
    def from_state(cls, state: dict[str, Tensor]) -> LearnedAssimilation:
        """Build the module from the content of :meth:`state_dict`."""
        return cls(state["log_capacity"], {name: state[f"log_{name}"] for name in DRIVERS})

    def forward(self, weather: Weather, group: Tensor) -> Tensor:
        """Photosynthesis by the median over members.

        Parameters
        ----------
        weather : Weather
            Drivers of the rows.
        group : Tensor of int64, shape (row,)
            Index of the group.

        Returns
        -------
        Tensor, shape (row,)
            Uptake of carbon dioxide, zero or above [umol m-2 s-1].
        """
        log = self.log_capacity[:, group]
        for name, placement in weather.placements().items():
            log = log + placement.at(getattr(self, f"log_{name}"))
        return weather.lit() * torch.exp(log.mean(0))
