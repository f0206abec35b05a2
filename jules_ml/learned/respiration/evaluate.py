"""Learned respiration scored on records that it was not fitted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr

from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.base_rate_series import day_number
from jules_ml.learned.respiration.base_respiration import base_respiration
from jules_ml.learned.respiration.baseline_intervals import SIMPLER, BaselinePrediction, predict_all
from jules_ml.learned.respiration.figures import fit_skill
from jules_ml.learned.respiration.network import LearnedRespiration
from jules_ml.learned.respiration.nights import rules_of_site
from jules_ml.learned.respiration.report import form_scores
from jules_ml.learned.respiration.site import Rows, moisture_of, select_rows
from jules_ml.learned.respiration.state import has_state, without_state
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.learned.respiration.stored_rows import (
    QUANTITY,
    StoredTraining,
    frame_predictions,
    row_columns,
    stored_training,
)
from jules_ml.learned.store import write_evaluation_folder
from jules_ml.learned.training_days import refuse_training_days
from jules_ml.learned.verdict import LEARNED, verdict_of
from jules_ml.scoring.fluxes import daily
from jules_ml.scoring.splits import SPLIT_NAMES
from jules_ml.support.figures import save_figure


def evaluate_respiration(
    folder: str | Path,
    sites: xr.Dataset | Sequence[xr.Dataset],
    out: Path | None = None,
    *,
    years: Sequence[int] | None = None,
) -> dict[str, Any]:
    """Score a fitted module and every baseline on records that it was not fitted to.

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
    years : sequence of int, optional
        Calendar years of the records that are scored, at every site that has them; all by default.

    Returns
    -------
    dict
        See :func:`scores_of_rows`.

    Raises
    ------
    BadInput
        If the folder contains no module of learned respiration, a record cannot be used, or a record overlaps in time with the
        training data.

    Notes
    -----
    The baselines are fitted again to the training rows in ``predictions.nc`` of the module folder. Their base respiration follows the same
    rules as that of the module; at a site that the module was adapted to, it is estimated from the same local days.

    With ``ustar_min = "estimate"``, a training site keeps its threshold, and the threshold of a new site is estimated from its record.
    """
    module, settings, card = load_respiration(folder)
    folder = Path(folder)
    datasets = [sites] if isinstance(sites, xr.Dataset) else list(sites)
    training = stored_training(folder, settings, card)
    selected = [evaluation_rows(settings, card, ds) for ds in datasets]
    if years is not None:
        selected = _of_years(selected, years)
    scored = []
    for rows in selected:
        refuse_training_days(rows.middle, rows.sites[0], card, folder)
        scored.append(scored_rows(module, settings, card, rows, training))
    frame = pd.concat([each.frame for each in scored])
    new = sorted({str(site) for site in frame["site"]} - set(card["sites"]))
    scores: dict[str, Any] = {
        "module": folder.name,
        **scores_of_rows(scored, cover=settings.interval, period="on this record"),
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
            notes=[f"Predicted by the module {folder.name}, which was not trained on these data."],
        )
        save_figure(figure, out / "figures" / "observed_predicted.png")
    return scores


def evaluation_rows(settings: RespirationSettings, card: Mapping[str, Any], ds: xr.Dataset) -> Rows:
    """Select the rows of a record that a module is scored on, with the porosity and the u* threshold of the fit.

    Raises
    ------
    BadInput
        If f and g were fitted to the soil of a model, and the record has no such state; or as :func:`select_rows`.
    """
    site = str(ds.attrs.get("site", "site"))
    if isinstance(settings.state, Path) and not has_state(ds):
        raise BadInput(
            "the module was fitted to the soil of a model, and the record has only sensors",
            where=f"site {site}",
            remedy="give the run of the model as [respiration] state, or an experiment that can be run with the column",
        )
    if not isinstance(settings.state, Path):
        ds = without_state(ds)
    porosity = None if has_state(ds) else card["porosity"].get(site)
    settings = settings.model_copy(update={"rows": rules_of_site(settings.rows, card, site)})
    return select_rows(ds if porosity is None else ds.assign_attrs(porosity=porosity), settings).with_flux()


def _of_years(sites: Sequence[Rows], years: Sequence[int]) -> list[Rows]:
    """Select the rows of calendar years of each site, and leave out sites without them."""
    selected = [rows.take(np.isin(rows.middle.year, years)) for rows in sites]
    selected = [rows for rows in selected if len(rows)]
    if not selected:
        raise BadInput(
            f"there are no rows in {', '.join(map(str, years))}",
            where=f"site {', '.join(rows.sites[0] for rows in sites)}",
            remedy="give other years, or none, under [respiration] test_years",
        )
    return selected


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """Rows of one site with predictions.

    Attributes
    ----------
    frame : DataFrame
        Observed and predicted flux with the interval of an observation [umol m-2 s-1], drivers and ``split``, by row.
    baselines : dict of str to BaselinePrediction
        Predictions of the baselines; empty if the module folder has no rows to fit them to.
    """

    frame: pd.DataFrame
    baselines: dict[str, BaselinePrediction]


def scored_rows(
    module: LearnedRespiration,
    settings: RespirationSettings,
    card: Mapping[str, Any],
    rows: Rows,
    training: StoredTraining | None,
) -> ScoredRows:
    """Predict the flux of rows of one site by a module and by its baselines."""
    frame = predicted_rows(module, settings, card, rows)
    return ScoredRows(frame, {} if training is None else predict_all(training.fitted, rows))


def predicted_rows(
    module: LearnedRespiration, settings: RespirationSettings, card: Mapping[str, Any], rows: Rows
) -> pd.DataFrame:
    """Predict the flux of rows by the median curves, the factor of antecedent conditions and each group's base respiration in time.

    Parameters
    ----------
    module, settings, card
        Content of the module folder.
    rows : Rows
        Rows of one site.

    Returns
    -------
    DataFrame
        Observed and predicted flux with the interval of an observation [umol m-2 s-1], in the order of ``rows``; all rows belong to the
        test period.
    """
    r0, noise = base_respiration(module, card, rows.groups)
    moisture, t_soil = (torch.tensor(x) for x in (moisture_of(rows, settings), rows.t_soil))
    index = np.array([card["groups"].index(name) if name in card["groups"] else -1 for name in rows.groups])
    with torch.no_grad():
        relative, deviation = module.relative_base_rate(day_number(rows.middle), index[rows.group])
        level = torch.from_numpy(r0[rows.group] * module.antecedent(rows.antecedent, len(rows)))
        predicted = level * relative * module.f(moisture) * module.g(t_soil)
        lower, upper = module.interval(predicted, torch.from_numpy(noise[rows.group]), deviation)
    values = {"predicted": predicted.numpy(), "lower": lower.numpy(), "upper": upper.numpy()}
    return pd.DataFrame(row_columns(rows) | values | {"split": SPLIT_NAMES.index("test")})


def scores_of_rows(scored: Sequence[ScoredRows], *, cover: float, period: str) -> dict[str, Any]:
    """Scores of the module and of its baselines over all rows and by site.

    Parameters
    ----------
    scored : sequence of ScoredRows
        One for each site.
    cover : float
        Nominal coverage of the intervals [1].
    period : str
        What was scored, for the verdict.

    Returns
    -------
    dict
        ``all`` and ``sites``: scores of the module; ``baselines``: those of the baselines, also by ``all`` and ``sites``; ``verdict``.
    """
    by_site = {str(each.frame["site"].iloc[0]): _scores([each], cover) for each in scored if len(each.frame)}
    of_all = _scores(scored, cover)
    return {
        "all": of_all[LEARNED],
        "sites": {site: of[LEARNED] for site, of in by_site.items()},
        "baselines": {
            "all": _without_learned(of_all),
            "sites": {site: _without_learned(of) for site, of in by_site.items()},
        },
        "verdict": verdict_of("respiration", of_all, simpler=SIMPLER, period=period).to_scores(),
    }


def _scores(scored: Sequence[ScoredRows], cover: float) -> dict[str, dict[str, Any]]:
    """Scores of the rows of several sites together, by form."""
    frame = pd.concat([each.frame for each in scored])
    forms = {LEARNED: BaselinePrediction(*(frame[key].to_numpy() for key in ("predicted", "lower", "upper")))}
    for name in scored[0].baselines:
        of_sites = [each.baselines[name] for each in scored]
        ends = (np.concatenate([getattr(each, key) for each in of_sites]) for key in ("predicted", "lower", "upper"))
        forms[name] = BaselinePrediction(*ends)
    site = np.unique(frame["site"].to_numpy(dtype=str), return_inverse=True)[1]
    return form_scores(forms, frame["observed"].to_numpy(), pd.DatetimeIndex(frame["middle"]), site, cover=cover)


def _without_learned(scores: Mapping[str, Any]) -> dict[str, Any]:
    return {name: of for name, of in scores.items() if name != LEARNED}
