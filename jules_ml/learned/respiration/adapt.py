"""Learned respiration adapted to new sites: their base respiration R0 from some days of observations at each site."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.adaptation import AdaptationDays
from jules_ml.learned.respiration.base_rate_series import day_number, departures_of
from jules_ml.learned.respiration.base_respiration import new_site_noise, prior_of, r0_from_ratio, shrunken_r0
from jules_ml.learned.respiration.evaluate import (
    ScoredRows,
    evaluation_rows,
    predicted_rows,
    scored_rows,
    scores_of_rows,
)
from jules_ml.learned.respiration.network import LearnedRespiration
from jules_ml.learned.respiration.nights import ustar_entry
from jules_ml.learned.respiration.site import Rows, moisture_of
from jules_ml.learned.respiration.state import layer_entries
from jules_ml.learned.respiration.state_link import run_entry
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.learned.respiration.stored_rows import frame_predictions, stored_training
from jules_ml.learned.store import ASSIMILATION_PREFIX, read_module_folder, write_module_folder
from jules_ml.learned.training_days import TRAINING_DAYS, day_intervals
from jules_ml.scoring.splits import SPLIT_NAMES


@dataclass(frozen=True, eq=False)
class RespirationAdaptation:
    """Result of an adaptation.

    Attributes
    ----------
    folder : Path
        Module folder that was written.
    scores : dict
        Content of ``scores.json``, for the days that were not used for adaptation.
    base_respiration : dict of str to float
        R0 of each new group [umol m-2 s-1].
    notes : tuple of str
        Notes for the user, on days without observations.
    """

    folder: Path
    scores: dict[str, Any]
    base_respiration: dict[str, float]
    notes: tuple[str, ...] = ()


def adapt_respiration(
    folder: str | Path, sites: Sequence[xr.Dataset], out: Path, *, days: AdaptationDays
) -> RespirationAdaptation:
    """Estimate the base respiration of new sites and write a module folder that contains them.

    The curves f and g stay as they are. R0 of a site is the ratio of measured to modelled respiration on the selected days, shrunk
    towards the training sites if the module has a prior. The other days are scored. ``predictions.nc`` also has the
    training rows of the module and the rows of the selected days, to which the baselines are fitted.

    Parameters
    ----------
    folder : str or Path
        Module folder.
    sites : sequence of xarray.Dataset
        Site datasets.
    out : Path
        Module folder to write.
    days : AdaptationDays
        Days used for adaptation; a number of days selects the first days with observations.

    Returns
    -------
    RespirationAdaptation

    Raises
    ------
    BadInput
        If a site is one of the training sites, or has no observation on the selected days.
    """
    folder = Path(folder)
    module, settings, card = load_respiration(folder)
    state, _ = read_module_folder(folder, kind="respiration")
    new_card: dict[str, Any] = {key: value for key, value in card.items() if key != "card_version"}
    new_card |= {key: dict(card[key]) for key in ("sites", "porosity", "dry", "level")}
    new_card["ustar_threshold"] = dict(card.get("ustar_threshold", {}))
    training = stored_training(folder, settings, card)
    frames = [] if training is None else [training.frame]
    scored: list[ScoredRows] = []
    r0: dict[str, float] = {}
    notes: list[str | None] = []
    for ds in sites:
        site = str(ds.attrs.get("site", "site"))
        if site in card["sites"]:
            raise BadInput(
                f"the module was fitted to {site} and needs no adaptation there",
                where=folder,
                remedy="adapt it to another site, or change the name of this site under [site]",
            )
        rows = evaluation_rows(settings, new_card, ds)
        chosen, note = _chosen(rows, days, site)
        notes.append(note)
        r0 |= _site_r0(module, settings, new_card, rows.take(chosen))
        new_card["sites"][site] = _entry(ds, rows.take(chosen), days)
        new_card["sites"][site] |= run_entry(ds) | layer_entries(ds, rows.time[chosen], module, settings)
        new_card["porosity"] |= rows.porosity
        new_card["dry"] |= rows.dry
        new_card["ustar_threshold"] |= {name: ustar_entry(threshold) for name, threshold in rows.ustar.items()}
        module = _with_groups(module, settings, new_card, rows.take(chosen), r0)
        local = predicted_rows(module, settings, new_card, rows.take(chosen))
        frames.append(local.assign(split=SPLIT_NAMES.index("train")))
        if training is not None:
            fitted = {name: baseline.adapted(rows.take(chosen)) for name, baseline in training.fitted.items()}
            training = replace(training, fitted=fitted)
        rest = rows.take(~chosen & _after(rows, chosen, days))
        scored.append(scored_rows(module, settings, new_card, rest, training))
    frame = pd.concat([*frames, *(each.frame for each in scored)])
    new_scores = scores_of_rows(scored, cover=settings.interval, period="on the other days")
    scores: dict[str, Any] = {"adapted_from": folder.name, **new_scores}
    new_card["adapted_from"] = folder.name
    other = {name: value for name, value in state.items() if name.startswith(ASSIMILATION_PREFIX)}
    predictions = frame_predictions(frame, settings)
    write_module_folder(
        out, state=dict(module.state_dict()) | other, card=new_card, scores=scores, predictions=predictions
    )
    return RespirationAdaptation(out, scores, r0, tuple(note for note in notes if note is not None))


def _chosen(rows: Rows, days: AdaptationDays, site: str) -> tuple[NDArray[np.bool_], str | None]:
    """Rows on the days used for adaptation, shape (row,), and a note if there are fewer days than asked for."""
    day = rows.middle.floor("D")
    names = pd.DatetimeIndex(day.unique().sort_values())
    selected = days.select(names, np.ones(len(names), dtype=bool), where=f"site {site}")
    return np.asarray(day.isin(names[selected])), days.shortfall(selected, where=site)


def _after(rows: Rows, chosen: NDArray[np.bool_], days: AdaptationDays) -> NDArray[np.bool_]:
    """Rows that may be scored: those after the adaptation days if their number is set, all rows if they are listed."""
    if days.dates is not None:
        return np.ones(len(rows), dtype=bool)
    return np.asarray(rows.time > rows.time[chosen].max())


def _site_r0(
    module: LearnedRespiration, settings: RespirationSettings, card: Mapping[str, Any], rows: Rows
) -> dict[str, float]:
    """Estimate the base respiration of each group in the rows [umol m-2 s-1]."""
    prior = prior_of(card)
    numbers = np.unique(rows.group)
    return {rows.groups[k]: shrunken_r0(module, settings, rows.take(rows.group == k), prior) for k in numbers}


def _entry(ds: xr.Dataset, rows: Rows, days: AdaptationDays) -> dict[str, Any]:
    """Entry of a site in the card."""
    return {
        "source": ds.attrs.get("source"),
        "licence": ds.attrs.get("licence"),
        "rows": len(rows),
        "first": str(rows.time.min()),
        "last": str(rows.time.max()),
        TRAINING_DAYS: day_intervals(rows.middle, least_gap=days.least_gap),
        "adapted": True,
    }


def _with_groups(
    module: LearnedRespiration,
    settings: RespirationSettings,
    card: dict[str, Any],
    rows: Rows,
    r0: Mapping[str, float],
) -> LearnedRespiration:
    """Append the groups of the rows to a module and to its card."""
    log_r0, medians, noises = [], [], []
    for k in np.unique(rows.group):
        name = rows.groups[k]
        of_group = rows.take(rows.group == k)
        log_r0.append(_member_log_r0(module, settings, of_group, r0[name]))
        medians.append(r0[name])
        noises.append(new_site_noise(module, r0[name]))
        card["groups"] = [*card["groups"], name]
        card["level"][name] = r0[name]
    state = {name: value for name, value in module.state_dict().items()}
    state["log_level"] = torch.cat([module.log_level, torch.stack(log_r0, dim=1)], dim=1)
    state["level"] = torch.cat([module.level, torch.tensor(medians, dtype=torch.float64)])
    state["noise"] = torch.cat([module.noise, torch.tensor(np.stack(noises), dtype=torch.float64)])
    state |= _with_series(module, settings, rows, r0)
    return LearnedRespiration.from_state(state)


def _with_series(
    module: LearnedRespiration, settings: RespirationSettings, rows: Rows, r0: Mapping[str, float]
) -> dict[str, Tensor]:
    """R0(t) of the module with that of new groups, whose process has the median parameters of the training sites."""
    tables, parameters = [module.series], [module.series_parameters]
    typical = torch.nanmedian(module.series_parameters, dim=0).values
    for number, k in enumerate(np.unique(rows.group), start=len(module.series_parameters)):
        mine, value = rows.take(rows.group == k), r0[rows.groups[k]]
        moisture, t_soil = (torch.tensor(x) for x in (moisture_of(mine, settings), mine.t_soil))
        with torch.no_grad():
            predicted = value * (module.f(moisture) * module.g(t_soil)).numpy()
        predicted = predicted * module.antecedent(mine.antecedent, len(mine))
        a, b = new_site_noise(module, value)
        departures = departures_of(day_number(mine.middle), mine.flux, predicted, a + b * predicted)
        parameters.append(typical[None])
        if bool(torch.isfinite(typical).all()):
            tables.append(torch.from_numpy(departures.table(number)))
    return {"series": torch.cat(tables), "series_parameters": torch.cat(parameters)}


def _member_log_r0(module: LearnedRespiration, settings: RespirationSettings, rows: Rows, r0: float) -> Tensor:
    """Logarithm of R0 for the curves of each member, shape (member,); all are shrunk as much as the median."""
    moisture, t_soil = (torch.tensor(x) for x in (moisture_of(rows, settings), rows.t_soil))
    with torch.no_grad():
        median = r0_from_ratio((module.f(moisture) * module.g(t_soil)).numpy(), rows.flux)
        shape = module.member_f(moisture) * module.member_g(t_soil)
    ratios = [r0_from_ratio(of_member.numpy(), rows.flux) / median for of_member in shape]
    return torch.tensor([math.log(r0 * ratio) for ratio in ratios], dtype=torch.float64)
