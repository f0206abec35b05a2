"""Notes on a record for the user of a module or of a run."""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr

from jules_ml.data.clock import clock_notes
from jules_ml.data.discontinuities import discontinuity_notes
from jules_ml.data.plausibility import plausibility_notes
from jules_ml.data.record import place, record_notes

#: Variables that vary in every record. Snow, albedo and pressure may be constant.
_VARYING: Final = (
    *("precip", "tot_rain", "t_air", "t_soil", "theta", "theta_crns", "sw_down", "lw_down", "ppfd", "vpd"),
    *("relative_humidity", "q", "wind", "ustar", "nee", "resp_soil", "resp_het"),
)
#: Fewest values by which a variable is called constant.
_LEAST_VALUES: Final = 100


def notes_of_record(ds: xr.Dataset) -> tuple[str, ...]:
    """Describe what is remarkable in a record: what it was taken for, clock, depths, quality codes, constants and contradictions.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset.

    Returns
    -------
    tuple of str
        See :func:`~jules_ml.data.record.record_notes`, :func:`constant_notes`, :func:`~jules_ml.data.clock.clock_notes`,
        :func:`~jules_ml.data.plausibility.plausibility_notes` and :func:`~jules_ml.data.discontinuities.discontinuity_notes`.
    """
    contradictions = plausibility_notes(ds, without_constant=_VARYING)
    return (*record_notes(ds), *constant_notes(ds), *clock_notes(ds), *contradictions, *discontinuity_notes(ds))


def constant_notes(ds: xr.Dataset) -> list[str]:
    """Name the variables, and the depths of soil sensors, whose values are all the same: nothing can be learned from them.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset.

    Returns
    -------
    list of str
        One note for each of them.
    """
    notes = []
    for name in _VARYING:
        if name not in ds:
            continue
        columns = ds[name].transpose("time", ...).to_numpy().reshape(ds.sizes["time"], -1)
        for number, values in enumerate(columns.T):
            valid = values[np.isfinite(values)]
            if len(valid) < _LEAST_VALUES or np.ptp(valid) > 0.0:
                continue
            depth = f", depth {float(ds['depth'][number]):g} m" if "depth" in ds[name].dims else ""
            notes.append(
                f"{place(ds, name)}{depth}: all {len(valid)} values are {valid[0]:g} {ds[name].attrs.get('units', '')}, so nothing can be "
                "learned from them: check the column and the sensor"
            )
    return notes
