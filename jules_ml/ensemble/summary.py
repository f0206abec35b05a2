"""Quantiles, mean and standard deviation over members, prior and posterior, computed in blocks along time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
from numpy.typing import NDArray

from jules_ml.ensemble.gathering import gathered_dataset
from jules_ml.errors import RunFailed
from jules_ml.support.cf import variable_attributes
from jules_ml.support.disk import reason_of
from jules_ml.support.files import atomic_write

SUMMARISED = "summary.nc"
#: Greatest memory of a block of all members [bytes].
_BLOCK_BYTES = 64 * 1024**2
#: Longest side of a chunk of the file.
_CHUNK = 1024


def weighted_quantiles(
    values: NDArray[np.floating], quantiles: Sequence[float], weights: NDArray[np.floating] | None = None
) -> NDArray[np.float64]:
    r"""Compute weighted quantiles over the first dimension.

    The distribution function passes through the middle of each value's weight, and is linear in between:
    :math:`F(x_k) = (\sum_{j \le k} w_j - w_k/2)/\sum w`.

    Parameters
    ----------
    values : array, shape (member, ...)
        NaN for missing members, which are left out.
    quantiles : sequence of float, shape (quantile,)
    weights : array, shape (member,), optional
        Weights; equal if not given.

    Returns
    -------
    array, shape (quantile, ...)
        NaN where all members are missing.

    References
    ----------
    Hazen (1914), Trans. ASCE 77, 1539-1640, for equal weights.
    """
    flat = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
    w = np.ones(len(flat)) if weights is None else np.asarray(weights, dtype=np.float64)
    order = np.argsort(flat, axis=0)
    ordered = np.take_along_axis(flat, order, axis=0)
    # NaN is sorted to the end, and has no weight
    weight = np.where(np.isfinite(ordered), w[order], 0.0)
    total = weight.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        cdf = (np.cumsum(weight, axis=0) - 0.5 * weight) / total
    result = np.full((len(quantiles), flat.shape[1]), np.nan)
    for column in np.flatnonzero(total > 0.0):
        weighted = weight[:, column] > 0.0
        result[:, column] = np.interp(quantiles, cdf[weighted, column], ordered[weighted, column])
    return result.reshape(len(quantiles), *np.shape(values)[1:])


def summarise(folder: Path, quantiles: Sequence[float], weights: NDArray[np.floating] | None = None) -> Path:
    """Write quantiles, mean, standard deviation and, with weights, posterior mean and quantiles of every variable.

    Parameters
    ----------
    folder : Path
        Folder of a gathered ensemble.
    quantiles : sequence of float
    weights : array, shape (member,), optional
        Posterior weights.

    Returns
    -------
    Path
        ``summary.nc``.

    Raises
    ------
    BadInput
        If the ensemble has not been gathered.
    RunFailed
        If the file cannot be written.
    """
    path = folder / SUMMARISED
    with gathered_dataset(folder) as source:
        source.set_auto_mask(False)
        try:
            with atomic_write(path) as part, netCDF4.Dataset(part, "w", format="NETCDF4") as file:
                names = _define(file, source, quantiles, weights is not None)
                for name in names:
                    for at, values in _blocks(source[name]):
                        _write(file, name, at, values, quantiles, weights)
        except (OSError, RuntimeError) as error:
            # netCDF's library reports a full disk as a RuntimeError
            raise RunFailed(f"{path} cannot be written ({reason_of(error, folder)})") from error
    return path


def _define(
    file: netCDF4.Dataset, source: netCDF4.Dataset, quantiles: Sequence[float], with_weights: bool
) -> list[str]:
    for dim, size in source.dimensions.items():
        if dim != "member":
            file.createDimension(dim, None if size.isunlimited() else len(size))
    file.createDimension("quantile", len(quantiles))
    quantile = file.createVariable("quantile", "f8", ("quantile",))
    quantile.setncatts({"units": "1", "long_name": "cumulative probability"})
    quantile[:] = quantiles
    sizes = {dim: len(size) for dim, size in source.dimensions.items()} | {"quantile": len(quantiles)}
    names = []
    for name, variable in source.variables.items():
        if "member" not in variable.dimensions:
            copy = file.createVariable(name, variable.dtype, variable.dimensions)
            copy[:] = variable[:]
            copy.setncatts({key: variable.getncattr(key) for key in variable.ncattrs() if key != "_FillValue"})
            continue
        if variable.dimensions == ("member",) or variable.dtype.kind != "f":
            continue
        names.append(name)
        dims = variable.dimensions[1:]
        kinds = [(f"{name}_quantiles", ("quantile", *dims)), (f"{name}_mean", dims), (f"{name}_sd", dims)]
        if with_weights:
            kinds += [(f"{name}_posterior_mean", dims), (f"{name}_posterior_quantiles", ("quantile", *dims))]
        for label, along in kinds:
            chunks = [min(sizes[dim], _CHUNK) for dim in along]
            target = file.createVariable(label, "f8", along, zlib=True, complevel=1, chunksizes=chunks)
            target.setncatts(_attributes_of(variable, label.removeprefix(f"{name}_")))
    keys = ("Conventions", "title", "institution", "source", "data_sha256", "history")
    file.setncatts({key: source.getncattr(key) for key in keys if key in source.ncattrs()})
    return names


def _attributes_of(variable: netCDF4.Variable[Any], statistic: str) -> dict[str, Any]:
    """Attributes of a statistic over the members; the deviation of a temperature is a difference."""
    attrs = {key: variable.getncattr(key) for key in variable.ncattrs() if key not in ("_FillValue", "units_metadata")}
    words = {"sd": "standard deviation", "mean": "mean", "quantiles": "quantiles"}
    words |= {f"posterior_{key}": f"posterior {words[key]}" for key in ("mean", "quantiles")}
    attrs["long_name"] = f"{attrs.get('long_name', variable.name)}, {words[statistic]} of the members"
    if statistic == "sd":
        attrs.pop("standard_name", None)
    return variable_attributes(attrs, difference=statistic == "sd")


def _blocks(variable: netCDF4.Variable[Any]) -> Iterator[tuple[slice, NDArray[np.floating]]]:
    """Yield blocks of a variable: all members, and as much of its first other dimension as memory allows."""
    each = variable.dtype.itemsize * int(np.prod([variable.shape[0], *variable.shape[2:]]))
    length = max(int(_BLOCK_BYTES // max(each, 1)), 1)
    for start in range(0, variable.shape[1], length):
        at = slice(start, min(start + length, variable.shape[1]))
        yield at, variable[:, at]


def _write(
    file: netCDF4.Dataset,
    name: str,
    at: slice,
    values: NDArray[np.floating],
    quantiles: Sequence[float],
    weights: NDArray[np.floating] | None,
) -> None:
    finite = np.isfinite(values)
    file[f"{name}_quantiles"][:, at] = weighted_quantiles(values, quantiles)
    mean, sd = _moments(values, finite)
    file[f"{name}_mean"][at] = mean
    file[f"{name}_sd"][at] = sd
    if weights is not None:
        file[f"{name}_posterior_mean"][at] = _weighted_mean(values, finite, weights)
        file[f"{name}_posterior_quantiles"][:, at] = weighted_quantiles(values, quantiles, weights)


def _moments(
    values: NDArray[np.floating], finite: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation over the members that have a value, element by element."""
    n = finite.sum(axis=0)
    filled = np.where(finite, values.astype(np.float64, copy=False), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = filled.sum(axis=0) / n
        variance = np.square(np.where(finite, filled - mean, 0.0)).sum(axis=0) / (n - 1)
    sd = np.where(n > 1, np.sqrt(np.maximum(variance, 0.0)), np.where(n == 1, 0.0, np.nan))
    return mean, sd


def _weighted_mean(
    values: NDArray[np.floating], finite: NDArray[np.bool_], weights: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Posterior mean over the members that have a value, element by element; NaN where these have no weight."""
    filled = np.where(finite, values.astype(np.float64, copy=False), 0.0)
    total = np.tensordot(weights, finite.astype(np.float64), axes=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.tensordot(weights, filled, axes=1) / total, dtype=np.float64)
