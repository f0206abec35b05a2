"""Soil carbon of a module folder as files that JULES and learned hydraulics start from."""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import xarray as xr

from jules_ml.modules.carbon_settings import CarbonSettings
from jules_ml.modules.store import read_module_folder, read_predictions
from jules_ml.wholefile import whole_file

#: What is exported of the topsoil beside the column's carbon.
_FIELDS: Final = {
    "soc": "organic carbon of the topsoil",
    "soc_low": "lower bound of organic carbon",
    "soc_high": "upper bound of organic carbon",
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
    ``cs`` is of one pool; for four, JULES's spin-up parts it. ``soc`` [kg m-3] is what learned hydraulics take as an input. The attribute
    ``origin`` says of each file whether it is from cores or predicted.
    """
    predictions = read_predictions(folder, kind="carbon")
    _, card = read_module_folder(folder, kind="carbon")
    settings = CarbonSettings(**card["settings"])
    written = []
    for name in predictions["site"].to_numpy():
        found = carbon_stock(predictions.sel(site=name), cover=settings.cover, predicted=predicted)
        fields = {key: found[key] for key in ("soc", "soc_low", "soc_high")}
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


def carbon_stock(here: xr.Dataset, *, cover: float = 0.9, predicted: bool) -> dict[str, Any]:
    """Carbon of one site.

    Parameters
    ----------
    here : xarray.Dataset
        Predictions of a module folder, of one site.
    cover : float
        Share that bounds of cores are to cover.
    predicted : bool
        As in :func:`export_carbon`.

    Returns
    -------
    dict
        ``cs`` of the column [kg m-2], ``soc`` of the topsoil with ``soc_low`` and ``soc_high`` [kg m-3], and ``origin``.
    """
    cored = "cs_cored" in here and bool(np.isfinite(here["cs_cored"]))
    if cored and not predicted:
        soc = float(here["observed"])
        # the median of the cores stands for the place to within their spread
        reach = float(np.exp(NormalDist().inv_cdf(0.5 + 0.5 * cover) * float(here["spread"])))
        low, high, origin = soc / reach, soc * reach, "cores of the site; bounds from their spread"
        stock, density = float(here["cs_cored"]), float(here["bulk_density_cored"])
        low_density = high_density = density
    else:
        soc, low, high = (float(here[key]) for key in ("predicted", "low", "high"))
        origin = "predicted by a module that has not seen the site" + ("; its cores were set aside" if cored else "")
        stock, density = float(here["cs"]), float(here["bulk_density"])
        low_density, high_density = (float(here[f"bulk_density_at_{key}"]) for key in ("low", "high"))
    return {
        "cs": stock,
        "soc": 0.001 * soc * density,
        "soc_low": 0.001 * low * low_density,
        "soc_high": 0.001 * high * high_density,
        "origin": origin,
    }
