"""The network ensemble of soil moisture, and the conversion of its anomalies to water content with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.batch import MoistureBatch, make_batch
from jules_ml.learned.moisture.boosting import DEPTH, BoostedTrees
from jules_ml.learned.moisture.combination import NORMAL, Combination
from jules_ml.learned.moisture.lagged_inputs import lagged_inputs
from jules_ml.learned.moisture.limits import porosity
from jules_ml.learned.moisture.moments import DEFAULT_MOMENTS, Moments, jules_moments, sensor_depths
from jules_ml.learned.moisture.moments_model import MomentsModel, prior_covariance, static_properties, update_moments
from jules_ml.learned.moisture.network import LearnedMoisture
from jules_ml.learned.moisture.record import LAYER_DEPTHS, MoistureRecord, preferred_sensor
from jules_ml.learned.moisture.stored_site import StoredSite
from jules_ml.learned.moisture.training import predict_anomalies

_Array = NDArray[np.float64]

#: Difference of two depths that count as one [m].
_SAME_DEPTH = 0.05
#: Standard deviations above its mean that a sensor may hold where its porosity is estimated lower.
_WETTEST = 3.0
#: Standard errors of the moments of an unknown soil, for a module that cannot predict moments: of the mean [m3 m-3], and of the
#: logarithm of the standard deviation [1].
_DEFAULT_ERROR = (0.12, 0.5)


@dataclass(frozen=True, eq=False)
class MoisturePrediction:
    """Water content at the sensors of a site.

    Attributes
    ----------
    theta : array, shape (day, sensor)
        Water content [m3 m-3].
    low, high : array, shape (day, sensor)
        Ends of the interval [m3 m-3].
    scale : array, shape (day, sensor)
        Standard error by which the interval is scaled [m3 m-3].
    anomaly, spread : array, shape (day, sensor)
        Anomaly predicted by the networks and its standard deviation, before they are scaled by the moments [1].
    """

    theta: _Array
    low: _Array
    high: _Array
    scale: _Array
    anomaly: _Array
    spread: _Array


@dataclass(frozen=True, eq=False)
class MoistureEnsemble:
    """A fitted module of soil moisture.

    Attributes
    ----------
    members : tuple of LearnedMoisture
        Members of the network ensemble.
    settings : MoistureSettings
    dynamic, static : tuple of str
        Names of the daily and static inputs: those that any training site has.
    sites : mapping of str to StoredSite
        Sites that the module was trained on or adapted to.
    moments_model : MomentsModel or None
        Predicts the moments at new sites; None where there were too few training sites to fit it.
    boosting : BoostedTrees or None
        Gradient boosting beside the networks; None in modules of earlier versions.
    combination : Combination
        Weight of gradient boosting, scales and quantiles at sites that were not trained on.
    trained_quantiles : tuple of float
        Quantiles of out-of-sample errors in units of their standard error at training sites outside the training days.
    validation : mapping of str to float
        Scores at both ends of the training days, by networks that were not trained on them.
    """

    members: tuple[LearnedMoisture, ...]
    settings: MoistureSettings
    dynamic: tuple[str, ...]
    static: tuple[str, ...]
    sites: Mapping[str, StoredSite]
    moments_model: MomentsModel | None = None
    boosting: BoostedTrees | None = None
    combination: Combination = field(default_factory=Combination)
    trained_quantiles: tuple[float, float] = NORMAL
    validation: Mapping[str, float] = field(default_factory=dict)

    def layer_anomalies(self, record: MoistureRecord) -> tuple[_Array, _Array]:
        """Predict the anomaly and its standard deviation in the four layers, each of shape (day, layer)."""
        mean, spread = predict_anomalies(self.members, self.batch_of([record]).inputs)
        return self._combined(record, mean[0].T.double().numpy(), spread[0].T.double().numpy(), LAYER_DEPTHS)

    def sensor_anomalies(self, record: MoistureRecord) -> tuple[_Array, _Array]:
        """Predict the anomaly and its standard deviation at the sensors of a record, each of shape (day, sensor)."""
        mean, spread = self.network_anomalies(record)
        return self._combined(record, mean, spread, sensor_depths(record.depth).tolist())

    def network_anomalies(self, record: MoistureRecord) -> tuple[_Array, _Array]:
        """Predict the anomaly and its standard deviation at the sensors by the networks alone, each of shape (day, sensor)."""
        batch = self.batch_of([record])
        mean, spread = batch.sensors.observe(*predict_anomalies(self.members, batch.inputs))
        return mean[0].T.double().numpy(), spread[0].T.double().numpy()

    def boosted_anomalies(self, record: MoistureRecord, depths: Sequence[float]) -> _Array:
        """Predict the anomaly at some depths [m] by gradient boosting alone, shape (day, depth)."""
        assert self.boosting is not None
        inputs = self.lagged_inputs(record)
        of_depth = {
            depth: self.boosting.predict(inputs | {DEPTH: np.full(len(record), depth)})
            for depth in dict.fromkeys(depths)
        }
        return np.stack([of_depth[depth] for depth in depths], axis=1)

    def scored_members(self, record: MoistureRecord, sensor: int) -> tuple[_Array, _Array, _Array]:
        """Predict the anomaly at one sensor by networks and by gradient boosting, and the standard deviation of the former, (day,) each."""
        network, spread = self.network_anomalies(record)
        depth = float(sensor_depths(record.depth)[sensor])
        return network[:, sensor], self.boosted_anomalies(record, [depth])[:, 0], spread[:, sensor]

    def lagged_inputs(self, record: MoistureRecord) -> dict[str, _Array]:
        """Inputs of gradient boosting, but for the depth, each of shape (day,)."""
        return lagged_inputs(
            record,
            dynamic=self.dynamic,
            static=self.static,
            properties=self.static_inputs(record),
            first_guess=self._first_guess(record),
        )

    def _combined(
        self, record: MoistureRecord, mean: _Array, spread: _Array, depths: Sequence[float]
    ) -> tuple[_Array, _Array]:
        """Combine the networks with gradient boosting, and scale the anomaly at a site that was not trained on."""
        site = self.sites.get(record.site)
        trained = site is not None and site.trained
        if self.boosting is not None:
            weight = self.combination.trained_weight if trained else self.combination.new_site_weight
            # trees do not continue a trend to depths below all sensors
            reached = [i for i, depth in enumerate(depths) if depth <= self.boosting.deepest + _SAME_DEPTH]
            if weight > 0.0 and reached:
                mean = mean.copy()
                boosted = self.boosted_anomalies(record, [depths[i] for i in reached])
                mean[:, reached] = (1.0 - weight) * mean[:, reached] + weight * boosted
        if trained:
            return mean, spread
        return mean * (self.combination.amplitude_of(len(record)) if site is None else site.amplitude), spread

    def moments_of(self, record: MoistureRecord, sensor: int) -> Moments:
        """Return the moments of a sensor: the stored ones, or the predicted ones at a new site.

        Raises
        ------
        BadInput
            If a stored site has no such sensor; at a new site, if moments cannot be predicted or a predictor is missing.
        """
        site = self.sites.get(record.site)
        if site is None:
            return self.predict_moments(record)[0]
        return site.moments_of(site.sensor_index(record.names[sensor], site=record.site))

    def predict_moments(self, record: MoistureRecord) -> tuple[Moments, tuple[float, float]]:
        """Predict the moments at a new site, and their standard errors.

        Raises
        ------
        BadInput
            If the module was trained on too few sites, or as :meth:`jules_ml.learned.moisture.moments_model.MomentsModel.predict`.
        """
        if self.moments_model is None:
            raise BadInput(
                "the module was trained on too few sites to predict the mean and spread of soil moisture at a new site",
                where=f"site {record.site}",
                remedy="adapt it to the site: jules-ml fit moisture --adapt DIR, with a few days of measured water content",
            )
        static = self.static_inputs(record)
        moments, error = self.moments_model.predict(static, where=f"site {record.site}")
        return replace(moments, mean=min(moments.mean, porosity(static))), error

    def moments_note(self, record: MoistureRecord) -> str | None:
        """Describe where a new site lacks properties from which its moments are predicted, or is unlike the training sites.

        For a stored site this describes the moments before local observations updated them.
        """
        if self.moments_model is None:
            return None
        static = static_properties(record)
        notes = (
            note(static, where=record.site)
            for note in (self.moments_model.fallback_note, self.moments_model.distance_note)
        )
        return "; ".join(note for note in notes if note is not None) or None

    def predict(self, record: MoistureRecord) -> MoisturePrediction:
        """Predict the water content at the sensors of a record.

        Raises
        ------
        BadInput
            As :meth:`moments_of`.
        """
        anomaly, spread = self.sensor_anomalies(record)
        site = self.sites.get(record.site)
        prior = None
        if site is None or not site.trained:
            prior = self.predict_moments(record) if site is None else self._prior(record)
        pores = porosity(self.static_inputs(record))
        theta, scale = np.empty_like(anomaly), np.empty_like(anomaly)
        most = np.empty(anomaly.shape[1])
        for sensor, name in enumerate(record.names):
            z = anomaly[:, sensor]
            if site is not None:
                index = site.sensor_index(name, site=record.site)
                moments, covariance = site.moments_of(index), site.covariance[index]
                z = site.correct(index, z, rescaling=self.settings.match_variance)
            else:
                assert prior is not None
                moments, covariance = prior[0], prior_covariance(*prior)
            theta[:, sensor] = moments.mean + moments.spread * z
            moments_variance = covariance[0, 0] + 2.0 * z * covariance[0, 1] + z**2 * covariance[1, 1]
            # local days that widen the spread do not change the errors of the anomaly
            unit = moments.spread if prior is None else prior[0].spread
            scale[:, sensor] = np.sqrt((unit * spread[:, sensor]) ** 2 + moments_variance)
            # a sensor can be wetter than the porosity that is estimated for it
            most[sensor] = max(pores, moments.mean + _WETTEST * moments.spread)
        quantiles = self.combination.new_site_quantiles
        if site is not None:
            quantiles = self.trained_quantiles if site.trained else self.combination.adapted_quantiles
        width = 1.0 if site is None else site.interval_scale
        ends = (theta + q * width * scale for q in quantiles)
        theta, low, high = (np.clip(each, 0.0, most) for each in (theta, *ends))
        return MoisturePrediction(theta, low, high, scale, anomaly, spread)

    def layers(self, record: MoistureRecord) -> _Array:
        """Predict the water content of the four layers, shape (day, layer) [m3 m-3].

        Each layer has the moments of the sensor nearest in depth. At a new site it has the predicted moments, and its mean is shifted by
        the difference between the means of that layer and of the first layer in JULES's run, where there is one.
        """
        z = self.layer_anomalies(record)[0]
        site = self.sites.get(record.site)
        theta = np.empty_like(z)
        if site is not None:
            for layer in range(len(LAYER_DEPTHS)):
                sensor = site.sensor_of_layer(layer)
                series = site.correct(sensor, z[:, layer], rescaling=self.settings.match_variance)
                theta[:, layer] = site.moments_of(sensor).mean + site.moments_of(sensor).spread * series
        else:
            moments = self.predict_moments(record)[0]
            mean = jules_moments(record, np.ones(len(record), dtype=bool))[0]
            theta = moments.mean + np.nan_to_num(mean - mean[0]) + moments.spread * z
        return np.clip(theta, 0.005, 0.9)

    def adapt(
        self, record: MoistureRecord, *, sensors: Sequence[int] | None = None, main: int | None = None
    ) -> MoistureEnsemble:
        """Adapt to a site: predict its moments, and update them by all usable days of the record.

        Parameters
        ----------
        record : MoistureRecord
            Its usable days are the local observations.
        sensors : sequence of int, optional
            Sensors to adapt to; by default all that have usable days.
        main : int, optional
            Index of the scored sensor; by default the cosmic-ray sensor or the shallowest with a usable day.

        Returns
        -------
        MoistureEnsemble
            With the site among its :attr:`sites`.

        Raises
        ------
        BadInput
            If the site has no measured water content, or its moments cannot be predicted.
        """
        if not record.usable.any():
            raise BadInput(
                "the site has no measured water content",
                where=f"site {record.site}",
                remedy="name its columns (theta, or theta_crns), and check that quality codes and frozen soil leave some days",
            )
        prior, error = self._prior(record)
        prior_cov = prior_covariance(prior, error)
        anomaly = self.sensor_anomalies(record)[0]
        count = record.theta.shape[1]
        moments: list[Moments | None] = [None] * count
        covariance = np.zeros((count, 2, 2))
        selected = [i for i in (range(count) if sensors is None else sensors) if record.usable[:, i].any()]
        for sensor in selected:
            days = record.usable[:, sensor]
            moments[sensor], covariance[sensor] = update_moments(
                prior,
                prior_cov,
                anomaly[days, sensor],
                record.theta[days, sensor],
                np.flatnonzero(days).astype(np.float64),
                errors=self.combination.errors,
            )
        main = preferred_sensor(record, least=1) if main is None else main
        site = StoredSite(
            names=record.names,
            depth=record.depth,
            moments=tuple(moments),
            offsets=np.stack([np.zeros(count), np.ones(count)]),
            jules=jules_moments(record, np.ones(len(record), dtype=bool)),
            main=selected[0] if main not in selected or main is None else main,
            static=static_properties(record),
            covariance=covariance,
            trained=False,
            amplitude=self.combination.amplitude_of(len(record)),
        )
        return replace(self, sites={**self.sites, record.site: site})

    def static_inputs(self, record: MoistureRecord) -> dict[str, float]:
        """Return the static properties of a site; those of a stored site come from its training days, so that no later day is used."""
        site = self.sites.get(record.site)
        return static_properties(record) if site is None else {**site.static, **record.static}

    def batch_of(self, records: Sequence[MoistureRecord]) -> MoistureBatch:
        """Convert records to the inputs and observation operator of this ensemble."""
        return make_batch(
            records,
            jules=[self._first_guess(record) for record in records],
            moments=[self._sensor_moments(r) for r in records],
            static=self.static,
            statics=[self.static_inputs(r) for r in records],
            dynamic=self.dynamic,
        )

    def _prior(self, record: MoistureRecord) -> tuple[Moments, tuple[float, float]]:
        """Moments of a site before it is adapted to, and their standard errors; those of any soil where none can be predicted."""
        return self.predict_moments(record) if self.moments_model is not None else (DEFAULT_MOMENTS, _DEFAULT_ERROR)

    def _first_guess(self, record: MoistureRecord) -> _Array:
        """Mean and standard deviation that define the anomalies of the first guess, shape (2, layer) [m3 m-3]."""
        site = self.sites.get(record.site)
        return jules_moments(record, np.ones(len(record), dtype=bool)) if site is None else site.jules

    def _sensor_moments(self, record: MoistureRecord) -> list[Moments | None]:
        """Moments of a record's sensors; none at a new site if the module cannot predict them."""
        if record.site not in self.sites and self.moments_model is None:
            return [None] * record.theta.shape[1]
        return [self.moments_of(record, sensor) for sensor in range(record.theta.shape[1])]
