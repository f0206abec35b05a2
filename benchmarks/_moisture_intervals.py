"""Claims on the intervals of known sites in their test period: coverage site by site, and interval score against climatology."""

from __future__ import annotations

import numpy as np
import pandas as pd
from _claims import Claims
from _moisture import SPEN_TRAIN_END, Records, predicted
from numpy.typing import NDArray

from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.record import MoistureRecord
from jules_ml.scoring.scores import coverage, interval_score, interval_width

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]
_COVER = 0.9
#: Half of the window of the climatological interval [d], and fewest training days in it; all training days are used where it has fewer.
_WINDOW, _LEAST_DAYS = 15, 10
_DAYS_PER_YEAR = 365


def climatological_interval(days: pd.DatetimeIndex, theta: _Array, train: _Mask) -> tuple[_Array, _Array]:
    """Quantiles 0.05 and 0.95 of the training days within 15 days of the day of the year, each of shape (day,).

    Parameters
    ----------
    days : DatetimeIndex, shape (day,)
    theta : array, shape (day,)
        Measured water content [m3 m-3].
    train : array of bool, shape (day,)
    """
    number = days.day_of_year.to_numpy() % _DAYS_PER_YEAR
    values, of_values = theta[train], number[train]
    ends = np.empty((_DAYS_PER_YEAR, 2))
    for day in range(_DAYS_PER_YEAR):
        apart = np.abs(of_values - day)
        near = np.minimum(apart, _DAYS_PER_YEAR - apart) <= _WINDOW
        sample = values[near] if near.sum() >= _LEAST_DAYS else values
        ends[day] = np.quantile(sample, [0.5 * (1.0 - _COVER), 0.5 * (1.0 + _COVER)])
    return ends[number, 0], ends[number, 1]


def check_intervals(claims: Claims, records: Records, ensemble: MoistureEnsemble) -> None:
    """Check the intervals at the towers and at Spen Farm."""
    rows = {
        site: _row(ensemble, record, part.sensor, part.first, part.second)
        for site, record in records.neon.items()
        for part in [records.parts[site]]
    }
    spen, crns = records.spen, records.spen.names.index("theta_crns")
    early = np.asarray(spen.days <= SPEN_TRAIN_END)
    usable = spen.usable[:, crns]
    rows["Spen Farm"] = _row(ensemble, spen, crns, usable & early, usable & ~early)
    table = pd.DataFrame(rows).T
    within = float(((table["coverage"] >= 0.85) & (table["coverage"] <= 0.95)).mean())
    claims.check_whole(
        "known sites: fraction with 85 to 95 % of days in their 90 % interval",
        within,
        ">=",
        0.8,
        note=f"{len(table)} sites, test period",
    )
    ratio = table["score"].mean() / table["climatology score"].mean()
    note = f"{table['score'].mean():.3f} against {table['climatology score'].mean():.3f} m3 m-3"
    claims.check_whole("known sites: mean interval score over climatology's", ratio, "<=", 0.7, note=note)
    claims.report("known sites: median width of the intervals", table["width"].median(), unit="m3 m-3")
    claims.report("known sites: mean coverage of climatological intervals", table["climatology coverage"].mean())
    for site, row in table.iterrows():
        note = f"width {row['width']:.3f}, score {row['score']:.3f}, climatology {row['climatology score']:.3f} m3 m-3"
        claims.report(f"test period, {site}: 90 % intervals cover", row["coverage"], note=note)


def _row(
    ensemble: MoistureEnsemble, record: MoistureRecord, sensor: int, train: _Mask, test: _Mask
) -> dict[str, float]:
    learned = predicted(ensemble, record, sensor)
    theta = record.theta[:, sensor]
    low, high = climatological_interval(record.days, theta, train)
    own, usual = ((each[0][test], each[1][test], theta[test]) for each in ((learned.low, learned.high), (low, high)))
    return {
        "coverage": coverage(*own),
        "width": interval_width(*own),
        "score": interval_score(*own, cover=_COVER),
        "climatology coverage": coverage(*usual),
        "climatology score": interval_score(*usual, cover=_COVER),
    }
