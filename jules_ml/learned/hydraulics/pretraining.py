"""Pre-training of the network on the soil properties of a pedotransfer function."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from jules_ml.learned.hydraulics.network import LearnedHydraulics, input_table
from jules_ml.learned.hydraulics.soil import PARAMETERS, organic_fraction, unbounded_parameters
from jules_ml.physics.pedotransfer import HYPRES_MAX_ORGANIC_MATTER, ORGANIC_MATTER_PER_CARBON, van_genuchten_hypres

#: Default bulk density [kg m-3] and carbon as a fraction of mass [1]: those of a typical mineral soil.
_BULK_DENSITY, _CARBON = 1350.0, 0.015
#: Bulk density and carbon of the subsoil relative to the topsoil [1].
_SUBSOIL_DENSITY, _SUBSOIL_CARBON = 1.1, 0.25
#: Number of steps of the optimiser, learning rate and weight decay.
_STEPS, _RATE, _DECAY = 300, 0.03, 1e-3
#: Default texture: loam [1].
_SAND, _CLAY = 0.4, 0.2


def texture_parameters(inputs: Sequence[dict[str, float]]) -> Tensor:
    """Unbounded parameters of the continuous pedotransfer functions of HYPRES for texture, density and carbon.

    Parameters
    ----------
    inputs : sequence of dict of str to float
        Static inputs of each site; unknown inputs are those of a loam with typical density and carbon.

    Returns
    -------
    Tensor, shape (parameter, horizon, site)

    References
    ----------
    Wösten et al. (1999), Geoderma 90, 169-185.
    """

    def values_of(name: str, default: float) -> Tensor:
        values = np.array([site.get(name, np.nan) for site in inputs], dtype=np.float64)
        return torch.tensor(np.where(np.isfinite(values), values, default))

    sand, clay = values_of("sand", _SAND), values_of("clay", _CLAY)
    clay = clay.clamp(0.02, 0.75)
    silt = (1.0 - sand - clay).clamp(0.03, 0.8)
    density = values_of("bulk_density", _BULK_DENSITY).clamp(700.0, 1700.0)
    carbon = (values_of("soc_density", _CARBON * _BULK_DENSITY) / density).clamp(
        1e-3, 0.9 * HYPRES_MAX_ORGANIC_MATTER / ORGANIC_MATTER_PER_CARBON
    )
    horizons = []
    for topsoil, relative_density, relative_carbon in ((1.0, 1.0, 1.0), (0.0, _SUBSOIL_DENSITY, _SUBSOIL_CARBON)):
        soil = van_genuchten_hypres(
            silt,
            clay,
            (relative_density * density).clamp(max=1750.0),
            (relative_carbon * carbon).clamp(min=1e-3),
            topsoil,
        )
        organic = organic_fraction(relative_carbon * carbon * density)
        horizons.append(unbounded_parameters({name: getattr(soil, name) for name in PARAMETERS}, organic))
    return torch.stack(horizons, dim=1)


def pretrain(network: LearnedHydraulics, inputs: Sequence[dict[str, float]], *, target: Tensor | None = None) -> float:
    """Set the scaling of a network and train it on the soil of the texture regression at the training sites, in place.

    Parameters
    ----------
    network : LearnedHydraulics
        A network without texture among its inputs predicts this soil from the other inputs.
    inputs : sequence of dict of str to float
        Static inputs of the training sites, with texture.
    target : Tensor, shape (parameter, horizon, site), optional
        Unbounded parameters to train on [1]; by default those of :func:`texture_parameters`.

    Returns
    -------
    float
        Root mean square error of the unbounded parameters [1].
    """
    table = input_table(inputs, network.inputs)
    network.scale_to(table)
    target = (texture_parameters(inputs) if target is None else target).double()
    x = torch.tensor(table)
    with torch.no_grad():
        network.level.copy_(target.mean(2).flatten().expand_as(network.level))
    optimiser = torch.optim.Adam(network.parameters(), lr=_RATE)
    for _ in range(_STEPS):
        optimiser.zero_grad()
        error = ((network(x) - target) ** 2).mean()
        decay = sum(((value**2).sum() for name, value in network.named_parameters() if name != "level"))
        (error + _DECAY * decay / network.level.shape[0]).backward()
        optimiser.step()
    return float(error.detach().sqrt())
