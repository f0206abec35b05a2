"""Files of converted output, in the layouts that ILAMB, modelevaluation.org and CalLMIP read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from jules_ml.comparison.alma import Names, converted_variables
from jules_ml.comparison.convertible import Convertible
from jules_ml.errors import BadInput
from jules_ml.support.cf import LATITUDE, LONGITUDE, TIME, write_dataset
from jules_ml.support.files import safe_file_name

#: Value of missing numbers in converted files.
FILL: Final = 1.0e20
_TITLES: Final = {"alma": "ALMA names and signs", "cmip": "CMIP names and signs"}


def converted_dataset(run: Convertible, names: Names) -> xr.Dataset:
    """Output of a run with the names, units and signs of ALMA or CMIP.

    Parameters
    ----------
    run : Convertible
    names : {'alma', 'cmip'}

    Returns
    -------
    Dataset
        Dimensions ``time``, ``depth``, ``lat``, ``lon``. Times are those of the start of each period with ``alma``, as in PLUMBER2, and
        of its middle with ``cmip``; ``time_bounds`` has start and end, UTC.

    Raises
    ------
    BadInput
        If no variable can be converted.
    """
    variables = converted_variables(run.ds, names, at_end=run.at_end)
    if not variables:
        raise BadInput(
            "the output has no variable that can be converted",
            where=run.site,
            remedy="write latent_heat, ftl_gb, fqw_gb, smcl or gpp_gb in the output of the run",
        )
    dims = [dim for dim in ("time", "soil", "lat", "lon") if any(dim in v.dims for v in variables.values())]
    ds = xr.Dataset(
        {name: v.transpose(*(d for d in dims if d in v.dims)).reset_coords(drop=True) for name, v in variables.items()}
    )
    stamps = run.bounds[:, 0] if names == "alma" else run.bounds[:, 0] + (run.bounds[:, 1] - run.bounds[:, 0]) / 2
    place = "start" if names == "alma" else "middle"
    ds = ds.assign_coords(
        time=("time", stamps, {**TIME, "long_name": f"{place} of the period, UTC", "bounds": "time_bounds"}),
        time_bounds=(("time", "bounds"), run.bounds),
        lat=("lat", ds["lat"].to_numpy(), {**LATITUDE, "axis": "Y"}),
        lon=("lon", ds["lon"].to_numpy(), {**LONGITUDE, "axis": "X"}),
    )
    return _with_depth(ds, run) if "soil" in ds.dims else ds


def _with_depth(ds: xr.Dataset, run: Convertible) -> xr.Dataset:
    """Add the depth of the soil layers with their bounds."""
    bottom = np.cumsum(run.ds["dzsoil"].to_numpy().astype(np.float64))
    bounds = np.stack([np.concatenate([[0.0], bottom[:-1]]), bottom], axis=1)
    attrs = {
        "units": "m",
        "positive": "down",
        "axis": "Z",
        "standard_name": "depth",
        "long_name": "middle of soil layer",
        "bounds": "depth_bounds",
    }
    return ds.rename(soil="depth").assign_coords(
        depth=("depth", bounds.mean(axis=1), attrs), depth_bounds=(("depth", "bounds"), bounds)
    )


def converted_file(site: str, names: Names, out: Path) -> Path:
    """Path of the converted file of a site in a folder, ``SITE_alma.nc`` or ``SITE_cmip.nc``."""
    return out / f"{safe_file_name(site)}_{names}.nc"


def write_converted(run: Convertible, names: Names, out: Path) -> Path:
    """Write a file of a run with the names of ALMA or CMIP.

    Parameters
    ----------
    run : Convertible
    names : {'alma', 'cmip'}
    out : Path
        Folder; created if it does not exist.

    Returns
    -------
    Path
        See :func:`converted_file`.

    Raises
    ------
    BadInput
        As :func:`converted_dataset`; if the file cannot be written.
    """
    made_at = {"institution": run.institution} if run.institution else {}
    ds = converted_dataset(run, names).assign_attrs(source=run.source, **made_at)
    path = converted_file(run.site, names, out)
    since = np.datetime_as_string(run.bounds[0, 0], unit="s").replace("T", " ")
    encoding: dict[str, dict[str, Any]] = {str(name): {"_FillValue": FILL, "dtype": "float32"} for name in ds.data_vars}
    for name in ("time", "time_bounds"):
        encoding[name] = {"units": f"days since {since}", "calendar": "standard", "dtype": "float64"}
    write_dataset(
        ds,
        path,
        title=f"{run.site}: output with {_TITLES[names]}",
        history=f"jules-ml convert --to {names}",
        encoding=encoding,
        unlimited_dims=["time"],
    )
    return path
