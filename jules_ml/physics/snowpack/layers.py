r"""Layers of the snowpack: thickness, thermal properties, compaction and the division into new layers.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.constants import HCAPI, HCAPW, RHO_WATER, TM, G
from jules_ml.physics.layerwise import sum_over_layers
from jules_ml.physics.snowpack.parameters import SnowParameters
from jules_ml.physics.switches import Switches

#: Density of solid ice [kg m-3]; JULES name ``rho_ice``.
RHO_ICE: Final = 917.0
#: Thickness [m] at or below which a layer has no density: JULES's machine epsilon of single precision.
DS_MIN: Final = 2.0**-23


def layer_thicknesses(depth: Tensor, dzsnow: Sequence[float]) -> Tensor:
    r"""Divide a snowpack into layers.

    Snow shallower than the first of ``dzsnow`` has no layers. A layer takes its own thickness; the last one also takes what remains, so
    that it is up to twice as thick, or thicker if it is the last of ``dzsnow``.

    Parameters
    ----------
    depth : Tensor, shape (...)
        Depth [m].
    dzsnow : sequence of float
        Thicknesses [m].

    Returns
    -------
    Tensor, shape (layer, ...)
        [m], 0 for a layer that does not exist.

    References
    ----------
    JULES routine ``layersnow``.

    Examples
    --------
    >>> layer_thicknesses(torch.tensor([0.05, 0.25, 0.6]), (0.1, 0.2, 0.2)).T
    tensor([[0.0000, 0.0000, 0.0000],
            [0.1000, 0.1500, 0.0000],
            [0.1000, 0.2000, 0.3000]])
    """
    if not dzsnow:
        return depth.new_zeros((0, *depth.shape))
    layers: list[Tensor] = []
    remains = depth
    filling = depth >= dzsnow[0]
    for n, dz in enumerate(dzsnow):
        remains = remains - dz
        last = remains <= dz if n + 1 < len(dzsnow) else torch.ones_like(filling)
        layers.append(torch.where(filling, torch.where(last, remains + dz, dz), 0.0))
        filling = filling & ~last
    return torch.stack(layers)


def heat_capacity(sice: Tensor, sliq: Tensor) -> Tensor:
    """Areal heat capacity of snow.

    Parameters
    ----------
    sice, sliq : Tensor, shape (...)
        Ice and liquid water [kg m-2].

    Returns
    -------
    Tensor, shape (...)
        [J K-1 m-2].

    References
    ----------
    JULES routine ``snowtherm``.
    """
    return sice * HCAPI + sliq * HCAPW


def conductivity(ds: Tensor, sice: Tensor, sliq: Tensor, *, i_snow_cond_parm: int = 0) -> Tensor:
    r"""Thermal conductivity of snow of density :math:`\rho`.

    .. math::

        \lambda = 2.22 (\rho/\rho_w)^{1.88} \;\text{(0)}, \qquad
        \lambda = 0.024 - 1.23\times10^{-4}\rho + 2.5\times10^{-6}\rho^2 \;\text{(1)}

    Parameters
    ----------
    ds : Tensor, shape (...)
        Thickness [m].
    sice, sliq : Tensor, shape (...)
        Ice and liquid water [kg m-2].
    i_snow_cond_parm : int
        0: Yen (1981); 1: Calonne et al. (2011).

    Returns
    -------
    Tensor, shape (...)
        [W m-1 K-1]; that of fresh snow where there is no snow.

    References
    ----------
    Yen (1981), CRREL Report 81-10; Calonne et al. (2011), Geophys. Res. Lett. 38, L23501; JULES routine ``snowtherm``.

    Examples
    --------
    Snow of 250 kg m-3.

    >>> snow = torch.tensor(0.1), torch.tensor(25.0), torch.tensor(0.0)
    >>> [round(float(conductivity(*snow, i_snow_cond_parm=i)), 3) for i in (0, 1)]
    [0.164, 0.149]
    """
    mass = sice + sliq
    empty = (ds <= 0.0) | (mass <= 0.0)
    # a density in the branch that is not used keeps the conductivity positive and its gradient finite
    rho = torch.where(empty, 100.0, mass) / torch.where(empty, 1.0, ds)
    if i_snow_cond_parm == 1:
        return 0.024 - 1.23e-4 * rho + 2.5e-6 * rho * rho
    return 2.22 * (rho * (1.0 / RHO_WATER)) ** 1.88


def compact(
    ds: Tensor,
    sice: Tensor,
    sliq: Tensor,
    tsnow: Tensor,
    parameters: SnowParameters,
    switches: Switches,
    *,
    timestep: float,
) -> Tensor:
    r"""Thickness of the layers after compaction by the snow above.

    .. math::

        \rho' = \rho + \frac{1}{2}10^{-7}\,\rho\,g\,M\,\Delta t\,\exp\left(14.643 - \frac{4000}{T} - 0.02\rho\right)

    with :math:`M` the mass above the middle of the layer, and, with ``l_et_metamorph``, growth of density by equitemperature metamorphism.

    Parameters
    ----------
    ds : Tensor, shape (layer, ...)
        Thickness [m].
    sice, sliq : Tensor, shape (layer, ...)
        Ice and liquid water [kg m-2].
    tsnow : Tensor, shape (layer, ...)
        Temperature [K].
    parameters : SnowParameters
        Parameters.
    switches : Switches
        ``l_et_metamorph``.
    timestep : float
        Length of the step [s].

    Returns
    -------
    Tensor, shape (layer, ...)
        Thickness [m].

    References
    ----------
    Anderson (1976), NOAA Technical Report NWS 19; Best et al. (2011), section 4; JULES routine ``compactsnow``.
    """
    mass = sice + sliq
    above: list[Tensor] = []
    overlying = torch.zeros_like(mass[0])
    for layer in mass.unbind(0):
        above.append(overlying + 0.5 * layer)
        overlying = overlying + layer
    thin = ds <= DS_MIN
    rho = torch.where(thin, 0.0, mass / torch.where(thin, 1.0, ds))
    rho = rho + (0.5e-7 * G * timestep) * rho * torch.stack(above) * torch.exp(14.643 - 4.0e3 / tsnow - 0.02 * rho)
    if switches.l_et_metamorph:
        excess = (rho - parameters.rho_snow_et_crit).clamp(min=0.0)
        growth = torch.exp(-parameters.b_snow_et * (TM - tsnow) - parameters.c_snow_et * excess)
        rho = rho + (timestep * parameters.a_snow_et) * rho * growth
    rho = rho.clamp(max=RHO_ICE)
    none = rho <= DS_MIN
    return torch.where(none, 0.0, mass / torch.where(none, 1.0, rho))


class LayerContents(NamedTuple):
    """Contents of the snow layers: ``sice``, ``sliq`` [kg m-2], ``tsnow`` [K], ``rgrainl`` [micrometre], shape (layer, ...)."""

    sice: Tensor
    sliq: Tensor
    tsnow: Tensor
    rgrainl: Tensor


def relayer(
    d0: Tensor, old: LayerContents, ds: Tensor, parameters: SnowParameters, switches: Switches
) -> LayerContents:
    r"""Distribute the contents of old layers over new ones of the same total depth, with mass and energy conserved.

    A new layer gets of each old one the fraction by which they overlap. The fraction of old layer :math:`k` above the bottom
    :math:`B_j` of new layer :math:`j` is

    .. math:: f_{kj} = \min\left(1, \max\left(0, (B_j - T_k) / d_k\right)\right)

    with :math:`T_k` the top of the old layer; it is 1 for the last new layer, and the new layer takes :math:`f_{kj} - f_{k,j-1}`. JULES
    drops the contents of old layers thinner than 1 micrometre; here they stay, so that water is conserved.

    Parameters
    ----------
    d0 : Tensor, shape (layer + 1, ...)
        Thickness of the old layers [m]; the first is new snow, or all snow where there were no layers.
    old : LayerContents
        Contents of the old layers, shape (layer + 1, ...).
    ds : Tensor, shape (layer, ...)
        Thickness of the new layers [m], from :func:`layer_thicknesses`.
    parameters : SnowParameters
        Parameters.
    switches : Switches
        ``i_relayer_opt``: 0, grain size by thickness; 1, its inverse by thickness.

    Returns
    -------
    LayerContents
        Contents of the new layers, shape (layer, ...).

    References
    ----------
    JULES routine ``relayersnow``.
    """
    top: list[Tensor] = [torch.zeros_like(d0[0])]
    for thickness in d0.unbind(0)[:-1]:
        top.append(top[-1] + thickness)
    energy = heat_capacity(old.sice, old.sliq) * (old.tsnow - TM)
    inverse = switches.l_snow_albedo and switches.i_relayer_opt == 1
    grains = d0 / old.rgrainl if inverse else d0 * old.rgrainl
    extensive: tuple[Tensor, ...] = (old.sice, old.sliq, energy)
    if switches.l_snow_albedo:
        extensive = (*extensive, grains)
    scale = torch.reciprocal(d0.clamp(min=1e-9))
    above = [torch.zeros_like(x) for x in extensive]
    rows: list[list[Tensor]] = []
    bottom = 0.0
    for n in range(ds.shape[0]):
        bottom += parameters.dzsnow[n]
        upto = extensive
        if n + 1 < ds.shape[0]:
            within = ((bottom - torch.stack(top)) * scale).clamp(0.0, 1.0)
            fraction = torch.where(ds[n + 1] > 0.0, within, 1.0)
            upto = tuple(x * fraction for x in extensive)
        rows.append([sum_over_layers(x - y) for x, y in zip(upto, above, strict=True)])
        above = list(upto)
    sice, sliq, energy, *grain = (torch.stack(column) for column in zip(*rows, strict=True))
    exists = ds > 0.0
    sice, sliq = _rounding_in_top_layer(sice, old.sice, exists), _rounding_in_top_layer(sliq, old.sliq, exists)
    tsnow = torch.where(exists, TM + energy / heat_capacity(sice, sliq).clamp(min=1e-9), TM)
    rgrainl = torch.full_like(ds, parameters.r0)
    if grain:
        ratio = (ds, grain[0]) if inverse else (grain[0], ds)
        rgrainl = torch.where(exists, ratio[0] / torch.where(exists, ratio[1], 1.0), parameters.r0)
    return LayerContents(sice, sliq, tsnow, rgrainl)


def _rounding_in_top_layer(new: Tensor, old: Tensor, exists: Tensor) -> Tensor:
    """Contents of the new layers, with what rounding took or gave in the top one.

    In single precision each of the contents of a deep pack is rounded by up to 0.00001 kg m-2 in every step, which adds up to more than
    0.0001 kg m-2 in a winter. Differences of old and new contents are exact, and the top layer has the finest rounding.
    """
    difference = sum_over_layers((old[0], *(old[1:] - new).unbind(0)))
    return torch.where(exists, torch.cat(((new[0] + difference).unsqueeze(0), new[1:])), 0.0)
