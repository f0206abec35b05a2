"""Ready-made modules: module folders inside the package, which a path ``ready:NAME`` names."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Final

from jules_ml.errors import BadInput

#: Start of a path that names a ready-made module.
PREFIX: Final = "ready:"
#: Folder of the package with the module folders.
FOLDER: Final = Path(__file__).parents[1] / "ready"


def ready_names() -> tuple[str, ...]:
    """Return the names of the ready-made modules, in alphabetical order."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/card.json")))


def ready_folder(name: str, *, where: str = "") -> Path:
    """Return the module folder of a ready-made module.

    Parameters
    ----------
    name : str
        Name, without ``ready:``.
    where : str, optional
        File and key, for the error message.

    Raises
    ------
    BadInput
        If there is no module of this name.
    """
    names = ready_names()
    if name in names:
        return FOLDER / name
    near = difflib.get_close_matches(name, names, 1)
    meant = f"write {PREFIX}{near[0]}, or " if near else ""
    raise BadInput(
        f"there is no ready-made module '{name}'",
        where=where or f"{PREFIX}{name}",
        remedy=f"{meant}choose one of {', '.join(names)}; 'jules-ml modules' describes them",
    )


def module_folder(path: Path) -> Path:
    """Return the folder that an argument for a module names: that of a ready-made module, or the path itself.

    Parameters
    ----------
    path : Path
        Path of a module folder, or ``ready:NAME``.

    Raises
    ------
    BadInput
        If there is no ready-made module of this name.
    """
    text = str(path)
    return ready_folder(text.removeprefix(PREFIX)) if text.startswith(PREFIX) else path


def is_ready(folder: Path) -> bool:
    """Whether a module folder is that of a ready-made module, in which nothing is written."""
    return folder.parent == FOLDER


def module_name(folder: Path) -> str:
    """Return the text by which a user names a module folder: ``ready:NAME``, or its path."""
    return f"{PREFIX}{folder.name}" if is_ready(folder) else str(folder)
