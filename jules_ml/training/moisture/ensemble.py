"""An ensemble of soil moisture with what turns its anomalies into water content: levels, spread, intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from jules_ml.agreement import agreement
from jules_ml.errors import BadInput
from jules_ml.modules.moisture import LearnedMoisture
from jules_ml.modules.moisture_settings import MoistureSettings
from jules_ml.training.intervals import conformal_quantiles
from jules_ml.training.moisture.batch import (
    UNKNOWN_LEVEL,
    Level,
    MoistureBatch,
    batch,
    jules_moments,
    moments,
    nearest_sensor,
)
from jules_ml.training.moisture.frame import DYNAMIC, LAYER_DEPTHS, MoistureRecord
from jules_ml.training.moisture.learning import Progress, learn_member, predict
from jules_ml.training.moisture.level import (
    CLIMATE,
    JULES,
    SATELLITE,
    TEXTURE,
    LevelGuess,
    adapted,
    describe,
    fit_guess,
)

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]

#: Days that make a record a long one; long and short ones are learned from in groups of their own.
_LONG = 500
#: Standard errors of the level of a soil of which nothing is known, for a module that cannot guess.
_UNKNOWN_ERROR = (0.12, 0.5)
#: Quantiles of the normal distribution that stand for 90 % until errors have been seen.
_NORMAL = (-1.645, 1.645)


@dataclass(frozen=True, eq=False)
class TrainingSite:
    """A record with the days of it that are learned from.

    Attributes
    ----------
    record : MoistureRecord
    train : array of bool, shape (day,)
    main : int or None
        Sensor that is scored; the shallowest that has a level unless given.
    """

    record: MoistureRecord
    train: _Mask
    main: int | None = None


@dataclass(frozen=True, eq=False)
class MoisturePrediction:
    """Water content at a site's sensors [m3 m-3], each of shape (day, sensor).

    ``anomaly`` and ``spread`` are the network's own, in units of the level's spread [1].
    """

    theta: _Array
    low: _Array
    high: _Array
    anomaly: _Array
    spread: _Array


@dataclass(frozen=True, eq=False)
class MoistureEnsemble:
    """What was learned.

    Attributes
    ----------
    members : tuple of LearnedMoisture
    settings : MoistureSettings
    dynamic, static : tuple of str
        Names of the network's daily and static inputs: those that a site learned from has.
    levels : mapping of str to tuple of Level or None
        Of the sensors of each site learned from.
    offsets : mapping of str to array, shape (2, sensor)
        Mean and standard deviation of the predicted anomalies on the training days of each site, which its predictions are put right by.
    jules : mapping of str to array, shape (2, layer)
        Moments of JULES at each site learned from.
    main : mapping of str to int
        Sensor of each site that is scored.
    level_guess : LevelGuess or None
        Guesses the level of unseen sites; None where there were too few sites to learn it from.
    seen, unseen : tuple of float
        Quantiles of held-out errors in units of their spread: at other times, and at other sites.
    """

    members: tuple[LearnedMoisture, ...]
    settings: MoistureSettings
    dynamic: tuple[str, ...]
    static: tuple[str, ...]
    levels: Mapping[str, tuple[Level | None, ...]]
    offsets: Mapping[str, _Array]
    jules: Mapping[str, _Array]
    main: Mapping[str, int]
    level_guess: LevelGuess | None = None
    seen: tuple[float, float] = _NORMAL
    unseen: tuple[float, float] = _NORMAL
    validation: Mapping[str, float] = field(default_factory=dict)

    def anomalies(self, record: MoistureRecord) -> tuple[_Array, _Array]:
        """Anomaly and spread of the four layers, each of shape (day, layer)."""
        mean, spread = predict(self.members, self._batch([record]).inputs)
        return mean[0].T.double().numpy(), spread[0].T.double().numpy()

    def sensed(self, record: MoistureRecord) -> tuple[_Array, _Array]:
        """Anomaly and spread at the record's sensors, each of shape (day, sensor)."""
        given = self._batch([record])
        mean, spread = given.sensors.see(*predict(self.members, given.inputs))
        return mean[0].T.double().numpy(), spread[0].T.double().numpy()

    def level_of(self, record: MoistureRecord, sensor: int) -> Level:
        """Level of a sensor: its own at a site learned from, else the guess.

        Raises
        ------
        BadInput
            If the site was not learned from and there is no guess, or the guess lacks a static input.
        """
        known = self.levels.get(record.site)
        if known is not None and sensor < len(known) and known[sensor] is not None:
            return known[sensor]  # type: ignore[return-value]
        if known is not None and any(level is not None for level in known):
            return next(level for level in known if level is not None)
        return self.guess(record)[0]

    def guess(self, record: MoistureRecord) -> tuple[Level, tuple[float, float]]:
        """Level of an unseen site, and its standard errors: see :meth:`~jules_ml.training.moisture.level.LevelGuess.predict`."""
        if self.level_guess is None:
            raise BadInput(
                "the module was learned from too few sites to tell the level of one it has not seen",
                where=f"site {record.site}",
                remedy="adapt it to the site: jules-ml fit moisture --adapt DIR, with a few days of measured water content",
            )
        return self.level_guess.predict(describe(record), where=f"site {record.site}")

    def predict(self, record: MoistureRecord) -> MoisturePrediction:
        """Water content at the sensors of a record.

        Raises
        ------
        BadInput
            As :meth:`level_of`.
        """
        anomaly, spread = self.sensed(record)
        seen = record.site in self.levels
        quantiles = self.seen if seen else self.unseen
        theta, scale = np.empty_like(anomaly), np.empty_like(anomaly)
        for sensor in range(anomaly.shape[1]):
            level, z, error = self.level_of(record, sensor), anomaly[:, sensor], (0.0, 0.0)
            if seen:
                z = self._put_right(record.site, sensor, z)
            else:
                error = self.guess(record)[1]
            theta[:, sensor] = level.mean + level.spread * z
            scale[:, sensor] = np.sqrt(
                (level.spread * spread[:, sensor]) ** 2 + error[0] ** 2 + (error[1] * level.spread * z) ** 2
            )
        low, high = (np.clip(theta + q * scale, 0.0, 1.0) for q in quantiles)
        return MoisturePrediction(np.clip(theta, 0.0, 1.0), low, high, anomaly, spread)

    def layers(self, record: MoistureRecord) -> _Array:
        """Water content of the four layers, shape (day, layer) [m3 m-3].

        Each layer has the level of the sensor nearest in depth; at a site without one, of the site's level, moved by what JULES's
        layer has more than its first where there is a run.
        """
        z = self.anomalies(record)[0]
        known = self.levels.get(record.site, ())
        theta = np.empty_like(z)
        for layer in range(len(LAYER_DEPTHS)):
            sensor = nearest_sensor(record.depth, known, layer)
            if sensor is not None:
                level, series = known[sensor], self._put_right(record.site, sensor, z[:, layer])
                assert level is not None
            else:
                level, series = self.guess(record)[0], z[:, layer]
                if record.has_jules:
                    mean = jules_moments(record, np.ones(len(record), dtype=bool))[0]
                    level = Level(level.mean + float(mean[layer] - mean[0]), level.spread)
            theta[:, layer] = level.mean + level.spread * series
        return np.clip(theta, 0.005, 0.9)

    def adapt(self, record: MoistureRecord, *, sensors: Sequence[int] | None = None) -> MoistureEnsemble:
        """Take a site in by its local observations: its level is guessed, then corrected by all usable days of the record.

        Parameters
        ----------
        record : MoistureRecord
            With the days of observation as its usable ones.
        sensors : sequence of int, optional
            Those to adapt; all that have usable days unless given.

        Returns
        -------
        MoistureEnsemble
            That knows the site.

        Raises
        ------
        BadInput
            If the site has no measured water content, or its level cannot be guessed.
        """
        if not record.usable.any():
            raise BadInput(
                "the site has no measured water content",
                where=f"site {record.site}",
                remedy="name its columns (theta, or theta_crns), and see that quality codes and frozen soil leave some days",
            )
        prior, error = self.guess(record) if self.level_guess is not None else (UNKNOWN_LEVEL, _UNKNOWN_ERROR)
        anomaly = self.sensed(record)[0]
        wanted = range(record.theta.shape[1]) if sensors is None else sensors
        levels: list[Level | None] = [None] * record.theta.shape[1]
        for sensor in wanted:
            held = record.usable[:, sensor]
            levels[sensor] = adapted(prior, error, anomaly[held, sensor], record.theta[held, sensor])
        none = np.stack([np.zeros(len(levels)), np.ones(len(levels))])
        return replace(
            self,
            levels={**self.levels, record.site: tuple(levels)},
            offsets={**self.offsets, record.site: none},
            jules={**self.jules, record.site: jules_moments(record, np.ones(len(record), dtype=bool))},
            main={**self.main, record.site: int(wanted[0])},
        )

    def _put_right(self, site: str, sensor: int, z: _Array) -> _Array:
        """Bring the anomalies of a known site to mean 0 on its training days, and their spread towards 1."""
        mean, spread = self.offsets[site][:, min(sensor, self.offsets[site].shape[1] - 1)]
        return (z - mean) / spread**self.settings.match_variance

    def _levels(self, record: MoistureRecord) -> list[Level | None]:
        """Levels of a record's sensors, guessed at a site that is not known; none for a module that cannot guess."""
        if record.site not in self.levels and self.level_guess is None:
            return [None] * record.theta.shape[1]
        return [self.level_of(record, sensor) for sensor in range(record.theta.shape[1])]

    def _batch(self, records: Sequence[MoistureRecord]) -> MoistureBatch:
        every = [np.ones(len(r), dtype=bool) for r in records]
        return batch(
            records,
            jules=[
                self.jules.get(r.site, jules_moments(r, days))
                if r.has_jules
                else np.full((2, len(LAYER_DEPTHS)), np.nan)
                for r, days in zip(records, every, strict=True)
            ],
            levels=[self._levels(r) for r in records],
            static=self.static,
            statics=[describe(r) for r in records],
            dynamic=self.dynamic,
            jules_channel=self.settings.jules_channel,
        )


def dynamic_of(settings: MoistureSettings, records: Sequence[MoistureRecord]) -> tuple[str, ...]:
    """Daily inputs that a record has, under the setting of the switch: surface temperature and water index are the satellites'."""
    satellite = ("lst", "swi")
    return tuple(
        name
        for name in DYNAMIC
        if (name not in satellite or settings.static in ("satellite", "both"))
        and any(name in record.dynamic for record in records)
    )


def static_of(settings: MoistureSettings, statics: Sequence[Mapping[str, float]]) -> tuple[str, ...]:
    """Static inputs of the network that a site has, under the setting of the switch."""
    texture = (*TEXTURE, "bulk_density", "soc") if settings.static in ("texture", "both") else ()
    satellite = SATELLITE if settings.static in ("satellite", "both") else ()
    wanted = (*CLIMATE, "elevation", *JULES, *texture, *satellite)
    return tuple(name for name in wanted if any(name in given for given in statics))


def learn_moisture(
    sites: Sequence[TrainingSite],
    settings: MoistureSettings,
    *,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> MoistureEnsemble:
    """Learn an ensemble from sites.

    Two more networks than there are members are learned, from all but the last and all but the first of the training days; on these it
    is seen how wide intervals must be.

    Parameters
    ----------
    sites : sequence of TrainingSite
    settings : MoistureSettings
    device : torch.device or str, optional
    progress : callable, optional

    Returns
    -------
    MoistureEnsemble

    Raises
    ------
    BadInput
        If no site has water content to learn from.
    """
    known = [site for site in sites if any(moments(site.record, site.train))]
    if not known:
        names = ", ".join(site.record.site for site in sites)
        raise BadInput(
            "there is no measured water content to learn from: no sensor has 20 usable days",
            where=f"site {names}",
            remedy="name the columns of water content (theta, or theta_crns), and see that quality codes leave some days",
        )
    count = settings.members + 2 * (settings.validation_fraction > 0.0)

    def part(number: int) -> Progress | None:
        return None if progress is None else lambda share: progress((number + share) / count)

    ensemble = _untrained(known, settings)
    if settings.validation_fraction > 0.0:
        ends = [part(settings.members), part(settings.members + 1)]
        ensemble = _calibrated(ensemble, known, settings, device, ends)
    batches = _batches(known, ensemble)
    members = tuple(
        learn_member(batches, settings, seed=settings.seed + i, device=device, progress=part(i))
        for i in range(settings.members)
    )
    ensemble = replace(ensemble, members=members)
    return replace(ensemble, offsets=_offsets(ensemble, known))


def _untrained(sites: Sequence[TrainingSite], settings: MoistureSettings) -> MoistureEnsemble:
    levels = {site.record.site: tuple(moments(site.record, site.train)) for site in sites}
    main = {}
    for site in sites:
        have = [i for i, level in enumerate(levels[site.record.site]) if level is not None]
        main[site.record.site] = site.main if site.main is not None else have[0]
    jules = {
        site.record.site: jules_moments(site.record, site.train & site.record.usable[:, main[site.record.site]])
        for site in sites
    }
    pairs = [
        (describe(site.record), level)
        for site in sites
        if (level := levels[site.record.site][main[site.record.site]]) is not None
    ]
    guess = fit_guess([given for given, _ in pairs], [level for _, level in pairs], static=settings.static)
    return MoistureEnsemble(
        members=(),
        settings=settings,
        dynamic=dynamic_of(settings, [site.record for site in sites]),
        static=static_of(settings, [describe(site.record) for site in sites]),
        levels=levels,
        offsets={},
        jules=jules,
        main=main,
        level_guess=guess,
    )


def _batches(sites: Sequence[TrainingSite], ensemble: MoistureEnsemble) -> list[MoistureBatch]:
    groups = [[s for s in sites if len(s.record) > _LONG], [s for s in sites if len(s.record) <= _LONG]]
    return [
        batch(
            [s.record for s in group],
            jules=[ensemble.jules[s.record.site] for s in group],
            levels=[ensemble.levels[s.record.site] for s in group],
            static=ensemble.static,
            statics=[describe(s.record) for s in group],
            dynamic=ensemble.dynamic,
            train=[s.train for s in group],
            main=[ensemble.main[s.record.site] for s in group],
            jules_channel=ensemble.settings.jules_channel,
        )
        for group in groups
        if group
    ]


def _offsets(ensemble: MoistureEnsemble, sites: Sequence[TrainingSite]) -> dict[str, _Array]:
    found = {}
    for site in sites:
        record = site.record
        anomaly = ensemble.sensed(record)[0]
        pair = np.stack([np.zeros(anomaly.shape[1]), np.ones(anomaly.shape[1])])
        for sensor, level in enumerate(ensemble.levels[record.site]):
            if level is not None:
                z = anomaly[site.train & record.usable[:, sensor], sensor]
                pair[:, sensor] = z.mean(), max(float(z.std()), 0.2)
        found[record.site] = pair
    return found


def _calibrated(
    ensemble: MoistureEnsemble,
    sites: Sequence[TrainingSite],
    settings: MoistureSettings,
    device: torch.device | str,
    progress: Sequence[Progress | None],
) -> MoistureEnsemble:
    """Find the width of intervals on both ends of the training days, each by a network that has not seen it.

    Of both, because a record's later part differs from its earlier one in more than chance: the mean moves.
    """
    found = [
        _held_out_end(sites, settings, device, part, late=late)
        for part, late in zip(progress, (True, False), strict=True)
    ]
    ends = [end for each in found for end in each]
    if not ends:
        return ensemble
    number = np.concatenate([np.full(len(end.errors), i) for i, end in enumerate(ends)])
    quantiles = conformal_quantiles(np.concatenate([end.errors for end in ends]), number, settings.interval)
    skill = {
        "kge": float(np.median([end.kge for end in ends])),
        "rmse_in_spreads": float(np.median([end.rmse for end in ends])),
    }
    return replace(ensemble, seen=quantiles, validation=skill)


@dataclass(frozen=True, eq=False)
class _End:
    """What was found at one end of a site's training days: errors in units of their predicted spread, and two scores."""

    errors: _Array
    kge: float
    rmse: float


def _held_out_end(
    sites: Sequence[TrainingSite],
    settings: MoistureSettings,
    device: torch.device | str,
    progress: Progress | None,
    *,
    late: bool,
) -> list[_End]:
    """Learn one network without the last, or the first, of each long record's training days, and try it on them."""
    kept, tried = [], []
    for site in sites:
        sensor = site.main if site.main is not None else int(np.argmax(site.record.usable.any(0)))
        held = np.flatnonzero(site.train & site.record.usable[:, sensor])
        if len(site.record) <= _LONG or len(held) < 100:
            kept.append(site)
            continue
        out = validation_days(held, len(site.record), settings.validation_fraction)[0 if late else 1]
        kept.append(replace(site, train=site.train & ~out, main=sensor))
        tried.append((kept[-1], site.train & out))
    if not tried:
        return []
    trial = _untrained(kept, settings)
    network = learn_member(
        _batches(kept, trial), settings, seed=settings.seed + 1000 + late, device=device, progress=progress
    )
    trial = replace(trial, members=(network,))
    trial = replace(trial, offsets=_offsets(trial, [site for site, _ in tried]))
    ends = []
    for site, days in tried:
        sensor = trial.main[site.record.site]
        spread = trial.level_of(site.record, sensor).spread
        scored = days & site.record.usable[:, sensor]
        found, truth = trial.predict(site.record), site.record.theta[scored, sensor]
        miss = (truth - found.theta[scored, sensor]) / spread
        kge = agreement(found.theta[scored, sensor], truth).kge
        ends.append(_End(miss / found.spread[scored, sensor], kge, float(np.sqrt(np.mean(miss**2)))))
    return ends


def validation_days(held: NDArray[np.intp], days: int, fraction: float) -> tuple[_Mask, _Mask]:
    """The last and the first days of a record that hold so large a part of its training days.

    Parameters
    ----------
    held : array of int, shape (training day,)
        Numbers of the usable training days.
    days : int
        Days of the record.
    fraction : float
        Part at each end.

    Returns
    -------
    tuple of array of bool, shape (day,)
    """
    day, cut = np.arange(days), int(len(held) * (1.0 - fraction))
    return day >= held[cut], day <= held[len(held) - 1 - cut]
