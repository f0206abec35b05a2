"""One-page report of a fit, an adaptation or an evaluation, for every kind of module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from jules_ml.learned.headlines import headlines
from jules_ml.learned.kind import Outcome, ScoreRow
from jules_ml.learned.prediction_panels import prediction_panels
from jules_ml.learned.score_table import by_site, cells_of, headers_of, main_rows
from jules_ml.support.files import atomic_write
from jules_ml.support.headline import Headline
from jules_ml.support.interactive import Panel
from jules_ml.support.page import embedded, render_page

#: File of the report in the output folder.
REPORT: Final = "report.html"
#: Rows of the table that are seen without a click, so that the first screen shows the result.
_FIRST_ROWS: Final = 20
#: Rows of the short table, which leaves room for the learned curves on the first screen.
_MAIN_ROWS: Final = 8
_FIRST_FIGURE: Final = "curves"
COMPARED: Final = "The module and its baselines are scored on the same observations."
CONTENTS: Final = (
    "Settings, training data and their licence are in card.json of the module, all scores in scores.json and all predictions in "
    "predictions.nc of the folder {folder}."
)
#: Titles of figures, by file name; others are named after their file.
_TITLES: Final = {
    "curves": "Learned curves",
    "observed_predicted": "Observed and predicted",
    "residuals": "Residuals",
    "antecedent": "Antecedent conditions",
    "nee": "NEE of day and night, observed and predicted",
    "series": "Soil moisture, observed and predicted",
    "predicted": "Soil carbon, observed and predicted",
    "dynamics": "Dynamics of soil moisture",
    "signatures": "Signatures of soil moisture",
}


def write_report(
    outcome: Outcome,
    *,
    title: str,
    compared: str = COMPARED,
    contents: str = CONTENTS,
    titles: Mapping[str, str] | None = None,
    captions: Mapping[str, str] | None = None,
    values: Sequence[Sequence[str]] = (),
    inputs: Sequence[Path] = (),
    panels: Sequence[Panel] | None = None,
    substitutions: Sequence[str] = (),
    numbers: Sequence[Headline] | None = None,
) -> Path:
    """Write ``report.html`` with the figures into the output folder.

    Parameters
    ----------
    outcome : Outcome
        Outcome of a kind, whose folder contains the figures as ``figures/*.png``.
    title : str
        Title of the page.
    compared : str
        Sentence on what the table compares.
    contents : str
        Sentence on the other files of the folder, whose name it may contain as ``{folder}``.
    titles : mapping of str to str, optional
        Titles of figures by the names of their files without ``.png``; default: :data:`_TITLES`, or the name of the file.
    captions : mapping of str to str, optional
        Captions of figures by the names of their files without ``.png``.
    values : sequence of sequence of str, optional
        Table of fitted values, the headers first.
    inputs : sequence of Path
        Files that the results were computed from.
    panels : sequence of Panel, optional
        Interactive time series; by default those of the predictions in the folder.
    substitutions : sequence of str
        Gap-filling and substitutions of the record.
    numbers : sequence of Headline, optional
        Numbers below the verdict; by default the scores of the module and of its best baseline.

    Returns
    -------
    Path
        Self-contained HTML file: verdict, scores of the module and of its baselines, notes and figures. Where a site has many baselines,
        the page begins with the main ones and the learned curves, and the full table is further down.
    """
    headers = headers_of(outcome.table)
    by_sites = by_site(outcome.table)
    groups = [_group(site, rows, rows, headers) for site, rows in by_sites]
    main = [(site, main_rows(rows), rows) for site, rows in by_sites]
    main = main[: _first_groups([len(of_site) for _, of_site, _ in main], most=_MAIN_ROWS)]
    short = [_group(site, of_site, rows, headers) for site, of_site, rows in main]
    if all(len(of_site) == len(rows) for _, of_site, rows in main):
        short = []
    shown = _first_groups([len(rows) for _, rows in by_sites], most=_FIRST_ROWS)
    named = {**_TITLES, **(titles or {})}
    figures = [
        {
            "name": path.stem,
            "title": named.get(path.stem, _heading(path.stem)),
            "data": embedded(path),
            "caption": (captions or {}).get(path.stem, ""),
            "style": "",
        }
        for path in sorted((outcome.folder / "figures").glob("*.png"))
    ]
    first = [figure for figure in figures if short and figure["name"] == _FIRST_FIGURE]
    text = render_page(
        "jules_ml.learned",
        "page.html.j2",
        title=title,
        verdict=outcome.verdict,
        headers=list(headers.values()),
        columns=list(headers),
        short=short,
        groups=groups[:shown],
        more=groups[shown:],
        notes=outcome.notes,
        values=values,
        first_figures=first,
        figures=[figure for figure in figures if figure not in first],
        panels=prediction_panels(outcome.folder) if panels is None else panels,
        inputs=inputs,
        substitutions=substitutions,
        numbers=headlines(outcome.table) if numbers is None else numbers,
        compared=compared,
        contents=contents.format(folder=outcome.folder.name),
    )
    path = outcome.folder / REPORT
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8")
    return path


def _group(
    site: str, rows: Sequence[ScoreRow], of_site: Sequence[ScoreRow], headers: Mapping[str, str]
) -> dict[str, Any]:
    """Some of the rows of a site, for the template."""
    return {
        "site": site,
        "units": rows[0].units,
        "rows": [{"source": r.source, "cells": cells_of(r, headers), "learned": _is_learned(r, of_site)} for r in rows],
    }


def _heading(name: str) -> str:
    """Title of a figure from the name of its file."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _is_learned(row: ScoreRow, of_site: Sequence[ScoreRow]) -> bool:
    """Whether a row is of the module, where others of the site are of baselines."""
    return row.difference is None and any(other.difference is not None for other in of_site)


def _first_groups(lengths: list[int], *, most: int) -> int:
    """Number of groups of rows that are shown at first, one at least."""
    total, count = 0, 0
    for length in lengths:
        total += length
        if count and total > most:
            break
        count += 1
    return count
