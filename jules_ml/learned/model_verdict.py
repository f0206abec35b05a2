"""Verdict on a module in the model: whether the run with it is better than the run with JULES's own forms, kept in the module folder.

``jules-ml evaluate MODULE --in-model FILE`` writes it (:mod:`jules_ml.comparison.verdict`); ``jules-ml run`` and ``jules-ml export`` warn
where it is missing or bad.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jules_ml.experiment import Experiment
from jules_ml.learned.training_days import TRAINING_DAYS, in_intervals

#: File of a module folder, and of the output of the evaluation.
VERDICT: Final = "verdict.json"
#: Kinds of modules that are judged in a model.
JUDGED: Final = ("respiration", "hydraulics", "moisture")


def judging_command(folder: Path, experiment: Path | None = None) -> str:
    """Command that judges a module in a model, with the experiment file of the run if it is known."""
    return f"jules-ml evaluate {folder} --in-model {experiment or 'EXPERIMENT.toml'} --out DIR"


def verdict_warning(folder: str | Path, experiment: Experiment | None = None) -> str | None:
    """Warn of a module that was not judged in a model, or does not make the run better.

    Parameters
    ----------
    folder : str or Path
        Module folder.
    experiment : Experiment, optional
        Experiment of the run, to tell whether the verdict is about its site.

    Returns
    -------
    str or None
        Warning for the user, with the command that judges the module, or how to run without it; None where its verdict is good.
    """
    folder = Path(folder)
    command = judging_command(folder)
    path = folder / VERDICT
    if not path.is_file():
        return f"it is unknown whether {folder.name} makes the run better: '{command}' compares both runs with observations"
    try:
        verdict = json.loads(path.read_text(encoding="utf-8"))
        result, sentence, worse = verdict["result"], str(verdict["sentence"]), list(verdict["worse"])
    except (ValueError, KeyError, TypeError):
        return f"the verdict on {folder.name} is damaged: write it again with '{command}'"
    if result == "better" and not worse:
        return None
    if experiment is not None and _is_same_site(verdict, experiment):
        kind = verdict.get("kind", "")
        removed = f"; [modules] {kind} can be removed" if getattr(experiment.modules, kind, None) is not None else ""
        return f"verdict on {folder.name}: {sentence} The module may not improve this run{removed}"
    made_for = f" It is about {verdict['site']}." if "site" in verdict else ""
    return f"verdict on {folder.name}: {sentence}{made_for} Repeat it for another site with '{command}'"


def _is_same_site(verdict: Mapping[str, Any], experiment: Experiment) -> bool:
    """Whether a verdict is about the site of an experiment, by its name, or else by its file; the record is not read for it."""
    if experiment.site.name is not None:
        return bool(verdict.get("site") == experiment.site.name)
    return bool(verdict.get("experiment") == experiment.file.name)


def verdict_warnings(folders: Iterable[Path | None], experiment: Experiment | None = None) -> list[str]:
    """Warn of the modules of a run, see :func:`verdict_warning`; None stands for no module."""
    warnings = [verdict_warning(folder, experiment) for folder in folders if folder is not None]
    return [warning for warning in warnings if warning is not None]


def unused_times(card: Mapping[str, Any], site: str, middle: pd.DatetimeIndex) -> NDArray[np.bool_]:
    """Mark the times of a site that a module was not trained on.

    Parameters
    ----------
    card : mapping
        Card of the module.
    site : str
        Name of the site; all times of an untrained site are unused.
    middle : DatetimeIndex, shape (time,)
        Middle of each interval in local standard time.

    Returns
    -------
    array of bool, shape (time,)
    """
    entry = card.get("sites", {}).get(site)
    if entry is None:
        return np.ones(len(middle), dtype=bool)
    return ~in_intervals(middle, entry[TRAINING_DAYS])
