"""Uses of learned modules by the packages above: files for JULES, ways into JULES, and draws of an ensemble.

They are protocols. ``jules/`` and ``ensemble/`` implement them and register the implementations by entry points, so that ``learned/`` does
not import these packages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from jules_ml.experiment import Experiment
from jules_ml.support.plugins import load_plugin, plugin_names
from jules_ml.support.progress import Progress

#: Entry-point groups.
EXPORTS: Final = "jules_ml.exports"
WAYS: Final = "jules_ml.ways"
DRAWS: Final = "jules_ml.draws"


class Exported(NamedTuple):
    """Files that an export wrote, and notes for the user."""

    files: list[Path]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class MapRequest:
    """A map that a module is exported for.

    Attributes
    ----------
    grid : tuple of Path
        netCDF files of the static inputs.
    like : Path or None
        File whose points, dimensions, names and other variables the exported file has.
    members : bool
        Also write a file for each member of the ensemble.
    dzsoil : tuple of float or None
        Thickness of the soil layers [m]; None for those of the module.
    names : mapping of str to str
        Quantity of a variable by the variable's name.
    leave_out : tuple of str
        Patterns of variables that are not used.
    run : Path or None
        Folder of a run on a grid, whose points, weather and soil moisture are used.
    """

    grid: tuple[Path, ...]
    like: Path | None = None
    members: bool = False
    dzsoil: tuple[float, ...] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    leave_out: tuple[str, ...] = ()
    run: Path | None = None


class Export(Protocol):
    """A file format that a module is exported to.

    Attributes
    ----------
    kind : str
        Kind of module that it exports.
    options : tuple of str
        Names of the options of the command that it uses: ``predicted``, ``experiment``; for maps ``grid``, ``like``, ``members``,
        ``dzsoil``, ``run``.
    """

    kind: str
    options: tuple[str, ...]

    def write(
        self, folder: Path, out: Path, *, predicted: bool = False, experiment: Experiment | None = None
    ) -> Exported:
        """Write the files.

        Parameters
        ----------
        folder : Path
            Module folder.
        out : Path
            Output folder.
        predicted : bool
            Write predicted values even where a site has measured ones.
        experiment : Experiment, optional
            Experiment that the files are for.

        Returns
        -------
        Exported

        Raises
        ------
        BadInput
            If the folder contains a module of another kind, or a file cannot be written.
        """


class MapExport(Export, Protocol):
    """A file format that a module can also be exported to for maps; ``grid`` is among its :attr:`options`, with the options of maps."""

    def write_map(self, folder: Path, out: Path, request: MapRequest, *, progress: Progress | None = None) -> Exported:
        """Write the files of a map.

        Parameters
        ----------
        folder : Path
            Module folder.
        out : Path
            Output folder.
        request : MapRequest
        progress : callable, optional
            See :class:`~jules_ml.support.progress.Progress`.

        Raises
        ------
        BadInput
            If a file of the map cannot be used, or has none of the inputs of the module.
        """


class Way(Protocol):
    """A way into a JULES run, selected by ``[run] via``.

    Attributes
    ----------
    order : int
        Position in the order in which ways are applied.
    kinds : tuple of str
        Kinds of modules under ``[modules]`` that it uses.
    """

    order: int
    kinds: tuple[str, ...]

    def swap(self, experiment: Experiment, run: Any, executable: Path | None) -> list[str]:
        """Change a staged run folder.

        Parameters
        ----------
        experiment : Experiment
        run : jules_ml.jules.run_folder.RunFolder
            Staged copy of the user's run folder.
        executable : Path or None
            Program of JULES; None if it cannot be checked before the run.

        Returns
        -------
        list of str
            Description of the changes for the user.

        Raises
        ------
        BadInput
            If the experiment has no module for this way, or the module is not compatible with the run.
        """


class Draws(Protocol):
    """Draws of one kind of module for the members of an ensemble of runs.

    Attributes
    ----------
    ways : tuple of str
        Ways of ``[run] via`` that can apply a draw.
    """

    ways: tuple[str, ...]

    def count(self, folder: Path) -> int:
        """Return the number of draws in a module folder."""

    def check(self, experiment: Experiment) -> None:
        """Refuse an experiment whose members cannot use draws.

        Raises
        ------
        BadInput
            If no way of the experiment can apply a draw.
        """

    def put(self, experiment: Experiment, draw: int, folder: Path) -> Experiment:
        """Apply one draw to the experiment of a member, before JULES is run.

        Parameters
        ----------
        experiment : Experiment
            Experiment of the member.
        draw : int
            Index of the draw, from 0.
        folder : Path
            New folder for the files of the draw.
        """


def export_names() -> tuple[str, ...]:
    """Return the names of all installed export formats."""
    return plugin_names(EXPORTS)


def export_of(name: str) -> Export:
    """Return an export format by its name.

    Raises
    ------
    BadInput
        If no format has this name.
    """
    export: Export = load_plugin(EXPORTS, name)
    return export


def ways() -> dict[str, Way]:
    """Return all installed ways into JULES by name, in the order in which they are applied."""
    installed = {name: load_plugin(WAYS, name) for name in plugin_names(WAYS)}
    return dict(sorted(installed.items(), key=lambda item: item[1].order))


def draws_names() -> tuple[str, ...]:
    """Return the names of the kinds whose modules have draws."""
    return plugin_names(DRAWS)


def draws_of(kind: str) -> Draws:
    """Return the draws of a kind.

    Raises
    ------
    BadInput
        If modules of this kind have no draws.
    """
    draws: Draws = load_plugin(DRAWS, kind)
    return draws
