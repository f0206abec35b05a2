"""Gradient boosting on lagged inputs: a member of the ensemble of soil moisture, beside its networks.

The trees predict the anomaly at a sensor from the lagged inputs of the site and the depth of the sensor. They are stored as arrays and
read without scikit-learn.

References
----------
Friedman (2001), Ann. Stat. 29, 1189-1232; Ke et al. (2017), NeurIPS 30, for the histogram-based trees of scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.learned.moisture.moments import sensor_depths

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

_Array = NDArray[np.float64]
#: Limits of finite numbers.
_FINITE: Final = (np.finfo(np.float64).min, np.finfo(np.float64).max)
#: Settings of the trees: shallow, slowly learned, with half of the inputs at each split, because few sites are independent.
_TREES: Final = {
    "max_iter": 300,
    "learning_rate": 0.04,
    "max_leaf_nodes": 15,
    "max_depth": 6,
    "l2_regularization": 5.0,
    "max_features": 0.4,
    "early_stopping": False,
}
#: Least rows in a leaf: a fortieth of all rows, within these limits.
_LEAF: Final = (20, 100)
_ROWS_OF_LEAF: Final = 40
#: Probability that the first guess, and that surface temperature, is missing in a row, so that sites without them can be predicted; that
#: of the networks.
_DROP_INPUT: Final = 0.15
_DROPPED: Final = (("first_guess_", "jules_"), ("lst_",))
#: Entry of the card of a module, and prefix of its tensors.
BOOSTING: Final = "boosting"
#: Name of the input that holds the depth of the sensor [m].
DEPTH: Final = "depth"
#: Days of the scored sensor, and of each other one, that the trees are fitted to; neighbouring days are nearly one observation.
_DAYS: Final = (250, 50)
#: Weight of a sensor that is not scored.
_OTHER_SENSORS: Final = 0.1
#: Largest anomaly in the fit [1].
_LARGEST: Final = 4.0


@dataclass(frozen=True, eq=False)
class BoostedTrees:
    """Trees of a fitted gradient boosting.

    Attributes
    ----------
    names : tuple of str
        Inputs, in the order of their numbers in ``feature``.
    baseline : float
        Prediction before the first tree.
    feature, left, right : array of int, shape (tree, node)
        Number of the input by which a node divides, and the nodes that follow; a leaf follows itself.
    threshold, value : array, shape (tree, node)
        Largest value that goes left, and the value of a leaf.
    missing_left : array of bool, shape (tree, node)
        Whether a missing value goes left.
    depth : int
        Most divisions between the root and a leaf.
    deepest : float
        Depth of the deepest sensor that the trees were fitted to [m].
    """

    names: tuple[str, ...]
    baseline: float
    feature: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    threshold: _Array
    value: _Array
    missing_left: NDArray[np.bool_]
    depth: int
    deepest: float

    def predict(self, inputs: Mapping[str, _Array]) -> _Array:
        """Predict each row, shape (row,).

        Parameters
        ----------
        inputs : mapping of str to array, shape (row,)
            With all :attr:`names`.
        """
        columns = np.stack([inputs[name] for name in self.names])
        rows = np.arange(columns.shape[1])
        total = np.full(len(rows), self.baseline)
        for tree in range(len(self.feature)):
            feature, threshold, missing_left = self.feature[tree], self.threshold[tree], self.missing_left[tree]
            left, right = self.left[tree], self.right[tree]
            node = np.zeros(len(rows), dtype=np.int64)
            for _ in range(self.depth):
                x = columns[feature[node], rows]
                goes_left = np.where(np.isnan(x), missing_left[node], x <= threshold[node])
                node = np.where(goes_left, left[node], right[node])
            total += self.value[tree][node]
        return total

    def to_state(self) -> dict[str, Tensor]:
        """Convert the arrays to tensors of 64 bits by name, as a module folder holds them."""
        arrays = (f.name for f in fields(self) if f.name not in ("names", "baseline", "depth", "deepest"))
        return {name: torch.from_numpy(getattr(self, name).astype(np.float64)) for name in arrays}

    @classmethod
    def from_state(
        cls, state: Mapping[str, Tensor], *, names: Sequence[str], baseline: float, depth: int, deepest: float
    ) -> BoostedTrees:
        """Read what :meth:`to_state` wrote."""
        feature, left, right = (state[name].numpy().astype(np.int64) for name in ("feature", "left", "right"))
        return cls(
            tuple(names),
            baseline,
            feature,
            left,
            right,
            threshold=state["threshold"].numpy(),
            value=state["value"].numpy(),
            missing_left=state["missing_left"].numpy() > 0.0,
            depth=depth,
            deepest=deepest,
        )


def boosted_trees(model: HistGradientBoostingRegressor, names: Sequence[str], *, deepest: float) -> BoostedTrees:
    """Collect the trees of a fitted model of scikit-learn.

    Parameters
    ----------
    model : HistGradientBoostingRegressor
    names : sequence of str
        Names of its inputs.
    deepest : float
        Depth of the deepest sensor that it was fitted to [m].

    Returns
    -------
    BoostedTrees
    """
    trees = [of_iteration[0].nodes for of_iteration in model._predictors]
    most = max(len(nodes) for nodes in trees)
    shape = (len(trees), most)
    own = np.broadcast_to(np.arange(most), shape)
    arrays = {
        "feature": np.zeros(shape, dtype=np.int64),
        "left": own.copy(),
        "right": own.copy(),
        "threshold": np.zeros(shape),
        "value": np.zeros(shape),
        "missing_left": np.zeros(shape, dtype=bool),
    }
    for tree, nodes in enumerate(trees):
        inner = np.flatnonzero(nodes["is_leaf"] == 0)
        arrays["value"][tree, : len(nodes)] = nodes["value"]
        for name, column in (
            ("feature", "feature_idx"),
            ("left", "left"),
            ("right", "right"),
            ("threshold", "num_threshold"),
            ("missing_left", "missing_go_to_left"),
        ):
            arrays[name][tree, inner] = nodes[column][inner]
    # an infinite threshold separates missing values from all others; a module folder contains finite numbers only
    arrays["threshold"] = np.clip(arrays["threshold"], *_FINITE)
    depth = int(max(nodes["depth"].max() for nodes in trees))
    return BoostedTrees(
        tuple(names), float(np.ravel(model._baseline_prediction)[0]), depth=depth, deepest=deepest, **arrays
    )


@dataclass(frozen=True, eq=False)
class BoostingRows:
    """Rows that the trees are fitted to.

    Attributes
    ----------
    inputs : dict of str to array, shape (row,)
    target, weight : array, shape (row,)
    """

    inputs: dict[str, _Array]
    target: _Array
    weight: _Array


def boosting_rows(
    inputs: Mapping[str, _Array],
    anomalies: Sequence[_Array | None],
    *,
    depth: _Array,
    main: int,
    seed: int,
) -> BoostingRows:
    """Select the rows of a site, at most 250 days of the scored sensor and 50 of each other one.

    Parameters
    ----------
    inputs : mapping of str to array, shape (day,)
        Lagged inputs; see :func:`~jules_ml.learned.moisture.lagged_inputs.lagged_inputs`.
    anomalies : sequence of array or None
        Measured anomaly of each sensor on its training days, NaN elsewhere [1]; None for a sensor without moments.
    depth : array, shape (sensor,)
        [m]; NaN for a cosmic-ray sensor.
    main : int
        Index of the scored sensor, whose days have the weight 1 together; those of the other sensors have a tenth.
    seed : int
        Seed of the selection.

    Returns
    -------
    BoostingRows
    """
    random = np.random.default_rng(seed)
    depths = sensor_depths(depth)
    days, levels, targets, weights = [], [], [], []
    for sensor, anomaly in enumerate(anomalies):
        if anomaly is None:
            continue
        some = np.flatnonzero(np.isfinite(anomaly))
        most = _DAYS[sensor != main]
        if len(some) > most:
            some = np.sort(random.choice(some, most, replace=False))
        days.append(some)
        levels.append(np.full(len(some), depths[sensor]))
        targets.append(np.clip(anomaly[some], -_LARGEST, _LARGEST))
        weights.append(np.full(len(some), (1.0 if sensor == main else _OTHER_SENSORS) / max(len(some), 1)))
    rows = np.concatenate(days)
    columns = {name: values[rows] for name, values in inputs.items()}
    for prefixes in _DROPPED:
        missing = random.random(len(rows)) < _DROP_INPUT
        columns |= {name: np.where(missing, np.nan, columns[name]) for name in columns if name.startswith(prefixes)}
    return BoostingRows(columns | {DEPTH: np.concatenate(levels)}, np.concatenate(targets), np.concatenate(weights))


def fit_boosting(rows: Sequence[BoostingRows], *, seed: int) -> BoostedTrees:
    """Fit gradient boosting to the rows of all sites.

    Parameters
    ----------
    rows : sequence of BoostingRows
        One for each site, all with the same inputs.
    seed : int
        Seed of the inputs that are drawn at each split.

    Returns
    -------
    BoostedTrees
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    # an input that no row has cannot divide any
    names = tuple(name for name in rows[0].inputs if any(np.isfinite(each.inputs[name]).any() for each in rows))
    x = np.vstack([np.column_stack([each.inputs[name] for name in names]) for each in rows])
    weight = np.concatenate([each.weight for each in rows])
    leaf = int(np.clip(len(x) / _ROWS_OF_LEAF, *_LEAF))
    model = HistGradientBoostingRegressor(**_TREES, min_samples_leaf=leaf, random_state=seed)
    # scikit-learn regularises by sums of weights, so that their mean is set to 1
    model.fit(x, np.concatenate([each.target for each in rows]), sample_weight=weight / weight.mean())
    return boosted_trees(model, names, deepest=max(float(each.inputs[DEPTH].max()) for each in rows))
