"""Export form ``prescribed``: learned soil moisture as files for JULES_PRESCRIBED_DATASET."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.jules.export.prescribed_map import export_prescribed_map
from jules_ml.jules.input_files import sthuf_from_theta, write_prescribed
from jules_ml.learned.predictions import read_predictions
from jules_ml.learned.store import PREDICTIONS, read_module_folder
from jules_ml.learned.uses import Exported, MapRequest
from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.support.files import safe_file_names
from jules_ml.support.progress import Progress


def export_prescribed(folder: str | Path, out: Path) -> list[Path]:
    """Write the files of :func:`prescribed_files`, and return them in the order of the sites."""
    return list(prescribed_files(folder, out).values())


def prescribed_files(folder: str | Path, out: Path) -> dict[str, Path]:
    """Write daily ``sthuf`` of each site of a moisture module to a file for JULES_PRESCRIBED_DATASET.

    Parameters
    ----------
    folder : str or Path
        Module folder of soil moisture.
    out : Path
        Folder for the files ``SITE_sthuf.nc`` of dimensions (time, soil, y, x).

    Returns
    -------
    dict of str to Path
        File of each site.

    Raises
    ------
    BadInput
        If the folder is not a moisture module, or ``sm_sat`` is unknown at all of its sites.

    Notes
    -----
    Sensors include residual water and JULES excludes it: it is subtracted, and the result is divided by ``sm_sat``. Upper layers follow
    the sensors; layers below the deepest sensor follow only their anomalies, so that ``[jules.prescribed] levels`` should select layers.
    Days are in local standard time, so that a file starts at the corresponding hour UTC.
    """
    folder = Path(folder)
    _, card = read_module_folder(folder, kind="moisture")
    sites = {site: entry for site, entry in card["sites"].items() if entry["sm_sat"] is not None}
    if not sites:
        raise BadInput(
            "the water content at saturation is unknown at all sites",
            where=folder,
            remedy="give sm_sat (and theta_r) of the soil of the run under [moisture], and fit again",
        )
    predictions = read_predictions(folder, kind="moisture")
    predicted = set(predictions["site"].to_numpy().tolist())
    names = safe_file_names(sites)
    written = {
        site: _write(predictions, site, entry, out / f"{names[site]}_sthuf.nc")
        for site, entry in sites.items()
        if site in predicted
    }
    if not written:
        raise BadInput(
            "the module has no predictions at the sites with known water content at saturation",
            where=folder / PREDICTIONS,
            remedy="give sm_sat (and theta_r) of the soil of the run under [moisture] for the sites with predictions",
        )
    return written


def _write(predictions: xr.Dataset, site: str, entry: dict[str, Any], path: Path) -> Path:
    rows = predictions.isel(row=np.flatnonzero(predictions["site"].to_numpy() == site))
    theta = rows["theta_layers"].to_numpy()
    # time stamps are the ends of days in local standard time; JULES needs the start of each day in UTC
    offset = pd.Timedelta(hours=float(entry.get("utc_offset_hours", 0.0)))
    end = pd.DatetimeIndex(rows["time"].to_numpy())
    return write_prescribed(
        path,
        {"sthuf": sthuf_from_theta(theta, _layers(entry["sm_sat"]), _layers(entry["theta_r"]))},
        start=end[0] - pd.Timedelta(days=1) - offset,
        period_seconds=SECONDS_PER_DAY,
        title=f"learned soil moisture at {site}",
    )


def _layers(values: list[float]) -> np.ndarray:
    return np.asarray(values if len(values) > 1 else values * 4, dtype=np.float64)


class PrescribedExport:
    """Form ``prescribed`` of ``jules-ml export``."""

    kind = "moisture"
    options: tuple[str, ...] = ("grid", "run")

    def write(
        self, folder: Path, out: Path, *, predicted: bool = False, experiment: Experiment | None = None
    ) -> Exported:
        """Write the files; see :class:`jules_ml.learned.uses.Export`."""
        return Exported(export_prescribed(folder, out))

    def write_map(self, folder: Path, out: Path, request: MapRequest, *, progress: Progress | None = None) -> Exported:
        """Write the file of a grid; see :class:`jules_ml.learned.uses.MapExport`."""
        return export_prescribed_map(folder, out, request, progress=progress)


EXPORT = PrescribedExport()
