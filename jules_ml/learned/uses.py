"""What learned modules are used for by the packages above: files for JULES, ways into JULES, draws of an ensemble.

These are protocols. ``jules/`` and ``ensemble/`` implement them and register the implementations by entry points, so that
``learned/`` does not import them; the command line joins them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from jules_ml.support.plugins import load_plugin, plugin_names

#: Entry-point groups.
EXPORTS: Final = "jules_ml.exports"
DRAWS: Final = "jules_ml.draws"


class Export(Protocol):
    """A form of file that a module is exported to.

    Attributes
    ----------
    kind : str
        Kind of module that it takes.
    title : str
        What is written, in one line for the help.
    options : tuple of str
        Names of further options that :meth:`write` takes: of ``predicted``.
    """

    kind: str
    title: str
    options: tuple[str, ...]

    def write(self, folder: Path, out: Path, *, predicted: bool = False) -> list[Path]:
        """Write the files.

        Parameters
        ----------
        folder : Path
            Module folder.
        out : Path
            Folder to write to.
        predicted : bool
            Write predicted values even where a site has measured ones.

        Returns
        -------
        list of Path

        Raises
        ------
        BadInput
            If the folder contains a module of another kind, or a file cannot be written.
        """


class Draws(Protocol):
    """Draws of one kind of module for the members of an ensemble.

    Attributes
    ----------
    ways : tuple of str
        Ways of ``[run] via`` by which a draw gets into JULES.
    """

    ways: tuple[str, ...]

    def count(self, folder: Path) -> int:
        """Give the number of draws in a module folder."""


def export_names() -> tuple[str, ...]:
    """Give the names of all forms of export that are installed."""
    return plugin_names(EXPORTS)


def export_of(name: str) -> Export:
    """Give a form of export by its name.

    Raises
    ------
    BadInput
        If no form has this name.
    """
    export: Export = load_plugin(EXPORTS, name)
    return export


def draws_names() -> tuple[str, ...]:
    """Give the names of the kinds whose modules have draws."""
    return plugin_names(DRAWS)


def draws_of(kind: str) -> Draws:
    """Give the draws of a kind.

    Raises
    ------
    BadInput
        If modules of this kind have no draws.
    """
    draws: Draws = load_plugin(DRAWS, kind)
    return draws
