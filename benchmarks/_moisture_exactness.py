"""Claims on causality, on a later start, and on the cost of a prediction."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import torch
from _claims import Claims
from _moisture import (
    Records,
)
from _neon import Halves

from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.inputs import MoistureInputs
from jules_ml.learned.moisture.network import LearnedMoisture
from jules_ml.learned.moisture.record import MoistureRecord


def _random_inputs(module: LearnedMoisture, statics: int, days: int) -> MoistureInputs:
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    number = (module.enter.in_channels - module.settings.static_width - 6 - 4 - 1 - 4 - 1) // 2
    return MoistureInputs(
        normal(1, number, days),
        normal(1, days).abs(),
        normal(1, days).abs(),
        normal(1, 4, days),
        normal(1, statics),
        normal(1, 4),
        torch.arange(days, dtype=torch.float32)[None],
    )


def check_exactness(claims: Claims, records: Records, ensemble: MoistureEnsemble) -> None:
    """Check causality, the effect of a later start, and the cost of a prediction."""
    module = ensemble.members[0]
    inputs = _random_inputs(module, len(ensemble.static), 1100)
    with torch.inference_mode():
        whole = module(inputs)
        cut = 700
        other = replace(
            inputs,
            **{name: getattr(inputs, name).clone() for name in ("dynamic", "jules", "rain", "drying")},
        )
        other.dynamic[..., cut:] = 7.0
        other.jules[..., cut:] = -3.0
        other.rain[:, cut:] = 2.0
        other.drying[:, cut:] = 1.0
        changed = module(other)
        worst = max(float((a[..., :cut] - b[..., :cut]).abs().max()) for a, b in zip(whole, changed, strict=True))
    claims.check("causality: change at or before day t by inputs after it", worst, "<=", 0.0)
    changes = [_change_by_later_inputs(ensemble, records.neon[site], records.parts[site]) for site in records.sound]
    name = "causality: change of predicted water content at known sites by inputs after the first half"
    claims.check(name, max(changes), "<=", 0.0, unit="m3 m-3")
    shifts = []
    for site in records.sound:
        record = records.neon[site]
        values = []
        for start in (0, 30):
            late = replace(
                record,
                days=record.days[start:],
                dynamic={k: v[start:] for k, v in record.dynamic.items()},
                jules=record.jules[start:],
                theta=record.theta[start:],
                usable=record.usable[start:],
            )
            values.append(ensemble.predict(late).theta[365 + 30 - start :, records.parts[site].sensor])
        shifts.append(float(np.abs(values[0] - values[1]).max()))
    claims.check("start-shift: 30 days, after a year of context", max(shifts), "<=", 0.005, unit="m3 m-3")
    claims.report("days that a prediction looks back", float(module.context), unit="d")
    seconds = {}
    for days in (366, 10 * 366, 30 * 366):
        inputs = _random_inputs(module, len(ensemble.static), days)
        seconds[days] = min(_timed(module, inputs) for _ in range(5))
    claims.check("one site-year, one network", 1e3 * seconds[366], "<=", 20.0, unit="ms")
    claims.report("one site-year, the ensemble", 1e3 * seconds[366] * len(ensemble.members), unit="ms")
    claims.check("cost of 30 years over 3 times that of 10", seconds[30 * 366] / (3 * seconds[10 * 366]), "<=", 1.3)


def _change_by_later_inputs(ensemble: MoistureEnsemble, record: MoistureRecord, part: Halves) -> float:
    """Largest change of predictions before the second half by other weather in it [m3 m-3]."""
    late = np.arange(len(record)) >= part.boundary
    dynamic = {name: np.where(late, values + 5.0, values) for name, values in record.dynamic.items()}
    changed = replace(record, dynamic=dynamic, jules=np.where(late[:, None], 0.4, record.jules))
    before, after = (ensemble.predict(each).theta[~late] for each in (record, changed))
    return float(np.abs(before - after).max())


def _timed(module: LearnedMoisture, inputs: MoistureInputs) -> float:
    with torch.inference_mode():
        begun = time.process_time()
        module(inputs)
        return time.process_time() - begun
