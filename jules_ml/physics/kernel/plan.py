"""Plan of a kernel: which elements are computed in loops, in which order, and what need not be computed.

The same operations on all tiles, or on all layers of the canopies of all plants, become a loop, so that the code stays in the cache of
instructions. What contributes nothing in a block of columns, such as a tile without area, is left out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from jules_ml.physics.kernel.elements import LEAVES, Branch, Elements

#: Places and elements from which operations become a loop.
_FEWEST_PLACES: Final = 3
_FEWEST_ELEMENTS: Final = 18
#: Elements in common of places from which these get a loop of their own, and parts into which a loop is divided at most.
_WORTH_STAGES: Final = 18
_MOST_STAGES: Final = 4


@dataclass
class Loop:
    """Places at which the same operations are done: elements of each place, in corresponding order."""

    places: list[list[int]]


@dataclass
class Unit:
    """Part of the code of a scope: one element, a branch with the elements that it may change, or loops without an order among them."""

    elements: list[int]
    branch: Branch | None = None
    loops: list[Loop] = field(default_factory=list)


@dataclass
class Scope:
    """Units of the step or of a branch, in order."""

    branch: Branch | None
    units: list[Unit]


class Plan:
    """Plan of the elements that some roots need.

    Parameters
    ----------
    elements : Elements
        Graph of the step.
    roots : sequence of int
        State after the step, and outputs.

    Attributes
    ----------
    live : set of int
        Elements that are needed.
    scopes : dict
        Scope of the step (None) and of each branch.
    guards : dict of int to frozenset of int
        Conditions of which each has to hold somewhere for an element to matter.
    """

    def __init__(self, elements: Elements, roots: Sequence[int]) -> None:
        self.elements = elements
        self.live = self._needed(roots)
        self.members: dict[int, list[int]] = defaultdict(list)
        self._own: dict[int | None, list[int]] = defaultdict(list)
        for number in sorted(self.live):
            if self.is_computed(number):
                branch = elements.branch[number]
                self._own[None if branch is None else id(branch)].append(number)
                if number in elements.branches:
                    self.members[id(elements.branches[number])].append(number)
        self._presence = set(elements.weights.values())
        self.guards = self._guards(roots)
        self.scopes: dict[int | None, Scope] = {}
        self._plan(None)

    def is_computed(self, number: int) -> bool:
        """Whether an element is computed in each step."""
        return self.elements.all[number].operation not in LEAVES and not self.elements.is_static[number]

    def operands(self, number: int) -> list[int]:
        """Elements that an element is computed from."""
        element = self.elements.all[number]
        if element.operation in LEAVES:
            return []
        more = self.elements.branches[number].conditions if number in self.elements.branches else ()
        return [int(k) for k in element.operands] + list(more)

    def is_within(self, number: int, branch: Branch) -> bool:
        """Whether an element is computed in a branch, or in a branch of it."""
        inner = self.elements.branch[number]
        while inner is not None and inner is not branch:
            inner = inner.parent
        return inner is branch

    def before(self, branch: Branch) -> list[int]:
        """Elements outside a branch that have to be known before it."""
        outside: dict[int, None] = dict.fromkeys(branch.conditions)
        todo: list[int] = []
        for number in self.members[id(branch)]:
            condition, new, old = (int(k) for k in self.elements.all[number].operands)
            outside |= {condition: None, old: None}
            todo.append(new)
        seen: set[int] = set()
        while todo:
            number = todo.pop()
            if number in seen or not self.is_computed(number):
                continue
            seen.add(number)
            if self.is_within(number, branch):
                todo += self.operands(number)
            else:
                outside[number] = None
        return list(outside)

    def _needed(self, roots: Sequence[int]) -> set[int]:
        todo, needed = list(roots), set[int]()
        while todo:
            number = todo.pop()
            if number not in needed:
                needed.add(number)
                todo += self.operands(number)
        return needed

    def _guards(self, roots: Sequence[int]) -> dict[int, frozenset[int]]:
        """Conditions without which no use of an element counts."""
        guards: dict[int, frozenset[int]] = dict.fromkeys(roots, frozenset())
        none: frozenset[int] = frozenset()
        asked = {int(self.elements.all[k].operands[0]) for k in self.live if k in self.elements.branches}
        for number in sorted(self.live, reverse=True):
            element = self.elements.all[number]
            own = guards.get(number, none)
            is_choice = element.operation in ("select", "chosen")
            for position, operand in enumerate(self.operands(number)):
                if position >= len(element.operands) and operand in asked:
                    # whether the branch is computed at all is known from the elements that it changes
                    continue
                guard = own
                if is_choice and position == 1 and self._can_guard(number, int(element.operands[0])):
                    guard = own | {int(element.operands[0])}
                guards[operand] = guards[operand] & guard if operand in guards else guard
        return guards

    def is_gate(self, number: int) -> bool:
        """Whether an element is what counts where a condition does not hold, in place of what is left out."""
        element = self.elements.all[number]
        if element.operation != "select":
            return False
        condition = int(element.operands[0])
        return condition in self._presence and condition not in self.guards[number]

    def _can_guard(self, number: int, condition: int) -> bool:
        return condition in self._presence or number in self.elements.branches

    def guard_of(self, numbers: Sequence[int]) -> frozenset[int]:
        """Conditions that all of some elements have, and that are known before them."""
        common = frozenset.intersection(*(self.guards[k] for k in numbers))
        inner = self.elements.branch[numbers[0]]
        known: set[int] = set()
        while inner is not None:
            if len(inner.conditions) > 1:
                known |= {int(self.elements.all[k].operands[0]) for k in self.members[id(inner)]}
            inner = inner.parent
        return frozenset(k for k in common if k in self._presence or k in known)

    def _plan(self, branch: Branch | None) -> None:
        numbers = self._own[None if branch is None else id(branch)]
        units: list[Unit] = []
        inner: dict[int, Unit] = {}
        for number in numbers:
            child = self.elements.branches.get(number)
            if child is None:
                units.append(Unit([number]))
            elif id(child) in inner:
                inner[id(child)].elements.append(number)
            else:
                inner[id(child)] = Unit([number], branch=child)
                units.append(inner[id(child)])
        units = _Grouping(self, units).grouped()
        self.scopes[None if branch is None else id(branch)] = Scope(branch, units)
        for unit in inner.values():
            self._plan(unit.branch)


class _Grouping:
    """Units of one scope on the way to loops."""

    def __init__(self, plan: Plan, units: list[Unit]) -> None:
        self.plan, self.elements = plan, plan.elements
        self.units = units
        self._before = {id(u): plan.before(u.branch) for u in units if u.branch is not None}

    def grouped(self) -> list[Unit]:
        """Join elements to loops, for one shape after the other, and put all in order."""
        self._order()
        count: dict[tuple[int, ...], int] = defaultdict(int)
        for unit in self.units:
            shape = self._shape(unit)
            if shape is not None:
                count[shape] += 1
        for shape in sorted(count, key=lambda s: -count[s]):
            if count[shape] >= _FEWEST_ELEMENTS:
                self._join(shape)
                self._order()
        return self.units

    def _shape(self, unit: Unit) -> tuple[int, ...] | None:
        """Shape of the operation of a single element that may be part of a loop."""
        if unit.branch is not None or unit.loops:
            return None
        origin = self.elements.origin[unit.elements[0]]
        if origin is None or self.plan.is_gate(unit.elements[0]):
            return None
        size = 1
        for n in origin.shape:
            size *= n
        return origin.shape if size >= _FEWEST_PLACES else None

    def _needs(self, unit: Unit) -> set[int]:
        """Numbers of the units that a unit needs."""
        needed: set[int] = set()
        for number in self._before[id(unit)] if unit.branch is not None else unit.elements:
            for k in (number,) if unit.branch is not None else self.plan.operands(number):
                at = self._at.get(k)
                if at is not None:
                    needed.add(at)
        return needed

    def _order(self) -> None:
        """Sort units so that what each needs comes before it, close to its use."""
        self._at = {number: k for k, unit in enumerate(self.units) for number in unit.elements}
        needs = [sorted(self._needs(unit) - {k}) for k, unit in enumerate(self.units)]
        done: set[int] = set()
        order: list[int] = []
        for root in range(len(self.units)):
            stack = [(root, False)]
            while stack:
                k, ready = stack.pop()
                if k in done:
                    continue
                if ready:
                    done.add(k)
                    order.append(k)
                else:
                    stack += [(k, True), *((n, False) for n in reversed(needs[k]) if n not in done)]
        place = {k: position for position, k in enumerate(order)}
        self.units = [self.units[k] for k in order]
        self.needs = [[place[n] for n in needs[k]] for k in order]
        self._at = {number: k for k, unit in enumerate(self.units) for number in unit.elements}

    def _join(self, shape: tuple[int, ...]) -> None:
        """Join elements of one shape that do not depend on each other through anything else."""
        after: list[int] = []
        levels: dict[int, int] = {}
        groups: dict[int, list[int]] = defaultdict(list)
        for k, unit in enumerate(self.units):
            level = 0
            is_of_shape = self._shape(unit) == shape
            place = self._place(unit) if is_of_shape else -1
            for n in self.needs[k]:
                same = n in levels and place == self._place(self.units[n])
                level = max(level, levels[n] if same else after[n])
            if is_of_shape:
                levels[k] = level
                groups[level].append(k)
                after.append(level + 1)
            else:
                after.append(level)
        joined: set[int] = set()
        new: list[Unit] = []
        for group in groups.values():
            by_place: dict[int, list[int]] = defaultdict(list)
            for k in group:
                by_place[self._place(self.units[k])].append(self.units[k].elements[0])
            if len(group) >= _FEWEST_ELEMENTS and len(by_place) >= _FEWEST_PLACES:
                joined.update(group)
                for places in self._stages([by_place[p] for p in sorted(by_place)]):
                    members = [number for numbers in places for number in numbers]
                    new.append(Unit(members, loops=self._loops(places)))
        self.units = [unit for k, unit in enumerate(self.units) if k not in joined] + new

    def _place(self, unit: Unit) -> int:
        origin = self.elements.origin[unit.elements[0]]
        assert origin is not None
        return origin.place

    def _stages(self, places: list[list[int]]) -> list[list[list[int]]]:
        """Divide what is done into parts, one after the other, so that what all places have in common is one loop over all of them."""
        serials = [{self._serial(k): k for k in numbers} for numbers in places]
        count = Counter(s for each in serials for s in each)
        of_all = {s for s, n in count.items() if n == len(places)}
        if len(of_all) == len(count) or len(of_all) < _WORTH_STAGES:
            return [places]
        stage: dict[int, int] = {}
        for serial in sorted(count):
            # what is in common has even numbers, and what is not has odd ones
            stage[serial] = 0 if serial in of_all else -1
            for numbers in serials:
                for operand in self.plan.operands(numbers[serial]) if serial in numbers else ():
                    before = self._serial(operand)
                    if before != serial and numbers.get(before) == operand:
                        stage[serial] = max(stage[serial], stage[before] + (stage[before] - stage[serial]) % 2)
        if max(stage.values()) > _MOST_STAGES:
            return [places]
        parts = [
            [[k for k in numbers if stage[self._serial(k)] == part] for numbers in places]
            for part in range(-1, max(stage.values()) + 1)
        ]
        return [[numbers for numbers in part if numbers] for part in parts if any(part)]

    def _serial(self, number: int) -> int:
        origin = self.elements.origin[number]
        return -1 if origin is None else origin.serial

    def _loops(self, places: list[list[int]]) -> list[Loop]:
        """Divide places into those at which the same is done."""
        by_form: dict[tuple[object, ...], list[list[int]]] = defaultdict(list)
        for numbers in places:
            ordered = sorted(numbers, key=lambda k: (self.elements.origin[k].serial, k))  # type: ignore[union-attr]
            guard = len(self.plan.guard_of(ordered))
            by_form[guard, *self._form(ordered)].append(ordered)
        return [Loop(same) for same in by_form.values()]

    def _form(self, numbers: list[int]) -> tuple[object, ...]:
        """What is done at a place: operations, and whether operands are of the place or from elsewhere."""
        own = {number: k for k, number in enumerate(numbers)}
        form: list[object] = []
        for number in numbers:
            element = self.elements.all[number]
            form.append((element.operation, element.kind, len(element.operands)))
            for operand in (int(k) for k in element.operands):
                of = self.elements.all[operand]
                form.append(own.get(operand, (of.kind, of.operands if of.operation == "table" else None)))
        return tuple(form)
