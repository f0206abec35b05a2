"""Pre-training: before it sees soil moisture, the network is made to say what the texture regressions say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from jules_ml.learned.hydraulics.network import LearnedHydraulics, input_table
from jules_ml.learned.hydraulics.soil import PARAMETERS, organic_fraction, unbounded_parameters
from jules_ml.physics.pedotransfer import HYPRES_MAX_ORGANIC_MATTER, ORGANIC_MATTER_PER_CARBON, van_genuchten_hypres

#: Bulk density where it is not known [kg m-3], and carbon as a fraction of mass [1]: those of an ordinary mineral soil.
_BULK_DENSITY, _CARBON = 1350.0, 0.015
#: Subsoil: denser than the topsoil by this [1], and holding this part of its carbon [1].
_DENSER, _POORER = 1.1, 0.25
_STEPS, _RATE, _DECAY = 300, 0.03, 1e-3
#: Texture that stands in where a site's is not known: loam [1].
_SAND, _CLAY = 0.4, 0.2


def texture_parameters(inputs: Sequence[dict[str, float]]) -> Tensor:
    """Unbounded parameters that the continuous functions of HYPRES give for texture, density and carbon.

    Parameters
    ----------
    inputs : sequence of dict of str to float
        Static inputs of each site; a loam of ordinary density and carbon where they are not known.

    Returns
    -------
    Tensor, shape (parameter, horizon, site)

    References
    ----------
    Wösten et al. (1999), Geoderma 90, 169-185.
    """

    def known(name: str, otherwise: float) -> Tensor:
        values = np.array([site.get(name, np.nan) for site in inputs], dtype=np.float64)
        return torch.tensor(np.where(np.isfinite(values), values, otherwise))

    sand, clay = known("sand", _SAND), known("clay", _CLAY)
    clay = clay.clamp(0.02, 0.75)
    silt = (1.0 - sand - clay).clamp(0.03, 0.8)
    density = known("bulk_density", _BULK_DENSITY).clamp(700.0, 1700.0)
    carbon = (known("soc_density", _CARBON * _BULK_DENSITY) / density).clamp(
        1e-3, 0.9 * HYPRES_MAX_ORGANIC_MATTER / ORGANIC_MATTER_PER_CARBON
    )
    horizons = []
    for topsoil, denser, richer in ((1.0, 1.0, 1.0), (0.0, _DENSER, _POORER)):
        made = van_genuchten_hypres(
            silt, clay, (denser * density).clamp(max=1750.0), (richer * carbon).clamp(min=1e-3), topsoil
        )
        organic = organic_fraction(richer * carbon * density)
        horizons.append(unbounded_parameters({name: getattr(made, name) for name in PARAMETERS}, organic))
    return torch.stack(horizons, dim=1)


def pretrain(network: LearnedHydraulics, inputs: Sequence[dict[str, float]]) -> float:
    """Scale a network to its sites, and make it mimic the texture regressions there, in place.

    Parameters
    ----------
    network : LearnedHydraulics
        One without texture among its inputs learns what the others tell of it.
    inputs : sequence of dict of str to float
        Static inputs of the sites learned from, texture included.

    Returns
    -------
    float
        Root mean square of what it leaves over, in unbounded numbers.
    """
    table = input_table(inputs, network.inputs)
    network.scale_to(table)
    target, x = texture_parameters(inputs).double(), torch.tensor(table)
    with torch.no_grad():
        network.level.copy_(target.mean(2).flatten().expand_as(network.level))
    optimiser = torch.optim.Adam(network.parameters(), lr=_RATE)
    for _ in range(_STEPS):
        optimiser.zero_grad()
        left = ((network(x) - target) ** 2).mean()
        decay = sum(((value**2).sum() for name, value in network.named_parameters() if name != "level"))
        (left + _DECAY * decay / network.level.shape[0]).backward()
        optimiser.step()
    return float(left.detach().sqrt())
