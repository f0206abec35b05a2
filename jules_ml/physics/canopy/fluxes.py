r"""Conductance of a canopy and its exchange of carbon: JULES's ``sf_stom``.

The canopy is a big leaf (``can_rad_mod`` 1) or has layers with light from a two-stream scheme (4), in which sunlit and shaded leaves are
separate (5, 6); leaf nitrogen declines with depth. Three iterations make the humidity deficit at the leaves consistent with their
conductance, in each layer.

References
----------
Clark et al. (2011), Geosci. Model Dev. 4, 701-722, sections 2 and 3; Mercado et al. (2007), Tellus B 59, 553-565.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.branches import where_any
from jules_ml.physics.canopy.leaf import SCALE, gross_rate, leaf_climate, limits, vcmax_temperature_factor
from jules_ml.physics.canopy.light import DiffuseLight, absorbed_per_layer, powers, sunlit_and_shaded
from jules_ml.physics.canopy.properties import CanopyProperties
from jules_ml.physics.layerwise import sum_over_layers
from jules_ml.physics.surface_types import PlantTypes
from jules_ml.physics.switches import Switches

#: Iterations of the humidity deficit at the leaves (``iter``).
ITERATIONS = 3
#: Energy of photosynthetically active radiation [J mol-1] (``conpar``).
CONPAR = 2.19e5
#: Carbon in a mole of carbon dioxide [kg mol-1] (``cconu``).
CCONU = 12.0e-3
#: Light absorbed by a layer [umol m-2 s-1] above which leaf respiration is inhibited, and respiration that remains.
INHIBITION, INHIBITED = 10.0, 0.7


class CanopyClimate(NamedTuple):
    """Weather and state on which a canopy depends.

    ``par`` [W m-2], ``cosz`` [1], ``diff_frac`` [1], ``pstar`` [Pa], ``co2`` (mass mixing ratio [kg kg-1]), ``gs`` (conductance of the
    surface of the grid box in the last step [m s-1], used with ``can_rad_mod`` 1): shape (column,). ``tstar`` [K], ``dq`` (deficit of
    specific humidity between saturation at ``tstar`` and the air, at least 0 [kg kg-1]), ``ra`` (aerodynamic resistance [s m-1]),
    ``fsmc`` (soil moisture stress [1]): shape (pft, column).
    """

    par: Tensor
    cosz: Tensor
    diff_frac: Tensor
    pstar: Tensor
    co2: Tensor
    gs: Tensor
    tstar: Tensor
    dq: Tensor
    ra: Tensor
    fsmc: Tensor


class CanopyFluxes(NamedTuple):
    """Canopy conductance to water vapour ``gc`` [m s-1] and fluxes of carbon [kg m-2 s-1], tensors of shape (pft, column).

    ``gc`` has no part of the soil. ``resp_p`` is plant respiration, of which ``resp_l``, ``resp_r`` and ``resp_w`` are the maintenance of
    leaves, roots and wood.
    """

    gc: Tensor
    gpp: Tensor
    npp: Tensor
    resp_p: Tensor
    resp_l: Tensor
    resp_r: Tensor
    resp_w: Tensor


class _Leaves(NamedTuple):
    """Leaves that share light, shape (canopy layer, pft, column) or (pft, column).

    ``weight``: their fraction of the leaves of the layer [1]; ``quanta``: quantum yield times absorbed light, scaled as the limits of
    photosynthesis are [mol m-2 s-1]; ``rd``: dark respiration where stomata are open [mol m-2 s-1].
    """

    weight: Tensor
    quanta: Tensor
    rd: Tensor


def canopy_fluxes(
    climate: CanopyClimate, canopy: CanopyProperties, plants: PlantTypes, switches: Switches
) -> CanopyFluxes:
    """Canopy conductance, photosynthesis and plant respiration of each PFT.

    Parameters
    ----------
    climate : CanopyClimate
        Weather and state.
    canopy : CanopyProperties
        Properties of leaf area and height, see :func:`~jules_ml.physics.canopy.properties.canopy_properties`.
    plants : PlantTypes
        Parameters of the PFTs.
    switches : Switches
        ``can_rad_mod``, ``ilayers``, ``l_scale_resp_pm``.

    Returns
    -------
    CanopyFluxes

    References
    ----------
    Clark et al. (2011), sections 2 and 3; JULES routine ``sf_stom``.
    """
    warmth = vcmax_temperature_factor(climate.tstar, plants)
    leaf_area = canopy.fpar if switches.can_rad_mod == 1 else canopy.lai
    rd_dark = plants.fd * warmth * (canopy.vcmax25 * _mean_decline(canopy, switches) + canopy.vcmax25_base)
    dark = (plants.glmin * leaf_area, torch.zeros_like(rd_dark), rd_dark)
    operands = (warmth, leaf_area, *climate, *canopy[:-1], *canopy.diffuse, *plants)
    gc, gross, rd = where_any(climate.par > 0.0, partial(_by_day, switches), operands, dark)
    gpp = CCONU * leaf_area * climate.fsmc * gross
    return _respiration(gc, gpp, rd, leaf_area, climate.fsmc, canopy, plants, switches)


def _by_day(switches: Switches, *operands: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Conductance of the canopy, and the mean gross photosynthesis without stress and dark respiration of its leaves, in light."""
    (warmth, leaf_area), rest = operands[:2], operands[2:]
    n_climate, n_canopy, n_light = (len(x._fields) for x in (CanopyClimate, CanopyProperties, DiffuseLight))
    climate, rest = CanopyClimate._make(rest[:n_climate]), rest[n_climate:]
    of_canopy, rest = rest[: n_canopy - 1], rest[n_canopy - 1 :]
    canopy = CanopyProperties._make((*of_canopy, DiffuseLight._make(rest[:n_light])))
    plants = PlantTypes._make(rest[n_light:])

    vcmax, groups = _leaves(warmth, climate, canopy, plants, switches)
    big_leaf = switches.can_rad_mod == 1
    terms = leaf_climate(climate.tstar, climate.dq, climate.ra, climate.fsmc, climate.pstar, climate.co2, plants)
    limit = limits(climate.gs if big_leaf else torch.zeros_like(climate.gs), terms)
    for iteration in range(ITERATIONS):
        carboxylation, export = limit.carboxylation * vcmax, limit.export * vcmax
        rates = [gross_rate(carboxylation, limit.light * group.quanta, export) for group in groups]
        each = [limit.conductance * (rate - group.rd) for group, rate in zip(groups, rates, strict=True)]
        gl = _weighted(groups, [torch.maximum(g, plants.glmin) for g in each])
        if iteration < ITERATIONS - 1:
            limit = limits(gl * leaf_area if big_leaf else gl, terms)
    gross = _weighted(groups, [torch.where(g > plants.glmin, rate, 0.0) for g, rate in zip(each, rates, strict=True)])
    rd_dark = plants.fd * vcmax
    rd = _weighted(groups, [torch.where(limit.open, group.rd, rd_dark) for group in groups])
    if not big_leaf:
        gl, gross, rd = (sum_over_layers(x) * (1.0 / switches.ilayers) for x in (gl, gross, rd))
    return gl * leaf_area, gross, rd


def _leaves(
    warmth: Tensor, climate: CanopyClimate, canopy: CanopyProperties, plants: PlantTypes, switches: Switches
) -> tuple[Tensor, list[_Leaves]]:
    """Carboxylation capacity of the leaves in each layer, and the leaves by the light that they have in common."""
    per_light = (SCALE / CONPAR) * plants.alpha
    if switches.can_rad_mod == 1:
        vcmax = warmth * (canopy.vcmax25 + canopy.vcmax25_base)
        quanta = per_light * (1.0 - plants.omega) * climate.par
        return vcmax, [_Leaves(torch.ones_like(vcmax), quanta, plants.fd * vcmax)]
    layers = switches.ilayers
    vcmax = warmth * (canopy.vcmax25 * powers(canopy.decline, layers - 1) + canopy.vcmax25_base)
    rd = plants.fd * vcmax
    incident = per_light * plants.can_struct_a * climate.par
    if switches.can_rad_mod == 4:
        quanta = absorbed_per_layer(climate.cosz, climate.diff_frac, canopy.diffuse, incident, layers)
        absorbed = (1.0 - plants.omega) * quanta * (1.0e6 / per_light / CONPAR * canopy.dlai)
        inhibited = 0.5 - 0.05 * torch.log(absorbed.clamp(min=INHIBITION))
        return vcmax, [_Leaves(torch.ones_like(vcmax), quanta, rd * torch.where(absorbed > INHIBITION, inhibited, 1.0))]
    light = sunlit_and_shaded(climate.cosz, climate.diff_frac, canopy.diffuse, incident, layers)
    least = (1.0e-6 * INHIBITION * CONPAR) * per_light / canopy.dlai.clamp(min=1e-9)
    dimmed = INHIBITED * rd
    return vcmax, [
        _Leaves(weight, quanta, torch.where(weight * quanta > least, dimmed, rd))
        for weight, quanta in ((light.fsun, light.sun), (1.0 - light.fsun, light.shade))
    ]


def _weighted(groups: list[_Leaves], values: list[Tensor]) -> Tensor:
    """Mean over the leaves of a layer."""
    if len(groups) == 1:
        return values[0]
    return sum_over_layers([group.weight * value for group, value in zip(groups, values, strict=True)])


def _mean_decline(canopy: CanopyProperties, switches: Switches) -> Tensor:
    """Ratio of the nitrogen of the mean layer to that of the top layer [1]."""
    if switches.can_rad_mod == 1:
        return torch.ones_like(canopy.lai)
    return sum_over_layers(powers(canopy.decline, switches.ilayers - 1)) * (1.0 / switches.ilayers)


def _respiration(
    gc: Tensor,
    gpp: Tensor,
    rd: Tensor,
    leaf_area: Tensor,
    fsmc: Tensor,
    canopy: CanopyProperties,
    plants: PlantTypes,
    switches: Switches,
) -> CanopyFluxes:
    """Respiration and net productivity, from the mean dark respiration ``rd`` of leaf area [mol m-2 s-1]."""
    leaves = CCONU * rd
    maintenance = leaves * fsmc if switches.l_scale_resp_pm else leaves
    resp_l = leaves * leaf_area * fsmc
    resp_r = maintenance * canopy.resp_r_per_rd
    resp_w = maintenance * canopy.resp_w_per_rd
    resp_p_m = resp_l + resp_r + resp_w
    resp_p = resp_p_m + plants.r_grow * (gpp - resp_p_m)
    return CanopyFluxes(gc=gc, gpp=gpp, npp=gpp - resp_p, resp_p=resp_p, resp_l=resp_l, resp_r=resp_r, resp_w=resp_w)
