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
#: Baselines that a user asks about first.
FIRST_BASELINES: Final = ("Lloyd-Taylor", "JULES")
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


def main_rows(rows: Sequence[ScoreRow]) -> list[ScoreRow]:
    """Rows of a site that answer the first questions: the module, Lloyd and Taylor's form, JULES's, and the best other baseline.

    Parameters
    ----------
    rows : sequence of ScoreRow
        Rows of one site; those of baselines have a difference.

    Returns
    -------
    list of ScoreRow
        In this order; all rows if none of them is of a baseline.
    """
    baselines = [row for row in rows if row.difference is not None]
    if not baselines:
        return list(rows)
    first = [row for name in FIRST_BASELINES for row in baselines if row.source == name]
    best = [min(baselines, key=_rank)]
    chosen = [row for row in rows if row.difference is None] + first + best
    return [row for number, row in enumerate(chosen) if row not in chosen[:number]]


def _rank(row: ScoreRow) -> float:
    """Value that is smallest for the best baseline; a missing score is the worst."""
    measure = "nse" if row.difference is None else row.difference.measure
    value = row.scores.get(measure, math.nan)
    if math.isnan(value):
        return math.inf
    return -value if measure == "nse" else value


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
    interval = (
        "(no interval)" if math.isnan(difference.lower) else f"[{', '.join(pattern.format(end) for end in ends)}]"
    )
    return f"{pattern.format(difference.value)} {interval}"
