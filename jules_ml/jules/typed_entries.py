"""Entries of namelists as values of the type that JULES reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jules_ml.data.model_variables import MODEL_VARIABLES
from jules_ml.errors import BadInput
from jules_ml.jules.namelists import NamelistFolder

#: Types of the values of an entry by that of its default, and their description.
_TYPES: dict[type, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "T or F"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    str: ((str,), "a text in quotes"),
}
_DZSOIL = (0.1, 0.25, 0.65, 2.0)


def typed_entry(namelists: NamelistFolder, group: str, name: str, default: Any) -> Any:
    """Return an entry of a group, or ``default`` if the entry is missing.

    Raises
    ------
    BadInput
        If the entry is not of the type of ``default``, so that JULES would not read it.
    """
    value = namelists.get(group).get(name)
    if not has_type(value, default):
        meaning = _TYPES[type(default)][1]
        raise BadInput(
            f"{name} is {value!r}, which is not {meaning}",
            where=namelists.place(group),
            remedy=f"give {name} {meaning}, or leave it out for the default {default!r}",
        )
    return default if value is None else value


def has_type(value: Any, default: Any) -> bool:
    """Whether the value of an entry is of the type of its default, or None, which stands for no value and no certain type."""
    if value is None or default is None:
        return True
    return isinstance(value, _TYPES[type(default)][0]) and (isinstance(default, bool) or not isinstance(value, bool))


def numbers(namelists: NamelistFolder, group: str, name: str, default: Sequence[float]) -> list[float]:
    """Return the elements of an array of numbers, or ``default`` if the entry is missing.

    Raises
    ------
    BadInput
        If an element has no value, for which JULES has no default, or is not a number.
    """
    value = namelists.get(group).get(name)
    values = list(default) if value is None else value if isinstance(value, list) else [value]
    for k, each in enumerate(values, start=1):
        if isinstance(each, bool) or not isinstance(each, int | float):
            problem = f"{name}({k}) has no value" if each is None else f"{name}({k}) is {each!r}, not a number"
            raise BadInput(problem, where=namelists.place(group), remedy=f"give {name} numbers from element 1 on")
    return [float(each) for each in values]


def soil_layers(namelists: NamelistFolder) -> tuple[float, ...]:
    """Return the thickness of the soil layers [m].

    Raises
    ------
    BadInput
        If there are fewer thicknesses than layers, or they are not numbers.
    """
    layers = numbers(namelists, "jules_soil", "dzsoil_io", _DZSOIL)
    number = typed_entry(namelists, "jules_soil", "sm_levels", len(_DZSOIL))
    if len(layers) < number:
        raise BadInput(
            f"dzsoil_io has {len(layers)} values, and sm_levels is {number}",
            where=namelists.place("jules_soil"),
            remedy="give dzsoil_io the thickness of each layer",
        )
    if problem := MODEL_VARIABLES["dzsoil"].problem(layers[:number], tolerance=0.0):
        raise BadInput(
            problem[0].replace("dzsoil", "dzsoil_io"),
            where=namelists.place("jules_soil"),
            remedy="give metres, with decimal points",
        )
    return tuple(layers[:number])
