"""Learned soil moisture in the demonstration: trained on the sensor, with the column as its first guess."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import xarray as xr

from jules_ml.data.daily import daily_series
from jules_ml.data.profile import layer_or_lowest
from jules_ml.data.readers.column_output import liquid_theta
from jules_ml.data.record import interval
from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.fit import MoistureFit, fit_moisture
from jules_ml.learned.moisture.record import moisture_record
from jules_ml.learned.moisture.site import MoistureSite
from jules_ml.learned.store import PREDICTIONS
from jules_ml.scoring.splits import SPLIT_NAMES
from jules_ml.support.progress import Progress

#: Module folder within the folder of the demonstration.
MOISTURE_MODULE = Path("modules") / "moisture"
#: Sufficient for one site, and fitted in seconds.
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


def theta_by_day(output: xr.Dataset, sensor: xr.DataArray, theta: MoistureFit | None) -> pd.DataFrame:
    """Daily means of the water content by sensor, column and, if it was fitted, moisture module.

    Parameters
    ----------
    output : xarray.Dataset
        Output of the column.
    sensor : xarray.DataArray, dims ('time',)
        Water content by a sensor [m3 m-3], with its ``depth`` [m].
    theta : MoistureFit or None
        Learned soil moisture.

    Returns
    -------
    DataFrame
        Columns ``observed``, ``column`` (liquid water) and, on the test days of the module, ``predicted``, ``lower`` and ``upper``
        [m3 m-3]. With a module only its test days.
    """
    layer = layer_or_lowest(float(sensor["depth"]), output["dzsoil"].to_numpy().tolist())
    days = pd.DataFrame({"observed": daily_series(sensor), "column": daily_series(liquid_theta(output, layer))})
    if theta is None:
        return days
    with xr.open_dataset(theta.folder / PREDICTIONS) as ds:
        rows = ds[["predicted", "lower", "upper", "split"]].to_dataframe()
        rows.index = pd.DatetimeIndex(ds["time"].to_numpy()) - pd.Timedelta(days=1)
    test = rows[rows["split"] == SPLIT_NAMES.index("test")].drop(columns="split")
    return test.join(days)
