"""Ranges of the model variables among the keys of an experiment file, from the one table of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from jules_ml.data.model_variables import MODEL_VARIABLES

#: Deepest bottom of the soil layers, and thickest first layer [m].
DEEPEST: Final = 60.0
THICKEST_FIRST: Final = 2.0


def in_range(name: str, values: float | Sequence[float] | None) -> None:
    """Raise an error for a value outside the range of a model variable.

    Parameters
    ----------
    name : str
        JULES's name; other names have no range.
    values : float, sequence of float or None
        In JULES's unit.

    Raises
    ------
    ValueError
        With problem and remedy, for pydantic.
    """
    variable = MODEL_VARIABLES.get(name)
    problem = None if variable is None or values is None else variable.problem(values, tolerance=0.0)
    if problem is not None:
        raise ValueError("; ".join(problem))


def layers_in_range(dzsoil: Sequence[float]) -> tuple[float, ...]:
    """Return the thicknesses of soil layers [m]; raise a ``ValueError`` if one is not positive or is that of another unit."""
    if min(dzsoil) <= 0.0:
        raise ValueError("dzsoil must be positive")
    in_range("dzsoil", dzsoil)
    if sum(dzsoil) > DEEPEST or dzsoil[0] > THICKEST_FIRST:
        raise ValueError(
            f"the layers are {', '.join(f'{d:g}' for d in dzsoil)} m thick: the first can be {THICKEST_FIRST:g} m at most, and all "
            f"{DEEPEST:g} m; give dzsoil in m, not in cm"
        )
    return tuple(dzsoil)
