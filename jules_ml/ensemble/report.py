"""Report of an ensemble: numbers, interactive time series of the quantiles, figures, and the members that failed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.ensemble.figures import PANELS, layer_of_panel, plotted_variables
from jules_ml.ensemble.run import EnsembleRun
from jules_ml.ensemble.summary import SUMMARISED
from jules_ml.ensemble.weights import MemberWeights
from jules_ml.experiment.inputs import input_paths
from jules_ml.learned.kind import Outcome
from jules_ml.learned.page import write_report
from jules_ml.support.figures import BLUE, ORANGE, SKY, layer_labels
from jules_ml.support.headline import Headline
from jules_ml.support.interactive import Band, Line, Panel

_CAPTIONS: Final = {
    "fan": "Quantiles over the members through time; the darker the band, the closer to the median.",
    "spread": "Standard deviation over the draws of the respiration module: of its prediction for its training record (offline), and in "
    "the model (online).",
    "spread_theta": "Standard deviation of water content over the draws of the hydraulics module, offline and in the model.",
}

_TITLES: Final = {
    "fan": "Quantiles over the members",
    "spread": "Spread of respiration, offline and in the model",
    "spread_theta": "Spread of water content, offline and in the model",
}


def ensemble_sentence(run: EnsembleRun, summary: xr.Dataset) -> str:
    """What the ensemble shows: how many members are done, and the spread of the first variable."""
    text = f"{run.done} of {len(run.members)} members are done{f', {run.failed} failed' if run.failed else ''}."
    spread = _spreads(summary)
    if not spread or len(summary["quantile"]) < 2:
        return text
    name, unit, low, middle, high, ends = spread[0]
    return f"{text} {name}: {ends} of the members are between {low:.3g} and {high:.3g} {unit} on average over time, median {middle:.3g}."


def write_ensemble_report(run: EnsembleRun, weights: MemberWeights | None) -> Path:
    """Write ``report.html`` into the folder of an ensemble with a summary and figures.

    Parameters
    ----------
    run : EnsembleRun
    weights : MemberWeights or None
        Weights of the members by observations.

    Returns
    -------
    Path
    """
    with xr.open_dataset(run.folder / SUMMARISED) as opened:
        summary = opened.load()
    numbers = [Headline(f"{run.done} of {len(run.members)}", f"members done, {run.failed} failed")]
    numbers += [
        Headline(f"{low:.3g} to {high:.3g} {unit}", f"{name}: range of {ends} of the members, mean over time")
        for name, unit, low, _, high, ends in _spreads(summary)[: 1 if weights is not None else 2]
    ]
    if weights is not None:
        numbers.append(Headline(f"{weights.effective:.3g}", "effective members after weighting by the observations"))
    notes = [f"Member {number} failed: {text}" for number, text in run.messages.items()]
    return write_report(
        Outcome(run.folder, {"verdict": {"sentence": ensemble_sentence(run, summary)}}, (), tuple(notes)),
        title=f"Ensemble {run.folder.name}",
        contents="All members are in ensemble.nc, their quantiles, mean and standard deviation in summary.nc, and counts in manifest.json "
        "of the folder {folder}.",
        titles=_TITLES,
        captions=_CAPTIONS,
        panels=_panels(summary),
        numbers=numbers,
        inputs=input_paths([run.experiment]),
    )


def _spreads(summary: xr.Dataset) -> list[tuple[str, str, float, float, float, str]]:
    """Name, unit, lowest, middle and highest mean over time of the quantiles of each variable of a panel, and what the ends are."""
    found = []
    for name, values, unit in _variables(summary):
        means = values.mean([dim for dim in values.dims if dim != "quantile"])
        low, middle, high = (float(means[k]) for k in (0, len(means) // 2, -1))
        quantile = summary["quantile"].to_numpy()
        found.append((name, unit, low, middle, high, f"{100 * (quantile[-1] - quantile[0]):.3g} %"))
    return found


def _variables(summary: xr.Dataset) -> list[tuple[str, xr.DataArray, str]]:
    """Label, quantiles and unit of each panel of a fan plot."""
    labels = layer_labels(summary["dzsoil"].to_numpy().tolist()) if "dzsoil" in summary else []
    names = plotted_variables(summary)
    variables = []
    for name, layer, scale, title in PANELS:
        if name not in names:
            continue
        text = title.format(layer=labels[layer] if layer is not None and layer < len(labels) else "")
        label, _, unit = text.rstrip("]").partition(" [")
        values = scale * layer_of_panel(summary[f"{name}_quantiles"], layer)
        variables.append((f"{label[:1].upper()}{label[1:]}", values, _plain(unit)))
    return variables


def _plain(unit: str) -> str:
    """Unit of a figure as in the terminal: ``m3 m-3``."""
    return unit.translate(str.maketrans("", "", "$^{}"))


def _panels(summary: xr.Dataset) -> list[Panel]:
    index = summary.indexes.get("time")
    if not isinstance(index, pd.DatetimeIndex):
        return []
    panels = []
    quantile = summary["quantile"].to_numpy()
    for label, values, unit in _variables(summary):
        if set(values.dims) != {"quantile", "time"}:
            # several sites, or a grid
            continue
        by_quantile = values.transpose("quantile", "time").to_numpy()
        panels.append(Panel(label, unit, _median(quantile, by_quantile, index), _bands(quantile, by_quantile, index)))
    return panels


def _median(quantile: np.ndarray, values: np.ndarray, index: pd.DatetimeIndex) -> list[Line]:
    middle = int(np.argmin(np.abs(quantile - 0.5)))
    return [
        Line(
            "median" if quantile[middle] == 0.5 else f"{100 * quantile[middle]:g} %",
            pd.Series(values[middle], index=index),
            ORANGE,
        )
    ]


def _bands(quantile: np.ndarray, values: np.ndarray, index: pd.DatetimeIndex) -> list[Band]:
    """Bands between the quantiles of the same distance from the median, the widest first."""
    colours: Sequence[str] = (SKY, BLUE, BLUE)
    bands = []
    for k in range(min(len(quantile) // 2, len(colours))):
        name = f"{100 * quantile[k]:g} to {100 * quantile[-1 - k]:g} %"
        bands.append(Band(name, *(pd.Series(values[j], index=index) for j in (k, -1 - k)), colours[k]))
    return bands
