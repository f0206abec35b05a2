"""Speed of the column, with the simple surface and with JULES's land surface, relative to JULES and to the operations of its own step.

All on one core, single precision, 30-minute steps, at Loobos. Steps are timed over ten days of each season.
The least time of a step is that of the operations that its blocks of columns do, counted as they are done: what a block leaves out because
a condition holds in no column is not among them. They are timed in one mix, in the vectors of the kernel and all independent of each other,
so that only the units of the processor limit them. Loads and stores are not included.

With ``--jules EXE --jules-run DIR`` JULES is timed in the same run, between the columns: with the switches of the run ``snow3``, on a grid
of 1024 points, with start and end taken out. Without it no ratio is claimed. Times are processor times, to which other programs do not add.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import _loobos
import _loobos_land
import torch
from _claims import Claims, argument_parser
from _jules_speed import JulesPoints
from _operations import least_seconds, operations
from torch import Tensor

from jules_ml.physics.column import ColumnState, SoilColumn, SoilProperties
from jules_ml.physics.compilation import NO_COMPILER, can_compile
from jules_ml.physics.integration import integrate
from jules_ml.physics.kernel.stepper import stepper_of
from jules_ml.physics.kernel.trees import mapped, tensors
from jules_ml.physics.surface import Forcing

STEPS_A_YEAR = 17520
OUTPUTS = ("smcl", "t_soil", "resp_s_gb")
#: First day of a part of each season, in the weather of 1997, and the days of it.
SEASONS = (0, 90, 180, 270)
DAYS = 10
#: Columns whose operations are counted.
COUNTED = 160


def wide(x: Tensor, n: int) -> Tensor:
    """All columns of a tensor, in memory of their own."""
    return x.expand(*x.shape[:-1], n).clone() if x.ndim else x


def many(forcing: Forcing, state: ColumnState, column: SoilColumn, n: int) -> tuple[Forcing, ColumnState, SoilColumn]:
    """Weather, state and column for ``n`` columns with different soils and the simple surface."""
    generator = torch.Generator().manual_seed(n)
    soil = SoilProperties(
        *(p * (1.0 + 0.05 * (2.0 * torch.rand(4, n, generator=generator, dtype=p.dtype) - 1.0)) for p in column.soil)
    )
    twin = SoilColumn(soil, column.dzsoil, timestep=column.timestep, surface=column.surface, cs=12.1)
    wetness = (state.smcl / (1000.0 * column.dzsoil * column.soil.sm_sat)).expand(4, n)
    return forcing, twin.initial_state(wetness, state.t_soil.expand(4, n)), twin


def land(data: Path, n: int) -> tuple[Any, ColumnState, SoilColumn]:
    """Weather, state and ``n`` columns with JULES's land surface and different soil temperatures."""
    with tempfile.TemporaryDirectory() as scratch:
        run = _loobos_land.write_folder(data, "snow3", Path(scratch) / "run")
        column, state, forcing = _loobos_land.land_run(run, max(SEASONS) + DAYS, torch.float32)
    for name, value in vars(column).items():
        setattr(column, name, mapped(lambda x: wide(x, n), value))
    state = mapped(lambda x: wide(x, n), state)
    generator = torch.Generator().manual_seed(n)
    return forcing, state._replace(t_soil=state.t_soil + torch.rand(n, generator=generator)), column


def seconds_a_step(case: tuple[Any, ColumnState, SoilColumn], *, days: int, rounds: int = 3) -> float:
    """Processor seconds of a compiled step of all columns, mean of the seasons, each the shortest of some rounds."""
    forcing, state, column = case
    n = max(x.shape[-1] for x in tensors(state))
    stepper = stepper_of(column, state, mapped(lambda x: x[0], forcing), OUTPUTS, n)
    total = 0.0
    for first in SEASONS:
        times = []
        for _ in range(rounds):
            integrator = stepper.start(state)
            start = time.process_time()
            integrator.steps(tensors(forcing), 48 * first, 48 * (first + days), mean_over=48, threads=1)
            times.append(time.process_time() - start)
        total += min(times) / (48 * days)
    return total / len(SEASONS)


def eager_rate(case: tuple[Any, ColumnState, SoilColumn], n: int) -> float:
    """Column-years in a second of torch."""
    forcing, state, column = case
    day = mapped(lambda x: x[:24], forcing)
    start = time.process_time()
    integrate(column, state, day, outputs=OUTPUTS, mean_over=24, compiled=False)
    return n * 24 / (time.process_time() - start) / STEPS_A_YEAR


def bytes_a_column(case: tuple[Any, ColumnState, SoilColumn], n: int) -> float:
    """Memory of a column in the layout of the kernel: constants, state and sums of outputs [bytes]."""
    forcing, state, column = case
    stepper = stepper_of(column, state, mapped(lambda x: x[0], forcing), OUTPUTS, n)
    rows = stepper.constants.shape[1] + stepper.start(state).n_rows
    return float(rows * torch.float32.itemsize)


def least_seconds_a_step(case: tuple[Any, ColumnState, SoilColumn]) -> tuple[float, float]:
    """Least processor seconds of a step of a column, and the vectors of operations that a block does in it."""
    steps = 48 * DAYS * len(SEASONS)
    counted = operations(lambda: seconds_a_step(case, days=DAYS, rounds=1))
    return least_seconds(counted, torch.float32) / (steps * COUNTED), counted.total() / (steps * COUNTED / 16)


def first_use(claims: Claims, name: str, case: tuple[Any, ColumnState, SoilColumn]) -> None:
    """Time of the first use of a column: recording and compiling, in an empty cache."""
    with tempfile.TemporaryDirectory() as cache:
        from unittest import mock

        with mock.patch.dict("os.environ", {"JULES_ML_CACHE_DIR": cache}):
            before = sum(_times())
            forcing, state, column = case
            stepper_of(
                column, state, mapped(lambda x: x[0], forcing), OUTPUTS, max(x.shape[-1] for x in tensors(state))
            )
            claims.check(f"{name}: recorded and compiled", sum(_times()) - before, "<=", 20.0, unit="s")


def _times() -> Sequence[float]:
    import os

    return os.times()[:4]


def measure(
    claims: Claims,
    name: str,
    case_of: Callable[[int], tuple[Any, ColumnState, SoilColumn]],
    jules: Callable[[], float] | None,
    *,
    quick: bool,
) -> None:
    """Claims of a column with one of the surfaces."""
    claims.report(f"{name}: torch, 100 columns", eager_rate(case_of(100), 100), unit="column-years/s")
    first_use(claims, name, case_of(1))
    alone = seconds_a_step(case_of(1), days=DAYS)
    of_jules = [jules()] if jules else []
    thousand = case_of(1000)
    each = seconds_a_step(thousand, days=DAYS) / 1000
    of_jules += [jules()] if jules else []
    claims.report(
        f"{name}: 1000 columns", 1.0 / each / STEPS_A_YEAR, unit="column-years/s", note=f"{1e9 * each:.0f} ns a column"
    )
    claims.report(f"{name}: memory of a column", bytes_a_column(thousand, 1000), unit="bytes")
    claims.report(f"{name}: one column, one year", alone * STEPS_A_YEAR, unit="s")
    _against_operations(claims, name, case_of, each)
    _by_columns(claims, name, case_of, thousand)
    if not of_jules:
        claims.not_measured(f"{name}: 1000 columns, against JULES", why="give --jules and --jules-run")
        return
    step = sum(of_jules) / len(of_jules)
    claims.report(
        "JULES, 1024 points",
        1.0 / step / STEPS_A_YEAR,
        unit="point-years/s",
        note="in this run, without start and output",
    )
    claims.check(f"{name}: one column, time over JULES's", alone / step, "<=", 1.0)
    if name == "land surface":
        claims.check(f"{name}: 1000 columns, against JULES (aim 100)", step / each, ">=", 60.0, unit="x")
    else:
        note = "JULES also has ten canopy layers, snow layers and iterated exchange"
        claims.report(f"{name}: 1000 columns, against JULES", step / each, unit="x", note=note)


def _against_operations(
    claims: Claims, name: str, case_of: Callable[[int], tuple[Any, ColumnState, SoilColumn]], each: float
) -> None:
    """Claim about the time of a step of a column over that of its operations alone."""
    label = f"{name}: 1000 columns, time over that of its operations alone"
    if claims.quick:
        claims.not_measured(label, "<=", 1.5, why="the operations are counted in a whole run")
        return
    least, vectors = least_seconds_a_step(case_of(COUNTED))
    claims.report(
        f"{name}: operations alone",
        1.0 / least / STEPS_A_YEAR,
        unit="column-years/s",
        note=f"{1e9 * least:.0f} ns a column, {vectors:.0f} operations a step",
    )
    claims.check(label, each / least, "<=", 1.5)


def _by_columns(
    claims: Claims,
    name: str,
    case_of: Callable[[int], tuple[Any, ColumnState, SoilColumn]],
    thousand: tuple[Any, ColumnState, SoilColumn],
) -> None:
    """Claim about the time of a step of a column among many over that among 1000, of one day a season."""
    label = f"{name}: 100 000 columns, cost over 1000"
    if claims.quick:
        claims.not_measured(label, "<=", 1.2, why="100 000 columns are stepped in a whole run")
        return
    few = seconds_a_step(thousand, days=1) / 1000
    for n in (10000, 100000):
        seconds = seconds_a_step(case_of(n), days=1, rounds=2) / n
        rate = 1.0 / seconds / STEPS_A_YEAR
        claims.report(f"{name}: {n} columns", rate, unit="column-years/s", note=f"{1e9 * seconds:.0f} ns a column")
    claims.check(label, seconds / few, "<=", 1.2)


def main() -> int:
    parser = argument_parser(__doc__)
    parser.add_argument("--jules", type=Path, help="a JULES executable to time in the same run")
    parser.add_argument("--jules-run", type=Path, help="folder of the point run snow3, with its namelists and input")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    claims = Claims("column", quick=options.quick)
    if not can_compile():
        claims.not_measured("compiled", why=NO_COMPILER)
        return claims.finish()
    point = _loobos.standalone(options.data, torch.float32)
    with tempfile.TemporaryDirectory() as scratch:
        jules: Callable[[], float] | None = None
        if options.jules and options.jules_run:
            runs = [
                JulesPoints(options.jules, options.jules_run, Path(scratch) / str(first), first_day=first)
                for first in SEASONS
            ]

            def jules() -> float:
                return sum(each.seconds_a_step() for each in runs) / len(runs)

        measure(claims, "simple surface", lambda n: many(*point, n), jules, quick=options.quick)
        measure(claims, "land surface", lambda n: land(options.data, n), jules, quick=options.quick)
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
