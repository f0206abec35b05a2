"""Export form ``initial``: learned soil carbon as files for JULES_INITIAL and for learned hydraulics."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr

from jules_ml.experiment import Experiment
from jules_ml.experiment.carbon_module import CarbonSettings
from jules_ml.learned.carbon.stock import carbon_stock
from jules_ml.learned.predictions import read_predictions
from jules_ml.learned.store import read_module_folder
from jules_ml.learned.uses import Exported, MapRequest
from jules_ml.support.cf import write_dataset
from jules_ml.support.files import safe_file_names
from jules_ml.support.progress import Progress

#: Variables of the topsoil, exported in addition to the carbon of the column.
_FIELDS: Final = {
    "soc_density": "organic carbon density of the topsoil",
    "soc_density_low": "lower bound of organic carbon density",
    "soc_density_high": "upper bound of organic carbon density",
}


def export_carbon(folder: str | Path, out: Path, *, predicted: bool = False) -> list[Path]:
    """Write the soil carbon of each site to a file: ``cs`` for JULES_INITIAL, and organic carbon of the topsoil.

    Parameters
    ----------
    folder : str or Path
        Module folder.
    out : Path
        Folder for the files ``SITE.nc``; see :func:`~jules_ml.support.files.safe_file_name`.
    predicted : bool
        Use predicted carbon even at sites with soil cores, which otherwise take precedence.

    Returns
    -------
    list of Path

    Raises
    ------
    BadInput
        If the folder is not a carbon module, or a file cannot be written.

    Notes
    -----
    ``cs`` has one pool; with four pools, the spin-up of JULES partitions it. ``soc_density`` [kg m-3] is an input of learned hydraulics.
    The attribute ``origin`` of each file states whether its values are from cores or predicted.
    """
    predictions = read_predictions(folder, kind="carbon")
    _, card = read_module_folder(folder, kind="carbon")
    settings = CarbonSettings(**card["settings"])
    written = []
    files = safe_file_names(str(name) for name in predictions["site"].to_numpy())
    for name, file in files.items():
        stock = carbon_stock(predictions.sel(site=name), cover=settings.cover, predicted=predicted)
        fields = {key: stock[key] for key in _FIELDS}
        ds = xr.Dataset(
            {
                "cs": (
                    ("scpool", "sclayer", "y", "x"),
                    np.full((1, 1, 1, 1), stock["cs"]),
                    {"units": "kg m-2", "long_name": "soil carbon of the column"},
                ),
                **{
                    key: (("y", "x"), np.full((1, 1), value), {"units": "kg m-3", "long_name": _FIELDS[key]})
                    for key, value in fields.items()
                },
            },
            attrs={
                "title": f"soil carbon of {name}",
                "origin": stock["origin"],
                "mark": predictions.attrs.get("mark", "none"),
            },
        )
        path = out / f"{file}.nc"
        write_dataset(ds, path, history="jules-ml export", format="NETCDF3_64BIT")
        written.append(path)
    return written


class InitialExport:
    """Form ``initial`` of ``jules-ml export``."""

    kind = "carbon"
    options: tuple[str, ...] = ("predicted", "grid")

    def write(
        self, folder: Path, out: Path, *, predicted: bool = False, experiment: Experiment | None = None
    ) -> Exported:
        """Write the files; see :class:`jules_ml.learned.uses.Export`."""
        return Exported(export_carbon(folder, out, predicted=predicted))

    def write_map(self, folder: Path, out: Path, request: MapRequest, *, progress: Progress | None = None) -> Exported:
        """Write the files of a map; see :class:`jules_ml.learned.uses.MapExport`."""
        from jules_ml.jules.export.carbon_map import export_carbon_map

        return export_carbon_map(folder, out, request, progress=progress)


EXPORT = InitialExport()
