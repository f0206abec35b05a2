"""One step of the snow on all tiles, in JULES's order."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.branches import where_any
from jules_ml.physics.constants import LF, TM
from jules_ml.physics.layerwise import sum_over_layers
from jules_ml.physics.snowpack.grains import grow_layers, grow_surface
from jules_ml.physics.snowpack.interception import CanopySnow, intercept_snow
from jules_ml.physics.snowpack.layers import (
    DS_MIN,
    RHO_ICE,
    LayerContents,
    compact,
    conductivity,
    heat_capacity,
    layer_thicknesses,
    relayer,
)
from jules_ml.physics.snowpack.parameters import SnowParameters
from jules_ml.physics.snowpack.shallow import BasalMelt, basal_melt
from jules_ml.physics.snowpack.state import SnowFluxes, SnowInputs, SnowSoil, SnowState, SnowTiles
from jules_ml.physics.snowpack.thermodynamics import SnowLayers, conduct, melt_layers, percolate, sublimate_layers
from jules_ml.physics.switches import Switches

#: Snow mass [kg m-2] below which the density of fresh snow returns.
NO_SNOW = 1.0e-9


class _Shallow(NamedTuple):
    """Snow without layers at the end of the step, shape (tile, column)."""

    snowmass: Tensor
    snowdepth: Tensor
    melt: Tensor
    rgrain: Tensor
    rho_snow_grnd: Tensor


def snow_step(
    state: SnowState,
    inputs: SnowInputs,
    soil: SnowSoil,
    tiles: SnowTiles,
    parameters: SnowParameters,
    switches: Switches,
    *,
    timestep: float,
) -> tuple[SnowState, SnowFluxes]:
    """Advance the snow of all tiles by one step.

    Snowfall is intercepted by canopies; snow without layers gains, melts and, beneath canopies, melts by the heat of the soil; snow with
    layers conducts heat, melts, sublimates and passes water down; then grains grow, layers settle, and the snow is divided into layers
    again.

    Parameters
    ----------
    state : SnowState
        At the start of the step.
    inputs : SnowInputs
        Weather and fluxes of the surface in the step.
    soil : SnowSoil
        Top soil layer.
    tiles : SnowTiles
        Tiles.
    parameters : SnowParameters
        Parameters.
    switches : Switches
        ``nsmax``, ``l_snow_infilt``, ``l_fix_neg_snow``, ``l_snow_albedo`` and the options of ``jules_snow``.
    timestep : float
        Length of the step [s].

    Returns
    -------
    state : SnowState
        At the end of the step.
    fluxes : SnowFluxes
        Water and heat out of the snow.

    References
    ----------
    Best et al. (2011), Geosci. Model Dev. 4, 677-699, section 4; JULES routine ``snow``.
    """
    canopy = tiles.canopy
    layered = state.ds[0] > 0.0 if switches.nsmax else torch.zeros_like(canopy)
    if parameters.conserve_water:
        inputs = inputs._replace(melt=_melt_that_closes(inputs, canopy | ~layered, timestep=timestep))
    fall = (inputs.snowfall * timestep).expand_as(state.snow_tile)
    intercepted = CanopySnow(state.snow_tile, fall)
    if any(parameters.cansnowtile):
        intercepted = intercept_snow(
            state.snow_tile + inputs.snowinc,
            fall,
            tiles.catch_snow,
            inputs.melt,
            inputs.unload_backgrnd,
            parameters,
            switches,
            timestep=timestep,
        )
    snowfall = torch.where(canopy, intercepted.snowfall, fall)
    before = torch.where(canopy, state.snow_grnd, state.snow_tile)
    gain = snowfall + torch.where(canopy, 0.0, inputs.snowinc)
    everywhere = switches.i_basal_melting_opt == 1
    melting = (True,) * before.shape[0] if everywhere else parameters.cansnowtile
    basal = basal_melt(before + gain, ~layered, melting, tiles.frac, soil)
    shallow = _shallow(state, before + gain, snowfall, basal, inputs, parameters, switches, timestep=timestep)
    results: tuple[Tensor, ...] = (
        *(state.ds, state.sice, state.sliq, state.tsnow, state.rgrainl),
        *(shallow.snowmass, shallow.snowdepth, shallow.melt, inputs.surf_htf, shallow.rgrain, shallow.rho_snow_grnd),
    )
    if switches.nsmax:
        function = partial(_layered, parameters=parameters, switches=switches, timestep=timestep)
        operands = (layered, canopy, snowfall, *state, *inputs, *basal, *shallow, soil.dzsoil1 / soil.hcons)
        condition = layered | (shallow.snowdepth >= parameters.dzsnow[0])
        results = where_any(condition, function, operands, results)
    ds, sice, sliq, tsnow, rgrainl, snowmass, snowdepth, melt, htf, rgrain, rho = results
    new = SnowState(
        snow_tile=torch.where(canopy, intercepted.snow_can, snowmass),
        snow_grnd=torch.where(canopy, snowmass, state.snow_grnd),
        snowdepth=snowdepth,
        rgrain=rgrain,
        rho_snow_grnd=rho,
        ds=ds,
        sice=sice,
        sliq=sliq,
        tsnow=tsnow,
        rgrainl=rgrainl,
    )
    return new, _fluxes(new, melt, htf, basal, layered, inputs, tiles, switches, timestep=timestep)


def _melt_that_closes(inputs: SnowInputs, applies: Tensor, *, timestep: float) -> Tensor:
    """Melt as the loss of snow without sublimation; JULES's is less, since sublimation decreases once melt has cooled the surface."""
    return torch.where(applies & (inputs.melt > 0.0), -inputs.snowinc * (1.0 / timestep) - inputs.ei, inputs.melt)


def _shallow(
    state: SnowState,
    snowmass: Tensor,
    snowfall: Tensor,
    basal: BasalMelt,
    inputs: SnowInputs,
    parameters: SnowParameters,
    switches: Switches,
    *,
    timestep: float,
) -> _Shallow:
    """Snow without layers, of mass ``snowmass`` before melt at its base."""
    snowmass = snowmass - basal.amount
    snowdepth = snowmass / state.rho_snow_grnd
    rgrain, rho = state.rgrain, state.rho_snow_grnd
    if switches.l_snow_albedo:
        rgrain = grow_surface(rgrain, snowmass, snowfall, inputs.tstar, parameters, switches, timestep=timestep)
    if switches.nsmax:
        snowdepth = snowdepth.clamp(min=0.0)
        rho = torch.where(snowmass < NO_SNOW, parameters.rho_snow_fresh, rho)
    return _Shallow(snowmass, snowdepth, inputs.melt + basal.amount * (1.0 / timestep), rgrain, rho)


def _layered(*operands: Tensor, parameters: SnowParameters, switches: Switches, timestep: float) -> tuple[Tensor, ...]:
    """Snow with layers at the start or the end of the step; operands and results are those of :func:`snow_step`."""
    layered, canopy, snowfall, *rest, soil_resistance = operands
    state, inputs, basal, shallow = (
        SnowState(*rest[:10]),
        SnowInputs(*rest[10:18]),
        BasalMelt(*rest[18:22]),
        _Shallow(*rest[22:]),
    )
    can_melt = torch.where(canopy, inputs.melt, 0.0)
    surface_melt = torch.where(canopy, 0.0, inputs.melt)
    csnow = heat_capacity(state.sice, state.sliq)
    ksnow = conductivity(state.ds, state.sice, state.sliq, i_snow_cond_parm=switches.i_snow_cond_parm)
    conduction = conduct(
        state.tsnow,
        state.ds,
        csnow,
        ksnow,
        inputs.surf_htf + LF * surface_melt,
        basal.t_soil_before,
        soil_resistance,
        timestep=timestep,
    )
    layers = melt_layers(SnowLayers(state.ds, state.sice, state.sliq, conduction.tsnow), csnow)
    layers = sublimate_layers(layers, torch.where(canopy, 0.0, inputs.ei.clamp(min=0.0) * timestep))
    entering = (inputs.rain + can_melt) * timestep if switches.l_snow_infilt else torch.zeros_like(can_melt)
    layers, outflow = percolate(layers, csnow, entering, snowliqcap=parameters.snowliqcap)
    melt = outflow * (1.0 / timestep)
    if not switches.l_snow_infilt:
        melt = melt + can_melt
    frost = torch.where(canopy, 0.0, inputs.ei.clamp(max=0.0) * timestep)
    sice0 = torch.where(layered, snowfall - frost, shallow.snowmass)
    snowmass = torch.where(layered, sum_over_layers((sice0, *(layers.sice + layers.sliq).unbind(0))), shallow.snowmass)
    fresh = _fresh_layer(layered, layers, sice0, snowfall, basal, shallow, parameters, switches)
    rgrainl = state.rgrainl
    if switches.l_snow_albedo:
        rgrainl = grow_layers(rgrainl, layers.sice, layers.tsnow, parameters, switches, timestep=timestep)
    old = LayerContents(layers.sice, layers.sliq, layers.tsnow, rgrainl)
    settled = compact(layers.ds, layers.sice, layers.sliq, layers.tsnow, parameters, switches, timestep=timestep)
    d0 = torch.cat(
        ((sice0 / torch.where(layered, parameters.rho_snow_fresh, state.rho_snow_grnd)).unsqueeze(0), settled)
    )
    snowdepth = sum_over_layers(d0)
    ds = layer_thicknesses(snowdepth, parameters.dzsnow[: switches.nsmax])
    new = relayer(
        d0,
        LayerContents(*(torch.cat((a.unsqueeze(0), b)) for a, b in zip(fresh, old, strict=True))),
        ds,
        parameters,
        switches,
    )
    exists = ds[0] > 0.0
    return (
        *(ds, new.sice, new.sliq, new.tsnow, new.rgrainl, snowmass, snowdepth),
        torch.where(layered, melt, shallow.melt),
        torch.where(layered, conduction.snow_soil_htf, inputs.surf_htf),
        torch.where(exists, new.rgrainl[0], torch.where(layered, state.rgrain, shallow.rgrain)),
        _bulk_density(exists, snowmass, snowdepth, state.rho_snow_grnd, parameters, switches),
    )


def _fresh_layer(
    layered: Tensor,
    layers: SnowLayers,
    sice0: Tensor,
    snowfall: Tensor,
    basal: BasalMelt,
    shallow: _Shallow,
    parameters: SnowParameters,
    switches: Switches,
) -> LayerContents:
    """The layer of the snow of this step, or of all snow where there were no layers."""
    rgrain = torch.full_like(sice0, parameters.r0)
    if switches.l_snow_albedo:
        fresh = (snowfall / torch.where(layered, 1.0, sice0).clamp(min=NO_SNOW)).clamp(max=1.0)
        if switches.i_relayer_opt == 1:
            mixed = torch.reciprocal((1.0 - fresh) / shallow.rgrain + fresh * (1.0 / parameters.r0))
        else:
            mixed = (1.0 - fresh) * shallow.rgrain + fresh * parameters.r0
        rgrain = torch.where(layered, parameters.r0, mixed)
    return LayerContents(
        sice=sice0,
        sliq=torch.zeros_like(sice0),
        tsnow=torch.where(layered, layers.tsnow[0], basal.t_soil_after.clamp(max=TM)),
        rgrainl=rgrain,
    )


def _bulk_density(
    exists: Tensor, snowmass: Tensor, snowdepth: Tensor, before: Tensor, parameters: SnowParameters, switches: Switches
) -> Tensor:
    """Bulk density of the snow on the ground."""
    # the remainder of a layer can have mass and next to no depth
    none = (snowmass < NO_SNOW) | (snowdepth <= DS_MIN)
    density = torch.where(none, parameters.rho_snow_fresh, snowmass) / torch.where(none, 1.0, snowdepth)
    density = density.clamp(max=RHO_ICE)
    return density if switches.l_rho_snow_corr else torch.where(exists | none, density, before)


def _fluxes(
    new: SnowState,
    melt: Tensor,
    htf: Tensor,
    basal: BasalMelt,
    layered: Tensor,
    inputs: SnowInputs,
    tiles: SnowTiles,
    switches: Switches,
    *,
    timestep: float,
) -> SnowFluxes:
    """Fluxes of the tiles and of the grid box."""
    rain = inputs.rain
    if switches.l_snow_infilt and switches.nsmax:
        rain = rain * sum_over_layers(torch.where(layered, 0.0, tiles.frac))
    return SnowFluxes(
        melt=melt,
        snow_melt=sum_over_layers(tiles.frac * melt),
        snow_soil_htf=htf,
        surf_ht_flux=sum_over_layers(tiles.frac * htf),
        snomlt_sub_htf=sum_over_layers(tiles.frac * (LF / timestep) * basal.amount),
        t_soil1=basal.t_soil1,
        lying_snow=sum_over_layers(tiles.frac * (new.snow_tile + torch.where(tiles.canopy, new.snow_grnd, 0.0))),
        rain=rain,
    )
