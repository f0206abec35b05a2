"""Evaluation of a soil-carbon module at sites that it was not fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.carbon_module import CarbonSettings
from jules_ml.learned.carbon.comparison import new_site_comparison
from jules_ml.learned.carbon.figures import carbon_predicted
from jules_ml.learned.carbon.report import MARK, predictions_of, regression_prediction
from jules_ml.learned.carbon.site import carbon_site
from jules_ml.learned.carbon.skill import CarbonInterval, by_soil
from jules_ml.learned.carbon.table import carbon_table
from jules_ml.learned.store import read_module_folder, write_evaluation_folder
from jules_ml.support.figures import save_figure


def evaluate_carbon(folder: str | Path, experiments: Sequence[Experiment], out: Path | None = None) -> dict[str, Any]:
    """Score the regression of a fitted module at new sites.

    Parameters
    ----------
    folder : str or Path
        Module folder.
    experiments : sequence of Experiment
        One for each site; sites without ``organic_carbon`` are predicted, but not scored.
    out : Path, optional
        Folder for ``scores.json``, ``predictions.nc`` and a figure.

    Returns
    -------
    dict
        ``sites``: observed and predicted carbon with its interval [g kg-1]; ``all``, ``mineral`` and ``peat``: scores, for three or more
        sites with cores; ``compared`` and ``verdict``: the module and its baselines.

    Raises
    ------
    BadInput
        If the folder does not contain a soil-carbon module, or a site is a training site of the module.
    """
    state, card = read_module_folder(folder, kind="carbon")
    settings = CarbonSettings(**card["settings"])
    sites = [carbon_site(each, frozen_below=settings.frozen_below) for each in experiments]
    for site in sites:
        # soil carbon is constant: another period of a training site is not independent
        if site.name in card["sites"]:
            raise BadInput(
                f"{site.name} is a training site of the module",
                where=Path(folder),
                remedy="give other sites; scores.json of the module has cross-validated scores of its training sites",
            )
    table = carbon_table(sites, least=1, allow_cosmos_vwc=settings.allow_cosmos_vwc)
    interval = CarbonInterval(card["interval"]["quantile"], card["interval"]["variance"])
    predictions = predictions_of(sites, table, regression_prediction(state, list(card["inputs"]), table), interval)
    marked = any(site.depends_on_carbon for site in sites) or card["mark"] is not None
    predictions.attrs["mark"] = MARK if marked else "none"
    keys = ("observed", "predicted", "lower", "upper")
    scores: dict[str, Any] = {
        "sites": {
            str(name): {key: float(predictions[key].sel(site=name)) for key in keys}
            for name in predictions["site"].to_numpy()
        },
        "mark": MARK if marked else None,
        "record_notes": [note for site in sites for note in site.notes],
    }
    scores |= new_site_comparison(np.log(predictions["predicted"].to_numpy()), state, card, table)
    scores |= {
        kind: asdict(s) for kind, s in by_soil(np.log(predictions["predicted"].to_numpy()), table.log_soc).items()
    }
    if out is not None:
        write_evaluation_folder(out, scores=scores, predictions=predictions)
        save_figure(carbon_predicted(predictions), out / "figures" / "predicted.png")
    return scores
