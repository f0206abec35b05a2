"""Gradient boosting of water content itself on lagged weather and static properties, as a baseline without JULES and without a network.

The number of trees is chosen on inner folds: over the training sites for sites that are held out, and over thirds of the training halves
for later times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from _moisture import FOLDS, SPEN_TRAIN_END, Records, every_day, folds, main_sensor, scored_days
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from jules_ml.experiment.place import COVER
from jules_ml.learned.moisture.boosting import DEPTH
from jules_ml.learned.moisture.lagged_inputs import lagged_inputs
from jules_ml.learned.moisture.moments import sensor_depths
from jules_ml.learned.moisture.moments_model import CLIMATE, SATELLITE, TEXTURE, static_properties
from jules_ml.learned.moisture.record import DYNAMIC, MoistureRecord
from jules_ml.physics.constants import DAYS_PER_YEAR

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]
#: Inputs and targets of the training days of each site.
_Pairs = Sequence[tuple[_Array, _Array]]
#: Daily inputs; no shared record has a soil water index.
_DYNAMIC = tuple(name for name in DYNAMIC if name != "swi")
_STATIC = (*CLIMATE, *TEXTURE, *SATELLITE, "bulk_density", "soc_stock", "elevation", *COVER)
#: Most trees, of which the inner folds choose.
MOST_TREES = 500
#: Days of each site, evenly over its training days; days of a shorter record are repeated.
_DAYS = 400
#: Inner folds, and models whose mean is the prediction.
_INNER, _SEEDS = 3, 2
#: Weight of a tower over that of another site where its own training half is known, the better one on inner folds of 1 and 4.
_TOWER_WEIGHT = 4
_SETTINGS = {
    "max_leaf_nodes": 16,
    "learning_rate": 0.04,
    "min_samples_leaf": 60,
    "l2_regularization": 5.0,
    "max_features": 0.4,
    "early_stopping": False,
}


@dataclass(frozen=True, eq=False)
class SiteRows:
    """Inputs of every day of a site, shape (day, input), and its target on training days, NaN on others [m3 m-3]."""

    x: _Array
    target: _Array

    def training(self, without: _Mask | None = None) -> tuple[_Array, _Array]:
        """Inputs and target of the training days."""
        days = np.isfinite(self.target) if without is None else np.isfinite(self.target) & ~without
        return self.x[days], self.target[days]


def site_rows(record: MoistureRecord, sensor: int, train: _Mask, known: _Mask) -> SiteRows:
    """Rows of a site with the training days of its sensor; static properties are derived from the days ``known``."""
    plain = record.without(jules=True)
    inputs = lagged_inputs(
        plain,
        dynamic=_DYNAMIC,
        static=_STATIC,
        properties=static_properties(plain, known),
        first_guess=np.stack([np.zeros(4), np.ones(4)]),
    )
    # the module has no date, since calendars differ in a running JULES
    season = 2.0 * np.pi * record.days.day_of_year.to_numpy() / DAYS_PER_YEAR
    inputs |= {"season_sin": np.sin(season), "season_cos": np.cos(season)}
    inputs[DEPTH] = np.full(len(record), sensor_depths(record.depth)[sensor])
    x = np.column_stack([values for name, values in inputs.items() if not name.startswith("first_guess")])
    return SiteRows(x, np.where(train, record.theta[:, sensor], np.nan))


def _model(trees: int, seed: int, pairs: _Pairs) -> HistGradientBoostingRegressor:
    """Fit to as many days of each site, so that sites have equal weight."""
    days = [np.linspace(0, len(target) - 1, _DAYS).round().astype(int) for _, target in pairs]
    x, y = (np.concatenate([pair[i][some] for pair, some in zip(pairs, days, strict=True)]) for i in (0, 1))
    return HistGradientBoostingRegressor(max_iter=trees, random_state=seed, **_SETTINGS).fit(x, y)


def _errors(most: int, train: _Pairs, test: _Pairs) -> _Array:
    """Mean over sites of the squared error, after each number of trees."""
    model = _model(most, 0, train)
    y = np.concatenate([target for _, target in test])
    weight = np.concatenate([np.full(len(target), 1.0 / (len(test) * len(target))) for _, target in test])
    return np.array([weight @ (p - y) ** 2 for p in model.staged_predict(np.concatenate([x for x, _ in test]))])


def _chosen(splits: Sequence[tuple[_Pairs, _Pairs]], most: int) -> int:
    """Number of trees with the smallest error over the inner folds."""
    return int(np.argmin(np.sum([_errors(most, *split) for split in splits], axis=0))) + 1


def _fitted(pairs: _Pairs, trees: int) -> Callable[[_Array], _Array]:
    models = [_model(trees, seed, pairs) for seed in range(_SEEDS)]
    return lambda x: np.mean([model.predict(x) for model in models], axis=0)


def boosting_held_out(
    records: Records, *, say: Callable[[str], None], folds_to_do: int = FOLDS, most: int = MOST_TREES
) -> dict[str, _Array]:
    """Predict the scored sensor of each held-out site, in the folds of the learned module."""
    every = {**records.neon, **records.uscrn}
    rows = {
        site: site_rows(record, main_sensor(records, site), scored_days(records, site), every_day(record))
        for site, record in every.items()
    }
    predictions: dict[str, _Array] = {}
    for neon, uscrn in folds(records)[:folds_to_do]:
        out = [*neon, *uscrn]
        others = {site: each.training() for site, each in rows.items() if site not in out}
        names = list(np.random.default_rng(0).permutation(list(others)))
        splits = [
            ([others[s] for s in names if s not in names[k::_INNER]], [others[s] for s in names[k::_INNER]])
            for k in range(_INNER)
        ]
        trees = _chosen(splits, most)
        say(f"boosting at held-out sites: {trees} trees")
        predict = _fitted(list(others.values()), trees)
        predictions |= {site: predict(rows[site].x) for site in out}
    return predictions


def boosting_in_time(records: Records, *, say: Callable[[str], None], most: int = MOST_TREES) -> dict[str, _Array]:
    """Predict the towers after training on their first halves and on the other sites, as the learned module is."""
    towers = {
        site: site_rows(
            record,
            records.parts[site].sensor,
            records.parts[site].first,
            np.arange(len(record)) < records.parts[site].boundary,
        )
        for site, record in records.neon.items()
    }
    spen, crns = records.spen, records.spen.names.index("theta_crns")
    early = np.asarray(spen.days <= SPEN_TRAIN_END)
    others = [site_rows(record, 0, record.usable[:, 0], every_day(record)) for record in records.uscrn.values()]
    others.append(site_rows(spen, crns, early & spen.usable[:, crns], early))
    fixed = [each.training() for each in others]
    splits = []
    for third in range(_INNER):
        blocks = {site: _third(rows.target, third) for site, rows in towers.items()}
        splits.append(
            (
                [*_TOWER_WEIGHT * [rows.training(blocks[site]) for site, rows in towers.items()], *fixed],
                [rows.training(~blocks[site]) for site, rows in towers.items()],
            )
        )
    trees = _chosen(splits, most)
    say(f"boosting at later times: {trees} trees")
    predict = _fitted([*_TOWER_WEIGHT * [rows.training() for rows in towers.values()], *fixed], trees)
    return {site: predict(rows.x) for site, rows in towers.items()}


def _third(target: _Array, number: int) -> _Mask:
    """Days of a third of the training days."""
    block = np.zeros(len(target), dtype=bool)
    block[np.array_split(np.flatnonzero(np.isfinite(target)), _INNER)[number]] = True
    return block


def with_offset(values: _Array, theta: _Array, local: _Mask) -> _Array:
    """Subtract the mean error on local days."""
    return values - float(np.mean(values[local] - theta[local]))
