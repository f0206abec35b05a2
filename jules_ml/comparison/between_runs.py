"""Scores of runs against the first run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
import xarray as xr

from jules_ml.comparison.days import daily_means
from jules_ml.comparison.runs import QUANTITIES, Quantity, Run, on_common_periods
from jules_ml.comparison.scores import QuantityScore, modelled
from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.scoring.scores import score
from jules_ml.support.figures import layer_labels

#: Fewest days or longer periods that two runs are scored on.
_LEAST: int = 3


def score_between_runs(runs: Sequence[Run]) -> list[QuantityScore]:
    """Score each run against the first one, for the quantities and soil layers that both have.

    Parameters
    ----------
    runs : sequence of Run
        The reference run first.

    Returns
    -------
    list of QuantityScore
        Scores of daily means, or of longer output periods, of the days that both runs cover completely, by quantity and layer of the
        reference, then by run. ``observed`` of the pairs is the reference, and ``sensor`` is the range of depth of a layer.
    """
    reference, *others = runs
    scored = []
    for quantity in QUANTITIES:
        for layer, depth, expected in _layers(reference, quantity):
            for run in others:
                values = modelled(run, quantity, depth)
                if values is None:
                    continue
                pairs, length = _daily_pairs(expected, values)
                if len(pairs) < _LEAST:
                    continue
                scores = score(pairs["modelled"].to_numpy(), pairs["observed"].to_numpy())
                scored.append(QuantityScore(quantity, layer, run.name, scores, pairs, length))
    return scored


def _layers(run: Run, quantity: Quantity) -> Iterator[tuple[str, float | None, xr.DataArray]]:
    """Label, depth of the middle [m] and values of each layer; a flux has neither label nor depth."""
    values = run.series.get(quantity.name)
    if values is None:
        return
    if not quantity.layered:
        yield "", None, values
        return
    top = 0.0
    for number, (label, thickness) in enumerate(zip(layer_labels(run.dzsoil), run.dzsoil, strict=True)):
        yield label, top + 0.5 * thickness, values.isel(soil=number).assign_attrs(values.attrs)
        top += thickness


def _daily_pairs(reference: xr.DataArray, values: xr.DataArray) -> tuple[pd.DataFrame, float]:
    """Pairs of days or longer periods, and their length [s]."""
    lengths = float(reference.attrs["interval_seconds"]), float(values.attrs["interval_seconds"])
    pairs = on_common_periods(_series(reference), _series(values), seconds=lengths)
    columns = {str(name): daily_means(column, max(lengths)) for name, column in pairs.items()}
    return pd.DataFrame(columns).dropna(), max(*lengths, SECONDS_PER_DAY)


def _series(values: xr.DataArray) -> pd.Series:
    return values.reset_coords(drop=True).to_series()
