"""What commands print."""

from __future__ import annotations

import pytest

from jules_ml.cli.printing import progress_bars


def test_each_stage_has_a_bar_with_its_note(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bars(quiet=False) as bars:
        for done in (0, 3, 4):
            bars("members", done, 4)
        bars.note("members", "0 running, 1 failed")
        bars("gather", 1, 2)
    shown = capsys.readouterr().err
    assert "members" in shown
    assert "100%" in shown
    assert "0 running, 1 failed" in shown
    assert "gather" in shown
    assert "50%" in shown


def test_bars_are_hidden_where_the_user_wants_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bars(quiet=True) as bars:
        bars("run", 1, 1)
    assert capsys.readouterr().err == ""
