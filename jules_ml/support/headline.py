"""Number at the top of a report."""

from __future__ import annotations

from dataclasses import dataclass

#: Score below which its size says nothing.
_LEAST = -100.0


@dataclass(frozen=True)
class Headline:
    """Number with what it is."""

    value: str
    label: str


def number(value: float) -> str:
    """Return a score with two decimals and a minus sign."""
    if value < _LEAST:
        return f"below −{-_LEAST:.0f}"
    return f"{value:.2f}".replace("-", "−")
