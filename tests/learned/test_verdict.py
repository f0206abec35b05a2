"""The sentence that says whether a learned module is better than its baselines."""

from __future__ import annotations

import numpy as np
import pytest

from jules_ml.learned.verdict import Verdict, compared, verdict
from jules_ml.scoring.bootstrap import Difference

NAN = float("nan")
SIMPLER = ("constant", "Lloyd-Taylor", "spline")


def nse(value: float, half: float = 0.02) -> Difference:
    return Difference("nse", value, value - half, value + half)


def judged(learned: float, **baselines: tuple[float, Difference]) -> Verdict:
    named = {name.replace("_", "-"): of for name, of in baselines.items()}
    return verdict("respiration", learned, named, simpler=SIMPLER, period="in the test period")


def test_better_needs_the_interval_against_the_best_baseline_above_zero() -> None:
    result = judged(0.58, spline=(0.54, nse(0.04)), Lloyd_Taylor=(0.5, nse(0.08)))
    assert result.result == "better"
    assert result.baseline == "spline"
    assert result.sentence == (
        "Learned respiration is better than every baseline in the test period (NSE 0.58; best baseline: spline 0.54)."
    )


def test_a_simpler_baseline_wins_a_tie() -> None:
    result = judged(0.48, Lloyd_Taylor=(0.49, nse(-0.01)), constant=(0.0, nse(0.48)))
    assert result.result == "as good"
    assert result.sentence == "Lloyd-Taylor is as good in the test period (NSE 0.49 against 0.48): use it."


def test_the_best_of_the_tied_baselines_is_named() -> None:
    result = judged(0.48, spline=(0.48, nse(0.0)), Lloyd_Taylor=(0.49, nse(-0.01)), constant=(0.47, nse(0.01)))
    assert result.baseline == "Lloyd-Taylor"
    # one that is clearly worse than the module is not tied, and one that is not simpler is not named
    result = judged(0.5, boosting=(0.51, nse(-0.01)), spline=(0.49, nse(0.01)), constant=(0.4, nse(0.1)))
    assert result.baseline == "spline"


def test_the_simplest_of_those_with_the_same_score_is_named() -> None:
    assert judged(0.48, spline=(0.5, nse(-0.02)), Lloyd_Taylor=(0.499, nse(-0.019))).baseline == "Lloyd-Taylor"


def test_a_baseline_that_is_not_simpler_does_not_win_a_tie() -> None:
    result = judged(0.56, boosting=(0.57, nse(-0.01)), spline=(0.5, nse(0.06)))
    assert result.result == "as good"
    assert result.sentence == (
        "Learned respiration is as good as the best baseline, boosting, in the test period (NSE 0.56 against 0.57)."
    )


def test_a_better_baseline_is_recommended() -> None:
    result = judged(0.35, Lloyd_Taylor=(0.49, nse(-0.14)), spline=(0.36, nse(-0.01)))
    assert result.result == "worse"
    assert result.sentence == "Lloyd-Taylor is better in the test period (NSE 0.49 against 0.35): use it."


def test_a_better_baseline_that_is_not_simpler_is_named() -> None:
    result = judged(0.35, boosting=(0.49, nse(-0.14)))
    assert result.sentence == "Learned respiration is worse than boosting in the test period (NSE 0.35 against 0.49)."


def test_a_period_with_few_blocks_gives_no_verdict() -> None:
    result = judged(0.5, spline=(0.4, Difference("nse", 0.1, NAN, NAN)))
    assert result.result == "unknown"
    assert "too few to tell" in result.sentence


def test_without_baselines_only_the_score_is_given() -> None:
    result = judged(0.5)
    assert result.result == "unknown"
    assert (
        result.sentence
        == "Learned respiration has NSE 0.50 in the test period; there is no baseline to compare it with."
    )


def test_errors_are_better_where_they_are_smaller() -> None:
    difference = Difference("rmse", -0.01, -0.02, -0.005)
    result = verdict(
        "soil moisture",
        0.02,
        {"climatology": (0.03, difference)},
        measure="rmse",
        units="m3 m-3",
        period="in the test period",
    )
    assert result.result == "better"
    assert result.sentence == (
        "Learned soil moisture is better than every baseline in the test period "
        "(RMSE 0.02 m3 m-3; best baseline: climatology 0.03 m3 m-3)."
    )


def test_scores_of_baselines_have_their_difference() -> None:
    rng = np.random.default_rng(0)
    observed = rng.normal(size=300)
    predicted = {"learned": observed + 0.1 * rng.normal(size=300), "mean": np.full(300, observed.mean())}
    scores = compared(observed, predicted, np.arange(300) // 30, measure="nse")
    assert "difference" not in scores["learned"]
    assert Difference.from_scores(scores["mean"]["difference"]).gain == 1
    assert scores["learned"]["nse"] - scores["mean"]["nse"] == pytest.approx(scores["mean"]["difference"]["value"])
    missing = compared(np.full(300, np.nan), predicted, np.arange(300) // 30, measure="nse")
    assert np.isnan(missing["mean"]["nse"])
