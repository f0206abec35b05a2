r"""From unbounded numbers to a soil that can be: JULES's properties, consistent by construction.

A network, or a calibration, moves freely over the real line; what comes out of it here always lies within what soils are, conducts water,
and has its wilting point below its critical point below saturation, since both are read off the retention curve itself.

References
----------
van Genuchten (1980), Soil Sci. Soc. Am. J. 44, 892-898; Lawrence and Slater (2008), Clim. Dyn. 30, 145-160, for organic soil; Cox et al.
(1999), Clim. Dyn. 15, 183-203, for heat in mineral soil.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.column import SoilProperties
from jules_ml.physics.hydraulics import SUCTION_CRIT, SUCTION_WILT, wetness_at_suction_vg
from jules_ml.physics.thermal import dry_conductivity, dry_heat_capacity

#: What is learned, in the order of the first dimension of unbounded numbers.
PARAMETERS: Final = ("b", "sathh", "satcon", "sm_sat", "theta_r")
#: Least and most of each in mineral soil: JULES's units, see :class:`SoilProperties`; residual water [m3 m-3].
BOUNDS: Final = {
    "b": (0.5, 12.0),
    "sathh": (0.02, 15.0),
    "satcon": (1.0e-5, 0.3),
    "sm_sat": (0.15, 0.62),
    "theta_r": (0.0, 0.15),
}
#: Parameters whose logarithm is spread between the bounds.
_LOGARITHMIC: Final = ("b", "sathh", "satcon")
#: Water that peat holds at saturation beside residual water [m3 m-3], and its most conductive [kg m-2 s-1]: limits of organic soil.
ORGANIC_SM_SAT: Final = 0.8
ORGANIC_SATCON: Final = 0.5
#: Density of carbon in peat [kg m-3], at which a layer counts as wholly organic.
PEAT_CARBON_DENSITY: Final = 130.0
#: Heat capacity of organic solids [J K-1 m-3], and thermal conductivity of dry peat [W m-1 K-1].
HCAP_ORGANIC: Final = 2.5e6
HCON_ORGANIC: Final = 0.05
#: Clay of a soil whose texture is not known [1]: it bears on dry heat capacity and conductivity alone, and by a few per cent.
DEFAULT_CLAY: Final = 0.2
#: Unbounded numbers are held within this: beyond, a bound is reached to a hundredth and the curves do not change any more.
RAW_LIMIT: Final = 5.0


class LearnedSoil(NamedTuple):
    """Soil of many columns: JULES's properties of shape (layer, column), and residual water ``theta_r`` [m3 m-3] of the same shape."""

    properties: SoilProperties
    theta_r: Tensor


def organic_fraction(carbon_density: Tensor) -> Tensor:
    """Share of the soil that is organic, from the density of its carbon.

    Parameters
    ----------
    carbon_density : Tensor
        Organic carbon [kg m-3].

    Returns
    -------
    Tensor, shape of ``carbon_density``
        0 to 1.

    References
    ----------
    Lawrence and Slater (2008), eq. 1.
    """
    return (carbon_density / PEAT_CARBON_DENSITY).clamp(0.0, 1.0)


def _limits(name: str, organic: Tensor) -> tuple[Tensor, Tensor]:
    low, high = (torch.full_like(organic, value) for value in BOUNDS[name])
    if name == "sm_sat":
        high = high + organic * (ORGANIC_SM_SAT - BOUNDS[name][1])
    if name == "satcon":
        high = high + organic * (ORGANIC_SATCON - BOUNDS[name][1])
    return low, high


def bounded_parameters(raw: Tensor, organic: Tensor) -> dict[str, Tensor]:
    r"""Bring unbounded numbers between the limits of soil.

    .. math:: p = p_{min} + (p_{max} - p_{min})\,\sigma(u), \qquad \ln p = \ln p_{min} + (\ln p_{max} - \ln p_{min})\,\sigma(u)

    the second for ``b``, ``sathh`` and ``satcon``.

    Parameters
    ----------
    raw : Tensor, shape (parameter, ...)
        In the order of :data:`PARAMETERS` [1].
    organic : Tensor, broadcastable to (...)
        Organic share of the soil [1].

    Returns
    -------
    dict of str to Tensor, shape (...)
    """
    organic = torch.broadcast_to(organic, raw.shape[1:])
    found = {}
    for name, u in zip(PARAMETERS, raw, strict=True):
        low, high = _limits(name, organic)
        share = torch.sigmoid(u.clamp(-RAW_LIMIT, RAW_LIMIT))
        if name in _LOGARITHMIC:
            found[name] = low * torch.exp(share * torch.log(high / low))
        else:
            found[name] = low + (high - low) * share
    return found


def unbounded_parameters(parameters: dict[str, Tensor], organic: Tensor) -> Tensor:
    """Inverse of :func:`bounded_parameters`; what lies outside the limits is brought just within.

    Parameters
    ----------
    parameters : dict of str to Tensor, shape (...)
        A tensor for each of :data:`PARAMETERS`.
    organic : Tensor, broadcastable to (...)
        Organic share of the soil [1].

    Returns
    -------
    Tensor, shape (parameter, ...)
    """
    rows = []
    for name in PARAMETERS:
        value = parameters[name]
        low, high = _limits(name, torch.broadcast_to(organic, value.shape).to(value.dtype))
        if name in _LOGARITHMIC:
            value, low, high = (torch.log(x.clamp(min=1e-12)) for x in (value, low, high))
        share = (value - low) / (high - low)
        rows.append(torch.logit(share.clamp(0.02, 0.98)))
    return torch.stack(rows)


def learned_soil(raw: Tensor, organic: Tensor, clay: Tensor | None = None) -> LearnedSoil:
    """Make JULES's soil properties of unbounded numbers.

    Parameters
    ----------
    raw : Tensor, shape (parameter, layer, column)
        In the order of :data:`PARAMETERS` [1].
    organic : Tensor, shape (layer, column) or broadcastable to it
        Organic share of the soil [1].
    clay : Tensor, shape (layer, column) or broadcastable to it, optional
        Clay as a fraction of the mineral soil [1], for the heat of the solids; :data:`DEFAULT_CLAY` unless given.

    Returns
    -------
    LearnedSoil
        ``sm_wilt`` and ``sm_crit`` are the water contents of the retention curve at 1.5 MPa and 33 kPa, so that
        ``0 < sm_wilt < sm_crit < sm_sat``.

    References
    ----------
    van Genuchten (1980); Lawrence and Slater (2008), who weigh mineral and organic properties by the organic share.
    """
    p = bounded_parameters(raw, organic)
    organic = torch.broadcast_to(organic, p["b"].shape)
    clay = torch.full_like(p["b"], DEFAULT_CLAY) if clay is None else torch.broadcast_to(clay, p["b"].shape)
    porosity = p["sm_sat"] + p["theta_r"]
    hcap = (1.0 - organic) * dry_heat_capacity(clay, porosity) + organic * (1.0 - porosity) * HCAP_ORGANIC
    hcon = (1.0 - organic) * dry_conductivity(clay, porosity) + organic * HCON_ORGANIC
    properties = SoilProperties(
        b=p["b"],
        sathh=p["sathh"],
        satcon=p["satcon"],
        sm_sat=p["sm_sat"],
        sm_crit=p["sm_sat"] * wetness_at_suction_vg(SUCTION_CRIT, p["b"], p["sathh"]),
        sm_wilt=p["sm_sat"] * wetness_at_suction_vg(SUCTION_WILT, p["b"], p["sathh"]),
        hcap=hcap,
        hcon=hcon,
    )
    return LearnedSoil(properties, p["theta_r"])
