"""Numbers at the top of the report of a module: its score, that of the best baseline, and the observations that both are of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from jules_ml.learned.kind import ScoreRow
from jules_ml.learned.score_table import by_site
from jules_ml.support.headline import Headline, number

#: Measures in order of preference, with their names.
_MEASURES: Final = {"nse": "NSE", "r2": "R²", "kge": "KGE"}

#: Number of groups of rows from which on they are of sites, and not of time steps and nights of one site.
_MANY: Final = 4


def headlines(table: Sequence[ScoreRow]) -> tuple[Headline, ...]:
    """Return three numbers, or fewer where the table lacks them.

    Parameters
    ----------
    table : sequence of ScoreRow
        Of the module and of its baselines.

    Returns
    -------
    tuple of Headline
        Medians over the sites if there are many, otherwise those of the first group of rows.
    """
    groups = by_site(table)
    if len(groups) < _MANY:
        groups = groups[:1]
    learned = [(site, rows[0]) for site, rows in groups]
    measure = next((name for name in _MEASURES if any(name in row.scores for _, row in learned)), None)
    if measure is None:
        return ()
    name = _MEASURES[measure]
    scores = [value for _, row in learned if np.isfinite(value := row.scores.get(measure, np.nan))]
    made = (
        [Headline(number(float(np.median(scores))), f"{name} of {learned[0][1].source}{_where(learned)}")]
        if scores
        else []
    )
    best = _best_baseline(groups, measure)
    if best is not None:
        made.append(Headline(number(best[1]), f"{name} of {best[0]}, the best baseline"))
    count = int(sum(row.scores.get("n", 0.0) for _, row in learned))
    if count:
        made.append(Headline(f"{count:,}".replace(",", " "), "observations that were scored"))
    return tuple(made)


def _where(learned: Sequence[tuple[str, ScoreRow]]) -> str:
    return f", {learned[0][0]}" if len(learned) == 1 else f", median of {len(learned)} groups of observations"


def _best_baseline(groups: Sequence[tuple[str, Sequence[ScoreRow]]], measure: str) -> tuple[str, float] | None:
    """Name of the baseline with the highest median, and the median."""
    by_name: dict[str, list[float]] = {}
    for _, rows in groups:
        for row in rows[1:]:
            if row.difference is not None and np.isfinite(row.scores.get(measure, np.nan)):
                by_name.setdefault(row.source, []).append(row.scores[measure])
    medians = {name: float(np.median(values)) for name, values in by_name.items()}
    return max(medians.items(), key=lambda item: item[1]) if medians else None
