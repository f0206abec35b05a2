"""One plain sentence on whether a learned module is better than its baselines on the same rows.

A module is *better* than a baseline only if the 95 % interval of the difference is on its side of zero, and *worse* if it is on the other.
Otherwise it is *as good* if the difference is also small (:data:`SMALL_NSE`, :data:`SMALL_RMSE`), and else not clearly better or worse:
an interval of few data contains zero even where the difference is large.
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
#: Baseline that the sentence always names if it was scored: whether respiration needs more than a function of temperature is the first
#: question of a user.
REFERENCE: Final = "Lloyd-Taylor"
#: Largest difference of models that are as good as each other: in NSE [1], and in RMSE as a fraction of that of the baseline [1]. At an
#: NSE of 0.5, both are the same.
SMALL_NSE: Final = 0.02
SMALL_RMSE: Final = 0.02
Result = Literal["better", "as good", "unclear", "worse", "unknown"]
_RELATIONS: Final[dict[Result, str]] = {
    "better": "better than",
    "as good": "as good as",
    "unclear": "not clearly better or worse than",
    "worse": "worse than",
}


@dataclass(frozen=True)
class Verdict:
    """Comparison of a learned module with its baselines.

    Attributes
    ----------
    result : {'better', 'as good', 'unclear', 'worse', 'unknown'}
        The learned module against the best baseline; ``unknown`` without a baseline or an interval.
    measure : {'nse', 'rmse'}
        Score that is compared.
    learned : float
        Score of the learned module.
    baseline : str or None
        Baseline that the sentence recommends, else the best one.
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
        Baselines that may be recommended, the simplest first: they are simpler than the module, and a user can run them. All, in their
        order, by default.
    period : str
        What was scored, for example ``"in the test period"``.

    Returns
    -------
    Verdict

    Notes
    -----
    The sentence compares the module with :data:`REFERENCE` and with the best baseline. Of the baselines in ``simpler`` that are better than
    the module or as good, it recommends the best one, and the simplest of those with the same score as printed; none with an NSE below
    zero, which is worse than the mean of the observations.
    """
    valid = {name: of for name, of in baselines.items() if np.isfinite(of[0])}
    if not np.isfinite(learned):
        return Verdict("unknown", measure, learned, None, None, f"Learned {quantity} has no score {period}.")
    own = f"{measure.upper()} {_printed(learned, measure)}" + (units and f" {units}")
    if not valid:
        sentence = f"Learned {quantity} has {own} {period}; there is no baseline to compare it with."
        return Verdict("unknown", measure, learned, None, None, sentence)
    sign = 1.0 if measure == "nse" else -1.0
    best = max(valid, key=lambda name: sign * valid[name][0])
    result = _relation(*valid[best])
    named = dict.fromkeys([name for name in (REFERENCE,) if name in valid] + [best])
    texts = {name: _named(name, valid[name][0], measure, best=name == best != REFERENCE) for name in named}
    if result == "unknown":
        sentence = (
            f"There are fewer than {LEAST_BLOCKS} independent blocks of data {period}, too few to tell whether learned {quantity} ({own}) "
            f"is better than {' or '.join(texts.values())}: {_remedy(quantity, period)}."
        )
        return Verdict(result, measure, learned, best, valid[best][0], sentence)
    relations = [f"{_RELATIONS[_relation(*valid[name])]} {text}" for name, text in texts.items()]
    chosen = _recommended(valid, list(valid) if simpler is None else simpler, measure)
    sentence = f"Learned {quantity} ({own}) is {' and '.join(relations)} {period}"
    if chosen is None:
        sentence += "."
    else:
        why = "better" if _relation(*valid[chosen]) == "worse" else "simpler"
        score = "" if chosen in named else f" ({_printed(valid[chosen][0], measure)})"
        sentence += f": use {chosen}{score}, which is {why}."
    if measure == "nse" and learned < 0.0:
        sentence += " An NSE below 0 means that the mean of the observations is a better prediction."
    shown = best if chosen is None else chosen
    return Verdict(result, measure, learned, shown, valid[shown][0], sentence)


def _relation(score: float, difference: Difference) -> Result:
    """Relation of the module to a baseline with this score."""
    gain = difference.gain
    if gain is None:
        return "unknown"
    if gain != 0:
        return "better" if gain > 0 else "worse"
    small = SMALL_NSE if difference.measure == "nse" else SMALL_RMSE * score
    return "as good" if abs(difference.value) <= small else "unclear"


def _recommended(
    baselines: Mapping[str, tuple[float, Difference]], simpler: Sequence[str], measure: Measure
) -> str | None:
    """Baseline to use instead of the module."""
    sign = 1.0 if measure == "nse" else -1.0
    able = [name for name in simpler if name in baselines and not (measure == "nse" and baselines[name][0] < 0.0)]
    able = [name for name in able if _relation(*baselines[name]) in ("as good", "worse")]
    return max(able, key=lambda name: sign * _rounded(baselines[name][0], measure), default=None)


def _named(name: str, score: float, measure: Measure, *, best: bool) -> str:
    """Name of a baseline with its score."""
    return f"the best baseline ({name}, {_printed(score, measure)})" if best else f"{name} ({_printed(score, measure)})"


def _remedy(quantity: str, period: str) -> str:
    """How to get more blocks."""
    if period != "in the test period":
        return "score more data"
    return "raise test_fraction, or set test_years" if quantity == "respiration" else "raise test_fraction"


def _rounded(value: float, measure: Measure) -> float:
    return round(value, 2) if measure == "nse" else float(f"{value:.3g}")


def _printed(value: float, measure: Measure) -> str:
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}") if measure == "nse" else f"{value:.3g}"


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
