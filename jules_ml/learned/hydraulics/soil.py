r"""JULES's soil properties from unbounded parameters, physically consistent by construction.

A network, or a calibration, can return any real number. This module transforms it to a parameter within the range of soils. The wilting and
the critical point are points of the retention curve, so that the wilting point is below the critical point and that below saturation.

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

#: Soil parameters, in the order of the first dimension of the unbounded parameters.
PARAMETERS: Final = ("b", "sathh", "satcon", "sm_sat", "theta_r")
#: Lower and upper bound of each parameter in mineral soil, in the units of :class:`SoilProperties`; residual water [m3 m-3].
BOUNDS: Final = {
    "b": (0.5, 12.0),
    "sathh": (0.02, 15.0),
    "satcon": (1.0e-5, 0.3),
    "sm_sat": (0.15, 0.62),
    "theta_r": (0.0, 0.15),
}
#: Parameters that are transformed on a logarithmic scale.
_LOGARITHMIC: Final = ("b", "sathh", "satcon")
#: Upper bounds of ``sm_sat`` [m3 m-3] and ``satcon`` [kg m-2 s-1] in organic soil.
ORGANIC_SM_SAT: Final = 0.8
ORGANIC_SATCON: Final = 0.5
#: Density of carbon in peat [kg m-3], at which the organic fraction of a layer is 1.
PEAT_CARBON_DENSITY: Final = 130.0
#: Heat capacity of organic solids [J K-1 m-3], and thermal conductivity of dry peat [W m-1 K-1].
HCAP_ORGANIC: Final = 2.5e6
HCON_ORGANIC: Final = 0.05
#: Default clay fraction [1]: it affects dry heat capacity and conductivity only, by a few per cent.
DEFAULT_CLAY: Final = 0.2
#: Largest magnitude of unbounded parameters [1]: there a parameter is within 1 % of a bound, and the curves hardly change beyond.
RAW_LIMIT: Final = 5.0


class LearnedSoil(NamedTuple):
    """Soil of many columns: JULES's soil properties, shape (layer, column), and residual water ``theta_r`` [m3 m-3] of the same shape."""

    properties: SoilProperties
    theta_r: Tensor


def organic_fraction(carbon_density: Tensor) -> Tensor:
    """Organic fraction of the soil, from the density of its carbon.

    Parameters
    ----------
    carbon_density : Tensor
        Organic carbon [kg m-3].

    Returns
    -------
    Tensor, shape of ``carbon_density``
        Organic fraction, 0 to 1 [1].

    References
    ----------
    Lawrence and Slater (2008), eq. 1.
    """
    return (carbon_density / PEAT_CARBON_DENSITY).clamp(0.0, 1.0)


def _limits(name: str, organic: Tensor) -> tuple[Tensor, Tensor]:
    """Lower and upper bound of a parameter for an organic fraction."""
    low, high = (torch.full_like(organic, value) for value in BOUNDS[name])
    if name == "sm_sat":
        high = high + organic * (ORGANIC_SM_SAT - BOUNDS[name][1])
    if name == "satcon":
        high = high + organic * (ORGANIC_SATCON - BOUNDS[name][1])
    return low, high


def bounded_parameters(raw: Tensor, organic: Tensor) -> dict[str, Tensor]:
    r"""Transform unbounded parameters to soil parameters within their bounds.

    .. math:: p = p_{min} + (p_{max} - p_{min})\,\sigma(u), \qquad \ln p = \ln p_{min} + (\ln p_{max} - \ln p_{min})\,\sigma(u)

    the second for ``b``, ``sathh`` and ``satcon``.

    Parameters
    ----------
    raw : Tensor, shape (parameter, ...)
        In the order of :data:`PARAMETERS` [1].
    organic : Tensor, broadcastable to (...)
        Organic fraction of the soil [1].

    Returns
    -------
    dict of str to Tensor, shape (...)
    """
    organic = torch.broadcast_to(organic, raw.shape[1:])
    parameters = {}
    for name, u in zip(PARAMETERS, raw, strict=True):
        low, high = _limits(name, organic)
        position = torch.sigmoid(u.clamp(-RAW_LIMIT, RAW_LIMIT))
        if name in _LOGARITHMIC:
            parameters[name] = low * torch.exp(position * torch.log(high / low))
        else:
            parameters[name] = low + (high - low) * position
    return parameters


def unbounded_parameters(parameters: dict[str, Tensor], organic: Tensor) -> Tensor:
    """Inverse of :func:`bounded_parameters`; values outside the bounds are moved just within.

    Parameters
    ----------
    parameters : dict of str to Tensor, shape (...)
        A tensor for each of :data:`PARAMETERS`.
    organic : Tensor, broadcastable to (...)
        Organic fraction of the soil [1].

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
        position = (value - low) / (high - low)
        rows.append(torch.logit(position.clamp(0.02, 0.98)))
    return torch.stack(rows)


def learned_soil(raw: Tensor, organic: Tensor, clay: Tensor | None = None) -> LearnedSoil:
    """JULES's soil properties from unbounded parameters.

    Parameters
    ----------
    raw : Tensor, shape (parameter, layer, column)
        In the order of :data:`PARAMETERS` [1].
    organic : Tensor, shape (layer, column) or broadcastable to it
        Organic fraction of the soil [1].
    clay : Tensor, shape (layer, column) or broadcastable to it, optional
        Clay as a fraction of the mineral soil [1], for the thermal properties of the solids; by default :data:`DEFAULT_CLAY`.

    Returns
    -------
    LearnedSoil
        ``sm_wilt`` and ``sm_crit`` are the water contents of the retention curve at 1.5 MPa and 33 kPa, so that
        ``0 < sm_wilt < sm_crit < sm_sat``.

    References
    ----------
    van Genuchten (1980); Lawrence and Slater (2008), who weight mineral and organic properties by the organic fraction.
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
