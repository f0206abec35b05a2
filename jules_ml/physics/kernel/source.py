"""C++ source of a recorded step.

One call of the kernel steps a range of blocks of columns through many time steps. A block is one vector of columns, whose state stays in
the nearest cache. Rows are the numbers of one column: of constants, state, weather and outputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from jules_ml.physics.kernel.elements import LEAVES, REAL, TRUTH, Branch, Elements
from jules_ml.physics.kernel.recorder import Recorder

_TYPES: Final = {REAL: "V", TRUTH: "M", "whole": "I"}
#: Expressions of leaves.
_LEAF: Final = {
    "scalar": "splat(u[{}])",
    "constant": "load(c + {} * W)",
    "state": "load(s + {} * W)",
    "forcing": "load(w + {} * W)",
    "table": "tables[{}]",
}


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
    writer = _Writer(recorder.elements)
    dynamic = writer.body([*state, *outputs])
    static = writer.prepared()
    sizes = {
        "CONSTANTS": recorder.n_constant_rows,
        "SCALARS": len(recorder.scalars),
        "STATE": len(state),
        "WEATHER": max(recorder.rows["forcing"], 1),
        "OUTPUTS": len(outputs),
        "PREPARED": max(len(writer.rows), 1),
    }
    parts = [
        f"#define DOUBLE {int(double)}",
        _text("vectors.h"),
        f"enum {{ {', '.join(f'{name} = {size}' for name, size in sizes.items())} }};",
        _text("block.h"),
        "static void prepare(const T* __restrict u, const T* __restrict c, T* __restrict h, const Table* tables) {",
        *static,
        "}",
        "static void step(const T* __restrict u, const T* __restrict c, const T* __restrict h, T* __restrict s, "
        "const T* __restrict w, T* __restrict a, const Table* tables) {",
        *dynamic,
        *(f"  store(s + {k} * W, {writer.name(number)});" for k, number in enumerate(state)),
        *(f"  store(a + {k} * W, load(a + {k} * W) + {writer.name(number)});" for k, number in enumerate(outputs)),
        "}",
        _text("steps.h"),
    ]
    return Source("\n".join(parts) + "\n", tuple(writer.literals))


def _text(name: str) -> str:
    return (files("jules_ml.physics.kernel") / name).read_text()


class _Writer:
    """Statements of the elements that are needed."""

    def __init__(self, elements: Elements) -> None:
        self.elements = elements
        self.literals: dict[float, int] = {}
        self.rows: dict[int, int] = {}
        self._done: set[int] = set()

    def body(self, roots: Sequence[int]) -> list[str]:
        """Statements of one step."""
        self._live = self._needed(roots)
        self._members: dict[int, list[int]] = {}
        for number in sorted(self._live):
            if number in self.elements.branches:
                self._members.setdefault(id(self.elements.branches[number]), []).append(number)
        return self._statements(roots, None)

    def prepared(self) -> list[str]:
        """Statements that compute the rows that no step changes, once."""
        roots = list(self.rows)
        rows, self.rows = self.rows, {}
        lines = self._statements(roots, None, static=True)
        self.rows = rows
        for number, row in rows.items():
            kind = self.elements.all[number].kind
            lines.append(
                f"  store(h + {row} * W, {'v' if kind == REAL else f'f_{kind}_to_real(v'}{number}{')' * (kind != REAL)});"
            )
        return lines

    def name(self, number: int) -> str:
        """Expression of a value that is known."""
        element = self.elements.all[number]
        operand = element.operands[0] if element.operands else 0
        if element.operation == "literal":
            return self._number(float(operand), element.kind)
        if element.operation in _LEAF:
            return _LEAF[element.operation].format(operand)
        if number in self.rows:
            row = f"load(h + {self.rows[number]} * W)"
            return row if element.kind == REAL else f"f_real_to_{element.kind}({row})"
        return f"v{number}"

    def _number(self, value: float, kind: str) -> str:
        if kind == REAL:
            return f"splat(u[SCALARS + {self.literals.setdefault(value, len(self.literals))}])"
        return f"M({'~0' if value else '0'})" if kind == TRUTH else f"whole({int(value)})"

    def _statements(self, roots: Iterable[int], branch: Branch | None, *, static: bool = False) -> list[str]:
        """Statements of all that the roots need and that is not done, operands first."""
        lines: list[str] = []
        stack = [(root, False) for root in reversed(list(roots))]
        while stack:
            number, ready = stack.pop()
            element = self.elements.all[number]
            if number in self._done or element.operation in LEAVES:
                continue
            if self.elements.is_static[number] and not static:
                self.rows.setdefault(number, len(self.rows))
                continue
            if element.operation == "chosen":
                if ready:
                    lines += self._branch(self.elements.branches[number])
                else:
                    stack += [
                        (number, True),
                        *((k, False) for k in reversed(self._before(self.elements.branches[number]))),
                    ]
                continue
            if ready:
                self._done.add(number)
                lines.append(self._statement(number))
            else:
                stack += [(number, True), *((int(k), False) for k in reversed(element.operands))]
        return lines

    def _statement(self, number: int) -> str:
        element = self.elements.all[number]
        operands = ", ".join(self.name(int(k)) for k in element.operands)
        return f"  const {_TYPES[element.kind]} v{number} = f_{element.operation}({operands});"

    def _branch(self, branch: Branch) -> list[str]:
        """Statements of a branch, and of the elements that it may change."""
        members = self._members[id(branch)]
        operands = {number: [int(k) for k in self.elements.all[number].operands] for number in members}
        kinds = {number: _TYPES[self.elements.all[number].kind] for number in members}
        lines = [f"  {kinds[n]} v{n} = {self.name(old)};" for n, (_, _, old) in operands.items()]
        lines.append(f"  if ({' || '.join(f'any({self.name(k)})' for k in branch.conditions)}) {{")
        done = set(self._done)
        lines += self._statements([new for _, new, _ in operands.values()], branch)
        lines += [f"  v{n} = f_select({self.name(c)}, {self.name(new)}, v{n});" for n, (c, new, _) in operands.items()]
        self._done = done | set(members)
        return [*lines, "  }"]

    def _before(self, branch: Branch) -> list[int]:
        """Elements outside a branch that have to be known before it."""
        outside: dict[int, None] = dict.fromkeys(branch.conditions)
        todo = []
        for number in self._members[id(branch)]:
            condition, new, old = (int(k) for k in self.elements.all[number].operands)
            outside |= {condition: None, old: None}
            todo.append(new)
        seen: set[int] = set()
        while todo:
            number = todo.pop()
            if number in seen or self.elements.all[number].operation in LEAVES:
                continue
            seen.add(number)
            if not self._is_within(self.elements.branch[number], branch):
                outside[number] = None
                continue
            if number in self.elements.branches:
                todo += self.elements.branches[number].conditions
            todo += [int(k) for k in self.elements.all[number].operands]
        return list(outside)

    @staticmethod
    def _is_within(inner: Branch | None, outer: Branch) -> bool:
        while inner is not None:
            if inner is outer:
                return True
            inner = inner.parent
        return False

    def _needed(self, roots: Sequence[int]) -> set[int]:
        todo, needed = list(roots), set[int]()
        while todo:
            number = todo.pop()
            if number in needed:
                continue
            needed.add(number)
            element = self.elements.all[number]
            if element.operation in LEAVES:
                continue
            if number in self.elements.branches:
                todo += self.elements.branches[number].conditions
            todo += [int(k) for k in element.operands]
        return needed
