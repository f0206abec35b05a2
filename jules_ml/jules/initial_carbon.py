"""Initial soil carbon, vegetated fraction and clay of a run of JULES, from the constants, files or dump that it starts from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.model_variables import check_model_values
from jules_ml.data.netcdffile import read_netcdf
from jules_ml.errors import BadInput
from jules_ml.jules.run_folder import RunFolder
from jules_ml.jules.soil_properties import original_property
from jules_ml.jules.variable_lists import ListedVariable, is_netcdf, read_list, read_row

_INITIAL, _FRAC, _SOIL = "jules_initial", "jules_frac", "jules_soil_props"


def initial_carbon(run: RunFolder) -> NDArray[np.float64]:
    """Return the soil carbon at the start of a run, before spin-up.

    Parameters
    ----------
    run : RunFolder

    Returns
    -------
    array, shape (pool, layer, point)
        [kg m-2]; the last dimension has size 1 if all points have the same carbon.

    Raises
    ------
    BadInput
        If the run prescribes its carbon, its initial state has none, or the file cannot be read.
    """
    for _, name, entries in run.namelists.groups():
        if name == "jules_prescribed_dataset" and "cs" in [v.name for v in read_list(entries)]:
            raise BadInput(
                "soil carbon is prescribed as a time series",
                where=run.namelists.place(name),
                remedy="set kaps or kaps_4pool for its mean, and [modules] base_rate = 'jules'",
            )
    pools, layers = (4 if run.four_pools else 1), run.carbon_layers
    values = _initial(run, "cs", (_pool_dim(run), run.grid.carbon_dim))
    if values is None:
        raise BadInput(
            "the initial state has no soil carbon cs",
            where=run.namelists.place(_INITIAL),
            remedy="add cs to JULES_INITIAL, or give a dump with it",
        )
    if values.ndim == 0:
        return np.full((pools, layers, 1), float(values))
    if values.size % (pools * layers):
        raise BadInput(
            f"the initial cs has shape {values.shape}, but the run has {pools} pools in {layers} layers",
            where=run.namelists.place(_INITIAL),
            remedy="give cs for each pool and layer of the run",
        )
    return values.reshape(pools, layers, -1)


def vegetated_fraction(run: RunFolder) -> NDArray[np.float64]:
    """Return the sum of the fractions of the plant functional types at the start of a run.

    Parameters
    ----------
    run : RunFolder

    Returns
    -------
    array, shape (point,)
        [1]

    Raises
    ------
    BadInput
        If the run has no fractions of surface types, or their file cannot be read.
    """
    types = run.namelists.get("jules_surface_types")
    npft = int(types.get("npft", 5))
    type_dim = str(run.namelists.get("jules_input_grid").get("type_dim_name", "type"))
    values = _initial(run, "frac", (type_dim,))
    if values is None:
        group = run.namelists.get(_FRAC)
        file = str(group.get("file", ""))
        if not file:
            raise BadInput(
                "the fractions of the surface types are unknown",
                where=run.namelists.place(_FRAC),
                remedy="give file in JULES_FRAC, or frac in JULES_INITIAL",
            )
        path = run.folder / file
        if is_netcdf(file):
            name = str(group.get("frac_name") or "frac")
            ds = read_netcdf(path, required=(name,), kind="a file of surface fractions")
            values = _ordered(ds[name], (type_dim,), run)
        else:
            values = read_row(run, path, ["frac"], "frac")
        check_model_values("frac", values, where=path)
    n_types = npft + int(types.get("nnvg", 4))
    return np.asarray(np.asarray(values, dtype=np.float64).reshape(n_types, -1)[:npft].sum(axis=0))


def clay_fraction(run: RunFolder) -> NDArray[np.float64] | None:
    """Return the clay of each layer of soil carbon.

    Parameters
    ----------
    run : RunFolder

    Returns
    -------
    array or None
        Scalar, or shape (layer, point) [1]; None if the run has none: JULES then takes 0.

    Raises
    ------
    BadInput
        If the file cannot be read.
    """
    group = run.namelists.get(_SOIL)
    values: NDArray[np.float64] | None = None
    if group.get("read_from_dump"):
        ds = _dump(run)
        values = None if ds is None or "clay" not in ds else _ordered(ds["clay"], (run.grid.carbon_dim,), run)
    elif "clay" in [v.name for v in read_list(group)]:
        values = original_property(run, "clay")
    if values is None or values.ndim == 0:
        return values
    return np.asarray(values.reshape(values.shape[0], -1))


def _initial(run: RunFolder, name: str, dims: tuple[str, ...]) -> NDArray[np.float64] | None:
    """Return a variable of the initial state: a scalar for a constant, None if it has no such variable."""
    values = _unchecked_initial(run, name, dims)
    if values is not None:
        check_model_values(name, values, where=run.namelists.place(_INITIAL))
    return values


def _unchecked_initial(run: RunFolder, name: str, dims: tuple[str, ...]) -> NDArray[np.float64] | None:
    group = run.namelists.get(_INITIAL)
    variables = read_list(group)
    listed = next((v for v in variables if v.name == name), None)
    if listed is not None and not listed.use_file:
        return np.asarray(0.0 if listed.const_val is None else listed.const_val, dtype=np.float64)
    dump = _dump(run)
    if dump is not None:
        return _ordered(dump[name], dims, run) if name in dump else None
    if listed is None:
        return None
    file = str(group.get("file", ""))
    path = run.folder / file.replace("%vv", listed.tpl_name or "")
    if not is_netcdf(file):
        return read_row(run, path, [v.name for v in variables if v.use_file], name)
    return _ordered(_from_file(path, listed), dims, run)


def _from_file(path: Path, listed: ListedVariable) -> xr.DataArray:
    name = listed.var_name or listed.name
    return read_netcdf(path, required=(name,), kind="an initial state")[name]


def _dump(run: RunFolder) -> xr.Dataset | None:
    """Return the dump that the run starts from, if it does."""
    group = run.namelists.get(_INITIAL)
    if not group.get("dump_file", False):
        return None
    return read_netcdf(run.folder / str(group.get("file", "")), kind="a dump of JULES")


def _pool_dim(run: RunFolder) -> str:
    return str(run.namelists.get("jules_input_grid").get("scpool_dim_name", "scpool"))


def _ordered(values: xr.DataArray, dims: tuple[str, ...], run: RunFolder) -> NDArray[np.float64]:
    """Return values with some dimensions first, at the first time; dumps have the default names of dimensions."""
    if run.grid.time_dim in values.dims:
        values = values.isel({run.grid.time_dim: 0})
    default = {_pool_dim(run): "scpool", run.grid.carbon_dim: "sclayer"}
    first = [d if d in values.dims else default.get(d, d) for d in dims]
    first = [d for d in first if d in values.dims]
    return np.asarray(values.transpose(*first, ...).to_numpy(), dtype=np.float64)
