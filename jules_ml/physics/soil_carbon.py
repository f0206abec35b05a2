r"""JULES's four pools of soil carbon (RothC, ``soil_bgc_model`` 2), in one layer or in the layers of the soil, as state of a run.

The pools are in JULES's order: decomposable and resistant plant material (DPM, RPM), microbial biomass (BIO) and humus (HUM). Each respires
in every step; the pools change once in a period of TRIFFID, by the carbon respired in it, by litter, and in layered carbon by mixing. There
is no nitrogen.

References
----------
Coleman and Jenkinson (1999), RothC-26.3; Clark et al. (2011), Geosci. Model Dev. 4, 701-722; Burke et al. (2017), Geosci. Model Dev. 10,
959-975, for layered carbon.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.branches import where_any
from jules_ml.physics.constants import KAPS_4POOL, SECONDS_PER_DAY, ZERODEGC
from jules_ml.physics.layerwise import sum_over_layers

#: Names of the pools in JULES's output.
_POOLS: Final = ("c_dpm", "c_rpm", "c_bio", "c_hum")
#: Parts of the carbon that stays in the soil that become BIO and HUM [1].
TO_BIO: Final = 0.46
TO_HUM: Final = 0.54
#: Minimum of a pool [kg m-2] (``cs_min``).
CS_MIN: Final = 1e-6
#: Year of TRIFFID's rates [s].
TRIFFID_YEAR: Final = 360.0 * SECONDS_PER_DAY
#: Diffusivity of carbon by animals, and in permanently frozen ground [m2 per year of 360 days].
BIOTURBATION: Final = 1e-4
CRYOTURBATION: Final = 5e-4
#: Depth to which mixing is uniform, and depth at which it ends [m].
UNIFORM_TO: Final = 1.0
MIXED_TO: Final = 3.0
#: Diffusivity below [m2 per year of 360 days].
_UNMIXED: Final = 1e-11


@dataclass(frozen=True, kw_only=True)
class FourPoolCarbon:
    """Settings and inputs of the four pools.

    Attributes
    ----------
    veg_frac : Tensor, shape (column,)
        Fraction of the ground under vegetation [1].
    litter : Tensor, shape (column,)
        Litter fall [kg m-2 s-1], where a step has no other.
    dpm_ratio : Tensor, shape (column,)
        Fraction of litter that is decomposable [1]: r / (1 + r) of JULES's ``dpm_rpm_ratio_io`` r.
    clay : Tensor, shape (carbon layer, column) or (1, column)
        Clay as a fraction of the mineral soil [1].
    kaps_4pool : tuple of 4 floats
        Respiration rates at 282.4 K and optimal wetness [s-1].
    l_soil_resp_lev2 : bool
        Whether carbon that is not layered respires at the conditions of the second soil layer.
    l_layeredc : bool
        Whether each soil layer has its own pools.
    tau_resp, tau_lit : float
        Decrease of respiration and of litter with depth [m-1].
    triffid_period : int
        Days between changes of the pools.
    """

    veg_frac: Tensor
    litter: Tensor
    dpm_ratio: Tensor
    clay: Tensor
    kaps_4pool: tuple[float, float, float, float] = KAPS_4POOL
    l_soil_resp_lev2: bool = False
    l_layeredc: bool = False
    tau_resp: float = 2.0
    tau_lit: float = 5.0
    triffid_period: int = 10


class SoilCarbonState(NamedTuple):
    """Pools between steps.

    ``cs`` [kg m-2] and ``resp_s_acc`` [kg m-2], carbon respired since the pools last changed, shape (pool, carbon layer, column);
    ``t_soil_acc`` [K], sum of the temperature of the last soil layer over these steps, and ``asteps_since_triffid`` [1], their number,
    shape (column,).
    """

    cs: Tensor
    resp_s_acc: Tensor
    t_soil_acc: Tensor
    asteps_since_triffid: Tensor


def fprf(veg_frac: Tensor) -> Tensor:
    r"""Vegetation modifier of soil respiration, which is larger for bare soil.

    .. math:: F_v = 0.6 + 0.4\,(1 - v)

    Parameters
    ----------
    veg_frac : Tensor, shape (...)
        Fraction of the ground under vegetation [1].

    Returns
    -------
    Tensor, shape of ``veg_frac``
        Vegetation modifier [1]; JULES applies it in the four-pool scheme only.

    References
    ----------
    Clark et al. (2011); JULES name ``fprf``.

    Examples
    --------
    >>> [round(x, 3) for x in fprf(torch.tensor([0.0, 1.0])).tolist()]
    [1.0, 0.6]
    """
    return 0.6 + 0.4 * (1.0 - veg_frac)


def resp_frac(clay: Tensor) -> Tensor:
    r"""Fraction of the respired carbon that goes to the atmosphere; the rest becomes BIO and HUM.

    .. math:: \frac{3.0895 + 2.672\,e}{4.0895 + 2.672\,e}, \qquad e = \exp(-7.86\,c)

    Parameters
    ----------
    clay : Tensor, shape (...)
        Clay as a fraction of the mineral soil [1].

    Returns
    -------
    Tensor, shape of ``clay``
        Fraction to the atmosphere [1]: 0.852 in soil without clay, and less with clay, which protects carbon.

    References
    ----------
    Coleman and Jenkinson (1999), RothC-26.3; Clark et al. (2011), whose :math:`\beta_R` is one minus this; JULES name
    ``resp_frac`` in its surface scheme (TRIFFID uses the same name for the complement).

    Examples
    --------
    >>> [round(x, 5) for x in resp_frac(torch.tensor([0.0, 0.2])).tolist()]
    [0.8521, 0.78468]
    """
    protected = 2.672 * torch.exp(-7.86 * clay)
    return (3.0895 + protected) / (4.0895 + protected)


def depth_factor(dzsoil: Tensor, tau_resp: Tensor | float) -> Tensor:
    r"""Depth modifier of the respiration of layered carbon.

    .. math:: D_k = \exp(-\tau\, z_k)

    Parameters
    ----------
    dzsoil : Tensor, shape (layer, ...)
        Layer thicknesses [m].
    tau_resp : Tensor or float
        Decrease with depth [m-1].

    Returns
    -------
    Tensor, shape of ``dzsoil``
        Depth modifier at the middle of each layer [1].

    References
    ----------
    Burke et al. (2017).

    Examples
    --------
    >>> [round(x, 3) for x in depth_factor(torch.tensor([0.1, 0.25, 0.65, 2.0]), 2.0).tolist()]
    [0.905, 0.638, 0.259, 0.018]
    """
    return torch.exp(-tau_resp * (dzsoil.cumsum(0) - 0.5 * dzsoil))


def litter_fraction(dzsoil: Tensor, tau_lit: Tensor | float) -> Tensor:
    r"""Part of the litter that each layer receives.

    .. math:: L_k \propto \Delta z_k \exp(-\tau\, z_k), \qquad \sum_k L_k = 1

    Parameters
    ----------
    dzsoil : Tensor, shape (layer, ...)
        Layer thicknesses [m].
    tau_lit : Tensor or float
        Decrease with depth [m-1].

    Returns
    -------
    Tensor, shape of ``dzsoil``
        [1].

    References
    ----------
    Burke et al. (2017).

    Examples
    --------
    >>> [round(x, 3) for x in litter_fraction(torch.tensor([0.1, 0.25, 0.65, 2.0]), 5.0).tolist()]
    [0.429, 0.447, 0.123, 0.001]
    """
    parts = dzsoil * depth_factor(dzsoil, tau_lit)
    return parts / sum_over_layers(parts)


def mixing(cs: Tensor, dzsoil: Tensor, frozen: Tensor) -> Tensor:
    r"""Carbon that each layer gains by mixing with its neighbours.

    .. math::

        M_k = D_k \frac{c_{k+1} - c_k}{\Delta_k} - D_{k-1} \frac{c_k - c_{k-1}}{\Delta_{k-1}}, \qquad c_k = C_k / \Delta z_k

    with :math:`\Delta_k` between the middles of layers, and a diffusivity :math:`D_k` that is uniform to 1 m and declines to 0 at 3 m.

    Parameters
    ----------
    cs : Tensor, shape (..., layer, column)
        Carbon of each layer [kg m-2].
    dzsoil : Tensor, shape (layer, 1)
        Layer thicknesses [m].
    frozen : Tensor of bool, shape (column,)
        Whether the last soil layer was below freezing in the mean: then the mixing is that of frost.

    Returns
    -------
    Tensor, shape of ``cs``
        [kg m-2 s-1]; its sum over the layers is 0.

    References
    ----------
    Koven et al. (2009), Geophys. Res. Lett. 36, L21501; Burke et al. (2017); JULES routine ``soilcarb_mix``.
    """
    bottom = dzsoil.cumsum(0)[:-1]
    decline = ((MIXED_TO - bottom) / (MIXED_TO - UNIFORM_TO)).clamp(0.0, 1.0)
    rate = torch.where(frozen, CRYOTURBATION, BIOTURBATION) * decline
    rate = torch.where(bottom < MIXED_TO, rate, _UNMIXED) * (1.0 / TRIFFID_YEAR)
    density = cs / dzsoil
    between = 0.5 * (dzsoil[1:] + dzsoil[:-1])
    up = rate * (density[..., 1:, :] - density[..., :-1, :]) / between
    nothing = torch.zeros_like(cs[..., :1, :])
    return torch.cat([up, nothing], dim=-2) - torch.cat([nothing, up], dim=-2)


def initial_soil_carbon(cs: Tensor) -> SoilCarbonState:
    """Make the state at the start of a run.

    Parameters
    ----------
    cs : Tensor, shape (pool, carbon layer, column)
        Carbon of the pools [kg m-2].

    Returns
    -------
    SoilCarbonState
    """
    none = torch.zeros_like(cs[0, 0])
    return SoilCarbonState(cs, torch.zeros_like(cs), none, none)


def soil_carbon_step(
    state: SoilCarbonState | None,
    fsth: Tensor,
    ftemp: Tensor,
    t_soil: Tensor,
    litter: Tensor | None = None,
    *,
    carbon: FourPoolCarbon,
    dzsoil: Tensor,
    timestep: float,
) -> tuple[SoilCarbonState, dict[str, Tensor]]:
    r"""Respire for one step, and change the pools at the end of a period of TRIFFID.

    .. math::

        R_i = \kappa_i C_i f g F_v D, \qquad \Delta C_i = \Lambda_i + \beta_i (1 - \beta) \sum_j \bar R_j - \bar R_i + M_i

    with :math:`\beta` of :func:`resp_frac`, :math:`\beta_i` 0.46 for BIO and 0.54 for HUM, and sums over the period. Litter
    :math:`\Lambda` counts as it is in the last step of the period.

    Parameters
    ----------
    state : SoilCarbonState
        At the start of the step.
    fsth, ftemp : Tensor, shape (layer, column)
        Modifiers of respiration at the start of the step [1].
    t_soil : Tensor, shape (layer, column)
        Soil temperature at the end of the step [K].
    litter : Tensor, shape (column,), optional
        Litter fall [kg m-2 s-1]; default: that of ``carbon``.
    carbon : FourPoolCarbon
        Settings.
    dzsoil : Tensor, shape (layer, 1)
        Layer thicknesses [m].
    timestep : float
        Length of the step [s].

    Returns
    -------
    SoilCarbonState
        At the end of the step.
    dict of str to Tensor
        JULES's output variables: ``c_dpm``, ``c_rpm``, ``c_bio``, ``c_hum`` [kg m-2], shape (carbon layer, column), and their sums over
        the layers ``c_dpm_gb`` and so on, shape (column,); their sum ``cs_gb`` [kg m-2]; ``resp_s_gb`` [kg m-2 s-1], respiration to the
        atmosphere, shape (column,).

    Raises
    ------
    ValueError
        If there is no state.

    Notes
    -----
    In the first step after a change of the pools, JULES's own output contains the rounding residual of TRIFFID's carbon budget.

    References
    ----------
    Clark et al. (2011); Burke et al. (2017); JULES routines ``microbe``, ``soilcarb``, ``soilcarb_layers``.
    """
    if state is None:
        raise ValueError("a column with four pools of soil carbon needs a state with them")
    litter = carbon.litter if litter is None else litter
    modifier = fsth * ftemp * fprf(carbon.veg_frac)
    if carbon.l_layeredc:
        modifier = modifier * depth_factor(dzsoil, carbon.tau_resp)
    else:
        level = 1 if carbon.l_soil_resp_lev2 else 0
        modifier = modifier[level : level + 1]
    respired = torch.stack(
        [kaps * pool * modifier for kaps, pool in zip(carbon.kaps_4pool, state.cs.unbind(0), strict=True)]
    )
    accumulated = SoilCarbonState(
        cs=state.cs,
        resp_s_acc=state.resp_s_acc + timestep * respired,
        t_soil_acc=state.t_soil_acc + t_soil[-1],
        asteps_since_triffid=state.asteps_since_triffid + 1.0,
    )
    steps = round(carbon.triffid_period * SECONDS_PER_DAY / timestep)
    due = accumulated.asteps_since_triffid >= steps

    def change(cs: Tensor, resp_s_acc: Tensor, t_soil_acc: Tensor, litter: Tensor) -> tuple[Tensor, ...]:
        new = _change_pools(
            cs,
            resp_s_acc,
            litter * (steps * timestep),
            t_soil_acc < steps * ZERODEGC,
            carbon=carbon,
            dzsoil=dzsoil,
            period=steps * timestep,
        )
        return new, torch.zeros_like(resp_s_acc), torch.zeros_like(t_soil_acc), torch.zeros_like(t_soil_acc)

    new = SoilCarbonState(*where_any(due, change, (*accumulated[:3], litter), tuple(accumulated)))
    outputs = dict(zip(_POOLS, new.cs.unbind(0), strict=True))
    outputs |= {f"{name}_gb": sum_over_layers(pool) for name, pool in outputs.items()}
    outputs["cs_gb"] = sum_over_layers([outputs[f"{name}_gb"] for name in _POOLS])
    outputs["resp_s_gb"] = sum_over_layers(resp_frac(carbon.clay) * sum_over_layers(respired))
    return new, outputs


def _change_pools(
    cs: Tensor,
    respired: Tensor,
    litter: Tensor,
    frozen: Tensor,
    *,
    carbon: FourPoolCarbon,
    dzsoil: Tensor,
    period: float,
) -> Tensor:
    """Pools after a period with ``respired`` and ``litter`` [kg m-2]."""
    fraction = litter_fraction(dzsoil, carbon.tau_lit) if carbon.l_layeredc else torch.ones_like(dzsoil[:1])
    fallen = litter * fraction
    kept = (1.0 - resp_frac(carbon.clay)) * sum_over_layers(respired)
    gain = torch.stack([carbon.dpm_ratio * fallen, (1.0 - carbon.dpm_ratio) * fallen, TO_BIO * kept, TO_HUM * kept])
    if carbon.l_layeredc:
        gain = gain + period * mixing(cs, dzsoil, frozen)
    return (cs + gain - respired).clamp(min=CS_MIN)
