"""Speed of the column: eager and compiled, relative to its transcendental functions alone and to JULES.

All on one core, single precision, 30-minute steps, the four tiles of Loobos on four layers with freezing and snow, each column
with its own soil. The floor is the time of a compiled loop over only the exponentials, logarithms and square roots that a step of the
column evaluates, counted in a step. The year is JULES's driving file; steps are timed over whole days of it.

With ``--jules EXE --jules-run DIR`` JULES is timed in the same run, in a copy of that point run of one year.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import _loobos
import torch
from _claims import Claims, argument_parser
from torch.utils._python_dispatch import TorchDispatchMode

from jules_ml.physics.column import ColumnState, SoilColumn, SoilProperties
from jules_ml.physics.compilation import NO_COMPILER, can_compile
from jules_ml.physics.integration import integrate
from jules_ml.physics.surface import Forcing

STEPS_A_YEAR = 17520
OUTPUTS = ("smcl", "t_soil", "resp_s_gb")
#: Point-years in a second of JULES 7.6 on one core, used where no JULES is timed.
JULES_POINT_YEARS = 3.8
FLOOR_FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
}
#: Functions counted as one of those three.
COUNTED_AS = {"exp": "exp", "log": "log", "log10": "log", "log1p": "log", "sqrt": "sqrt", "pow": "exp"}


class CountTranscendentals(TorchDispatchMode):
    """Counts evaluated values of transcendental functions; integer powers are products and are not counted."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.values: Counter[str] = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = function(*args, **(kwargs or {}))
        name = function.overloadpacket.__name__
        whole = name == "pow" and isinstance(args[1], int | float) and float(args[1]).is_integer()
        if name in COUNTED_AS and not whole:
            self.values[COUNTED_AS[name]] += result.numel()
        return result


def many(forcing: Forcing, state: ColumnState, column: SoilColumn, n: int) -> tuple[Forcing, ColumnState, SoilColumn]:
    """Weather, state and column for ``n`` columns with different soils."""
    generator = torch.Generator().manual_seed(n)
    soil = SoilProperties(
        *(p * (1.0 + 0.05 * (2.0 * torch.rand(4, n, generator=generator, dtype=p.dtype) - 1.0)) for p in column.soil)
    )
    twin = SoilColumn(soil, column.dzsoil, timestep=column.timestep, surface=column.surface, cs=12.1)
    spread = Forcing(*(x.expand(-1, n) for x in forcing))
    return (
        spread,
        twin.initial_state(
            (state.smcl / (1000.0 * column.dzsoil * column.soil.sm_sat)).expand(4, n), state.t_soil.expand(4, n)
        ),
        twin,
    )


def seconds_a_step(forcing: Forcing, state: ColumnState, column: SoilColumn, *, steps: int, compiled: bool) -> float:
    """Shortest of three passes over the same days, after one that compiles."""
    days = Forcing(*(x[STEPS_A_YEAR // 3 : STEPS_A_YEAR // 3 + steps] for x in forcing))
    times = []
    for _ in range(4):
        start = time.perf_counter()
        integrate(column, state, days, outputs=OUTPUTS, mean_over=48, compiled=compiled)
        times.append(time.perf_counter() - start)
    return min(times[1:]) / steps


def floor_seconds(counts: Counter[str], n: int) -> float:
    """Time of a compiled loop over ``n`` columns that evaluates only the counted functions."""
    each = {name: round(counts[name] / n) for name in FLOOR_FUNCTIONS}
    values = torch.rand(max(each.values()), n) + 0.1

    def only(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([FLOOR_FUNCTIONS[name](x[:count]).sum(0) for name, count in each.items()]).sum(0)

    loop = torch.compile(only, dynamic=False)
    loop(values)
    times = []
    for _ in range(300):
        start = time.perf_counter()
        loop(values)
        times.append(time.perf_counter() - start)
    times.sort()
    return times[len(times) // 10]


def jules_seconds(executable: Path, run: Path) -> float:
    """Wall time of a run of JULES in a copy of its folder."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "run"
        shutil.copytree(run, copy)
        namelists = next(copy.rglob("timesteps.nml")).parent
        start = time.perf_counter()
        subprocess.run([executable.resolve(), namelists], cwd=copy, check=True, capture_output=True)
        return time.perf_counter() - start


def main() -> int:
    parser = argument_parser(__doc__)
    parser.add_argument("--jules", type=Path, help="a JULES executable to time in the same run")
    parser.add_argument(
        "--jules-run", type=Path, help="folder of a point run of one year, with its namelists and input"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    claims = Claims("column", quick=options.quick)
    point = _loobos.standalone(options.data, torch.float32)

    for n in (1, 100) if options.quick else (1, 100, 1000, 10000):
        seconds = seconds_a_step(*many(*point, n), steps=48, compiled=False)
        claims.report(f"eager, {n} columns", n / seconds / STEPS_A_YEAR, unit="column-years/s")
    if not can_compile():
        claims.not_measured("compiled", why=NO_COMPILER)
        return claims.finish()

    rates: dict[int, float] = {}
    for n in (1000,) if options.quick else (1, 100, 1000, 10000):
        forcing, state, column = many(*point, n)
        seconds = seconds_a_step(forcing, state, column, steps=480 if n < 10000 else 144, compiled=True)
        rates[n] = n / seconds / STEPS_A_YEAR
        claims.report(f"compiled, {n} columns", rates[n], unit="column-years/s")
        if n == 1:
            claims.check("compiled, one column, one year", seconds * STEPS_A_YEAR, "<=", 5.0, unit="s")
        if n == 1000:
            with CountTranscendentals() as counted:
                column.step(state, Forcing(*(x[0] for x in forcing)))
            least = floor_seconds(counted.values, n)
            counts = ", ".join(f"{counted.values[name] / n:.0f} {name}" for name in FLOOR_FUNCTIONS)
            claims.report(
                "floor, 1000 columns", n / least / STEPS_A_YEAR, unit="column-years/s", note=f"{counts} a column"
            )
            claims.check("compiled, 1000 columns: time over the floor's", seconds / least, "<=", 2.0)

    against = {"3.8 point-years/s": JULES_POINT_YEARS}
    if options.jules and options.jules_run:
        measured = 1.0 / jules_seconds(options.jules, options.jules_run)
        claims.report(
            "JULES, one point, start to end", measured, unit="point-years/s", note="in this run; without output"
        )
        against["JULES as timed in this run"] = measured
    for name, rate in against.items():
        for n in (n for n in rates if n >= 1000):
            claims.report(
                f"compiled, {n} columns, against {name} (aim 100)",
                rates[n] / rate,
                unit="x",
                note="JULES also does radiation and a ten-layer canopy",
            )
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
