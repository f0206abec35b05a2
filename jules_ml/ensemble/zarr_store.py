"""The gathered file as a Zarr store, for parallel or remote access."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import xarray as xr

from jules_ml.ensemble.gathering import GATHERED
from jules_ml.errors import BadInput, RunFailed
from jules_ml.support.disk import reason_of

ZARR = "ensemble.zarr"
#: Number of members read at a time.
_BLOCK = 64


def write_zarr(folder: Path) -> Path:
    """Write ``ensemble.zarr`` from ``ensemble.nc``, in blocks of members; the final name never refers to an incomplete store.

    Parameters
    ----------
    folder : Path
        Folder of a gathered ensemble.

    Returns
    -------
    Path

    Raises
    ------
    BadInput
        If the package ``zarr`` is not installed.
    RunFailed
        If it cannot be written.
    """
    require_zarr()
    path, part = folder / ZARR, folder / f".writing-{ZARR}"
    try:
        shutil.rmtree(part, ignore_errors=True)
        with xr.open_dataset(folder / GATHERED, decode_times=False) as ds:
            along = [name for name in ds.variables if "member" in ds[name].dims]
            for name in ds.variables:
                ds[name].encoding.clear()
            n = ds.sizes["member"]
            for start in range(0, n, _BLOCK):
                block = ds.isel(member=slice(start, start + _BLOCK)).load()
                if start == 0:
                    block.to_zarr(part, mode="w", consolidated=False)
                else:
                    block[along].to_zarr(part, append_dim="member", consolidated=False)
        shutil.rmtree(path, ignore_errors=True)
        os.replace(part, path)
    except OSError as error:
        raise RunFailed(f"{path} cannot be written ({reason_of(error, folder)})") from error
    return path


def require_zarr() -> None:
    """Check that the package ``zarr`` is installed, before members are run.

    Raises
    ------
    BadInput
        If the package ``zarr`` is not installed.
    """
    try:
        import zarr  # noqa: F401
    except ImportError as error:
        raise BadInput(
            "the package zarr is not installed",
            where="ensemble.format",
            remedy="install it (pip install 'jules_ml[zarr]'), or remove ensemble.format",
        ) from error
