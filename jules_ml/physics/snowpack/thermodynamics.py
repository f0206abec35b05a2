"""Heat and water of snow with layers: conduction, melt, sublimation and the flow of liquid water."""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import LF, RHO_WATER, TM

#: Implicit weight of the conduction between layers (``r_gamma``).
GAMMA: Final = 0.5


class Conduction(NamedTuple):
    """Temperature of the layers ``tsnow`` [K], shape (layer, ...), and heat flux into the soil ``snow_soil_htf`` [W m-2], shape (...)."""

    tsnow: Tensor
    snow_soil_htf: Tensor


def conduct(
    tsnow: Tensor,
    ds: Tensor,
    csnow: Tensor,
    ksnow: Tensor,
    heat: Tensor,
    t_soil: Tensor,
    soil_resistance: Tensor,
    *,
    timestep: float,
) -> Conduction:
    r"""Conduct heat through the layers into the top soil layer, half implicitly.

    .. math::

        C_n \frac{\Delta T_n}{\Delta t} = G_{n-1} - G_n, \qquad
        G_n = \frac{2\,(T_n - T_{n+1})}{d_n/\lambda_n + d_{n+1}/\lambda_{n+1}}

    with temperatures in the middle of the step, except that of the soil, which is that of its start. Layers that do not exist keep their
    temperature.

    Parameters
    ----------
    tsnow : Tensor, shape (layer, ...)
        Temperature of the layers [K].
    ds : Tensor, shape (layer, ...)
        Thickness [m].
    csnow : Tensor, shape (layer, ...)
        Areal heat capacity [J K-1 m-2].
    ksnow : Tensor, shape (layer, ...)
        Conductivity [W m-1 K-1].
    heat : Tensor, shape (...)
        Heat flux into the top layer [W m-2].
    t_soil : Tensor, shape (...)
        Temperature of the top soil layer [K].
    soil_resistance : Tensor, shape (...)
        Thickness over conductivity of the top soil layer [K m2 W-1].
    timestep : float
        Length of the step [s].

    Returns
    -------
    Conduction

    References
    ----------
    Best et al. (2011), section 4; JULES routines ``snowpack``, ``tridag``.
    """
    exists = ds > 0.0
    # beneath the last layer lies the soil: its values in the place of the first layer that does not exist
    resistance = [*torch.where(exists, ds / ksnow, soil_resistance).unbind(0), soil_resistance]
    t = [*torch.where(exists, tsnow, t_soil).unbind(0), t_soil]
    layers = range(ds.shape[0])
    asnow = [(2.0 * timestep) / (resistance[n] + resistance[n + 1]) for n in layers]
    flux = [asnow[n] * (t[n] - t[n + 1]) for n in layers]
    beta, gamm, s = csnow[0] + GAMMA * asnow[0], [asnow[0]], [flux[0]]
    s[0] = (heat * timestep - flux[0]) / beta
    for n in layers[1:]:
        below = torch.where(exists[n], -GAMMA * asnow[n - 1], 0.0)
        gamm.append(below / beta)
        beta = csnow[n] + GAMMA * (asnow[n - 1] + asnow[n]) + GAMMA * asnow[n - 1] * gamm[n]
        s.append((flux[n - 1] - flux[n] + GAMMA * asnow[n - 1] * s[n - 1]) / beta)
    for n in reversed(layers[:-1]):
        s[n] = s[n] - gamm[n + 1] * s[n + 1]
    htf = torch.zeros_like(heat)
    for n in layers:
        into_soil = (asnow[n] * (1.0 / timestep)) * (t[n] + GAMMA * s[n] - t_soil)
        htf = torch.where(exists[n], into_soil, htf)
    return Conduction(torch.where(exists, tsnow + torch.stack(s), tsnow), htf)


class SnowLayers(NamedTuple):
    """Layers of snow: ``ds`` [m], ``sice``, ``sliq`` [kg m-2] and ``tsnow`` [K], shape (layer, ...)."""

    ds: Tensor
    sice: Tensor
    sliq: Tensor
    tsnow: Tensor


def melt_layers(layers: SnowLayers, csnow: Tensor) -> SnowLayers:
    """Melt ice of layers above the melting point; the water stays in the layer.

    Parameters
    ----------
    layers : SnowLayers
        Layers after conduction.
    csnow : Tensor, shape (layer, ...)
        Areal heat capacity [J K-1 m-2].

    Returns
    -------
    SnowLayers

    References
    ----------
    JULES routine ``snowpack``.
    """
    excess = csnow * (layers.tsnow - TM)
    melt = torch.minimum((excess * (1.0 / LF)).clamp(min=0.0), layers.sice)
    sice = layers.sice - melt
    return SnowLayers(
        ds=_without(layers.ds, melt, layers.sice),
        sice=sice,
        # the difference is what the rounded ice lost, so that water is conserved
        sliq=layers.sliq + (layers.sice - sice),
        tsnow=torch.where(excess > 0.0, TM, layers.tsnow),
    )


def sublimate_layers(layers: SnowLayers, sublimation: Tensor) -> SnowLayers:
    """Remove sublimated ice, from the top layer down.

    Parameters
    ----------
    layers : SnowLayers
        Layers.
    sublimation : Tensor, shape (...)
        Ice that sublimates in the step [kg m-2], not below 0.

    Returns
    -------
    SnowLayers

    References
    ----------
    JULES routine ``snowpack``.
    """
    taken: list[Tensor] = []
    for sice in layers.sice.unbind(0):
        taken.append(torch.minimum(sublimation, sice))
        sublimation = sublimation - taken[-1]
    loss = torch.stack(taken)
    return layers._replace(ds=_without(layers.ds, loss, layers.sice), sice=layers.sice - loss)


class Percolation(NamedTuple):
    """Layers after the flow of water, and water out of the last one ``outflow`` [kg m-2], shape (...)."""

    layers: SnowLayers
    outflow: Tensor


def percolate(layers: SnowLayers, csnow: Tensor, infiltration: Tensor, *, snowliqcap: float) -> Percolation:
    """Move liquid water beyond the layers' capacity downwards, and freeze what a cold layer can.

    Parameters
    ----------
    layers : SnowLayers
        Layers.
    csnow : Tensor, shape (layer, ...)
        Areal heat capacity at the start of the step [J K-1 m-2].
    infiltration : Tensor, shape (...)
        Water that enters the top layer in the step [kg m-2].
    snowliqcap : float
        Capacity of a layer as a fraction of its volume [1].

    Returns
    -------
    Percolation

    References
    ----------
    Best et al. (2011), section 4; JULES routine ``snowpack``.
    """
    capacity = (snowliqcap * RHO_WATER) * layers.ds
    cold = (csnow * (TM - layers.tsnow)).clamp(min=0.0) * (1.0 / LF)
    water, held = infiltration, []
    for sliq, most in zip(layers.sliq.unbind(0), capacity.unbind(0), strict=True):
        available = sliq + water
        held.append(torch.minimum(available, most))
        water = available - held[-1]
    sliq = torch.stack(held)
    freezing = torch.minimum(sliq, cold)
    warming = torch.where(csnow > 0.0, LF * freezing / torch.where(csnow > 0.0, csnow, 1.0), 0.0)
    sice = layers.sice + freezing
    # nothing is left of water that freezes wholly; elsewhere the difference is what the rounded ice gained
    left = torch.where(freezing < sliq, sliq - (sice - layers.sice), 0.0)
    return Percolation(SnowLayers(layers.ds, sice, left, layers.tsnow + warming), water)


def _without(ds: Tensor, loss: Tensor, sice: Tensor) -> Tensor:
    """Thickness of layers that lose part of their ice, at the same density of ice."""
    some = sice > 0.0
    fraction = torch.where(some, loss / torch.where(some, sice, 1.0), 0.0)
    return (1.0 - fraction) * ds
