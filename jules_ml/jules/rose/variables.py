"""Environment variables in the values of a Rose application."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

_REFERENCE = re.compile(r"(\\*)\$(?:\{([^\W\d]\w*)\}|([^\W\d]\w*))")


class UnsetVariable(Exception):
    """Environment variable that a value refers to and that is not set."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Environment:
    """Environment of a Rose application: that of the process, and ``[env]``, which takes precedence.

    Parameters
    ----------
    entries : mapping of str to str
        Entries of ``[env]`` as text. As in Rose, their values refer to variables of the process alone, not to each other.
    folder : Path
        Folder of the application. Its subfolder ``bin``, if any, is the first one in PATH.
    """

    def __init__(self, entries: Mapping[str, str], folder: Path) -> None:
        self._entries = dict(entries)
        self._outer = dict(os.environ)
        # the task runs in JULES's working directory, which is not the current one
        self._outer["PWD"] = "."
        if (folder / "bin").is_dir():
            self._outer["PATH"] = os.pathsep.join([str(folder / "bin"), self._outer.get("PATH", "")])

    def value(self, name: str) -> str | None:
        """Return the value of a variable, or None if it is not set.

        Raises
        ------
        UnsetVariable
            If the entry in ``[env]`` refers to a variable that is not set.
        """
        if name not in self._entries:
            return self._outer.get(name)
        return os.path.expanduser(_expanded(self._entries[name], self._outer.get))

    def expand(self, text: str) -> str:
        r"""Replace ``$NAME`` and ``${NAME}`` by the values of the variables.

        A backslash before the dollar sign makes it literal; pairs of backslashes before it become single ones.

        Raises
        ------
        UnsetVariable
            If a variable is not set.
        """
        return _expanded(text, self.value)

    def unset(self, text: str) -> set[str]:
        """Return the names of the variables in a text that are not set."""
        names = set()
        for reference in _REFERENCE.finditer(text):
            try:
                if len(reference[1]) % 2 == 0:
                    _substitute(reference, self.value)
            except UnsetVariable as error:
                names.add(error.name)
        return names


def escaped(text: str) -> str:
    r"""Return a text that :meth:`Environment.expand` leaves as it is: ``$NAME`` becomes ``\$NAME``."""
    return _REFERENCE.sub(lambda reference: reference[1] * 2 + "\\" + reference[0][len(reference[1]) :], text)


def _expanded(text: str, value: Callable[[str], str | None]) -> str:
    return _REFERENCE.sub(lambda reference: _substitute(reference, value), text)


def _substitute(reference: re.Match[str], value: Callable[[str], str | None]) -> str:
    """Return the replacement of a reference and of the backslashes before it."""
    backslashes = reference[1]
    kept = "\\" * (len(backslashes) // 2)
    if len(backslashes) % 2:
        return kept + reference[0][len(backslashes) :]
    name = reference[2] or reference[3]
    replacement = value(name)
    if replacement is None:
        raise UnsetVariable(name)
    return kept + replacement
