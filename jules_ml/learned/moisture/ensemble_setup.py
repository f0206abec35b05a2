"""Steps in the training of a network ensemble: its inputs, its training batches, and the correction of its anomalies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.experiment.place import COVER
from jules_ml.learned.moisture.batch import MoistureBatch, make_batch
from jules_ml.learned.moisture.boosting import BoostedTrees, boosting_rows, fit_boosting
from jules_ml.learned.moisture.combination import LONG_RECORD
from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.moments import jules_moments, sensor_moments
from jules_ml.learned.moisture.moments_model import (
    CLIMATE,
    JULES,
    SATELLITE,
    TEXTURE,
    fit_moments_model,
    static_properties,
)
from jules_ml.learned.moisture.record import DYNAMIC, MoistureRecord
from jules_ml.learned.moisture.stored_site import StoredSite
from jules_ml.learned.moisture.training import train_member
from jules_ml.learned.moisture.training_site import TrainingSite
from jules_ml.support.progress import Progress

#: Simulated records in one training step: fewer than measured ones.
_SIMULATED_PER_STEP = 4
#: Smallest standard deviation of predicted anomalies in the correction [1].
MIN_OFFSET_SPREAD = 0.2


def dynamic_inputs(settings: MoistureSettings, records: Sequence[MoistureRecord]) -> tuple[str, ...]:
    """Select the daily inputs that any record has; the setting ``static`` decides on surface temperature and soil water index."""
    satellite = ("lst", "swi")
    return tuple(
        name
        for name in DYNAMIC
        if (name not in satellite or settings.static in ("satellite", "both"))
        and any(name in record.dynamic for record in records)
    )


def static_inputs(settings: MoistureSettings, statics: Sequence[Mapping[str, float]]) -> tuple[str, ...]:
    """Select the static inputs that any site has and the setting ``static`` allows."""
    texture = (*TEXTURE, "bulk_density", "soc_stock") if settings.static in ("texture", "both") else ()
    satellite = SATELLITE if settings.static in ("satellite", "both") else ()
    allowed = (*CLIMATE, "elevation", *COVER, *JULES, *texture, *satellite)
    return tuple(name for name in allowed if any(name in each for each in statics))


def untrained_ensemble(sites: Sequence[TrainingSite], settings: MoistureSettings) -> MoistureEnsemble:
    """Create an ensemble without members: its inputs, the stored sites and the model of moments."""
    stored = {site.record.site: _stored_site(site) for site in sites}
    pairs = [(each.static, moments) for each in stored.values() if (moments := each.moments[each.main]) is not None]
    moments_model = fit_moments_model(
        [static for static, _ in pairs], [moments for _, moments in pairs], static=settings.static
    )
    return MoistureEnsemble(
        members=(),
        settings=settings,
        dynamic=dynamic_inputs(settings, [site.record for site in sites]),
        static=static_inputs(settings, [each.static for each in stored.values()]),
        sites=stored,
        moments_model=moments_model,
    )


def _stored_site(site: TrainingSite) -> StoredSite:
    record = site.record
    moments = tuple(sensor_moments(record, site.train))
    main = site.main if site.main is not None else next(i for i, each in enumerate(moments) if each is not None)
    return StoredSite(
        names=record.names,
        depth=record.depth,
        moments=moments,
        offsets=np.stack([np.zeros(len(moments)), np.ones(len(moments))]),
        jules=jules_moments(record, site.train & record.usable[:, main]),
        main=main,
        static=static_properties(record, site.train),
        covariance=np.zeros((len(moments), 2, 2)),
    )


def training_batches(sites: Sequence[TrainingSite], ensemble: MoistureEnsemble) -> list[MoistureBatch]:
    """Group records into batches, each of which every training step samples: long, short and simulated records.

    The mean error of a measured sensor has the small weight ``level_weight``: it is corrected after the training, and a record of one
    year does not show how that year differs from others. For simulated records of several years it has weight 1.
    """
    groups = [[s for s in sites if len(s.record) > LONG_RECORD], [s for s in sites if len(s.record) <= LONG_RECORD]]
    batches = [
        replace(
            _batch(group, [ensemble.sites[s.record.site] for s in group], ensemble),
            level_weight=ensemble.settings.level_weight,
        )
        for group in groups
        if group
    ]
    simulated = [each for site in sites for each in site.simulated]
    if simulated:
        batch = _batch(simulated, [_stored_site(site) for site in simulated], ensemble)
        batches.append(replace(batch, sites_per_step=_SIMULATED_PER_STEP))
    return batches


def _batch(sites: Sequence[TrainingSite], stored: Sequence[StoredSite], ensemble: MoistureEnsemble) -> MoistureBatch:
    return make_batch(
        [s.record for s in sites],
        jules=[each.jules for each in stored],
        moments=[each.moments for each in stored],
        static=ensemble.static,
        statics=[each.static for each in stored],
        dynamic=ensemble.dynamic,
        train=[s.train for s in sites],
        main=[each.main for each in stored],
    )


def trained_boosting(sites: Sequence[TrainingSite], ensemble: MoistureEnsemble, *, seed: int) -> BoostedTrees:
    """Fit gradient boosting to the training days of all sites.

    Parameters
    ----------
    sites : sequence of TrainingSite
    ensemble : MoistureEnsemble
        With the inputs and the stored sites; see :func:`untrained_ensemble`.
    seed : int
    """
    rows = []
    for number, site in enumerate(sites):
        record, stored = site.record, ensemble.sites[site.record.site]
        anomalies = [
            None
            if moments is None
            else np.where(
                record.usable[:, sensor] & site.train, (record.theta[:, sensor] - moments.mean) / moments.spread, np.nan
            )
            for sensor, moments in enumerate(stored.moments)
        ]
        inputs = ensemble.lagged_inputs(record)
        rows.append(boosting_rows(inputs, anomalies, depth=record.depth, main=stored.main, seed=seed + number))
    return fit_boosting(rows, seed=seed)


def trial_ensemble(
    sites: Sequence[TrainingSite],
    settings: MoistureSettings,
    *,
    seed: int,
    boosting_seed: int,
    device: torch.device | str,
    progress: Progress | None,
) -> MoistureEnsemble:
    """Train one network and gradient boosting, to predict what is held out of ``sites``.

    Parameters
    ----------
    sites : sequence of TrainingSite
    settings : MoistureSettings
    seed, boosting_seed : int
        Seeds of the network and of gradient boosting.
    device : torch.device or str
    progress : callable or None
    """
    trial = untrained_ensemble(sites, settings)
    network = train_member(training_batches(sites, trial), settings, seed=seed, device=device, progress=progress)
    return replace(trial, members=(network,), boosting=trained_boosting(sites, trial, seed=boosting_seed))


def with_offsets(ensemble: MoistureEnsemble, sites: Sequence[TrainingSite]) -> MoistureEnsemble:
    """Store the mean and standard deviation of predicted anomalies on the training days, by which predictions are corrected."""
    stored = dict(ensemble.sites)
    for site in sites:
        record, of_site = site.record, ensemble.sites[site.record.site]
        anomaly = ensemble.sensor_anomalies(record)[0]
        count = anomaly.shape[1]
        offsets = np.stack([np.zeros(count), np.ones(count)])
        for sensor, moments in enumerate(of_site.moments):
            if moments is not None:
                z = anomaly[site.train & record.usable[:, sensor], sensor]
                offsets[:, sensor] = z.mean(), max(float(z.std()), MIN_OFFSET_SPREAD)
        stored[record.site] = replace(of_site, offsets=offsets)
    return replace(ensemble, sites=stored)
