"""Values of the one point of a run that its namelists list: soil properties, cover and initial state, from constants, files and dumps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jules_ml.column.grid.land_checks import FRACTIONS_TOLERANCE
from jules_ml.data.model_variables import check_model_values
from jules_ml.data.netcdffile import read_netcdf
from jules_ml.errors import BadInput
from jules_ml.jules.column_run.one_point import at_point
from jules_ml.jules.input_files import check_properties
from jules_ml.jules.run_folder import RunFolder
from jules_ml.jules.soil_properties import original_property
from jules_ml.jules.typed_entries import typed_entry
from jules_ml.jules.variable_lists import ListedVariable, is_netcdf, read_list, read_row, values_per_point
from jules_ml.physics.soil_names import LAYERED

_Array = NDArray[np.float64]
_INITIAL: Final = "jules_initial"
#: JULES's mass mixing ratio of carbon dioxide where none is given.
_CO2_MMR: Final = 5.94100e-4


@dataclass(frozen=True)
class PointValues:
    """Values of the one point of a run; see :class:`jules_ml.jules.column_run.column.Values`."""

    run: RunFolder

    def soil(self) -> dict[str, _Array]:
        """Soil properties, shape (soil, 1), and ``albsoil``, shape (1, 1)."""
        return {name: array.reshape(-1, 1) for name, array in soil_values(self.run).items()}

    def fractions(self, count: int) -> _Array:
        """Fractions of the surface types, shape (type, 1)."""
        return fractions(self.run, count)[:, None]

    def initial(self, names: Sequence[str]) -> dict[str, _Array]:
        """Initial values, shape (value, 1)."""
        return {name: array[:, None] for name, array in initial_values(self.run, names).items()}

    def top(self) -> dict[str, _Array]:
        """Properties of TOPMODEL, shape (1,)."""
        return {name: np.array([value]) for name, value in top_values(self.run).items()}


def soil_values(run: RunFolder) -> dict[str, _Array]:
    """Read the soil properties.

    Parameters
    ----------
    run : RunFolder
        Of one point.

    Returns
    -------
    dict of str to array
        Properties by JULES's names, shape (soil,), and ``albsoil``, shape ().

    Raises
    ------
    BadInput
        If one is missing or impossible.
    """
    n_layers = len(run.dzsoil)
    where = run.namelists.place("jules_soil_props")
    from_dump = bool(run.entry("jules_soil_props", "read_from_dump", False))
    values: dict[str, _Array] = {}
    for name in (*LAYERED, "albsoil"):
        value = _of_dump(run, name) if from_dump else original_property(run, name).reshape(-1)
        count = 1 if name == "albsoil" else n_layers
        if value.size not in (1, count):
            raise BadInput(
                f"{name} has {value.size} values for {n_layers} soil layers",
                where=where,
                remedy="give one for each layer",
            )
        values[name] = np.broadcast_to(value, count).copy()
    check_properties(values, where=where)
    return values


def fractions(run: RunFolder, count: int) -> _Array:
    """Read the fractions of the surface types.

    Parameters
    ----------
    run : RunFolder
        Of one point.
    count : int
        Number of types.

    Returns
    -------
    array, shape (type,)
        Their sum is 1.

    Raises
    ------
    BadInput
        If their file cannot be read, or their sum is not 1.
    """
    group = run.namelists.get("jules_frac")
    where = run.namelists.place("jules_frac")
    file = str(group.get("file") or "")
    path = run.folder / file
    if run.entry("jules_frac", "read_from_dump", False):
        frac = _of_dump(run, "frac")
    elif not file:
        frac = _listed(run, ListedVariable("frac"), read_list(run.namelists.get(_INITIAL)), where)
    elif is_netcdf(file):
        frac = _of_netcdf(run, path, str(group.get("frac_name") or "frac"))
    else:
        frac = read_row(run, path, ["frac"], "frac")
    if frac.size != count:
        raise BadInput(
            f"there are {frac.size} fractions for {count} surface types", where=where, remedy="give one for each"
        )
    check_model_values("frac", frac, where=where, tolerance=0.0)
    if abs(frac.sum() - 1.0) >= FRACTIONS_TOLERANCE:
        raise BadInput(f"the fractions add up to {frac.sum():g}", where=where, remedy="give fractions whose sum is 1")
    return np.asarray(frac / frac.sum())


def initial_values(run: RunFolder, names: Sequence[str]) -> dict[str, _Array]:
    """Read variables of the initial state.

    Parameters
    ----------
    run : RunFolder
        Of one point.
    names : sequence of str
        Variables that the run needs, by JULES's names.

    Returns
    -------
    dict of str to array
        All values of each, in JULES's order; shape (value,).

    Raises
    ------
    BadInput
        If JULES_INITIAL lacks a variable, or its file cannot be read.
    """
    variables = read_list(run.namelists.get(_INITIAL))
    where = run.namelists.place(_INITIAL)
    listed = {variable.name: variable for variable in variables}
    dump = bool(run.entry(_INITIAL, "dump_file", False))
    missing = [name for name in names if name not in listed and not dump]
    if missing:
        raise BadInput(
            f"the initial state has no {', '.join(missing)}",
            where=where,
            remedy="add them to var of JULES_INITIAL; JULES 7.6 has no defaults for them",
        )
    sizes = values_per_point(run)
    values = {}
    for name in names:
        array = _listed(run, listed.get(name, ListedVariable(name)), variables, where)
        if array.size not in (1, sizes[name]):
            raise BadInput(
                f"{name} has {array.size} values, and the run needs {sizes[name]}",
                where=where,
                remedy="give the values of all layers or types, in JULES's order",
            )
        values[name] = np.broadcast_to(array, sizes[name]).copy()
        check_model_values(name, values[name], where=where)
    return values


def top_values(run: RunFolder) -> dict[str, float]:
    """Read the properties of TOPMODEL: ``fexp``, ``ti_mean`` and ``ti_sig``.

    Raises
    ------
    BadInput
        If one is missing.
    """
    group = run.namelists.get("jules_top")
    where = run.namelists.place("jules_top")
    listed = {variable.name: variable for variable in read_list(group)}
    values = {}
    for name in ("fexp", "ti_mean", "ti_sig"):
        variable = listed.get(name)
        if run.entry("jules_top", "read_from_dump", False):
            values[name] = float(_of_dump(run, name)[0])
        elif variable is None:
            raise BadInput(f"the run has no {name}", where=where, remedy=f"add {name} to JULES_TOP")
        else:
            values[name] = float(_one_of(run, group, variable, list(listed.values()), where)[0])
    return values


def co2_mmr(run: RunFolder) -> float:
    """Return the mass mixing ratio of carbon dioxide [kg kg-1]."""
    if typed_entry(run.namelists, "jules_co2", "read_from_dump", False):
        return float(_of_dump(run, "co2_mmr")[0])
    return float(typed_entry(run.namelists, "jules_co2", "co2_mmr", _CO2_MMR))


def _listed(run: RunFolder, variable: ListedVariable, variables: Sequence[ListedVariable], where: str) -> _Array:
    """Values of a variable of JULES_INITIAL: a constant, or from its file."""
    return _one_of(run, run.namelists.get(_INITIAL), variable, variables, where)


def _one_of(
    run: RunFolder, group: Mapping[str, Any], variable: ListedVariable, variables: Sequence[ListedVariable], where: str
) -> _Array:
    if not variable.use_file:
        if variable.const_val is None:
            raise BadInput(f"{variable.name} has no const_val", where=where, remedy="give const_val, or use_file = T")
        return np.array([float(variable.const_val)])
    file = str(group.get("file") or "").replace("%vv", variable.tpl_name or "")
    path = run.folder / file
    if is_netcdf(file):
        # a dump has JULES's own names
        name = variable.name if group.get("dump_file") else variable.var_name or variable.name
        return _of_netcdf(run, path, name)
    if group.get("dump_file"):
        raise BadInput(
            "the initial state is a dump that is not netCDF", where=path, remedy="give a dump of a JULES with netCDF"
        )
    return np.asarray(read_row(run, path, [v.name for v in variables if v.use_file], variable.name))


def _of_dump(run: RunFolder, name: str) -> _Array:
    """Values of a variable of the dump from which the run starts."""
    return _of_netcdf(run, run.folder / str(run.namelists.get(_INITIAL).get("file") or ""), name)


def _of_netcdf(run: RunFolder, path: Path, name: str) -> _Array:
    ds = read_netcdf(path, required=(name,), kind="an initial state or ancillary of JULES", variables=[name])
    return at_point(ds[name], run, path, time=False)
