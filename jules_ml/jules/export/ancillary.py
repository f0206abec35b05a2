"""Learned soil properties as ancillary files for JULES_SOIL_PROPS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jules_ml.jules.input_files import write_ancillary
from jules_ml.learned.predictions import read_predictions
from jules_ml.physics.soil_names import LAYERED, RESIDUAL
from jules_ml.support.files import file_name_of


def export_ancillaries(folder: str | Path, out: Path) -> list[Path]:
    """Write the learned soil of every site as a file for JULES_SOIL_PROPS.

    Parameters
    ----------
    folder : str or Path
        Module folder.
    out : Path
        Folder for the files, ``SITE.nc`` each; what is neither letter nor digit in a site's name becomes ``_``.

    Returns
    -------
    list of Path

    Raises
    ------
    BadInput
        If the folder is none of learned hydraulics, or a file cannot be written.

    Notes
    -----
    JULES's water content leaves out residual water. The file has it as ``theta_r`` [m3 m-3] by layer, which JULES does not read: a sensor
    reads ``smcl/(1000 dz) + theta_r``.
    """
    predictions = read_predictions(folder, kind="hydraulics")
    written = []
    for k, site in enumerate(predictions["site"].to_numpy()):
        values: dict[str, Any] = {name: predictions[name].to_numpy()[:, k] for name in (*LAYERED, *RESIDUAL)}
        values["albsoil"] = float(predictions["albsoil"][k])
        title = f"soil properties of {site}, learned from soil moisture"
        written.append(
            write_ancillary(out / f"{file_name_of(str(site))}.nc", values, form="van_genuchten", title=title)
        )
    return written


class AncillaryExport:
    """Form ``ancillary`` of ``jules-ml export``."""

    kind = "hydraulics"
    title = "one file of soil properties per site, for JULES_SOIL_PROPS"
    options: tuple[str, ...] = ()

    def write(self, folder: Path, out: Path, *, predicted: bool = False) -> list[Path]:
        """Write the files; see :class:`jules_ml.learned.uses.Export`."""
        return export_ancillaries(folder, out)


EXPORT = AncillaryExport()
