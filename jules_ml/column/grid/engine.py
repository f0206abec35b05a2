"""Integration of the land points of a grid: segment by segment in time, block by block in space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.column.grid.blocks import Block, BlockFiles, Progress
from jules_ml.column.grid.driving import Driving, Window
from jules_ml.column.grid.segments import Segment, Timetable
from jules_ml.column.grid.trees import column_mapped, columns_of, where, widened
from jules_ml.column.output import SOIL_TEMPERATURES
from jules_ml.data.humidity import vapour_pressure_deficit
from jules_ml.experiment.sections import SpinUpSection
from jules_ml.physics.column import ColumnState, SoilColumn
from jules_ml.physics.integration import Integration, integrate
from jules_ml.physics.kernel.trees import mapped
from jules_ml.physics.land_surface.state import LandForcing
from jules_ml.physics.surface import Forcing

_Points = NDArray[np.int64]

CPU: Final = torch.device("cpu")
#: Weather that a run can write, by the names of the site dataset.
WEATHER: Final = ("precip", "t_air", "sw_down", "lw_down", "vpd", "wind")


@dataclass(frozen=True, eq=False)
class PointRun:
    """A run of columns at many points.

    A configuration from anywhere can be run: what is needed is a column and a state whose tensors have shape (..., point), a source of
    driving data, and the segments of time.

    Attributes
    ----------
    column : SoilColumn
        Of all points; tensors of shape (..., point), or (..., 1) where the points are equal.
    state : ColumnState
        At the start, of the same shapes.
    driving : Driving
    timetable : Timetable
    outputs : tuple of str
        Names of outputs of :meth:`~jules_ml.physics.column.SoilColumn.step`.
    spin_up : SpinUpSection
        Tolerances of convergence.
    width : int
        Columns of every block, of which the last ones repeat its last point.
    weather : bool
        Whether the means of :data:`WEATHER` are written after the outputs.
    compiled : bool
        Whether to compile the step.
    device : torch.device
    """

    column: SoilColumn = field(repr=False)
    state: ColumnState = field(repr=False)
    driving: Driving
    timetable: Timetable
    outputs: tuple[str, ...]
    spin_up: SpinUpSection
    width: int
    weather: bool = False
    compiled: bool = False
    device: torch.device = CPU

    @property
    def points(self) -> int:
        """Number of land points."""
        return int(self.state.smcl.shape[-1])

    def columns(self, block: Block) -> _Points:
        """Land points of the columns of a block."""
        return np.minimum(block.start + np.arange(self.width), block.stop - 1)

    def start(self, block: Block) -> Progress:
        """State of a block before the first segment."""
        state = widened(mapped(columns_of(self.columns(block), self.points), self.state), self.width)
        state = mapped(lambda tensor: tensor.to(self.device), state)
        return Progress(0, state, state, torch.ones(self.width, dtype=torch.bool, device=self.device))


def run_blocks(
    run: PointRun, blocks: Sequence[Block], files: BlockFiles, *, on_steps: Callable[[int], None] | None = None
) -> list[Progress]:
    """Run blocks to the end, each from its checkpoint if it has one.

    Parameters
    ----------
    run : PointRun
    blocks : sequence of Block
        Contiguous blocks of this process.
    files : BlockFiles
        Where output and checkpoints are written.
    on_steps : callable, optional
        Called with the number of steps of columns done since the last call, those of an earlier run included.

    Returns
    -------
    list of Progress
        Final state of each block.
    """
    rows = sum(output_rows(run).values()) if any(files.checkpoint(block).is_file() for block in blocks) else 0
    progress = [files.load(block, run.start(block), rows=rows) for block in blocks]
    columns = [_column_of(run, block) for block in blocks]
    for block, each in zip(blocks, progress, strict=True):
        _report(on_steps, block, run.timetable.segments[: each.done])
    for number, segment in enumerate(run.timetable.segments):
        due = [k for k, each in enumerate(progress) if each.done == number]
        if due:
            _run_segment(
                run, segment, [blocks[k] for k in due], [columns[k] for k in due], [progress[k] for k in due], files
            )
        for k in due:
            skipped = _skip_converged(run, progress[k])
            _report(on_steps, blocks[k], [segment, *skipped])
            files.save(blocks[k], progress[k])
    return progress


def unsound_columns(block: Block, progress: Progress) -> _Points:
    """Land points of a block whose state is not finite or not possible on Earth."""
    coldest, hottest = SOIL_TEMPERATURES
    t_soil = progress.state.t_soil
    sound = ((t_soil > coldest) & (t_soil < hottest) & torch.isfinite(progress.state.smcl)).all(0)
    return block.start + np.flatnonzero(~sound.cpu().numpy()[: block.size])


def _column_of(run: PointRun, block: Block) -> SoilColumn:
    chosen = columns_of(run.columns(block), run.points)
    return column_mapped(lambda tensor: chosen(tensor).to(run.device), run.column)


def _report(on_steps: Callable[[int], None] | None, block: Block, segments: Sequence[Segment]) -> None:
    if on_steps is not None and segments:
        on_steps(block.size * sum(segment.steps for segment in segments))


def _run_segment(
    run: PointRun,
    segment: Segment,
    blocks: Sequence[Block],
    columns: Sequence[SoilColumn],
    progress: Sequence[Progress],
    files: BlockFiles,
) -> None:
    """Run one segment of some blocks, part by part, and add its output to their files."""
    first_point = blocks[0].start
    points = np.arange(first_point, blocks[-1].stop)
    sums: list[Tensor | None] = [None] * len(blocks)
    first = segment.first
    starts = [each.state for each in progress]
    for steps in segment.parts:
        window = run.driving.window(first, steps, points)
        for k, block in enumerate(blocks):
            places = run.columns(block) - first_point
            done, rows = _integrate(run, segment, columns[k], progress[k].state, window, places, steps)
            progress[k].state = done.state
            sums[k] = _added(sums[k], rows, steps if len(segment.parts) > 1 else None)
        first += steps
    for block, each, total, start in zip(blocks, progress, sums, starts, strict=True):
        assert total is not None
        if segment.cycle is not None:
            each.state = where(each.spinning, each.state, start)
        else:
            means = total / segment.steps if len(segment.parts) > 1 else total
            files.append(block, each.rows, means[..., : block.size].to(torch.float32).cpu().numpy())
            each.rows += segment.periods
        each.done += 1


def _integrate(
    run: PointRun,
    segment: Segment,
    column: SoilColumn,
    state: ColumnState,
    window: Window,
    places: _Points,
    steps: int,
) -> tuple[Integration, Tensor]:
    """Integrate a block over a part of a segment; return also its output, shape (period, row, column)."""
    forcing = mapped(lambda tensor: tensor.to(run.device), window.forcing(places, column.dzsoil.dtype))
    mean_over = steps if segment.cycle is not None or len(segment.parts) > 1 else segment.mean_over
    done = integrate(column, state, forcing, outputs=run.outputs, mean_over=mean_over, compiled=run.compiled)
    values = (done.outputs[name] for name in run.outputs)
    rows = [each.reshape(each.shape[0], -1, each.shape[-1]) for each in values]
    if run.weather:
        rows.append(_weather_means(forcing, mean_over))
    return done, torch.cat(rows, dim=1)


def _weather_means(forcing: Forcing | LandForcing, mean_over: int) -> Tensor:
    """Means of :data:`WEATHER` over the periods, shape (period, variable, column)."""
    t_air, q, pstar = (getattr(forcing, name).double().cpu().numpy() for name in ("t_air", "q", "pstar"))
    vpd = torch.from_numpy(vapour_pressure_deficit(t_air, q, pstar)).to(forcing.t_air)
    values = {"precip": forcing.tot_rain + forcing.tot_snow, "vpd": vpd}
    series = torch.stack([values[n] if n in values else getattr(forcing, n) for n in WEATHER], dim=1)
    return series.reshape(-1, mean_over, *series.shape[1:]).mean(1)


def _added(total: Tensor | None, rows: Tensor, steps: int | None) -> Tensor:
    """Add the mean of a part of a period, times its steps, in double precision; without ``steps`` return the rows."""
    if steps is None:
        return rows
    weighted = rows.double() * steps
    return weighted if total is None else total + weighted


def _skip_converged(run: PointRun, progress: Progress) -> list[Segment]:
    """At the end of a cycle of spin-up, find the columns that have converged; if all have, skip and return the other cycles."""
    segments = run.timetable.segments
    if not segments[progress.done - 1].ends_cycle:
        return []
    change = (
        (progress.state.smcl - progress.cycle.smcl).abs().amax(0),
        (progress.state.t_soil - progress.cycle.t_soil).abs().amax(0),
    )
    converged = (change[0] <= run.spin_up.water) & (change[1] <= run.spin_up.temperature)
    progress.spinning = progress.spinning & ~converged
    progress.cycle = progress.state
    if bool(progress.spinning.any()):
        return []
    start = progress.done
    while segments[progress.done].cycle is not None:
        progress.done += 1
    return list(segments[start : progress.done])


def output_rows(run: PointRun) -> dict[str, int]:
    """Number of rows of each output: 1, or one for each layer, surface type or PFT.

    Raises
    ------
    ValueError
        If an output does not exist.
    """
    one = np.zeros(1, dtype=np.int64)
    column = column_mapped(columns_of(one, run.points), run.column)
    state = mapped(columns_of(one, run.points), run.state)
    forcing = run.driving.window(0, 1, one).forcing(one, column.dzsoil.dtype)
    with torch.no_grad():
        _, available = column.step(state, mapped(lambda x: x[0], forcing))
    unknown = [name for name in run.outputs if name not in available]
    if unknown:
        raise ValueError(f"the column has no output {', '.join(unknown)}")
    rows = {name: available[name][..., 0].numel() for name in run.outputs}
    return rows | dict.fromkeys(WEATHER if run.weather else (), 1)
