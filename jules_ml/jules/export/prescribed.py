"""Learned soil moisture as a file that an unmodified JULES prescribes its soil water from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.errors import BadInput
from jules_ml.jules.input_files import sthuf_from_theta, write_prescribed
from jules_ml.learned.predictions import read_predictions
from jules_ml.learned.store import PREDICTIONS, read_module_folder
from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.support.files import file_name_of


def export_prescribed(folder: str | Path, out: Path) -> list[Path]:
    """Write ``sthuf`` of every site of a module of soil moisture, day by day, for JULES_PRESCRIBED_DATASET.

    Parameters
    ----------
    folder : str or Path
        Module folder of soil moisture.
    out : Path
        Folder for ``<site>_sthuf.nc``, of dimensions time, soil, y and x.

    Returns
    -------
    list of Path

    Raises
    ------
    BadInput
        If the folder holds no module of soil moisture, or nobody said how much water saturates the soil of any site.

    Notes
    -----
    Sensors see residual water and JULES leaves it out: it is taken off, and the rest divided by saturation. The first layers follow
    sensors; layers below the deepest one only follow their anomalies, so ``[jules.prescribed] levels`` should name those to use. Days
    are those of local standard time, so that a file begins at the hour UTC at which they do.
    """
    folder = Path(folder)
    _, card = read_module_folder(folder, kind="moisture")
    known = {site: of for site, of in card["sites"].items() if of["sm_sat"] is not None}
    if not known:
        raise BadInput(
            "how much water saturates the soil is not known of any site",
            where=folder,
            remedy="give sm_sat (and theta_r) of the run's soil under [moisture], and fit again",
        )
    predictions = read_predictions(folder, kind="moisture")
    predicted = set(predictions["site"].to_numpy().tolist())
    written = [_write(predictions, site, of, out) for site, of in known.items() if site in predicted]
    if not written:
        raise BadInput(
            "the module has no predictions of a site whose saturation is known",
            where=folder / PREDICTIONS,
            remedy="give sm_sat (and theta_r) of the run's soil under [moisture] of the site that was taken in",
        )
    return written


def _write(predictions: xr.Dataset, site: str, of: dict[str, Any], out: Path) -> Path:
    mine = predictions.isel(row=np.flatnonzero(predictions["site"].to_numpy() == site))
    theta = mine["theta_layers"].to_numpy()
    # stamps are the ends of days in local standard time: a value holds from a day's start on, which JULES wants in UTC
    offset = pd.Timedelta(hours=float(of.get("utc_offset_hours", 0.0)))
    end = pd.DatetimeIndex(mine["time"].to_numpy())
    return write_prescribed(
        out / f"{file_name_of(site)}_sthuf.nc",
        {"sthuf": sthuf_from_theta(theta, _layers(of["sm_sat"]), _layers(of["theta_r"]))},
        start=end[0] - pd.Timedelta(days=1) - offset,
        period_seconds=SECONDS_PER_DAY,
        title=f"learned soil moisture at {site}",
    )


def _layers(values: list[float]) -> np.ndarray:
    return np.asarray(values if len(values) > 1 else values * 4, dtype=np.float64)


class PrescribedExport:
    """Form ``prescribed`` of ``jules-ml export``."""

    kind = "moisture"
    title = "one file of soil water through time per site, for JULES_PRESCRIBED_DATASET"
    options: tuple[str, ...] = ()

    def write(self, folder: Path, out: Path, *, predicted: bool = False) -> list[Path]:
        """Write the files; see :class:`jules_ml.learned.uses.Export`."""
        return export_prescribed(folder, out)


EXPORT = PrescribedExport()
