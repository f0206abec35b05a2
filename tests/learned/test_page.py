"""The one-page report of a fit or an evaluation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from jules_ml.errors import BadInput
from jules_ml.learned.kind import Outcome, ScoreRow, score_row
from jules_ml.learned.page import write_report
from jules_ml.scoring.bootstrap import Difference

SCORES = {"n": 300, "r": 0.8, "kge": 0.7, "nse": 0.61, "rmse": 1.2, "bias": -0.1}
BASELINE = SCORES | {"nse": 0.6, "difference": Difference("nse", 0.01, -0.02, 0.04).to_scores()}


def outcome(folder: Path, sites: int = 1) -> Outcome:
    (folder / "figures").mkdir(exist_ok=True)
    figure = plt.figure(figsize=(1.0, 1.0))
    figure.savefig(folder / "figures" / "observed_predicted.png")
    plt.close(figure)
    rows = [
        score_row(f"site {k}", source, scores, "umol m-2 s-1")
        for k in range(sites)
        for source, scores in (("learned", SCORES), ("<spline>", BASELINE))
    ]
    verdict = {"verdict": {"result": "as good", "sentence": "Spline is as good: use it."}}
    return Outcome(folder, verdict, tuple(rows), ("a note with <brackets>",))


def test_the_page_has_verdict_scores_notes_and_figures(tmp_path: Path) -> None:
    path = write_report(outcome(tmp_path), title="Learned respiration: fit of tower")
    assert path == tmp_path / "report.html"
    page = path.read_text(encoding="utf-8")
    assert page.index("Spline is as good: use it.") < page.index("<table") < page.index("a note with &lt;brackets&gt;")
    assert "<h1>Learned respiration: fit of tower</h1>" in page
    assert "&lt;spline&gt;" in page
    assert "+0.010 [-0.020, +0.040]" in page
    assert "Observed and predicted" in page


def test_the_page_is_self_contained(tmp_path: Path) -> None:
    page = write_report(outcome(tmp_path), title="fit").read_text(encoding="utf-8")
    assert 'src="data:image/png;base64,' in page
    assert "http://" not in page
    assert "https://" not in page
    assert "<script" not in page
    assert "<link" not in page


def test_further_sites_are_folded_away(tmp_path: Path) -> None:
    page = write_report(outcome(tmp_path, sites=30), title="fit").read_text(encoding="utf-8")
    assert "20 more sites" in page
    assert page.index("site 9 ") < page.index("<details>") < page.index("site 10 ")


def test_the_page_begins_with_the_main_rows_and_the_curves(tmp_path: Path) -> None:
    result = outcome(tmp_path)
    (tmp_path / "figures" / "curves.png").write_bytes((tmp_path / "figures" / "observed_predicted.png").read_bytes())
    scores = {
        "learned": 0.61,
        "constant": 0.1,
        "Q10": 0.4,
        "Lloyd-Taylor": 0.5,
        "JULES": 0.3,
        "spline": 0.6,
        "boosting": 0.58,
    }
    rows = [
        score_row("steps", name, (SCORES if name == "learned" else BASELINE) | {"nse": nse}, "umol m-2 s-1")
        for name, nse in scores.items()
    ]
    page = write_report(replace(result, table=tuple(rows)), title="fit").read_text(encoding="utf-8")
    first, rest = page.split("<h2>Learned curves</h2>")
    order = [first.index(f"<td>{name}</td>") for name in ("learned", "Lloyd-Taylor", "JULES", "spline")]
    assert order == sorted(order)
    assert "<td>Q10</td>" not in first
    assert all(f"<td>{name}</td>" in rest for name in scores)
    assert rest.index("All scores") < rest.index("<td>Q10</td>") < rest.index("Observed and predicted")


def test_a_difference_without_an_interval(tmp_path: Path) -> None:
    nan = float("nan")
    row = ScoreRow("steps", "Q10", {"nse": 0.5}, "1", Difference("nse", 0.102, nan, nan))
    page = write_report(replace(outcome(tmp_path), table=(row,)), title="fit").read_text(encoding="utf-8")
    assert "+0.102 (no interval)" in page


def test_a_kind_without_scores_has_a_page(tmp_path: Path) -> None:
    page = write_report(Outcome(tmp_path, {}), title="Learned toy").read_text(encoding="utf-8")
    assert "Learned toy" in page
    assert '<p class="verdict">' not in page
    assert '<table class="scores">' not in page
    assert "NSE" not in write_report(
        Outcome(tmp_path, {}, (ScoreRow("toy", "mean", {"n": 3.0, "rmse": 1.0}, "K"),)), title="Learned toy"
    ).read_text(encoding="utf-8")


def test_a_page_that_cannot_be_replaced_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    (tmp_path / "report.html" / "mine").touch()
    with pytest.raises(BadInput, match="cannot be replaced"):
        write_report(Outcome(tmp_path, {}), title="fit")


def test_figures_have_their_captions(tmp_path: Path) -> None:
    page = write_report(outcome(tmp_path), title="fit", captions={"observed_predicted": "Modifiers of the module."})
    assert page.read_text(encoding="utf-8").count("<figcaption>Modifiers of the module.</figcaption>") == 1
