"""Scores of runs on time scales: daily means, their seasonal variation, and the anomalies from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from jules_ml.comparison.days import daily_means
from jules_ml.comparison.scores import QuantityScore
from jules_ml.scoring.scores import score

#: Time scales in the order of tables and figures.
SCALES: Final = ("daily", "seasonal", "anomaly")
#: Length of the centred moving average that is the seasonal variation [day], and the fewest days with values in it.
WINDOW: Final = 35
_LEAST_IN_WINDOW: Final = 18
#: Fewest days with a seasonal variation that have scores.
_LEAST_DAYS: Final = 90


@dataclass(frozen=True)
class ScaleScore:
    """Scores of a quantity of a run on one time scale.

    Attributes
    ----------
    quantity, sensor, run : str
    scale : str
        Of :data:`SCALES`.
    n : int
        Number of days.
    r : float
        Pearson's correlation coefficient [1].
    sd_ratio : float
        Standard deviation of the run relative to that of the observations [1].
    crmsd : float
        Centred root mean square difference relative to the standard deviation of the observations [1].
    taylor : float
        Taylor's skill score [1], 1 for a run with the observed variation, see :func:`taylor_score`.
    """

    quantity: str
    sensor: str
    run: str
    scale: str
    n: int
    r: float
    sd_ratio: float
    crmsd: float
    taylor: float


def time_scales(pairs: pd.DataFrame, seconds: float) -> dict[str, pd.DataFrame]:
    """Split pairs of observed and modelled values into time scales.

    Parameters
    ----------
    pairs : DataFrame, columns ('observed', 'modelled')
        By the end of each period, of a day at most.
    seconds : float
        Length of a period [s].

    Returns
    -------
    dict of str to DataFrame
        By the names of :data:`SCALES`, on the same days: daily means; their moving average over 35 days; and daily means less this average.

    References
    ----------
    Albergel et al. (2009), Hydrol. Earth Syst. Sci. 13, 115-124, for anomalies from a moving average of five weeks.
    """
    daily = pd.DataFrame({name: daily_means(pairs[name], seconds) for name in ("observed", "modelled")}).dropna()
    seasonal = daily.rolling(f"{WINDOW}D", center=True, min_periods=_LEAST_IN_WINDOW).mean().dropna()
    daily = daily.loc[seasonal.index]
    return {"daily": daily, "seasonal": seasonal, "anomaly": daily - seasonal}


def taylor_score(r: float, sd_ratio: float) -> float:
    r"""Taylor's skill score of a correlation and a ratio of standard deviations.

    .. math:: S = \frac{2 (1 + r)}{(\hat\sigma + 1 / \hat\sigma)^2}

    Parameters
    ----------
    r : float
        Pearson's correlation coefficient [1].
    sd_ratio : float
        Standard deviation of the run relative to that of the observations, :math:`\hat\sigma` [1].

    Returns
    -------
    float
        0 to 1.

    References
    ----------
    Taylor (2001), J. Geophys. Res. 106, 7183-7192, eq. 4 with a greatest possible correlation of 1.
    """
    return 2.0 * (1.0 + r) / (sd_ratio + 1.0 / sd_ratio) ** 2 if sd_ratio > 0.0 else 0.0


def time_scale_scores(scored: Sequence[QuantityScore]) -> list[ScaleScore]:
    """Score each quantity, at its shallowest sensor, on each time scale.

    Parameters
    ----------
    scored : sequence of QuantityScore
        Of runs against observations.

    Returns
    -------
    list of ScaleScore
        By quantity and run, then by time scale; none for fewer than 90 days.
    """
    scores = []
    for each in _shallowest(scored):
        scales = time_scales(each.pairs, each.seconds)
        if len(scales["daily"]) < _LEAST_DAYS:
            continue
        scores += [_scale_score(each, name, scales[name]) for name in SCALES]
    return scores


def _shallowest(scored: Sequence[QuantityScore]) -> Iterator[QuantityScore]:
    first: dict[str, str] = {}
    for each in scored:
        if first.setdefault(each.quantity.name, each.sensor) == each.sensor:
            yield each


def _scale_score(of: QuantityScore, scale: str, pairs: pd.DataFrame) -> ScaleScore:
    observed, modelled = pairs["observed"].to_numpy(), pairs["modelled"].to_numpy()
    scores = score(modelled, observed)
    sd = float(np.std(observed))
    ratio = float(np.std(modelled)) / sd if sd > 0.0 else float("nan")
    centred = scores.ubrmse / sd if sd > 0.0 else float("nan")
    names: dict[str, Any] = {"quantity": of.quantity.name, "sensor": of.sensor, "run": of.run, "scale": scale}
    return ScaleScore(
        **names, n=scores.n, r=scores.r, sd_ratio=ratio, crmsd=centred, taylor=taylor_score(scores.r, ratio)
    )
