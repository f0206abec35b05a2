"""Conversion of records to tensors: scaled inputs, anomalies, and the observation operator from layers to sensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.learned.moisture.inputs import LOGARITHMIC, SCALING, STATIC_SCALING, MoistureInputs, select_days
from jules_ml.learned.moisture.limits import Limits, porosity, rain_supply
from jules_ml.learned.moisture.moments import DEFAULT_MOMENTS, Moments, nearest_sensor
from jules_ml.learned.moisture.record import DYNAMIC, LAYER_DEPTHS, MoistureRecord
from jules_ml.learned.moisture.sensors import Sensors

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]
_Array32 = NDArray[np.float32]
#: Bulk density of a soil that was not sampled [kg m-3].
_BULK_DENSITY = 1300.0
#: Mean and standard deviation of an unknown soil [m3 m-3].
_DEFAULT_SCALE = np.array([DEFAULT_MOMENTS.mean, DEFAULT_MOMENTS.spread], dtype=np.float32)
#: Weight of sensors that are not scored.
_OTHER_SENSORS = 1.0 / 3.0


@dataclass(frozen=True, eq=False)
class MoistureBatch:
    """Records as tensors; shorter records are padded at the end.

    Attributes
    ----------
    records : tuple of MoistureRecord
    inputs : MoistureInputs
    target : Tensor, shape (site, sensor, day)
        Observed anomalies [1]; 0 where there is none.
    weight : Tensor, shape (site, sensor, day)
        Weight of each day in the loss; 0 outside the training days.
    sensors : Sensors
        Observation operator from layers to sensors.
    limits : Limits
        Physical limits of water content.
    lst : int or None
        Index of surface temperature among the daily inputs; None where it is not one of them.
    level_weight : float
        Weight in the loss of the mean error of a sensor over all days.
    sites_per_step : int
        Most sites that one training step uses.
    """

    records: tuple[MoistureRecord, ...]
    inputs: MoistureInputs
    target: Tensor
    weight: Tensor
    sensors: Sensors
    limits: Limits
    lst: int | None
    level_weight: float = 1.0
    sites_per_step: int = 8

    def training_period(self) -> MoistureBatch:
        """Return the batch up to its last training day."""
        last = int(self.periods()[1].max())
        return self.windows(torch.zeros(len(self.inputs), dtype=torch.long), last + 1, restarted=False)

    def periods(self) -> tuple[Tensor, Tensor]:
        """First and last training day of each site, each of shape (site,)."""
        used = (self.weight.sum(1) > 0).to(torch.int8)
        return used.argmax(1), used.shape[1] - 1 - used.flip(1).argmax(1)

    def windows(self, start: Tensor, days: int, *, restarted: bool) -> MoistureBatch:
        """Select as many consecutive days of each site, from a first day of its own; see :meth:`MoistureInputs.windows`."""
        index = start[:, None] + torch.arange(days, device=start.device)
        return replace(
            self,
            inputs=self.inputs.windows(start, days, restarted=restarted),
            target=select_days(self.target, index),
            weight=select_days(self.weight, index),
            limits=self.limits.windows(index),
        )

    def take(self, sites: Tensor) -> MoistureBatch:
        """Select sites by their indices."""
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
        """Move all tensors to a device."""
        return replace(
            self,
            inputs=self.inputs.to(device),
            target=self.target.to(device),
            weight=self.weight.to(device),
            sensors=self.sensors.to(device),
            limits=self.limits.to(device),
        )


def point_weights(depth: _Array) -> _Array:
    """Compute the weights of the layers at point sensors, by linear interpolation between the middles of layers.

    Parameters
    ----------
    depth : array, shape (sensor,)
        [m]; NaN for a cosmic-ray sensor.

    Returns
    -------
    array, shape (sensor, layer)
        0 for a cosmic-ray sensor.
    """
    points = np.zeros((len(depth), len(LAYER_DEPTHS)))
    for sensor, at in enumerate(depth):
        if np.isfinite(at):
            points[sensor] = [np.interp(at, LAYER_DEPTHS, layer) for layer in np.eye(len(LAYER_DEPTHS))]
    return points


def potential_evaporation(record: MoistureRecord) -> _Array:
    """Compute potential evaporation by Priestley and Taylor (1972) [kg m-2 d-1]; NaN on days without radiation.

    Net radiation is used where it was measured; elsewhere it is estimated as 0.77 of the downward shortwave less 45 W m-2.
    """
    celsius = record.dynamic["t_air"] - 273.15
    net = np.full(len(record), np.nan)
    if "sw_down" in record.dynamic:
        net = 0.77 * record.dynamic["sw_down"] - 45.0
    if "rad_net" in record.dynamic:
        net = np.where(np.isfinite(record.dynamic["rad_net"]), record.dynamic["rad_net"], net)
    slope = 4098.0 * 610.8 * np.exp(17.27 * celsius / (celsius + 237.3)) / (celsius + 237.3) ** 2
    evaporation: _Array = np.clip(1.26 * slope / (slope + 66.0) * net / 28.4, 0.0, None)
    return evaporation


def make_batch(
    records: Sequence[MoistureRecord],
    *,
    jules: Sequence[_Array],
    moments: Sequence[Sequence[Moments | None]],
    static: Sequence[str],
    statics: Sequence[Mapping[str, float]],
    dynamic: Sequence[str] = DYNAMIC,
    train: Sequence[_Mask] | None = None,
    main: Sequence[int | None] | None = None,
    days: int | None = None,
) -> MoistureBatch:
    """Convert records to tensors.

    Parameters
    ----------
    records : sequence of MoistureRecord
    jules : sequence of array, shape (2, layer)
        Mean and standard deviation that define JULES's anomalies; see :func:`~jules_ml.learned.moisture.moments.jules_moments`.
    moments : sequence of sequences of Moments or None
        For each record and sensor.
    static : sequence of str
        Names of the static inputs.
    statics : sequence of mapping
        Static properties of each site; missing ones are masked.
    dynamic : sequence of str, optional
        Names of the daily inputs.
    train : sequence of array of bool, shape (day,) or (day, sensor), optional
        Training days; none by default.
    main : sequence of int or None, optional
        Index of the scored sensor, which has weight 1; the others have a third.
    days : int, optional
        Length to which records are padded; that of the longest by default.

    Returns
    -------
    MoistureBatch
    """
    length = max(len(r) for r in records) if days is None else days
    sensors = max(1, *(r.theta.shape[1] for r in records))
    scale = _sensor_scales(records, moments, sensors)
    target, weight = _targets(records, moments, scale, train, main, length)
    return MoistureBatch(
        tuple(records),
        _inputs(records, jules, static=static, statics=statics, dynamic=dynamic, length=length),
        torch.from_numpy(target),
        torch.from_numpy(weight),
        _sensors(records, scale),
        _limits(records, moments, scale, length),
        dynamic.index("lst") if "lst" in dynamic else None,
    )


def _inputs(
    records: Sequence[MoistureRecord],
    jules: Sequence[_Array],
    *,
    static: Sequence[str],
    statics: Sequence[Mapping[str, float]],
    dynamic: Sequence[str],
    length: int,
) -> MoistureInputs:
    """Scale the inputs of the network."""
    count = len(records)
    values = np.full((count, len(dynamic), length), np.nan, dtype=np.float32)
    rain = np.full((count, length), np.nan, dtype=np.float32)
    drying = np.full_like(rain, np.nan)
    first_guess = np.full((count, len(LAYER_DEPTHS), length), np.nan, dtype=np.float32)
    constants = np.full((count, len(static)), np.nan, dtype=np.float32)
    for i, record in enumerate(records):
        n = len(record)
        for j, name in enumerate(dynamic):
            if name in record.dynamic:
                values[i, j, :n] = _scaled(name, record)
        rain[i, :n] = 0.1 * record.dynamic["precip"]
        drying[i, :n] = 0.1 * potential_evaporation(record)
        first_guess[i, :, :n] = np.clip((record.jules - jules[i][0]) / jules[i][1], -5.0, 5.0).T
        for j, name in enumerate(static):
            if name in statics[i]:
                constants[i, j] = _scaled_static(name, statics[i][name])
    return MoistureInputs(
        torch.from_numpy(values),
        torch.from_numpy(rain),
        torch.from_numpy(drying),
        torch.from_numpy(first_guess),
        torch.from_numpy(constants),
        initial=torch.from_numpy(first_guess[:, :, 0].copy()),
        since_start=torch.arange(length, dtype=torch.float32).expand(count, -1),
    )


def _sensor_scales(
    records: Sequence[MoistureRecord], moments: Sequence[Sequence[Moments | None]], sensors: int
) -> _Array32:
    """Mean and standard deviation of each sensor, shape (site, sensor, 2) [m3 m-3]; those of an unknown soil by default."""
    scale = np.tile(_DEFAULT_SCALE, (len(records), sensors, 1))
    for i, record in enumerate(records):
        for sensor, each in enumerate(moments[i][: record.theta.shape[1]]):
            if each is not None:
                scale[i, sensor] = each.mean, each.spread
    return scale


def _targets(
    records: Sequence[MoistureRecord],
    moments: Sequence[Sequence[Moments | None]],
    scale: _Array32,
    train: Sequence[_Mask] | None,
    main: Sequence[int | None] | None,
    length: int,
) -> tuple[_Array32, _Array32]:
    """Observed anomalies on the training days and their weights, each of shape (site, sensor, day)."""
    target = np.zeros((*scale.shape[:2], length), dtype=np.float32)
    weight = np.zeros_like(target)
    if train is None:
        return target, weight
    for i, record in enumerate(records):
        n = len(record)
        mask = record.usable & (train[i][:, None] if train[i].ndim == 1 else train[i])
        for sensor in range(record.theta.shape[1]):
            if moments[i][sensor] is None:
                continue
            z = (record.theta[:, sensor] - scale[i, sensor, 0]) / scale[i, sensor, 1]
            target[i, sensor, :n] = np.where(mask[:, sensor], np.clip(z, -5.0, 5.0), 0.0)
            scored = main is None or main[i] is None or main[i] == sensor
            weight[i, sensor, :n] = mask[:, sensor] * (1.0 if scored else _OTHER_SENSORS)
    return target, weight


def _sensors(records: Sequence[MoistureRecord], scale: _Array32) -> Sensors:
    """Observation operator of all sensors."""
    points = np.zeros((*scale.shape[:2], len(LAYER_DEPTHS)), dtype=np.float32)
    cosmic = np.zeros(scale.shape[:2], dtype=bool)
    for i, record in enumerate(records):
        count = record.theta.shape[1]
        points[i, :count] = point_weights(record.depth)
        cosmic[i, :count] = np.isnan(record.depth)
    density = torch.tensor([record.static.get("bulk_density", _BULK_DENSITY) for record in records])
    return Sensors(torch.from_numpy(points), torch.from_numpy(cosmic), torch.from_numpy(scale), density)


def _limits(
    records: Sequence[MoistureRecord], moments: Sequence[Sequence[Moments | None]], scale: _Array32, length: int
) -> Limits:
    """Physical limits of each site; a layer has the moments of the sensor nearest to it."""
    layer_scale = np.tile(_DEFAULT_SCALE, (len(records), len(LAYER_DEPTHS), 1))
    supply = np.full((len(records), length), np.nan, dtype=np.float32)
    for i, record in enumerate(records):
        for layer in range(len(LAYER_DEPTHS)):
            nearest = nearest_sensor(record.depth, moments[i], layer)
            if nearest is not None:
                layer_scale[i, layer] = scale[i, nearest]
        supply[i, : len(record)] = rain_supply(record.dynamic["precip"], record.dynamic["t_air"])
    pores = torch.tensor([porosity(record.static) for record in records])
    return Limits(torch.from_numpy(layer_scale), pores, torch.from_numpy(supply))


def _scaled(name: str, record: MoistureRecord) -> _Array:
    values = record.dynamic[name]
    if name == "precip":
        values = np.log1p(np.clip(values, 0.0, None))
    if name == "lst":
        values = values - record.dynamic["t_air"]
    centre, width = SCALING[name]
    return np.clip((values - centre) / width, -5.0, 5.0)


def _scaled_static(name: str, value: float) -> float:
    centre, width = STATIC_SCALING[name]
    value = float(np.log(max(value, 0.1))) if name in LOGARITHMIC else value
    return float(np.clip((value - centre) / width, -4.0, 4.0))
