"""Comparison of the column with the observations at Davos."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.daily import daily_series
from jules_ml.data.profile import layer_or_lowest
from jules_ml.data.quality import measured, night
from jules_ml.data.readers.column_output import liquid_theta
from jules_ml.data.record import local_middle
from jules_ml.data.units import convert
from jules_ml.scoring.scores import Scores, score

#: Minimum number of half-hours of a nightly mean.
MIN_STEPS_PER_NIGHT = 4
#: First year after the mean of precipitation changed.
PRECIPITATION_BREAK = 2016

_FLUX = "umol m-2 s-1"


@dataclass(frozen=True)
class ScoreRow:
    """Row of the table of scores: quantity, selection of steps, unit and scores."""

    quantity: str
    rows: str
    unit: str
    scores: Scores


@dataclass(frozen=True)
class Comparison:
    """Column and observations at Davos, with scores.

    Attributes
    ----------
    theta : xarray.DataArray
        Water content measured by the sensor, with its ``depth`` [m3 m-3].
    layer : int
        Layer of the sensor.
    frozen_days : float
        Fraction of days on which the column has ice in that layer [1].
    theta_in_ice : tuple of float
        Mean water content on those days: measured, and liquid in the column [m3 m-3].
    steps, nights : DataFrame, columns ('observed', 'predicted')
        Night respiration, in single half-hours and as nightly means [umol m-2 s-1].
    is_night : array of bool, shape (time,)
        Half-hours of the night with measured NEE.
    scores : tuple of ScoreRow
    """

    theta: xr.DataArray
    layer: int
    frozen_days: float
    theta_in_ice: tuple[float, float]
    steps: pd.DataFrame
    nights: pd.DataFrame
    is_night: NDArray[np.bool_]
    scores: tuple[ScoreRow, ...]


def compare(output: xr.Dataset, record: xr.Dataset) -> Comparison:
    """Score a run of the column against the record.

    Parameters
    ----------
    output : xarray.Dataset
        Half-hourly output, from :func:`~jules_ml.column.output.output_dataset`.
    record : xarray.Dataset
        The record of Davos.

    Returns
    -------
    Comparison
    """
    record = record.sel(time=output["time"])
    theta = record["theta"].isel(depth=0)
    layer = layer_or_lowest(float(theta["depth"]), output["dzsoil"].to_numpy().tolist())
    theta_pred, theta_obs = daily_series(liquid_theta(output, layer)), daily_series(theta)
    frozen = daily_series(output["sthf"].isel(soil=layer)) > 0.0
    respired = respired_carbon_dioxide(output)
    dark = night(record)
    is_night = (dark & measured(record, "nee")).to_numpy()
    steps = _pairs(record["nee"].to_numpy(), respired, is_night, record)
    scores = [
        *_theta_scores(theta_pred, theta_obs, frozen),
        ScoreRow("night respiration", "half-hours", _FLUX, _score(steps)),
        ScoreRow("night respiration", "nights", _FLUX, _score(nightly_means(steps))),
    ]
    measured_ustar = measured(record, "nee_ustar")
    for percentile in record["ustar_percentile"].to_numpy():
        selected = (dark & measured_ustar.sel(ustar_percentile=percentile)).to_numpy()
        other = _pairs(record["nee_ustar"].sel(ustar_percentile=percentile).to_numpy(), respired, selected, record)
        rows = f"nights, u* at {percentile:g} %"
        scores.append(ScoreRow("night respiration", rows, _FLUX, _score(nightly_means(other))))
    heat = record["le"].where(measured(record, "le")).to_numpy()
    scores.append(ScoreRow("latent heat flux", "half-hours", "W m-2", score(output["latent_heat"].to_numpy(), heat)))
    return Comparison(
        theta=theta,
        layer=layer,
        frozen_days=float(frozen.mean()),
        theta_in_ice=(float(theta_obs[frozen].mean()), float(theta_pred[frozen].mean())),
        steps=steps,
        nights=nightly_means(steps),
        is_night=is_night,
        scores=tuple(row for row in scores if row.scores.n > 2),
    )


def respired_carbon_dioxide(output: xr.Dataset) -> NDArray[np.float64]:
    """Soil respiration of the column as a flux of carbon dioxide [umol m-2 s-1], shape (time,)."""
    grams = 1000.0 * output["resp_s_gb"].to_numpy()
    return convert(grams, "gC m-2 s-1", _FLUX, where="resp_s_gb")


def nightly_means(steps: pd.DataFrame) -> pd.DataFrame:
    """Average over nights, from noon to noon of local standard time, that have enough half-hours.

    Parameters
    ----------
    steps : DataFrame
        Values by the middle of each half-hour in local standard time.

    Returns
    -------
    DataFrame
        Means by the date on which the night began.
    """
    began = (pd.DatetimeIndex(steps.index) - pd.Timedelta(hours=12)).normalize()
    by_night = steps.groupby(began)
    return by_night.mean()[by_night.size() >= MIN_STEPS_PER_NIGHT]


def _pairs(
    observed: NDArray[np.floating], predicted: NDArray[np.floating], selected: NDArray[np.bool_], record: xr.Dataset
) -> pd.DataFrame:
    return pd.DataFrame(
        {"observed": observed[selected], "predicted": predicted[selected]}, index=local_middle(record)[selected]
    )


def _score(pairs: pd.DataFrame) -> Scores:
    return score(pairs["predicted"].to_numpy(), pairs["observed"].to_numpy())


def _theta_scores(predicted: pd.Series, observed: pd.Series, frozen: pd.Series) -> list[ScoreRow]:
    observed, thawed = observed.reindex(predicted.index), predicted.where(~frozen)
    years = pd.DatetimeIndex(predicted.index).year
    selections = [
        ("days without ice", thawed),
        (f"days without ice, to {PRECIPITATION_BREAK - 1}", thawed.where(years < PRECIPITATION_BREAK)),
        (f"days without ice, from {PRECIPITATION_BREAK}", thawed.where(years >= PRECIPITATION_BREAK)),
        ("all days", predicted),
    ]
    return [
        ScoreRow("water content", rows, "m3 m-3", score(modelled.to_numpy(), observed.to_numpy()))
        for rows, modelled in selections
    ]
