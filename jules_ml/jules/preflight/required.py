"""Namelists of a run that its version of JULES requires and that are missing."""

from __future__ import annotations

from collections.abc import Iterator

from jules_ml.jules.preflight.staged import Finding, StagedRun
from jules_ml.jules.required_namelists import first_version, later, required_later
from jules_ml.jules.versions import BY_ENTRIES


def required_findings(staged: StagedRun) -> Iterator[Finding]:
    """Yield namelists that later versions require than the one for which the folder is complete."""
    known = staged.versions.known and staged.versions.source != BY_ENTRIES
    missing = [
        f"&{group.upper()} in {file}.nml (from JULES {since})"
        for since, file, group in required_later(staged.groups)
        if not known or not later(since, staged.versions.possible[0])
    ]
    if missing:
        version = first_version(staged.groups)
        problem = (
            f"the namelists are complete for JULES {version}, and later versions stop without {', '.join(missing)}"
        )
        remedy = "add them, empty (&NAME /) to use defaults"
        yield Finding(str(staged.before.where), problem, remedy, fatal=known)
