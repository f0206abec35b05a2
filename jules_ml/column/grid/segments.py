"""Segments of time of a run: cycles of spin-up, and the run itself, in chunks of driving data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from jules_ml.errors import BadInput


@dataclass(frozen=True)
class Segment:
    """Time steps that are integrated between two checkpoints.

    Attributes
    ----------
    first : int
        First step, counted from the start of the run.
    parts : tuple of int
        Number of steps of each part, whose driving data are read together. A segment of several parts is one output period.
    mean_over : int
        Steps of an output period.
    cycle : int or None
        Cycle of spin-up; None for the run.
    ends_cycle : bool
        Whether a cycle of spin-up ends with it.
    """

    first: int
    parts: tuple[int, ...]
    mean_over: int
    cycle: int | None = None
    ends_cycle: bool = False

    @property
    def steps(self) -> int:
        """Number of steps."""
        return sum(self.parts)

    @property
    def periods(self) -> int:
        """Number of output periods; 0 in spin-up."""
        return 0 if self.cycle is not None else self.steps // self.mean_over


@dataclass(frozen=True)
class Timetable:
    """Segments of a run.

    Attributes
    ----------
    start : Timestamp
        Start of the run, UTC.
    timestep : float
        [s]
    segments : tuple of Segment
    """

    start: pd.Timestamp
    timestep: float
    segments: tuple[Segment, ...]

    @property
    def run(self) -> tuple[Segment, ...]:
        """Segments after spin-up."""
        return tuple(each for each in self.segments if each.cycle is None)

    @property
    def bounds(self) -> list[pd.Timestamp]:
        """Start of the first output period, and the ends of all."""
        step = pd.Timedelta(seconds=self.timestep)
        ends = [
            self.start + (segment.first + (k + 1) * segment.mean_over) * step
            for segment in self.run
            for k in range(segment.periods)
        ]
        return [self.start, *ends]


def timetable(
    start: pd.Timestamp,
    end: pd.Timestamp,
    timestep: float,
    *,
    mean_over: int,
    chunk_days: int,
    monthly: bool = False,
    cycles: int = 0,
    cycle: tuple[pd.Timestamp, pd.Timestamp] | None = None,
) -> Timetable:
    """Divide a run into segments.

    Parameters
    ----------
    start, end : Timestamp
        UTC.
    timestep : float
        [s]
    mean_over : int
        Steps of an output period; a segment has whole periods.
    chunk_days : int
        Days of driving data that are read at a time.
    monthly : bool
        Output periods are months, and each is a segment.
    cycles : int
        Most cycles of spin-up.
    cycle : tuple of Timestamp, optional
        Start and end of a cycle; by default those of the run.

    Returns
    -------
    Timetable

    Raises
    ------
    BadInput
        If the run is shorter than one output period, or a cycle of spin-up ends after it.
    """
    step = pd.Timedelta(seconds=timestep)
    chunk = max(round(pd.Timedelta(days=chunk_days) / step), 1)
    steps = int((end - start) // step)
    if monthly:
        ends = [min(each, end) for each in _months(start, end)]
        counts = [round((stop - begin) / step) for begin, stop in zip([start, *ends], ends, strict=False)]
        run = _segments(counts, chunk)
    else:
        steps = steps // mean_over * mean_over
        counts = _cut(steps, max(chunk // mean_over, 1) * mean_over)
        run = _segments(counts, chunk) if mean_over > chunk else _segments(counts, steps, mean_over)
    if not run:
        raise BadInput(
            f"the run from {start} to {end} is shorter than one period of output",
            where="[run] end",
            remedy="set a later end or a smaller run.mean_over",
        )
    begin, stop = cycle or (start, end)
    if cycles and stop > end:
        raise BadInput(
            f"a cycle of spin-up from {begin} to {stop} is longer than the run",
            where="[run.spin_up] years",
            remedy="set fewer years or a later end, or cycles = 0",
        )
    offset, counts = round((begin - start) / step), _cut(round((stop - begin) / step), chunk)
    spin = [
        Segment(offset + first, (count,), count, cycle=k, ends_cycle=first + count == sum(counts))
        for k in range(cycles)
        for first, count in zip(_starts(counts), counts, strict=True)
    ]
    return Timetable(start, timestep, (*spin, *run))


def _months(start: pd.Timestamp, end: pd.Timestamp) -> list[pd.Timestamp]:
    """Ends of the months that a run touches."""
    ends = []
    at = start.normalize().replace(day=1)
    while at < end:
        at += pd.DateOffset(months=1)
        ends.append(at)
    return ends


def _segments(counts: Sequence[int], chunk: int, mean_over: int | None = None) -> list[Segment]:
    """Segments of one period in parts of a chunk, or of several periods in one part."""
    return [
        Segment(first, tuple(_cut(count, chunk)), mean_over or count)
        for first, count in zip(_starts(counts), counts, strict=True)
    ]


def _cut(steps: int, length: int) -> list[int]:
    """Lengths of parts of a number of steps."""
    return [min(length, steps - first) for first in range(0, steps, length)]


def _starts(counts: Sequence[int]) -> list[int]:
    return [sum(counts[:k]) for k in range(len(counts))]
