"""Results of an ensemble whose command was stopped before all of them were written."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from jules_ml.errors import BadInput

#: File that an ensemble writes last, and file and folder that it has from its start.
_MANIFEST: Final = "manifest.json"
_PLAN, _MEMBERS = "plan.json", "members"


def refuse_unfinished(path: Path) -> None:
    """Refuse a result of an ensemble that lacks its manifest: it may be of another run than the others in the folder.

    Parameters
    ----------
    path : Path
        Any file; those that are not beside the plan of an ensemble pass, its members too.

    Raises
    ------
    BadInput
        If the manifest is missing.
    """
    folder = path.parent
    if (folder / _PLAN).is_file() and (folder / _MEMBERS).is_dir() and not (folder / _MANIFEST).is_file():
        raise BadInput(
            f"the results of this ensemble are not complete: there is no {_MANIFEST}, so its command was stopped or is running",
            where=path,
            remedy=f"write them again with 'jules-ml gather {folder}', or repeat the command 'jules-ml ensemble'",
        )
