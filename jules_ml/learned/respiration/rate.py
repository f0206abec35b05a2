r"""Respiration rates of JULES that reproduce a learned base respiration R0.

f and g are one at the reference moisture and at 282.4 K, in the module as in JULES. There the respiration of the model is

.. math:: \sum_{i,j} \kappa_i\, C_{ij}\, w_j \quad\text{[kg m-2 s-1]}

with pools :math:`i` and layers :math:`j`, and it has to be the heterotrophic fraction :math:`h` of the observed flux,

.. math:: F = 12.011\times10^{-9}\; h\, R_0

The weight :math:`w_j` contains everything that the output ``resp_s_gb`` of JULES is multiplied by besides f and g: 1 for one pool;
``fprf`` times ``resp_frac`` for four; and the decline with depth of layered carbon. Layered carbon respires at the conditions of each
layer, so that :math:`F` is the flux at the same f and g in all layers, as it is in a fit with ``l_layeredc``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.base_respiration import base_respiration
from jules_ml.learned.respiration.layers import LAYER_RATIO
from jules_ml.learned.respiration.network import LearnedRespiration
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.physics.constants import M_CARBON

#: Mass of carbon in a micromole [kg umol-1].
KG_PER_UMOL: Final = 1e-6 * M_CARBON
#: Parameters of the fraction of respired carbon that leaves the soil, four pools.
_RETAINED_CLAY, _RETAINED, _CLAY_SLOPE = 2.672, 3.0895, 7.86


@dataclass(frozen=True)
class BaseFlux:
    """Heterotrophic respiration at the reference moisture and 282.4 K.

    Attributes
    ----------
    r0 : float
        Base respiration of the target flux [umol m-2 s-1]; with layered carbon that of the sum over layers.
    fraction : float
        Heterotrophic respiration as a fraction of it [1].
    origin : str
        Sites that ``r0`` belongs to.
    layered : bool or None
        Whether it was fitted to all layers of a model's soil, or to one of them; None if it was fitted to sensors.
    """

    r0: float
    fraction: float
    origin: str
    layered: bool | None = None

    @property
    def carbon(self) -> float:
        """Heterotrophic respiration [kg m-2 s-1]."""
        return KG_PER_UMOL * self.fraction * self.r0

    def __str__(self) -> str:
        """Text for notes."""
        return f"R0 {self.r0:.3g} umol m-2 s-1 of {self.origin}, heterotrophic fraction {self.fraction:g}"


def base_flux(
    module: LearnedRespiration, settings: RespirationSettings, card: Mapping[str, Any], site: str | None
) -> BaseFlux:
    """Return the base flux of a site.

    Parameters
    ----------
    module, settings, card
        Content of the module folder.
    site : str or None
        Name of the site. For one that the module does not contain, or ``None``, R0 is the geometric mean of the training sites.

    Returns
    -------
    BaseFlux
    """
    sites = list(card.get("sites", {})) or [str(group) for group in card["groups"]]
    has_site = site in sites
    r0, _ = base_respiration(module, {"level_prior": None, "sites": sites, **card}, [site if has_site and site else ""])
    if has_site:
        origin = str(site)
    else:
        of_whom = sites[0] if len(sites) == 1 else f"the geometric mean of the {len(sites)} training sites"
        origin = of_whom if site is None else f"{of_whom}, since the module does not contain {site}"
    # modules of earlier versions have no fraction in their card
    fraction = float(card.get("heterotrophic_fraction", settings.fraction))
    of_run = float(r0[0]) * _layer_ratio(card.get("sites", {}), site)
    return BaseFlux(of_run, fraction, origin, settings.l_layeredc if isinstance(settings.state, Path) else None)


def _layer_ratio(sites: Mapping[str, Mapping[str, Any]], site: str | None) -> float:
    """Ratio of the effective state to the sum over layers at a site, or the geometric mean of the sites; 1 without layered carbon."""
    ratios = {name: float(entry[LAYER_RATIO]) for name, entry in sites.items() if LAYER_RATIO in entry}
    if site in ratios:
        return ratios[site]
    return float(np.exp(np.mean(np.log(list(ratios.values()))))) if ratios else 1.0


def require_layers(flux: BaseFlux, *, layered: bool, where: str) -> None:
    """Raise an error if a base flux belongs to other layers of a model's soil than those that respire in a run.

    Parameters
    ----------
    flux : BaseFlux
    layered : bool
        Whether the run has layered soil carbon.
    where : str
        Name of the run, for the error message.

    Raises
    ------
    BadInput
        If one is for all layers and the other for one layer.
    """
    if flux.layered in (None, layered):
        return
    fitted, of_run = ("all layers" if all_layers else "one layer" for all_layers in (flux.layered, layered))
    raise BadInput(
        f"the base respiration was fitted to {fitted} of a model's soil, and this run respires in {of_run}",
        where=where,
        remedy=f"fit it again with [respiration] l_layeredc = {str(layered).lower()}, or keep the rate of the run: "
        "[modules] base_rate = 'jules' for a run, no --experiment for an export",
    )


def module_flux(
    folder: Path,
    experiment: Experiment,
    *,
    record: xr.Dataset | None = None,
    drawn: Callable[[LearnedRespiration], LearnedRespiration] | None = None,
) -> BaseFlux:
    """Return the base flux of a module folder at the site of an experiment.

    Parameters
    ----------
    folder : Path
        Module folder of learned respiration.
    experiment : Experiment
        Its ``[site]`` or its record has the name of the site.
    record : xarray.Dataset, optional
        Site dataset; by default that of ``[data]``, read only if the name is needed.
    drawn : callable, optional
        Selects a draw of the module; by default the median of its members.

    Returns
    -------
    BaseFlux

    Raises
    ------
    BadInput
        If the folder has no learned respiration, or the record cannot be read.
    """
    module, settings, card = load_respiration(folder)
    site = experiment.site.name
    if site is None and record is None and experiment.data is not None and len(card.get("sites", {})) > 1:
        record = experiment.record()
    if site is None and record is not None:
        site = record.attrs.get("site")
    return base_flux(module if drawn is None else drawn(module), settings, card, site)


def one_pool_kaps(flux: float, carbon: ArrayLike, depth_factor: ArrayLike = 1.0) -> float:
    r"""Rate of the one-pool scheme that reproduces a base flux.

    .. math:: \kappa = F \Big/ \sum_j C_j\, e^{-\tau z_j}

    Parameters
    ----------
    flux : float
        Heterotrophic respiration at f = g = 1, :attr:`BaseFlux.carbon` [kg m-2 s-1].
    carbon : array, shape (layer,) or ()
        Soil carbon [kg m-2].
    depth_factor : array, broadcastable to ``carbon``
        :func:`~jules_ml.learned.respiration.layers.depth_factors` of layered carbon [1].

    Returns
    -------
    float
        ``kaps`` [s-1].

    References
    ----------
    Clark et al. (2011), Geosci. Model Dev. 4, 701-722, eq. 64.

    Examples
    --------
    >>> round(1e9 * one_pool_kaps(12.011e-9 * 0.5 * 4.0, 12.1), 4)
    1.9853
    """
    return flux / float(np.sum(np.asarray(carbon, dtype=np.float64) * np.asarray(depth_factor, dtype=np.float64)))


def four_pool_scale(flux: float, rates: Sequence[float], carbon: ArrayLike, weight: ArrayLike) -> float:
    r"""Common factor of the four rates that reproduces a base flux.

    .. math:: F = \lambda \sum_{ij} \kappa_i\, C_{ij}\, w_j

    Parameters
    ----------
    flux : float
        Heterotrophic respiration at f = g = 1, :attr:`BaseFlux.carbon` [kg m-2 s-1].
    rates : sequence of float
        ``kaps_4pool`` [s-1], shape (pool,).
    carbon : array, shape (pool, layer)
        Soil carbon [kg m-2].
    weight : array, shape (layer,)
        :func:`plant_retention` times :func:`released_fraction` times :func:`~jules_ml.learned.respiration.layers.depth_factors` [1].

    Returns
    -------
    float
        Factor of ``kaps_4pool`` [1]. The ratios between the pools remain.

    References
    ----------
    Clark et al. (2011), Geosci. Model Dev. 4, 701-722, eqs 65 to 70.
    """
    pools = np.asarray(rates, dtype=np.float64)[:, None]
    return flux / float(np.sum(pools * np.asarray(carbon, dtype=np.float64) * np.asarray(weight, dtype=np.float64)))


def plant_retention(veg_frac: ArrayLike) -> NDArray[np.float64]:
    """Factor ``fprf`` of the four-pool scheme for a vegetated fraction [1]: 0.6 under vegetation, 1 on bare soil."""
    return np.asarray(0.6 + 0.4 * (1.0 - np.asarray(veg_frac, dtype=np.float64)))


def released_fraction(clay: ArrayLike) -> NDArray[np.float64]:
    """Factor ``resp_frac`` of the output ``resp_s`` of the four-pool scheme: the carbon that leaves the soil.

    The rest becomes biomass and humus.

    Parameters
    ----------
    clay : array
        Clay as a fraction of the mineral soil [1].

    Returns
    -------
    array, shape of ``clay``
        [1]; 0.852 without clay.
    """
    e = _RETAINED_CLAY * np.exp(-_CLAY_SLOPE * np.asarray(clay, dtype=np.float64))
    return np.asarray((_RETAINED + e) / (1.0 + _RETAINED + e))
