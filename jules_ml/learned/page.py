"""One-page report of a fit, an adaptation or an evaluation, for every kind of module."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jules_ml.learned.kind import Outcome, ScoreRow
from jules_ml.learned.score_table import by_site, cells_of, headers_of
from jules_ml.support.files import atomic_write
from jules_ml.support.page import embedded, render_page

#: File of the report in the output folder.
REPORT: Final = "report.html"
#: Rows of the table that are seen without a click, so that the first screen shows the result.
_FIRST_ROWS: Final = 20
#: Titles of figures, by file name; others are named after their file.
_TITLES: Final = {
    "curves": "Learned curves",
    "observed_predicted": "Observed and predicted",
    "residuals": "Residuals",
    "nee": "NEE of day and night, observed and predicted",
    "series": "Soil moisture, observed and predicted",
    "predicted": "Soil carbon, observed and predicted",
    "dynamics": "Dynamics of soil moisture",
    "signatures": "Signatures of soil moisture",
}


def write_report(outcome: Outcome, *, title: str) -> Path:
    """Write ``report.html`` with the figures into the output folder.

    Parameters
    ----------
    outcome : Outcome
        Outcome of a kind, whose folder contains the figures as ``figures/*.png``.
    title : str
        Title of the page.

    Returns
    -------
    Path
        Self-contained HTML file: verdict, scores of the module and of its baselines, notes and figures.
    """
    headers = headers_of(outcome.table)
    groups = [
        {
            "site": site,
            "units": rows[0].units,
            "rows": [
                {"source": r.source, "cells": cells_of(r, headers), "learned": _is_learned(r, rows)} for r in rows
            ],
        }
        for site, rows in by_site(outcome.table)
    ]
    shown = _first_groups([len(rows) for _, rows in by_site(outcome.table)])
    figures = [
        {"title": _TITLES.get(path.stem, path.stem.replace("_", " ")), "data": embedded(path)}
        for path in sorted((outcome.folder / "figures").glob("*.png"))
    ]
    text = render_page(
        "jules_ml.learned",
        "page.html.j2",
        title=title,
        folder=outcome.folder.name,
        verdict=outcome.verdict,
        headers=list(headers.values()),
        columns=list(headers),
        groups=groups[:shown],
        more=groups[shown:],
        notes=outcome.notes,
        figures=figures,
    )
    path = outcome.folder / REPORT
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8")
    return path


def _is_learned(row: ScoreRow, of_site: Sequence[ScoreRow]) -> bool:
    """Whether a row is of the module, where others of the site are of baselines."""
    return row.difference is None and any(other.difference is not None for other in of_site)


def _first_groups(lengths: list[int]) -> int:
    """Number of groups of rows that are shown at first, one at least."""
    total, count = 0, 0
    for length in lengths:
        total += length
        if count and total > _FIRST_ROWS:
            break
        count += 1
    return count
