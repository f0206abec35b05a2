"""Predictions, scores and figures of learned hydraulics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.learned.hydraulics.columns import ColumnBatch
from jules_ml.learned.hydraulics.correction import CorrectedRosetta
from jules_ml.learned.hydraulics.figures import hydraulic_curves, hydraulic_series
from jules_ml.learned.hydraulics.network import LearnedHydraulics, input_table
from jules_ml.learned.hydraulics.pretraining import texture_parameters
from jules_ml.learned.hydraulics.simulation import at_sensors, batch_soil, concatenate_soils, simulate
from jules_ml.learned.hydraulics.soil import LearnedSoil
from jules_ml.learned.predictions import prediction_variables
from jules_ml.learned.verdict import LEARNED, compared, verdict_of
from jules_ml.physics.soil_names import LAYERED, RESIDUAL
from jules_ml.scoring.bootstrap import BLOCK_DAYS
from jules_ml.scoring.scores import Scores
from jules_ml.scoring.splits import SPLIT_NAMES, split_of
from jules_ml.support.figures import save_figure

#: Variable of the mean of the runs with the soil of each member.
ENSEMBLE: Final = "ensemble"
#: Labels of soils in the verdict.
_LABELS = {"texture": "texture regression", "uncalibrated": "soil of [soil]"}
#: Quantiles of the members that are the limits of the interval.
_LOW, _HIGH = 0.05, 0.95


def column_predictions(
    network: LearnedHydraulics, batch: ColumnBatch, test_days: Sequence[NDArray[np.bool_]] | None = None
) -> xr.Dataset:
    """Run the columns with the learned soil, with the soil of each draw, and with that of the texture regression.

    Parameters
    ----------
    network : LearnedHydraulics
    batch : ColumnBatch
    test_days : sequence of array of bool, shape (day,), optional
        Days of the test period of each site; by default all days.

    Returns
    -------
    xarray.Dataset
        ``observed``, ``predicted``, ``lower``, ``upper``, ``texture`` and, the mean of the runs with the draws, ``ensemble`` water content
        [m3 m-3] and ``split`` by ``day`` and ``sensor``;
        JULES's soil properties by ``soil`` and ``site``, also of the members (``member_*``) and of the texture regression (``texture_*``).
    """
    sites = batch.sites
    dtype = batch.dzsoil.dtype
    table = torch.tensor(input_table([s.inputs for s in sites], network.inputs))
    with torch.no_grad():
        learned, draws = network(table).mean(0), network.draws(table)
        # a correction of Rosetta 3 is compared with Rosetta 3, from the same texture
        texture = texture_parameters([s.inputs for s in sites])
        if isinstance(network, CorrectedRosetta):
            texture = network.prior(table)
    raws = [raw.to(dtype) for raw in (learned, texture, *draws)]
    soils = [batch_soil(batch, raw) for raw in raws]
    theta = simulate(batch, concatenate_soils(soils))
    readings = [at_sensors(batch, part).numpy() for part in theta.split(len(sites), dim=2)]
    lower, upper = np.quantile(np.stack(readings[2:]), [_LOW, _HIGH], axis=0)
    test = np.ones(readings[0].shape, dtype=bool)
    if test_days is not None:
        for sensor, column in enumerate(batch.sensor_column.tolist()):
            test[: len(test_days[column]), sensor] = test_days[column]
    water = {"units": "m3 m-3", "cell_methods": "day: mean"}
    data: dict[str, Any] = {
        **prediction_variables(
            ("day", "sensor"),
            observed=batch.observed.numpy(),
            predicted=readings[0],
            lower=lower,
            upper=upper,
            split=split_of(test).flags(),
            quantity="water content",
            interval="90 % of the members of the network ensemble",
            attributes=water,
        ),
        "texture": (
            ("day", "sensor"),
            readings[1],
            water | {"long_name": "water content, predicted with the soil of the texture regression"},
        ),
        ENSEMBLE: (
            ("day", "sensor"),
            np.mean(readings[2:], axis=0),
            water | {"long_name": "water content, mean of the runs with the soil of each member"},
        ),
        "depth": (("sensor",), np.concatenate([s.sensor_depth for s in sites]), {"units": "m"}),
        "sensor_site": (("sensor",), batch.sensor_column.numpy()),
        "dzsoil": (("soil",), batch.dzsoil.flatten().numpy(), {"units": "m"}),
        "albsoil": (("site",), np.array([s.albsoil for s in sites]), {"units": "1"}),
    }
    for name in (*LAYERED, *RESIDUAL):
        units, meaning = (LAYERED | RESIDUAL)[name]
        attrs = {"units": units, "long_name": meaning}
        values = [soil_property(soil, name) for soil in soils]
        data[name] = (("soil", "site"), values[0], attrs)
        data[f"texture_{name}"] = (("soil", "site"), values[1], attrs)
        data[f"member_{name}"] = (("member", "soil", "site"), np.stack(values[2:]), attrs)
    return xr.Dataset(data, coords={"site": [s.name for s in sites], "start": ("site", [str(s.start) for s in sites])})


def soil_property(soil: LearnedSoil, name: str) -> NDArray[np.float64]:
    """Values of a soil property, or of residual water ``theta_r``, shape (layer, column)."""
    values: Tensor = soil.theta_r if name == "theta_r" else getattr(soil.properties, name)
    return values.numpy().astype(np.float64)


def sensor_scores(
    predictions: xr.Dataset,
    *,
    part: str = "test",
    soils: Sequence[str] = (LEARNED, "texture"),
    period: str = "in the test period",
) -> dict[str, Any]:
    """Score all sensors, and compute medians over the first sensors of all sites.

    Parameters
    ----------
    predictions : xarray.Dataset
        From :func:`column_predictions`.
    part : {'test', 'train'}
        Split that is scored.
    soils : sequence of str
        Soils that are scored: ``learned`` is the variable ``predicted``, other soils have the names of their variables in ``predictions``.
    period : str
        What is scored, for the verdict.

    Returns
    -------
    dict
        For each of ``sensors``, and as medians in ``all``: the :class:`~jules_ml.scoring.scores.Scores` of each soil [m3 m-3], and of the
        mean of the members' runs (``ensemble``) if there are several, in ``all`` without ``n``. Other soils than the learned one have its
        RMSE minus theirs in ``sensors``. ``verdict`` compares the soils at the first sensors of all sites; it is missing for training
        days.
    """
    sensors: list[dict[str, Any]] = []
    scored = (*soils, ENSEMBLE) if predictions.sizes["member"] > 1 else tuple(soils)
    in_part = predictions["split"].to_numpy() == SPLIT_NAMES.index(part)
    for k in range(predictions.sizes["sensor"]):
        observed = np.where(in_part[:, k], predictions["observed"].to_numpy()[:, k], np.nan)
        column = int(predictions["sensor_site"][k])
        entry: dict[str, Any] = {
            "site": str(predictions["site"].to_numpy()[column]),
            "depth": float(predictions["depth"][k]),
        }
        entry |= _compared(predictions, observed[:, np.newaxis], [k], scored)
        sensors.append(entry)
    sites = [s["site"] for s in sensors]
    numbers = [sites.index(site) for site in dict.fromkeys(sites)]
    first = [sensors[number] for number in numbers]
    names = [field.name for field in fields(Scores) if field.name != "n"]
    overall = {soil: {key: float(np.nanmedian([s[soil][key] for s in first])) for key in names} for soil in scored}
    scores = {"part": part, "all": overall, "sensors": sensors}
    if part != "test":
        return scores
    observed = np.where(in_part, predictions["observed"].to_numpy(), np.nan)[:, numbers]
    table = {_LABELS.get(soil, soil): of for soil, of in _compared(predictions, observed, numbers, soils).items()}
    judged = verdict_of("hydraulics", table, measure="rmse", units="m3 m-3", period=period)
    return scores | {"verdict": judged.to_scores()}


def _compared(
    predictions: xr.Dataset, observed: NDArray[np.float64], sensors: Sequence[int], soils: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Score soils at some sensors together; ``observed`` (day, sensor) is NaN where it is not scored."""
    values = {
        soil: predictions["predicted" if soil == LEARNED else soil].to_numpy()[:, sensors].T.ravel() for soil in soils
    }
    block = np.arange(len(observed)) // BLOCK_DAYS
    blocks = np.concatenate([block + number * len(observed) for number in range(len(sensors))])
    return compared(observed.T.ravel(), values, blocks, measure="rmse")


def save_report_figures(predictions: xr.Dataset, out: Path) -> None:
    """Save the hydraulic curves and the time series of soil moisture as figures."""
    for name, figure in {"curves": hydraulic_curves(predictions), "series": hydraulic_series(predictions)}.items():
        save_figure(figure, out / "figures" / f"{name}.png")
