"""What a starter writes, and what the user states beside the files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jules_ml.data.inspection.draft import toml_line
from jules_ml.errors import BadInput
from jules_ml.support.files import atomic_write
from jules_ml.support.ready import PREFIX


@dataclass(frozen=True)
class Hints:
    """What the user states beside the files.

    Attributes
    ----------
    site : str or None
        Site code, or station, tower or data set in a file of several.
    utc_offset_hours : float or None
        Local standard time minus UTC [h].
    latitude, longitude, elevation : float or None
        Position [degree, degree, m].
    modules : tuple of Path or str
        Module folders that the experiment uses.
    """

    site: str | None = None
    utc_offset_hours: float | None = None
    latitude: float | None = None
    longitude: float | None = None
    elevation: float | None = None
    modules: tuple[Path | str, ...] = ()


@dataclass(frozen=True)
class Starter:
    """An experiment file.

    Attributes
    ----------
    name : str
        Name of the file.
    text : str
        Its TOML.
    notes : tuple of str
        What the user must know before it is run.
    """

    name: str
    text: str
    notes: tuple[str, ...] = ()

    @property
    def n_lines(self) -> int:
        """Number of lines that are neither empty nor comments."""
        return n_lines(self.text)


@dataclass(frozen=True)
class Written:
    """Files that a starter wrote, notes on them, and the commands that follow, each with its purpose."""

    files: tuple[Path, ...]
    notes: tuple[str, ...]
    commands: tuple[tuple[str, str], ...]


def n_lines(text: str) -> int:
    """Return the number of lines of TOML that are neither empty nor comments."""
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in text.splitlines())


def off(lines: Iterable[str]) -> list[str]:
    """Return lines as comments, which the user switches on by removing the first characters."""
    return [f"# {line}" if line else "" for line in lines]


def block(*sections: Sequence[str]) -> str:
    """Return the text of sections, with an empty line between them."""
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def shown_path(path: str | Path, folder: Path) -> str:
    """Return a path as an experiment in a folder names it: relative to the folder, unless it was given in full or is ``ready:NAME``."""
    if str(path).startswith(PREFIX):
        return str(path)
    return (
        str(path) if Path(path).is_absolute() and not _is_beside(Path(path), folder) else os.path.relpath(path, folder)
    )


def _is_beside(path: Path, folder: Path) -> bool:
    """Whether a path is in the folder, or beside it."""
    return path.is_relative_to(folder.resolve().parent)


def site_lines(hints: Hints) -> list[str]:
    """Section ``[site]`` of what the user states; none if that is nothing."""
    values = {key: getattr(hints, key) for key in ("latitude", "longitude", "elevation")}
    lines = [toml_line(key, value) for key, value in values.items() if value is not None]
    return ["[site]", *lines] if lines else []


def write_starters(starters: Sequence[Starter], folder: Path) -> tuple[Path, ...]:
    """Write experiments into a folder; a file that was edited is not replaced.

    Raises
    ------
    BadInput
        If one of the files exists with other contents; nothing is written then.
    """
    paths = [folder / one.name for one in starters]
    for one, path in zip(starters, paths, strict=True):
        if path.is_dir() or (path.is_file() and path.read_bytes() != one.text.encode()):
            raise BadInput(
                "it already exists and has other contents than the new experiment",
                where=path,
                remedy="give another folder with --out, or remove this file",
            )
    folder.mkdir(parents=True, exist_ok=True)
    for one, path in zip(starters, paths, strict=True):
        with atomic_write(path) as part:
            part.write_text(one.text, encoding="utf-8")
    return tuple(paths)
