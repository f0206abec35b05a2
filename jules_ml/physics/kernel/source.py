"""C++ source of a recorded step.

One call of the kernel steps a range of blocks of columns through many time steps. A block is one vector of columns, whose workspace stays
in the nearest caches. Rows are the numbers of one column: of constants, state, weather and intermediate results.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

from jules_ml.physics.kernel.elements import LEAVES, REAL, TRUTH, WHOLE, Branch
from jules_ml.physics.kernel.places import READ, TYPES, WRITE, Places
from jules_ml.physics.kernel.plan import Plan, Scope, Unit
from jules_ml.physics.kernel.recorder import Recorder
from jules_ml.physics.kernel.rows import Rows


@dataclass(frozen=True)
class Source:
    """Text of a kernel, and the numbers that it takes as parameters so that other columns can use the same text.

    ``literals`` come after the constants without dimensions.
    """

    text: str
    literals: tuple[float, ...]


def kernel_source(recorder: Recorder, state: Sequence[int], outputs: Sequence[int], *, double: bool) -> Source:
    """Write the kernel of a step.

    Parameters
    ----------
    recorder : Recorder
        Of the step.
    state : sequence of int
        Elements of the state after the step, one for each row of the state.
    outputs : sequence of int
        Elements of the outputs, one for each row.
    double : bool
        Whether numbers have double precision.

    Returns
    -------
    Source
    """
    writer = _Writer(recorder, [*state, *outputs])
    dynamic = writer.step(state, outputs)
    static = writer.prepared()
    sizes = {
        "CONSTANTS": recorder.n_constant_rows,
        "SCALARS": len(recorder.scalars),
        "STATE": len(state),
        "WEATHER": recorder.rows["forcing"],
        "OUTPUTS": len(outputs),
        **{name: writer.rows.size[kind] for name, kind in (("REALS", REAL), ("TRUTHS", TRUTH), ("WHOLES", WHOLE))},
    }
    arguments = "const T* __restrict u, T* __restrict m, M* __restrict t, I* __restrict n, const Table* tables"
    sizes["PLACES"] = max(writer.n_chosen, 1)
    parts = [
        f"#define DOUBLE {int(double)}",
        _text("vectors.h"),
        f"enum {{ {', '.join(f'{name} = {size}' for name, size in sizes.items())} }};",
        f"static void prepare({arguments}, int* o) {{",
        *static,
        "}",
        f"static void step({arguments}, const int* o, T* __restrict a) {{",
        *dynamic,
        "}",
        _text("steps.h"),
    ]
    return Source("\n".join(parts) + "\n", tuple(writer.literals))


def _text(name: str) -> str:
    return (files("jules_ml.physics.kernel") / name).read_text()


class _Writer:
    """Statements of the elements that are needed."""

    def __init__(self, recorder: Recorder, roots: Sequence[int]) -> None:
        self.elements = recorder.elements
        self.plan = Plan(self.elements, roots)
        state, weather = recorder.rows["state"], recorder.rows["forcing"]
        #: First rows of constants, state and weather in the workspace.
        self._first = {"constant": 0, "state": recorder.n_constant_rows, "forcing": recorder.n_constant_rows + state}
        self.rows = Rows(self.plan, roots, recorder.n_constant_rows + state + weather)
        self.literals: dict[float, int] = {}
        self._roots = roots
        self._in_place: dict[int, int] = {}
        #: Lists of places: conditions of each and places at a time, with the first number in the workspace; and the size of all.
        self._chosen: dict[tuple[tuple[tuple[int, ...], ...], int], int] = {}
        self.n_chosen = 0
        for number in sorted(self._kept()):
            self.rows.keep(number)
        self._kept_rows = dict(self.rows.row)
        self._defined: set[int] = set()

    def _kept(self) -> set[int]:
        """Elements that no step changes, and that a step needs."""
        loops = [loop for scope in self.plan.scopes.values() for unit in scope.units for loop in unit.loops]
        apart = {k for loop in loops for k in self.rows.differing(loop.places)}
        numbers = {k for k in apart if self.elements.all[k].operation in ("literal", "scalar")}
        used = {k for n in self.plan.live if self.plan.is_computed(n) for k in self.plan.operands(n)} | set(self._roots)
        return numbers | {
            k for k in used if self.elements.is_static[k] and self.elements.all[k].operation not in LEAVES
        }

    def step(self, state: Sequence[int], outputs: Sequence[int]) -> list[str]:
        """Statements of one step."""
        self._in_place = self._changed_in_place(state)
        units = self.plan.scopes[None].units
        last = [unit for unit in units if unit.branch is None and unit.elements[0] in self._in_place]
        last.sort(key=lambda unit: self._presence_and_row(unit.elements[0]))
        self.plan.scopes[None].units = [unit for unit in units if all(unit is not x for x in last)] + last
        lines = self._scope(self.plan.scopes[None])
        first = self._first["state"]
        # a row of the old state that becomes another row of the new one is read before any is written
        moved = {
            k: number
            for k, number in enumerate(state)
            if self.elements.all[number].operation == "state" and self.elements.all[number].operands[0] != k
        }
        lines += [f"  store(a + {k} * W, load(a + {k} * W) + {self.name(number)});" for k, number in enumerate(outputs)]
        lines += [f"  const V moved{k} = {self.name(number)};" for k, number in moved.items()]
        for k, number in enumerate(state):
            if number not in self._in_place and (self.elements.all[number].operation != "state" or k in moved):
                lines.append(f"  store(m + {first + k} * W, {f'moved{k}' if k in moved else self.name(number)});")
        return lines

    def _changed_in_place(self, state: Sequence[int]) -> dict[int, int]:
        """Elements of the new state that are the old state where something is absent, such as a tile, and their rows.

        They are written last, and only where a column of the block has it.
        """
        of = self.elements.all
        uses = Counter(k for number in self.plan.live for k in self.plan.operands(number))
        uses.update(self._roots)
        # rows of the old state that are read after these are written
        later = {int(of[k].operands[0]) for k in self._roots if of[k].operation == "state"}
        found: dict[int, int] = {}
        for row, number in enumerate(state):
            if self.elements.branch[number] is not None or not self.plan.is_gate(number) or uses[number] > 1:
                continue
            _, new, old = (of[int(k)] for k in of[number].operands)
            if (
                old.operation == "state"
                and int(old.operands[0]) == row
                and row not in later
                and new.operation != "state"
            ):
                found[number] = row
        return found

    def _presence_and_row(self, number: int) -> tuple[int, int]:
        return int(self.elements.all[number].operands[0]), self._in_place[number]

    def _written_in_place(self, number: int, before: int | None) -> Iterator[str]:
        """Statements that write a row of the state where its tile is present, after the element before."""
        condition, new, old = (int(k) for k in self.elements.all[number].operands)
        if before is None or self._presence_and_row(before)[0] != condition:
            yield from ("  }",) if before is not None else ()
            yield f"  if (any({self.name(condition)})) {{"
        value = f"f_select({self.name(condition)}, {self.name(new)}, {self.name(old)})"
        yield f"  store(m + {self._first['state'] + self._in_place[number]} * W, {value});"

    def prepared(self) -> list[str]:
        """Statements that compute what no step changes."""
        kept, self.rows.row = self._kept_rows, {}
        lines: list[str] = []
        done: set[int] = set()
        stack = [(number, False) for number in sorted(kept, reverse=True)]
        while stack:
            number, ready = stack.pop()
            element = self.elements.all[number]
            if number in done or element.operation in LEAVES:
                continue
            if not ready:
                stack += [(number, True), *((int(k), False) for k in reversed(element.operands))]
                continue
            done.add(number)
            self._defined.add(number)
            lines.append(self._statement(number))
        lines += ["  " + self._write(number, kept[number], self.name(number)) for number in kept]
        for (guards, together), first in self._chosen.items():
            lines.append(f"  o[{first}] = 0;")
            for place, guard in enumerate(guards):
                condition = " && ".join(f"any({self.name(k)})" for k in guard) or "true"
                lines.append(f"  if ({condition}) o[++o[{first}] + {first}] = {place};")
            # the last place once more, which changes nothing, where fewer are left
            lines.append(
                f"  for (int k = 1; k < {together}; k++) o[{first} + o[{first}] + k] = o[{first} + o[{first}]];"
            )
        return lines

    def chosen_places(self, guards: Sequence[tuple[int, ...]], together: int) -> int:
        """Where a list of places is kept."""
        key = (tuple(guards), together)
        if key not in self._chosen:
            self._chosen[key] = self.n_chosen
            self.n_chosen += len(guards) + together
        return self._chosen[key]

    def name(self, number: int) -> str:
        """Expression of a value that is known."""
        element = self.elements.all[number]
        if element.operation == "literal":
            return self._number(float(element.operands[0]), element.kind)
        if element.operation == "scalar":
            return f"splat(u[{element.operands[0]}])"
        if element.operation == "table":
            return f"tables[{element.operands[0]}]"
        if number in self._defined:
            return f"v{number}"
        return READ[element.kind].format(self.row_of(number))

    def row_of(self, number: int) -> int:
        """Row of an element."""
        element = self.elements.all[number]
        if element.operation in self._first:
            return self._first[element.operation] + int(element.operands[0])
        return self.rows.row[number]

    def _number(self, value: float, kind: str) -> str:
        if kind == REAL:
            return f"splat(u[SCALARS + {self.literals.setdefault(value, len(self.literals))}])"
        return f"truth({'true' if value else 'false'})" if kind == TRUTH else f"whole({int(value)})"

    def _write(self, number: int, row: object, value: str) -> str:
        return WRITE[self.elements.all[number].kind].format(row, value)

    def _statement(self, number: int) -> str:
        element = self.elements.all[number]
        operands = ", ".join(self.name(int(k)) for k in element.operands)
        return f"  const {TYPES[element.kind]} v{number} = f_{element.operation}({operands});"

    def _scope(self, scope: Scope) -> list[str]:
        lines: list[str] = []
        released = self.rows.last_uses(scope)
        here: list[int] = []
        before: int | None = None
        for k, unit in enumerate(scope.units):
            if unit.branch is None and unit.elements[0] in self._in_place:
                lines += self._written_in_place(unit.elements[0], before)
                before = unit.elements[0]
                continue
            self.rows.add(unit)
            if unit.branch is not None:
                lines += self._branch(unit, unit.branch)
            elif unit.loops:
                for loop in unit.loops:
                    lines += Places(self, loop).statements()
            else:
                number = unit.elements[0]
                lines.append(self._statement(number))
                here.append(number)
                self._defined.add(number)
                if number in self.rows.row:
                    lines.append("  " + self._write(number, self.rows.row[number], f"v{number}"))
            self.rows.release(released[k])
        if before is not None:
            lines.append("  }")
        self._defined.difference_update(here)
        if scope.branch is None:
            self._defined.update(here)
        return lines

    def _branch(self, unit: Unit, branch: Branch) -> list[str]:
        """Statements of a branch, and of the elements that it may change."""
        condition = " || ".join(f"any({self.name(k)})" for k in branch.conditions)
        inside = self._scope(self.plan.scopes[id(branch)])
        lines = [f"  if ({condition}) {{", *inside]
        otherwise = ["  } else {"]
        for number in unit.elements:
            c, new, old = (int(k) for k in self.elements.all[number].operands)
            row = self.rows.row[number]
            self._defined.update(k for k in self._inside(branch) if k not in self.rows.row)
            lines.append(
                "  " + self._write(number, row, f"f_select({self.name(c)}, {self.name(new)}, {self.name(old)})")
            )
            self._defined.difference_update(self._inside(branch))
            otherwise.append("  " + self._write(number, row, self.name(old)))
        self.rows.release(self.rows.last_uses(self.plan.scopes[id(branch)])[len(self.plan.scopes[id(branch)].units)])
        return [*lines, *otherwise, "  }"]

    def _inside(self, branch: Branch) -> set[int]:
        """Elements of a branch that are variables."""
        return {u.elements[0] for u in self.plan.scopes[id(branch)].units if u.branch is None and not u.loops}
