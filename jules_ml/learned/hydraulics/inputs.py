"""Static inputs of learned hydraulics: properties of a site that do not need measured soil moisture."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from jules_ml.data.daily import whole_days
from jules_ml.physics.constants import DAYS_PER_YEAR, SECONDS_PER_DAY
from jules_ml.physics.surface import Forcing

#: Static inputs of the network, in order: properties of a site with the names and units of
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
#: Inputs that describe texture, which ``texture = false`` excludes.
TEXTURE: Final = ("sand", "clay")
#: Inputs whose logarithm is used.
LOGARITHMIC: Final = ("soc_density", "precip_annual", "dryness_index")

#: Latent heat of vaporisation [J kg-1].
_LATENT_HEAT = 2.45e6
#: Characteristic time of the soil water index of the root zone [d].
_SWI_DAYS = 20.0
#: Least daily mean air temperature for the excess of surface temperature [K], and least number of such days.
_WARM, _LEAST_WARM_DAYS = 278.15, 30


def climate_inputs(forcing: Forcing, *, timestep: float, lst: NDArray[np.floating] | None = None) -> dict[str, float]:
    r"""Statistics of weather and surface temperature, which describe climate and the ease of evaporation.

    The soil water index :math:`I` is a filter of precipitation :math:`P`. It does not contain soil moisture, which is predicted.

    .. math:: I_t = I_{t-1} e^{-1/T} + P_t\,(1 - e^{-1/T})

    Parameters
    ----------
    forcing : Forcing
        Weather of whole days, shape (step,) each.
    timestep : float
        Time step of the weather [s].
    lst : array, shape (day,), optional
        Daily mean surface temperature [K]; NaN where missing.

    Returns
    -------
    dict of str to float
        Keys are names of :data:`INPUTS`; the statistics of surface temperature are NaN without it.

    References
    ----------
    Wagner, Lemoine and Rott (1999), Remote Sens. Environ. 70, 191-207, for the index.
    """
    t_air = whole_days(forcing.t_air.double().numpy(), timestep)
    rain = SECONDS_PER_DAY * whole_days((forcing.tot_rain + forcing.tot_snow).double().numpy(), timestep).mean(1)
    precip_annual = max(DAYS_PER_YEAR * float(rain.mean()), 1.0)
    radiation = float(forcing.sw_down.double().mean())
    retained = np.exp(-1.0 / _SWI_DAYS)
    index = np.empty_like(rain)
    value = float(rain.mean())
    for day, daily_rain in enumerate(rain):
        value = retained * value + (1.0 - retained) * daily_rain
        index[day] = value
    statistics = {
        "t_air_mean": float(t_air.mean()),
        "precip_annual": precip_annual,
        "dryness_index": radiation * SECONDS_PER_DAY * DAYS_PER_YEAR / (_LATENT_HEAT * precip_annual),
        "t_air_diurnal_range": float((t_air.max(1) - t_air.min(1)).mean()),
        "swi_variation": float(index.std() / max(index.mean(), 1e-9)),
        "lst_excess_warm_mean": float("nan"),
        "lst_excess_warm_std": float("nan"),
    }
    if lst is not None:
        excess = lst - t_air.mean(1)
        warm = np.isfinite(excess) & (t_air.mean(1) > _WARM)
        if int(warm.sum()) >= _LEAST_WARM_DAYS:
            statistics |= {
                "lst_excess_warm_mean": float(excess[warm].mean()),
                "lst_excess_warm_std": float(excess[warm].std()),
            }
    return statistics
