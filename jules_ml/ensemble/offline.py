r"""Spread over the draws of a learned module offline, on its training data, and online, in the model.

Draws that fit one record equally well may diverge in a model, where soil temperature and water content have another distribution than in
the record; and with ``[modules] base_rate = "jules"`` the model's own ``kaps * cs`` replaces the base respiration :math:`R_0` that was
fitted with each draw. The spread is the standard deviation over draws of the monthly mean, divided by its mean.

For draws of learned hydraulics, the offline quantity is the water content at a given suction. Online, water content also depends on the
model's precipitation, root uptake and drainage. The spread is then the standard deviation of water content.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray

from jules_ml.ensemble.draws import drawn_respiration
from jules_ml.ensemble.gathering import gathered_dataset
from jules_ml.ensemble.member_experiment import soil_experiment
from jules_ml.ensemble.weights import member_times
from jules_ml.experiment import Experiment
from jules_ml.learned.predictions import read_predictions
from jules_ml.learned.respiration.store import load_respiration

#: Variables that are compared online: for respiration, and for hydraulics.
RESPIRATION, WATER = "resp_s_gb", "theta"


def offline_months(module_folder: Path) -> NDArray[np.float64]:
    """Compute monthly mean respiration of each draw on the module's training data.

    Parameters
    ----------
    module_folder : Path
        Folder that ``jules-ml fit respiration`` wrote.

    Returns
    -------
    array, shape (draw, 12)
        [umol m-2 s-1]; NaN in months without rows.

    Raises
    ------
    BadInput
        If it is not a module folder of respiration, or lacks its predictions.
    """
    module, settings, _ = load_respiration(module_folder)
    rows = read_predictions(module_folder, kind="respiration")
    moisture = rows["theta" if settings.moisture == "theta" else "wetness"].to_numpy()
    t_soil = torch.tensor(rows[settings.temperature].to_numpy(), dtype=torch.float64)
    months = pd.DatetimeIndex(rows["time"].to_numpy()).month.to_numpy()
    means = np.full((len(module.log_f), 12), np.nan)
    for draw in range(len(module.log_f)):
        single = drawn_respiration(module, draw)
        with torch.no_grad():
            r0 = torch.exp(single.log_level[0]).mean()
            flux = (r0 * single.f(torch.tensor(moisture, dtype=torch.float64)) * single.g(t_soil)).numpy()
        for month in range(12):
            in_month = flux[(months == month + 1) & np.isfinite(flux)]
            means[draw, month] = in_month.mean() if len(in_month) else np.nan
    return means


def online_months(
    folder: Path, name: str = RESPIRATION, *, module: str = "respiration"
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Compute monthly means of each gathered member, and return its draw.

    Parameters
    ----------
    folder : Path
        Folder of a gathered ensemble.
    name : str
        Variable; of a variable in soil layers the top layer is used.
    module : str
        Module whose draws are returned.

    Returns
    -------
    means : array, shape (member, 12)
        In the units of the variable; [kg m-2 s-1] for respiration.
    draws : array of int, shape (member,)
    """
    with gathered_dataset(folder) as source:
        source.set_auto_mask(False)
        # a period belongs to the month that contains its middle
        stamps = member_times(source)
        length = (stamps[1] - stamps[0]) if len(stamps) > 1 else pd.Timedelta(0)
        months = (stamps - length / 2).month.to_numpy()
        variable: netCDF4.Variable[Any] = source[name]
        means = np.full((len(variable), 12), np.nan)
        for member in range(len(variable)):
            values = variable[member] if variable.ndim == 2 else variable[member, :, 0]
            for month in range(12):
                in_month = values[months == month + 1]
                means[member, month] = in_month.mean() if len(in_month) else np.nan
        return means, np.asarray(source[f"draw_{module}"][:], dtype=np.int64)


def spread_dataset(folder: Path, module_folder: Path) -> xr.Dataset:
    """Compute the spread of respiration over draws, offline and online, by month.

    Parameters
    ----------
    folder : Path
        Folder of a gathered ensemble with draws of respiration.
    module_folder : Path
        Folder of the module.

    Returns
    -------
    xarray.Dataset
        Along ``month``: ``offline``, ``online_draws`` (of means over all members with the same draw, so that other perturbations average
        out) and ``online_all`` (of all members) [1]; with the suffix ``_year``, the same for the mean over the months.
    """
    attrs = {"long_name": "standard deviation over members, divided by their mean", "units": "1"}
    return _spreads(offline_months(module_folder), *online_months(folder), _relative, attrs)


def water_spread_dataset(folder: Path, experiment: Experiment) -> xr.Dataset:
    """Compute the spread of the top layer's water content over draws of learned hydraulics, offline and online, by month.

    Parameters
    ----------
    folder : Path
        Folder of a gathered ensemble of columns with draws of hydraulics.
    experiment : Experiment
        Experiment of the ensemble.

    Returns
    -------
    xarray.Dataset
        As :func:`spread_dataset` [m3 m-3]; ``offline``, the same in all months, is the spread of water content at 33 kPa, including
        residual water.
    """
    online, draws = online_months(folder, WATER, module="hydraulics")
    theta_33kpa = []
    for draw in np.unique(draws):
        soil = soil_experiment(experiment, int(draw)).soil
        assert soil is not None
        assert soil.properties is not None
        theta_33kpa.append(soil.properties.sm_crit[0] + soil.properties.theta_r[0])
    offline = np.repeat(np.array(theta_33kpa)[:, None], 12, axis=1)
    attrs = {"long_name": "standard deviation over members", "units": "m3 m-3"}
    return _spreads(offline, online, draws, _deviation, attrs)


def _spreads(
    offline: NDArray[np.float64],
    online: NDArray[np.float64],
    draws: NDArray[np.int64],
    spread: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    attrs: dict[str, str],
) -> xr.Dataset:
    available = np.isfinite(online).any(axis=1)
    by_draw = np.stack([online[available & (draws == k)].mean(axis=0) for k in np.unique(draws[available])])
    variables: dict[str, Any] = {}
    for name, values in (("offline", offline), ("online_draws", by_draw), ("online_all", online[available])):
        variables[name] = ("month", spread(values))
        # only months that are available in all of them, so that annual means are comparable
        shared = np.isfinite(offline).all(axis=0) & np.isfinite(by_draw).all(axis=0)
        variables[f"{name}_year"] = ((), float(spread(values[:, shared].mean(axis=1, keepdims=True))[0]))
    return xr.Dataset(variables, coords={"month": np.arange(1, 13)}, attrs=attrs)


def _deviation(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values.std(axis=0), dtype=np.float64)


def _relative(values: NDArray[np.float64]) -> NDArray[np.float64]:
    # standard deviation of a population: the draws are complete, not a sample
    return np.asarray(values.std(axis=0) / values.mean(axis=0), dtype=np.float64)
