r"""How far draws of a learned module are apart offline, on what they were learned from, and online, in the model.

Draws that fit one record alike may part once each drives a model: there the level :math:`R_0` that each had fitted to the record is
replaced by the model's own ``kaps * cs``, and soil is wet and warm in ways that the record was not. Spread is the standard deviation over
draws of the monthly mean, over its mean.

Draws of learned hydraulics say offline how much water a soil holds at a suction; what it holds online, the model's rain, roots and drainage
decide along with them. Spread is there the standard deviation of water content.
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

#: What is compared online: of respiration, and of hydraulics.
RESPIRATION, WATER = "resp_s_gb", "theta"


def offline_months(module_folder: Path) -> NDArray[np.float64]:
    """Monthly mean respiration of each draw on the record that the module was learned from.

    Parameters
    ----------
    module_folder : Path
        That ``jules-ml fit respiration`` wrote.

    Returns
    -------
    array, shape (draw, 12)
        [umol m-2 s-1]; NaN in months without rows.

    Raises
    ------
    BadInput
        If it is none of learned respiration, or does not hold its predictions.
    """
    module, settings, _ = load_respiration(module_folder)
    rows = read_predictions(module_folder, kind="respiration")
    moisture = rows["theta" if settings.moisture == "theta" else "wetness"].to_numpy()
    t_soil = torch.tensor(rows[settings.temperature].to_numpy(), dtype=torch.float64)
    months = pd.DatetimeIndex(rows["time"].to_numpy()).month.to_numpy()
    found = np.full((len(module.log_f), 12), np.nan)
    for draw in range(len(module.log_f)):
        alone = drawn_respiration(module, draw)
        with torch.no_grad():
            level = torch.exp(alone.log_level[0]).mean()
            flux = (level * alone.f(torch.tensor(moisture, dtype=torch.float64)) * alone.g(t_soil)).numpy()
        for month in range(12):
            chosen = flux[(months == month + 1) & np.isfinite(flux)]
            found[draw, month] = chosen.mean() if len(chosen) else np.nan
    return found


def online_months(
    folder: Path, name: str = RESPIRATION, *, module: str = "respiration"
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Monthly means of each gathered member, and the draw that it had.

    Parameters
    ----------
    folder : Path
        Of an ensemble that has been gathered.
    name : str
        Variable; of one in layers the top one is taken.
    module : str
        Whose draws.

    Returns
    -------
    means : array, shape (member, 12)
        In the units of the variable; of respiration [kg m-2 s-1].
    draws : array of int, shape (member,)
    """
    with gathered_dataset(folder) as source:
        source.set_auto_mask(False)
        # a period belongs to the month in which most of it lies: that before its end
        stamps = member_times(source)
        length = (stamps[1] - stamps[0]) if len(stamps) > 1 else pd.Timedelta(0)
        months = (stamps - length / 2).month.to_numpy()
        variable: netCDF4.Variable[Any] = source[name]
        means = np.full((len(variable), 12), np.nan)
        for member in range(len(variable)):
            values = variable[member] if variable.ndim == 2 else variable[member, :, 0]
            for month in range(12):
                chosen = values[months == month + 1]
                means[member, month] = chosen.mean() if len(chosen) else np.nan
        return means, np.asarray(source[f"draw_{module}"][:], dtype=np.int64)


def spread_dataset(folder: Path, module_folder: Path) -> xr.Dataset:
    """Spread of respiration over draws, offline and online, by month.

    Parameters
    ----------
    folder : Path
        Of an ensemble with draws of respiration that has been gathered.
    module_folder : Path
        Of the module.

    Returns
    -------
    xarray.Dataset
        Along ``month``: ``offline``, ``online_draws`` (means over all members of a draw, so that other perturbations average out) and
        ``online_all`` (all members) [1]; and ``_year`` of each, of the mean of the months.
    """
    attrs = {"long_name": "standard deviation over members, over their mean", "units": "1"}
    return _compared(offline_months(module_folder), *online_months(folder), _relative, attrs)


def water_spread_dataset(folder: Path, experiment: Experiment) -> xr.Dataset:
    """Spread of the top layer's water over draws of learned hydraulics, offline and online, by month.

    Parameters
    ----------
    folder : Path
        Of an ensemble of columns with draws of hydraulics that has been gathered.
    experiment : Experiment
        Of the ensemble.

    Returns
    -------
    xarray.Dataset
        As :func:`spread_dataset` [m3 m-3]; ``offline``, alike in all months, is that of the water that the soils hold at 33 kPa, residual
        water included.
    """
    online, draws = online_months(folder, WATER, module="hydraulics")
    held = []
    for draw in np.unique(draws):
        soil = soil_experiment(experiment, int(draw)).soil
        assert soil is not None
        assert soil.properties is not None
        held.append(soil.properties.sm_crit[0] + soil.properties.theta_r[0])
    offline = np.repeat(np.array(held)[:, None], 12, axis=1)
    attrs = {"long_name": "standard deviation over members", "units": "m3 m-3"}
    return _compared(offline, online, draws, _deviation, attrs)


def _compared(
    offline: NDArray[np.float64],
    online: NDArray[np.float64],
    draws: NDArray[np.int64],
    spread: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    attrs: dict[str, str],
) -> xr.Dataset:
    there = np.isfinite(online).any(axis=1)
    by_draw = np.stack([online[there & (draws == k)].mean(axis=0) for k in np.unique(draws[there])])
    found: dict[str, Any] = {}
    for name, values in (("offline", offline), ("online_draws", by_draw), ("online_all", online[there])):
        found[name] = ("month", spread(values))
        # only months that all have, so that years compare
        shared = np.isfinite(offline).all(axis=0) & np.isfinite(by_draw).all(axis=0)
        found[f"{name}_year"] = ((), float(spread(values[:, shared].mean(axis=1, keepdims=True))[0]))
    return xr.Dataset(found, coords={"month": np.arange(1, 13)}, attrs=attrs)


def _deviation(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values.std(axis=0), dtype=np.float64)


def _relative(values: NDArray[np.float64]) -> NDArray[np.float64]:
    # draws are all there are, not a sample of more
    return np.asarray(values.std(axis=0) / values.mean(axis=0), dtype=np.float64)
