"""What is made of members that are done."""

from __future__ import annotations

import json
from pathlib import Path

from jules_ml.ensemble.gathering import gather
from jules_ml.ensemble.run import EnsembleRun
from jules_ml.wholefile import whole_file

MANIFEST = "manifest.json"


def write_results(run: EnsembleRun) -> list[Path]:
    """Gather an ensemble, and sum it up.

    Parameters
    ----------
    run : EnsembleRun
        With members that are done.

    Returns
    -------
    list of Path
        Files that were written.

    Raises
    ------
    BadInput
        If there is nothing to weigh members by.
    RunFailed
        If members cannot be put together.
    """
    gathered = gather(run.experiment, run.members, run.folder)
    manifest = {
        "members": len(run.members),
        "done": run.done,
        "failed": run.failed,
        "messages": run.messages,
        "data_sha256": gathered.checksum,
    }
    with whole_file(run.folder / MANIFEST) as part:
        part.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return [gathered.path, run.folder / MANIFEST]
