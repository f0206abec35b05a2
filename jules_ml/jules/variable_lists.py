"""Lists of variables in JULES's namelists, and the ASCII files with their values.

Groups such as JULES_INITIAL and JULES_SOIL_PROPS list variables in ``var``; ``use_file``, ``const_val``, ``var_name`` and ``tpl_name``
define the source of each. An ASCII file contains the values of all variables with ``use_file`` on its first line of data, in the order of
``var`` and without names: JULES reads as many numbers as it needs and ignores the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from jules_ml.errors import BadInput
from jules_ml.jules.run_folder import RunFolder
from jules_ml.support.namelist_text import Value

_NETCDF = (".nc", ".cdf", ".nc4")


@dataclass(frozen=True)
class ListedVariable:
    """Variable of a list: name, whether it is read from the file, its constant, and its names in the file and in a file template."""

    name: str
    use_file: bool = True
    const_val: float | None = None
    var_name: str | None = None
    tpl_name: str | None = None


def read_list(group: Mapping[str, Any]) -> list[ListedVariable]:
    """Read the variables of a group.

    Parameters
    ----------
    group : mapping
        Entries of the group, with ``nvars`` and ``var``.

    Returns
    -------
    list of ListedVariable
    """

    def column(name: str) -> list[Any]:
        value = group.get(name, [])
        return value if isinstance(value, list) else [value]

    # JULES stops at a number of another type
    number = group.get("nvars")
    names = column("var")[: number if isinstance(number, int) else 0]
    columns = {key: column(key) for key in ("use_file", "const_val", "var_name", "tpl_name")}

    def at(key: str, index: int) -> Any:
        return columns[key][index] if index < len(columns[key]) else None

    return [
        ListedVariable(
            str(name),
            use_file=True if at("use_file", i) is None else bool(at("use_file", i)),
            const_val=at("const_val", i),
            var_name=at("var_name", i) or None,
            tpl_name=at("tpl_name", i) or None,
        )
        for i, name in enumerate(names)
    ]


def list_entries(variables: Sequence[ListedVariable]) -> dict[str, Value]:
    """Return the entries of a group for a list of variables, the inverse of :func:`read_list`."""
    entries: dict[str, Value] = {
        "nvars": len(variables),
        "var": [v.name for v in variables],
        "use_file": [v.use_file for v in variables],
        "const_val": [0.0 if v.const_val is None else v.const_val for v in variables],
    }
    for key in ("var_name", "tpl_name"):
        values = [getattr(v, key) or "" for v in variables]
        if any(values):
            entries[key] = values
    return entries


def remove_from_initial_state(run: RunFolder, name: str, out: Path) -> list[str]:
    """Remove a prescribed variable from the initial state, from which JULES does not read it.

    Otherwise JULES would read its columns of an ASCII file as those of the variables after it.

    Parameters
    ----------
    run : RunFolder
        Run folder; its namelists are edited.
    name : str
        Variable.
    out : Path
        File for a copy of the ASCII file without the columns of the variable.

    Returns
    -------
    list of str
        Notes on the changes.

    Raises
    ------
    BadInput
        If the columns of the variable cannot be determined.
    """
    group = run.namelists.get("jules_initial")
    variables = read_list(group)
    if name not in [v.name for v in variables]:
        return []
    index = [v.name for v in variables].index(name)
    others = [v for v in variables if v.name != name]
    entries = list_entries(others)
    notes = [f"{name} was removed from the initial state, since it is prescribed"]
    file = str(group.get("file", ""))
    if variables[index].use_file and not is_netcdf(file) and not group.get("dump_file", False):
        source = run.folder / file
        first, count = _columns(run, [v.name for v in variables if v.use_file], name, source)
        text = _without_columns(source, first, count)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
        entries["file"] = str(out.relative_to(run.folder))
        notes.append(f"columns {first + 1} to {first + count} were removed from a copy of {source.name}")
    blank: dict[str, Value] = {key: [""] * len(others) for key in ("var_name", "tpl_name") if key in group}
    run.namelists.set("jules_initial", {**blank, **entries})
    return notes


def is_netcdf(file: str) -> bool:
    """Whether JULES reads a file as netCDF, which depends on its suffix."""
    return Path(file).suffix.lower() in _NETCDF


def read_row(run: RunFolder, source: Path, names: Sequence[str], variable: str) -> np.ndarray:
    """Read one variable from the first line of data of an ASCII file.

    Parameters
    ----------
    run : RunFolder
    source : Path
        ASCII file.
    names : sequence of str
        Variables in the file, in order.
    variable : str
        Variable to read.

    Returns
    -------
    array, shape (value,)

    Raises
    ------
    BadInput
        If the columns of the variable cannot be determined.
    """
    first, count = _columns(run, names, variable, source)
    return np.array([float(word) for word in first_row(source)[1][first : first + count]])


def _columns(run: RunFolder, names: Sequence[str], variable: str, source: Path) -> tuple[int, int]:
    """Return the first column of a variable and the number of its columns, counted from the start or the end of the line."""
    sizes = values_per_point(run)
    if variable not in sizes:
        raise BadInput(
            f"the number of columns of {variable} is unknown", where=source, remedy="give the variable in a netCDF file"
        )
    index = list(names).index(variable)
    total = len(first_row(source)[1])
    before, after = [sizes.get(n) for n in names[:index]], [sizes.get(n) for n in names[index + 1 :]]
    if None not in before:
        first = sum(n for n in before if n is not None)
    elif None not in after:
        first = total - sum(n for n in after if n is not None) - sizes[variable]
    else:
        unknown = next(n for n in names if n not in sizes)
        raise BadInput(
            f"the number of columns of {unknown} is unknown, and thus the position of {variable}",
            where=source,
            remedy=f"put {variable} first in var of the namelist and in the file, or give a netCDF file",
        )
    if first < 0 or first + sizes[variable] > total:
        raise BadInput(
            f"the first line of data has {total} numbers, which are too few for {', '.join(names)}",
            where=source,
            remedy="give all values on one line in the order of var; JULES does not read other lines",
        )
    return first, sizes[variable]


def values_per_point(run: RunFolder) -> dict[str, int]:
    """Return the number of values of each variable at one point."""
    npft, nnvg = (run.entry("jules_surface_types", name, default) for name, default in (("npft", 5), ("nnvg", 4)))
    ntype = npft + nnvg
    tiles = 1 if run.entry("jules_surface", "l_aggregate", False) else ntype
    layers = len(run.dzsoil)
    pools = 4 if run.four_pools else 1
    snow = tiles * int(run.entry("jules_snow", "nsmax", 0))
    constant_z = bool(run.entry("jules_soil_props", "const_z", False))
    return {
        **dict.fromkeys(("sthuf", "t_soil"), layers),
        **dict.fromkeys(("gs", "zw", "sthzw", "albsoil", "wood_prod_fast", "wood_prod_med", "wood_prod_slow"), 1),
        **dict.fromkeys(("frac_agr_prev", "frac_past_prev", "frac_past", "triffid_co2_gb"), 1),
        **dict.fromkeys(("canopy", "tstar_tile", "snow_tile", "rgrain", "rho_snow", "snow_depth"), tiles),
        **dict.fromkeys(("snow_grnd", "nsnow", "tsurf_elev_surft"), tiles),
        **dict.fromkeys(("lai", "canht"), npft),
        "frac": ntype,
        "cs": pools * run.carbon_layers,
        **dict.fromkeys(("snow_ds", "snow_ice", "snow_liq", "tsnow", "rgrainl"), snow),
        **dict.fromkeys(
            ("b", "sathh", "satcon", "sm_sat", "sm_crit", "sm_wilt", "hcap", "hcon"), 1 if constant_z else layers
        ),
        "clay": 1 if constant_z else run.carbon_layers,
    }


def first_row(source: Path) -> tuple[int, list[str]]:
    """Return the index of the first line of data and its words."""
    if not source.is_file():
        raise BadInput("there is no such file", where=source, remedy="correct 'file' in the namelist")
    for number, line in enumerate(source.read_text(encoding="utf-8", errors="replace").splitlines()):
        if line.strip() and not line.lstrip().startswith(("#", "!")):
            return number, line.replace(",", " ").split()
    raise BadInput("the file contains no values", where=source, remedy="give a line of numbers")


def _without_columns(source: Path, first: int, count: int) -> str:
    number, words = first_row(source)
    lines = source.read_text(encoding="utf-8", errors="replace").splitlines()
    lines[number] = "  ".join(words[:first] + words[first + count :])
    return "\n".join(lines) + "\n"


def from_file(variable: ListedVariable) -> ListedVariable:
    """Return the variable with its values read from a file under its own name."""
    return replace(variable, use_file=True, var_name=variable.name, tpl_name=None)
