"""What a calibration reports: ``calibration.json``, scores, predictions and the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.calibration.cost import cost_of_series, fit_residuals, whitened
from jules_ml.calibration.observations import Series
from jules_ml.calibration.parameters import bounded, unbounded
from jules_ml.calibration.run import FITTED, PRIOR, Calibration
from jules_ml.learned.kind import Outcome, ScoreRow, score_row
from jules_ml.physics.parameter_names import PARAMETERS
from jules_ml.scoring.scores import score
from jules_ml.support.provenance import software

#: Half the width of a 95 % interval of a normal distribution, in standard deviations.
_NORMAL_95: Final = 1.959964
#: Periods that are scored, and their codes in ``predictions.nc``.
SPLITS: Final = {"fit": 0, "test": 1}
_COPIES: Final = {"prior": PRIOR, "fitted": FITTED}


def document(result: Calibration) -> dict[str, Any]:
    """Content of ``calibration.json``: parameters, their posterior, costs and scores.

    Parameters
    ----------
    result : Calibration

    Returns
    -------
    dict
        Ready for JSON.
    """
    parameters, observed = result.simulation.parameters, result.simulation.observations
    correlation = result.covariance / (result.sd[:, None] * result.sd)
    return {
        "experiment": result.experiment.file.name,
        "sites": [site.name for site in result.simulation.columns.sites],
        "method": result.section.method,
        "software": software(),
        "parameters": [
            {
                "label": each.label,
                **each._asdict(),
                "units": PARAMETERS[each.parameter].units,
                "prior_sd": float(parameters.prior_sd[k]),
                "mean": float(result.displacements[k]),
                "sd": float(result.sd[k]),
                "values": value_rows(result, k),
            }
            for k, each in enumerate(parameters.displacements)
        ],
        "correlation": correlation.tolist(),
        "errors": {f"{_site(result, each)}: {each.label}": float(result.errors[k]) for k, each in enumerate(observed.series)},
        "cost": {"iterations": result.costs, **_costs(result)},
        "scores": scores(result),
        "draws": result.draws.tolist(),
        "notes": list(result.notes),
    }  # fmt: skip


def value_rows(result: Calibration, number: int) -> list[dict[str, Any]]:
    """Prior and posterior of every value that a displacement changes, with 95 % intervals.

    Parameters
    ----------
    result : Calibration
    number : int
        Of the displacement.

    Returns
    -------
    list of dict
        ``site``, ``layer`` (from 1) or ``type``, and ``prior``, ``fitted`` and their ``..._interval``.
    """
    parameters, columns = result.simulation.parameters, result.simulation.columns
    name = parameters.displacements[number].parameter
    prior_sd, sd = float(parameters.prior_sd[number]), float(result.sd[number])
    rows = []
    for section, row, site in parameters.places(number):
        start = section.prior if section.prior is not None else float(columns.prior[name][row, site])
        u0 = unbounded(torch.tensor(start, dtype=torch.float64), section)

        def at(change: float, u0: Tensor = u0, section: Any = section) -> float:
            return float(bounded(u0 + change, section))

        mean = float(result.displacements[number])
        dimension = PARAMETERS[name].dimension
        place: dict[str, Any] = {"layer": row + 1} if dimension == "layer" else {}
        place |= {"type": columns.tiles.types[site][row]} if dimension == "type" else {}
        rows.append(
            {
                "site": columns.sites[site].name,
                **place,
                "prior": at(0.0),
                "prior_interval": [at(-_NORMAL_95 * prior_sd), at(_NORMAL_95 * prior_sd)],
                "fitted": at(mean),
                "fitted_interval": [at(mean - _NORMAL_95 * sd), at(mean + _NORMAL_95 * sd)],
            }
        )
    return rows


def _site(result: Calibration, series: Series) -> str:
    return result.simulation.columns.sites[series.site].name


def _costs(result: Calibration) -> dict[str, Any]:
    """Cost of the prior and the fitted parameters by variable, and that of the distance from the prior."""
    observed, parameters = result.simulation.observations, result.simulation.parameters
    days = observed.fit_days
    costs: dict[str, Any] = {}
    for name, copy in _COPIES.items():
        of_series = cost_of_series(
            whitened(fit_residuals(result.predicted[:days, copy], observed), result.errors, observed)
        )
        by_variable: dict[str, float] = {}
        for each, value in zip(observed.series, of_series.tolist(), strict=True):
            by_variable[each.settings.variable] = by_variable.get(each.settings.variable, 0.0) + value
        change = result.displacements if copy == FITTED else torch.zeros_like(result.displacements)
        costs[name] = by_variable | {"parameters": float(0.5 * ((change / parameters.prior_sd) ** 2).sum())}
    return costs


def scores(result: Calibration) -> list[dict[str, Any]]:
    """Scores of every series in the fitting and in the test period, with the prior and with the fitted parameters.

    Parameters
    ----------
    result : Calibration

    Returns
    -------
    list of dict
        ``site``, ``variable``, ``depth``, ``units``, and for ``fit`` and ``test`` the scores of ``prior`` and ``fitted``.
    """
    rows = []
    for k, each in enumerate(result.simulation.observations.series):
        entry: dict[str, Any] = {
            "site": _site(result, each),
            "variable": each.settings.variable,
            "depth": None if np.isnan(each.depth) else each.depth,
            "units": each.kind.units,
        }
        for split, mask in (("fit", each.fit), ("test", each.test)):
            observed = np.where(mask, each.observed, np.nan)
            predicted = result.predicted[: len(observed), :, k].numpy()
            entry[split] = {
                name: vars(score(predicted[:, copy], observed)) for name, copy in _COPIES.items() if mask.any()
            }
        rows.append(entry)
    return rows


def score_table(rows: list[dict[str, Any]]) -> tuple[ScoreRow, ...]:
    """Rows of the printed table: the test period where there is one, otherwise the fitting period."""
    table = []
    for entry in rows:
        split = "test" if entry["test"] else "fit"
        at = "" if entry["depth"] is None else f", {entry['depth']:g} m"
        for name in _COPIES:
            # the unit is that of a variable, so that each variable has a heading of its own
            heading, label = f"{entry['site']}, {entry['variable']}{at}", f"{name} parameters, {split} period"
            table.append(score_row(heading, label, entry[split][name], entry["units"], without=("r2", "mae")))
    return tuple(table)


def verdict(rows: list[dict[str, Any]]) -> str:
    """One sentence on whether the fitted parameters are better in the test period."""
    better, number = 0, 0
    ratios = []
    for entry in rows:
        if entry["test"]:
            before, after = (entry["test"][name]["rmse"] for name in _COPIES)
            better, number = better + (after < before), number + 1
            ratios.append(after / before if before > 0.0 else np.nan)
    if number == 0:
        return "There is no test period: whether the fitted parameters are better at other times is not known."
    median = float(np.nanmedian(ratios))
    if median > 1.0:
        return (
            f"The fitted parameters are worse in the test period: the RMSE is higher for {number - better} of {number} series, and the "
            f"median ratio to that of the prior is {median:.2f}. Keep the prior parameters, or fit fewer parameters or a longer period."
        )
    return (
        f"In the test period the RMSE is lower with the fitted parameters for {better} of {number} series; the median ratio "
        f"to that of the prior is {median:.2f}."
    )


def predictions(result: Calibration) -> xr.Dataset:
    """Daily observations and simulations of all series.

    Parameters
    ----------
    result : Calibration

    Returns
    -------
    xarray.Dataset
        Dimensions ``day`` (number of the day of each run) and ``series``; ``observed``, ``prior``, ``predicted``, ``split``, and with draws
        the bounds ``lower`` and ``upper`` of a 90 % interval of the parameters.
    """
    observed = result.simulation.observations
    sites = result.simulation.columns.sites
    split = np.full(observed.observed.shape, -1, dtype=np.int8)
    starts = np.array([sites[each.site].start.to_datetime64() for each in observed.series])
    for k, each in enumerate(observed.series):
        for name, mask in (("fit", each.fit), ("test", each.test)):
            split[: len(mask), k][mask] = SPLITS[name]
    dims = ("day", "series")
    predicted = result.predicted.numpy()
    data: dict[str, tuple[tuple[str, ...], NDArray[Any]]] = {
        "observed": (dims, observed.observed.numpy()),
        "prior": (dims, predicted[:, PRIOR]),
        "predicted": (dims, predicted[:, FITTED]),
        "split": (dims, split),
    }
    if len(result.draws):
        low, high = np.quantile(predicted[:, FITTED + 1 :], [0.05, 0.95], axis=1)
        data |= {"lower": (dims, low), "upper": (dims, high)}
    dataset = xr.Dataset(
        data,
        coords={
            "site": ("series", [_site(result, each) for each in observed.series]),
            "variable": ("series", [each.settings.variable for each in observed.series]),
            "depth": ("series", [each.depth for each in observed.series], {"units": "m"}),
            "units": ("series", [each.kind.units for each in observed.series]),
            "start": ("series", pd.DatetimeIndex(starts), {"long_name": "start of the first day, UTC"}),
        },
    )
    dataset["split"].attrs = {
        "flag_values": np.array(list(SPLITS.values()), dtype=np.int8),
        "flag_meanings": " ".join(SPLITS),
    }
    return dataset


def outcome(result: Calibration, folder: Path) -> Outcome:
    """Outcome of a calibration for the command and the report."""
    content = document(result)
    return Outcome(
        folder,
        content | {"verdict": {"sentence": verdict(content["scores"])}},
        score_table(content["scores"]),
        result.notes,
    )
