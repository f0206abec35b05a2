"""The kind ``carbon``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.carbon_module import CarbonSettings
from jules_ml.learned.adaptation import AdaptationDays
from jules_ml.learned.kind import Outcome, ScoreRow, score_row
from jules_ml.support.progress import Progress
from jules_ml.support.section import Section

if TYPE_CHECKING:
    from jules_ml.learned.carbon.table import CarbonSite


class CarbonKind:
    """Learned soil carbon; see :class:`jules_ml.learned.kind.Kind`.

    Imports are inside the methods, so that listing the kinds does not import torch.
    """

    name: ClassVar[str] = "carbon"

    def settings(self) -> type[Section]:
        """Return the schema of ``[carbon_module]``."""
        return CarbonSettings

    def site(self, experiment: Experiment) -> CarbonSite:
        """Read one site with its soil moisture and its cores."""
        from jules_ml.learned.carbon.site import carbon_site

        return carbon_site(experiment)

    def fit(self, experiments: Sequence[Experiment], out: Path, *, progress: Progress | None = None) -> Outcome:
        """Fit the organic carbon of cores to records of soil moisture."""
        from jules_ml.learned.carbon.fit import fit_carbon

        fit = fit_carbon(experiments, out, progress=progress)
        return Outcome(out, fit.scores, _fit_rows(fit.scores), fit.notes)

    def adapt(
        self,
        folder: Path,
        experiments: Sequence[Experiment],
        out: Path,
        *,
        days: AdaptationDays,
        progress: Progress | None = None,
    ) -> Outcome:
        """Refuse: soil carbon has no daily observations to adapt by."""
        raise BadInput(
            "a carbon module cannot be adapted: soil carbon has no daily observations",
            where=folder,
            remedy="fit the module again with the experiments of the new sites, including their cores",
        )

    def evaluate(self, folder: Path, experiments: Sequence[Experiment], out: Path) -> Outcome:
        """Score a module at sites that it was not fitted to."""
        from jules_ml.learned.carbon.evaluate import evaluate_carbon

        scores = evaluate_carbon(folder, experiments, out)
        notes = [*([scores["mark"]] if scores["mark"] else []), *scores["record_notes"]]
        notes += [
            f"{site}: predicted {values['predicted']:.3g} ({values['lower']:.3g} to {values['upper']:.3g}), "
            f"cores {values['observed']:.3g} g kg-1"
            for site, values in scores["sites"].items()
        ]
        return Outcome(out, scores, _compared_rows(scores), tuple(notes))

    def load(self, folder: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Read a module folder: the weights and the card."""
        from jules_ml.learned.store import read_module_folder

        return read_module_folder(folder, kind="carbon")


def _fit_rows(scores: Mapping[str, Any]) -> tuple[ScoreRow, ...]:
    """Cross-validated scores of each learner without and with soil moisture."""
    by_learner = (
        ScoreRow("every learner", f"{learner}, {inputs}", of_learner[inputs]["all"]["logarithm"], "ln(g kg-1)")
        for learner, of_learner in scores["learners"].items()
        for inputs in ("climate", "moisture")
    )
    return (*_compared_rows(scores), *by_learner)


def _compared_rows(scores: Mapping[str, Any]) -> tuple[ScoreRow, ...]:
    """Scores of the module and its baselines, for all soils, mineral soils and peat."""
    from jules_ml.learned.carbon.comparison import UNITS, comparison_rows

    return tuple(
        score_row(f"{soil} sites" if soil == "all" else soil, source, values, UNITS)
        for soil, source, values in comparison_rows(scores)
    )


KIND = CarbonKind()
