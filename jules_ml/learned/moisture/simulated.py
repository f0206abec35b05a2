"""Simulated records: model runs at a site over more years than its sensors measured, as additional training data.

A record of one year shows how soil wets and dries, but not how a dry year differs from a wet one. Runs of a soil model with the weather
of several years show it, though not for the soil of the site; therefore runs with many soils are used. Training on model output is known
to help where observations are few (Read et al. 2019).

References
----------
Read et al. (2019), Water Resour. Res. 55, 9173-9190.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from jules_ml.data.quality import thawed
from jules_ml.experiment.place import SOIL
from jules_ml.learned.moisture.moments_model import JULES, SATELLITE
from jules_ml.learned.moisture.record import LAYER_DEPTHS, MoistureRecord
from jules_ml.learned.moisture.training_site import TrainingSite

#: Static inputs that describe the soil of the site or depend on it; a run with another soil does not have them.
_SOIL_INPUTS = (*SOIL, *SATELLITE, *JULES)
#: Daily inputs that depend on the soil of the site.
_SURFACE_INPUTS = ("lst", "rad_net", "swi")


def simulated_sites(
    record: MoistureRecord, theta: NDArray[np.floating], days: NDArray[np.bool_], *, frozen_below: float = 274.15
) -> tuple[TrainingSite, ...]:
    """Create records from runs at a site.

    Every second record is without the first guess, so that a module also learns the water balance from the weather alone.

    Parameters
    ----------
    record : MoistureRecord
        Record of the site, which provides the weather and the first guess. Its measurements of soil and surface are not used.
    theta : array, shape (run, day, 4)
        Water content of JULES's layers [m3 m-3]; NaN outside the run.
    days : array of bool, shape (day,)
        Training days.
    frozen_below : float, optional
        Soil colder than this counts as frozen [K]. Air temperature is used, since the runs' soil temperature is not read.

    Returns
    -------
    tuple of TrainingSite
        Without the runs that have too few training days.
    """
    warm = thawed(record.dynamic["t_air"], frozen_below=frozen_below)
    static = {name: value for name, value in record.static.items() if name not in _SOIL_INPUTS}
    sites = []
    for number, run in enumerate(theta):
        simulated = replace(
            record.without(dynamic=_SURFACE_INPUTS, jules=number % 2 == 1),
            site=f"{record.site}, soil {number + 1}",
            static=static,
            theta=run.astype(np.float64),
            usable=np.isfinite(run) & warm[:, None],
            depth=np.array(LAYER_DEPTHS),
            names=tuple(f"layer_{layer + 1}" for layer in range(len(LAYER_DEPTHS))),
        )
        sites.append(TrainingSite(simulated, days))
    return tuple(each for each in sites if each.is_trainable)
