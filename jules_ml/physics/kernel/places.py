"""Loops over the places at which the same is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, Protocol

from jules_ml.physics.kernel.cones import CYCLES, PLAIN, Cone, cones
from jules_ml.physics.kernel.elements import REAL, TRUTH, WHOLE, Elements
from jules_ml.physics.kernel.plan import Loop, Plan
from jules_ml.physics.kernel.rows import Rows

TYPES: Final = {REAL: "V", TRUTH: "M", WHOLE: "I"}
#: Expressions and statements that read and write a row of each kind.
READ: Final = {REAL: "load(m + ({}) * W)", TRUTH: "t[{}]", WHOLE: "n[{}]"}
WRITE: Final = {REAL: "store(m + ({}) * W, {});", TRUTH: "t[{}] = {};", WHOLE: "n[{}] = {};"}
_NOTHING: Final = {REAL: "splat(T(0))", TRUTH: "truth(false)", WHOLE: "whole(0)"}
#: Places that are done at a time at most: their intermediate results have to fit into registers.
_MOST_TOGETHER: Final = 4


class Names(Protocol):
    """What a loop needs of the writer of a kernel."""

    elements: Elements
    plan: Plan
    rows: Rows

    def name(self, number: int) -> str:
        """Expression of a value that is known."""

    def row_of(self, number: int) -> int:
        """Row of an element."""

    def chosen_places(self, guards: Sequence[tuple[int, ...]], together: int) -> int:
        """Where the number and the list of those places is kept whose conditions, which no step changes, hold in a column of the block."""


class Places:
    """Statements of a loop, of which some places are done at a time, in terms of what differs between them."""

    def __init__(self, names: Names, loop: Loop) -> None:
        self.names, self.places = names, loop.places
        self.table: list[list[int]] = []
        self._columns: dict[tuple[int, ...], int] = {}
        self._own = {number: k for k, number in enumerate(self.places[0])}

    def statements(self) -> Iterator[str]:
        """Yield the lines of the loop."""
        numbers, rows = self.places[0], self.names.rows.row
        parts = cones(self.names.elements, numbers, lambda j: numbers[j] in rows)
        n, together = len(self.places), min(self._together(parts), len(self.places))
        body = [line for cone in parts for line in self._cone(cone, parts, together)]
        choice = list(self._choice(n, together))
        yield "  {"
        if self.table:
            lines = ", ".join("{" + ", ".join(map(str, row)) + "}" for row in zip(*self.table, strict=True))
            yield f"  static const int at[{n}][{len(self.table)}] = {{{lines}}};"
        yield from choice
        yield from body
        yield "  }"
        yield "  }"

    def _choice(self, n: int, together: int) -> Iterator[str]:
        """Yield the head of the loop over those places that count in a block."""
        guards = [tuple(sorted(self.names.plan.guard_of(numbers))) for numbers in self.places]
        each = range(together)
        if not any(guards):
            # the last place once more, which changes nothing, where fewer are left
            yield f"  for (int k = 0; k < {n}; k += {together}) {{"
            last = [f"k + {j} < {n} ? k + {j} : {n - 1}" if n % together else f"k + {j}" for j in each]
            yield f"    const int {', '.join(f'i{j} = {place}' for j, place in enumerate(last))};"
            return
        if any(self.names.plan.is_computed(k) for guard in guards for k in guard):
            yield f"  int on[{n + together - 1}], count = 0;"
            yield f"  for (int i = 0; i < {n}; i++) if ({self._guard(guards)}) on[count++] = i;"
            if together > 1:
                yield f"  for (int i = 1; i < {together} && count; i++) on[count + i - 1] = on[count - 1];"
        else:
            first = self.names.chosen_places(guards, together)
            yield f"  const int count = o[{first}], *on = o + {first + 1};"
        yield f"  for (int k = 0; k < count; k += {together}) {{"
        yield f"    const int {', '.join(f'i{j} = on[k + {j}]' for j in each)};"

    def _together(self, parts: Sequence[Cone]) -> int:
        """Places that are done at a time: as many as keep the processor busy while results of the others are awaited."""
        elements = self.names.elements
        ready: dict[int, float] = {}
        work = 0.0
        for part in parts:
            for number in (self.places[0][j] for j in part.members):
                element = elements.all[number]
                latency, cost = CYCLES.get(element.operation, PLAIN)
                ready[number] = latency + max((ready.get(int(k), 0.0) for k in element.operands), default=0.0)
                work += cost if part.guard is None else 0.5 * cost
        most = _MOST_TOGETHER
        return min(max(round(1.5 * max(ready.values()) / work), 1), most)

    def _guard(self, guards: Sequence[tuple[int, ...]]) -> str:
        """Whether a place counts in a block."""
        return " && ".join(f"any({self._expression(each, '')})" for each in zip(*guards, strict=True))

    def _cone(self, cone: Cone, parts: Sequence[Cone], together: int) -> Iterator[str]:
        """Yield the statements of a part of the body."""
        if cone.guard is None:
            for j in cone.members:
                for k in range(together):
                    yield from self._statement(j, k, "const ")
            return
        inside = set(cone.members)
        later = {
            self._own[int(x)]
            for part in parts
            for j in part.members
            if j not in inside
            for x in self.names.elements.all[self.places[0][j]].operands
            if int(x) in self._own
        }
        condition, holds = cone.guard
        for k in range(together):
            for j in cone.members:
                if j in later:
                    kind = self.names.elements.all[self.places[0][j]].kind
                    yield f"    {TYPES[kind]} v{self.places[0][j]}_{k} = {_NOTHING[kind]};"
            asked = self._operand(condition, cone.members[0], k)
            yield f"    if (any({asked if holds else f'f_not({asked})'})) {{"
            for j in cone.members:
                yield from self._statement(j, k, "" if j in later else "const ")
            yield "    }"

    def _operand(self, condition: int, member: int, k: int) -> str:
        """Value of the condition of a cone at one of the places that are done together."""
        if condition in self._own:
            return f"v{condition}_{k}"
        elements = self.names.elements
        for j, number in enumerate(self.places[0]):
            element = elements.all[number]
            if element.operation == "select" and element.operands[0] == condition:
                return self._expression([int(elements.all[numbers[j]].operands[0]) for numbers in self.places], str(k))
        raise AssertionError(f"no choice has the condition of {member}")

    def _statement(self, j: int, k: int, declared: str) -> Iterator[str]:
        """Yield the statement of an element, and its store, at one of the places that are done together."""
        elements, rows = self.names.elements, self.names.rows.row
        number = self.places[0][j]
        element = elements.all[number]
        operands = []
        for each in zip(*(elements.all[numbers[j]].operands for numbers in self.places), strict=True):
            operand = int(each[0])
            is_own = operand in self._own
            operands.append(f"v{operand}_{k}" if is_own else self._expression([int(x) for x in each], str(k)))
        kind = f"{declared}{TYPES[element.kind]} " if declared else ""
        yield f"    {kind}v{number}_{k} = f_{element.operation}({', '.join(operands)});"
        stored = [numbers[j] for numbers in self.places]
        if number in rows:
            yield "    " + WRITE[element.kind].format(self._index([rows[x] for x in stored], str(k)), f"v{number}_{k}")

    def _expression(self, numbers: Sequence[int], k: str) -> str:
        """Value of an element at a place."""
        if len(set(numbers)) == 1:
            return self.names.name(numbers[0])
        kind = self.names.elements.all[numbers[0]].kind
        return READ[kind].format(self._index([self.names.row_of(number) for number in numbers], k))

    def _index(self, rows: list[int], k: str) -> str:
        """Row as a function of the place: a line where possible, and a table otherwise."""
        steps = {b - a for a, b in pairwise(rows)}
        if len(rows) == 1 or steps == {0}:
            return str(rows[0])
        if len(steps) == 1:
            step = steps.pop()
            return f"{rows[0]} + i{k}" if step == 1 else f"{rows[0]} + i{k} * {step}"
        key = tuple(rows)
        if key not in self._columns:
            self._columns[key] = len(self.table)
            self.table.append(rows)
        return f"at[i{k}][{self._columns[key]}]"
