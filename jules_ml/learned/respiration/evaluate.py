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

from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.figures import fit_skill
from jules_ml.learned.respiration.levels import LEVEL_DAYS, LevelPrior, first_days, take_level
from jules_ml.learned.respiration.network import LearnedRespiration
from jules_ml.learned.respiration.report import QUANTITY
from jules_ml.learned.respiration.site import moisture_of, select_rows
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.learned.store import write_evaluation_folder
from jules_ml.scoring.fluxes import daily
from jules_ml.scoring.intervals import coverage
from jules_ml.scoring.scores import agreement
from jules_ml.support.figures import save_figure


def evaluate_respiration(
    folder: str | Path, sites: xr.Dataset | Sequence[xr.Dataset], out: Path | None = None
) -> dict[str, Any]:
    """Score a fitted module on records it has never seen.

    A site that the module has a level for keeps it; a new site takes its level from its first thirty days, which are not scored.

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
        Scores over all and by site.

    Raises
    ------
    BadInput
        If the folder is none of learned respiration, a record cannot be used, or one overlaps in time with what the module was
        learned from.
    """
    module, settings, card = load_respiration(folder)
    datasets = [sites] if isinstance(sites, xr.Dataset) else list(sites)
    frame = pd.concat([_evaluated(module, settings, card, ds, Path(folder)) for ds in datasets])
    scores: dict[str, Any] = {
        "module": Path(folder).name,
        "all": _scores(frame),
        "sites": {str(site): _scores(of) for site, of in frame.groupby("site")},
    }
    if out is not None:
        table = xr.Dataset.from_dataframe(frame.reset_index(drop=True).rename_axis("row"))
        write_evaluation_folder(out, scores=scores, predictions=table)
        days = daily(frame[["measured", "modelled", "low", "high"]], pd.DatetimeIndex(frame["middle"]))
        figure = fit_skill(
            frame[["measured", "modelled"]],
            days,
            pd.Series("test", index=days.index),
            flux=QUANTITY[settings.target].partition(":")[0].capitalize(),
            notes=[f"By the module {Path(folder).name}, which has seen none of this."],
        )
        save_figure(figure, out / "figures" / "observed_predicted.png")
    return scores


def _evaluated(
    module: LearnedRespiration, settings: RespirationSettings, card: Mapping[str, Any], ds: xr.Dataset, folder: Path
) -> pd.DataFrame:
    """Measured and modelled flux of one site, with interval."""
    site = str(ds.attrs.get("site", "site"))
    known: dict[str, float] = card["porosity"]
    rows = select_rows(ds, settings.model_copy(update={"porosity": {**known, **settings.porosity}})).known()
    _refuse_seen(rows.time, site, card, folder)
    names = [str(name) for name in card["groups"]]
    prior = None if card["level_prior"] is None else LevelPrior(**card["level_prior"])
    number = np.array([names.index(name) if name in names else -1 for name in rows.groups])
    levels, scales = module.level.numpy(), module.noise.numpy()
    level = np.where(number >= 0, levels[number], np.nan)
    noise = scales[number].copy()
    keep = np.ones(len(rows), dtype=bool)
    for group in np.flatnonzero(number < 0):
        mine = rows.group == group
        start = mine & first_days(rows.take(mine).time.min(), rows, LEVEL_DAYS)
        level[group] = take_level(module, settings, rows.take(start), prior)
        # errors of a new site: as large relative to its level as at the sites learned from
        noise[group] = float(np.median(scales[:, 0] / levels)) * level[group], float(np.median(scales[:, 1]))
        keep &= ~start
    moisture, t_soil = (torch.tensor(x) for x in (moisture_of(rows, settings), rows.t_soil))
    with torch.no_grad():
        modelled = level[rows.group] * (module.f(moisture) * module.g(t_soil)).numpy()
    scale = noise[rows.group, 0] + noise[rows.group, 1] * modelled
    q_low, q_high = module.quantiles.tolist()
    return pd.DataFrame(
        {
            "site": site,
            "time": rows.time,
            "middle": rows.middle,
            "measured": rows.flux,
            "modelled": modelled,
            "low": modelled + q_low * scale,
            "high": modelled + q_high * scale,
        }
    )[keep]


def _refuse_seen(time: pd.DatetimeIndex, site: str, card: Mapping[str, Any], folder: Path) -> None:
    if site not in card["sites"]:
        return
    first, last = (pd.Timestamp(card["sites"][site][key]) for key in ("first", "last"))
    if bool(((time >= first) & (time <= last)).any()):
        raise BadInput(
            f"the record of {site} overlaps in time with what the module was learned from ({first:%Y-%m-%d} to {last:%Y-%m-%d})",
            where=folder,
            remedy="give other years, or another site; the fit itself has scored what it held out",
        )


def _scores(frame: pd.DataFrame) -> dict[str, Any]:
    steps = asdict(agreement(frame["modelled"].to_numpy(), frame["measured"].to_numpy()))
    return steps | {"coverage": coverage(*(frame[key].to_numpy() for key in ("measured", "low", "high")))}
