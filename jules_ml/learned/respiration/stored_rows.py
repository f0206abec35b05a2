"""Rows of ``predictions.nc``: written by a fit, an adaptation or an evaluation, and read again to fit baselines to the training rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.predictions import prediction_variables, read_predictions
from jules_ml.learned.respiration.baseline_intervals import FittedBaseline, fit_baselines
from jules_ml.learned.respiration.site import Rows
from jules_ml.scoring.splits import SPLIT_NAMES

#: Description of each target flux in the card.
QUANTITY = {
    "ecosystem": "ecosystem respiration: night-time NEE, with roots and leaves",
    "soil": "soil respiration, Rs: with roots",
    "heterotrophic": "heterotrophic soil respiration, Rh: without roots",
}
_DRIVERS = ("middle", "site", "group", "t_soil", "theta", "wetness")
_COLUMNS = ("time", *_DRIVERS, "observed", "predicted", "lower", "upper", "split")


def row_variables(frame: Mapping[str, Any], settings: RespirationSettings) -> dict[str, tuple[Any, ...]]:
    """Variables of ``predictions.nc`` by row.

    Parameters
    ----------
    frame : mapping of str to array, shape (row,)
        ``time``, ``middle``, ``site``, ``group``, ``t_soil``, ``theta``, ``wetness``, ``observed``, ``predicted``, ``lower``, ``upper``
        and the flags ``split``.
    settings : RespirationSettings

    Returns
    -------
    dict of str to tuple
    """
    values = {name: np.asarray(frame[name]) for name in _COLUMNS}
    return {
        "time": ("row", values["time"], {"standard_name": "time", "long_name": "end of interval, UTC"}),
        "middle": ("row", values["middle"], {"long_name": "middle of interval, local standard time"}),
        "site": ("row", values["site"].astype(str), {"long_name": "name of the site"}),
        "group": ("row", values["group"].astype(str), {"long_name": "rows of a group have the same base respiration"}),
        **prediction_variables(
            "row",
            **{name: values[name] for name in ("observed", "predicted", "lower", "upper", "split")},
            quantity=QUANTITY[settings.target].partition(":")[0],
            interval=f"{100 * settings.interval:g} % interval of an observation",
            attributes={"units": "umol m-2 s-1"},
        ),
        "t_soil": ("row", values["t_soil"], {"units": "K", "long_name": settings.temperature}),
        "theta": ("row", values["theta"], {"units": "m3 m-3", "long_name": "water content"}),
        "wetness": ("row", values["wetness"], {"units": "1", "long_name": "water as a fraction of saturation"}),
    }


def row_columns(rows: Rows) -> dict[str, Any]:
    """Columns of rows that do not depend on a module, by the names of ``predictions.nc``."""
    return {
        "time": rows.time,
        "middle": rows.middle,
        "site": np.array(rows.sites)[rows.site],
        "group": np.array(rows.groups)[rows.group],
        "t_soil": rows.t_soil,
        "theta": rows.theta,
        "wetness": rows.wetness,
        "observed": rows.flux,
    }


def frame_predictions(frame: pd.DataFrame, settings: RespirationSettings) -> xr.Dataset:
    """Content of ``predictions.nc`` from a table with the columns of :func:`row_variables`."""
    attributes = {"comment": QUANTITY[settings.target]}
    return xr.Dataset(row_variables({name: frame[name] for name in _COLUMNS}, settings), attrs=attributes)


@dataclass(frozen=True, eq=False)
class StoredTraining:
    """Training rows of a module folder.

    Attributes
    ----------
    frame : DataFrame
        Training rows, and the rows of the days that a site was adapted by, with the columns of :func:`row_variables`.
    fitted : dict of str to FittedBaseline
        Baselines fitted to the training rows, with the base respiration of the adapted sites.
    """

    frame: pd.DataFrame
    fitted: dict[str, FittedBaseline]


def stored_training(folder: Path, settings: RespirationSettings, card: Mapping[str, Any]) -> StoredTraining | None:
    """Fit the baselines again to the training rows that a module folder contains.

    The fit is deterministic, so that the baselines are those that the fit of the module was compared with. At a site that the module was
    adapted to, their base respiration is estimated from the same local days.

    Parameters
    ----------
    folder : Path
        Module folder.
    settings : RespirationSettings
        Settings of the fit.
    card : mapping
        Card of the module.

    Returns
    -------
    StoredTraining or None
        ``None`` for folders of earlier versions, whose rows have no groups.
    """
    predictions = read_predictions(folder, kind="respiration")
    if not set(_COLUMNS) <= set(predictions.variables):
        return None
    frame = pd.DataFrame({name: predictions[name].to_numpy() for name in _COLUMNS})
    frame = frame[frame["split"].isin([SPLIT_NAMES.index(name) for name in ("train", "validation")])]
    adapted = [site for site in card["sites"] if card["sites"][site].get("adapted")]
    local = frame["site"].isin(adapted)
    if local.all():
        return None
    fitted = fit_baselines(rows_of(frame[~local], card), settings)
    for site in adapted:
        of_site = rows_of(frame[frame["site"] == site], card)
        fitted = {name: baseline.adapted(of_site) for name, baseline in fitted.items()}
    return StoredTraining(frame, fitted)


def rows_of(frame: pd.DataFrame, card: Mapping[str, Any]) -> Rows:
    """Rows from a table with the columns of :func:`row_variables`."""
    groups, group = np.unique(frame["group"].to_numpy(dtype=str), return_inverse=True)
    sites, site = np.unique(frame["site"].to_numpy(dtype=str), return_inverse=True)
    return Rows(
        flux=frame["observed"].to_numpy(dtype=np.float64),
        t_soil=frame["t_soil"].to_numpy(dtype=np.float64),
        theta=frame["theta"].to_numpy(dtype=np.float64),
        wetness=frame["wetness"].to_numpy(dtype=np.float64),
        group=group.astype(np.int64),
        groups=tuple(map(str, groups)),
        site=site.astype(np.int64),
        sites=tuple(map(str, sites)),
        time=pd.DatetimeIndex(frame["time"]),
        middle=pd.DatetimeIndex(frame["middle"]),
        porosity=_of_sites(card.get("porosity", {}), sites),
        dry=_of_sites(card.get("dry", {}), sites),
    )


def _of_sites(values: Mapping[str, float], sites: Iterable[str]) -> dict[str, float]:
    return {str(site): values[site] for site in sites if site in values}
