"""Learned respiration scored on records that it was not fitted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.predictions import prediction_variables
from jules_ml.learned.respiration.base_respiration import base_respiration
from jules_ml.learned.respiration.figures import fit_skill
from jules_ml.learned.respiration.network import LearnedRespiration
from jules_ml.learned.respiration.nights import rules_of_site
from jules_ml.learned.respiration.report import QUANTITY
from jules_ml.learned.respiration.site import Rows, moisture_of, select_rows
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.learned.store import write_evaluation_folder
from jules_ml.learned.training_days import refuse_training_days
from jules_ml.scoring.fluxes import daily
from jules_ml.scoring.scores import coverage, interval_score, score
from jules_ml.scoring.splits import split_of
from jules_ml.support.figures import save_figure


def evaluate_respiration(
    folder: str | Path, sites: xr.Dataset | Sequence[xr.Dataset], out: Path | None = None
) -> dict[str, Any]:
    """Score a fitted module on records that it was not fitted to.

    If the module contains the base respiration R0 of a site, from the fit or from adaptation, that value is used. At any other site
    R0 is the mean of the training sites; :func:`~jules_ml.learned.respiration.adapt.adapt_respiration` estimates it
    from some days of observations.

    Parameters
    ----------
    folder : str or Path
        Module folder.
    sites : xarray.Dataset or sequence of them
        Site datasets.
    out : Path, optional
        Folder for ``scores.json``, ``predictions.nc`` and the figure.

    Returns
    -------
    dict
        Scores over all sites and by site.

    Raises
    ------
    BadInput
        If the folder contains no module of learned respiration, a record cannot be used, or a record overlaps in time with the
        training data.

    Notes
    -----
    With ``ustar_min = "estimate"``, a training site keeps its threshold, and the threshold of a new site is estimated from its record.
    """
    module, settings, card = load_respiration(folder)
    datasets = [sites] if isinstance(sites, xr.Dataset) else list(sites)
    frame = pd.concat([_evaluated(module, settings, card, ds, Path(folder)) for ds in datasets])
    new = sorted({str(site) for site in frame["site"]} - set(card["sites"]))
    scores: dict[str, Any] = {
        "module": Path(folder).name,
        **frame_scores(frame, cover=settings.interval),
        "sites_without_base_respiration": new,
    }
    if out is not None:
        write_evaluation_folder(out, scores=scores, predictions=frame_predictions(frame, settings))
        days = daily(frame[["observed", "predicted"]], pd.DatetimeIndex(frame["middle"]))
        figure = fit_skill(
            frame[["observed", "predicted"]],
            days,
            pd.Series("test", index=days.index),
            flux=QUANTITY[settings.target].partition(":")[0].capitalize(),
            notes=[f"Predicted by the module {Path(folder).name}, which was not trained on these data."],
        )
        save_figure(figure, out / "figures" / "observed_predicted.png")
    return scores


def evaluation_rows(settings: RespirationSettings, card: Mapping[str, Any], ds: xr.Dataset) -> Rows:
    """Select the rows of a record that a module is scored on, with the porosity and the u* threshold of the fit."""
    site = str(ds.attrs.get("site", "site"))
    porosity = card["porosity"].get(site)
    settings = settings.model_copy(update={"rows": rules_of_site(settings.rows, card, site)})
    return select_rows(ds if porosity is None else ds.assign_attrs(porosity=porosity), settings).with_flux()


def frame_predictions(frame: pd.DataFrame, settings: RespirationSettings) -> xr.Dataset:
    """Content of ``predictions.nc`` from the frame of :func:`predicted_rows`; all rows belong to the test period."""
    columns: dict[str, tuple[Any, ...]] = {
        "time": ("row", frame["time"].to_numpy(), {"standard_name": "time", "long_name": "end of interval, UTC"}),
        "middle": ("row", frame["middle"].to_numpy(), {"long_name": "middle of interval, local standard time"}),
        "site": ("row", frame["site"].to_numpy(dtype=str), {"long_name": "name of the site"}),
        **prediction_variables(
            "row",
            **{name: frame[name].to_numpy() for name in ("observed", "predicted", "lower", "upper")},
            split=split_of(np.ones(len(frame), dtype=bool)).flags(),
            quantity=QUANTITY[settings.target].partition(":")[0],
            interval=f"{100 * settings.interval:g} % interval of an observation",
            attributes={"units": "umol m-2 s-1"},
        ),
    }
    return xr.Dataset(columns, attrs={"Conventions": "CF-1.10", "comment": QUANTITY[settings.target]})


def _evaluated(
    module: LearnedRespiration, settings: RespirationSettings, card: Mapping[str, Any], ds: xr.Dataset, folder: Path
) -> pd.DataFrame:
    """Observed and predicted flux of one site, with the interval."""
    site = str(ds.attrs.get("site", "site"))
    rows = evaluation_rows(settings, card, ds)
    refuse_training_days(rows.middle, site, card, folder)
    return predicted_rows(module, settings, card, rows, site)


def predicted_rows(
    module: LearnedRespiration, settings: RespirationSettings, card: Mapping[str, Any], rows: Rows, site: str
) -> pd.DataFrame:
    """Predict the flux of rows by the median curves and each group's base respiration.

    Parameters
    ----------
    module, settings, card
        Content of the module folder.
    rows : Rows
        Rows of one site.
    site : str
        Name of the site.

    Returns
    -------
    DataFrame
        Observed and predicted flux with the interval of an observation [umol m-2 s-1], in the order of ``rows``.
    """
    r0, noise = base_respiration(module, card, rows.groups)
    moisture, t_soil = (torch.tensor(x) for x in (moisture_of(rows, settings), rows.t_soil))
    with torch.no_grad():
        predicted = r0[rows.group] * (module.f(moisture) * module.g(t_soil)).numpy()
    scale = noise[rows.group, 0] + noise[rows.group, 1] * predicted
    q_low, q_high = module.quantiles.tolist()
    return pd.DataFrame(
        {
            "site": site,
            "time": rows.time,
            "middle": rows.middle,
            "observed": rows.flux,
            "predicted": predicted,
            "lower": predicted + q_low * scale,
            "upper": predicted + q_high * scale,
        }
    )


def frame_scores(frame: pd.DataFrame, *, cover: float) -> dict[str, Any]:
    """Scores over all rows and by site from the frame of :func:`predicted_rows`; ``cover`` is the nominal coverage of the intervals."""
    sites = {str(site): _scores(rows, cover) for site, rows in frame.groupby("site")}
    return {"all": _scores(frame, cover), "sites": sites}


def _scores(frame: pd.DataFrame, cover: float) -> dict[str, Any]:
    interval = [frame[key].to_numpy() for key in ("lower", "upper", "observed")]
    return {
        **asdict(score(frame["predicted"].to_numpy(), frame["observed"].to_numpy())),
        "coverage": coverage(*interval),
        "interval_score": interval_score(*interval, cover=cover),
    }
