"""A JULES namelist folder: read, checked, changed and written, with all that is not changed left as it was."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jules_ml.errors import BadInput
from jules_ml.jules.namelist_text import (
    Group,
    NamelistSyntaxError,
    Value,
    read_group,
    scan,
    set_entries,
)
from jules_ml.support.files import whole_file

#: What every stand-alone run reads, file by file: JULES 7.6 stops when any of it is left out.
NEEDED: dict[str, tuple[str, ...]] = {
    "ancillaries": ("jules_frac", "jules_soil_props", "jules_agric", "jules_co2"),
    "drive": ("jules_drive",),
    "fire": ("fire_switches",),
    "imogen": ("imogen_onoff_switch",),
    "initial_conditions": ("jules_initial",),
    "jules_deposition": ("jules_deposition",),
    "jules_hydrology": ("jules_hydrology",),
    "jules_irrig": ("jules_irrig",),
    "jules_prnt_control": ("jules_prnt_control",),
    "jules_radiation": ("jules_radiation",),
    "jules_rivers": ("jules_rivers",),
    "jules_snow": ("jules_snow",),
    "jules_soil": ("jules_soil",),
    "jules_soil_biogeochem": ("jules_soil_biogeochem",),
    "jules_surface": ("jules_surface",),
    "jules_surface_types": ("jules_surface_types",),
    "jules_vegetation": ("jules_vegetation",),
    "jules_water_resources": ("jules_water_resources",),
    "model_environment": ("jules_model_environment",),
    "model_grid": (
        "jules_input_grid",
        "jules_latlon",
        "jules_land_frac",
        "jules_model_grid",
        "jules_nlsizes",
        "jules_surf_hgt",
    ),
    "nveg_params": ("jules_nvegparm",),
    "output": ("jules_output",),
    "pft_params": ("jules_pftparm",),
    "prescribed_data": ("jules_prescribed",),
    "science_fixes": ("jules_temp_fixes",),
    "timesteps": ("jules_time", "jules_spinup"),
}
#: What is read besides where a switch is on: file, group, and the group and entry of the switch.
NEEDED_WITH: tuple[tuple[str, str, str, str], ...] = (
    ("ancillaries", "jules_top", "jules_hydrology", "l_top"),
    ("triffid_params", "jules_triffid", "jules_vegetation", "l_triffid"),
    ("crop_params", "jules_cropparm", "jules_surface_types", "ncpft"),
)
#: Groups that come as often as an entry says: group, and the group and entry of the number.
COUNTED: tuple[tuple[str, str, str], ...] = (
    ("jules_output_profile", "jules_output", "nprofiles"),
    ("jules_prescribed_dataset", "jules_prescribed", "n_datasets"),
)


class NamelistFolder:
    """The namelists of a run.

    Parameters
    ----------
    texts : mapping of str to str
        Text of each file, by its name.
    where : Path
        Folder that they come from, for error messages.
    """

    def __init__(self, texts: Mapping[str, str], where: Path) -> None:
        self._texts = dict(texts)
        self._original = dict(texts)
        self.where = where
        for file in self._texts:
            self._scan(file)

    @classmethod
    def read(cls, folder: str | Path) -> NamelistFolder:
        """Read all ``*.nml`` of a folder.

        Raises
        ------
        BadInput
            If there is no folder, no namelist in it, or one that is none.
        """
        folder = Path(folder)
        files = sorted(folder.glob("*.nml")) if folder.is_dir() else []
        if not files:
            raise BadInput(
                "there are no namelists here (*.nml)", where=folder, remedy="give the folder that JULES is started with"
            )
        return cls({file.name: _read_text(file) for file in files}, folder)

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files."""
        return tuple(self._texts)

    @property
    def changed(self) -> tuple[str, ...]:
        """Names of the files that differ from what was read."""
        return tuple(name for name, text in self._texts.items() if self._original.get(name) != text)

    def text(self, file: str) -> str:
        """Text of a file as it stands."""
        return self._texts[file]

    def groups(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Give file, name and entries of each group, in order."""
        for file in self._texts:
            for group in self._scan(file):
                yield file, group.name, self._values(file, group)

    def all(self, name: str) -> list[dict[str, Any]]:
        """Entries of each group of a name, names of entries in lower case."""
        return [self._values(file, group) for file in self._texts for group in self._scan(file) if group.name == name]

    def get(self, name: str) -> dict[str, Any]:
        """Entries of the first group of a name.

        Raises
        ------
        BadInput
            If there is none.
        """
        found = self.all(name)
        if not found:
            raise BadInput(
                f"the group &{name.upper()} is missing",
                where=self.place(name),
                remedy=f"add &{name.upper()}, as the JULES User Guide gives it; a run that works has it",
            )
        return found[0]

    def place(self, name: str) -> str:
        """File in which a group stands or ought to, and its line, for error messages."""
        for file in self._texts:
            for group in self._scan(file):
                if group.name == name:
                    line = self._texts[file].count("\n", 0, group.start) + 1
                    return f"{self.where / file}, line {line}, &{name.upper()}"
        home = next((f"{file}.nml" for file, groups in NEEDED.items() if name in groups), None)
        return str(self.where / home) if home else str(self.where)

    def set(self, name: str, entries: Mapping[str, Value], *, occurrence: int = 0, file: str | None = None) -> None:
        """Change or add entries of a group.

        Parameters
        ----------
        name : str
            Group.
        entries : mapping of str to value
            By name in lower case.
        occurrence : int
            Which of several groups of that name, from 0; one past the last is added.
        file : str, optional
            File that a new group goes to; where the others of its name stand unless given.

        Raises
        ------
        BadInput
            If there is no such group and no file is given.
        """
        name = name.lower()
        home = next((f for f in self._texts if any(g.name == name for g in self._scan(f))), file)
        if home is None:
            raise BadInput(
                f"there is no group &{name.upper()}", where=self.place(name), remedy="correct the name of the group"
            )
        lowered = {key.lower(): value for key, value in entries.items()}
        self._texts[home] = set_entries(self._texts.get(home, ""), name, lowered, occurrence=occurrence)

    def drop(self, *files: str) -> None:
        """Leave files out of what is written, as another takes their place."""
        for file in files:
            self._texts.pop(file, None)

    def copy(self) -> NamelistFolder:
        """Give another one, whose changes leave this as it is."""
        return copy.deepcopy(self)

    def check(self) -> None:
        """Refuse a folder that JULES would not run with.

        Raises
        ------
        BadInput
            If files or groups are missing: all of them are named.
        """
        entries: dict[str, list[dict[str, Any]]] = {}
        for _, name, values in self.groups():
            entries.setdefault(name, []).append(values)

        def switch(group: str, entry: str) -> Any:
            return next(iter(entries.get(group, [])), {}).get(entry, 0)

        needed = {stem: list(groups) for stem, groups in NEEDED.items()}
        for stem, group, *where in NEEDED_WITH:
            if switch(*where):
                needed.setdefault(stem, []).append(group)
        missing = [f"{stem}.nml" for stem in needed if f"{stem}.nml" not in self._texts]
        for stem, groups in needed.items():
            missing += [
                f"&{g.upper()} in {stem}.nml" for g in groups if f"{stem}.nml" in self._texts and g not in entries
            ]
        for group, *where in COUNTED:
            wanted, there = int(switch(*where) or 0), len(entries.get(group, []))
            if there < wanted:
                missing.append(f"&{group.upper()} ({wanted} by {where[1]}, {there} there)")
        if missing:
            raise BadInput(
                f"a JULES run needs what is not here: {', '.join(missing)}",
                where=self.where,
                remedy="add what is missing, empty if need be (&NAME /); 'jules-ml init jules --out DIR' writes a complete set",
            )

    def write(self, folder: Path) -> list[Path]:
        """Write all files to a folder; those that were not changed come out byte by byte as they were.

        Raises
        ------
        BadInput
            If the folder cannot be written, or is the one that was read.
        """
        if folder.resolve() == self.where.resolve():
            raise BadInput(
                "this is the folder that was read, and is never changed", where=folder, remedy="give another folder"
            )
        written = []
        for name, text in self._texts.items():
            with whole_file(folder / name) as part:
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
            remedy="write &NAME, then name = value, and a slash at the end",
        )


def _read_text(file: Path) -> str:
    try:
        # bytes that are no UTF-8, as in old comments, come through unharmed
        return file.read_bytes().decode("utf-8", errors="surrogateescape")
    except OSError as error:
        raise BadInput(f"the file cannot be read ({error.strerror})", where=file, remedy="make it readable") from error
