"""What commands print."""

from __future__ import annotations

from pathlib import Path

import pytest

from jules_ml.cli import printing
from jules_ml.cli.printing import print_next, print_outcome, print_scores, progress_bars
from jules_ml.learned.kind import Outcome, ScoreRow
from jules_ml.learned.model_verdict import judging_command
from jules_ml.scoring.bootstrap import Difference

SCORES = {
    "n": 100.0,
    "r": 0.8,
    "kge": 0.7,
    "nse": 0.6,
    "rmse": 1.0,
    "bias": -0.1,
    "coverage": 0.91,
    "interval_width": 3.0,
}
TABLE = (
    ScoreRow("nights", "learned", SCORES, "umol m-2 s-1"),
    ScoreRow("nights", "spline", SCORES | {"nse": 0.58}, "umol m-2 s-1", Difference("nse", 0.02, 0.01, 0.03)),
)


def test_each_stage_has_a_bar_with_its_note(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bars(quiet=False) as bars:
        for done in (0, 3, 4):
            bars("members", done, 4)
        bars.note("members", "0 running, 1 failed")
        bars("gather", 2, 2)
    shown = capsys.readouterr().err
    assert "members" in shown
    assert shown.count("100%") == 2
    assert "0 running, 1 failed" in shown
    assert "gather" in shown


def test_bars_end_at_100_percent_although_work_ended_early(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bars(quiet=False) as bars:
        bars("training", 3, 40)
        bars("members", 0, 0)
        bars.note("measure", "start-up of a worker")
    assert capsys.readouterr().err.count("100%") == 3


def test_bars_of_failed_work_show_how_far_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with progress_bars(quiet=False) as bars:
            bars("run", 1, 2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert "50%" in capsys.readouterr().err


def test_bars_are_hidden_where_the_user_wants_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bars(quiet=True) as bars:
        bars("run", 1, 1)
    assert capsys.readouterr().err == ""


def test_a_baseline_has_the_interval_of_the_difference(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printing.out_console, "_width", 140)
    print_scores(TABLE)
    shown = capsys.readouterr().out
    assert "learned − baseline, NSE" in shown
    assert "+0.020 [+0.010, +0.030]" in shown
    assert "coverage" in shown
    assert "ubRMSE" not in shown


def test_a_narrow_terminal_shows_the_most_important_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printing.out_console, "_width", 80)
    print_scores(TABLE)
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "+0.020 [+0.010, +0.030]" in shown
    assert "NSE" in shown
    assert "width" not in shown


def test_the_verdict_is_printed_last(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "report.html").touch()
    outcome = Outcome(tmp_path, {"verdict": {"sentence": "Spline is as good: use it."}}, TABLE, ("a note",))
    print_outcome(outcome, quiet=False, json=False)
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[-1] == "Spline is as good: use it."
    print_outcome(outcome, quiet=False, json=True)
    assert '"sentence": "Spline is as good: use it."' in capsys.readouterr().out


def test_the_next_command_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_next(judging_command(Path("tower"), Path("tower.toml")), "compares runs")
    assert capsys.readouterr().out == "next 'jules-ml evaluate tower --in-model tower.toml --out DIR' compares runs\n"
    assert "--in-model EXPERIMENT.toml" in judging_command(Path("tower"))
