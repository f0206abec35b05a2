"""Statements of a place that matter only where a condition holds, so that a block of columns can leave them out.

Stable and unstable air, for example, have different formulae, and neighbouring columns mostly have the same of the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from jules_ml.physics.kernel.elements import Elements

#: Cycles until a result of an operation is ready, and until the next one can start, for those that differ from sums and products.
CYCLES: Final = {
    "div": (13.0, 7.0),
    "reciprocal": (13.0, 7.0),
    "sqrt": (17.0, 5.0),
    "exp": (45.0, 10.0),
    "expm1": (50.0, 12.0),
    "log": (50.0, 12.0),
    "log10": (54.0, 13.0),
    "log1p": (70.0, 20.0),
    "tanh": (75.0, 20.0),
    "pow": (140.0, 35.0),
    "cbrt": (75.0, 15.0),
    "atan": (50.0, 12.0),
    "atan_of_ratio": (65.0, 20.0),
    "select": (3.0, 0.7),
}
PLAIN: Final = (4.0, 0.7)
#: Cycles that it takes to leave something out.
_WORTH: Final = 40.0

#: Condition, and whether it has to hold or not to hold.
Guard = tuple[int, bool]


@dataclass
class Cone:
    """Elements of a place, by their order in it, that matter only where a condition holds (or does not); none: always."""

    guard: Guard | None
    members: list[int]


def cones(elements: Elements, numbers: Sequence[int], is_used: Callable[[int], bool]) -> list[Cone]:
    """Divide the elements of a place into those that always matter and those that do not.

    Parameters
    ----------
    elements : Elements
        Graph of the step.
    numbers : sequence of int
        Elements of a place, each after those that it is computed from.
    is_used : callable
        Whether an element, by its order, is used beyond the place.

    Returns
    -------
    list of Cone
        All elements, in the order in which they are to be computed.
    """
    return _Division(elements, numbers, is_used).cones()


class _Division:
    def __init__(self, elements: Elements, numbers: Sequence[int], is_used: Callable[[int], bool]) -> None:
        self.elements, self.numbers = elements, numbers
        self.own = {number: j for j, number in enumerate(numbers)}
        self.guards = self._guards(is_used)
        costs: dict[Guard, float] = {}
        for number, guards in zip(numbers, self.guards, strict=True):
            for guard in guards:
                costs[guard] = costs.get(guard, 0.0) + CYCLES.get(elements.all[number].operation, PLAIN)[1]
        worth = {guard for guard, cost in costs.items() if cost >= _WORTH}
        self.guards = [guards & worth for guards in self.guards]
        self.done: set[int] = set()
        self.result: list[Cone] = []

    def _operands(self, j: int) -> list[int]:
        """Elements of the place that one of them is computed from."""
        operands = self.elements.all[self.numbers[j]].operands
        return [self.own[int(k)] for k in operands if int(k) in self.own]

    def _guards(self, is_used: Callable[[int], bool]) -> list[frozenset[Guard]]:
        found: list[frozenset[Guard] | None] = [None] * len(self.numbers)
        for j in range(len(self.numbers) - 1, -1, -1):
            own = found[j]
            if own is None or is_used(j):
                own = found[j] = frozenset()
            element = self.elements.all[self.numbers[j]]
            is_choice = element.operation == "select"
            for position, operand in enumerate(int(k) for k in element.operands):
                at = self.own.get(operand)
                if at is None:
                    continue
                guards = own
                if is_choice and position > 0:
                    guards = own | {(int(element.operands[0]), position == 1)}
                before = found[at]
                found[at] = guards if before is None else before & guards
        return [guards or frozenset() for guards in found]

    def cones(self) -> list[Cone]:
        for j in range(len(self.numbers)):
            if j not in self.done and not self.guards[j]:
                self._add(j)
        return self.result

    def _add(self, j: int) -> None:
        """Compute an element, after all that it needs."""
        element = self.elements.all[self.numbers[j]]
        if element.operation == "select":
            for position in (1, 2):
                operand = self.own.get(int(element.operands[position]))
                if operand is not None and operand not in self.done:
                    self._add_cone((int(element.operands[0]), position == 1), operand)
        for operand in self._operands(j):
            if operand not in self.done:
                self._add(operand)
        self.done.add(j)
        if not self.result or self.result[-1].guard is not None:
            self.result.append(Cone(None, []))
        self.result[-1].members.append(j)

    def _add_cone(self, guard: Guard, root: int) -> None:
        """Compute what a condition guards: all that can be computed now."""
        if guard not in self.guards[root]:
            return
        condition = self.own.get(guard[0])
        if condition is not None and condition not in self.done:
            self._add(condition)
        self._add_outside(guard, root)
        members: list[int] = []
        inside: set[int] = set()
        for j in range(len(self.numbers)):
            if j in self.done or guard not in self.guards[j]:
                continue
            if all(k in self.done or k in inside for k in self._operands(j)):
                members.append(j)
                inside.add(j)
        self.done |= inside
        if members:
            self.result.append(Cone(guard, members))

    def _add_outside(self, guard: Guard, root: int) -> None:
        """Compute what the element needs and the condition does not guard."""
        todo, seen = [root], set[int]()
        outside: set[int] = set()
        while todo:
            j = todo.pop()
            if j in seen or j in self.done:
                continue
            seen.add(j)
            if guard in self.guards[j]:
                todo += self._operands(j)
            else:
                outside.add(j)
        for j in sorted(outside):
            if j not in self.done:
                self._add(j)
