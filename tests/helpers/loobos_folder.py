"""Run folders of JULES at Loobos, from the settings of the runs whose output is shared."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import f90nml

from jules_ml.support.sources import POINT_RUN


def loobos_settings(shared_data: Path, name: str) -> dict[str, Any]:
    """Settings of one of the runs: namelists by file, and the text files."""
    settings: dict[str, Any] = json.loads((shared_data / "jules" / "loobos_settings.json").read_text(encoding="utf-8"))
    of_run: dict[str, Any] = settings[name]
    return of_run


def write_loobos_folder(shared_data: Path, name: str, folder: Path, **changes: dict[str, Any]) -> Path:
    """Write a run folder with the settings of a run, and the weather of 1997.

    Parameters
    ----------
    shared_data : Path
        Folder of the shared records.
    name : str
        Run, for example ``snow3``.
    folder : Path
        New folder.
    changes : dict
        Entries by group that differ from the settings.

    Returns
    -------
    Path
        The folder.
    """
    namelists = folder / "nml"
    namelists.mkdir(parents=True)
    for file in POINT_RUN.glob("*.nml"):
        shutil.copy(file, namelists)
    settings = loobos_settings(shared_data, name)
    for stem, content in settings.items():
        if stem.endswith(".dat"):
            (folder / stem).write_text(content, encoding="utf-8")
            continue
        groups = {
            group: {**entries, **changes.get(group, {})}
            for group, entries in content.items()
            if isinstance(entries, dict)
        }
        f90nml.Namelist(groups).write(namelists / f"{stem}.nml", force=True)
    for group in changes:
        assert any(group in content for stem, content in settings.items() if not stem.endswith(".dat")), group
    (folder / "Loobos_1997.dat").symlink_to(shared_data / "jules" / "loobos_inputs" / "Loobos_1997.dat")
    return folder
