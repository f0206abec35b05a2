"""C++ source of a recorded step.

One call of the kernel steps a range of blocks of columns through many time steps. A block is one vector of columns, whose workspace stays in
the nearest caches. Rows are the numbers of one column: of constants, state, weather and intermediate results.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from typing import Final

from jules_ml.physics.kernel.elements import LEAVES, REAL, TRUTH, WHOLE, Branch
from jules_ml.physics.kernel.plan import Loop, Plan, Scope, Unit
from jules_ml.physics.kernel.recorder import Recorder
from jules_ml.physics.kernel.rows import Rows

_TYPES: Final = {REAL: "V", TRUTH: "M", WHOLE: "I"}
#: Statements that read and write a row of each kind.
_READ: Final = {REAL: "load(m + ({}) * W)", TRUTH: "t[{}]", WHOLE: "n[{}]"}
_WRITE: Final = {REAL: "store(m + ({}) * W, {});", TRUTH: "t[{}] = {};", WHOLE: "n[{}] = {};"}
#: Cycles until a result of an operation is ready, and until the next one can start, for those that differ from sums and products.
_CYCLES: Final = {
    "div": (13.0, 7.0),
    "reciprocal": (13.0, 7.0),
    "sqrt": (17.0, 9.0),
    "exp": (45.0, 10.0),
    "expm1": (50.0, 12.0),
    "log": (50.0, 12.0),
    "log10": (54.0, 13.0),
    "log1p": (70.0, 20.0),
    "tanh": (75.0, 20.0),
    "pow": (140.0, 35.0),
    "atan": (55.0, 20.0),
    "select": (3.0, 0.7),
}
#: Places that are done at a time at most: their intermediate results have to fit into registers.
_MOST_TOGETHER: Final = 4


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
    parts = [
        f"#define DOUBLE {int(double)}",
        _text("vectors.h"),
        f"enum {{ {', '.join(f'{name} = {size}' for name, size in sizes.items())} }};",
        f"static void prepare({arguments}) {{",
        *static,
        "}",
        f"static void step({arguments}, T* __restrict a) {{",
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
        for number in sorted(self._kept()):
            self.rows.keep(number)
        self._kept_rows = dict(self.rows.row)
        self._defined: set[int] = set()

    def _kept(self) -> set[int]:
        """Elements that no step changes, and that a step needs."""
        used = {k for n in self.plan.live if self.plan.is_computed(n) for k in self.plan.operands(n)} | set(self._roots)
        return {k for k in used if self.elements.is_static[k] and self.elements.all[k].operation not in LEAVES}

    def step(self, state: Sequence[int], outputs: Sequence[int]) -> list[str]:
        """Statements of one step."""
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
            if self.elements.all[number].operation != "state" or k in moved:
                lines.append(f"  store(m + {first + k} * W, {f'moved{k}' if k in moved else self.name(number)});")
        return lines

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
        return lines + ["  " + self._write(number, kept[number], f"v{number}") for number in kept]

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
        return _READ[element.kind].format(self._row(number))

    def _row(self, number: int) -> int:
        element = self.elements.all[number]
        if element.operation in self._first:
            return self._first[element.operation] + int(element.operands[0])
        return self.rows.row[number]

    def _number(self, value: float, kind: str) -> str:
        if kind == REAL:
            return f"splat(u[SCALARS + {self.literals.setdefault(value, len(self.literals))}])"
        return f"truth({'true' if value else 'false'})" if kind == TRUTH else f"whole({int(value)})"

    def _write(self, number: int, row: object, value: str) -> str:
        return _WRITE[self.elements.all[number].kind].format(row, value)

    def _statement(self, number: int) -> str:
        element = self.elements.all[number]
        operands = ", ".join(self.name(int(k)) for k in element.operands)
        return f"  const {_TYPES[element.kind]} v{number} = f_{element.operation}({operands});"

    def _scope(self, scope: Scope) -> list[str]:
        lines: list[str] = []
        released = self.rows.last_uses(scope)
        here: list[int] = []
        for k, unit in enumerate(scope.units):
            self.rows.add(unit)
            if unit.branch is not None:
                lines += self._branch(unit, unit.branch)
            elif unit.loops:
                for loop in unit.loops:
                    lines += self._loop(loop)
            else:
                number = unit.elements[0]
                lines.append(self._statement(number))
                here.append(number)
                self._defined.add(number)
                if number in self.rows.row:
                    lines.append("  " + self._write(number, self.rows.row[number], f"v{number}"))
            self.rows.release(released[k])
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
        return [*lines, *otherwise, "  }"]

    def _inside(self, branch: Branch) -> set[int]:
        """Elements of a branch that are variables."""
        return {u.elements[0] for u in self.plan.scopes[id(branch)].units if u.branch is None and not u.loops}

    def _loop(self, loop: Loop) -> list[str]:
        """Statements of a loop over the places that count."""
        return list(_Places(self, loop).statements())


class _Places:
    """Statements of a loop, of which some places are done at a time, in terms of what differs between them."""

    def __init__(self, writer: _Writer, loop: Loop) -> None:
        self.writer, self.places = writer, loop.places
        self.table: list[list[int]] = []
        self._columns: dict[tuple[int, ...], int] = {}
        self._own = {number: k for k, number in enumerate(self.places[0])}

    def statements(self) -> Iterator[str]:
        """Yield the lines of the loop."""
        n, together = len(self.places), min(self._together(), len(self.places))
        body = [line for j in range(len(self._own)) for k in range(together) for line in self._statement(j, k)]
        guard = self._guard()
        yield "  {"
        if self.table:
            rows = ", ".join("{" + ", ".join(map(str, row)) + "}" for row in zip(*self.table, strict=True))
            yield f"  static const int at[{n}][{len(self.table)}] = {{{rows}}};"
        yield f"  int on[{n}], count = 0;"
        yield f"  for (int i = 0; i < {n}; i++) if ({guard}) on[count++] = i;"
        yield f"  for (int k = 0; k < count; k += {together}) {{"
        # the last place is done again if too few are left, with the same result
        yield (
            "    const int "
            + ", ".join(
                f"i{k} = on[k + {k} < count ? k + {k} : count - 1]" if k else "i0 = on[k]" for k in range(together)
            )
            + ";"
        )
        yield from body
        yield "  }}"

    def _together(self) -> int:
        """Places that are done at a time: as many as keep the processor busy while results of the others are awaited."""
        elements = self.writer.elements
        ready: dict[int, float] = {}
        work = 0.0
        for number in self.places[0]:
            element = elements.all[number]
            latency, cost = _CYCLES.get(element.operation, (4.0, 0.7))
            ready[number] = latency + max((ready.get(int(k), 0.0) for k in element.operands), default=0.0)
            work += cost
        return min(max(round(max(ready.values()) / work), 1), _MOST_TOGETHER)

    def _guard(self) -> str:
        """Whether a place counts in a block."""
        guards = [sorted(self.writer.plan.guard_of(numbers)) for numbers in self.places]
        return " && ".join(f"any({self._expression(each, '')})" for each in zip(*guards, strict=True)) or "true"

    def _statement(self, j: int, k: int) -> Iterator[str]:
        """Yield the statement of an element, and its store, at one of the places that are done together."""
        elements, rows = self.writer.elements, self.writer.rows.row
        number = self.places[0][j]
        element = elements.all[number]
        operands = []
        for each in zip(*(elements.all[numbers[j]].operands for numbers in self.places), strict=True):
            operand = int(each[0])
            operands.append(
                f"v{operand}_{k}" if operand in self._own else self._expression([int(x) for x in each], str(k))
            )
        yield f"    const {_TYPES[element.kind]} v{number}_{k} = f_{element.operation}({', '.join(operands)});"
        stored = [numbers[j] for numbers in self.places]
        if stored[0] in rows:
            yield "    " + self.writer._write(number, self._index([rows[x] for x in stored], str(k)), f"v{number}_{k}")

    def _expression(self, numbers: Sequence[int], k: str) -> str:
        """Value of an element at a place."""
        if len(set(numbers)) == 1:
            return self.writer.name(numbers[0])
        kind = self.writer.elements.all[numbers[0]].kind
        return _READ[kind].format(self._index([self.writer._row(number) for number in numbers], k))

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
