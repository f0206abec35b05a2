"""Measured and predicted NEE of day and night: predictions, scores and figure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jules_ml.learned.predictions import SPLIT_ATTRIBUTES
from jules_ml.learned.respiration.exchange import Exchange
from jules_ml.learned.respiration.figures import fit_skill
from jules_ml.learned.respiration.photosynthesis import NO_LIGHT
from jules_ml.learned.respiration.training import TrainedRespiration
from jules_ml.scoring.fluxes import daily
from jules_ml.scoring.scores import score
from jules_ml.scoring.splits import SPLIT_NAMES, split_of


def nee_predictions_of(learned: TrainedRespiration, exchange: Exchange, test: NDArray[np.bool_]) -> xr.Dataset:
    """Measured and predicted NEE at all hours, with predicted respiration and photosynthesis.

    Parameters
    ----------
    learned : TrainedRespiration
        Module with photosynthesis.
    exchange : Exchange
        All rows of NEE.
    test : array of bool, shape (row,)
        Rows of the test period.

    Returns
    -------
    xarray.Dataset
        Variables along ``step``.
    """
    assert learned.assimilation is not None
    rows = exchange.rows
    respiration = learned.predict(rows)
    with torch.no_grad():
        uptake = learned.assimilation(exchange.weather, torch.tensor(rows.group)).numpy()
    flux = {"units": "umol m-2 s-1"}
    columns: dict[str, tuple[Any, ...]] = {
        "nee_time": ("step", rows.time.to_numpy(), {"long_name": "end of interval, UTC"}),
        "nee_middle": ("step", rows.middle.to_numpy(), {"long_name": "middle of interval, local standard time"}),
        "nee_observed": ("step", rows.flux, flux | {"long_name": "net ecosystem exchange, positive upward, observed"}),
        "nee_predicted": ("step", respiration - uptake, flux | {"long_name": "net ecosystem exchange, predicted"}),
        "respiration": ("step", respiration, flux | {"long_name": "learned ecosystem respiration"}),
        "assimilation": ("step", uptake, flux | {"long_name": "learned photosynthesis"}),
        "light": ("step", exchange.weather.light.numpy(), flux | {"long_name": "photon flux"}),
        "nee_split": ("step", split_of(test).flags(), dict(SPLIT_ATTRIBUTES)),
    }
    return xr.Dataset(columns)


def nee_scores_of(predictions: xr.Dataset) -> dict[str, Any]:
    """Scores of NEE in the test period: all hours, daylight, dark, and daily means; ``None`` without a test period."""
    table = _table(predictions)
    lit = predictions["light"].to_numpy()[table["test"].to_numpy()] >= NO_LIGHT
    table = table[table["test"]]
    if table.empty:
        return {"test": None}
    days = daily(table[["observed", "predicted"]], pd.DatetimeIndex(table.index), least=24)
    tables = {"all hours": table, "daylight": table[lit], "dark": table[~lit], "daily means": days}
    return {
        "test": {
            name: asdict(score(values["predicted"].to_numpy(), values["observed"].to_numpy()))
            for name, values in tables.items()
        }
    }


def nee_figure(predictions: xr.Dataset) -> Figure:
    """Draw day-time and night-time NEE: predicted against measured, and daily means through time."""
    table = _table(predictions)
    middle = pd.DatetimeIndex(table.index)
    days = daily(table[["observed", "predicted"]], middle, least=12)
    split = table["test"].groupby(middle.floor("D")).max().map({False: "train", True: "test"})
    scored = table[table["test"]] if table["test"].any() else table
    return fit_skill(
        scored[["observed", "predicted"]],
        days,
        split,
        flux="NEE, day and night",
        notes=[
            "Learned: respiration minus photosynthesis, both fitted to measured day-time and night-time NEE. Shaded: test period. "
            "Daily means are over measured steps, on days with at least twelve of them."
        ],
    )


def _table(predictions: xr.Dataset) -> pd.DataFrame:
    """Observed and predicted NEE, and whether each step is in the test period, by local time."""
    return pd.DataFrame(
        {
            "observed": predictions["nee_observed"].to_numpy(),
            "predicted": predictions["nee_predicted"].to_numpy(),
            "test": predictions["nee_split"].to_numpy() == SPLIT_NAMES.index("test"),
        },
        index=pd.DatetimeIndex(predictions["nee_middle"].to_numpy()),
    )
