"""A step as a graph of elements: each is one number of a column, computed from other elements by one operation.

A tensor of shape (..., column) is an array of element numbers of shape (..., 1). Views, stacks and concatenations are then operations on
these arrays at the time of generation and cost nothing in the kernel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

#: Kinds of values: a real number, a truth value, a whole number.
REAL, TRUTH, WHOLE = "real", "truth", "whole"
#: Operations without operands in the graph: their argument is a number or the index of a row.
LEAVES: Final = ("literal", "constant", "scalar", "state", "forcing", "table")
_COMMUTE: Final = ("add", "mul", "min", "max", "and", "or", "eq", "ne")
_FOLDED: Final[dict[str, Callable[..., float]]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "neg": lambda a: -a,
    "min": min,
    "max": max,
}

#: Second operand that changes nothing.
_NEUTRAL: Final = {"add": 0.0, "sub": 0.0, "mul": 1.0, "div": 1.0, "max": -math.inf, "min": math.inf}


class CannotGenerate(Exception):
    """A step does something for which no kernel is generated."""


class Element(NamedTuple):
    """Operation, kind of the result, and operands: numbers of elements, or what a leaf stands for."""

    operation: str
    kind: str
    operands: tuple[int | float, ...]


class Origin(NamedTuple):
    """Operation of torch, in the order of the step; shape of its result without columns; and the place in it."""

    serial: int
    shape: tuple[int, ...]
    place: int


@dataclass
class Branch:
    """Part of a step that a kernel computes only if ``condition`` holds somewhere: its elements, in order."""

    conditions: tuple[int, ...]
    parent: Branch | None
    elements: list[int] = field(default_factory=list)
    known: dict[Element, int] = field(default_factory=dict)


class Elements:
    """Graph of elements, each of which exists once.

    Attributes
    ----------
    all : list of Element
        Elements; operands come before what uses them.
    is_static : list of bool
        Whether an element depends on constants alone, so that it does not change from step to step.
    branch : list of Branch or None
        Branch in which each element is computed.
    branches : dict of int to Branch
        Branch whose result an element is, where it is one.
    origin : list of Origin or None
        Which number of which operation of torch each element is.
    weights : dict of int to int
        Elements that are 0 where a condition does not hold, such as fractions of tiles, and that condition.
    now : Origin or None
        Origin of the elements that are added.
    serial : int
        Number of operations so far.
    """

    def __init__(self) -> None:
        self.all: list[Element] = []
        self.is_static: list[bool] = []
        self.branch: list[Branch | None] = []
        self.branches: dict[int, Branch] = {}
        self.origin: list[Origin | None] = []
        self.weights: dict[int, int] = {}
        self.now: Origin | None = None
        self.serial = 0
        self._known: dict[Element, int] = {}
        self._branch: Branch | None = None

    def literal(self, value: float, kind: str = REAL) -> int:
        """Return the element of a number."""
        return self._element(Element("literal", kind, (float(value),)))

    def leaf(self, operation: str, row: int, kind: str = REAL) -> int:
        """Return the element of a row of constants, state or weather."""
        return self._element(Element(operation, kind, (row,)))

    def add(self, operation: str, kind: str, *operands: int) -> int:
        """Return the element of an operation; simple ones on numbers are done at once."""
        simpler = self._simplified(operation, operands)
        if simpler is not None:
            return simpler
        weight = next((k for k in operands if k in self.weights), None) if operation == "mul" else None
        if weight is not None:
            return self._weighted(weight, *operands)
        if operation in _COMMUTE:
            operands = tuple(sorted(operands))
        if operation in ("min", "max") and kind == REAL:
            operands = self._number_first(operands)
            operation += "_number" if self.number(operands[0]) is not None else ""
        return self._element(Element(operation, kind, operands))

    def weight(self, number: int) -> None:
        """State that an element is a fraction of something, and that what has a fraction of 0 does not count."""
        condition = self.add("gt", TRUTH, number, self.literal(0.0))
        self.weights[number] = condition

    def _weighted(self, weight: int, a: int, b: int) -> int:
        """Product with a weight: 0 where that is 0, whatever the other factor is."""
        condition = self.weights[weight]
        product = self._element(Element("mul", REAL, tuple(sorted((a, b)))))
        number = self._element(Element("select", REAL, (condition, product, self.literal(0.0))))
        self.weights.setdefault(number, condition)
        return number

    @contextmanager
    def within(self, conditions: tuple[int, ...]) -> Iterator[Branch]:
        """Compute what is added inside the context only if one of the conditions holds in a column."""
        branch = Branch(conditions, self._branch)
        self._branch = branch
        try:
            yield branch
        finally:
            self._branch = branch.parent

    def chosen(self, branch: Branch, condition: int, new: int, old: int) -> int:
        """Return the element that is ``new``, computed in a branch, where a condition holds, and ``old`` elsewhere."""
        if new == old:
            return new
        kind = self.all[old].kind
        number = self._element(Element("chosen", kind, (condition, new, old)), always_new=True)
        self.branches[number] = branch
        return number

    def number(self, element: int) -> float | None:
        """Value of an element that is a literal."""
        found = self.all[element]
        return float(found.operands[0]) if found.operation == "literal" else None

    def _element(self, element: Element, *, always_new: bool = False) -> int:
        is_leaf = element.operation in LEAVES
        is_static = (
            element.operation in ("literal", "constant", "scalar", "table")
            if is_leaf
            else element.operation != "chosen" and all(self.is_static[int(k)] for k in element.operands)
        )
        # what does not change from step to step is computed once, outside of all branches
        branch = None if is_leaf or is_static else self._branch
        found = None if always_new else self._find(element, branch)
        if found is not None:
            self._share(found)
            return found
        number = len(self.all)
        self.all.append(element)
        self.is_static.append(is_static)
        self.origin.append(self.now)
        self.branch.append(branch)
        if branch is None:
            self._known[element] = number
        else:
            branch.known[element] = number
            branch.elements.append(number)
        return number

    def _share(self, number: int) -> None:
        """Note that an element is the same at several places, and so belongs to none."""
        origin = self.origin[number]
        if origin is not None and self.now is not None and origin.serial == self.now.serial:
            self.origin[number] = None

    def _number_first(self, operands: tuple[int, ...]) -> tuple[int, ...]:
        return operands[::-1] if self.number(operands[1]) is not None else operands

    def _find(self, element: Element, branch: Branch | None) -> int | None:
        while branch is not None:
            if element in branch.known:
                return branch.known[element]
            branch = branch.parent
        return self._known.get(element)

    def _simplified(self, operation: str, operands: tuple[int, ...]) -> int | None:
        """Result of operations on numbers, and of those that change nothing."""
        numbers = [self.number(k) for k in operands]
        if operation in _FOLDED and all(x is not None for x in numbers):
            return self.literal(_FOLDED[operation](*numbers), self.all[operands[0]].kind)
        if operation == "select" and operands[1] == operands[2]:
            return operands[1]
        nothing = _NEUTRAL.get(operation)
        if len(operands) == 2 and nothing is not None:
            if numbers[1] == nothing:
                return operands[0]
            if numbers[0] == nothing and operation in _COMMUTE:
                return operands[1]
        return None
