"""Position of a table's time stamps in their interval, by the sun."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.data.clock import solar_noon_error
from jules_ml.data.inspection.draft import Draft
from jules_ml.data.record import has_position, interval
from jules_ml.errors import BadInput

#: Delay of the end of the interval on the time stamp, as a fraction of the interval, by the position of the stamp.
_DELAY: Final = {"start": 1.0, "middle": 0.5, "end": 0.0}
#: Largest error of the clock at which the sun decides [minutes], and least number of days.
_CLOSE, _DAYS = 8.0, 20


def stamp_by_sun(draft: Draft, ds: xr.Dataset) -> None:
    """Set ``stamp_at`` of a drafted table by dawn and dusk, if it is a guess and the position of the site is known.

    Parameters
    ----------
    draft : Draft
        Drafted section, which is changed.
    ds : xarray.Dataset
        What the draft reads, with the position of the site.
    """
    is_guess = "check this" in draft.comments.get("stamp_at", "")
    light = next((name for name in ("sw_down", "ppfd") if name in ds), None)
    if not is_guess or light is None or not has_position(ds):
        return
    try:
        errors = solar_noon_error(ds, light).to_numpy()
    except BadInput:
        return
    errors = errors[np.isfinite(errors)]
    if len(errors) < _DAYS:
        return
    step = interval(ds) / pd.Timedelta(minutes=1)
    now = _DELAY[draft.keys["stamp_at"]]
    by_position: dict[str, Any] = {
        name: float(np.median(errors)) + (delay - now) * step for name, delay in _DELAY.items()
    }
    best = min(by_position, key=lambda name: abs(by_position[name]))
    if abs(by_position[best]) <= _CLOSE:
        draft.state("stamp_at", best, f"by the sun: dawn and dusk are within {abs(by_position[best]):.0f} minutes")
