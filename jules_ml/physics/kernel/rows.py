"""Rows of the workspace of a block: where values lie that more than one part of a kernel uses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from jules_ml.physics.kernel.elements import REAL, TRUTH, WHOLE
from jules_ml.physics.kernel.plan import Plan, Scope, Unit


class Rows:
    """Rows of elements, of which those that are no longer needed are used again.

    Parameters
    ----------
    plan : Plan
        Of the kernel.
    roots : sequence of int
        Elements that are needed at the end of a step.
    first : int
        First row that is free.

    Attributes
    ----------
    row : dict of int to int
        Row of each element that has one.
    size : dict of str to int
        Number of rows for values of each kind.
    """

    def __init__(self, plan: Plan, roots: Iterable[int], first: int) -> None:
        self.plan, self.elements = plan, plan.elements
        self.row: dict[int, int] = {}
        self.size = {REAL: first, TRUTH: 1, WHOLE: 1}
        self.stored = self._stored(set(roots))
        self._free: dict[tuple[str, int], list[int]] = defaultdict(list)
        self._blocks: dict[int, tuple[str, int, int]] = {}

    def keep(self, number: int) -> None:
        """Give an element that no step changes its own row."""
        if number not in self.row:
            kind = self.elements.all[number].kind
            self.row[number] = self.size[kind]
            self.size[kind] += 1

    def add(self, unit: Unit) -> None:
        """Give rows to those elements of a unit that need one: next to each other if they are of the same operation."""
        blocks: dict[tuple[object, ...], list[int]] = defaultdict(list)
        for number in unit.elements:
            if number in self.stored:
                blocks[self._block(unit, number)].append(number)
        for numbers in blocks.values():
            kind = self.elements.all[numbers[0]].kind
            free = self._free[kind, len(numbers)]
            if free:
                start = free.pop()
            else:
                start = self.size[kind]
                self.size[kind] += len(numbers)
            for k, number in enumerate(numbers):
                self.row[number] = start + k
                self._blocks[number] = (kind, len(numbers), start)

    def release(self, numbers: Iterable[int]) -> None:
        """Free the rows of elements, all of whose block are given."""
        for block in dict.fromkeys(self._blocks[k] for k in numbers if k in self._blocks):
            self._free[block[0], block[1]].append(block[2])

    def last_uses(self, scope: Scope) -> dict[int, list[int]]:
        """Elements of a scope whose blocks are last used by each unit; in a branch, what it results in is used after the last unit."""
        last: dict[int, int] = {}
        for k, unit in enumerate(scope.units):
            for number in unit.elements:
                last.setdefault(number, k)
            for number in self._uses(unit):
                if number in last:
                    last[number] = k
        if scope.branch is not None:
            results = (int(self.elements.all[k].operands[1]) for k in self.plan.members[id(scope.branch)])
            last |= dict.fromkeys((k for k in results if k in last), len(scope.units))
        by_block: dict[tuple[int, tuple[object, ...]], list[int]] = defaultdict(list)
        for k, unit in enumerate(scope.units):
            for number in unit.elements:
                if number in self.stored:
                    by_block[k, self._block(unit, number)].append(number)
        released: dict[int, list[int]] = defaultdict(list)
        for numbers in by_block.values():
            if self._roots.isdisjoint(numbers):
                released[max(last[number] for number in numbers)] += numbers
        return released

    def _uses(self, unit: Unit) -> Iterable[int]:
        if unit.branch is not None:
            return self.plan.before(unit.branch)
        return (k for number in unit.elements for k in (*self.plan.operands(number), *self.plan.guards[number]))

    def _block(self, unit: Unit, number: int) -> tuple[object, ...]:
        if unit.branch is not None:
            return ("chosen", self.elements.all[number].kind, number)
        if not unit.loops:
            return ("single", number)
        origin = self.elements.origin[number]
        assert origin is not None
        element = self.elements.all[number]
        return (origin.serial, element.kind, element.operation)

    def _stored(self, roots: set[int]) -> set[int]:
        """Elements that are used beyond the place in which they are computed."""
        self._roots = roots
        units = [unit for scope in self.plan.scopes.values() for unit in scope.units]
        loops = [loop for unit in units for loop in unit.loops]
        stored = {number for unit in units if unit.branch is not None for number in unit.elements}
        place = {number: (id(loop), i) for loop in loops for i, numbers in enumerate(loop.places) for number in numbers}
        stored.update(k for k in roots if k in place)
        for number in filter(self.plan.is_computed, self.plan.live):
            at = place.get(number)
            stored.update(k for k in self.plan.operands(number) if k in place and place[k] != at)
        for loop in loops:
            stored.update(self._parameters(loop.places))
        for loop in loops:
            for same in zip(*loop.places, strict=True):
                if not stored.isdisjoint(same):
                    stored.update(same)
        return stored

    def _parameters(self, places: list[list[int]]) -> Iterable[int]:
        """What differs between places, and the conditions of their guards."""
        for numbers in places:
            yield from (k for k in self.plan.guard_of(numbers) if self.plan.is_computed(k))
        yield from (k for k in self.differing(places) if self.plan.is_computed(k))

    def differing(self, places: list[list[int]]) -> Iterable[int]:
        """Elements from elsewhere that are operands at some places, and others at other places."""
        own = {number for numbers in places for number in numbers}
        for j in range(len(places[0])):
            columns = zip(*(self.elements.all[numbers[j]].operands for numbers in places), strict=True)
            for operands in columns:
                if len(set(operands)) > 1:
                    yield from (int(k) for k in operands if int(k) not in own)
