"""Verdict on a module in the model: whether the run with it is better than the run with JULES's own forms, kept in the module folder.

``jules-ml evaluate MODULE --in-model FILE`` writes it (:mod:`jules_ml.comparison.verdict`); ``jules-ml run`` and ``jules-ml export`` warn
where it is missing or bad.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from jules_ml.experiment import Experiment
from jules_ml.learned.training_days import TRAINING_DAYS, in_intervals
from jules_ml.support.ready import module_name

#: File of a module folder, and of the output of the evaluation.
VERDICT: Final = "verdict.json"
#: Kinds of modules that are judged in a model.
JUDGED: Final = ("respiration", "hydraulics", "moisture")


class _Verdict(BaseModel):
    """Entries of the file that are used."""

    model_config = ConfigDict(strict=True)

    result: str
    sentence: str
    worse: list[str]
    kind: Literal["respiration", "hydraulics", "moisture", ""] = ""
    site: str | None = None
    experiment: str | None = None


def judging_command(folder: Path, experiment: Path | None = None) -> str:
    """Command that judges a module in a model, with the experiment file of the run if it is known."""
    return f"jules-ml evaluate {module_name(folder)} --in-model {experiment or 'EXPERIMENT.toml'} --out DIR"


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
        verdict = _Verdict.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        return f"the verdict on {folder.name} is damaged: write it again with '{command}'"
    if verdict.result == "better" and not verdict.worse:
        return None
    if experiment is not None and _is_same_site(verdict, experiment):
        used = getattr(experiment.modules, verdict.kind, None) is not None
        removed = f"; [modules] {verdict.kind} can be removed" if used else ""
        return f"verdict on {folder.name}: {verdict.sentence} The module may not improve this run{removed}"
    made_for = f" It is about {verdict.site}." if verdict.site is not None else ""
    return f"verdict on {folder.name}: {verdict.sentence}{made_for} Repeat it for another site with '{command}'"


def _is_same_site(verdict: _Verdict, experiment: Experiment) -> bool:
    """Whether a verdict is about the site of an experiment, by its name, or else by its file; the record is not read for it."""
    if experiment.site.name is not None:
        return verdict.site == experiment.site.name
    return verdict.experiment == experiment.file.name


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
