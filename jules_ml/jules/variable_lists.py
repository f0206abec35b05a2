"""Lists of variables in JULES's namelists, and the ASCII files that hold them in a row.

Groups such as JULES_INITIAL and JULES_SOIL_PROPS name variables in ``var``, and say of each in ``use_file``, ``const_val``,
``var_name`` and ``tpl_name`` where its values come from. An ASCII file holds the values of all that use it on its first line of
data, in that order, with nothing to say which is which: JULES takes as many numbers as it needs and passes over the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from jules_ml.errors import BadInput
from jules_ml.jules.namelist_text import Value
from jules_ml.jules.run_folder import RunFolder

_NETCDF = (".nc", ".cdf", ".nc4")


@dataclass(frozen=True)
class Listed:
    """One variable of a list: its name, whether it comes from the file, its constant, its name in the file and in a template."""

    name: str
    use_file: bool = True
    const_val: float | None = None
    var_name: str | None = None
    tpl_name: str | None = None


def read_list(group: Mapping[str, Any]) -> list[Listed]:
    """Read the variables of a group.

    Parameters
    ----------
    group : mapping
        Entries, with ``nvars`` and ``var``.

    Returns
    -------
    list of Listed
    """

    def column(name: str) -> list[Any]:
        value = group.get(name, [])
        return value if isinstance(value, list) else [value]

    names = column("var")[: int(group.get("nvars", 0) or 0)]
    columns = {key: column(key) for key in ("use_file", "const_val", "var_name", "tpl_name")}

    def at(key: str, index: int) -> Any:
        return columns[key][index] if index < len(columns[key]) else None

    return [
        Listed(
            str(name),
            use_file=True if at("use_file", i) is None else bool(at("use_file", i)),
            const_val=at("const_val", i),
            var_name=at("var_name", i) or None,
            tpl_name=at("tpl_name", i) or None,
        )
        for i, name in enumerate(names)
    ]


def list_entries(variables: Sequence[Listed]) -> dict[str, Value]:
    """Give the entries of a group that say what :func:`read_list` reads."""
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


def without_prescribed(run: RunFolder, name: str, out: Path) -> list[str]:
    """Take a variable out of the initial state, since JULES has it from elsewhere and no longer asks for it.

    Left there, its columns of an ASCII file would be read as those of the variables after it.

    Parameters
    ----------
    run : RunFolder
        Whose namelists are changed.
    name : str
        Variable.
    out : Path
        Where an ASCII file without its columns is written.

    Returns
    -------
    list of str
        What was done, for the user.

    Raises
    ------
    BadInput
        If its columns cannot be told from others.
    """
    group = run.namelists.get("jules_initial")
    variables = read_list(group)
    if name not in [v.name for v in variables]:
        return []
    index = [v.name for v in variables].index(name)
    kept = [v for v in variables if v.name != name]
    entries = list_entries(kept)
    notes = [f"{name} left out of the initial state, since it is prescribed"]
    file = str(group.get("file", ""))
    if variables[index].use_file and not is_netcdf(file) and not group.get("dump_file", False):
        source = run.folder / file
        first, count = _columns(run, [v.name for v in variables if v.use_file], name, source)
        text = _without_columns(source, first, count)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
        entries["file"] = str(out.relative_to(run.folder))
        notes.append(f"columns {first + 1} to {first + count} left out of a copy of {source.name}")
    blank: dict[str, Value] = {key: [""] * len(kept) for key in ("var_name", "tpl_name") if key in group}
    run.namelists.set("jules_initial", {**blank, **entries})
    return notes


def is_netcdf(file: str) -> bool:
    """Whether JULES takes a file for netCDF, which it does by its ending."""
    return Path(file).suffix.lower() in _NETCDF


def read_row(run: RunFolder, source: Path, names: Sequence[str], wanted: str) -> np.ndarray:
    """Read one variable out of the row of an ASCII file.

    Parameters
    ----------
    run : RunFolder
    source : Path
        The file.
    names : sequence of str
        Variables in it, in order.
    wanted : str
        The one to be read.

    Returns
    -------
    array, shape (value,)

    Raises
    ------
    BadInput
        If it cannot be told from others.
    """
    first, count = _columns(run, names, wanted, source)
    return np.array([float(word) for word in _first_row(source)[1][first : first + count]])


def _columns(run: RunFolder, names: Sequence[str], wanted: str, source: Path) -> tuple[int, int]:
    """First column of a variable and how many it has, counted from whichever end is known."""
    sizes = _sizes(run)
    if wanted not in sizes:
        raise BadInput(f"it is not known how many columns {wanted} has", where=source, remedy="give it as netCDF")
    at = list(names).index(wanted)
    total = len(_first_row(source)[1])
    before, after = [sizes.get(n) for n in names[:at]], [sizes.get(n) for n in names[at + 1 :]]
    if None not in before:
        first = sum(n for n in before if n is not None)
    elif None not in after:
        first = total - sum(n for n in after if n is not None) - sizes[wanted]
    else:
        unknown = next(n for n in names if n not in sizes)
        raise BadInput(
            f"it is not known how many columns {unknown} has, and so not where {wanted} stands",
            where=source,
            remedy=f"put {wanted} first in var of the namelist and in the file, or give the file as netCDF",
        )
    if first < 0 or first + sizes[wanted] > total:
        raise BadInput(
            f"the first line of data has {total} numbers, too few for {', '.join(names)}",
            where=source,
            remedy="give all values on one line, in the order of var; other lines are not read by JULES",
        )
    return first, sizes[wanted]


def _sizes(run: RunFolder) -> dict[str, int]:
    """Number of values of each variable at one point."""
    types = run.namelists.get("jules_surface_types")
    npft, nnvg = int(types.get("npft", 5)), int(types.get("nnvg", 4))
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


def _first_row(source: Path) -> tuple[int, list[str]]:
    """Number of the first line of data, from 0, and its words."""
    if not source.is_file():
        raise BadInput("there is no such file", where=source, remedy="correct 'file' in the namelist")
    for number, line in enumerate(source.read_text(encoding="utf-8", errors="replace").splitlines()):
        if line.strip() and not line.lstrip().startswith(("#", "!")):
            return number, line.replace(",", " ").split()
    raise BadInput("the file holds no values", where=source, remedy="give a line of numbers")


def _without_columns(source: Path, first: int, count: int) -> str:
    number, words = _first_row(source)
    lines = source.read_text(encoding="utf-8", errors="replace").splitlines()
    lines[number] = "  ".join(words[:first] + words[first + count :])
    return "\n".join(lines) + "\n"


def from_file(variable: Listed) -> Listed:
    """The same variable, read by its own name from a file."""
    return replace(variable, use_file=True, var_name=variable.name, tpl_name=None)
