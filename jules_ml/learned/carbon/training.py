"""Learning of soil carbon: ridge regression, random forest and network, each fitted with some sites left out.

A *fold* is the sites that are left out together. A learner takes a table and folds, and gives what it predicts for every site in each.
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
#: Penalties for each input that the regression chooses among, by leaving one out within what it learns from. The weakest is the prior that
#: all inputs together explain 80 % of the variance; chosen by learning curves of synthetic sites, since at ten sites a weaker one overfits.
_PENALTIES = np.geomspace(0.25, 25.0, 11)
#: Least error of a site that weights rest on [ln]: no cores are better than the place they stand for.
_LEAST_ERROR = 0.25
_TREES = 200


@dataclass(frozen=True)
class Target:
    """What is learned: logarithms, and the spread that each is known to; NaN where it is not known."""

    log_value: _Array
    spread: _Array


def soc_target(table: CarbonTable) -> Target:
    """Organic carbon of a table."""
    return Target(table.log_soc, table.spread)


def design(table: CarbonTable, *, moisture: bool, climate: bool = True) -> _Array:
    """Inputs of regression and forest, shape (site, input); NaN where not known."""
    parts = [table.static.to_numpy()] if climate else []
    if moisture:
        parts.append(_told(table).to_numpy())
    return np.concatenate(parts, axis=1).astype(np.float64)


def design_names(table: CarbonTable, *, moisture: bool, climate: bool = True) -> list[str]:
    """Names of the columns of :func:`design`."""
    return [*(table.static.columns if climate else []), *(_told(table).columns if moisture else [])]


def _told(table: CarbonTable) -> pd.DataFrame:
    """Signatures that the record of any site tells: diurnal damping is none where all records are of days."""
    return table.signatures.loc[:, table.signatures.notna().any()]


def _medians(x: _Array) -> _Array:
    """Median of each column, zero where nothing is known."""
    return pd.DataFrame(x).median().fillna(0.0).to_numpy(dtype=np.float64)


def fit_regression(x: _Array, target: Target) -> CarbonRegression:
    """Fit a ridge regression; its penalty is chosen by leaving out one of the sites that it is given.

    Parameters
    ----------
    x : array, shape (site, input)
        NaN counts as the median.
    target : Target
        All known.

    Returns
    -------
    CarbonRegression
    """
    fill = _medians(x)
    filled = np.where(np.isnan(x), fill, x)
    mean, sd = filled.mean(0), np.maximum(filled.std(0), 1e-9)
    weight = 1.0 / (_LEAST_ERROR**2 + target.spread**2)
    ridge = RidgeCV(alphas=x.shape[1] * _PENALTIES).fit(
        (filled - mean) / sd, target.log_value, sample_weight=weight / weight.mean()
    )
    made = CarbonRegression(x.shape[1])
    values = {"mean": mean, "sd": sd, "fill": fill, "weight": ridge.coef_, "intercept": ridge.intercept_}
    made.load_state_dict({name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()})
    return made


def predict_regression(x: _Array, target: Target, folds: Sequence[_Mask]) -> _Array:
    """Logarithms that the regression gives for all sites with each fold left out, shape (fold, site)."""
    rows = []
    for fold in folds:
        learn = ~fold & np.isfinite(target.log_value)
        made = fit_regression(x[learn], Target(target.log_value[learn], target.spread[learn]))
        rows.append(made(torch.as_tensor(x)).numpy())
    return np.stack(rows)


def predict_forest(x: _Array, target: Target, folds: Sequence[_Mask], *, seed: int = 0) -> _Array:
    """The same of a random forest."""
    rows = []
    for fold in folds:
        learn = ~fold & np.isfinite(target.log_value)
        fill = _medians(x[learn])
        filled = np.where(np.isnan(x), fill, x)
        weight = 1.0 / (_LEAST_ERROR**2 + target.spread[learn] ** 2)
        forest = RandomForestRegressor(_TREES, min_samples_leaf=2, max_features=0.5, random_state=seed)
        rows.append(forest.fit(filled[learn], target.log_value[learn], sample_weight=weight).predict(filled))
    return np.stack(rows)


@dataclass(frozen=True)
class NetworkSettings:
    """How the ensemble is learned: members, features of the convolutions, steps of Adam and their length."""

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
    """Fit an ensemble for each fold, all at once.

    Parameters
    ----------
    inputs : CarbonInputs
    target : Target
    folds : sequence of array of bool, shape (site,)
        Sites that are left out.
    branches : sequence of {'static', 'season', 'event'}
    settings : NetworkSettings

    Returns
    -------
    list of CarbonNetwork
        Members of the first fold, then of the second, and so on.
    array, shape (fold, site)
        Logarithms that the ensembles give, means of their members.
    """
    masks, networks = [], []
    centre, scale = [], []
    for fold in folds:
        learn = ~fold & np.isfinite(target.log_value)
        seen = CarbonInputs(*(x[torch.as_tensor(learn)] for x in inputs))
        for member in range(settings.members):
            networks.append(CarbonNetwork(seen, branches, hidden=settings.hidden, seed=1000 * settings.seed + member))
            masks.append(learn)
            centre.append(target.log_value[learn].mean())
            scale.append(max(float(target.log_value[learn].std()), 1e-3))
    mask = torch.as_tensor(np.stack(masks), dtype=torch.float32)
    middle, width = (torch.as_tensor(np.array(v), dtype=torch.float32)[:, None] for v in (centre, scale))
    wanted = (torch.as_tensor(np.nan_to_num(target.log_value), dtype=torch.float32) - middle) / width
    error = torch.as_tensor(target.spread, dtype=torch.float32) / width
    parameters, buffers = stack_module_state(networks)
    template = networks[0]

    def given(p: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> torch.Tensor:
        return functional_call(template, (p, b), (inputs,))

    optimiser = torch.optim.Adam(parameters.values(), lr=settings.rate)
    for _ in range(settings.steps):
        optimiser.zero_grad()
        variance = torch.exp(2.0 * parameters["log_sigma"])[:, None] + error**2
        miss = 0.5 * (wanted - vmap(given)(parameters, buffers)) ** 2 / variance + 0.5 * torch.log(variance)
        cost = (mask * miss).sum() + vmap(negative_log_prior)(parameters).sum()
        cost.backward()
        optimiser.step()
    with torch.no_grad():
        out = middle + width * vmap(given)(parameters, buffers)
        for k, network in enumerate(networks):
            for name, p in network.named_parameters():
                p.copy_(parameters[name][k])
    mean = out.reshape(len(folds), settings.members, -1).mean(1)
    return networks, mean.double().numpy()
