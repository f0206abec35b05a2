"""A receiver of progress that keeps every report."""

from __future__ import annotations


class Reports:
    """Reports of long work, in order."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, int, int]] = []

    def __call__(self, stage: str, done: int, total: int, /) -> None:
        self.reports.append((stage, done, total))

    def stages(self) -> list[str]:
        """Names of the stages in order of appearance."""
        return list(dict.fromkeys(stage for stage, _, _ in self.reports))

    def check(self, *stages: str) -> None:
        """Check that these stages were reported one after another, and that each rose to 100 %."""
        assert self.stages() == list(stages)
        order = [self.stages().index(stage) for stage, _, _ in self.reports]
        assert order == sorted(order), "stages follow each other"
        for stage in stages:
            fractions = [done / total for name, done, total in self.reports if name == stage]
            assert fractions == sorted(fractions), f"{stage} falls back"
            assert fractions[-1] == 1.0, f"{stage} ends at {fractions[-1]:.0%}"
