"""Summary of a run, as ``compare`` and ``convert`` read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jules_ml.errors import BadInput
from jules_ml.jules.run_folder import SUMMARY


def completed_summary(folder: Path) -> dict[str, Any]:
    """Read the summary of a run that is done.

    Parameters
    ----------
    folder : Path
        Folder that ``jules-ml run`` wrote.

    Returns
    -------
    dict
        Contents of ``run_summary.json``.

    Raises
    ------
    BadInput
        If the file is damaged, or the run failed, was stopped or is still running.
    """
    path = folder / SUMMARY
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput("the file is damaged", where=path, remedy="run it again") from error
    if not isinstance(summary, dict):
        raise BadInput(
            "the file is not a summary of a run", where=path, remedy="give a folder that 'jules-ml run' wrote"
        )
    if summary.get("status", "done") != "done":
        raise BadInput(
            f"the run is {summary['status']}: {summary.get('failure', 'it was stopped, or is still running')}",
            where=folder,
            remedy="run it again; its output up to then is in the folder output",
        )
    return summary


def output_of_jules(folder: Path, summary: Mapping[str, Any]) -> tuple[tuple[float, ...], list[Path]]:
    """Find the output of a run of JULES.

    Parameters
    ----------
    folder : Path
        Folder that ``jules-ml run`` wrote.
    summary : mapping
        Contents of its ``run_summary.json``.

    Returns
    -------
    tuple of float
        Thickness of the soil layers [m].
    list of Path
        One file or more.

    Raises
    ------
    BadInput
        If the summary lacks layers or files.
    """
    try:
        dzsoil = tuple(float(dz) for dz in summary["dzsoil"])
        # in the folder of the run, whatever the summary says
        paths = [folder / "output" / Path(str(name)).name for name in summary["output"]]
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"the summary has no valid dzsoil and output ({type(error).__name__}: {error})",
            where=folder / SUMMARY,
            remedy="run it again",
        ) from error
    if not paths:
        raise BadInput(
            "the run has written no output",
            where=folder,
            remedy="set output_main_run = T in an output profile of JULES",
        )
    return dzsoil, paths
