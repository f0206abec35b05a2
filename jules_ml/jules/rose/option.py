"""Changes of a Rose application as an optional configuration."""

from __future__ import annotations

import glob
import posixpath
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.rose.app import NAMELIST, RoseApp
from jules_ml.jules.rose.configuration import Section, without_brackets
from jules_ml.jules.rose.files import FILE, install_root
from jules_ml.jules.rose.namelists import group_sections
from jules_ml.jules.rose.variables import escaped
from jules_ml.support.namelist_text import Value, fortran

#: File name of the optional configuration.
OPTION = "rose-app-jules_ml.conf"

#: File, name of a group, and index of the group among those of its name in the file.
_Key = tuple[str, str, int]
_Groups = dict[_Key, dict[str, Value]]


def optional_configuration(
    app: RoseApp, before: NamelistFolder, after: NamelistFolder, files: Mapping[str, Path], written: Path
) -> str:
    """Return the differences of two namelist folders as an optional configuration.

    Parameters
    ----------
    app : RoseApp
        Application, with the optional configurations that are applied before this one.
    before, after : NamelistFolder
        Namelists of the application, without and with modules swapped in.
    files : mapping of str to Path
        Files to install in the working directory of JULES, by their names there.
    written : Path
        Folder of the files of ``after``. Where the application installs a file that is not made of namelist sections, the changed file
        is installed from there.

    Returns
    -------
    str
        Text of ``opt/rose-app-jules_ml.conf``. It has to be the last of the optional configurations, as with
        ``--opt-conf-key=jules_ml``, or with ``jules_ml`` at the end of ``opts`` or ROSE_APP_OPT_CONF_KEYS.
    """
    option = _Option(app, _groups(before), _groups(after))
    changed = [key for key, entries in option.new.items() if option.old.get(key) != entries]
    whole = {
        key[0] for key in changed if key[0] not in before.files or (key in option.old and key not in option.sections)
    }
    # with a folder of installation, names in the working directory and in [file:NAME] differ: namelists get absolute paths
    paths = {name: str(path) for name, path in files.items()} if install_root(app) else {}
    for key in changed:
        if key[0] not in whole:
            option.change(key, paths)
    for file in sorted(whole):
        option.install(option.file_section(file), written / file)
    for name, path in files.items():
        if name not in paths:
            option.install(FILE + name, path)
    return option.text()


def _groups(namelists: NamelistFolder) -> _Groups:
    groups: _Groups = {}
    for file, name, entries in namelists.groups():
        index = sum(key[:2] == (file, name) for key in groups)
        groups[file, name, index] = entries
    return groups


class _Option:
    """Sections of the optional configuration, as they are collected."""

    def __init__(self, app: RoseApp, old: _Groups, new: _Groups) -> None:
        self.app, self.old, self.new = app, old, new
        self.sections = group_sections(app)
        self._lines: dict[str, dict[str, str]] = {}

    def change(self, key: _Key, paths: Mapping[str, str]) -> None:
        """Add the changed entries of one group, with other paths in place of some values."""
        section = self.sections[key] if key in self.old else self._new_section(key)
        old, new = self.old.get(key, {}), self.new[key]
        lines = self._lines.setdefault(section, {})
        existing = self.app.configuration.get(section, Section()).active
        for name in {**old, **new}:
            if name in old and name in new and old[name] == new[name]:
                continue
            # the application's own spelling is overridden; elements such as name(2) are switched off
            same = [own for own in existing if _base(own) == name]
            whole = next((own for own in same if own.lower() == name), name)
            lines |= {f"!{own}": "" for own in same if own != whole or name not in new}
            if name in new:
                lines[whole] = escaped(fortran(_replaced(new[name], paths)))
        if key not in self.old:
            lines |= {f"!{own}": "" for own in existing if _base(own) not in new}

    def _new_section(self, key: _Key) -> str:
        """Return the section for a group that the application does not have, which its file then includes."""
        file, name, _ = key
        section = self.file_section(file)
        lines = self._lines.setdefault(section, {})
        source = lines.get("source", self.app.sections.get(section, {}).get("source", ""))
        source = source.replace("\n", " ")
        sources = [without_brackets(item)[0] for item in source.split()]
        if f"{NAMELIST}{name}" in sources and f"{NAMELIST}{name}" not in self._taken():
            return f"{NAMELIST}{name}"
        numbered = re.compile(re.escape(f"{NAMELIST}{name}") + r"\((\d+)\)")
        known = [*self.app.configuration, *self._lines]
        number = 1 + max((int(match[1]) for each in known if (match := numbered.fullmatch(each))), default=0)
        if f"{NAMELIST}{name}(:)" not in sources:
            lines["source"] = f"{source} {NAMELIST}{name}({number})".lstrip()
        if not lines:
            del self._lines[section]
        return f"{NAMELIST}{name}({number})"

    def _taken(self) -> set[str]:
        return {*self.sections.values(), *self._lines}

    def file_section(self, file: str) -> str:
        """Return the section that installs a namelist file."""
        for section in self.app.sections:
            if section.startswith(FILE) and posixpath.basename(self.app.environment.expand(section)) == file:
                return section
        return FILE + file

    def install(self, section: str, path: Path) -> None:
        """Add a file to install."""
        existing = self.app.sections.get(section, {})
        lines = {"source": escaped(shlex.quote(glob.escape(str(path))))}
        lines |= {f"!{key}": "" for key in ("content", "mode", "checksum") if key in existing}
        self._lines[section] = lines

    def text(self) -> str:
        """Return the text of the file."""
        blocks = ["# Learned modules swapped in by jules_ml.\n"]
        for section, lines in self._lines.items():
            blocks.append("\n".join([f"[{section}]", *(f"{key}={value}" for key, value in lines.items()), ""]))
        return "\n".join(blocks)


def _base(key: str) -> str:
    """Return the name of an entry without its index, in lower case."""
    return re.split(r"[(%]", key)[0].lower()


def _replaced(value: Value, paths: Mapping[str, str]) -> Value:
    if isinstance(value, str):
        return paths.get(value, value)
    if isinstance(value, Sequence):
        return [each if not isinstance(each, str) else paths.get(each, each) for each in value]
    return value
