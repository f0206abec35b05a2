"""What learned modules are used for by the packages above: files for JULES, ways into JULES, draws of an ensemble.

These are protocols. ``jules/`` and ``ensemble/`` implement them and register the implementations by entry points, so that
``learned/`` does not import them; the command line joins them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Protocol

from jules_ml.experiment import Experiment
from jules_ml.support.plugins import load_plugin, plugin_names

#: Entry-point groups.
EXPORTS: Final = "jules_ml.exports"
WAYS: Final = "jules_ml.ways"
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


class Way(Protocol):
    """A way into a JULES run, as ``[run] via`` names it.

    Attributes
    ----------
    order : int
        Ways are applied in this order.
    kinds : tuple of str
        Kinds of modules under ``[modules]`` that it takes.
    """

    order: int
    kinds: tuple[str, ...]

    def swap(self, experiment: Experiment, run: Any, executable: Path) -> list[str]:
        """Change a staged run folder.

        Parameters
        ----------
        experiment : Experiment
        run : jules_ml.jules.run_folder.RunFolder
            Staged copy of the user's run folder.
        executable : Path
            Executable of JULES.

        Returns
        -------
        list of str
            What was changed, for the user.

        Raises
        ------
        BadInput
            If the experiment does not name what is to be swapped in, or it does not fit the run.
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

    def check(self, experiment: Experiment) -> None:
        """Refuse an experiment whose members could not take draws.

        Raises
        ------
        BadInput
        """

    def put(self, experiment: Experiment, draw: int, folder: Path) -> Experiment:
        """Put one draw into the experiment of a member, before JULES is run.

        Parameters
        ----------
        experiment : Experiment
            Of the member.
        draw : int
            From 0.
        folder : Path
            Folder for files of the draw, which does not exist yet.
        """


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


def ways() -> dict[str, Way]:
    """Give all ways into JULES that are installed, in the order in which they are applied."""
    every = {name: load_plugin(WAYS, name) for name in plugin_names(WAYS)}
    return dict(sorted(every.items(), key=lambda item: item[1].order))


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
