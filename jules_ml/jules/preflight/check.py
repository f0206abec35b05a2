"""Check of a staged run before JULES is started: all problems at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.preflight.entries import entry_findings
from jules_ml.jules.preflight.files import file_findings
from jules_ml.jules.preflight.hooks import hook_findings
from jules_ml.jules.preflight.layout import layout_findings
from jules_ml.jules.preflight.required import required_findings
from jules_ml.jules.preflight.staged import Finding, StagedRun
from jules_ml.jules.preflight.time_series import time_series_findings
from jules_ml.jules.preflight.traps import trap_findings
from jules_ml.jules.preflight.version import version_findings
from jules_ml.jules.run_folder import OUTPUT, RunFolder
from jules_ml.jules.versions import versions_of_run


def preflight(
    experiment: Experiment, before: NamelistFolder, run: RunFolder, *, executable_version: str | None = None
) -> list[str]:
    """Check a staged run: entries and values of its namelists, files that they name, and the output folder.

    Parameters
    ----------
    experiment : Experiment
        With ``[jules]``.
    before : NamelistFolder
        Namelists of the staged run before ``[jules.set]`` and the ways were applied.
    run : RunFolder
        Staged run folder, with its edited namelists, which are written, and the files of its hooks.
    executable_version : str, optional
        Version of JULES that the stamp of the hooks in the executable names, or several, such as ``7.6 or 7.7``.

    Returns
    -------
    list of str
        Warnings.

    Raises
    ------
    BadInput
        If JULES would stop; the message lists all problems, each with its file, entry and remedy.
    """
    section = experiment.required(experiment.jules, "jules")
    original = RunFolder(run.folder, before, run.directory, run.rose)
    versions = versions_of_run(original, section.version, executable=executable_version)
    names = frozenset(name.lower() for name in section.branch_entries)
    settings: dict[str, dict[str, Any]] = {group: dict(entries) for group, entries in section.set.items()}
    staged = StagedRun(run, before, versions, experiment.file, settings, names)
    findings = list(version_findings(experiment.file, original, given=section.version, executable=executable_version))
    findings += _findings(staged)
    needed = "hooks" in experiment.required(experiment.run, "run").via
    # an executable without hooks does not read jules_ml.nml
    findings += [replace(finding, fatal=needed) for finding in hook_findings(run.folder / run.directory)]
    fatal = [finding for finding in findings if finding.fatal]
    if len(fatal) == 1:
        raise BadInput(fatal[0].problem, where=fatal[0].where, remedy=fatal[0].remedy)
    if fatal:
        lines = "".join(f"\n  {number}. {finding}" for number, finding in enumerate(fatal, start=1))
        raise BadInput(
            f"{len(fatal)} problems were found before the start of JULES:{lines}",
            where=experiment.file,
            remedy="correct them, and start again",
        )
    return [f"warning: {finding}" for finding in findings]


def _findings(staged: StagedRun) -> Iterator[Finding]:
    of_entries = list(entry_findings(staged))
    yield from of_entries
    # an entry that the version lacks needs no others
    refused = {finding.where for finding in of_entries if finding.fatal}
    yield from (finding for finding in trap_findings(staged) if finding.where not in refused)
    yield from required_findings(staged)
    yield from layout_findings(staged)
    yield from file_findings(staged)
    yield from time_series_findings(staged)
    output = staged.run.folder / OUTPUT
    if output.is_dir() and not os.access(output, os.W_OK | os.X_OK):
        yield Finding(
            str(output), "the output folder is not writable", "make it writable, or give another folder with --out"
        )
