"""The interface of a kind of learned module, and the registry of kinds.

A kind is an object that implements :class:`Kind`, registered under the entry-point group ``jules_ml.kinds``. The command line and the
ensembles use kinds only through this interface. Uses of modules by the packages above (files for JULES, ways into JULES, draws of an
ensemble) are declared in :mod:`jules_ml.learned.uses`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from jules_ml.experiment import Experiment
from jules_ml.experiment.other_kinds import KINDS
from jules_ml.learned.adaptation import AdaptationDays
from jules_ml.learned.card import module_kind
from jules_ml.scoring.bootstrap import Difference
from jules_ml.support.plugins import load_plugin
from jules_ml.support.progress import Progress
from jules_ml.support.section import Section


@dataclass(frozen=True)
class ScoreRow:
    """Scores of one source of predictions at one site, for the table printed by a command.

    Attributes
    ----------
    site : str
    source : str
        The module or a baseline, with the sensor where a site has several.
    scores : mapping of str to float
        Scores by name: ``n``, ``r``, ``r2``, ``kge``, ``nse``, ``rmse``, ``ubrmse``, ``bias``, ``coverage`` …
    units : str
        Units of ``rmse``, ``ubrmse``, ``bias`` and of the intervals.
    difference : Difference, optional
        Of a baseline: the score of the learned module minus that of the baseline, on the same rows.
    """

    site: str
    source: str
    scores: Mapping[str, float]
    units: str
    difference: Difference | None = None


def score_row(
    site: str, source: str, scores: Mapping[str, Any], units: str, *, without: Collection[str] = ()
) -> ScoreRow:
    """Row of the printed table from an entry of ``scores.json``, which may contain a ``difference``; ``without`` leaves scores out."""
    numbers = {
        name: float(value) for name, value in scores.items() if isinstance(value, int | float) and name not in without
    }
    entry = scores.get("difference")
    return ScoreRow(site, source, numbers, units, None if entry is None else Difference.from_scores(entry))


@dataclass(frozen=True)
class Outcome:
    """Result of a fit, an adaptation or an evaluation.

    Attributes
    ----------
    folder : Path
        Output folder.
    scores : mapping
        Content of ``scores.json``; the entry ``verdict`` of :class:`jules_ml.learned.verdict.Verdict` is printed last and is the first
        sentence of the report.
    table : tuple of ScoreRow
        Scores of the module and of the baselines.
    notes : tuple of str
        Notes for the user.
    """

    folder: Path
    scores: Mapping[str, Any]
    table: tuple[ScoreRow, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def verdict(self) -> str:
        """Whether the module is better than its baselines, in one sentence; empty if nothing was compared."""
        return str((self.scores.get("verdict") or {}).get("sentence", ""))


class Kind(Protocol):
    """A kind of learned module.

    Attributes
    ----------
    name : str
        Name on the command line and in ``card.json``.
        The settings of a kind from another package are in the table of this name.
    """

    name: str

    def settings(self) -> type[Section]:
        """Return the schema of its table in the experiment file."""

    def site(self, experiment: Experiment) -> Any:
        """Read the site of an experiment in the form that the kind is trained on.

        Raises
        ------
        BadInput
            If the record cannot be read, or a required variable is missing.
        """

    def fit(self, experiments: Sequence[Experiment], out: Path, *, progress: Progress | None = None) -> Outcome:
        """Fit a module to the records of experiments, one for each site, and write the module folder.

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
        """Adapt a module to new sites by days of local observations, and write a new module folder.

        Raises
        ------
        BadInput
            If the kind cannot be adapted, or a site is a training site of the module.
        """

    def evaluate(self, folder: Path, experiments: Sequence[Experiment], out: Path) -> Outcome:
        """Score a module on records that it was not fitted to, and write scores, predictions and figures.

        Raises
        ------
        BadInput
            If a record overlaps with the training data of the module.
        """

    def load(self, folder: Path) -> tuple[Any, Mapping[str, Any]]:
        """Read the module and the card from a module folder.

        Raises
        ------
        BadInput
            If the folder contains a module of another kind, or is damaged.
        """


def kind_of(name: str) -> Kind:
    """Return a kind by its name.

    Raises
    ------
    BadInput
        If no kind has this name.
    """
    kind: Kind = load_plugin(KINDS, name)
    return kind


def kind_of_folder(folder: Path) -> Kind:
    """Return the kind of the module in a folder.

    Raises
    ------
    BadInput
        If the folder contains no module, or one of a kind that is not installed.
    """
    return kind_of(module_kind(folder))
