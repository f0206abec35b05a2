"""From records of soil moisture to tensors: scaled inputs, anomalies, and the operator from layers to sensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.learned.moisture.inputs import LOGARITHMIC, SCALING, STATIC_SCALING, MoistureInputs
from jules_ml.learned.moisture.limits import Limits, porosity, supply
from jules_ml.learned.moisture.record import DYNAMIC, LAYER_DEPTHS, MoistureRecord
from jules_ml.learned.moisture.sensors import Sensors

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]
#: Least standard deviation of an anomaly's unit [m3 m-3].
LEAST_SPREAD = 0.004
#: Days that moments are taken of at least.
_LEAST_DAYS = 20
#: Bulk density of a soil that was not sampled [kg m-3].
_BULK_DENSITY = 1300.0


@dataclass(frozen=True, eq=False)
class Level:
    """Mean and standard deviation that anomalies of a sensor are counted from and in [m3 m-3]."""

    mean: float
    spread: float


#: Level of a soil of which nothing is known.
UNKNOWN_LEVEL = Level(0.25, 0.06)


@dataclass(frozen=True, eq=False)
class MoistureBatch:
    """Records as tensors; days are padded at the end.

    Attributes
    ----------
    records : tuple of MoistureRecord
    inputs : MoistureInputs
    target : Tensor, shape (site, sensor, day)
        Anomalies; 0 where there is none.
    weight : Tensor, shape (site, sensor, day)
        Of each day's error: 0 where it may not be learned from.
    sensors : Sensors
        What they see of the layers.
    limits : Limits
        What water cannot do there.
    lst : int or None
        Number of surface temperature among the daily inputs; None where it is not among them.
    level_weight : float
        Weight in the loss of what a sensor's errors have in common over all days.
    a_step : int
        Sites that one step learns from at most.
    """

    records: tuple[MoistureRecord, ...]
    inputs: MoistureInputs
    target: Tensor
    weight: Tensor
    sensors: Sensors
    limits: Limits
    lst: int | None
    level_weight: float = 1.0
    a_step: int = 8

    def learned_from(self) -> MoistureBatch:
        """The same without the days after the last that is learned from."""
        return self.window(0, int(torch.nonzero(self.weight.sum((0, 1)))[-1]) + 1)

    def window(self, start: int, stop: int) -> MoistureBatch:
        """Some of the days; the run starts with the first of them."""
        return replace(
            self,
            inputs=self.inputs.window(start, stop),
            target=self.target[..., start:stop],
            weight=self.weight[..., start:stop],
            limits=self.limits.window(start, stop),
        )

    def take(self, sites: Tensor) -> MoistureBatch:
        """Some of the sites, by their numbers."""
        return replace(
            self,
            records=tuple(self.records[int(i)] for i in sites),
            inputs=self.inputs.take(sites),
            target=self.target[sites],
            weight=self.weight[sites],
            sensors=self.sensors.take(sites),
            limits=self.limits.take(sites),
        )

    def to(self, device: torch.device | str) -> MoistureBatch:
        """The same on a device."""
        return replace(
            self,
            inputs=self.inputs.to(device),
            target=self.target.to(device),
            weight=self.weight.to(device),
            sensors=self.sensors.to(device),
            limits=self.limits.to(device),
        )


def moments(record: MoistureRecord, train: _Mask) -> list[Level | None]:
    """Mean and spread of each sensor over the training days; None where there are fewer than 20.

    Parameters
    ----------
    record : MoistureRecord
    train : array of bool, shape (day,) or (day, sensor)
    """
    mask = record.usable & (train[:, None] if train.ndim == 1 else train)
    found: list[Level | None] = []
    for sensor in range(mask.shape[1]):
        values = record.theta[mask[:, sensor], sensor]
        found.append(
            Level(float(values.mean()), max(float(values.std()), LEAST_SPREAD)) if len(values) >= _LEAST_DAYS else None
        )
    return found


def jules_moments(record: MoistureRecord, days: _Mask) -> _Array:
    """Mean and standard deviation of JULES's layers over some days, shape (2, layer); over all where those are under 20.

    NaN where there is no run of 20 days: nobody knows then what is much for it.
    """
    known = np.isfinite(record.jules[:, 0])
    held = record.jules[days & known]
    held = held if len(held) >= _LEAST_DAYS else record.jules[known]
    if len(held) < _LEAST_DAYS:
        return np.full((2, record.jules.shape[1]), np.nan)
    return np.stack([held.mean(0), np.maximum(held.std(0), LEAST_SPREAD)])


def layers_to_points(depth: _Array) -> _Array:
    """What point probes see of the layers: linear between the middles of layers, shape (sensor, layer); 0 for a sensor without depth."""
    points = np.zeros((len(depth), len(LAYER_DEPTHS)))
    for sensor, at in enumerate(depth):
        if np.isfinite(at):
            points[sensor] = [np.interp(at, LAYER_DEPTHS, layer) for layer in np.eye(len(LAYER_DEPTHS))]
    return points


def nearest_sensor(depth: _Array, levels: Sequence[Level | None], layer: int) -> int | None:
    """The sensor with a level that is nearest to a layer, one of cosmic rays being taken for 0.1 m deep; None where there is none."""
    have = [i for i, level in enumerate(levels[: len(depth)]) if level is not None]
    middle = np.nan_to_num(depth, nan=0.1)
    return min(have, key=lambda i: abs(middle[i] - LAYER_DEPTHS[layer]), default=None)


def potential_evaporation(record: MoistureRecord) -> _Array:
    """Potential evaporation [kg m-2 d-1], by Priestley and Taylor (1972) where radiation is known; NaN where not.

    Net radiation stands in where it is measured; else it is 0.77 of the shortwave less 45 W m-2.
    """
    celsius = record.dynamic["t_air"] - 273.15
    net = np.full(len(record), np.nan)
    if "sw_down" in record.dynamic:
        net = 0.77 * record.dynamic["sw_down"] - 45.0
    if "rad_net" in record.dynamic:
        net = np.where(np.isfinite(record.dynamic["rad_net"]), record.dynamic["rad_net"], net)
    slope = 4098.0 * 610.8 * np.exp(17.27 * celsius / (celsius + 237.3)) / (celsius + 237.3) ** 2
    return np.clip(1.26 * slope / (slope + 66.0) * net / 28.4, 0.0, None)


def batch(
    records: Sequence[MoistureRecord],
    *,
    jules: Sequence[_Array],
    levels: Sequence[Sequence[Level | None]],
    static: Sequence[str],
    statics: Sequence[Mapping[str, float]],
    dynamic: Sequence[str] = DYNAMIC,
    train: Sequence[_Mask] | None = None,
    main: Sequence[int | None] | None = None,
    days: int | None = None,
) -> MoistureBatch:
    """Make tensors of records.

    Parameters
    ----------
    records : sequence of MoistureRecord
    jules : sequence of array, shape (2, layer)
        Mean and standard deviation that JULES's anomalies are counted from and in; see :func:`jules_moments`.
    levels : sequence of sequences of Level or None
        For each record and sensor.
    static : sequence of str
        Names of the static inputs.
    statics : sequence of mapping
        What is known of each place; what is missing is masked.
    dynamic : sequence of str, optional
        Names of the daily inputs.
    train : sequence of array of bool, shape (day,) or (day, sensor), optional
        Days to learn from; none of them unless given.
    main : sequence of int or None, optional
        Sensor that is scored, which counts in full; others count a third.
    days : int, optional
        Days to pad to; those of the longest record unless given.
    """
    length = max(len(r) for r in records) if days is None else days
    sensors = max(max(r.theta.shape[1] for r in records), 1)
    count = len(records)
    values = np.full((count, len(dynamic), length), np.nan, dtype=np.float32)
    rain = np.full((count, length), np.nan, dtype=np.float32)
    drying = np.full_like(rain, np.nan)
    guess = np.full((count, len(LAYER_DEPTHS), length), np.nan, dtype=np.float32)
    fixed = np.full((count, len(static)), np.nan, dtype=np.float32)
    target = np.zeros((count, sensors, length), dtype=np.float32)
    weight = np.zeros_like(target)
    points = np.zeros((count, sensors, len(LAYER_DEPTHS)), dtype=np.float32)
    cosmic = np.zeros((count, sensors), dtype=bool)
    level = np.tile(np.array([UNKNOWN_LEVEL.mean, UNKNOWN_LEVEL.spread], dtype=np.float32), (count, sensors, 1))
    layer_level = np.tile(level[:, :1], (1, len(LAYER_DEPTHS), 1))
    enters = np.full((count, length), np.nan, dtype=np.float32)
    for i, record in enumerate(records):
        n = len(record)
        for j, name in enumerate(dynamic):
            if name in record.dynamic:
                values[i, j, :n] = _scaled(name, record)
        rain[i, :n] = 0.1 * record.dynamic["precip"]
        drying[i, :n] = 0.1 * potential_evaporation(record)
        guess[i, :, :n] = np.clip((record.jules - jules[i][0]) / jules[i][1], -5.0, 5.0).T
        for j, name in enumerate(static):
            if name in statics[i]:
                fixed[i, j] = _static(name, statics[i][name])
        seen = record.theta.shape[1]
        points[i, :seen] = layers_to_points(record.depth)
        cosmic[i, :seen] = np.isnan(record.depth)
        for sensor, own in enumerate(levels[i][:seen]):
            if own is not None:
                level[i, sensor] = own.mean, own.spread
        for layer in range(len(LAYER_DEPTHS)):
            nearest = nearest_sensor(record.depth, levels[i], layer)
            if nearest is not None:
                layer_level[i, layer] = level[i, nearest]
        enters[i, :n] = supply(record.dynamic["precip"], record.dynamic["t_air"])
        if train is None:
            continue
        mask = record.usable & (train[i][:, None] if train[i].ndim == 1 else train[i])
        known = [s for s in range(seen) if levels[i][s] is not None]
        for s in known:
            z = (record.theta[:, s] - level[i, s, 0]) / level[i, s, 1]
            target[i, s, :n] = np.where(mask[:, s], np.clip(z, -5.0, 5.0), 0.0)
            share = 1.0 if main is None or main[i] is None or main[i] == s else 1.0 / 3.0
            weight[i, s, :n] = mask[:, s] * share
    initial = torch.from_numpy(guess[:, :, 0].copy())
    since = torch.arange(length, dtype=torch.float32).expand(count, -1)
    inputs = MoistureInputs(
        torch.from_numpy(values),
        torch.from_numpy(rain),
        torch.from_numpy(drying),
        torch.from_numpy(guess),
        torch.from_numpy(fixed),
        initial,
        since,
    )
    density = torch.tensor([record.static.get("bulk_density", _BULK_DENSITY) for record in records])
    seeing = Sensors(torch.from_numpy(points), torch.from_numpy(cosmic), torch.from_numpy(level), density)
    porous = torch.tensor([porosity(record.static) for record in records])
    limits = Limits(torch.from_numpy(layer_level), porous, torch.from_numpy(enters))
    lst = dynamic.index("lst") if "lst" in dynamic else None
    return MoistureBatch(
        tuple(records), inputs, torch.from_numpy(target), torch.from_numpy(weight), seeing, limits, lst
    )


def _scaled(name: str, record: MoistureRecord) -> _Array:
    values = record.dynamic[name]
    if name == "precip":
        values = np.log1p(np.clip(values, 0.0, None))
    if name == "lst":
        values = values - record.dynamic["t_air"]
    centre, width = SCALING[name]
    return np.clip((values - centre) / width, -5.0, 5.0)


def _static(name: str, value: float) -> float:
    centre, width = STATIC_SCALING[name]
    value = float(np.log(max(value, 0.1))) if name in LOGARITHMIC else value
    return float(np.clip((value - centre) / width, -4.0, 4.0))
