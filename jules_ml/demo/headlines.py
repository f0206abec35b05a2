"""What the swap changes at Davos: one sentence and three numbers."""

from __future__ import annotations

import pandas as pd

from jules_ml.demo.swap import Swap
from jules_ml.learned.moisture.fit import MoistureFit
from jules_ml.support.headline import Headline, number

_FLUX = "µmol m-2 s-1"


def sentence(swap: Swap) -> str:
    """The verdict on the swap, and the period that it is about."""
    nights = swap.nights(fitted_rate=True)
    if nights is None:
        return swap.verdict.sentence
    return f"{swap.verdict.sentence} The fit did not use these {nights.stock.n} nights of {period(nights.pairs)}."


def period(pairs: pd.DataFrame) -> str:
    """Years of the pairs."""
    first, last = (pd.DatetimeIndex(pairs.index)[k].year for k in (0, -1))
    return f"{first}" if first == last else f"{first} to {last}"


def headlines(swap: Swap, theta: MoistureFit | None) -> tuple[Headline, ...]:
    """Three numbers: the curves, the base rate, and what the swap leaves unchanged.

    Parameters
    ----------
    swap : Swap
    theta : MoistureFit or None
        Learned soil moisture, if it was fitted.

    Returns
    -------
    tuple of Headline
        Without those that the record has too few nights or days for.
    """
    made = (_curves(swap), _base_rate(swap), _water(swap, theta))
    return tuple(headline for headline in made if headline is not None)


def _curves(swap: Swap) -> Headline | None:
    nights = swap.nights(fitted_rate=True)
    if nights is None:
        return None
    text = (
        "NSE of nightly respiration, JULES's f and g → swapped, with the base rate of both fitted to the training period. "
        f"KGE {number(nights.stock.kge)} → {number(nights.swapped.kge)}."
    )
    simpler = swap.fit.scores["verdict"]
    if simpler is not None:
        text += f" In half-hours: {simpler['sentence']}"
    return Headline(f"{number(nights.stock.nse)} → {number(nights.swapped.nse)}", text)


def _base_rate(swap: Swap) -> Headline | None:
    nights = swap.nights(fitted_rate=False)
    if nights is None:
        return None
    observed, stock, swapped = (float(nights.pairs[name].mean()) for name in ("observed", "stock", "swapped"))
    fraction = swap.settings.fraction
    return Headline(
        f"{stock:.2f} → {swapped:.2f} {_FLUX}",
        f"mean soil respiration of these nights, as run. The tower measures respiration of the whole ecosystem, {observed:.2f}. The "
        f"swapped rate is the heterotrophic fraction, assumed to be {100.0 * fraction:.0f} % ({fraction * observed:.2f} here).",
    )


def _water(swap: Swap, theta: MoistureFit | None) -> Headline | None:
    days = swap.daily("soil water")
    if days is None:
        return None
    text = "and so is latent heat: respiration feeds back on neither."
    if theta is None:
        return Headline("θ unchanged", f"{text} RMSE of θ at {days.label}: {days.stock.rmse:.3f} m3 m-3.")
    scores = next(iter(theta.scores["sites"].values()))
    learned, column = next(iter(scores["sensors"].values())), scores["baselines"]["JULES"]
    return Headline(
        "θ unchanged",
        f"{text} A moisture module, which is not part of the run, has an RMSE of {learned['rmse']:.3f} m3 m-3 at {days.label} on its test "
        f"days, the column {column['rmse']:.3f}.",
    )
