"""The sentence that says whether a learned module is better than its baselines."""

from __future__ import annotations

import numpy as np
import pytest

from jules_ml.learned.verdict import Verdict, compared, verdict
from jules_ml.scoring.bootstrap import Difference

NAN = float("nan")
SIMPLER = ("Q10", "Lloyd-Taylor")


def nse(value: float, half: float = 0.02) -> Difference:
    return Difference("nse", value, value - half, value + half)


def judged(learned: float, **baselines: tuple[float, Difference]) -> Verdict:
    named = {name.replace("_", "-"): of for name, of in baselines.items()}
    return verdict("respiration", learned, named, simpler=SIMPLER, period="in the test period")


def test_better_needs_the_interval_above_zero() -> None:
    result = judged(0.58, spline=(0.54, nse(0.04)), Lloyd_Taylor=(0.5, nse(0.08)))
    assert result.result == "better"
    assert result.baseline == "spline"
    assert result.sentence == (
        "Learned respiration (NSE 0.58) is better than Lloyd-Taylor (0.50) and better than the best baseline (spline, 0.54) "
        "in the test period."
    )


def test_a_simpler_baseline_wins_a_tie() -> None:
    result = judged(0.48, Lloyd_Taylor=(0.49, nse(-0.01)), constant=(0.0, nse(0.48)))
    assert result.result == "as good"
    assert result.sentence == (
        "Learned respiration (NSE 0.48) is as good as Lloyd-Taylor (0.49) in the test period: use Lloyd-Taylor, which is simpler."
    )


def test_a_large_difference_with_a_wide_interval_is_not_a_tie() -> None:
    result = judged(0.30, Lloyd_Taylor=(0.20, nse(0.10, half=0.3)))
    assert result.result == "unclear"
    assert result.sentence == (
        "Learned respiration (NSE 0.30) is not clearly better or worse than Lloyd-Taylor (0.20) in the test period."
    )


def test_lloyd_and_taylor_are_compared_even_if_another_baseline_is_better() -> None:
    result = judged(0.40, boosting=(0.50, nse(-0.10)), Lloyd_Taylor=(0.30, nse(0.10)))
    assert result.sentence == (
        "Learned respiration (NSE 0.40) is better than Lloyd-Taylor (0.30) and worse than the best baseline (boosting, 0.50) "
        "in the test period."
    )


def test_only_a_form_that_can_be_run_is_recommended() -> None:
    result = judged(0.48, spline=(0.50, nse(-0.02)), Q10=(0.48, nse(0.0)), Lloyd_Taylor=(0.42, nse(0.06)))
    assert result.baseline == "Q10"
    assert result.sentence.endswith("in the test period: use Q10 (0.48), which is simpler.")
    assert judged(0.48, spline=(0.50, nse(-0.10))).sentence.endswith("(spline, 0.50) in the test period.")


def test_the_simplest_of_those_with_the_same_score_is_recommended() -> None:
    assert judged(0.48, Lloyd_Taylor=(0.49, nse(-0.01)), Q10=(0.488, nse(-0.008))).baseline == "Q10"


def test_a_better_baseline_is_recommended() -> None:
    result = judged(0.35, Lloyd_Taylor=(0.49, nse(-0.14)), spline=(0.36, nse(-0.01)))
    assert result.result == "worse"
    assert result.sentence == (
        "Learned respiration (NSE 0.35) is worse than Lloyd-Taylor (0.49) in the test period: use Lloyd-Taylor, which is better."
    )


def test_the_mean_of_the_observations_is_better_below_zero() -> None:
    result = judged(-0.30, Lloyd_Taylor=(-0.10, nse(-0.20)))
    assert result.sentence == (
        "Learned respiration (NSE −0.30) is worse than Lloyd-Taylor (−0.10) in the test period. "
        "An NSE below 0 means that the mean of the observations is a better prediction."
    )


def test_a_period_with_few_blocks_gives_no_verdict_and_a_remedy() -> None:
    result = judged(0.5, spline=(0.4, Difference("nse", 0.1, NAN, NAN)))
    assert result.result == "unknown"
    assert "too few to tell" in result.sentence
    assert result.sentence.endswith(": raise test_fraction, or set test_years.")


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
        "Learned soil moisture (RMSE 0.02 m3 m-3) is better than the best baseline (climatology, 0.03) in the test period."
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
