"""The kind ``moisture``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from jules_ml.experiment import Experiment
from jules_ml.experiment.moisture import MoistureSection
from jules_ml.learned.adaptation import AdaptationDays
from jules_ml.learned.kind import Outcome, ScoreRow, score_row
from jules_ml.support.progress import Progress
from jules_ml.support.section import Section

if TYPE_CHECKING:
    from jules_ml.learned.moisture.ensemble import MoistureEnsemble
    from jules_ml.learned.moisture.site import MoistureSite


class MoistureKind:
    """Learned soil moisture; see :class:`jules_ml.learned.kind.Kind`.

    Imports are inside the methods, so that listing the kinds does not import torch.
    """

    name: ClassVar[str] = "moisture"

    def settings(self) -> type[Section]:
        """Return the schema of ``[moisture]``."""
        return MoistureSection

    def site(self, experiment: Experiment) -> MoistureSite:
        """Read one site with its first guess and its simulated records."""
        from jules_ml.learned.moisture.site import moisture_site

        return moisture_site(experiment)

    def fit(self, experiments: Sequence[Experiment], out: Path, *, progress: Progress | None = None) -> Outcome:
        """Train a network ensemble on records of soil moisture."""
        from jules_ml.learned.moisture.fit import fit_moisture

        settings = experiments[0].moisture or MoistureSection()
        fit = fit_moisture([self.site(each) for each in experiments], settings, out, progress=progress)
        return Outcome(out, fit.scores, _rows(fit.scores), fit.warnings)

    def adapt(
        self,
        folder: Path,
        experiments: Sequence[Experiment],
        out: Path,
        *,
        days: AdaptationDays,
        progress: Progress | None = None,
    ) -> Outcome:
        """Update the predicted mean and standard deviation at new sites by local observations."""
        from jules_ml.learned.moisture.adapt import adapt_moisture
        from jules_ml.learned.moisture.site import moisture_site

        sites = [moisture_site(each, for_training=False) for each in experiments]
        adaptation = adapt_moisture(folder, sites, out, days=days)
        return Outcome(out, adaptation.scores, _rows(adaptation.scores), adaptation.warnings)

    def evaluate(self, folder: Path, experiments: Sequence[Experiment], out: Path) -> Outcome:
        """Score a module on records that it was not trained on."""
        from jules_ml.learned.moisture.evaluate import evaluate_moisture
        from jules_ml.learned.moisture.site import moisture_site

        sites = [moisture_site(each, for_training=False) for each in experiments]
        scores = evaluate_moisture(folder, sites, out)
        return Outcome(out, scores, _rows(scores), tuple(note for site in sites for note in site.notes))

    def load(self, folder: Path) -> tuple[MoistureEnsemble, Mapping[str, Any]]:
        """Read a module folder."""
        from jules_ml.learned.moisture.store import load_moisture

        return load_moisture(folder)


def _rows(scores: Mapping[str, Any]) -> tuple[ScoreRow, ...]:
    """Scores of each sensor, then of the baselines at the scored sensor."""
    from jules_ml.learned.moisture.baselines import LABELS

    return tuple(
        score_row(site, source, values, "m3 m-3")
        for site, of_site in scores["sites"].items()
        for source, values in (
            *((f"learned, {sensor}", values) for sensor, values in of_site["sensors"].items()),
            *((LABELS.get(name, name), values) for name, values in of_site["baselines"].items()),
        )
    )


KIND = MoistureKind()
