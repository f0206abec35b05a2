"""The level of a sensor: where its anomalies are counted from, and in what unit.

At a site learned from, both are its own moments on the training days. At a site never seen they are guessed from its climate, its soil
and JULES, by ridge regression over the sites learned from; a few days of local observations then correct the guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.experiment.moisture import StaticKind
from jules_ml.learned.moisture.batch import LEAST_SPREAD, Level
from jules_ml.learned.moisture.record import MoistureRecord
from jules_ml.physics.constants import DAYS_PER_YEAR

_Array = NDArray[np.float64]
#: What every record tells of its climate.
CLIMATE = ("precip_annual", "t_air_mean", "vpd_mean")
#: What maps or samples tell of the soil, and surface temperature from above.
TEXTURE = ("clay", "sand")
SATELLITE = ("lst_excess_mean", "lst_excess_std")
JULES = ("jules_mean",)
#: Days that a month needs to count in the year's mean.
_LEAST_OF_MONTH = 10
_MOST_MONTHS_MISSING = 2
#: Sites that a regression needs.
LEAST_SITES = 8
_RIDGES = (1.0, 3.0, 10.0, 30.0)
#: No guess is surer than this: two sensors a metre apart differ by as much.
_LEAST_ERROR = (0.02, 0.1)
#: Days of water content whose errors count as one that is independent.
_CORRELATED_DAYS = 10.0


def describe(record: MoistureRecord, days: NDArray[np.bool_] | None = None) -> dict[str, float]:
    """Static properties of a place: those given, and, unless given, those that its weather, surface temperature and JULES's run tell.

    These are means of the twelve months' means, so that parts of years count for what they are. A month with under ten days is
    interpolated between its neighbours; where there are more than two such, a property is absent.

    Parameters
    ----------
    record : MoistureRecord
    days : array of bool, shape (day,), optional
        Days that may be looked at; all unless given.

    Returns
    -------
    dict of str to float
        By the names and in the units of :data:`~jules_ml.experiment.place.PROPERTIES`, and ``jules_mean``, the mean water content of
        the upper layer of JULES's run [m3 m-3]. The measured water content is not used.
    """
    month = record.days.month.to_numpy()

    def of_year(values: _Array) -> float | None:
        held = np.isfinite(values) if days is None else np.isfinite(values) & days
        count = np.bincount(month[held], minlength=13)[1:]
        enough = count >= _LEAST_OF_MONTH
        if (~enough).sum() > _MOST_MONTHS_MISSING:
            return None
        means = np.bincount(month[held], values[held], minlength=13)[1:][enough] / count[enough]
        return float(np.interp(np.arange(12), np.flatnonzero(enough), means, period=12).mean())

    found = {
        "precip_annual": of_year(DAYS_PER_YEAR * record.dynamic["precip"]),
        "t_air_mean": of_year(record.dynamic["t_air"]),
        "jules_mean": of_year(record.jules[:, 0]),
    }
    if "vpd" in record.dynamic:
        found["vpd_mean"] = of_year(record.dynamic["vpd"])
    if "lst" in record.dynamic:
        excess = record.dynamic["lst"] - record.dynamic["t_air"]
        mean, square = of_year(excess), of_year(excess**2)
        found["lst_excess_mean"] = mean
        if mean is not None and square is not None:
            found["lst_excess_std"] = float(np.sqrt(max(square - mean**2, 0.0)))
    return {name: value for name, value in found.items() if value is not None} | dict(record.static)


def inputs_of(static: StaticKind) -> tuple[str, ...]:
    """Properties that the level may depend on under a setting of the switch, JULES's aside."""
    return (
        CLIMATE
        + (TEXTURE if static in ("texture", "both") else ())
        + (SATELLITE if static in ("satellite", "both") else ())
    )


@dataclass(frozen=True, eq=False)
class LevelModel:
    """Ridge regression of the mean and of the logarithm of the spread on static properties.

    Attributes
    ----------
    names : tuple of str
        Properties that it needs.
    centre, width : array, shape (property,)
    weights : array, shape (property + 1, 2)
        The last row is the level itself.
    error : tuple of float
        Standard error of the mean [m3 m-3] and of the logarithm of the spread, at sites left out.
    """

    names: tuple[str, ...]
    centre: _Array
    width: _Array
    weights: _Array
    error: tuple[float, float]

    def predict(self, static: Mapping[str, float], *, where: str = "site") -> Level:
        """Guess the level of a place.

        Raises
        ------
        BadInput
            If a property that it needs is not given.
        """
        for name in self.names:
            if name not in static:
                raise BadInput(
                    f"static input '{name}' is missing",
                    where=where,
                    remedy="give it under [place], or fit with a setting of static that does without",
                )
        given = np.array([_transformed(name, static[name]) for name in self.names])
        mean, log_spread = np.append((given - self.centre) / self.width, 1.0) @ self.weights
        return Level(float(np.clip(mean, 0.02, 0.6)), float(max(np.exp(log_spread), LEAST_SPREAD)))

    def to_card(self) -> dict[str, Any]:
        """For the card of a module."""
        return {
            "names": list(self.names),
            "centre": self.centre.tolist(),
            "width": self.width.tolist(),
            "weights": self.weights.tolist(),
            "error": list(self.error),
        }

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> LevelModel:
        """What :meth:`to_card` wrote."""
        centre, width, weights = (np.asarray(card[key], dtype=np.float64) for key in ("centre", "width", "weights"))
        return cls(tuple(card["names"]), centre, width, weights, (card["error"][0], card["error"][1]))


@dataclass(frozen=True, eq=False)
class LevelGuess:
    """The level of unseen sites, by several regressions: their mean, weighted by the inverse of their squared errors.

    One is learned from all sites; another from those that have a run of JULES, whose mean is an input there.
    """

    models: tuple[LevelModel, ...]

    def predict(self, static: Mapping[str, float], *, where: str = "site") -> tuple[Level, tuple[float, float]]:
        """Level of a place, and its standard errors: of the mean [m3 m-3], and of the logarithm of the spread.

        Raises
        ------
        BadInput
            If no regression has all that it needs.
        """
        apply = [model for model in self.models if set(model.names) <= set(static)]
        if not apply:
            self.models[0].predict(static, where=where)
        weight = np.array([model.error[0] ** -2 for model in apply])
        weight /= weight.sum()
        levels = [model.predict(static, where=where) for model in apply]
        mean = sum(w * level.mean for w, level in zip(weight, levels, strict=True))
        log_spread = sum(w * np.log(level.spread) for w, level in zip(weight, levels, strict=True))
        error = weight @ np.array([model.error for model in apply])
        return Level(float(mean), float(np.exp(log_spread))), (float(error[0]), float(error[1]))


def fit_guess(
    statics: Sequence[Mapping[str, float]], levels: Sequence[Level], *, static: StaticKind
) -> LevelGuess | None:
    """Learn to guess levels.

    Parameters
    ----------
    statics : sequence of mapping
        What :func:`describe` gave, of the sites to learn from.
    levels : sequence of Level
        Of the sensor of each that is to be predicted.
    static : {'texture', 'satellite', 'both', 'none'}

    Returns
    -------
    LevelGuess or None
        None where there are too few sites.
    """
    allowed = inputs_of(static)
    sets = [(), CLIMATE[:1], CLIMATE, (*CLIMATE[:1], *allowed[len(CLIMATE) :]), allowed]
    run = [i for i, given in enumerate(statics) if set(JULES) <= set(given)]
    models = [
        _best([statics[i] for i in rows], [levels[i] for i in rows], tried)
        for rows, tried in ((range(len(statics)), sets), (run, [(*names, *JULES) for names in sets]))
        if len(rows) >= LEAST_SITES
    ]
    found = tuple(model for model in models if model is not None)
    return LevelGuess(found) if found else None


def _best(
    statics: Sequence[Mapping[str, float]], levels: Sequence[Level], sets: Sequence[tuple[str, ...]]
) -> LevelModel | None:
    """The inputs and the ridge that did best at sites left out one by one."""
    goal = np.array([(level.mean, np.log(level.spread)) for level in levels])
    # every choice is judged by the sites that all of them can serve, and learned from all that it can serve itself
    widest = set().union(*sets)
    judged = [i for i, given in enumerate(statics) if widest <= set(given)]
    if len(judged) < 5:
        sets = [names for names in sets if all(set(names) <= set(given) for given in statics)]
        judged = list(range(len(statics)))
    best: LevelModel | None = None
    for names, ridge in product(dict.fromkeys(sets), _RIDGES):
        rows = [i for i, given in enumerate(statics) if set(names) <= set(given)]
        if len(rows) < len(names) + 4:
            continue
        x = np.array([[_transformed(n, statics[i][n]) for n in names] for i in rows]).reshape(len(rows), len(names))
        error = _left_out(x, goal[rows], ridge)[[rows.index(i) for i in judged]]
        found = np.sqrt((error**2).mean(0))
        if best is None or found[0] < best.error[0]:
            errors = (max(float(found[0]), _LEAST_ERROR[0]), max(float(found[1]), _LEAST_ERROR[1]))
            best = LevelModel(names, *_ridge(x, goal[rows], ridge), error=errors)
    return best


def guess_covariance(level: Level, error: tuple[float, float]) -> _Array:
    """Covariance of the errors of a guessed mean and standard deviation, shape (2, 2) [m6 m-6]; see :meth:`LevelGuess.predict`."""
    return np.diag([error[0] ** 2, (error[1] * level.spread) ** 2])


def adapted(
    prior: Level, covariance: _Array, anomaly: _Array, theta: _Array, *, noise: float = 0.6
) -> tuple[Level, _Array]:
    r"""Correct a guessed level by local observations, :math:`\theta = \mu + \sigma z + e`.

    Mean and spread have normal priors, the guess with its standard error; the errors' standard deviation is ``noise`` spreads, and
    ten days count as one (they are alike). This is the posterior mean.

    Parameters
    ----------
    prior : Level
        Guess [m3 m-3].
    covariance : array, shape (2, 2)
        Of its errors; see :func:`guess_covariance`.
    anomaly, theta : array, shape (day,)
        Predicted anomaly, and measured water content [m3 m-3].
    noise : float, optional

    Returns
    -------
    Level
    array, shape (2, 2)
        Covariance of the errors that are left [m6 m-6].
    """
    held = np.isfinite(anomaly) & np.isfinite(theta)
    if not held.any():
        return prior, covariance
    start = np.array([prior.mean, prior.spread])
    precision = np.linalg.inv(covariance)
    x = np.column_stack([np.ones(int(held.sum())), anomaly[held]])
    scale = 1.0 / (_CORRELATED_DAYS * (noise * prior.spread) ** 2)
    left: _Array = np.linalg.inv(precision + scale * x.T @ x).astype(np.float64)
    mean, spread = left @ (precision @ start + scale * x.T @ theta[held])
    return Level(float(mean), float(np.clip(spread, 0.3 * prior.spread, 3.0 * prior.spread))), left


def _transformed(name: str, value: float) -> float:
    return float(np.log(max(value, 1e-3))) if name in ("precip_annual", "vpd_mean", "soc_stock") else float(value)


def _ridge(x: _Array, y: _Array, ridge: float) -> tuple[_Array, _Array, _Array]:
    centre, width = x.mean(0), np.maximum(x.std(0), 1e-6)
    z = (x - centre) / width
    slopes = np.linalg.solve(z.T @ z + ridge * np.eye(z.shape[1]), z.T @ (y - y.mean(0)))
    return centre, width, np.vstack([slopes, y.mean(0)])


def _left_out(x: _Array, y: _Array, ridge: float) -> _Array:
    """Error at each site when it is left out, shape (site, 2)."""
    errors = np.empty_like(y)
    for i in range(len(x)):
        kept = np.arange(len(x)) != i
        centre, width, weights = _ridge(x[kept], y[kept], ridge)
        errors[i] = np.append((x[i] - centre) / width, 1.0) @ weights - y[i]
    return errors
