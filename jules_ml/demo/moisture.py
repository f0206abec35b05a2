"""Learned soil moisture in the demonstration: trained on the sensor, with the column as its first guess."""

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

#: Module folder within the folder of the demonstration.
MOISTURE_MODULE = Path("modules") / "moisture"
#: Sufficient for one site, and fitted in half a minute.
_SETTINGS = MoistureSettings(members=2, steps=80, window=700)

#: Shortest record that can be split into training and test period.
_MIN_LENGTH = pd.Timedelta(days=2 * 365)


def fit_soil_moisture(
    record: xr.Dataset, output: xr.Dataset, folder: Path, *, progress: Progress | None = None
) -> MoistureFit | None:
    """Train a soil moisture module on the first years of the sensor's water content, and score it on the last years.

    Parameters
    ----------
    record : xarray.Dataset
        Record of the years of the run.
    output : xarray.Dataset
        Output of the column with ``smcl``, which is the first guess.
    folder : Path
        Folder of the demonstration.
    progress : callable, optional
        Receives how far the work has got, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    MoistureFit or None
        Its folder has the figure ``CH-Dav.png``. None if the run is shorter than two years, too short for a test period.
    """
    if record.sizes["time"] * interval(record) < _MIN_LENGTH:
        return None
    site = MoistureSite(moisture_record(record, jules=output), licence=str(record.attrs.get("licence", "not stated")))
    return fit_moisture([site], _SETTINGS, folder / MOISTURE_MODULE, progress=progress)


def moisture_messages(fit: MoistureFit) -> list[str]:
    """Format the scores as lines of text for the user."""
    lines: list[str] = []
    for site, scores in fit.scores["sites"].items():
        for name, values in {**scores["sensors"], **scores["baselines"]}.items():
            source = "learned" if name in scores["sensors"] else name
            lines.append(
                f"θ at {site}, test period, {source}: KGE {values['kge']:.2f}, RMSE {values['rmse']:.3f} m3 m-3, r {values['r']:.2f}."
            )
    return lines
