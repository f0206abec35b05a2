"""Static inputs of learned hydraulics: what is known of a site without having measured its soil moisture."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from jules_ml.data.daily import whole_days
from jules_ml.physics.constants import DAYS_PER_YEAR, SECONDS_PER_DAY
from jules_ml.physics.surface import Forcing

#: Static inputs of the network, in order: properties of a site by the names and in the units of
#: :data:`~jules_ml.experiment.place.PROPERTIES`.
INPUTS: Final = (
    "soc_density",
    "bulk_density",
    "t_air_mean",
    "precip_annual",
    "dryness_index",
    "t_air_diurnal_range",
    "swi_variation",
    "lst_excess_warm_mean",
    "lst_excess_warm_std",
    "frac_tree",
    "frac_bare",
    "sand",
    "clay",
)
#: Inputs that are texture: left out by a switch.
TEXTURE: Final = ("sand", "clay")
#: Inputs that enter by their logarithm.
LOGARITHMIC: Final = ("soc_density", "precip_annual", "dryness_index")

_LATENT_HEAT = 2.45e6
#: Characteristic time of the soil water index [d], that of the root zone.
_SWI_DAYS = 20.0
_WARM = 278.15


def climate_inputs(forcing: Forcing, *, timestep: float, lst: NDArray[np.floating] | None = None) -> dict[str, float]:
    r"""Statistics of the weather, and of surface temperature, that tell of climate and of how freely the soil gives off water.

    The soil water index here filters precipitation, not soil moisture: nothing that is to be predicted enters.

    .. math:: I_t = I_{t-1} e^{-1/T} + P_t\,(1 - e^{-1/T})

    Parameters
    ----------
    forcing : Forcing
        Weather of whole days, shape (step,) each.
    timestep : float
        [s].
    lst : array, shape (day,), optional
        Daily mean surface temperature [K], NaN where missing.

    Returns
    -------
    dict of str to float
        By the names of :data:`INPUTS`; NaN where surface temperature is unknown.

    References
    ----------
    Wagner, Lemoine and Rott (1999), Remote Sens. Environ. 70, 191-207, for the index.
    """
    t_air = whole_days(forcing.t_air.double().numpy(), timestep)
    rain = SECONDS_PER_DAY * whole_days((forcing.tot_rain + forcing.tot_snow).double().numpy(), timestep).mean(1)
    yearly = max(DAYS_PER_YEAR * float(rain.mean()), 1.0)
    sun = float(forcing.sw_down.double().mean())
    keep = np.exp(-1.0 / _SWI_DAYS)
    index = np.empty_like(rain)
    level = float(rain.mean())
    for day, fallen in enumerate(rain):
        level = keep * level + (1.0 - keep) * fallen
        index[day] = level
    found = {
        "t_air_mean": float(t_air.mean()),
        "precip_annual": yearly,
        "dryness_index": sun * SECONDS_PER_DAY * DAYS_PER_YEAR / (_LATENT_HEAT * yearly),
        "t_air_diurnal_range": float((t_air.max(1) - t_air.min(1)).mean()),
        "swi_variation": float(index.std() / max(index.mean(), 1e-9)),
        "lst_excess_warm_mean": float("nan"),
        "lst_excess_warm_std": float("nan"),
    }
    if lst is not None:
        excess = lst - t_air.mean(1)
        warm = np.isfinite(excess) & (t_air.mean(1) > _WARM)
        if int(warm.sum()) >= 30:
            found |= {
                "lst_excess_warm_mean": float(excess[warm].mean()),
                "lst_excess_warm_std": float(excess[warm].std()),
            }
    return found
