"""The kind ``moisture``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from jules_ml.experiment import Experiment
from jules_ml.experiment.moisture import MoistureSection
from jules_ml.learned.adaptation import AdaptationDays
from jules_ml.learned.kind import Outcome, ScoreRow
from jules_ml.support.progress import Progress
from jules_ml.support.section import Section

if TYPE_CHECKING:
    from jules_ml.learned.moisture.ensemble import MoistureEnsemble
    from jules_ml.learned.moisture.site import MoistureSite


class MoistureKind:
    """Learned soil moisture; see :class:`jules_ml.learned.kind.Kind`.

    Methods import what they need, so that the name of a kind loads no torch.
    """

    name: ClassVar[str] = "moisture"
    title: ClassVar[str] = "daily soil moisture, from weather, satellites and a first guess of JULES"
    section: ClassVar[str] = "moisture"

    def settings(self) -> type[Section]:
        """Give the schema of ``[moisture]``."""
        return MoistureSection

    def site(self, experiment: Experiment) -> MoistureSite:
        """Read one site with its first guess and its runs with other soils."""
        from jules_ml.learned.moisture.site import moisture_site

        return moisture_site(experiment)

    def fit(self, experiments: Sequence[Experiment], out: Path, *, progress: Progress | None = None) -> Outcome:
        """Fit networks to records of soil moisture."""
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
        """Correct the guess of mean and spread at new sites."""
        from jules_ml.learned.moisture.adapt import adapt_moisture
        from jules_ml.learned.moisture.site import moisture_site

        sites = [moisture_site(each, to_learn=False) for each in experiments]
        adaptation = adapt_moisture(folder, sites, out, days=days)
        return Outcome(out, adaptation.scores, _rows(adaptation.scores), adaptation.warnings)

    def evaluate(self, folder: Path, experiments: Sequence[Experiment], out: Path) -> Outcome:
        """Score a module on records that it was not fitted to."""
        from jules_ml.learned.moisture.evaluate import evaluate_moisture
        from jules_ml.learned.moisture.site import moisture_site

        scores = evaluate_moisture(folder, [moisture_site(each, to_learn=False) for each in experiments], out)
        return Outcome(out, scores, _rows(scores))

    def load(self, folder: Path) -> tuple[MoistureEnsemble, Mapping[str, Any]]:
        """Read a module folder."""
        from jules_ml.learned.moisture.store import load_moisture

        return load_moisture(folder)


def _rows(scores: Mapping[str, Any]) -> tuple[ScoreRow, ...]:
    """Scores of every sensor, then of the baselines at the scored one."""
    return tuple(
        ScoreRow(site, source, values, "m3 m-3")
        for site, of_site in scores["sites"].items()
        for source, values in {**of_site["sensors"], **of_site["baselines"]}.items()
    )


KIND = MoistureKind()
