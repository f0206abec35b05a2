"""Soil carbon of a module folder as files that JULES and learned hydraulics start from."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr

from jules_ml.experiment.carbon_module import CarbonSettings
from jules_ml.learned.carbon.stock import carbon_stock
from jules_ml.learned.predictions import read_predictions
from jules_ml.learned.store import read_module_folder
from jules_ml.support.files import whole_file

#: What is exported of the topsoil beside the column's carbon.
_FIELDS: Final = {
    "soc_density": "organic carbon density of the topsoil",
    "soc_density_low": "lower bound of organic carbon density",
    "soc_density_high": "upper bound of organic carbon density",
}


def export_carbon(folder: str | Path, out: Path, *, predicted: bool = False) -> list[Path]:
    """Write each site's carbon as a file that JULES starts from: ``cs`` for JULES_INITIAL, and the SOC field beside it.

    Parameters
    ----------
    folder : str or Path
        Module folder.
    out : Path
        Folder for the files, ``SITE.nc`` each.
    predicted : bool
        Take what is predicted even where the site has cores, which go before it otherwise.

    Returns
    -------
    list of Path

    Raises
    ------
    BadInput
        If the folder is none of learned carbon, or a file cannot be written.

    Notes
    -----
    ``cs`` is of one pool; for four, JULES's spin-up parts it. ``soc_density`` [kg m-3] is an input of learned hydraulics. The attribute
    ``origin`` says of each file whether it is from cores or predicted.
    """
    predictions = read_predictions(folder, kind="carbon")
    _, card = read_module_folder(folder, kind="carbon")
    settings = CarbonSettings(**card["settings"])
    written = []
    for name in predictions["site"].to_numpy():
        found = carbon_stock(predictions.sel(site=name), cover=settings.cover, predicted=predicted)
        fields = {key: found[key] for key in _FIELDS}
        ds = xr.Dataset(
            {
                "cs": (
                    ("scpool", "sclayer", "y", "x"),
                    np.full((1, 1, 1, 1), found["cs"]),
                    {"units": "kg m-2", "long_name": "soil carbon of the column"},
                ),
                **{
                    key: (("y", "x"), np.full((1, 1), value), {"units": "kg m-3", "long_name": _FIELDS[key]})
                    for key, value in fields.items()
                },
            },
            attrs={
                "title": f"soil carbon of {name}",
                "origin": found["origin"],
                "mark": predictions.attrs.get("mark", "none"),
            },
        )
        path = out / f"{name}.nc"
        with whole_file(path) as part:
            ds.to_netcdf(part, engine="netcdf4", format="NETCDF3_64BIT")
        written.append(path)
    return written


class InitialExport:
    """Form ``initial`` of ``jules-ml export``."""

    kind = "carbon"
    title = "one file of soil carbon per site, for JULES_INITIAL"
    options: tuple[str, ...] = ("predicted",)

    def write(self, folder: Path, out: Path, *, predicted: bool = False) -> list[Path]:
        """Write the files; see :class:`jules_ml.learned.uses.Export`."""
        return export_carbon(folder, out, predicted=predicted)


EXPORT = InitialExport()
