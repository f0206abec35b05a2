"""Files that an earlier run of JULES wrote into its folder, by which files of the user in it are found before the folder is replaced."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

from jules_ml.errors import BadInput
from jules_ml.support.output_folder import IGNORED

#: Entries of the summary: files of the preparation, and files in the folder of output at the end of the run.
FILES, WRITTEN = "files", "written"
#: Names of the files that JULES and its hooks write as output.
_OUTPUT: Final = ("*.nc", "*.asc", "*.state", "*.npz", "*.part")
#: Number of files in a message.
_SHOWN = 5


def files_below(folder: Path) -> list[str]:
    """Relative paths of all files below a folder, without links, whose targets stay when the folder is replaced."""
    return sorted(_files(folder))


def output_files(folder: Path) -> list[str]:
    """Relative paths of the files in the folder of output that have names of JULES."""
    return [path for path in files_below(folder) if _is_output(path)]


def refuse_files_of_others(folder: Path, summary: Mapping[str, Any], *, output: str, own: tuple[str, ...]) -> None:
    """Refuse to replace a run with files that neither this package nor JULES wrote.

    Parameters
    ----------
    folder : Path
        Run folder.
    summary : mapping
        Its summary. Those of earlier versions list no files of the preparation: all files outside the output are then taken for such files.
    output : str
        Folder of output.
    own : tuple of str
        Files that the run writes after its preparation.

    Raises
    ------
    BadInput
        If there are such files.
    """
    prepared, written = summary.get(FILES), summary.get(WRITTEN)
    others = []
    for path in files_below(folder):
        inside = path.removeprefix(f"{output}/")
        if inside != path:
            known = inside in written if isinstance(written, list) else _is_output(inside)
        else:
            known = not isinstance(prepared, list) or path in prepared or path in own
        if not known:
            others.append(path)
    if others:
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        raise BadInput(
            f"the folder contains files that are not of the run of JULES in it: {', '.join(others[:_SHOWN])}{more}",
            where=folder,
            remedy="move them to another folder, or give another folder with --out",
        )


def _is_output(path: str) -> bool:
    return any(fnmatch(path, pattern) for pattern in _OUTPUT)


def _files(folder: Path) -> Iterator[str]:
    for parent, _, names in os.walk(folder):
        below = Path(parent).relative_to(folder)
        for name in names:
            temporary = any(fnmatch(part, pattern) for part in (*below.parts, name) for pattern in IGNORED)
            if not temporary and not (Path(parent) / name).is_symlink():
                yield (below / name).as_posix()
