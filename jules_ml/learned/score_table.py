"""The table of scores that commands print and reports show: its columns, and the text of its cells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from jules_ml.learned.kind import ScoreRow

#: Headers by the names of the scores. Columns that no row has are left out.
HEADERS: Final = {
    "n": "n",
    "r": "r",
    "kge": "KGE",
    "nse": "NSE",
    "rmse": "RMSE",
    "ubrmse": "ubRMSE",
    "bias": "bias",
    "coverage": "coverage",
    "interval_width": "width",
    "interval_score": "interval score",
}
#: Column of the learned score minus that of the baseline, with its interval.
DIFFERENCE: Final = "difference"
_DIMENSIONLESS: Final = ("r", "kge", "nse", "coverage")


def headers_of(rows: Iterable[ScoreRow]) -> dict[str, str]:
    """Headers of the columns that some of the rows have, by the name of the score."""
    rows = list(rows)
    present = {name for row in rows for name in row.scores}
    headers = {name: header for name, header in HEADERS.items() if name in present}
    measures = dict.fromkeys(row.difference.measure.upper() for row in rows if row.difference is not None)
    if measures:
        headers[DIFFERENCE] = f"learned − baseline, {'/'.join(measures)} [95 %]"
    return headers


def cells_of(row: ScoreRow, columns: Iterable[str]) -> list[str]:
    """Text of the cells of a row."""
    return [_difference(row) if name == DIFFERENCE else _number(name, row.scores.get(name)) for name in columns]


def by_site(rows: Sequence[ScoreRow]) -> list[tuple[str, list[ScoreRow]]]:
    """Group consecutive rows of the same site."""
    groups: list[tuple[str, list[ScoreRow]]] = []
    for row in rows:
        if not groups or groups[-1][0] != row.site:
            groups.append((row.site, []))
        groups[-1][1].append(row)
    return groups


def _number(name: str, value: float | None) -> str:
    if value is None or math.isnan(value):
        return "–"
    if name == "n":
        return str(int(value))
    if name in _DIMENSIONLESS:
        return f"{value:.2f}"
    return f"{value:+.3g}" if name == "bias" else f"{value:.3g}"


def _difference(row: ScoreRow) -> str:
    difference = row.difference
    if difference is None:
        return ""
    if not math.isfinite(difference.value):
        return "–"
    pattern = "{:+.3f}" if difference.measure == "nse" else "{:+.2g}"
    ends = (difference.lower, difference.upper)
    interval = "–" if math.isnan(difference.lower) else ", ".join(pattern.format(end) for end in ends)
    return f"{pattern.format(difference.value)} [{interval}]"
