"""Reader of the output of the soil column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from jules_ml.data.model_variables import check_model_data
from jules_ml.data.netcdffile import read_cf
from jules_ml.errors import BadInput
from jules_ml.physics.constants import RHO_WATER


def liquid_theta(output: xr.Dataset, layer: int) -> xr.DataArray:
    """Water content that a sensor in a layer measures: liquid water and residual water, without ice.

    Parameters
    ----------
    output : xarray.Dataset
        Output of :func:`output_dataset`, with ``sthu``.
    layer : int
        Soil layer, from 0 at the top.

    Returns
    -------
    xarray.DataArray, dims ('time',)
        [m3 m-3].
    """
    theta = output["sthu"].isel(soil=layer) * output["sm_sat"].isel(soil=layer) + output["theta_r"].isel(soil=layer)
    return theta.rename("theta").assign_attrs(units="m3 m-3", long_name="liquid water content of soil layer")


def read_output(path: Path) -> xr.Dataset:
    """Water content of a run of the column, or of an ensemble of them.

    Parameters
    ----------
    path : Path
        File written by :func:`write_output`, or ``ensemble.nc``, with ``smcl``.

    Returns
    -------
    xarray.Dataset
        ``theta`` [m3 m-3] of dimensions ``time`` (UTC, end of the period), ``soil`` and, for an ensemble, ``member``, residual water
        included if the file has it (that of an ensemble does not); coordinate ``dzsoil`` [m].

    Raises
    ------
    BadInput
        If the file is not such a run, or truncated, or a value is outside its range.
    """
    ds = read_cf(path, required=("smcl", "dzsoil"), kind="a run of the column with smcl in its output")
    check_model_data(ds, where=path)
    if ds.sizes["time"] < 2:
        raise BadInput("the run has a single output period", where=path, remedy="give a run of many days")
    ds = ds.set_coords("dzsoil")
    period = float((ds["time"][1] - ds["time"][0]) / np.timedelta64(1, "s"))
    theta = ds["smcl"] / (RHO_WATER * ds["dzsoil"]) + ds.get("theta_r", 0.0)
    if "member" in theta.dims:
        theta = theta.dropna("member", how="all")  # members that failed
    return xr.Dataset({"theta": theta}, attrs={"interval_seconds": period})
