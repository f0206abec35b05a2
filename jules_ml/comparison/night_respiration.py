"""Respiration of a run with JULES's own forms and of a run with a module, against night-time NEE or chambers.

A run has a base rate, ``kaps cs``, and two curves, f and g. Both runs are scored as they are, and with the base rate of both fitted to
the observations that the module was trained on: the first shows whether the run is better, the second whether the curves are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.comparison.runs import QUANTITIES
from jules_ml.comparison.swap_scores import BLOCK_DAYS, SwapScore, Unused, both_runs, swap_score
from jules_ml.comparison.swapped_runs import STOCK, SWAPPED, SwappedRuns
from jules_ml.data.record import interval
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.nights import (
    estimated_ustar,
    least_ustar,
    measured_nee,
    night_rows,
    rules_of_site,
)
from jules_ml.learned.respiration.row_checks import refuse_turned_sign
from jules_ml.scoring.bootstrap import day_blocks
from jules_ml.scoring.fluxes import daily, nightly

#: Labels of the two comparisons.
FITTED_RATE: Final = "base rate fitted"
AS_RUN: Final = "as run"
#: Minimum measured time of a nightly mean: four half-hours.
LEAST_TIME: Final = pd.Timedelta(hours=2)
#: Longest steps of a run that resolve the night.
_LONGEST_STEP: Final = pd.Timedelta(hours=3)
#: Minimum number of observations in the training period that a base rate is fitted to.
_LEAST_TRAINING: Final = 100
_RESPIRATION = next(quantity for quantity in QUANTITIES if quantity.name == "soil respiration")


def respiration_scores(
    runs: SwappedRuns, record: xr.Dataset, settings: RespirationSettings, card: Mapping[str, Any], unused: Unused
) -> tuple[list[SwapScore], list[str]]:
    """Score respiration of both runs at the times that the module was not trained on.

    Parameters
    ----------
    runs : SwappedRuns
        With soil respiration in steps of at most three hours.
    record : xarray.Dataset
        Site dataset.
    settings : RespirationSettings
        Target flux and rules for the rows.
    card : mapping
        Card of the module, with the estimated threshold of friction velocity of its sites.
    unused : callable

    Returns
    -------
    list of SwapScore
        Nightly means and single steps (with chambers daily means and steps), with the base rate of both runs fitted, and as run. Empty if
        the record or the runs have no respiration.
    list of str
        Notes for the user.
    """
    observed = observed_respiration(record, settings, card)
    if observed is None:
        return [], []
    both = both_runs(runs, _RESPIRATION, None, observed, record)
    if both is None:
        return [], ["the runs have no soil respiration: add resp_s_gb to an output profile of JULES"]
    steps, period = both
    if settings.target == "ecosystem" and period > _LONGEST_STEP:
        return [], [
            "the runs have no soil respiration by night: write resp_s_gb at every time step of JULES, in its own output profile or by "
            "jules_output_profile = {output_period = 1800} in [jules.set]"
        ]
    new = unused(pd.DatetimeIndex(steps.index))
    fitted, note = with_fitted_rates(steps, new)
    name = "night respiration" if settings.target == "ecosystem" else "respiration"
    means = nightly if settings.target == "ecosystem" else daily
    scores = []
    for label, frame in ((FITTED_RATE, fitted), (AS_RUN, steps)):
        rows = frame[new]
        least = max(round(LEAST_TIME / period), 1) if settings.target == "ecosystem" else 1
        averaged = means(rows, pd.DatetimeIndex(rows.index), least=least)
        word = "nights" if settings.target == "ecosystem" else "days"
        for scored_rows, of in ((averaged, word), (rows, "steps")):
            scored = swap_score(name, scored_rows, unit=_RESPIRATION.unit, label=label, period=of)
            scores += [] if scored is None else [scored]
    return scores, [note] if scores else []


def observed_respiration(
    record: xr.Dataset, settings: RespirationSettings, card: Mapping[str, Any]
) -> pd.Series | None:
    """Measured respiration of a record by the rules of a module; at towers night-time NEE with friction velocity above its threshold.

    Parameters
    ----------
    record : xarray.Dataset
        Site dataset.
    settings : RespirationSettings
    card : mapping
        See :func:`respiration_scores`.

    Returns
    -------
    Series or None
        Values by the end of each interval, UTC [umol m-2 s-1]; None if the record has no such flux, or is too coarse for nights.
    """
    if settings.flux not in record:
        return None
    flux, rules = record[settings.flux], settings.rows
    if settings.target == "ecosystem":
        if interval(record) > pd.Timedelta(hours=1):
            return None
        rules = rules_of_site(rules, card, str(record.attrs.get("site", "site")))
        flux = flux.where(night_rows(record, rules) & measured_nee(record, rules))
        refuse_turned_sign(flux, record, settings.flux)
        least = least_ustar(rules, estimated_ustar(record, rules))
        if least is not None and "ustar" in record and "nee_ustar" not in record:
            flux = flux.where(record["ustar"] >= least)
    if rules.least_flux is not None:
        flux = flux.where(flux >= rules.least_flux)
    if rules.most_flux is not None:
        flux = flux.where(flux <= rules.most_flux)
    if "port" in flux.dims:
        flux = flux.mean("port")
    return flux.dropna("time").reset_coords(drop=True).to_series()


def with_fitted_rates(steps: pd.DataFrame, new: NDArray[np.bool_]) -> tuple[pd.DataFrame, str]:
    """Multiply each run by one factor, with which it has the mean of the observations of the training period.

    Parameters
    ----------
    steps : DataFrame, columns ('observed', 'stock', 'swapped')
        Values by the middle of each step in local standard time.
    new : array of bool, shape (step,)
        Steps that the module was not trained on. Without a training period in the record, two halves of the new steps, of every second
        block of ten days, are each multiplied by the factor of the other.

    Returns
    -------
    DataFrame
        The same steps.
    str
        What the factors were fitted to, for the user.
    """
    fitted = steps.astype(np.float64)
    if np.count_nonzero(~new) >= _LEAST_TRAINING:
        factors = {name: _factor(steps[~new], name) for name in (STOCK, SWAPPED)}
        for name, factor in factors.items():
            fitted[name] = factor * steps[name]
        listed = " and ".join(f"{factor:.3g} ({name})" for name, factor in factors.items())
        return (
            fitted,
            f"base rate of both fitted: respiration times {listed}, from {np.count_nonzero(~new)} steps of the training period",
        )
    odd = np.asarray(day_blocks(pd.DatetimeIndex(steps.index), days=BLOCK_DAYS) % 2 == 1)
    for half in (odd, ~odd):
        for name in (STOCK, SWAPPED):
            fitted.loc[half, name] = _factor(steps[~half], name) * steps.loc[half, name]
    return (
        fitted,
        "the run has no training period: the base rate of both was fitted to every second ten days, and applied to the others",
    )


def _factor(steps: pd.DataFrame, name: str) -> float:
    """Ratio of the sums of the observations and of a run."""
    total = float(steps[name].sum())
    return float(steps["observed"].sum()) / total if total > 0.0 else float("nan")
