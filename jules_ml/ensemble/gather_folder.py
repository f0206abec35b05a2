"""Gathering of an ensemble whose members were run by shards, or by earlier runs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from jules_ml.ensemble.locks import folder_lock
from jules_ml.ensemble.manifest import check_folder, read_plan
from jules_ml.ensemble.members import plan_members
from jules_ml.ensemble.results import write_results
from jules_ml.ensemble.run import EnsembleRun, plan_record, resume_members
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment

#: Greatest number of ranges of missing members in a message.
_RANGES = 20


def gather_folder(
    folder: Path, *, experiment: Path | None = None, partial: bool = False
) -> tuple[EnsembleRun, list[Path]]:
    """Gather the members of an ensemble, and write its results.

    Parameters
    ----------
    folder : Path
        Folder of the ensemble.
    experiment : Path, optional
        Experiment file, if it is no longer where the ensemble was started; relative paths in it are taken from its folder.
    partial : bool
        Gather although members are missing. Failed members never prevent it: their values are missing values.

    Returns
    -------
    run : EnsembleRun
    files : list of Path
        Files that were written.

    Raises
    ------
    BadInput
        If the folder contains no ensemble, a run is using it, its experiment or input files have changed, or members are missing.
    RunFailed
        If no member is done, or a file cannot be written.
    """
    plan = read_plan(folder)
    file = Path(plan.get("experiment_file", plan["experiment"])) if experiment is None else experiment
    if not file.is_file():
        raise BadInput(
            f"the experiment {file} of this ensemble is not there",
            where=folder,
            remedy="give it with --experiment FILE; its relative paths must lead to the same files",
        )
    loaded = load_experiment(file)
    members = plan_members(loaded)
    check_folder(folder, plan_record(loaded, members))
    # no shard may be running
    with folder_lock(folder):
        run = EnsembleRun(folder, loaded, members)
        resume_members(run)
        if run.missing and not partial:
            raise BadInput(
                missing_text(run.missing, len(members)),
                where=folder,
                remedy="run their shards ('jules-ml ensemble EXPERIMENT.toml --out DIR --shard I/N'; members that are done are not run "
                "again), or gather the others with --partial",
            )
        return run, write_results(run)


def missing_text(missing: Sequence[int], total: int) -> str:
    """Return a sentence with the numbers of missing members, as ranges."""
    ranges = []
    for _, group in groupby(enumerate(missing), lambda item: item[1] - item[0]):
        numbers = [number for _, number in group]
        ranges.append(f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}")
    more = f" and {len(ranges) - _RANGES} more ranges" if len(ranges) > _RANGES else ""
    return f"{len(missing)} of {total} members are missing: {', '.join(ranges[:_RANGES])}{more}"
