"""Fit of soil carbon to records of soil moisture and cores, its cross-validated skill, and its module folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.experiment import Experiment
from jules_ml.experiment.carbon_module import CarbonSettings
from jules_ml.experiment.place import PROPERTIES
from jules_ml.learned.carbon.assessment import (
    Ablation,
    ablation,
    ablation_scores,
    learning_curve,
    regions_left_out,
    regression_coverage,
)
from jules_ml.learned.carbon.comparison import CLIMATE, cross_validated_comparison
from jules_ml.learned.carbon.inputs import carbon_inputs
from jules_ml.learned.carbon.report import (
    MARK,
    predictions_of,
    regression_prediction,
    save_report_figures,
    with_stock,
)
from jules_ml.learned.carbon.signatures import SIGNATURES
from jules_ml.learned.carbon.site import carbon_site
from jules_ml.learned.carbon.skill import CarbonInterval, carbon_interval
from jules_ml.learned.carbon.table import MIN_SITES, CarbonSite, CarbonTable, carbon_table, refuse_duplicates
from jules_ml.learned.carbon.training import (
    NetworkSettings,
    Target,
    design,
    design_names,
    fit_networks,
    fit_regression,
    predict_regression,
    soc_target,
)
from jules_ml.learned.store import write_module_folder
from jules_ml.scoring.scores import score
from jules_ml.scoring.splits import from_left_out, leave_one_out
from jules_ml.support.progress import Progress
from jules_ml.support.provenance import software

_Array = NDArray[np.float64]
#: Spread of bulk density within a site [ln].
_DENSITY_SPREAD: Final = 0.1


@dataclass(frozen=True, eq=False)
class CarbonFit:
    """Result of a fit.

    Attributes
    ----------
    folder : Path
        Module folder.
    scores : dict
        Content of ``scores.json``.
    statement : str
        Whether soil moisture adds skill.
    notes : tuple of str
        Notes for the user.
    """

    folder: Path
    scores: dict[str, Any]
    statement: str
    notes: tuple[str, ...]


def fit_carbon(experiments: Sequence[Experiment], out: Path, *, progress: Progress | None = None) -> CarbonFit:
    """Fit soil carbon to the records and cores of experiments, and write the module folder.

    Parameters
    ----------
    experiments : sequence of Experiment
        One for each site. The settings under ``[carbon_module]`` are those of the first. Sites without ``organic_carbon`` are predicted.
    out : Path
        Module folder to write; see :func:`~jules_ml.learned.store.write_module_folder`.
    progress : callable, optional
        Receives the progress; see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    CarbonFit

    Raises
    ------
    BadInput
        If there are fewer than eight sites with cores, a record cannot be used, or the folder cannot be written.
    """
    settings = experiments[0].carbon_module or CarbonSettings()
    sites = [carbon_site(each, frozen_below=settings.frozen_below) for each in experiments]
    return fit_carbon_sites(sites, settings, out, progress=progress)


def fit_carbon_sites(
    sites: Sequence[CarbonSite], settings: CarbonSettings, out: Path, *, progress: Progress | None = None
) -> CarbonFit:
    """Fit soil carbon to sites, and write the module folder; see :func:`fit_carbon`."""
    refuse_duplicates(sites)
    cored = [site for site in sites if np.isfinite(site.soc)]
    new = [site for site in sites if not np.isfinite(site.soc)]
    table = carbon_table(cored, allow_cosmos_vwc=settings.allow_cosmos_vwc)
    target = soc_target(table)
    network = NetworkSettings(members=settings.members, steps=settings.steps, seed=settings.seed)
    ablations = ablation(
        table,
        target,
        inputs=carbon_inputs(cored, table),
        branches=settings.branches,
        network=network,
        progress=progress,
    )
    selected = next(each for each in ablations if each.learner == settings.learner)
    regression = next(each for each in ablations if each.learner == "regression")  # which predicts new sites
    interval, new_site_interval, climate_interval = (
        carbon_interval(predicted - target.log_value, target.spread, settings.cover)
        for predicted in (selected.with_moisture, regression.with_moisture, regression.without_moisture)
    )
    mark = MARK if any(site.depends_on_carbon for site in sites) else None
    scores = _cross_validated_scores(ablations, table, target, settings) | {"said": selected.statement}
    scores |= cross_validated_comparison(selected, target.log_value)
    state, density_scores = _weights(table, cored, target, settings, network)
    if density_scores is not None:
        scores["bulk_density"] = density_scores
    scores["mark"] = mark
    predictions = predictions_of(cored, table, selected.with_moisture, interval)
    predictions["log_without"] = (
        "site",
        selected.without_moisture,
        {"units": "1", "long_name": "ln SOC predicted without soil moisture"},
    )
    if new:
        of_new = _predictions_of_new_sites(new, table, state, new_site_interval, settings)
        predictions = xr.concat([predictions.drop_vars("log_without"), of_new], dim="site")
    predictions = with_stock(predictions, sites=[*cored, *new], state=state, table=table, settings=settings)
    predictions.attrs |= {"mark": "none" if mark is None else mark, "finding": selected.statement}
    notes = [selected.statement] + ([] if mark is None else [mark])
    notes += [note for site in sites for note in site.notes]
    card = _card(cored, table, settings, new_site_interval, climate_interval, notes=notes, mark=mark)
    write_module_folder(out, state=state, card=card, scores=scores, predictions=predictions)
    save_report_figures(cored, table, predictions, out)
    return CarbonFit(out, scores, selected.statement, tuple(notes))


def _cross_validated_scores(
    ablations: Sequence[Ablation], table: CarbonTable, target: Target, settings: CarbonSettings
) -> dict[str, Any]:
    """Scores of the learners with sites and regions left out, coverage of intervals, and the learning curve."""
    sizes = sorted({*range(MIN_SITES, len(table) - 1, max((len(table) - MIN_SITES) // 5, 1))})
    return {
        "target": "logarithm of organic carbon of 0-30 cm [ln g kg-1], each site left out in turn",
        "learners": ablation_scores(ablations, target),
        "regions_left_out": regions_left_out(table, target),
        "coverage": {
            "nominal": settings.cover,
            "measured": regression_coverage(table, target, settings.cover),
            "of": "regression; the interval of each site is independent of the site",
        },
        "learning_curve": {
            str(size): dict(zip(("climate", "moisture"), errors, strict=True))
            for size, errors in learning_curve(table, target, sizes, seed=settings.seed).items()
        },
    }


def _predictions_of_new_sites(
    sites: Sequence[CarbonSite],
    training: CarbonTable,
    state: dict[str, Tensor],
    interval: CarbonInterval,
    settings: CarbonSettings,
) -> xr.Dataset:
    """Predict sites without cores by the regression."""
    table = carbon_table(sites, least=1, allow_cosmos_vwc=settings.allow_cosmos_vwc)
    log_soc = regression_prediction(state, list(design_names(training, moisture=True)), table)
    return predictions_of(sites, table, log_soc, interval)


def _card(
    sites: Sequence[CarbonSite],
    table: CarbonTable,
    settings: CarbonSettings,
    interval: CarbonInterval,
    climate_interval: CarbonInterval,
    *,
    notes: Sequence[str],
    mark: str | None,
) -> dict[str, Any]:
    """Card of the module; the intervals are those of the regressions with and without soil moisture."""
    return {
        "module": "carbon",
        "inputs": {name: _attributes(name) for name in design_names(table, moisture=True)},
        "learner": settings.learner,
        "settings": settings.model_dump(),
        "interval": {**asdict(interval), "cover": settings.cover, "of": "regression"},
        "climate_interval": {**asdict(climate_interval), "of": "regression without soil moisture"},
        "sites": {
            site.name: {"soc": site.soc, "soc_spread": site.soc_spread, "start": str(site.days[0])} for site in sites
        },
        "notes": list(notes),
        "mark": mark,
        "software": software(),
    }


def _attributes(name: str) -> dict[str, str]:
    """Units and long name of an input."""
    if name in PROPERTIES:
        return PROPERTIES[name].attributes()
    return dict(zip(("units", "long_name"), SIGNATURES[name], strict=True))


def _weights(
    table: CarbonTable,
    sites: Sequence[CarbonSite],
    target: Target,
    settings: CarbonSettings,
    network: NetworkSettings,
) -> tuple[dict[str, Tensor], dict[str, float] | None]:
    """Weights of the module fitted to all sites, and scores of bulk density where enough sites have it."""
    x = design(table, moisture=True)
    state = {f"soc.{k}": v for k, v in fit_regression(x, target).state_dict().items()}
    # a baseline at new sites
    without_moisture = fit_regression(design(table, moisture=False), target)
    state |= {f"{CLIMATE}.{k}": v for k, v in without_moisture.state_dict().items()}
    log_density = np.log([site.bulk_density for site in sites])
    measured = np.isfinite(log_density)
    density_scores = None
    if measured.sum() >= MIN_SITES:
        density = Target(log_density[measured], np.full(int(measured.sum()), _DENSITY_SPREAD))
        regression = fit_regression(x[measured], density)
        state |= {f"bulk_density.{k}": v for k, v in regression.state_dict().items()}
        density_scores = _density_scores(x[measured], density, settings.cover)
    if settings.learner == "network":
        members, _ = fit_networks(
            carbon_inputs(sites, table), target, [np.zeros(len(table), dtype=bool)], settings.branches, network
        )
        for k, member in enumerate(members):
            state |= {f"network.{k}.{name}": value for name, value in member.state_dict().items()}
    return state, density_scores


def _density_scores(x: _Array, target: Target, cover: float) -> dict[str, float]:
    """Leave-one-out scores of bulk density; the interval is the prediction divided and multiplied by ``interval_factor``."""
    folds = leave_one_out(len(x))
    predicted = from_left_out(predict_regression(x, target, folds), folds)
    interval = carbon_interval(predicted - target.log_value, target.spread, cover)
    return {
        **asdict(score(predicted, target.log_value)),
        "interval_factor": float(np.exp(interval.half_width(np.array([_DENSITY_SPREAD]))[0])),
    }
