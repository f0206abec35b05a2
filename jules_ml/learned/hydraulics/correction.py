r"""Learned hydraulics with a pedotransfer function as prior mean, and a learned correction of it.

.. math:: u = u_0(x) + s\,\Delta u(x)

:math:`u_0` is the soil of Rosetta 3 where texture is known. Elsewhere a second network predicts it from the other inputs. The correction
:math:`\Delta u` is a network that begins at zero; :math:`s` from 0 to 1 is its size, which
:mod:`~jules_ml.learned.hydraulics.held_out_choice` takes from sites held out. With :math:`s = 0` the soil is that of Rosetta 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor

from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.learned.hydraulics.inputs import TEXTURE
from jules_ml.learned.hydraulics.network import LearnedHydraulics
from jules_ml.learned.hydraulics.site import DEFAULT_CARBON, SUBSOIL_CARBON
from jules_ml.learned.hydraulics.soil import PARAMETERS, organic_fraction, unbounded_parameters
from jules_ml.physics.rosetta import van_genuchten_rosetta

#: Entries of the card for modules whose network is a :class:`CorrectedRosetta`: its prior, and the number of sites with soils.
PRIOR, SOIL_SITES = "prior", "soil_sites"
#: Value of the first.
ROSETTA: Final = "rosetta3"


def rosetta_parameters(table: Tensor, names: Sequence[str]) -> Tensor:
    """Unbounded parameters of Rosetta 3, the same for topsoil and subsoil.

    Parameters
    ----------
    table : Tensor, shape (site, input)
        From :func:`~jules_ml.learned.hydraulics.network.input_table`.
    names : sequence of str
        Names of the inputs, in order.

    Returns
    -------
    Tensor, shape (parameter, horizon, site)
        NaN where sand or clay is unknown.
    """
    unknown = torch.full((len(table),), float("nan"), dtype=torch.float64)
    known = {name: table[:, k].double() for k, name in enumerate(names)}
    sand, clay, density = (known.get(name, unknown) for name in (*TEXTURE, "bulk_density"))
    carbon = torch.exp(known.get("soc_density", unknown)).nan_to_num(nan=DEFAULT_CARBON)
    organic = organic_fraction(torch.stack([carbon, SUBSOIL_CARBON * carbon]))
    soil = van_genuchten_rosetta(sand, clay, density)
    return unbounded_parameters({name: getattr(soil, name).expand(2, -1) for name in PARAMETERS}, organic)


class CorrectedRosetta(LearnedHydraulics):
    """An ensemble of networks that correct the soil of Rosetta 3.

    Parameters
    ----------
    inputs : sequence of str
        Names among :data:`~jules_ml.learned.hydraulics.inputs.INPUTS`, in order.
    members, hidden, seed : int
        As for :class:`~jules_ml.learned.hydraulics.network.LearnedHydraulics`.
    soil_sites : int
        Number of training sites with soils of a soil ensemble; 0 without one.

    Attributes
    ----------
    without_texture : LearnedHydraulics
        One network, which predicts the prior where texture is unknown; it is not trained on soil moisture.
    """

    site_inputs: Tensor
    site_soils: Tensor

    def __init__(
        self, inputs: Sequence[str], *, members: int = 8, hidden: int = 8, seed: int = 0, soil_sites: int = 0
    ) -> None:
        super().__init__(inputs, members=members, hidden=hidden, seed=seed)
        others = [name for name in self.inputs if name not in TEXTURE]
        self.without_texture = LearnedHydraulics(others, members=1, hidden=hidden, seed=seed).requires_grad_(False)
        self._others = [self.inputs.index(name) for name in others]
        with torch.no_grad():
            self.outward.zero_()
        self.set_soils(torch.zeros(soil_sites, len(self.inputs)), torch.zeros(soil_sites, members, len(PARAMETERS), 2))

    def prior(self, table: Tensor) -> Tensor:
        """Predict the unbounded parameters without the correction.

        Parameters
        ----------
        table : Tensor, shape (site, input)
            From :func:`~jules_ml.learned.hydraulics.network.input_table`.

        Returns
        -------
        Tensor, shape (parameter, horizon, site)
        """
        given = rosetta_parameters(table, self.inputs)
        return torch.where(given.isfinite(), given, self.without_texture(table[:, self._others])[0])

    def forward(self, table: Tensor) -> Tensor:
        """Predict the unbounded parameters with all members; as :meth:`LearnedHydraulics.forward`."""
        return self.prior(table) + super().forward(table)

    def shrink(self, size: float) -> None:
        """Multiply the correction by a number.

        Parameters
        ----------
        size : float
            From 0, which leaves the prior, to 1 [1].
        """
        with torch.no_grad():
            for weights in (self.level, self.direct, self.outward):
                weights.mul_(size)

    def set_soils(self, inputs: Tensor, soils: Tensor) -> None:
        """Set the soil ensemble.

        Parameters
        ----------
        inputs : Tensor, shape (site, input)
            Scaled inputs of the training sites.
        soils : Tensor, shape (site, member, parameter, horizon)
            Unbounded parameters of the soils chosen about each [1]; without sites there is no soil ensemble.
        """
        for name, values in (("site_inputs", inputs), ("site_soils", soils)):
            self.register_buffer(name, values.double())

    def draws(self, table: Tensor) -> Tensor:
        """Soils of the nearest training site where there is a soil ensemble; else as :meth:`LearnedHydraulics.draws`."""
        if not len(self.site_inputs):
            return super().draws(table)
        nearest = torch.cdist(self.scaled(table), self.site_inputs).argmin(1)
        return self.site_soils[nearest].permute(1, 2, 3, 0)


def network_of_card(card: Mapping[str, Any]) -> LearnedHydraulics:
    """Make the network that the weights of a module belong to.

    Parameters
    ----------
    card : mapping
        Card of the module.

    Returns
    -------
    LearnedHydraulics
        A :class:`CorrectedRosetta` where the card has a prior.
    """
    settings, names = HydraulicSettings(**card["settings"]), list(card["inputs"])
    if card.get(PRIOR) == ROSETTA:
        return CorrectedRosetta(
            names, members=settings.members, hidden=settings.hidden, soil_sites=card.get(SOIL_SITES) or 0
        )
    return LearnedHydraulics(names, members=settings.members, hidden=settings.hidden)
