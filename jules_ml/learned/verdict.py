"""One plain sentence on whether a learned module is better than its baselines on the same rows.

A module is *better* only if the 95 % interval of the difference to the best baseline is on its side of zero, and *worse* if it is on the
other. Otherwise the two are *as good* as each other, and the simpler one is recommended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from jules_ml.scoring.bootstrap import LEAST_BLOCKS, Difference, Measure, paired_difference
from jules_ml.scoring.scores import coverage, interval_score, interval_width, score

_Array = NDArray[np.floating]

#: Key of the learned module among its baselines.
LEARNED: Final = "learned"
Result = Literal["better", "as good", "worse", "unknown"]


@dataclass(frozen=True)
class Verdict:
    """Comparison of a learned module with its baselines.

    Attributes
    ----------
    result : {'better', 'as good', 'worse', 'unknown'}
        The learned module against the best baseline; ``unknown`` without a baseline or an interval.
    measure : {'nse', 'rmse'}
        Score that is compared.
    learned : float
        Score of the learned module.
    baseline : str or None
        Baseline that the sentence names.
    baseline_score : float or None
        Its score.
    sentence : str
        The result in one sentence.
    """

    result: Result
    measure: Measure
    learned: float
    baseline: str | None
    baseline_score: float | None
    sentence: str

    def to_scores(self) -> dict[str, Any]:
        """Return the entry ``verdict`` of ``scores.json``."""
        return asdict(self)


def verdict(
    quantity: str,
    learned: float,
    baselines: Mapping[str, tuple[float, Difference]],
    *,
    measure: Measure = "nse",
    units: str = "",
    simpler: Sequence[str] | None = None,
    period: str = "in the test period",
) -> Verdict:
    """Compare a learned module with its baselines.

    Parameters
    ----------
    quantity : str
        What was learned, for example ``"respiration"``.
    learned : float
        Score of the learned module.
    baselines : mapping of str to tuple
        Score of each baseline, and the score of the learned module minus it.
    measure : {'nse', 'rmse'}
        Score: NSE [1], or RMSE in ``units``.
    units : str
        Units of the score.
    simpler : sequence of str, optional
        Baselines that are simpler than the module, the simplest first; all, in their order, by default.
    period : str
        What was scored, for example ``"in the test period"``.

    Returns
    -------
    Verdict

    Notes
    -----
    Where the module and the best baseline are as good as each other, the sentence names the best of the simpler baselines whose interval of
    the difference contains zero, and the simplest of those with the same score as printed.
    """
    valid = {name: of for name, of in baselines.items() if np.isfinite(of[0])}
    order = [name for name in (valid if simpler is None else simpler) if name in valid]
    result, named = _result(learned, valid, order, measure)
    score_named = None if named is None else valid[named][0]

    def text(value: float) -> str:
        return _printed(value, measure) + (units and f" {units}")

    own = f"{measure.upper()} {text(learned)}"
    if not np.isfinite(learned):
        sentence = f"Learned {quantity} has no score {period}."
    elif named is None or score_named is None:
        sentence = f"Learned {quantity} has {own} {period}; there is no baseline to compare it with."
    elif result == "unknown":
        sentence = (
            f"There are fewer than {LEAST_BLOCKS} independent blocks of data {period}, too few to tell whether learned {quantity} is "
            f"better than its baselines ({own}; best baseline: {named} {text(score_named)})."
        )
    elif result == "better":
        best = f"{named} {text(score_named)}"
        sentence = f"Learned {quantity} is better than every baseline {period} ({own}; best baseline: {best})."
    elif named in order:
        against = f"({measure.upper()} {text(score_named)} against {text(learned)})"
        sentence = (
            f"{named[0].upper()}{named[1:]} is {'better' if result == 'worse' else result} {period} {against}: use it."
        )
    else:
        relation = f"worse than {named}" if result == "worse" else f"as good as the best baseline, {named},"
        sentence = f"Learned {quantity} is {relation} {period} ({own} against {text(score_named)})."
    return Verdict(result, measure, learned, named, score_named, sentence)


def _result(
    learned: float, baselines: Mapping[str, tuple[float, Difference]], simpler: Sequence[str], measure: Measure
) -> tuple[Result, str | None]:
    """Result, and the baseline to name."""
    sign = 1.0 if measure == "nse" else -1.0
    if not baselines or not np.isfinite(learned):
        return "unknown", None
    best = max(baselines, key=lambda name: sign * baselines[name][0])
    gain = baselines[best][1].gain
    if gain is None:
        return "unknown", best
    if gain != 0:
        return ("better" if gain > 0 else "worse"), best
    tied = [name for name in simpler if baselines[name][1].gain == 0]
    return "as good", max(tied, key=lambda name: sign * float(_printed(baselines[name][0], measure)), default=best)


def _printed(value: float, measure: Measure) -> str:
    return f"{value:.2f}" if measure == "nse" else f"{value:.3g}"


def verdict_of(quantity: str, scores: Mapping[str, Mapping[str, Any]], **options: Any) -> Verdict:
    """Compare by the scores of :func:`compared`; ``options`` are those of :func:`verdict`."""
    measure = options.get("measure", "nse")
    baselines = {
        name: (of[measure], Difference.from_scores(of["difference"])) for name, of in scores.items() if name != LEARNED
    }
    return verdict(quantity, scores[LEARNED][measure], baselines, **options)


def compared(
    observed: _Array,
    predicted: Mapping[str, _Array],
    block: NDArray[np.int64],
    *,
    measure: Measure,
    intervals: Mapping[str, tuple[_Array, _Array]] | None = None,
    cover: float = 0.9,
) -> dict[str, dict[str, Any]]:
    """Score a learned module and its baselines on the same rows.

    Parameters
    ----------
    observed : array, shape (row,)
    predicted : mapping of str to array, shape (row,)
        Predictions of the module, under the name ``learned``, and of each baseline.
    block : array of int, shape (row,)
        Blocks of :func:`jules_ml.scoring.bootstrap.day_blocks`.
    measure : {'nse', 'rmse'}
        Score whose difference has an interval.
    intervals : mapping of str to tuple, optional
        Lower and upper ends of the intervals of an observation, for some of the predictions.
    cover : float
        Nominal coverage of these intervals [1].

    Returns
    -------
    dict
        For each prediction its :class:`~jules_ml.scoring.scores.Scores`, with ``coverage``, ``interval_width`` and ``interval_score`` of
        its interval; for each baseline ``difference``, the learned score minus that of the baseline.
    """
    table: dict[str, dict[str, Any]] = {}
    for name, values in predicted.items():
        table[name] = asdict(score(values, observed))
        ends = (intervals or {}).get(name)
        if ends is not None:
            table[name] |= interval_scores(*ends, observed, cover=cover)
        if name != LEARNED and LEARNED in predicted:
            difference = paired_difference(predicted[LEARNED], values, observed, block, measure=measure)
            table[name]["difference"] = difference.to_scores()
    return table


def interval_scores(lower: _Array, upper: _Array, observed: _Array, *, cover: float) -> dict[str, float]:
    """Coverage [1], mean width and interval score of intervals of nominal coverage ``cover``, by the names in ``scores.json``."""
    return {
        "coverage": coverage(lower, upper, observed),
        "interval_width": interval_width(lower, upper, observed),
        "interval_score": interval_score(lower, upper, observed, cover=cover),
    }
