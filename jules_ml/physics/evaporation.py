r"""Evaporation: reference evapotranspiration, Penman-Monteith, water stress of plants and conductance of bare soil.

References
----------
Allen et al. (1998), Crop evapotranspiration, FAO Irrigation and Drainage Paper 56; Monteith (1965), Symp. Soc. Exp.
Biol. 19, 205-234; Best et al. (2011), Geosci. Model Dev. 4, 677-699.
"""

from __future__ import annotations

from typing import Final, Literal

import torch
from torch import Tensor

from jules_ml.errors import BadInput
from jules_ml.physics.constants import CP, LC, REPSILON, SECONDS_PER_DAY, VKMAN, ZERODEGC, R
from jules_ml.physics.humidity import saturation_slope

#: Seconds in the interval, and the numerator of FAO-56's aerodynamic term for it.
_FAO56_INTERVAL: Final = {"day": (SECONDS_PER_DAY, 900.0), "hour": (3600.0, 37.0)}
#: Conductance of bare soil at the critical water content, JULES's ``gs_nvg`` of soil [m s-1].
GS_BARE_SOIL: Final = 0.01
#: Extinction of soil evaporation by leaves [1].
SOIL_EXTINCTION: Final = 0.5


def reference_evaporation_fao56(
    rad_net: Tensor,
    g_soil: Tensor,
    t_air: Tensor,
    wind_2m: Tensor,
    vpd: Tensor,
    pstar: Tensor,
    *,
    interval: Literal["day", "hour"],
) -> Tensor:
    r"""Reference evapotranspiration of FAO-56: grass of 0.12 m without water stress.

    .. math::

        ET_0 = \frac{0.408\,\Delta\,(R_n - G) + \gamma \frac{C}{T + 273} u_2\,(e_s - e_a)}{\Delta + \gamma\,(1 +
        0.34\,u_2)}

    with :math:`C` 900 for a day and 37 for an hour, in FAO's units (kPa, MJ m-2, degrees Celsius, mm). Inputs and result here are in SI
    units.

    Parameters
    ----------
    rad_net : Tensor
        Net radiation of the reference surface [W m-2].
    g_soil : Tensor
        Heat flux into the soil [W m-2]: zero over a day; FAO's rule for an hour is 0.1 of ``rad_net`` by day, 0.5 by
        night.
    t_air : Tensor
        Mean air temperature at 2 m [K]: over a day, the mean of maximum and minimum.
    wind_2m : Tensor
        Wind speed at 2 m [m s-1].
    vpd : Tensor
        Vapour pressure deficit :math:`e_s - e_a` [Pa]: over a day, with :math:`e_s` the mean of that at maximum and
        minimum.
    pstar : Tensor
        Air pressure [Pa].
    interval : {'day', 'hour'}
        Averaging interval of the inputs.

    Returns
    -------
    Tensor
        Reference evapotranspiration, mean over the interval [kg m-2 s-1]; negative for dew.

    References
    ----------
    Allen et al. (1998), eqs. 6, 8, 13 and 53.
    """
    seconds, numerator = _FAO56_INTERVAL[interval]
    celsius = t_air - ZERODEGC
    slope = 4098.0 * 610.8 * torch.exp(17.27 * celsius / (celsius + 237.3)) / (celsius + 237.3) ** 2
    psychrometric = 0.665e-3 * pstar
    radiative = 0.408e-6 * slope * (rad_net - g_soil)
    aerodynamic = psychrometric * numerator / seconds / (celsius + 273.0) * wind_2m * 1e-3 * vpd
    return (radiative + aerodynamic) / (slope + psychrometric * (1.0 + 0.34 * wind_2m))


def aerodynamic_resistance(
    wind: Tensor,
    z_wind: Tensor | float,
    z_air: Tensor | float,
    z0m: Tensor,
    z0h: Tensor,
    displacement: Tensor | float = 0.0,
) -> Tensor:
    r"""Aerodynamic resistance between a surface and a height above it, in neutral air.

    .. math:: r_a = \frac{\ln\frac{z_u - d}{z_{0m}}\, \ln\frac{z_T - d}{z_{0h}}}{k^2\, u}

    Parameters
    ----------
    wind : Tensor
        Wind speed at ``z_wind`` [m s-1], above zero.
    z_wind, z_air : Tensor or float
        Heights of wind, and of temperature and humidity [m].
    z0m, z0h : Tensor
        Roughness lengths for momentum and heat [m].
    displacement : Tensor or float
        Zero-plane displacement [m]; 0 by default, since JULES measures heights from it.

    Returns
    -------
    Tensor
        Aerodynamic resistance [s m-1].

    References
    ----------
    Allen et al. (1998), eq. 4.
    """
    momentum = torch.log((z_wind - displacement) / z0m)
    heat = torch.log((z_air - displacement) / z0h)
    return momentum * heat / (VKMAN**2 * wind)


def latent_heat_penman_monteith(
    available_energy: Tensor, vpd: Tensor, t_air: Tensor, pstar: Tensor, ra: Tensor, rs: Tensor
) -> Tensor:
    r"""Latent heat flux of a canopy by the Penman-Monteith equation.

    .. math:: \lambda E = \frac{\Delta A + \rho c_p\,(e_s - e_a)/r_a}{\Delta + \gamma\,(1 + r_s/r_a)}

    Parameters
    ----------
    available_energy : Tensor
        Net radiation less heat into the ground :math:`A` [W m-2].
    vpd : Tensor
        Vapour pressure deficit [Pa].
    t_air : Tensor
        Air temperature [K].
    pstar : Tensor
        Air pressure [Pa].
    ra, rs : Tensor
        Aerodynamic and surface resistance [s m-1].

    Returns
    -------
    Tensor
        Latent heat flux [W m-2], positive upward; divided by the latent heat, evaporation [kg m-2 s-1].

    References
    ----------
    Monteith (1965); Allen et al. (1998), eq. 3.
    """
    slope = saturation_slope(t_air)
    density = pstar / (R * t_air)
    psychrometric = CP * pstar / (REPSILON * LC)
    return (slope * available_energy + density * CP * vpd / ra) / (slope + psychrometric * (1.0 + rs / ra))


def root_fraction(rootd_ft: Tensor, dzsoil: Tensor) -> Tensor:
    r"""Fraction of roots in each layer, for an exponential decline of root density with depth.

    .. math::

        r_k = \frac{e^{-z_{k-1}/d} - e^{-z_k/d}}{1 - e^{-z_n/d}}

    Parameters
    ----------
    rootd_ft : Tensor, broadcastable to ``dzsoil``
        E-folding depth of roots [m].
    dzsoil : Tensor, shape (..., layer)
        Layer thickness [m].

    Returns
    -------
    Tensor, shape (..., layer)
        Fraction of roots [1]; the sum over the layers is 1.

    References
    ----------
    Best et al. (2011); JULES name ``f_root`` with ``fsmc_mod = 0``.

    Examples
    --------
    >>> dzsoil = torch.tensor([0.1, 0.25, 0.65, 2.0])  # the four layers of JULES
    >>> [round(x, 3) for x in root_fraction(torch.tensor(0.5), dzsoil).tolist()]
    [0.182, 0.323, 0.362, 0.133]
    """
    bottom = torch.cumsum(dzsoil, dim=-1)
    density = torch.exp(-(bottom - dzsoil) / rootd_ft) - torch.exp(-bottom / rootd_ft)
    return density / density.sum(dim=-1, keepdim=True)


def soil_moisture_stress(theta: Tensor, sm_wilt: Tensor, sm_crit: Tensor, fsmc_p0: Tensor | float = 0.0) -> Tensor:
    r"""Piecewise-linear stress factor :math:`\beta` of each soil layer.

    .. math::

        \beta = \operatorname{clip}\!\left(\frac{\theta - \theta_w}{(1 - p_0)\,(\theta_c - \theta_w)},\, 0,\, 1\right)

    Parameters
    ----------
    theta : Tensor
        Unfrozen volumetric water content [m3 m-3].
    sm_wilt, sm_crit : Tensor, broadcastable to ``theta``
        Water content at the wilting and critical points [m3 m-3]; ``sm_wilt < sm_crit``, see
        :func:`check_stress_points`.
    fsmc_p0 : Tensor or float
        Fraction of the range below the critical point without stress [1].

    Returns
    -------
    Tensor, shape of ``theta``
        Stress factor [1]: 0 no transpiration, 1 no stress.

    References
    ----------
    Best et al. (2011); JULES names ``fsmc``, ``fsmc_p0``.

    Examples
    --------
    >>> wilt, crit = torch.tensor(0.136), torch.tensor(0.242)
    >>> [round(float(soil_moisture_stress(torch.tensor(theta), wilt, crit)), 3) for theta in (0.1, 0.189, 0.3)]
    [0.0, 0.5, 1.0]
    """
    width = (1.0 - fsmc_p0) * (sm_crit - sm_wilt)
    return torch.clamp((theta - sm_wilt) / width, 0.0, 1.0)


def check_stress_points(sm_wilt: Tensor, sm_crit: Tensor, sm_sat: Tensor, *, where: str) -> None:
    """Refuse soils whose wilting point, critical point and saturation are out of order.

    Parameters
    ----------
    sm_wilt, sm_crit, sm_sat : Tensor
        Water content at the wilting and critical points and at saturation [m3 m-3].
    where : str
        File or variable that they come from, for the message.

    Raises
    ------
    BadInput
        With the first three values that are out of order.
    """
    wilt, crit, sat = torch.broadcast_tensors(sm_wilt, sm_crit, sm_sat)
    wrong = ~((wilt > 0.0) & (crit > wilt) & (sat >= crit))
    if bool(wrong.any()):
        first = [float(x[wrong].flatten()[0]) for x in (wilt, crit, sat)]
        raise BadInput(
            f"sm_wilt {first[0]:g}, sm_crit {first[1]:g} and sm_sat {first[2]:g} are out of order, or sm_wilt is not above zero",
            where=where,
            remedy="give sm_wilt < sm_crit <= sm_sat in m3 m-3, by layer in the same order",
        )


def root_zone_stress(stress: Tensor, f_root: Tensor) -> Tensor:
    r"""Stress factor of a plant: the mean over soil layers, weighted by roots.

    .. math:: \beta = \sum_k r_k \beta_k

    Parameters
    ----------
    stress : Tensor, shape (..., layer)
        From :func:`soil_moisture_stress` [1].
    f_root : Tensor, shape (..., layer)
        From :func:`root_fraction` [1].

    Returns
    -------
    Tensor, shape (...)
        Stress factor [1].

    References
    ----------
    Best et al. (2011); JULES name ``fsmc`` with ``fsmc_mod = 0``.
    """
    return (f_root * stress).sum(dim=-1)


def extraction_weights(stress: Tensor, f_root: Tensor) -> Tensor:
    r"""Fraction of transpiration drawn from each layer.

    .. math:: e_k = \frac{r_k \beta_k}{\sum_j r_j \beta_j}

    Parameters
    ----------
    stress, f_root : Tensor, shape (..., layer)
        As in :func:`root_zone_stress`.

    Returns
    -------
    Tensor, shape (..., layer)
        Weights [1]; their sum is 1, or 0 where no layer yields water.

    References
    ----------
    Best et al. (2011); JULES name ``wt_ext``.
    """
    uptake = f_root * stress
    total = uptake.sum(dim=-1, keepdim=True)
    wet = total > 0.0
    return torch.where(wet, uptake / torch.where(wet, total, 1.0), 0.0)


def bare_soil_conductance(
    theta: Tensor, sm_crit: Tensor, *, gs_soil: Tensor | float = GS_BARE_SOIL, limited: bool = False
) -> Tensor:
    r"""Conductance of the soil surface to evaporation.

    .. math:: g = g_{crit} \left(\frac{\theta_1}{\theta_c}\right)^2

    Parameters
    ----------
    theta : Tensor
        Unfrozen water content of the top layer [m3 m-3].
    sm_crit : Tensor, broadcastable to ``theta``
        Water content at the critical point [m3 m-3].
    gs_soil : Tensor or float
        Conductance at the critical point [m s-1]; JULES name ``gs_nvg``.
    limited : bool
        Whether ``gs_soil`` is the upper limit; JULES name ``l_limit_gsoil``.

    Returns
    -------
    Tensor, shape of ``theta``
        Conductance [m s-1].

    References
    ----------
    Best et al. (2011); JULES name ``gsoil``.

    Examples
    --------
    >>> round(float(bare_soil_conductance(torch.tensor(0.121), torch.tensor(0.242))), 6)  # half of the critical point
    0.0025
    """
    squared = (theta / sm_crit) ** 2
    return gs_soil * (squared.clamp(max=1.0) if limited else squared)


def soil_seen_through_canopy(lai: Tensor) -> Tensor:
    r"""Fraction of the bare-soil conductance that remains under leaves.

    .. math:: f = e^{-0.5\,L}

    Parameters
    ----------
    lai : Tensor
        Leaf area index [1].

    Returns
    -------
    Tensor, shape of ``lai``
        Fraction [1]; JULES name ``fsoil``. The soil's conductance times it adds to that of the canopy.

    References
    ----------
    Best et al. (2011).
    """
    return torch.exp(-SOIL_EXTINCTION * lai)


def evaporation_weights(extraction: Tensor, g_canopy: Tensor, g_below: Tensor) -> Tensor:
    r"""Fraction of evaporation drawn from each layer by plants and bare soil together.

    .. math:: w_k = \frac{g_c\, e_k + g_b\, \delta_{k1}}{g_c + g_b}

    Parameters
    ----------
    extraction : Tensor, shape (..., layer)
        From :func:`extraction_weights` [1].
    g_canopy : Tensor, shape (...)
        Conductance of the canopy [m s-1].
    g_below : Tensor, shape (...)
        Conductance of the soil beneath it [m s-1]; not zero where ``g_canopy`` is.

    Returns
    -------
    Tensor, shape (..., layer)
        Weights [1].

    References
    ----------
    Best et al. (2011); JULES name ``wt_ext`` after ``soil_evap``.
    """
    canopy_fraction = (g_canopy / (g_canopy + g_below)).unsqueeze(-1)
    by_roots = canopy_fraction * extraction
    return torch.cat([by_roots[..., :1] + (1.0 - canopy_fraction), by_roots[..., 1:]], dim=-1)
