"""Learned hydraulics adapted to new sites by some days of their own soil moisture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.learned.adaptation import AdaptationDays
from jules_ml.learned.hydraulics.columns import HydraulicSite, column_batch
from jules_ml.learned.hydraulics.fit import HydraulicsFit, hydraulics_card, training_settings
from jules_ml.learned.hydraulics.report import column_predictions, save_report_figures, sensor_scores
from jules_ml.learned.hydraulics.site import TIMESTEP, hydraulic_sites
from jules_ml.learned.hydraulics.store import checked_layers, load_hydraulics
from jules_ml.learned.hydraulics.training import TrainingColumns, train_hydraulics
from jules_ml.learned.store import refuse_foreign, write_module_folder
from jules_ml.support.progress import Progress


def adapt_hydraulics(
    folder: str | Path,
    experiments: Sequence[Experiment],
    out: Path,
    *,
    days: AdaptationDays,
    progress: Progress | None = None,
) -> HydraulicsFit:
    """Train a module further on some days of new sites, tied to its weights, and write a new module folder.

    Parameters
    ----------
    folder : str or Path
        Module folder.
    experiments : sequence of Experiment
        One per site, as for :func:`~jules_ml.learned.hydraulics.fit.fit_hydraulics`.
    out : Path
        Module folder to write. It gives the soil of the new sites; the sites that the module was fitted to are not in it.
    days : AdaptationDays
        Days to adapt by. Of a number of days, later ones are scored; of a list of days, all others.
    progress : callable, optional
        Receives how far the work has got, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    HydraulicsFit

    Raises
    ------
    BadInput
        If a site was among those that the module was fitted to, its layers differ, or it has no observation on the days given.
    """
    refuse_foreign(out)
    folder = Path(folder)
    network, card = load_hydraulics(folder)
    settings = HydraulicSettings(**card["settings"])
    dzsoil = checked_layers(experiments, card)
    sites = hydraulic_sites(experiments, settings)
    for site in sites:
        if site.name in card["sites"]:
            raise BadInput(
                f"the module was fitted to {site.name}, and needs no adaptation there",
                where=folder,
                remedy="adapt it to another site, or give this one another name under [site]",
            )
    chosen = [_chosen(site, days) for site in sites]
    restricted = [
        replace(site, observed=np.where(of_site[:, None], site.observed, np.nan))
        for site, of_site in zip(sites, chosen, strict=True)
    ]
    batch = column_batch(restricted, dzsoil=dzsoil, timestep=TIMESTEP, spin_up_days=settings.spin_up_days)
    lesson = TrainingColumns(batch, np.ones(len(sites), dtype=bool))
    costs = train_hydraulics(network, [lesson], training_settings(settings, len(sites)), progress=progress)
    whole = column_batch(sites, dzsoil=dzsoil, timestep=TIMESTEP, spin_up_days=settings.spin_up_days)
    test = [_test(of_site, days) for of_site in chosen]
    predictions = column_predictions(network, whole, test)
    has_test = any(bool(of_site.any()) for of_site in test)
    scores = sensor_scores(predictions, part="test" if has_test else "train") | {
        "adapted_from": folder.name,
        "cost": costs,
    }
    notes = (*card["notes"], f"adapted from {folder.name}: it gives the soil of {', '.join(s.name for s in sites)}")
    new_card = hydraulics_card(experiments, sites, settings, network.inputs, notes=notes) | {
        "adapted_from": folder.name
    }
    write_module_folder(out, state=dict(network.state_dict()), card=new_card, scores=scores, predictions=predictions)
    save_report_figures(predictions, out)
    return HydraulicsFit(out, network, scores, notes)


def _chosen(site: HydraulicSite, days: AdaptationDays) -> NDArray[np.bool_]:
    """Days to adapt by, shape (day,)."""
    assert site.start is not None
    # days of the column are those of local standard time, whose start is given in UTC: noon tells their date
    dates = pd.date_range(site.start + pd.Timedelta(hours=12), periods=len(site.observed), freq="D").floor("D")
    return days.select(dates, np.isfinite(site.observed).any(axis=1), where=f"site {site.name}")


def _test(chosen: NDArray[np.bool_], days: AdaptationDays) -> NDArray[np.bool_]:
    """Days that are scored, shape (day,)."""
    if days.dates is not None:
        return ~chosen
    return np.arange(len(chosen)) > np.flatnonzero(chosen)[-1]
