"""Table and one-page report of a verdict in the model."""

from __future__ import annotations

from pathlib import Path

from jules_ml.comparison.verdict import ModelVerdict
from jules_ml.learned.kind import Outcome, ScoreRow
from jules_ml.learned.page import write_report


def verdict_rows(verdict: ModelVerdict) -> list[ScoreRow]:
    """Return the scores of both runs of a verdict as rows of a table."""
    return [
        ScoreRow(f"{each.name}, {each.period}", source, vars(scores), each.unit)
        for each in verdict.scores
        for source, scores in (("JULES's own forms", each.stock), ("swapped", each.swapped))
    ]


def verdict_page(verdict: ModelVerdict, out: Path, *, title: str) -> Path:
    """Write ``report.html`` of a verdict: sentence, scores of both runs, notes and figures.

    Parameters
    ----------
    verdict : ModelVerdict
    out : Path
        Folder of the verdict, with its figures.
    title : str
        Title of the page.

    Returns
    -------
    Path
    """
    return write_report(
        Outcome(out, {"verdict": {"sentence": verdict.sentence}}, tuple(verdict_rows(verdict)), verdict.notes),
        title=title,
        compared="Both runs are scored on the same observations, which the module was not trained on.",
        contents="All scores and the gains are in verdict.json, and both runs in runs, of the folder {folder}.",
    )
