"""Entries of ``[jules.set]``, which replace those of the namelists of a run."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.jules.run_folder import RunFolder
from jules_ml.support.namelist_text import Value


def set_entries(experiment: Experiment, run: RunFolder) -> list[str]:
    """Apply ``[jules.set]`` of an experiment to the namelists of a run.

    Parameters
    ----------
    experiment : Experiment
        With ``[jules]``.
    run : RunFolder
        Its namelists are edited, in memory.

    Returns
    -------
    list of str
        Notes on the changes.

    Raises
    ------
    BadInput
        If an entry would have no effect or another effect.
    """
    notes = []
    for group, entries in experiment.required(experiment.jules, "jules").set.items():
        _refuse_entries(experiment, run, group, entries)
        before = next(iter(run.namelists.all(group)), {})
        plain: dict[str, Value] = {name: list(v) if isinstance(v, tuple) else v for name, v in entries.items()}
        changed = {name: value for name, value in plain.items() if name not in before or before[name] != value}
        if changed:
            run.namelists.set(group, changed)
            notes.append(f"{group}: {', '.join(f'{name} = {value}' for name, value in changed.items())}")
        if same := [f"{name} = {value}" for name, value in plain.items() if name not in changed]:
            notes.append(f"note: {group}: {', '.join(same)} in the run folder already")
    return notes


def _refuse_entries(experiment: Experiment, run: RunFolder, group: str, entries: Mapping[str, object]) -> None:
    """Refuse entries of ``[jules.set]`` that would have no effect or another effect."""
    where = f"{experiment.file}, jules.set.{group}"
    if group == "jules_output" and "output_dir" in entries:
        raise BadInput(
            "output_dir cannot be changed: the output goes to the new run folder",
            where=f"{where}.output_dir",
            remedy="leave it out, and give the new run folder with --out",
        )
    number = len(run.namelists.all(group))
    if number == 0:
        present = sorted({name for _, name, _ in run.namelists.groups()})
        near = difflib.get_close_matches(group, present, n=1)
        raise BadInput(
            f"the run has no group &{group.upper()}",
            where=where,
            remedy=f"write {near[0]} if you meant that" if near else "correct the name of the group",
        )
    if number > 1:
        raise BadInput(
            f"the run has {number} groups &{group.upper()}, so that the group to change is ambiguous",
            where=where,
            remedy="edit it in the namelists of the run folder",
        )
