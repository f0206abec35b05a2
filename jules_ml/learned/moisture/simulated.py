"""Records of what a model makes of a site's weather: years that no sensor has seen yet, to learn from beside real ones.

A record of a year shows how soil wets and dries, and not how a dry year differs from a wet one: what differs there is the season. A
model of the soil that runs on the site's weather of several years shows it, if not for that very soil; so runs under many soils are
learned from. Learning from a model's output first is known to help where observations are few (Read et al. 2019).

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
from jules_ml.learned.moisture.ensemble import TrainingSite
from jules_ml.learned.moisture.level import JULES, SATELLITE
from jules_ml.learned.moisture.record import LAYER_DEPTHS, MoistureRecord

#: Static inputs that tell of the soil, or that it has a part in: those of the site are not the run's.
_OF_SOIL = (*SOIL, *SATELLITE, *JULES)
#: Daily ones that the soil has a part in.
_OF_SURFACE = ("lst", "rad_net", "swi")


def simulated_sites(
    record: MoistureRecord, theta: NDArray[np.floating], days: NDArray[np.bool_], *, frozen_below: float = 274.15
) -> tuple[TrainingSite, ...]:
    """Make records of runs at a site.

    Every second one is without JULES's run, so that a module learns to keep the soil's books from the weather alone.

    Parameters
    ----------
    record : MoistureRecord
        Of the site: its weather and first guess are taken, nothing that a sensor in the soil or a look at the surface said.
    theta : array, shape (run, day, 4)
        Water content of JULES's layers [m3 m-3]; NaN where there is none.
    days : array of bool, shape (day,)
        Days that may be learned from.
    frozen_below : float, optional
        Soil colder than this counts as frozen [K]. The runs' own soil temperature is not read: that of the air decides.

    Returns
    -------
    tuple of TrainingSite
        None for a run that has next to none of those days.
    """
    warm = thawed(record.dynamic["t_air"], frozen_below=frozen_below)
    static = {name: value for name, value in record.static.items() if name not in _OF_SOIL}
    made = []
    for number, run in enumerate(theta):
        one = replace(
            record.without(dynamic=_OF_SURFACE, jules=number % 2 == 1),
            site=f"{record.site}, soil {number + 1}",
            static=static,
            theta=run.astype(np.float64),
            usable=np.isfinite(run) & warm[:, None],
            depth=np.array(LAYER_DEPTHS),
            names=tuple(f"layer_{layer + 1}" for layer in range(len(LAYER_DEPTHS))),
        )
        made.append(TrainingSite(one, days))
    return tuple(each for each in made if each.teaches)
