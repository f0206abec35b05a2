"""Learn soil carbon from records of soil moisture, say whether they add skill, and keep it as a module folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from torch import Tensor

from jules_ml.experiment import Experiment
from jules_ml.experiment.carbon_module import CarbonSettings
from jules_ml.experiment.place import PROPERTIES
from jules_ml.learned.carbon.assessment import (
    ablation,
    ablation_scores,
    learning_curve,
    regions_left_out,
    regression_coverage,
)
from jules_ml.learned.carbon.inputs import carbon_inputs
from jules_ml.learned.carbon.report import (
    MARK,
    _Array,
    predictions_of,
    regression_prediction,
    save_report_figures,
    with_stock,
)
from jules_ml.learned.carbon.signatures import SIGNATURES
from jules_ml.learned.carbon.site import carbon_site
from jules_ml.learned.carbon.skill import carbon_interval
from jules_ml.learned.carbon.table import LEAST_SITES, CarbonSite, CarbonTable, carbon_table, refuse_twins
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

#: Spread of bulk density within a site [ln].
_DENSITY_SPREAD: Final = 0.1


@dataclass(frozen=True, eq=False)
class CarbonFit:
    """What a fit gave, and where it lies.

    Attributes
    ----------
    folder : Path
        The module folder.
    scores : dict
        What ``scores.json`` holds.
    said : str
        Whether soil moisture adds skill.
    warnings : tuple of str
        What the user should be told.
    """

    folder: Path
    scores: dict[str, Any]
    said: str
    warnings: tuple[str, ...]


def fit_carbon(experiments: Sequence[Experiment], out: Path, *, progress: Progress | None = None) -> CarbonFit:
    """Learn soil carbon from experiments' records and cores, and write the module folder.

    Parameters
    ----------
    experiments : sequence of Experiment
        One a site; the first one's ``[carbon_module]`` holds for all. Sites without ``soc`` are predicted.
    out : Path
        Module folder to write; see :func:`~jules_ml.learned.store.write_module_folder`.
    progress : callable, optional
        Receives how far the work has got, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    CarbonFit

    Raises
    ------
    BadInput
        If there are fewer than eight sites with cores, a record cannot be learned from, or the folder cannot be written.
    """
    settings = experiments[0].carbon_module or CarbonSettings()
    sites = [carbon_site(each, frozen_below=settings.frozen_below) for each in experiments]
    return fit_carbon_sites(sites, settings, out, progress=progress)


def fit_carbon_sites(
    sites: Sequence[CarbonSite], settings: CarbonSettings, out: Path, *, progress: Progress | None = None
) -> CarbonFit:
    """As :func:`fit_carbon`, from sites at hand."""
    refuse_twins(sites)
    cored = [site for site in sites if np.isfinite(site.soc)]
    table = carbon_table(cored, allow_cosmos_vwc=settings.allow_cosmos_vwc)
    new = [site for site in sites if not np.isfinite(site.soc)]
    marked = any(site.knows_carbon for site in sites)
    target = soc_target(table)
    inputs = carbon_inputs(cored, table)
    network = NetworkSettings(members=settings.members, steps=settings.steps, seed=settings.seed)
    found = ablation(table, target, inputs=inputs, branches=settings.branches, network=network, progress=progress)
    chosen = next(each for each in found if each.learner == settings.learner)
    kept = next(each for each in found if each.learner == "regression")  # what new sites are predicted by
    interval, kept_interval = (
        carbon_interval(each.with_it - target.log_value, target.spread, settings.cover) for each in (chosen, kept)
    )
    scores: dict[str, Any] = {
        "target": "logarithm of organic carbon of 0-30 cm [ln g kg-1], each site left out in turn",
        "learners": ablation_scores(found, target),
        "regions_left_out": regions_left_out(table, target),
        "coverage": {
            "nominal": settings.cover,
            "measured": regression_coverage(table, target, settings.cover),
            "of": "regression; each site's interval made without it",
        },
        "learning_curve": {
            str(size): dict(zip(("climate", "moisture"), errors, strict=True))
            for size, errors in learning_curve(table, target, _sizes(len(table)), seed=settings.seed).items()
        },
        "said": chosen.said,
    }
    state, density = _learned(table, cored, target, settings, network)
    if density is not None:
        scores["bulk_density"] = density
    predictions = predictions_of(cored, table, chosen.with_it, interval)
    predictions["log_without"] = ("site", chosen.without, {"units": "1", "long_name": "ln SOC without soil moisture"})
    notes = [chosen.said] + ([MARK] if marked else [])
    if new:
        rest = carbon_table(new, least=1, allow_cosmos_vwc=settings.allow_cosmos_vwc)
        made = regression_prediction(state, list(design_names(table, moisture=True)), rest)
        predictions = xr.concat(
            [predictions.drop_vars("log_without"), predictions_of(new, rest, made, kept_interval)], dim="site"
        )
    predictions = with_stock(predictions, sites=[*cored, *new], state=state, table=table, settings=settings)
    predictions.attrs["mark"] = MARK if marked else "none"
    scores["mark"] = MARK if marked else None
    card = {
        "module": "carbon",
        "inputs": {name: _meaning(name) for name in design_names(table, moisture=True)},
        "learner": settings.learner,
        "settings": settings.model_dump(),
        "interval": {
            "quantile": kept_interval.quantile,
            "variance": kept_interval.variance,
            "cover": settings.cover,
            "of": "regression",
        },
        "sites": {
            site.name: {"soc": site.soc, "soc_spread": site.soc_spread, "start": str(site.days[0])} for site in cored
        },
        "notes": notes,
        "mark": MARK if marked else None,
        "software": software(),
    }
    write_module_folder(out, state=state, card=card, scores=scores, predictions=predictions)
    save_report_figures(cored, table, predictions, out)
    return CarbonFit(out, scores, chosen.said, tuple(notes))


def _sizes(n: int) -> list[int]:
    return sorted({*range(LEAST_SITES, n - 1, max((n - LEAST_SITES) // 5, 1))})


def _meaning(name: str) -> dict[str, str]:
    if name in PROPERTIES:
        return PROPERTIES[name].attributes()
    return dict(zip(("units", "long_name"), SIGNATURES[name], strict=True))


def _learned(
    table: CarbonTable,
    sites: Sequence[CarbonSite],
    target: Target,
    settings: CarbonSettings,
    network: NetworkSettings,
) -> tuple[dict[str, Tensor], dict[str, float] | None]:
    """Weights of everything that is kept, and scores of bulk density where it was learned."""
    x = design(table, moisture=True)
    state = {f"soc.{k}": v for k, v in fit_regression(x, target).state_dict().items()}
    log_density = np.log([site.bulk_density for site in sites])
    known = np.isfinite(log_density)
    density = None
    if known.sum() >= LEAST_SITES:
        of_density = Target(log_density[known], np.full(int(known.sum()), _DENSITY_SPREAD))
        made = fit_regression(x[known], of_density)
        state |= {f"bulk_density.{k}": v for k, v in made.state_dict().items()}
        density = _density_scores(x[known], of_density, settings.cover)
    if settings.learner == "network":
        members, _ = fit_networks(
            carbon_inputs(sites, table), target, [np.zeros(len(table), dtype=bool)], settings.branches, network
        )
        for k, member in enumerate(members):
            state |= {f"network.{k}.{name}": value for name, value in member.state_dict().items()}
    return state, density


def _density_scores(x: _Array, target: Target, cover: float) -> dict[str, float]:
    """Scores of bulk density with each site left out; an interval reaches from the prediction over the factor to that times it."""
    folds = leave_one_out(len(x))
    predicted = from_left_out(predict_regression(x, target, folds), folds)
    interval = carbon_interval(predicted - target.log_value, target.spread, cover)
    return {
        **asdict(score(predicted, target.log_value)),
        "interval_factor": float(np.exp(interval.half_width(np.array([_DENSITY_SPREAD]))[0])),
    }
