"""Export form ``ancillary``: learned soil properties as files for JULES_SOIL_PROPS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jules_ml.experiment import Experiment
from jules_ml.jules.input_files import write_ancillary
from jules_ml.learned.predictions import read_predictions
from jules_ml.learned.uses import Exported, MapRequest
from jules_ml.physics.soil_names import LAYERED, RESIDUAL
from jules_ml.support.files import safe_file_names
from jules_ml.support.progress import Progress


def export_ancillaries(folder: str | Path, out: Path) -> list[Path]:
    """Write the learned soil properties of each site to a file for JULES_SOIL_PROPS.

    Parameters
    ----------
    folder : str or Path
        Module folder.
    out : Path
        Folder for the files ``SITE.nc``; see :func:`~jules_ml.support.files.safe_file_name`.

    Returns
    -------
    list of Path

    Raises
    ------
    BadInput
        If the folder is not a hydraulics module, or a file cannot be written.

    Notes
    -----
    The water content of JULES excludes residual water: a sensor measures ``smcl/(1000 dz) + theta_r``. The file contains ``theta_r``
    [m3 m-3] by layer, which JULES does not read.
    """
    predictions = read_predictions(folder, kind="hydraulics")
    written = []
    sites = [str(site) for site in predictions["site"].to_numpy()]
    files = safe_file_names(sites)
    for k, site in enumerate(sites):
        values: dict[str, Any] = {name: predictions[name].to_numpy()[:, k] for name in (*LAYERED, *RESIDUAL)}
        values["albsoil"] = float(predictions["albsoil"][k])
        title = f"soil properties of {site}, fitted to soil moisture"
        written.append(write_ancillary(out / f"{files[site]}.nc", values, form="van_genuchten", title=title))
    return written


class AncillaryExport:
    """Form ``ancillary`` of ``jules-ml export``."""

    kind = "hydraulics"
    options: tuple[str, ...] = ("grid", "like", "members", "dzsoil")

    def write(
        self, folder: Path, out: Path, *, predicted: bool = False, experiment: Experiment | None = None
    ) -> Exported:
        """Write the files; see :class:`jules_ml.learned.uses.Export`."""
        return Exported(export_ancillaries(folder, out))

    def write_map(self, folder: Path, out: Path, request: MapRequest, *, progress: Progress | None = None) -> Exported:
        """Write the files of a map; see :class:`jules_ml.learned.uses.MapExport`."""
        from jules_ml.jules.export.soil_map import export_soil_map

        return export_soil_map(folder, out, request, progress=progress)


EXPORT = AncillaryExport()
