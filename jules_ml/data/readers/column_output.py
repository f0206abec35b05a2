"""Reader of the output of the soil column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
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


def read_output(path: Path, *, dzsoil: Sequence[float] | None = None) -> xr.Dataset:
    """Water content of a run of the column, or of an ensemble of them.

    Parameters
    ----------
    path : Path
        File written by :func:`write_output`, or ``ensemble.nc``, with ``smcl``.
    dzsoil : sequence of float, optional
        Thickness of the layers of a file that does not have it, as that of an ensemble of runs of JULES [m].

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
    required = ("smcl", "dzsoil") if dzsoil is None else ("smcl",)
    ds = read_cf(path, required=required, kind="a run of the column with smcl in its output")
    if dzsoil is not None:
        if ds.sizes.get("soil") != len(dzsoil):
            raise BadInput(
                f"the run has {ds.sizes.get('soil', 'no')} soil layers, and dzsoil is given for {len(dzsoil)}",
                where=path,
                remedy="give dzsoil, the thickness of its layers, in the experiment",
            )
        ds = ds.assign(dzsoil=("soil", np.asarray(dzsoil, dtype=np.float64)))
    check_model_data(ds, where=path)
    if ds.sizes["time"] < 2:
        raise BadInput("the run has a single output period", where=path, remedy="give a run of many days")
    for name in ("smcl", "dzsoil"):
        if ds[name].dtype.kind not in "iuf":
            raise BadInput(
                f"the variable is of the type {ds[name].dtype}, not a number",
                where=f"{path}, variable {name}",
                remedy="give the file as the run wrote it",
            )
    ds = ds.set_coords("dzsoil")
    steps = np.diff(ds["time"].to_numpy())
    if (steps != steps[0]).any() or steps[0] <= np.timedelta64(0):
        row = int(np.flatnonzero((steps != steps[0]) | (steps <= np.timedelta64(0)))[0])
        raise BadInput(
            f"the output period after {ds['time'].to_numpy()[row]} is {pd.Timedelta(steps[row])}, and the first {pd.Timedelta(steps[0])}",
            where=f"{path}, variable time",
            remedy="give the file as the run wrote it",
        )
    period = float(steps[0] / np.timedelta64(1, "s"))
    theta = ds["smcl"] / (RHO_WATER * ds["dzsoil"]) + ds.get("theta_r", 0.0)
    if not bool(((theta >= 0.0) & (theta <= 1.0) | theta.isnull()).all()):
        raise BadInput(
            f"the water content of a layer is {float(theta.min()):.3g} to {float(theta.max()):.3g} m3 m-3, outside 0 to 1",
            where=f"{path}, variable smcl",
            remedy="give the file as the run wrote it: smcl in kg m-2 and dzsoil in m",
        )
    if "member" in theta.dims:
        theta = theta.dropna("member", how="all")  # members that failed
    return xr.Dataset({"theta": theta}, attrs={"interval_seconds": period})
