"""Curve tables: f, g and the factors of antecedent drivers as Fortran namelists.

A file has one group ``&jules_ml_curve`` with a curve at evenly spaced points. The curve is linear between the points and constant
outside them. The checks are the same as those of the bridge.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Final, get_args

import f90nml
import numpy as np

from jules_ml.errors import BadInput
from jules_ml.learned.respiration.antecedent import DRIVERS
from jules_ml.learned.respiration.tables import UNITS, CurveName, CurveTable, CurveX
from jules_ml.support.files import atomic_write
from jules_ml.support.namelist_text import NamelistSyntaxError, read_group, scan

#: Version of the format.
VERSION: Final = 1
_GROUP: Final = "jules_ml_curve"
_MAX_POINTS = 100001
_KEYS = ("version", "name", "x", "x_units", "x_min", "x_max", "n", "y", "seen_min", "seen_max", "reference")
_NUMBERS = ("x_min", "x_max", "seen_min", "seen_max", "reference")


def check_curve(table: CurveTable, *, where: str | Path | None = None) -> None:
    """Refuse a table that cannot be evaluated.

    Parameters
    ----------
    table : CurveTable
    where : str or Path, optional
        File, for the error message.

    Raises
    ------
    BadInput
        If a name is unknown, x_max <= x_min, seen_max < seen_min, a number is not finite, or an ordinate is negative or not finite in
        32 bits.
    """

    def refuse(problem: str, remedy: str) -> BadInput:
        return BadInput(problem, where=f"{where} (&{_GROUP})" if where else f"&{_GROUP}", remedy=remedy)

    if table.name not in get_args(CurveName):
        raise refuse(f"name is '{table.name}'", "give 'fsth', 'ftemp' or 'antecedent'")
    if table.x not in get_args(CurveX):
        raise refuse(
            f"x is '{table.x}'", "give 'sthu', 'sthu+sthf', 'theta', 'theta/v_crit', 't_soil' or an antecedent driver"
        )
    if table.name != ("antecedent" if table.x in DRIVERS else "ftemp" if table.x == "t_soil" else "fsth"):
        raise refuse(
            f"x is '{table.x}', which is not an input of {table.name} in a table",
            f"give t_soil for ftemp; sthu, sthu+sthf, theta or theta/v_crit for fsth; {', '.join(DRIVERS)} for antecedent",
        )
    if not (np.isfinite(table.x_min) and np.isfinite(table.x_max) and table.x_min < table.x_max):
        raise refuse(f"x runs from {table.x_min:g} to {table.x_max:g}", "give finite x_min < x_max")
    if not np.isfinite([table.seen_min, table.seen_max, table.reference]).all():
        raise refuse(
            f"the data cover {table.seen_min:g} to {table.seen_max:g}, and the reference is {table.reference:g}",
            "give finite seen_min, seen_max and reference, or export the curves again",
        )
    if table.seen_max < table.seen_min:
        raise refuse(f"seen_max {table.seen_max:g} is below seen_min {table.seen_min:g}", "give seen_min <= seen_max")
    if not 2 <= len(table.y) <= _MAX_POINTS:
        raise refuse(f"y has {len(table.y)} values", f"give 2 to {_MAX_POINTS}")
    bad = np.flatnonzero(~((table.y >= 0.0) & (table.y <= np.finfo(np.float32).max)))
    if bad.size:
        raise refuse(f"y({bad[0] + 1}) is {table.y[bad[0]]:g}", "give finite ordinates of zero or above")


def write_curve(table: CurveTable, path: Path) -> Path:
    """Write a table atomically.

    Raises
    ------
    BadInput
        If the table cannot be evaluated, or the folder cannot be written.
    """
    check_curve(table, where=path)
    group = {
        "version": VERSION,
        "name": table.name,
        "x": table.x,
        "x_units": UNITS[table.x],
        "x_min": table.x_min,
        "x_max": table.x_max,
        "n": len(table.y),
        # nine digits exceed the precision of JULES's 32 bits and keep files comparable line by line
        "y": [float(f"{value:.9g}") for value in table.y],
        "seen_min": table.seen_min,
        "seen_max": table.seen_max,
        "reference": table.reference,
    }
    namelist = f90nml.Namelist({_GROUP: group})
    namelist.column_width = 100
    text = io.StringIO()
    namelist.write(text)
    with atomic_write(path) as part:
        part.write_text(text.getvalue(), encoding="ascii")
    return path


def read_curve(path: str | Path, expected: CurveName | None = None) -> CurveTable:
    """Read a table.

    Parameters
    ----------
    path : str or Path
        Namelist file.
    expected : {'fsth', 'ftemp', 'antecedent'}, optional
        Required name of the curve.

    Raises
    ------
    BadInput
        If the file is missing or not a namelist, an entry is missing or unknown, or the table cannot be evaluated.
    """
    path = Path(path)
    group = _read_group(path)
    place = f"{path} (&{_GROUP})"
    values = group["y"] if isinstance(group["y"], list) else [group["y"]]
    _check_entries(group, values, place)
    table = CurveTable(
        name=group["name"],
        x=group["x"],
        y=np.asarray(values, dtype=np.float64),
        **{key: float(group[key]) for key in _NUMBERS},
    )
    check_curve(table, where=path)
    if expected is not None and table.name != expected:
        raise BadInput(f"name is '{table.name}', not '{expected}'", where=place, remedy=f"give the file of {expected}")
    return table


def _read_group(path: Path) -> dict[str, Any]:
    """Read the only group of a file and check that its entries are complete."""
    if not path.is_file():
        raise BadInput(
            "there is no such file", where=path, remedy="give a file that 'jules-ml export --to curves' wrote"
        )
    try:
        text = path.read_text(encoding="utf-8")
        groups = [(group.name, read_group(text, group)) for group in scan(text)]
    except (NamelistSyntaxError, UnicodeDecodeError) as error:
        raise BadInput("the file is not a namelist", where=path, remedy="export the curves again") from error
    if [name for name, _ in groups] != [_GROUP]:
        raise BadInput(
            f"the file contains {', '.join(f'&{name}' for name, _ in groups) or 'no group'}",
            where=path,
            remedy=f"give a file with only the group &{_GROUP}",
        )
    ((_, group),) = groups
    place = f"{path} (&{_GROUP})"
    for key in _KEYS:
        if group.get(key) is None:
            raise BadInput(f"{key} is missing", where=place, remedy=f"give {key}, or export the curves again")
    unknown = [key for key in group if key not in _KEYS]
    if unknown:
        raise BadInput(f"{unknown[0]} is not an entry of a curve", where=place, remedy=f"use only {', '.join(_KEYS)}")
    return group


def _check_entries(group: dict[str, Any], values: list[Any], place: str) -> None:
    """Refuse another version or unit, and numbers of the wrong type or count."""
    if values[0] is None:
        raise BadInput("y does not start at y(1)", where=place, remedy="give y(1:n), or export the curves again")
    for key in ("name", "x", "x_units"):
        if not isinstance(group[key], str):
            raise BadInput(
                f"{key} is {group[key]!r}, not text", where=place, remedy=f"give {key} as one text in quotes"
            )
    if group["version"] != VERSION:
        raise BadInput(
            f"version is {group['version']}", where=place, remedy=f"export the curves again as version {VERSION}"
        )
    for key, value in [(key, group[key]) for key in _NUMBERS] + [(f"y({i + 1})", v) for i, v in enumerate(values)]:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise BadInput(f"{key} is {value!r}, not a number", where=place, remedy=f"correct {key}")
    if group["n"] != len(values):
        raise BadInput(f"n is {group['n']} and y has {len(values)} values", where=place, remedy="make them agree")
    if group["x_units"] != UNITS.get(group["x"], group["x_units"]):
        raise BadInput(
            f"x_units is '{group['x_units']}'", where=place, remedy=f"give {group['x']} in '{UNITS[group['x']]}'"
        )
