"""Times of runs that alternate with each other, so that changes of load affect all of them."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Times:
    """Wall-clock and processor times [s] of each run, by its name, one a round."""

    wall: dict[str, list[float]]
    processor: dict[str, list[float]]


def alternate(runs: Mapping[str, Callable[[], object]], rounds: int) -> Times:
    """Start each run once a round, in an order that changes, and measure the programs that it starts."""
    times = Times({name: [] for name in runs}, {name: [] for name in runs})
    order = list(runs)
    for _ in range(rounds):
        for name in order:
            before = time.perf_counter(), _processor_time_of_children()
            runs[name]()
            times.wall[name].append(time.perf_counter() - before[0])
            times.processor[name].append(_processor_time_of_children() - before[1])
        order = order[1:] + order[:1]
    return times


def ratios(seconds: Mapping[str, list[float]], name: str, base: str = "stock") -> list[float]:
    """Ratios of the times of a run to those of another in the same round."""
    return [one / other for one, other in zip(seconds[name], seconds[base], strict=True)]


def _processor_time_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
