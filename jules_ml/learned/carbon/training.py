"""Training of soil carbon: ridge regression, random forest and network, with folds of sites left out.

A *fold* is a set of sites that are left out together. Each learner is fitted without each fold, and predicts all sites.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import RidgeCV
from torch.func import functional_call, stack_module_state, vmap

from jules_ml.experiment.carbon_module import Branch
from jules_ml.learned.carbon.network import CarbonInputs, CarbonNetwork, CarbonRegression, negative_log_prior
from jules_ml.learned.carbon.table import CarbonTable

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]

Learner = Literal["regression", "forest", "network"]
LEARNERS: Final[tuple[Learner, ...]] = ("regression", "forest", "network")
#: Candidate ridge penalties per input, selected by leave-one-out within the training sites. The weakest corresponds to the prior that all
#: inputs together explain 80 % of the variance. The range was set by learning curves of synthetic sites: a weaker one overfits ten sites.
_PENALTIES = np.geomspace(0.25, 25.0, 11)
#: Lower limit of a site's error in the weights [ln]: how well cores represent the surroundings of a sensor.
_MIN_ERROR = 0.25
#: Trees of the random forest.
_TREES = 200


@dataclass(frozen=True)
class Target:
    """Target of the training.

    Attributes
    ----------
    log_value : array, shape (site,)
        Logarithm of the target; NaN where unknown.
    spread : array, shape (site,)
        Its standard error [ln].
    """

    log_value: _Array
    spread: _Array


def soc_target(table: CarbonTable) -> Target:
    """Return the organic carbon of a table as a target."""
    return Target(table.log_soc, table.spread)


def design(table: CarbonTable, *, moisture: bool, climate: bool = True) -> _Array:
    """Return the inputs of regression and forest, shape (site, input); NaN where unknown.

    Parameters
    ----------
    table : CarbonTable
    moisture : bool
        Whether to include the signatures of soil moisture.
    climate : bool
        Whether to include climate, topography and land cover.
    """
    blocks = [table.static.to_numpy()] if climate else []
    if moisture:
        blocks.append(_available_signatures(table).to_numpy())
    inputs: _Array = np.concatenate(blocks, axis=1).astype(np.float64)
    return inputs


def design_names(table: CarbonTable, *, moisture: bool, climate: bool = True) -> list[str]:
    """Return the names of the columns of :func:`design`."""
    return [*(table.static.columns if climate else []), *(_available_signatures(table).columns if moisture else [])]


def _available_signatures(table: CarbonTable) -> pd.DataFrame:
    """Signatures that any site has; daily records have no diurnal damping."""
    return table.signatures.loc[:, table.signatures.notna().any()]


def _medians(x: _Array) -> _Array:
    """Median of each column; zero where all values are missing."""
    medians: _Array = pd.DataFrame(x).median().fillna(0.0).to_numpy(dtype=np.float64)
    return medians


def fit_regression(x: _Array, target: Target) -> CarbonRegression:
    """Fit a ridge regression, whose penalty is selected by leave-one-out.

    Parameters
    ----------
    x : array, shape (site, input)
        NaN is replaced by the median.
    target : Target
        Without NaN.

    Returns
    -------
    CarbonRegression
    """
    fill = _medians(x)
    filled = np.where(np.isnan(x), fill, x)
    mean, sd = filled.mean(0), np.maximum(filled.std(0), 1e-9)
    weight = 1.0 / (_MIN_ERROR**2 + target.spread**2)
    ridge = RidgeCV(alphas=x.shape[1] * _PENALTIES).fit(
        (filled - mean) / sd, target.log_value, sample_weight=weight / weight.mean()
    )
    regression = CarbonRegression(x.shape[1])
    values = {"mean": mean, "sd": sd, "fill": fill, "weight": ridge.coef_, "intercept": ridge.intercept_}
    regression.load_state_dict({name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()})
    return regression


def predict_regression(x: _Array, target: Target, folds: Sequence[_Mask]) -> _Array:
    """Predict the logarithm at all sites by a regression without each fold, shape (fold, site)."""
    rows = []
    for fold in folds:
        train = ~fold & np.isfinite(target.log_value)
        regression = fit_regression(x[train], Target(target.log_value[train], target.spread[train]))
        rows.append(regression(torch.as_tensor(x)).numpy())
    return np.stack(rows)


def predict_forest(x: _Array, target: Target, folds: Sequence[_Mask], *, seed: int = 0) -> _Array:
    """Predict the logarithm at all sites by a random forest without each fold, shape (fold, site)."""
    rows = []
    for fold in folds:
        train = ~fold & np.isfinite(target.log_value)
        fill = _medians(x[train])
        filled = np.where(np.isnan(x), fill, x)
        weight = 1.0 / (_MIN_ERROR**2 + target.spread[train] ** 2)
        forest = RandomForestRegressor(_TREES, min_samples_leaf=2, max_features=0.5, random_state=seed)
        rows.append(forest.fit(filled[train], target.log_value[train], sample_weight=weight).predict(filled))
    return np.stack(rows)


@dataclass(frozen=True)
class NetworkSettings:
    """Settings of the network ensemble.

    Attributes
    ----------
    members : int
        Networks in the ensemble.
    hidden : int
        Features of each convolution.
    steps : int
        Steps of the Adam optimiser.
    rate : float
        Learning rate.
    seed : int
        Seed of the initial weights.
    """

    members: int = 4
    hidden: int = 4
    steps: int = 250
    rate: float = 0.03
    seed: int = 0


def fit_networks(
    inputs: CarbonInputs,
    target: Target,
    folds: Sequence[_Mask],
    branches: Sequence[Branch],
    settings: NetworkSettings,
) -> tuple[list[CarbonNetwork], _Array]:
    """Train a network ensemble without each fold, all networks at once.

    Parameters
    ----------
    inputs : CarbonInputs
    target : Target
    folds : sequence of array of bool, shape (site,)
        Sites that are left out together.
    branches : sequence of {'static', 'season', 'event'}
    settings : NetworkSettings

    Returns
    -------
    list of CarbonNetwork
        Members of the first fold, then of the second, and so on.
    array, shape (fold, site)
        Predicted logarithms, means over the members.
    """
    masks, networks = [], []
    centre, scale = [], []
    for fold in folds:
        train = ~fold & np.isfinite(target.log_value)
        training = CarbonInputs(*(x[torch.as_tensor(train)] for x in inputs))
        for member in range(settings.members):
            seed = 1000 * settings.seed + member
            networks.append(CarbonNetwork(training, branches, hidden=settings.hidden, seed=seed))
            masks.append(train)
            centre.append(target.log_value[train].mean())
            scale.append(max(float(target.log_value[train].std()), 1e-3))
    mask = torch.as_tensor(np.stack(masks), dtype=torch.float32)
    middle, width = (torch.as_tensor(np.array(v), dtype=torch.float32)[:, None] for v in (centre, scale))
    standardised = (torch.as_tensor(np.nan_to_num(target.log_value), dtype=torch.float32) - middle) / width
    error = torch.as_tensor(target.spread, dtype=torch.float32) / width
    parameters, buffers = stack_module_state(networks)
    template = networks[0]

    def forward(p: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> torch.Tensor:
        predicted: torch.Tensor = functional_call(template, (p, b), (inputs,))
        return predicted

    optimiser = torch.optim.Adam(parameters.values(), lr=settings.rate)
    for _ in range(settings.steps):
        optimiser.zero_grad()
        variance = torch.exp(2.0 * parameters["log_sigma"])[:, None] + error**2
        misfit = 0.5 * (standardised - vmap(forward)(parameters, buffers)) ** 2 / variance + 0.5 * torch.log(variance)
        cost = (mask * misfit).sum() + vmap(negative_log_prior)(parameters).sum()
        cost.backward()
        optimiser.step()
    with torch.no_grad():
        out = middle + width * vmap(forward)(parameters, buffers)
        for k, network in enumerate(networks):
            for name, p in network.named_parameters():
                p.copy_(parameters[name][k])
    mean = out.reshape(len(folds), settings.members, -1).mean(1)
    return networks, mean.double().numpy()
