"""Scores of runs against a record, and means of runs over their common period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.comparison.runs import QUANTITIES, Quantity, Run, on_common_periods
from jules_ml.data.profile import layer_at
from jules_ml.data.quality import measured
from jules_ml.data.record import interval
from jules_ml.physics.constants import SECONDS_PER_YEAR
from jules_ml.scoring.scores import Scores, score

#: Variables of a site dataset that correspond to quantities of a run; there is none for the others.
_RECORD_NAMES = {
    "soil water": "theta",
    "soil temperature": "t_soil",
    "soil respiration": "resp_het",
    "net ecosystem exchange": "nee",
    "gross primary productivity": "gpp",
    "latent heat": "le",
    "sensible heat": "h",
}


@dataclass(frozen=True)
class QuantityScore:
    """Scores of one quantity of one run, at one sensor.

    Attributes
    ----------
    quantity : Quantity
    sensor : str
        Depth of the sensor; empty for fluxes.
    run : str
        Name of the run.
    scores : Scores
        Scores in the unit of the quantity.
    pairs : DataFrame
        ``observed`` and ``modelled``, by time.
    seconds : float
        Length of their periods [s], which gaps hide.
    """

    quantity: Quantity
    sensor: str
    run: str
    scores: Scores
    pairs: pd.DataFrame
    seconds: float


def score_runs(runs: Sequence[Run], record: xr.Dataset | None) -> list[QuantityScore]:
    """Score runs against a record, for the quantities that both contain.

    Parameters
    ----------
    runs : sequence of Run
    record : xarray.Dataset or None
        Site dataset. Values that its source gap-filled are left out.

    Returns
    -------
    list of QuantityScore
        Scores by quantity and sensor, then by run.
    """
    if record is None:
        return []
    seconds = interval(record).total_seconds()
    scored = []
    for quantity in QUANTITIES:
        for sensor, depth, observed in observations(record, quantity):
            for run in runs:
                values = modelled(run, quantity, depth)
                if values is None:
                    continue
                lengths = seconds, float(values.attrs["interval_seconds"])
                pairs = on_common_periods(observed, values.to_series(), seconds=lengths)
                if len(pairs) < 3:
                    continue
                scores = score(pairs["modelled"].to_numpy(), pairs["observed"].to_numpy())
                scored.append(QuantityScore(quantity, sensor, run.name, scores, pairs, max(lengths)))
    return scored


def observations(record: xr.Dataset, quantity: Quantity) -> list[tuple[str, float | None, pd.Series]]:
    """Return the observed series of a quantity without gap-filled values.

    Parameters
    ----------
    record : xarray.Dataset
        Site dataset.
    quantity : Quantity

    Returns
    -------
    list of tuple
        Name of the sensor, its depth [m], and values by the end of each interval, UTC; for fluxes an empty name and no depth.
    """
    name = _RECORD_NAMES.get(quantity.name)
    if name is None or name not in record:
        return []
    values = record[name]
    if f"{name}_qc" in record:
        values = values.where(measured(record, name))
    if not quantity.layered:
        return [("", None, values.to_series())]
    sensors: list[tuple[str, float | None, pd.Series]] = []
    for number in range(values.sizes["depth"]):
        sensor = values.isel(depth=number)
        depth = float(sensor["depth"])
        if np.isfinite(depth) and bool(sensor.notnull().any()):
            series = pd.Series(sensor.to_numpy(), index=pd.DatetimeIndex(record["time"].to_numpy()))
            sensors.append((f"{depth:g} m", depth, series))
    return sensors


def modelled(run: Run, quantity: Quantity, depth: float | None) -> xr.DataArray | None:
    """Return a quantity of a run, in the layer that contains a depth [m]; None if it has none there."""
    values = run.series.get(quantity.name)
    if values is None or depth is None:
        return values
    layer = layer_at(depth, run.dzsoil)
    if layer is None:
        return None
    return values.isel(soil=layer).reset_coords(drop=True).assign_attrs(values.attrs)


def period_means(runs: Sequence[Run]) -> pd.DataFrame:
    """Compute means of each run over the period that all runs cover.

    Parameters
    ----------
    runs : sequence of Run

    Returns
    -------
    DataFrame
        Quantities as rows and runs as columns: runoff in kg m-2 a-1, soil by the top layer, others in their units.
    """
    rows: dict[str, dict[str, float]] = {}
    start = max(pd.Timestamp(s["time"].to_numpy()[0]) for run in runs for s in run.series.values())
    end = min(pd.Timestamp(s["time"].to_numpy()[-1]) for run in runs for s in run.series.values())
    for quantity in QUANTITIES:
        yearly = quantity.name == "runoff"
        unit = "kg m-2 a-1" if yearly else quantity.unit
        where = ", top layer" if quantity.layered else ""
        for run in runs:
            values = run.series.get(quantity.name)
            if values is None:
                continue
            values = values.sel(time=slice(start, end))
            top = values.isel(soil=0) if quantity.layered else values
            mean = float(top.mean()) * (SECONDS_PER_YEAR if yearly else 1.0)
            rows.setdefault(f"{quantity.name}{where} [{unit}]", {})[run.name] = mean
    return pd.DataFrame.from_dict(rows, orient="index", columns=[run.name for run in runs])
