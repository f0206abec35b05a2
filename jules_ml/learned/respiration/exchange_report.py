"""NEE of day and night, measured and learned: predictions, scores, figure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jules_ml.learned.respiration.exchange import Exchange
from jules_ml.learned.respiration.figures import fit_skill
from jules_ml.learned.respiration.photosynthesis import NO_LIGHT
from jules_ml.learned.respiration.training import Learned
from jules_ml.scoring.fluxes import daily
from jules_ml.scoring.scores import agreement


def nee_predictions_of(learned: Learned, exchange: Exchange, test: NDArray[np.bool_]) -> xr.Dataset:
    """Measured NEE at every hour, and what was learned of it.

    Parameters
    ----------
    learned : Learned
        With photosynthesis.
    exchange : Exchange
        All rows of NEE.
    test : array of bool, shape (row,)
        Rows that were held out.

    Returns
    -------
    xarray.Dataset
        Along ``step``.
    """
    assert learned.assimilation is not None
    rows = exchange.rows
    respiration = learned.predict(rows)
    with torch.no_grad():
        uptake = learned.assimilation(exchange.weather, torch.tensor(rows.group)).numpy()
    flux = {"units": "umol m-2 s-1"}
    columns: dict[str, tuple[str, Any, dict[str, str]]] = {
        "nee_time": ("step", rows.time.to_numpy(), {"long_name": "end of interval, UTC"}),
        "nee_middle": ("step", rows.middle.to_numpy(), {"long_name": "middle of interval, local standard time"}),
        "nee_measured": ("step", rows.flux, flux | {"long_name": "measured net ecosystem exchange, positive upward"}),
        "nee_modelled": ("step", respiration - uptake, flux | {"long_name": "learned net ecosystem exchange"}),
        "respiration": ("step", respiration, flux | {"long_name": "learned ecosystem respiration"}),
        "assimilation": ("step", uptake, flux | {"long_name": "learned photosynthesis"}),
        "light": ("step", exchange.weather.light.numpy(), flux | {"long_name": "photon flux"}),
        "nee_part": ("step", test.astype(np.int8), {"flag_values": "0, 1", "flag_meanings": "train test"}),
    }
    return xr.Dataset(columns)


def nee_scores_of(predictions: xr.Dataset) -> dict[str, Any]:
    """Scores of NEE of the part held out: at all hours, by day, by night, and of daily means; None where none was held out."""
    table = _table(predictions)
    table = table[table["part"] == 1]
    if table.empty:
        return {"test": None}
    lit = predictions["light"].to_numpy()[predictions["nee_part"].to_numpy() == 1] >= NO_LIGHT
    days = daily(table[["measured", "modelled"]], pd.DatetimeIndex(table.index), least=24)
    parts = {"all hours": table, "daylight": table[lit], "dark": table[~lit], "daily means": days}
    return {
        "test": {
            name: asdict(agreement(part["modelled"].to_numpy(), part["measured"].to_numpy()))
            for name, part in parts.items()
        }
    }


def nee_figure(predictions: xr.Dataset) -> Figure:
    """Draw NEE of day and night: measured against learned, and daily means through time."""
    table = _table(predictions)
    middle = pd.DatetimeIndex(table.index)
    days = daily(table[["measured", "modelled"]], middle, least=12)
    part = table["part"].groupby(middle.floor("D")).max().map({0: "train", 1: "test"})
    scored = table[table["part"] == 1] if (table["part"] == 1).any() else table
    return fit_skill(
        scored[["measured", "modelled"]],
        days,
        part,
        flux="NEE, day and night",
        notes=[
            "Learned: respiration less photosynthesis, fitted together to measured NEE of day and night. Shaded: held out and scored. "
            "Means of days with twelve measured steps or more, not of whole days."
        ],
    )


def _table(predictions: xr.Dataset) -> pd.DataFrame:
    """Measured and modelled NEE with the part of each step, by local time."""
    return pd.DataFrame(
        {
            "measured": predictions["nee_measured"].to_numpy(),
            "modelled": predictions["nee_modelled"].to_numpy(),
            "part": predictions["nee_part"].to_numpy(),
        },
        index=pd.DatetimeIndex(predictions["nee_middle"].to_numpy()),
    )
