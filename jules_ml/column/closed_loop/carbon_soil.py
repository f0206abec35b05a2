r"""Soil as a function of its carbon: HYPRES with bulk density by mixing, or learned hydraulics.

The carbon density of each layer is proportional to the carbon of the column. At the carbon of the soil's description the result is exactly
the described soil.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from jules_ml.column.closed_loop.loop import SoilOfCarbon
from jules_ml.errors import BadInput
from jules_ml.learned.hydraulics.columns import TOPSOIL_DEPTH
from jules_ml.learned.hydraulics.network import input_table
from jules_ml.learned.hydraulics.site import SUBSOIL_CARBON
from jules_ml.learned.hydraulics.soil import LearnedSoil, learned_soil, organic_fraction
from jules_ml.learned.hydraulics.store import load_hydraulics
from jules_ml.physics.column import SoilProperties
from jules_ml.physics.pedotransfer import (
    HYPRES_MAX_ORGANIC_MATTER,
    ORGANIC_MATTER_PER_CARBON,
    soil_of_texture,
    van_genuchten_hypres,
)

#: Bulk density of organic matter [kg m-3].
ORGANIC_DENSITY: Final = 244.0
#: Minimum carbon in the functions, as a fraction of the initial carbon [1].
_MIN_CARBON: Final = 0.02


def organic_matter(carbon_density: Tensor, mineral_density: Tensor) -> Tensor:
    r"""Organic matter as a fraction of the soil's mass, from the density of its carbon.

    Organic and mineral matter each have a constant bulk density, so that with :math:`x = 1.724\,\rho_C = o \rho`

    .. math:: \frac{1}{\rho} = \frac{o}{244} + \frac{1-o}{\rho_m}, \qquad o = \frac{x/\rho_m}{1 - x/244 + x/\rho_m}

    Parameters
    ----------
    carbon_density : Tensor
        Organic carbon [kg m-3].
    mineral_density : Tensor
        Bulk density of the mineral part [kg m-3].

    Returns
    -------
    Tensor
        Organic matter :math:`o` [1].

    References
    ----------
    Adams (1973), J. Soil Sci. 24, 10-17.
    """
    x = ORGANIC_MATTER_PER_CARBON * carbon_density
    return (x / mineral_density) / (1.0 - x / ORGANIC_DENSITY + x / mineral_density)


def hypres_of_carbon(
    silt: Tensor, clay: Tensor, bulk_density: Tensor, organic_carbon: Tensor, topsoil: Tensor, cs: Tensor
) -> SoilOfCarbon:
    """Make the HYPRES soil as a function of carbon.

    Parameters
    ----------
    silt, clay, bulk_density, organic_carbon, topsoil : Tensor, shape (layer, 1)
        As in :func:`~jules_ml.physics.pedotransfer.van_genuchten_hypres`, of the described soil.
    cs : Tensor, shape (column,) or ()
        Carbon of the described soil [kg m-2].

    Returns
    -------
    callable
        Organic matter is limited to 20 %, the maximum of the data that HYPRES was fitted to.
    """
    carbon_density = organic_carbon * bulk_density
    matter = ORGANIC_MATTER_PER_CARBON * organic_carbon
    mineral_density = (1.0 - matter) / (1.0 / bulk_density - matter / ORGANIC_DENSITY)

    def soil(now: Tensor) -> SoilProperties:
        density = carbon_density * (now / cs).clamp(min=_MIN_CARBON)
        largest = HYPRES_MAX_ORGANIC_MATTER
        # bulk density at the largest fraction of organic matter, which limits the density of carbon
        lightest = 1.0 / (largest / ORGANIC_DENSITY + (1.0 - largest) / mineral_density)
        organic = organic_matter(
            torch.minimum(density, largest * lightest / ORGANIC_MATTER_PER_CARBON), mineral_density
        )
        rho = 1.0 / (organic / ORGANIC_DENSITY + (1.0 - organic) / mineral_density)
        hydraulics = van_genuchten_hypres(silt, clay, rho, organic / ORGANIC_MATTER_PER_CARBON, topsoil)
        properties = soil_of_texture(hydraulics, clay)
        return SoilProperties(*(p.contiguous() for p in torch.broadcast_tensors(*properties)))

    return soil


def learned_of_carbon(
    folder: str | Path, inputs: dict[str, float], dzsoil: Tensor, topsoil_carbon: float, cs: Tensor
) -> Callable[[Tensor], LearnedSoil]:
    """Make the soil of learned hydraulics as a function of carbon.

    Parameters
    ----------
    folder : str or Path
        Module folder of ``jules-ml fit hydraulics``.
    inputs : dict of str to float
        Static inputs of the site by name.
    dzsoil : Tensor, shape (layer, 1)
        Layer thicknesses [m].
    topsoil_carbon : float
        Carbon of the topsoil at the start [kg m-3].
    cs : Tensor, shape (column,) or ()
        Carbon of the column at the start [kg m-2].

    Returns
    -------
    callable
        Soil as a function of the carbon of the columns [kg m-2].

    Raises
    ------
    BadInput
        If the folder has no learned hydraulics, or they were trained without soil carbon.
    """
    network, card = load_hydraulics(folder)
    if "soc_density" not in card["inputs"]:
        raise BadInput(
            "these hydraulics were trained without soil carbon",
            where=Path(folder),
            remedy="fit them at sites whose [place] or [soil.texture] has organic_carbon and bulk_density",
        )
    middle = (dzsoil.cumsum(0) - 0.5 * dzsoil).flatten()
    horizon = (middle > TOPSOIL_DEPTH).long()

    def soil(now: Tensor) -> LearnedSoil:
        ratio = (now / cs).clamp(min=_MIN_CARBON)
        rows = [inputs | {"soc_density": topsoil_carbon * float(r)} for r in ratio.flatten()]
        with torch.no_grad():
            raw = network(torch.tensor(input_table(rows, network.inputs))).mean(0).to(dzsoil.dtype)
        density = topsoil_carbon * ratio * torch.tensor([[1.0], [SUBSOIL_CARBON]], dtype=dzsoil.dtype)
        return learned_soil(raw[:, horizon], organic_fraction(density)[horizon])

    return soil
