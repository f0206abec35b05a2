"""An ensemble of soil moisture with what turns its anomalies into water content: levels, spread, intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.experiment.place import COVER
from jules_ml.learned.moisture.batch import UNKNOWN_LEVEL, Level, MoistureBatch, batch, jules_moments, moments
from jules_ml.learned.moisture.known import KnownSite
from jules_ml.learned.moisture.level import (
    CLIMATE,
    JULES,
    SATELLITE,
    TEXTURE,
    LevelGuess,
    adapted,
    describe,
    fit_guess,
    guess_covariance,
)
from jules_ml.learned.moisture.network import LearnedMoisture
from jules_ml.learned.moisture.record import DYNAMIC, LAYER_DEPTHS, MoistureRecord, preferred_sensor
from jules_ml.learned.moisture.training import learn_member, predict
from jules_ml.scoring.intervals import conformal_quantiles
from jules_ml.scoring.scores import score
from jules_ml.scoring.splits import both_ends
from jules_ml.support.progress import Progress, portion

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]

#: Days that make a record a long one; long and short ones are learned from in groups of their own.
_LONG = 500
#: Simulated records that a step learns from: fewer than real ones.
_SIMULATED_A_STEP = 4
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
    simulated : tuple of TrainingSite
        Records of runs at the site (see :mod:`jules_ml.learned.moisture.simulated`), learned from beside it. They teach and no more:
        no level, no site that is known.
    """

    record: MoistureRecord
    train: _Mask
    main: int | None = None
    simulated: tuple[TrainingSite, ...] = ()

    @property
    def teaches(self) -> bool:
        """Whether a sensor has days enough to learn from."""
        return any(moments(self.record, self.train))

    def without(self, days: _Mask) -> TrainingSite:
        """The same of which fewer days are learned from, of the record and of its runs."""
        fewer = (each.without(days) for each in self.simulated)
        simulated = tuple(each for each in fewer if each.teaches)
        return replace(self, train=self.train & ~days, simulated=simulated)


@dataclass(frozen=True, eq=False)
class MoisturePrediction:
    """Water content at a site's sensors [m3 m-3], each of shape (day, sensor).

    ``scale`` is the standard error that intervals are told in [m3 m-3]; ``anomaly`` and ``spread`` are the network's own, in units of the
    level's spread [1].
    """

    theta: _Array
    low: _Array
    high: _Array
    scale: _Array
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
    sites : mapping of str to KnownSite
        What is kept of each site learned from, or taken in.
    level_guess : LevelGuess or None
        Guesses the level of unseen sites; None where there were too few sites to learn it from.
    seen, unseen : tuple of float
        Quantiles of held-out errors in units of their spread: at other times, and at other sites.
    """

    members: tuple[LearnedMoisture, ...]
    settings: MoistureSettings
    dynamic: tuple[str, ...]
    static: tuple[str, ...]
    sites: Mapping[str, KnownSite]
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
        """Level of a record's sensor: its own at a site that is known, else the guess.

        Raises
        ------
        BadInput
            If the site is known and has no such sensor; if it is not known and there is no guess, or the guess lacks a static input.
        """
        known = self.sites.get(record.site)
        if known is None:
            return self.guess(record)[0]
        return known.level(known.sensor(record.names[sensor], site=record.site))

    def guess(self, record: MoistureRecord) -> tuple[Level, tuple[float, float]]:
        """Level of an unseen site, and its standard errors: see :meth:`~jules_ml.learned.moisture.level.LevelGuess.predict`."""
        if self.level_guess is None:
            raise BadInput(
                "the module was learned from too few sites to tell the level of one it has not seen",
                where=f"site {record.site}",
                remedy="adapt it to the site: jules-ml fit moisture --adapt DIR, with a few days of measured water content",
            )
        return self.level_guess.predict(self.static_inputs(record), where=f"site {record.site}")

    def predict(self, record: MoistureRecord) -> MoisturePrediction:
        """Water content at the sensors of a record.

        Raises
        ------
        BadInput
            As :meth:`level_of`.
        """
        anomaly, spread = self.sensed(record)
        known = self.sites.get(record.site)
        guess = self.guess(record) if known is None else None
        theta, scale = np.empty_like(anomaly), np.empty_like(anomaly)
        for sensor, name in enumerate(record.names):
            z = anomaly[:, sensor]
            if known is not None:
                own = known.sensor(name, site=record.site)
                level, covariance = known.level(own), known.covariance[own]
                z = known.put_right(own, z, match=self.settings.match_variance)
            else:
                assert guess is not None
                level, covariance = guess[0], guess_covariance(*guess)
            theta[:, sensor] = level.mean + level.spread * z
            of_level = covariance[0, 0] + 2.0 * z * covariance[0, 1] + z**2 * covariance[1, 1]
            scale[:, sensor] = np.sqrt((level.spread * spread[:, sensor]) ** 2 + of_level)
        quantiles = self.seen if known is not None and known.learned else self.unseen
        low, high = (np.clip(theta + q * scale, 0.0, 1.0) for q in quantiles)
        return MoisturePrediction(np.clip(theta, 0.0, 1.0), low, high, scale, anomaly, spread)

    def layers(self, record: MoistureRecord) -> _Array:
        """Water content of the four layers, shape (day, layer) [m3 m-3].

        Each layer has the level of the sensor nearest in depth; at a site that is not known, of the site's guess, moved by what JULES's
        layer has more than its first where there is a run.
        """
        z = self.anomalies(record)[0]
        known = self.sites.get(record.site)
        theta = np.empty_like(z)
        if known is not None:
            for layer in range(len(LAYER_DEPTHS)):
                sensor = known.sensor_of_layer(layer)
                series = known.put_right(sensor, z[:, layer], match=self.settings.match_variance)
                theta[:, layer] = known.level(sensor).mean + known.level(sensor).spread * series
        else:
            level = self.guess(record)[0]
            mean = jules_moments(record, np.ones(len(record), dtype=bool))[0]
            theta = level.mean + np.nan_to_num(mean - mean[0]) + level.spread * z
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
        before = guess_covariance(prior, error)
        anomaly = self.sensed(record)[0]
        count = record.theta.shape[1]
        levels: list[Level | None] = [None] * count
        covariance = np.zeros((count, 2, 2))
        wanted = [i for i in (range(count) if sensors is None else sensors) if record.usable[:, i].any()]
        for sensor in wanted:
            held = record.usable[:, sensor]
            levels[sensor], covariance[sensor] = adapted(
                prior, before, anomaly[held, sensor], record.theta[held, sensor]
            )
        main = preferred_sensor(record, least=1)
        site = KnownSite(
            names=record.names,
            depth=record.depth,
            levels=tuple(levels),
            offsets=_no_offsets(count),
            jules=jules_moments(record, np.ones(len(record), dtype=bool)),
            main=wanted[0] if main not in wanted or main is None else main,
            static=describe(record),
            covariance=covariance,
            learned=False,
        )
        return replace(self, sites={**self.sites, record.site: site})

    def static_inputs(self, record: MoistureRecord) -> dict[str, float]:
        """Properties of a place: at a known site those of its training days, so that nothing later is looked at."""
        known = self.sites.get(record.site)
        return describe(record) if known is None else {**known.static, **record.static}

    def _levels(self, record: MoistureRecord) -> list[Level | None]:
        """Levels of a record's sensors, guessed at a site that is not known; none for a module that cannot guess."""
        if record.site not in self.sites and self.level_guess is None:
            return [None] * record.theta.shape[1]
        return [self.level_of(record, sensor) for sensor in range(record.theta.shape[1])]

    def _batch(self, records: Sequence[MoistureRecord]) -> MoistureBatch:
        return batch(
            records,
            jules=[
                self.sites[r.site].jules if r.site in self.sites else jules_moments(r, np.ones(len(r), dtype=bool))
                for r in records
            ],
            levels=[self._levels(r) for r in records],
            static=self.static,
            statics=[self.static_inputs(r) for r in records],
            dynamic=self.dynamic,
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
    texture = (*TEXTURE, "bulk_density", "soc_stock") if settings.static in ("texture", "both") else ()
    satellite = SATELLITE if settings.static in ("satellite", "both") else ()
    wanted = (*CLIMATE, "elevation", *COVER, *JULES, *texture, *satellite)
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
    known = [site for site in sites if site.teaches]
    if not known:
        names = ", ".join(site.record.site for site in sites)
        raise BadInput(
            "there is no measured water content to learn from: no sensor has 20 usable days",
            where=f"site {names}",
            remedy="name the columns of water content (theta, or theta_crns), and see that quality codes leave some days",
        )
    trials = 2 * (settings.validation_fraction > 0.0)
    count = settings.members + trials

    def part(number: int) -> Progress | None:
        return portion(progress, number / count, (number + 1) / count)

    ensemble = _untrained(known, settings)
    if trials:
        ensemble = _calibrated(ensemble, known, settings, device, [part(0), part(1)])
    batches = _batches(known, ensemble)
    members = tuple(
        learn_member(batches, settings, seed=settings.seed + i, device=device, progress=part(trials + i))
        for i in range(settings.members)
    )
    return _with_offsets(replace(ensemble, members=members), known)


def _untrained(sites: Sequence[TrainingSite], settings: MoistureSettings) -> MoistureEnsemble:
    known = {site.record.site: _known_site(site) for site in sites}
    pairs = [(of.static, level) for of in known.values() if (level := of.levels[of.main]) is not None]
    guess = fit_guess([given for given, _ in pairs], [level for _, level in pairs], static=settings.static)
    return MoistureEnsemble(
        members=(),
        settings=settings,
        dynamic=dynamic_of(settings, [site.record for site in sites]),
        static=static_of(settings, [of.static for of in known.values()]),
        sites=known,
        level_guess=guess,
    )


def _known_site(site: TrainingSite) -> KnownSite:
    record = site.record
    levels = tuple(moments(record, site.train))
    main = site.main if site.main is not None else next(i for i, level in enumerate(levels) if level is not None)
    return KnownSite(
        names=record.names,
        depth=record.depth,
        levels=levels,
        offsets=_no_offsets(len(levels)),
        jules=jules_moments(record, site.train & record.usable[:, main]),
        main=main,
        static=describe(record, site.train),
        covariance=np.zeros((len(levels), 2, 2)),
    )


def _no_offsets(sensors: int) -> _Array:
    return np.stack([np.zeros(sensors), np.ones(sensors)])


def _batches(sites: Sequence[TrainingSite], ensemble: MoistureEnsemble) -> list[MoistureBatch]:
    """Groups that every step takes some of: long records, short ones, simulated ones.

    A sensor's own level counts for little: it is put right afterwards, and days of a single year do not tell how that year was among
    others. Runs of several years do.
    """
    level_weight = ensemble.settings.level_weight
    groups = [[s for s in sites if len(s.record) > _LONG], [s for s in sites if len(s.record) <= _LONG]]
    made = [
        replace(_batch_of(group, [ensemble.sites[s.record.site] for s in group], ensemble), level_weight=level_weight)
        for group in groups
        if group
    ]
    simulated = [each for site in sites for each in site.simulated]
    if simulated:
        taught = _batch_of(simulated, [_known_site(site) for site in simulated], ensemble)
        made.append(replace(taught, a_step=_SIMULATED_A_STEP))
    return made


def _batch_of(sites: Sequence[TrainingSite], known: Sequence[KnownSite], ensemble: MoistureEnsemble) -> MoistureBatch:
    return batch(
        [s.record for s in sites],
        jules=[of.jules for of in known],
        levels=[of.levels for of in known],
        static=ensemble.static,
        statics=[of.static for of in known],
        dynamic=ensemble.dynamic,
        train=[s.train for s in sites],
        main=[of.main for of in known],
    )


def _with_offsets(ensemble: MoistureEnsemble, sites: Sequence[TrainingSite]) -> MoistureEnsemble:
    """The ensemble with what its predictions at known sites are put right by."""
    found = dict(ensemble.sites)
    for site in sites:
        record, known = site.record, ensemble.sites[site.record.site]
        anomaly = ensemble.sensed(record)[0]
        pair = _no_offsets(anomaly.shape[1])
        for sensor, level in enumerate(known.levels):
            if level is not None:
                z = anomaly[site.train & record.usable[:, sensor], sensor]
                pair[:, sensor] = z.mean(), max(float(z.std()), 0.2)
        found[record.site] = replace(known, offsets=pair)
    return replace(ensemble, sites=found)


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
        out = both_ends(held, len(site.record), settings.validation_fraction)[0 if late else 1]
        kept.append(replace(site.without(out), main=sensor))
        tried.append((kept[-1], site.train & out))
    if not tried:
        return []
    trial = _untrained(kept, settings)
    batches = _batches(kept, trial)
    network = learn_member(batches, settings, seed=settings.seed + 1000 + late, device=device, progress=progress)
    trial = _with_offsets(replace(trial, members=(network,)), [site for site, _ in tried])
    ends = []
    for site, days in tried:
        sensor = trial.sites[site.record.site].main
        spread = trial.level_of(site.record, sensor).spread
        scored = days & site.record.usable[:, sensor]
        found, truth = trial.predict(site.record), site.record.theta[scored, sensor]
        miss = (truth - found.theta[scored, sensor]) / spread
        kge = score(found.theta[scored, sensor], truth).kge
        ends.append(_End(miss / found.spread[scored, sensor], kge, float(np.sqrt(np.mean(miss**2)))))
    return ends
