"""Rose applications: the configuration of one, with its optional configurations and its environment."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from jules_ml.errors import BadInput
from jules_ml.jules.rose.configuration import Configuration, read_with_options, words
from jules_ml.jules.rose.variables import Environment, UnsetVariable

#: File name of the configuration, and environment variable that switches on optional configurations.
APP, KEYS = "rose-app.conf", "ROSE_APP_OPT_CONF_KEYS"

#: Start of the names of sections and of sources that are namelists.
NAMELIST = "namelist:"

_NAME = re.compile(r"[^{}()]+(\{[^{}()]*\})?(\([^{}()]*\))?")


@dataclass(frozen=True)
class RoseApp:
    """A Rose application.

    Attributes
    ----------
    folder : Path
        Folder of ``rose-app.conf``.
    configuration : dict of str to Section
        Sections by name, with the optional configurations applied.
    options : tuple of str
        Keys of the optional configurations that were applied, in their order.
    environment : Environment
        Environment variables, which values refer to.
    """

    folder: Path
    configuration: Configuration
    options: tuple[str, ...]
    environment: Environment

    @property
    def sections(self) -> dict[str, dict[str, str]]:
        """Entries of each section as text, without ignored sections and entries."""
        return {name: section.active for name, section in self.configuration.items() if not section.ignored}

    @property
    def root(self) -> dict[str, str]:
        """Entries before the first section."""
        return self.configuration[""].active

    @property
    def inputs(self) -> Path:
        """Folder of files that Rose installs in the working directory of JULES."""
        return self.folder / "file" if (self.folder / "file").is_dir() else self.folder

    def expand(self, text: str, section: str, entry: str) -> str:
        """Replace environment variables in a value, as Rose does.

        Parameters
        ----------
        text, section, entry : str
            Value, and its section and key for the error message.

        Raises
        ------
        BadInput
            If a variable is not set; the message names all those that the application needs.
        """
        try:
            return self.environment.expand(text)
        except UnsetVariable as error:
            raise BadInput(
                f"{entry} contains ${error.name}, which is not set",
                where=f"{self.folder / APP}, [{section}]",
                remedy=f"set the environment variables as in the suite: {', '.join(sorted(self._unset()))}",
            ) from error

    def _unset(self) -> set[str]:
        """Return the names of the variables that are not set and that namelists and files need."""
        texts = [self.root.get("file-install-root", "")]
        for name, entries in self.sections.items():
            if name.startswith(("namelist:", "file:")):
                texts += [name, *entries.values()]
        return {name for text in texts for name in self.environment.unset(text)}


def is_rose_app(folder: Path) -> bool:
    """Whether a folder is a Rose application."""
    return (folder / APP).is_file()


def read_rose_app(folder: Path) -> RoseApp:
    """Read the application in a folder, with the optional configurations of ``opts`` and of ROSE_APP_OPT_CONF_KEYS.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    RoseApp

    Raises
    ------
    BadInput
        If a file cannot be read, an optional configuration is missing, or the application imports another one.
    """
    path = folder / APP
    configuration, options = read_with_options(path, words(os.environ.get(KEYS, ""), path, KEYS))
    imported = configuration[""].active.get("import", "")
    if imported:
        raise BadInput(
            f"the application imports {imported!r}, which jules_ml does not support",
            where=path,
            remedy="copy what it imports into the application, and remove import=",
        )
    for section in configuration:
        if section.startswith(NAMELIST) and not _NAME.fullmatch(section):
            raise BadInput(
                f"[{section}] is not the name of a namelist section",
                where=path,
                remedy="write [namelist:NAME], [namelist:NAME(INDEX)] or [namelist:NAME{CATEGORY}(INDEX)]",
            )
    env = configuration.get("env")
    entries = {} if env is None or env.ignored else env.active
    return RoseApp(folder, configuration, options, Environment(entries, folder))
