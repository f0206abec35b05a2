"""``jules_ml.nml``, and the environment variables that its Python modules need when JULES starts."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from jules_ml.jules.namelists import NamelistFolder

#: Configuration of the hooks, in the namelist folder of a run.
CONFIG: Final = "jules_ml.nml"
#: Variable with the Python environment of hooks whose configuration names none.
VARIABLE: Final = "VIRTUAL_ENV"


def read_configuration(namelists: Path) -> NamelistFolder | None:
    """Return ``jules_ml.nml`` of a namelist folder; None without it, when all hooks are off."""
    path = namelists / CONFIG
    if not path.is_file():
        return None
    return NamelistFolder({CONFIG: path.read_text(encoding="utf-8", errors="replace")}, namelists)


def python_environment(namelists: Path) -> dict[str, str]:
    """Return the environment variable that JULES needs for its Python modules.

    Parameters
    ----------
    namelists : Path
        Namelist folder of a run.

    Returns
    -------
    dict of str to str
        ``VIRTUAL_ENV``: the active environment, or that of this interpreter, which has this package. Empty if no hook uses Python, or
        ``jules_ml.nml`` names the environment.

    Raises
    ------
    BadInput
        If ``jules_ml.nml`` cannot be parsed.
    """
    contents = read_configuration(namelists)
    groups = [] if contents is None else [entries for _, _, entries in contents.groups()]
    if not any(entries.get("python_callable") for entries in groups) or any(entries.get("venv") for entries in groups):
        return {}
    return {VARIABLE: os.environ.get(VARIABLE) or sys.prefix}
