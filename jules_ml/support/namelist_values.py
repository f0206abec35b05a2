"""Values of a namelist group as Fortran reads them.

f90nml drops all values but the first of ``x(2) = 1, 2, 3``, which Fortran puts in elements 2 to 4, and takes ``#`` for a comment. Hence
the text of each assignment is read here, by the rules for namelist input of the Fortran standard (F2018, 13.11) and what compilers accept
beyond them: values of an element that go on in the elements after it. The tests compare each form with what
compiled Fortran reads.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

#: Largest subscript and repeat count, far beyond any array of JULES, so that a mistyped number does not fill the memory.
_LIMIT = 1_000_000
_COMPONENT = re.compile(r"\s*(\w+)\s*(?:\(([^()]*)\))?\s*")
_SEPARATOR = re.compile(r"\s+|![^\n]*")
_VALUE = re.compile(r"""(?:(\d{1,9})\*)?('(?:[^']|'')*'|"(?:[^"]|"")*"|[^\s,!'"*]+)?(?![^\s,!])""")
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_REAL = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[edq]([+-]?\d+)|([+-]\d+))?", re.IGNORECASE)
_NOT_FINITE = re.compile(r"([+-]?)(?:(inf(?:inity)?)|nan(?:\(\w*\))?)", re.IGNORECASE)
_LOGICAL = re.compile(r"\.([tf])\w*\.?|(t|f)(?:(?<=t)r(?:ue?)?|(?<=f)a(?:l(?:se?)?)?)?\.?", re.IGNORECASE)
#: Strings without quotes, which some compilers accept.
_WORD = re.compile(r"[A-Za-z_][\w.+-]*")

Scalar = bool | int | float | str


class NamelistValueError(ValueError):
    """Text of an assignment that Fortran would not read."""


@dataclass
class _Variable:
    """Elements by their subscripts; those of a derived type have components. ``subscripts`` is how many were written, 0 for none."""

    elements: dict[tuple[int, ...], Any] = field(default_factory=dict)
    subscripts: int | None = None

    def use(self, name: str, subscripts: int) -> None:
        if self.subscripts is not None and max(self.subscripts, subscripts) > 1 and self.subscripts != subscripts:
            raise NamelistValueError(
                f"{name} is assigned with different numbers of subscripts, so that its shape is unknown"
            )
        self.subscripts = max(self.subscripts or 0, subscripts)


class Assignments:
    """Assignments of one group, in order; a later one replaces the elements that it assigns."""

    def __init__(self) -> None:
        self._variables: dict[str, _Variable] = {}

    def add(self, designator: str, text: str) -> None:
        """Add an assignment.

        Parameters
        ----------
        designator : str
            Name with subscripts and components, such as ``x(2)`` or ``a%b(1:3)``.
        text : str
            Values, with comments.

        Raises
        ------
        NamelistValueError
            If Fortran would not read it, or the elements depend on the shape of the array.
        """
        scope = self._variables
        *parents, last = [_component(part) for part in designator.split("%")]
        for name, dimensions in parents:
            variable = scope.setdefault(name, _Variable())
            variable.use(name, len(dimensions))
            element = tuple(each for each in dimensions if isinstance(each, int))
            if len(element) < len(dimensions):
                raise NamelistValueError(
                    f"{name} is a section of an array of a derived type: assign one element at a time"
                )
            scope = variable.elements.setdefault(element or (1,), {})
            if not isinstance(scope, dict):
                raise NamelistValueError(f"{name} is assigned as a whole and by components")
        name, dimensions = last
        variable = scope.setdefault(name, _Variable())
        variable.use(name, len(dimensions))
        values = read_values(text)
        positions = _positions(name, dimensions or [1], len(values))
        for value in values:
            position = next(positions, None)
            if position is None:
                raise NamelistValueError(f"{designator.strip()} has {len(values)} values, more than it has elements")
            if value is not None:
                variable.elements[position] = value

    def values(self) -> dict[str, Any]:
        """Return the values by name in lower case.

        Returns
        -------
        dict
            A scalar, or None if no value is given; a list from element 1 on for an array, with None for elements without a value, and one
            list in another for several dimensions, the first innermost; a dict for a derived type.
        """
        return _plain(self._variables)


def _plain(variables: dict[str, _Variable]) -> dict[str, Any]:
    return {name: _array(variable) for name, variable in variables.items()}


def _array(variable: _Variable) -> Any:
    elements = {
        position: _plain(value) if isinstance(value, dict) else value for position, value in variable.elements.items()
    }
    if not elements:
        return None
    if not variable.subscripts and set(elements) == {(1,)}:
        return elements[(1,)]
    sizes = [max(each) for each in zip(*elements, strict=True)]
    if math.prod(sizes) > _LIMIT:
        raise NamelistValueError(f"an array of {' times '.join(map(str, sizes))} elements is larger than {_LIMIT}")

    def nested(position: tuple[int, ...]) -> Any:
        if len(position) == len(sizes):
            return elements.get(position)
        size = sizes[len(sizes) - len(position) - 1]
        return [nested((k, *position)) for k in range(1, size + 1)]

    return nested(())


# --- designators

_Dimension = int | tuple[int | None, int | None, int]


def _component(text: str) -> tuple[str, list[_Dimension]]:
    match = _COMPONENT.fullmatch(text)
    if match is None:
        raise NamelistValueError(f"{text.strip()} is not the name of an entry")
    return match[1].lower(), [] if match[2] is None else [_dimension(part, match[1]) for part in match[2].split(",")]


def _dimension(text: str, name: str) -> _Dimension:
    """Return a subscript, or the start, end and step of a section."""
    try:
        numbers = [int(part) if part.strip() else None for part in text.split(":")]
    except ValueError:
        numbers = []
    step = numbers[2] if len(numbers) == 3 else 1
    if not 1 <= len(numbers) <= 3 or numbers == [None] or not step:
        raise NamelistValueError(f"({text.strip()}) of {name} is not a subscript: write numbers, such as (2) or (1:3)")
    if any(each is not None and not 1 <= each <= _LIMIT for each in numbers[:2]):
        raise NamelistValueError(f"({text.strip()}) of {name} is outside 1 to {_LIMIT}")
    if len(numbers) == 1:
        return int(numbers[0] or 0)
    if step < 0 and numbers[0] is None:
        raise NamelistValueError(f"({text.strip()}) of {name} starts at the end of the array, whose length is unknown")
    return numbers[0], numbers[1], step


def _positions(name: str, dimensions: Sequence[_Dimension], n: int) -> Iterator[tuple[int, ...]]:
    """Return the elements that ``n`` values are assigned to, in Fortran's order: the first subscript varies fastest."""
    if len(dimensions) == 1 and isinstance(dimensions[0], int):
        # the values of one element go on in the elements after it
        return zip(itertools.count(dimensions[0]))
    if n > 1 and all(isinstance(each, int) for each in dimensions):
        raise NamelistValueError(
            f"{name} has {n} values for one element of an array with several dimensions, so that the elements of the others "
            "depend on its shape: write a section, such as (1:3,2)"
        )
    sections = [k for k, each in enumerate(dimensions) if not isinstance(each, int)]
    ranges = []
    for k, each in enumerate(dimensions):
        if isinstance(each, int):
            ranges.append(range(each, each + 1))
            continue
        start, end, step = each
        if end is None and k != sections[-1]:
            raise NamelistValueError(
                f"dimension {k + 1} of {name} has no end, so that the elements depend on its shape"
            )
        if end is None:
            end = 1 if step < 0 else (start or 1) + step * n
        ranges.append(range(start or 1, end + (1 if step > 0 else -1), step))
    return (position[::-1] for position in itertools.product(*reversed(ranges)))


# --- values


def read_values(text: str) -> list[Scalar | None]:
    """Return the values of an assignment; None where there is none between two commas, or after a repeat count.

    Parameters
    ----------
    text : str
        Values, with comments.

    Raises
    ------
    NamelistValueError
        If Fortran would not read one of them.
    """
    values: list[Scalar | None] = []
    at, after_comma = 0, True
    while at < len(text):
        if separator := _SEPARATOR.match(text, at):
            at = separator.end()
        elif text[at] == ",":
            if after_comma:
                values.append(None)
            at, after_comma = at + 1, True
        else:
            found = _VALUE.match(text, at)
            if found is None:
                word = re.split(r"[\s,]", text[at:], maxsplit=1)[0]
                raise NamelistValueError(f"{word} is not a value of a namelist: write strings in quotes")
            count = 1 if found[1] is None else int(found[1])
            if not 1 <= count <= _LIMIT:
                raise NamelistValueError(f"{found[1]} is not a repeat count from 1 to {_LIMIT}")
            values += [None if found[2] is None else _literal(found[2])] * count
            at, after_comma = found.end(), False
    return values


def _literal(text: str) -> Scalar:
    if text[0] in "'\"":
        # a string that goes on in the next line is read without the line end
        return re.sub(r"\r?\n", "", text[1:-1]).replace(2 * text[0], text[0])
    if _INTEGER.fullmatch(text):
        return int(text)
    if number := _REAL.fullmatch(text):
        return float(f"{number[1]}e{number[2] or number[3] or 0}")
    if other := _NOT_FINITE.fullmatch(text):
        return float(f"{other[1]}{'inf' if other[2] else 'nan'}")
    if logical := _LOGICAL.fullmatch(text):
        return (logical[1] or logical[2]).lower() == "t"
    if _WORD.fullmatch(text):
        return text
    raise NamelistValueError(f"{text} is not a value of a namelist: write strings in quotes")
