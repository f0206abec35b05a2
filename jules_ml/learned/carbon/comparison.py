"""Learned soil carbon and its baselines at the same sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.learned.carbon.assessment import Ablation
from jules_ml.learned.carbon.report import regression_prediction
from jules_ml.learned.carbon.signatures import SIGNATURES
from jules_ml.learned.carbon.table import GRAMS, PEAT, CarbonTable
from jules_ml.learned.verdict import LEARNED, compared, verdict_of

_Array = NDArray[np.float64]
#: Units of errors of the logarithm of carbon.
UNITS: Final = "ln(g kg-1)"
#: Prefix of the weights of the regression without soil moisture.
CLIMATE: Final = "climate"
_MEAN, _CLIMATE_BASELINE = "mean of the training sites", "climate and topography"


def cross_validated_comparison(selected: Ablation, log_soc: _Array) -> dict[str, Any]:
    """Compare the saved learner with its baselines, each site left out in turn.

    Parameters
    ----------
    selected : Ablation
        Cross-validated predictions of the learner.
    log_soc : array, shape (site,)
        Logarithm of observed carbon [ln g kg-1].

    Returns
    -------
    dict
        Entries ``compared`` (scores of the logarithm) and ``verdict`` of ``scores.json``.
    """
    others = (log_soc.sum() - log_soc) / max(len(log_soc) - 1, 1)
    predicted = {LEARNED: selected.with_moisture, _MEAN: others, _CLIMATE_BASELINE: selected.without_moisture}
    return _comparison(predicted, log_soc, period="at sites left out")


def new_site_comparison(
    log_predicted: _Array, state: Mapping[str, Tensor], card: Mapping[str, Any], table: CarbonTable
) -> dict[str, Any]:
    """Compare the regression with its baselines at new sites.

    Parameters
    ----------
    log_predicted : array, shape (site,)
        Logarithm of predicted carbon [ln g kg-1].
    state, card : mapping
        Content of the module folder.
    table : CarbonTable
        New sites.

    Returns
    -------
    dict
        As :func:`cross_validated_comparison`; folders of earlier versions have no regression without soil moisture.
    """
    soc = [GRAMS * entry["soc"] for entry in card["sites"].values() if entry["soc"] is not None]
    predicted = {LEARNED: log_predicted, _MEAN: np.full(len(table), np.log(soc).mean())}
    if any(name.startswith(f"{CLIMATE}.") for name in state):
        names = [name for name in card["inputs"] if name not in SIGNATURES]
        predicted[_CLIMATE_BASELINE] = regression_prediction(dict(state), names, table, of=CLIMATE)
    return _comparison(predicted, table.log_soc, period="at these sites")


def _comparison(predicted: Mapping[str, _Array], log_soc: _Array, *, period: str) -> dict[str, Any]:
    """Scores of all soils, mineral soils and peat, and the verdict for all soils."""
    peat = log_soc >= np.log(PEAT)
    soils = {"all": np.isfinite(log_soc), "mineral": np.isfinite(log_soc) & ~peat, "peat": peat}
    site = np.arange(len(log_soc))
    scores = {
        soil: compared(np.where(mask, log_soc, np.nan), predicted, site, measure="rmse") for soil, mask in soils.items()
    }
    judged = verdict_of("soil carbon", scores["all"], measure="rmse", units=UNITS, period=period)
    return {"compared": scores, "verdict": judged.to_scores()}


def comparison_rows(
    scores: Mapping[str, Any], soils: Sequence[str] = ("all", "mineral", "peat")
) -> list[tuple[str, str, Any]]:
    """Soil, source and scores of each row of the printed table; soils without scored sites are left out."""
    return [
        (soil, source, values)
        for soil in soils
        if scores["compared"][soil][LEARNED]["n"] > 0
        for source, values in scores["compared"][soil].items()
    ]
