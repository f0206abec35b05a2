"""LSTMs of soil moisture at the towers, trained on the same training halves and the same other sites as the learned module.

Their number of training steps is chosen on the last quarter of the training half of each tower; they are then trained on all training
days with that number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from _lstm import best_steps, learn_lstm, lstm_inputs, predict_lstm
from _moisture import SPEN_TRAIN_END, Records
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.record import MoistureRecord

#: Most training steps, and the fraction of the training half of a tower on which their number is chosen.
MOST_STEPS, _HELD_BACK = 3000, 0.25
#: Mean and standard deviation by which absolute values are scaled [m3 m-3].
_SCALE = (0.25, 0.1)


@dataclass(frozen=True, eq=False)
class LstmRuns:
    """Water content of the towers, by seed and site [m3 m-3], and the chosen number of steps."""

    series: list[dict[str, NDArray[np.float64]]]
    steps: int


def lstm_runs(
    records: Records, ensemble: MoistureEnsemble, *, anomalies: bool, seeds: Sequence[int], most: int = MOST_STEPS
) -> LstmRuns:
    """Train LSTMs of absolute values, or of the anomalies of each site, and predict the towers.

    Parameters
    ----------
    records : Records
    ensemble : MoistureEnsemble
        Provides the scaled inputs.
    anomalies : bool
    seeds : sequence of int
    most : int, optional
        Most training steps.
    """
    sites = _training_days(records)
    x = lstm_inputs(ensemble.batch_of([record for record, _, _ in sites]))
    target, weight = torch.zeros(x.shape[:2]), torch.zeros(x.shape[:2])
    moments = []
    for i, (record, sensor, train) in enumerate(sites):
        theta = record.theta[train, sensor]
        moments.append((theta.mean(), theta.std()) if anomalies else _SCALE)
        values = (theta - moments[i][0]) / moments[i][1]
        at = torch.from_numpy(np.flatnonzero(train))
        weight[i, at], target[i, at] = 1.0, torch.from_numpy(values.astype(np.float32))
    towers = len(records.neon)
    steps = best_steps(x, target, weight, _held_back(weight, towers), most=most, main=towers)
    series = []
    for seed in seeds:
        z = (
            predict_lstm(learn_lstm(x, target, weight, steps=steps, seed=seed, main=towers), x[:towers])
            .double()
            .numpy()
        )
        series.append(
            {
                site: moments[i][0] + moments[i][1] * z[i, : len(record)]
                for i, (site, record) in enumerate(records.neon.items())
            }
        )
    return LstmRuns(series, steps)


def _training_days(records: Records) -> list[tuple[MoistureRecord, int, NDArray[np.bool_]]]:
    """Records with the scored sensor and its training days, the towers first."""
    sites = [(record, records.parts[site].sensor, records.parts[site].first) for site, record in records.neon.items()]
    sites += [(record, 0, record.usable[:, 0]) for record in records.uscrn.values()]
    spen, crns = records.spen, records.spen.names.index("theta_crns")
    return [*sites, (spen, crns, spen.usable[:, crns] & np.asarray(spen.days <= SPEN_TRAIN_END))]


def _held_back(weight: Tensor, towers: int) -> Tensor:
    """1 on the last part of the training days of each tower, on which the number of steps is chosen."""
    held_back = torch.zeros_like(weight)
    for i in range(towers):
        days = torch.nonzero(weight[i])[:, 0]
        held_back[i, days[-int(_HELD_BACK * len(days)) :]] = 1.0
    return held_back
