"""Folder of JULES namelists: reading, checking, editing and writing. Text that is not edited stays as it is."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jules_ml.errors import BadInput
from jules_ml.jules.required_namelists import REPEATED, REQUIRED_WITH, file_of, first_version, required_groups
from jules_ml.support.files import atomic_write
from jules_ml.support.namelist_text import (
    Group,
    NamelistSyntaxError,
    Value,
    read_group,
    remove_entries,
    scan,
    set_entries,
)


class NamelistFolder:
    """Namelists of a run.

    Parameters
    ----------
    texts : mapping of str to str
        Text of each file, by file name.
    where : Path
        Folder of the files, for error messages.
    """

    def __init__(self, texts: Mapping[str, str], where: Path) -> None:
        self._texts = dict(texts)
        self._original = dict(texts)
        self.where = where
        self._configuration: Path | None = None
        self._sources: Mapping[tuple[str, str, int], str] = {}
        for file in self._texts:
            self._scan(file)

    def generated_from(self, configuration: Path, sources: Mapping[tuple[str, str, int], str]) -> None:
        """Have messages name a configuration, since the files themselves do not exist.

        Parameters
        ----------
        configuration : Path
        sources : mapping of tuple to str
            Place that each group comes from, by name of the file, name of the group in lower case, and its index among the groups of that
            name in the file.
        """
        self._configuration, self._sources = configuration, sources

    @classmethod
    def read(cls, folder: str | Path) -> NamelistFolder:
        """Read all ``*.nml`` of a folder.

        Raises
        ------
        BadInput
            If there is no such folder, it contains no namelist, or a file cannot be parsed.
        """
        folder = Path(folder)
        files = sorted(folder.glob("*.nml")) if folder.is_dir() else []
        if not files:
            raise BadInput(
                "the folder contains no namelists (*.nml)",
                where=folder,
                remedy="give the namelist folder of a JULES run",
            )
        return cls({file.name: _read_text(file) for file in files}, folder)

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files."""
        return tuple(self._texts)

    @property
    def changed(self) -> tuple[str, ...]:
        """Names of the files that were edited or added."""
        return tuple(name for name, text in self._texts.items() if self._original.get(name) != text)

    def text(self, file: str) -> str:
        """Return the current text of a file."""
        return self._texts[file]

    def groups(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield file, name and entries of each group, in order."""
        for file in self._texts:
            for group in self._scan(file):
                yield file, group.name, self._values(file, group)

    def all(self, name: str) -> list[dict[str, Any]]:
        """Return the entries of each group of a name; names of entries are in lower case."""
        return [self._values(file, group) for file in self._texts for group in self._scan(file) if group.name == name]

    def get(self, name: str) -> dict[str, Any]:
        """Return the entries of the first group of a name.

        Raises
        ------
        BadInput
            If there is no such group.
        """
        groups = self.all(name)
        if not groups:
            raise BadInput(
                f"the group &{name.upper()} is missing",
                where=self.place(name),
                remedy=f"add &{name.upper()}, see the JULES User Guide",
            )
        return groups[0]

    def place(self, name: str) -> str:
        """Return the file and line of a group, or the file where it belongs, for error messages."""
        source = self.source(name)
        if source is not None:
            return source
        for file in self._texts:
            for group in self._scan(file):
                if group.name == name:
                    line = self._texts[file].count("\n", 0, group.start) + 1
                    return f"{self.where / file}, line {line}, &{name.upper()}"
        expected = file_of(name)
        return str(self.where if expected is None else self.where / f"{expected}.nml")

    def source(self, name: str, occurrence: int = 0) -> str | None:
        """Return the place in the configuration that a group is generated from; None if the files are not generated.

        Parameters
        ----------
        name : str
            In lower case.
        occurrence : int
            Index among the groups of this name.
        """
        if self._configuration is None:
            return None
        files = [file for file in self._texts for group in self._scan(file) if group.name == name]
        if occurrence >= len(files):
            return str(self._configuration)
        file, index = files[occurrence], files[:occurrence].count(files[occurrence])
        return self._sources.get((file, name, index), f"{self._configuration}, [file:{file}]")

    def set(self, name: str, entries: Mapping[str, Value], *, occurrence: int = 0, file: str | None = None) -> None:
        """Change or add entries of a group.

        Parameters
        ----------
        name : str
            Group.
        entries : mapping of str to value
            Entries by name.
        occurrence : int
            Index of the group among those of the same name, from 0; if it is one past the last, a group is added.
        file : str, optional
            File of a new group; by default the file of the existing groups of this name.

        Raises
        ------
        BadInput
            If there is no such group and ``file`` is not given.
        """
        name = name.lower()
        target = next((f for f in self._texts if any(g.name == name for g in self._scan(f))), file)
        if target is None:
            raise BadInput(
                f"there is no group &{name.upper()}", where=self.place(name), remedy="correct the name of the group"
            )
        lowered = {key.lower(): value for key, value in entries.items()}
        self._texts[target] = set_entries(self._texts.get(target, ""), name, lowered, occurrence=occurrence)

    def remove(self, name: str, entries: Sequence[str]) -> None:
        """Remove entries of all groups of a name; names that are not there are ignored."""
        for file, text in self._texts.items():
            self._texts[file] = remove_entries(text, name.lower(), [entry.lower() for entry in entries])

    def drop(self, *files: str) -> None:
        """Remove files from those that :meth:`write` writes."""
        for file in files:
            self._texts.pop(file, None)

    def copy(self) -> NamelistFolder:
        """Return an independent copy."""
        return copy.deepcopy(self)

    def check(self) -> None:
        """Refuse a folder in which files or groups are missing that its version of JULES requires.

        Raises
        ------
        BadInput
            If files or groups are missing; the message lists all of them.
        """
        entries: dict[str, list[dict[str, Any]]] = {}
        for _, name, values in self.groups():
            entries.setdefault(name, []).append(values)

        def switch(group: str, entry: str) -> Any:
            return next(iter(entries.get(group, [])), {}).get(entry, 0)

        required = required_groups(entries)
        for stem, group, *where in REQUIRED_WITH:
            if switch(*where):
                required.setdefault(stem, []).append(group)
        missing = [f"{stem}.nml" for stem in required if f"{stem}.nml" not in self._texts]
        for stem, groups in required.items():
            missing += [
                f"&{g.upper()} in {stem}.nml" for g in groups if f"{stem}.nml" in self._texts and g not in entries
            ]
        for group, *where in REPEATED:
            number, present = switch(*where), len(entries.get(group, []))
            # JULES stops at a number of another type
            if isinstance(number, int) and present < number:
                missing.append(f"&{group.upper()} ({where[1]} = {number}, {present} present)")
        if missing:
            raise BadInput(
                f"JULES {first_version(entries)} and later versions require namelists that are missing: {', '.join(missing)}",
                where=self.where,
                remedy="add them, empty (&NAME /) to use defaults; 'jules-ml init jules --out DIR' writes a complete set",
            )

    def write(self, folder: Path) -> list[Path]:
        """Write all files to a folder; files that were not edited are identical byte for byte.

        Raises
        ------
        BadInput
            If the folder cannot be written, or is the folder that was read.
        """
        if folder.resolve() == self.where.resolve():
            raise BadInput(
                "this is the original folder, which must not be changed", where=folder, remedy="give another folder"
            )
        written = []
        for name, text in self._texts.items():
            with atomic_write(folder / name) as part:
                part.write_bytes(text.encode("utf-8", errors="surrogateescape"))
            written.append(folder / name)
        return written

    def _scan(self, file: str) -> list[Group]:
        try:
            return scan(self._texts[file])
        except NamelistSyntaxError as error:
            raise self._syntax(file, error) from error

    def _values(self, file: str, group: Group) -> dict[str, Any]:
        try:
            return read_group(self._texts[file], group)
        except NamelistSyntaxError as error:
            raise self._syntax(file, error) from error

    def _syntax(self, file: str, error: NamelistSyntaxError) -> BadInput:
        return BadInput(
            str(error),
            where=f"{self.where / file}, line {error.line}",
            remedy="write each group as &NAME, entries name = value, and a final slash",
        )


def _read_text(file: Path) -> str:
    try:
        # surrogateescape preserves bytes that are not valid UTF-8, e.g. in old comments
        return file.read_bytes().decode("utf-8", errors="surrogateescape")
    except OSError as error:
        raise BadInput(f"the file cannot be read ({error.strerror})", where=file, remedy="make it readable") from error
