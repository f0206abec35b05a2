"""The interface of a kind of learned module, and the registry of kinds.

A kind is a folder with an object that offers what :class:`Kind` lists, and one line under the entry-point group ``jules_ml.kinds``.
The command line and the ensembles know kinds by this interface alone. What a kind needs from packages above (files for JULES, ways
into JULES, draws of an ensemble) is declared in :mod:`jules_ml.learned.uses`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from jules_ml.experiment import Experiment
from jules_ml.learned.adaptation import AdaptationDays
from jules_ml.learned.store import module_kind
from jules_ml.support.plugins import load_plugin, plugin_names
from jules_ml.support.progress import Progress
from jules_ml.support.section import Section

#: Entry-point group of kinds.
KINDS: Final = "jules_ml.kinds"


@dataclass(frozen=True)
class ScoreRow:
    """Scores of one source of predictions at one site, for the table that a command prints.

    Attributes
    ----------
    site : str
    source : str
        The module or a baseline, with the sensor where a site has several.
    scores : mapping of str to float
        By name: ``n``, ``r``, ``r2``, ``kge``, ``nse``, ``rmse``, ``ubrmse``, ``bias``, ``coverage`` …
    units : str
        Of ``rmse``, ``ubrmse`` and ``bias``.
    """

    site: str
    source: str
    scores: Mapping[str, float]
    units: str


@dataclass(frozen=True)
class Outcome:
    """Result of a fit, an adaptation or an evaluation.

    Attributes
    ----------
    folder : Path
        Folder that was written.
    scores : mapping
        Content of ``scores.json``.
    table : tuple of ScoreRow
        Scores beside those of the baselines.
    notes : tuple of str
        What the user needs to know.
    """

    folder: Path
    scores: Mapping[str, Any]
    table: tuple[ScoreRow, ...] = ()
    notes: tuple[str, ...] = field(default=())


class Kind(Protocol):
    """A kind of learned module.

    Attributes
    ----------
    name : str
        Name on the command line and in ``card.json``.
    title : str
        What it learns, in one line for the help.
    section : str
        Table of the experiment file that contains its settings.
    """

    name: str
    title: str
    section: str

    def settings(self) -> type[Section]:
        """Give the schema of its table in the experiment file."""

    def site(self, experiment: Experiment) -> Any:
        """Read one site as the kind is trained on it.

        Raises
        ------
        BadInput
            If the record cannot be read or lacks a variable that the kind needs.
        """

    def fit(self, experiments: Sequence[Experiment], out: Path, *, progress: Progress | None = None) -> Outcome:
        """Fit a module to the records of experiments, one per site, and write the module folder.

        Raises
        ------
        BadInput
            If a record cannot be used, or the folder cannot be written.
        """

    def adapt(
        self,
        folder: Path,
        experiments: Sequence[Experiment],
        out: Path,
        *,
        days: AdaptationDays,
        progress: Progress | None = None,
    ) -> Outcome:
        """Adapt a module to new sites by some days of their own observations, and write a new module folder.

        Raises
        ------
        BadInput
            If the kind cannot be adapted, or a site was among those that the module was fitted to.
        """

    def evaluate(self, folder: Path, experiments: Sequence[Experiment], out: Path) -> Outcome:
        """Score a module on records that it was not fitted to, and write scores, predictions and figures.

        Raises
        ------
        BadInput
            If a record overlaps with what the module was fitted to.
        """

    def load(self, folder: Path) -> tuple[Any, Mapping[str, Any]]:
        """Read a module folder: the module and its card.

        Raises
        ------
        BadInput
            If the folder contains a module of another kind, or is damaged.
        """


def kind_names() -> tuple[str, ...]:
    """Give the names of all kinds that are installed, in alphabetical order."""
    return plugin_names(KINDS)


def kind_of(name: str) -> Kind:
    """Give a kind by its name.

    Raises
    ------
    BadInput
        If no kind has this name.
    """
    kind: Kind = load_plugin(KINDS, name)
    return kind


def kind_of_folder(folder: Path) -> Kind:
    """Give the kind of the module in a folder.

    Raises
    ------
    BadInput
        If the folder contains no module, or one of a kind that is not installed.
    """
    return kind_of(module_kind(folder))
