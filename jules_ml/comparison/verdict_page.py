"""Table and one-page report of a verdict in the model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jules_ml.comparison.swap_scores import SwapScore
from jules_ml.comparison.verdict import ModelVerdict
from jules_ml.learned.kind import Outcome, ScoreRow
from jules_ml.learned.page import write_report
from jules_ml.support.figures import BLACK, BLUE, VERMILION
from jules_ml.support.headline import Headline, number
from jules_ml.support.interactive import Line, Panel

#: Numbers at the top of the page.
_NUMBERS = 3


def verdict_rows(verdict: ModelVerdict) -> list[ScoreRow]:
    """Return the scores of both runs of a verdict as rows of a table."""
    return [
        ScoreRow(f"{each.name}, {each.period}", source, vars(scores), each.unit)
        for each in verdict.scores
        for source, scores in (("JULES's own forms", each.stock), ("swapped", each.swapped))
    ]


def swap_panels(scores: Sequence[SwapScore]) -> list[Panel]:
    """Make a panel with observations and both runs for each score of a verdict."""
    return [
        Panel(
            f"{each.name[:1].upper()}{each.name[1:]}, {each.period}",
            each.unit,
            [
                Line("observed", each.pairs["observed"], BLACK, points=True),
                Line("JULES's own forms", each.pairs["stock"], BLUE),
                Line("swapped", each.pairs["swapped"], VERMILION),
            ],
        )
        for each in scores
    ]


def _numbers(scores: Sequence[SwapScore]) -> list[Headline]:
    """NSE of both runs for the first scores of a verdict."""
    return [
        Headline(
            f"{number(each.stock.nse)} → {number(each.swapped.nse)}",
            f"NSE of {each.name}, {each.period}: JULES's own forms → swapped, n = {each.stock.n}",
        )
        for each in scores[:_NUMBERS]
    ]


def verdict_page(verdict: ModelVerdict, out: Path, *, title: str, inputs: Sequence[Path] = ()) -> Path:
    """Write ``report.html`` of a verdict: sentence, scores of both runs, notes and figures.

    Parameters
    ----------
    verdict : ModelVerdict
    out : Path
        Folder of the verdict, with its figures.
    title : str
        Title of the page.
    inputs : sequence of Path
        Files that the verdict depends on, for the provenance.

    Returns
    -------
    Path
    """
    return write_report(
        Outcome(out, {"verdict": {"sentence": verdict.sentence}}, tuple(verdict_rows(verdict)), verdict.notes),
        title=title,
        compared="Both runs are scored on the same observations, which the module was not trained on.",
        contents="All scores and the gains are in verdict.json, and both runs in runs, of the folder {folder}.",
        panels=swap_panels(verdict.scores),
        numbers=_numbers(verdict.scores),
        inputs=inputs,
    )
