"""What the scores of runs show, in one sentence and three numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jules_ml.comparison.scores import QuantityScore
from jules_ml.support.headline import Headline, number

#: Most numbers at the top of a report.
_MOST = 3
NOT_COMPARED = "The run was not compared with observations."


def run_sentence(scored: Sequence[QuantityScore]) -> str:
    """Verdict on one run: what it predicts better than the mean of the observations, and what not."""
    with_score = [one for one in scored if np.isfinite(one.scores.nse)]
    if not with_score:
        return NOT_COMPARED
    better = [one for one in with_score if one.scores.nse > 0.0]
    best, worst = (choose(with_score, key=lambda one: one.scores.nse) for choose in (max, min))
    text = (
        f"The run predicts {len(better)} of {len(with_score)} observed series better than the mean of the observations: NSE is highest for "
        f"{_label(best)} ({number(best.scores.nse)})"
    )
    return f"{text}." if best is worst else f"{text} and lowest for {_label(worst)} ({number(worst.scores.nse)})."


def comparison_sentence(scored: Sequence[QuantityScore], between: Sequence[QuantityScore], reference: str) -> str:
    """Verdict on several runs against observations, or against the first run where there are none."""
    runs = list(dict.fromkeys(one.run for one in scored))
    if len(runs) == 1:
        return run_sentence(scored)
    if scored:
        return _against_observations(scored, reference)
    if not between:
        return "The runs have no quantity in common with observations or with each other."
    finite = [one for one in between if np.isfinite(one.scores.kge)]
    if not finite:
        return f"The runs do not differ from {reference} where both vary."
    most = min(finite, key=lambda one: one.scores.kge)
    return (
        f"{most.run} differs most from {reference} in {_label(most)}: KGE {number(most.scores.kge)}, bias "
        f"{most.scores.bias:+.3g} {most.quantity.unit}."
    )


def _against_observations(scored: Sequence[QuantityScore], reference: str) -> str:
    by_series: dict[str, dict[str, QuantityScore]] = {}
    for one in scored:
        by_series.setdefault(_label(one), {})[one.run] = one
    parts = []
    for run in dict.fromkeys(one.run for one in scored if one.run != reference):
        pairs = [(runs[run], runs[reference]) for runs in by_series.values() if run in runs and reference in runs]
        if not pairs:
            continue
        lower = sum(a.scores.rmse < b.scores.rmse for a, b in pairs)
        largest, base = max(
            pairs, key=lambda pair: abs(np.log(max(pair[0].scores.rmse, 1e-30) / max(pair[1].scores.rmse, 1e-30)))
        )
        parts.append(
            f"{run} has a lower RMSE than {reference} for {lower} of {len(pairs)} observed series; the largest change is in "
            f"{_label(largest)} ({base.scores.rmse:.3g} → {largest.scores.rmse:.3g} {largest.quantity.unit})"
        )
    return f"{'. '.join(parts)}." if parts else run_sentence(scored)


def run_numbers(scored: Sequence[QuantityScore]) -> list[Headline]:
    """NSE of the first series of each of the first quantities, of one run or of all."""
    first: dict[str, list[QuantityScore]] = {}
    for one in scored:
        of_quantity = first.setdefault(one.quantity.name, [])
        if not of_quantity or of_quantity[0].sensor == one.sensor:
            of_quantity.append(one)
    return [
        Headline(
            " → ".join(number(one.scores.nse) for one in ones[:_MOST]),
            f"NSE of {_label(ones[0])}, {', '.join(one.run for one in ones[:_MOST])}; RMSE "
            f"{' → '.join(f'{one.scores.rmse:.3g}' for one in ones[:_MOST])} {ones[0].quantity.unit}",
        )
        for ones in list(first.values())[:_MOST]
    ]


def _label(one: QuantityScore) -> str:
    return f"{one.quantity.name}{f' at {one.sensor}' if one.sensor else ''}"
