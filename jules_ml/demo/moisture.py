"""The part of the demonstration that learns soil moisture: the column is the first guess, the sensor is what is learned."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import xarray as xr

from jules_ml.data.record import interval
from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.fit import MoistureFit, fit_moisture
from jules_ml.learned.moisture.record import moisture_record
from jules_ml.learned.moisture.site import MoistureSite
from jules_ml.support.progress import Progress

#: Where the module lies in the folder of the demonstration.
MOISTURE_MODULE = Path("modules") / "moisture"
#: Enough for one site, and done in half a minute.
_SETTINGS = MoistureSettings(members=2, steps=80, window=700)

_LEAST = pd.Timedelta(days=2 * 365)


def learn_soil_moisture(
    record: xr.Dataset, output: xr.Dataset, folder: Path, *, progress: Progress | None = None
) -> MoistureFit | None:
    """Learn the sensor's water content from the first years, and score it in the last.

    Parameters
    ----------
    record : xarray.Dataset
        Of the years that the column was run through.
    output : xarray.Dataset
        What the column gave, with ``smcl``: the first guess.
    folder : Path
        Of the demonstration.
    progress : callable, optional
        Receives how far the work has got, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    MoistureFit or None
        Its folder has the figure ``CH-Dav.png``; None where the column was run for less than two years, too few to hold some out.
    """
    if record.sizes["time"] * interval(record) < _LEAST:
        return None
    site = MoistureSite(moisture_record(record, jules=output), licence=str(record.attrs.get("licence", "not stated")))
    return fit_moisture([site], _SETTINGS, folder / MOISTURE_MODULE, progress=progress)


def moisture_lines(fit: MoistureFit) -> list[str]:
    """What came of it, in words, for the user."""
    lines: list[str] = []
    for site, found in fit.scores["sites"].items():
        for name, of in {**found["sensors"], **found["baselines"]}.items():
            who = "learned" if name in found["sensors"] else name
            lines.append(
                f"θ at {site}, last years, {who}: KGE {of['kge']:.2f}, RMSE {of['rmse']:.3f} m3 m-3, r {of['r']:.2f}."
            )
    return lines
