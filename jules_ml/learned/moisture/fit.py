"""Fit of a soil-moisture module to records, its scores on the test period, and its module folder."""

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
from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.ensemble_training import train_moisture
from jules_ml.learned.moisture.held_out_sites import cross_validate_sites, paired_difference, refuse_few_sites
from jules_ml.learned.moisture.record import MoistureRecord, preferred_sensor
from jules_ml.learned.moisture.report import figure_of, predictions_of, scores_of_sites
from jules_ml.learned.moisture.site import MoistureSite
from jules_ml.learned.moisture.store import card_of_ensemble, state_of
from jules_ml.learned.moisture.training_site import TrainingSite
from jules_ml.learned.store import write_module_folder
from jules_ml.learned.training_days import LEAST_GAP, TRAINING_DAYS, day_intervals
from jules_ml.scoring.splits import Split, by_fractions
from jules_ml.support.figures import save_figure
from jules_ml.support.files import safe_file_names
from jules_ml.support.progress import Progress, portion
from jules_ml.support.provenance import software

#: Fewest usable days of a scored sensor.
_MIN_DAYS = 60


@dataclass(frozen=True, eq=False)
class MoistureFit:
    """Result of a fit.

    Attributes
    ----------
    folder : Path
        Module folder.
    ensemble : MoistureEnsemble
    scores : dict
        Content of ``scores.json``.
    warnings : tuple of str
        Warnings for the user.
    """

    folder: Path
    ensemble: MoistureEnsemble
    scores: dict[str, Any]
    warnings: tuple[str, ...]


def fit_moisture(
    sites: Sequence[MoistureSite], settings: MoistureSettings, out: Path, *, progress: Progress | None = None
) -> MoistureFit:
    """Fit soil moisture to records and write the module folder.

    The last ``settings.test_fraction`` of the usable days of each record is the test period, on which the module and the baselines are
    scored. With ``settings.site_folds`` the module is also cross-validated over sites.

    Parameters
    ----------
    sites : sequence of MoistureSite
    settings : MoistureSettings
    out : Path
        Module folder to write.
    progress : callable, optional
        Receives the progress; see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    MoistureFit

    Raises
    ------
    BadInput
        If a site has too few usable days, two sites have the same name, or the folder cannot be written.
    """
    records = [site.record for site in sites]
    _refuse_duplicates(records)
    main = _main_sensors(records, [note for site in sites for note in site.notes])
    fractions = {"validation": settings.validation_fraction, "test": settings.test_fraction}
    splits = [by_fractions(record.usable[:, m], **fractions) for record, m in zip(records, main, strict=True)]
    cold = settings.frozen_below
    training = [s.training(split.fitted, m, frozen_below=cold) for s, split, m in zip(sites, splits, main, strict=True)]
    if settings.site_folds:
        refuse_few_sites(len(training), settings.site_folds)
    runs = settings.site_folds * (4 if settings.compare_static else 1)
    fraction = 1.0 / (1.0 + 0.5 * runs)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    ensemble = train_moisture(training, settings, device=device, progress=portion(progress, 0.0, fraction))
    scores: dict[str, Any] = {"inner_validation": dict(ensemble.validation)}
    if settings.site_folds:
        all_days = [
            s.training(np.ones(len(s.record), dtype=bool), m, frozen_below=cold)
            for s, m in zip(sites, main, strict=True)
        ]
        ensemble, scores["held_out_sites"] = _score_held_out_sites(
            ensemble, all_days, settings, device, portion(progress, fraction, 1.0)
        )
    scores |= scores_of_sites(ensemble, records, splits)
    simulated = {each.record.site: len(each.simulated) for each in training}
    of_records = [note for site in sites for note in site.notes]
    warnings = (*of_records, *_warnings(ensemble, records), *_warnings_for_runs(sites, simulated))
    write_moisture_module(out, ensemble, sites, splits, scores, warnings, simulated=simulated)
    return MoistureFit(out, ensemble, scores, warnings)


def write_moisture_module(
    out: Path,
    ensemble: MoistureEnsemble,
    sites: Sequence[MoistureSite],
    splits: Sequence[Split],
    scores: dict[str, Any],
    warnings: Sequence[str],
    *,
    earlier_sites: Mapping[str, Any] | None = None,
    simulated: Mapping[str, int] | None = None,
    least_gap: int = LEAST_GAP,
) -> None:
    """Write the module folder with its figures.

    Parameters
    ----------
    out : Path
        Module folder to write.
    ensemble : MoistureEnsemble
    sites : sequence of MoistureSite
    splits : sequence of Split
        One for each site.
    scores : dict
        Content of ``scores.json``.
    warnings : sequence of str
        Warnings for the card.
    earlier_sites : mapping, optional
        Sites in the card of the module that this one was adapted from.
    simulated : mapping of str to int, optional
        Number of simulated records used in the training, by site.
    least_gap : int
        Gap that separates intervals of training days in the card [d].

    Raises
    ------
    BadInput
        If the folder cannot be written.
    """
    records = [site.record for site in sites]
    card = moisture_card(
        ensemble, sites, splits, warnings, earlier_sites=earlier_sites, simulated=simulated, least_gap=least_gap
    )
    write_module_folder(
        out,
        state=state_of(ensemble),
        card=card,
        scores=scores,
        predictions=predictions_of(ensemble, records, splits),
    )
    names = safe_file_names(record.site for record in records)
    for record, split in zip(records, splits, strict=True):
        save_figure(figure_of(ensemble, record, split), out / "figures" / f"{names[record.site]}.png")


def moisture_card(
    ensemble: MoistureEnsemble,
    sites: Sequence[MoistureSite],
    splits: Sequence[Split],
    warnings: Sequence[str],
    *,
    earlier_sites: Mapping[str, Any] | None = None,
    simulated: Mapping[str, int] | None = None,
    least_gap: int = LEAST_GAP,
) -> dict[str, Any]:
    """Card of a module; the arguments are those of :func:`write_moisture_module`."""
    return {
        **card_of_ensemble(ensemble),
        "quantity": "volumetric water content of soil, residual water included [m3 m-3]",
        "sites": dict(earlier_sites or {})
        | {
            site.record.site: {
                "first": f"{_first(site.record, split):%Y-%m-%d}",
                "last": f"{_last(site.record, split):%Y-%m-%d}",
                TRAINING_DAYS: day_intervals(
                    site.record.days[split.fitted & site.record.usable.any(1)], least_gap=least_gap
                ),
                "sensors": list(site.record.names),
                "depths": site.record.depth.tolist(),
                "licence": site.licence,
                "latitude": site.record.latitude,
                "longitude": site.record.longitude,
                "sm_sat": site.sm_sat,
                "theta_r": site.theta_r,
                "utc_offset_hours": site.utc_offset_hours,
                "static": ensemble.static_inputs(site.record),
                "simulated_runs": (simulated or {}).get(site.record.site, 0),
            }
            for site, split in zip(sites, splits, strict=True)
        },
        "warnings": list(warnings),
        "software": software(),
    }


def _score_held_out_sites(
    ensemble: MoistureEnsemble,
    sites: Sequence[TrainingSite],
    settings: MoistureSettings,
    device: str,
    progress: Progress | None,
) -> tuple[MoistureEnsemble, dict[str, Any]]:
    """Cross-validate over sites under one value of ``static``, or under all; returns the ensemble with intervals for new sites."""
    kinds: list[StaticKind] = [settings.static]
    if settings.compare_static:
        kinds += [kind for kind in get_args(StaticKind) if kind != settings.static]
    results = {}
    for i, kind in enumerate(kinds):
        results[kind] = cross_validate_sites(
            sites,
            settings.model_copy(update={"static": kind}),
            device=device,
            progress=portion(progress, i / len(kinds), (i + 1) / len(kinds)),
        )
    reference = results[settings.static]
    report: dict[str, Any] = {"static": settings.static, "sites": reference.scores}
    report["median"] = pd.DataFrame(reference.scores).T.median().to_dict()
    if settings.compare_static:
        report["differences"] = {
            f"{kind} less {settings.static}": {
                measure: paired_difference(reference.scores, results[kind].scores, measure)
                for measure in ("rmse", "ubrmse", "r")
            }
            for kind in kinds[1:]
        }
    combination = replace(ensemble.combination, new_site_quantiles=reference.quantiles)
    return replace(ensemble, combination=combination), report


def _main_sensors(records: Sequence[MoistureRecord], notes: Sequence[str]) -> list[int]:
    """Select the scored sensor of each record; ``notes`` on the records say what else was dropped."""
    sensors = {record.site: preferred_sensor(record, least=_MIN_DAYS) for record in records}
    without = [site for site, sensor in sensors.items() if sensor is None]
    if without:
        raise BadInput(
            f"no sensor has {_MIN_DAYS} usable days of measured water content" + "".join(f"; {note}" for note in notes),
            where=f"site {', '.join(without)}",
            remedy="name the columns of water content (theta, or theta_crns), check that quality codes and frozen soil leave some days, "
            "or leave the site out",
        )
    return [sensor for sensor in sensors.values() if sensor is not None]


def _warnings(ensemble: MoistureEnsemble, records: Sequence[MoistureRecord]) -> tuple[str, ...]:
    warnings = []
    if not any(record.has_jules for record in records):
        warnings.append("no run of JULES was given: the module has no initial condition and no first guess")
    if ensemble.moments_model is None:
        warnings.append(
            "too few sites to predict the mean and spread of soil moisture at a new site: adapt the module there "
            "(fit moisture --adapt)"
        )
    return tuple(warnings)


def _warnings_for_runs(sites: Sequence[MoistureSite], simulated: Mapping[str, int]) -> list[str]:
    warnings = []
    for site in sites:
        runs, used = 0 if site.simulated is None else len(site.simulated), simulated[site.record.site]
        if used < runs:
            warnings.append(
                f"{site.record.site}: {used} of {runs} runs with other soils were used in the training; the others have too few training "
                "days"
            )
    return warnings


def _refuse_duplicates(records: Sequence[MoistureRecord]) -> None:
    names = [record.site for record in records]
    duplicate = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if duplicate is not None:
        raise BadInput(f"duplicate site {duplicate}", remedy="give each site a different name under [site]")


def _first(record: MoistureRecord, split: Split) -> pd.Timestamp:
    days = np.flatnonzero(split.fitted)
    return record.days[days[0] if len(days) else 0]


def _last(record: MoistureRecord, split: Split) -> pd.Timestamp:
    days = np.flatnonzero(split.fitted)
    return record.days[days[-1] if len(days) else 0]
