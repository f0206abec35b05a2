"""What a fit of hydraulics reports: predictions, scores and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.learned.hydraulics.columns import ColumnBatch
from jules_ml.learned.hydraulics.figures import hydraulic_curves, hydraulic_series
from jules_ml.learned.hydraulics.network import LearnedHydraulics, input_table
from jules_ml.learned.hydraulics.pretraining import texture_parameters
from jules_ml.learned.hydraulics.simulation import at_sensors, batch_soil, concatenate_soils, simulate
from jules_ml.learned.hydraulics.soil import LearnedSoil
from jules_ml.learned.predictions import prediction_variables
from jules_ml.physics.soil_names import LAYERED, RESIDUAL
from jules_ml.scoring.scores import Scores, score
from jules_ml.scoring.splits import SPLIT_NAMES, split_of
from jules_ml.support.figures import save_figure

#: Part of the members' spread that lines and bands show.
_LOW, _HIGH = 0.05, 0.95


def column_predictions(
    network: LearnedHydraulics, batch: ColumnBatch, held: Sequence[NDArray[np.bool_]] | None = None
) -> xr.Dataset:
    """Run the columns with the soil that is learned, with every member's, and with the texture regression's.

    Parameters
    ----------
    network : LearnedHydraulics
    batch : ColumnBatch
    held : sequence of array of bool, shape (day,), optional
        Days of each site that were held out; all unless given.

    Returns
    -------
    xarray.Dataset
        ``observed``, ``predicted``, ``lower``, ``upper`` and ``texture`` water content [m3 m-3] and ``split`` by ``day`` and ``sensor``;
        JULES's soil properties by ``soil`` and ``site``, those of the members (``member_*``) and of the texture regression (``texture_*``).
    """
    sites = batch.sites
    dtype = batch.dzsoil.dtype
    with torch.no_grad():
        members = network(torch.tensor(input_table([s.inputs for s in sites], network.inputs))).to(dtype)
    raws = [members.mean(0), texture_parameters([s.inputs for s in sites]).to(dtype), *members]
    soils = [batch_soil(batch, raw) for raw in raws]
    theta = simulate(batch, concatenate_soils(soils))
    at = [at_sensors(batch, part).numpy() for part in theta.split(len(sites), dim=2)]
    lower, upper = np.quantile(np.stack(at[2:]), [_LOW, _HIGH], axis=0)
    test = np.ones(at[0].shape, dtype=bool)
    if held is not None:
        for sensor, column in enumerate(batch.sensor_column.tolist()):
            test[: len(held[column]), sensor] = held[column]
    water = {"units": "m3 m-3", "cell_methods": "time: mean"}
    data: dict[str, Any] = {
        **prediction_variables(
            ("day", "sensor"),
            observed=batch.observed.numpy(),
            predicted=at[0],
            lower=lower,
            upper=upper,
            split=split_of(test).flags(),
            quantity="water content",
            interval="90 % of the members of the network ensemble",
            attributes=water,
        ),
        "texture": (
            ("day", "sensor"),
            at[1],
            water | {"long_name": "water content, predicted with the soil of the texture regression"},
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
    """Values of one property of a soil, or of its residual water, shape (layer, column)."""
    values: Tensor = soil.theta_r if name == "theta_r" else getattr(soil.properties, name)
    return values.numpy().astype(np.float64)


def sensor_scores(
    predictions: xr.Dataset, *, part: str = "test", soils: Sequence[str] = ("learned", "texture")
) -> dict[str, Any]:
    """Score every sensor, and take medians over the first sensors of all sites.

    Parameters
    ----------
    predictions : xarray.Dataset
        As :func:`column_predictions` gives it.
    part : {'test', 'train'}
        Days that are scored.
    soils : sequence of str
        Soils that are scored: ``learned`` by ``predicted``, and other water contents in ``predictions`` by their names.

    Returns
    -------
    dict
        By sensor, and ``all``: every soil, each with what :class:`~jules_ml.scoring.scores.Scores` has [m3 m-3], ``all`` without ``n``.
    """
    sensors: list[dict[str, Any]] = []
    counted = predictions["split"].to_numpy() == SPLIT_NAMES.index(part)
    for k in range(predictions.sizes["sensor"]):
        observed = np.where(counted[:, k], predictions["observed"].to_numpy()[:, k], np.nan)
        column = int(predictions["sensor_site"][k])
        entry: dict[str, Any] = {
            "site": str(predictions["site"].to_numpy()[column]),
            "depth": float(predictions["depth"][k]),
        }
        for soil in soils:
            name = "predicted" if soil == "learned" else soil
            entry[soil] = asdict(score(predictions[name].to_numpy()[:, k], observed))
        sensors.append(entry)
    sites = [s["site"] for s in sensors]
    first = [sensors[sites.index(site)] for site in dict.fromkeys(sites)]
    names = [field.name for field in fields(Scores) if field.name != "n"]
    overall = {soil: {key: float(np.nanmedian([s[soil][key] for s in first])) for key in names} for soil in soils}
    return {"part": part, "all": overall, "sensors": sensors}


def save_report_figures(predictions: xr.Dataset, out: Path) -> None:
    """Save the figures of a fit: curves of the soils, and soil moisture through time."""
    for name, figure in {"curves": hydraulic_curves(predictions), "series": hydraulic_series(predictions)}.items():
        save_figure(figure, out / "figures" / f"{name}.png")
