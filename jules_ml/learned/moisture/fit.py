"""Fit soil moisture to records, score it on what it has not seen, take a new sensor in, and keep it as a module folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import torch

from jules_ml.errors import BadInput
from jules_ml.experiment.moisture import MoistureSettings, StaticKind
from jules_ml.learned.moisture.ensemble import MoistureEnsemble, TrainingSite, learn_moisture
from jules_ml.learned.moisture.held_out_sites import hold_sites_out, paired_difference, refuse_few_sites
from jules_ml.learned.moisture.record import MoistureRecord, preferred_sensor
from jules_ml.learned.moisture.report import figure_of, predictions_of, scores_of
from jules_ml.learned.moisture.site import MoistureSite
from jules_ml.learned.moisture.store import card_of_ensemble, state_of
from jules_ml.learned.store import write_module_folder
from jules_ml.scoring.splits import Split, by_fractions
from jules_ml.support.figures import save_figure
from jules_ml.support.files import safe_file_name
from jules_ml.support.progress import Progress, portion
from jules_ml.support.provenance import software

#: Days with fewer than which no sensor is learned from.
_LEAST_DAYS = 60


@dataclass(frozen=True, eq=False)
class MoistureFit:
    """What a fit gave: the module, what ``scores.json`` holds, and what the user should be told."""

    folder: Path
    ensemble: MoistureEnsemble
    scores: dict[str, Any]
    warnings: tuple[str, ...]


def fit_moisture(
    sites: Sequence[MoistureSite], settings: MoistureSettings, out: Path, *, progress: Progress | None = None
) -> MoistureFit:
    """Learn soil moisture from records and write the module folder.

    The last part of each record, ``settings.test_fraction`` of its usable days, is held out and scored beside the baselines; with
    ``settings.site_folds`` sites are held out too.

    Parameters
    ----------
    sites : sequence of MoistureSite
    settings : MoistureSettings
    out : Path
        Module folder to write.
    progress : callable, optional
        Receives how far the work has got, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    MoistureFit

    Raises
    ------
    BadInput
        If there is nothing to learn from, a site stands twice, or the folder cannot be written.
    """
    records = [site.record for site in sites]
    _refuse_twice(records)
    main = _main_sensors(records)
    fractions = {"validation": settings.validation_fraction, "test": settings.test_fraction}
    splits = [by_fractions(record.usable[:, m], **fractions) for record, m in zip(records, main, strict=True)]
    cold = settings.frozen_below
    training = [s.training(split.fitted, m, frozen_below=cold) for s, split, m in zip(sites, splits, main, strict=True)]
    if settings.site_folds:
        refuse_few_sites(len(training), settings.site_folds)
    runs = settings.site_folds * (4 if settings.compare_static else 1)
    share = 1.0 / (1.0 + 0.5 * runs)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    ensemble = learn_moisture(training, settings, device=device, progress=portion(progress, 0.0, share))
    scores: dict[str, Any] = {"inner_validation": dict(ensemble.validation)}
    if settings.site_folds:
        every = [
            s.training(np.ones(len(s.record), dtype=bool), m, frozen_below=cold)
            for s, m in zip(sites, main, strict=True)
        ]
        ensemble, scores["held_out_sites"] = _held_out(ensemble, every, settings, device, portion(progress, share, 1.0))
    scores["sites"] = {
        record.site: scores_of(ensemble, record, split) for record, split in zip(records, splits, strict=True)
    }
    used = {each.record.site: len(each.simulated) for each in training}
    said = (*_said(ensemble, records), *_said_of_runs(sites, used))
    write_moisture_module(out, ensemble, sites, splits, scores, said, runs=used)
    return MoistureFit(out, ensemble, scores, said)


def write_moisture_module(
    out: Path,
    ensemble: MoistureEnsemble,
    sites: Sequence[MoistureSite],
    splits: Sequence[Split],
    scores: dict[str, Any],
    said: Sequence[str],
    *,
    known: Mapping[str, Any] | None = None,
    runs: Mapping[str, int] | None = None,
) -> None:
    """Write the module folder.

    ``known`` are the sites of the module that this one was adapted from, ``runs`` how many were learned from beside each record.
    """
    records = [site.record for site in sites]
    card = {
        **card_of_ensemble(ensemble),
        "quantity": "volumetric water content of soil, residual water included [m3 m-3]",
        "sites": dict(known or {})
        | {
            site.record.site: {
                "first": f"{_first(site.record, split):%Y-%m-%d}",
                "last": f"{_last(site.record, split):%Y-%m-%d}",
                "sensors": list(site.record.names),
                "depths": site.record.depth.tolist(),
                "licence": site.licence,
                "latitude": site.record.latitude,
                "longitude": site.record.longitude,
                "sm_sat": site.sm_sat,
                "theta_r": site.theta_r,
                "utc_offset_hours": site.utc_offset_hours,
                "static": ensemble.static_inputs(site.record),
                "simulated_runs": (runs or {}).get(site.record.site, 0),
            }
            for site, split in zip(sites, splits, strict=True)
        },
        "warnings": list(said),
        "software": software(),
    }
    write_module_folder(
        out,
        state=state_of(ensemble),
        card=card,
        scores=scores,
        predictions=predictions_of(ensemble, records, splits),
    )
    for record, split in zip(records, splits, strict=True):
        save_figure(figure_of(ensemble, record, split), out / "figures" / f"{safe_file_name(record.site)}.png")


def _held_out(
    ensemble: MoistureEnsemble,
    sites: Sequence[TrainingSite],
    settings: MoistureSettings,
    device: str,
    progress: Progress | None,
) -> tuple[MoistureEnsemble, dict[str, Any]]:
    """Scores at held-out sites, under one setting of the switch or under all; and the ensemble with intervals for such sites."""
    wanted: list[StaticKind] = [settings.static]
    if settings.compare_static:
        wanted += [kind for kind in get_args(StaticKind) if kind != settings.static]
    found = {}
    for i, kind in enumerate(wanted):
        part = portion(progress, i / len(wanted), (i + 1) / len(wanted))
        found[kind] = hold_sites_out(sites, settings.model_copy(update={"static": kind}), device=device, progress=part)
    given = found[settings.static]
    report: dict[str, Any] = {"static": settings.static, "sites": given.scores}
    report["median"] = pd.DataFrame(given.scores).T.median().to_dict()
    if settings.compare_static:
        report["differences"] = {
            f"{kind} less {settings.static}": {
                measure: paired_difference(given.scores, found[kind].scores, measure)
                for measure in ("rmse", "ubrmse", "r")
            }
            for kind in wanted[1:]
        }
    return replace(ensemble, unseen=given.quantiles), report


def _main_sensors(records: Sequence[MoistureRecord]) -> list[int]:
    """The sensor of each record that is scored."""
    found = {record.site: preferred_sensor(record, least=_LEAST_DAYS) for record in records}
    without = [site for site, sensor in found.items() if sensor is None]
    if without:
        raise BadInput(
            f"no sensor has {_LEAST_DAYS} usable days of measured water content",
            where=f"site {', '.join(without)}",
            remedy="name the columns of water content (theta, or theta_crns), see that quality codes and frost leave some days, or leave "
            "the site out",
        )
    return [sensor for sensor in found.values() if sensor is not None]


def _said(ensemble: MoistureEnsemble, records: Sequence[MoistureRecord]) -> tuple[str, ...]:
    said = []
    if not any(record.has_jules for record in records):
        said.append("no run of JULES was given: the module starts from nothing, and has no first guess")
    if ensemble.level_guess is None:
        said.append("too few sites to guess the level of an unseen one: adapt the module there (fit moisture --adapt)")
    return tuple(said)


def _said_of_runs(sites: Sequence[MoistureSite], runs: Mapping[str, int]) -> list[str]:
    said = []
    for site in sites:
        named, used = 0 if site.simulated is None else len(site.simulated), runs[site.record.site]
        if used < named:
            said.append(
                f"{site.record.site}: of {named} runs with other soils {used} were learned from; the others do not reach the days before "
                "those held out"
            )
    return said


def _refuse_twice(records: Sequence[MoistureRecord]) -> None:
    names = [record.site for record in records]
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise BadInput(f"site {twice} stands twice", remedy="give each site a name of its own under [site]")


def _first(record: MoistureRecord, split: Split) -> pd.Timestamp:
    held = np.flatnonzero(split.fitted)
    return record.days[held[0] if len(held) else 0]


def _last(record: MoistureRecord, split: Split) -> pd.Timestamp:
    held = np.flatnonzero(split.fitted)
    return record.days[held[-1] if len(held) else 0]
