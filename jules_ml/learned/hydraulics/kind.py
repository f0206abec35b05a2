"""Kind of module ``hydraulics``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from jules_ml.experiment import Experiment
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.learned.adaptation import AdaptationDays
from jules_ml.learned.contents import Contents
from jules_ml.learned.kind import Outcome, ScoreRow, score_row
from jules_ml.support.progress import Progress
from jules_ml.support.section import Section

if TYPE_CHECKING:
    from jules_ml.learned.hydraulics.columns import HydraulicSite
    from jules_ml.learned.hydraulics.network import LearnedHydraulics


#: What a row of scores is called that is not of one soil.
_SOILS = {"ensemble": "mean of the members' runs"}


class HydraulicsKind:
    """Learned hydraulics; see :class:`jules_ml.learned.kind.Kind`.

    Methods import the other modules of this folder when they are called, so that listing the kinds does not import torch.
    """

    name: ClassVar[str] = "hydraulics"

    def settings(self) -> type[Section]:
        """Return the schema of ``[hydraulics]``."""
        return HydraulicSettings

    def site(self, experiment: Experiment) -> HydraulicSite:
        """Read a site with its hourly weather, sensors and static inputs."""
        from jules_ml.learned.hydraulics.site import hydraulic_site

        return hydraulic_site(experiment, experiment.hydraulics or HydraulicSettings())

    def fit(self, experiments: Sequence[Experiment], out: Path, *, progress: Progress | None = None) -> Outcome:
        """Fit a network that predicts soil properties to records of soil moisture."""
        from jules_ml.learned.hydraulics.fit import fit_hydraulics

        fit = fit_hydraulics(experiments, out, progress=progress)
        return Outcome(out, fit.scores, _rows(fit.scores), fit.notes)

    def adapt(
        self,
        folder: Path,
        experiments: Sequence[Experiment],
        out: Path,
        *,
        days: AdaptationDays,
        progress: Progress | None = None,
    ) -> Outcome:
        """Train a module further on some days of new sites."""
        from jules_ml.learned.hydraulics.adapt import adapt_hydraulics

        fit = adapt_hydraulics(folder, experiments, out, days=days, progress=progress)
        return Outcome(out, fit.scores, _rows(fit.scores), fit.notes)

    def evaluate(self, folder: Path, experiments: Sequence[Experiment], out: Path) -> Outcome:
        """Score a module at sites or times that it was not trained on."""
        from jules_ml.learned.hydraulics.evaluate import evaluate_hydraulics

        scores = evaluate_hydraulics(folder, experiments, out)
        return Outcome(out, scores, _rows(scores), tuple(scores["notes"]))

    def load(self, folder: Path) -> tuple[LearnedHydraulics, Mapping[str, Any]]:
        """Read a module folder."""
        from jules_ml.learned.hydraulics.store import load_hydraulics

        return load_hydraulics(folder)

    def contents(self) -> Contents:
        """Return what a module folder must contain."""
        from jules_ml.learned.hydraulics.contents import CONTENTS

        return CONTENTS


def _rows(scores: Mapping[str, Any]) -> tuple[ScoreRow, ...]:
    """Scores by sensor with the learned soil, with several, with that of ``[soil]`` if there is one site, and with that of texture."""
    return tuple(
        score_row(entry["site"], f"{_SOILS.get(soil, f'{soil} soil')}, {entry['depth']:g} m", entry[soil], "m3 m-3")
        for entry in scores["sensors"]
        for soil in ("learned", "ensemble", "uncalibrated", "texture")
        if soil in entry
    )


KIND = HydraulicsKind()
