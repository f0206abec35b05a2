"""The kind ``respiration``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from jules_ml.experiment import Experiment
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.adaptation import AdaptationDays
from jules_ml.learned.contents import Contents
from jules_ml.learned.kind import Outcome, ScoreRow, score_row
from jules_ml.support.progress import Progress
from jules_ml.support.section import Section

if TYPE_CHECKING:
    import xarray as xr

    from jules_ml.learned.respiration.network import LearnedRespiration


_UNITS = "umol m-2 s-1"
#: Scores that are in ``scores.json``, but not in the printed table.
_NOT_PRINTED = ("ubrmse", "r2", "mae")


class RespirationKind:
    """Learned respiration; see :class:`jules_ml.learned.kind.Kind`.

    Modules are imported within the methods, so that listing the kinds does not import torch.
    """

    name: ClassVar[str] = "respiration"

    def settings(self) -> type[Section]:
        """Return the schema of ``[respiration]``."""
        return RespirationSettings

    def site(self, experiment: Experiment) -> xr.Dataset:
        """Read one site as a site dataset, with the soil state of the run that ``[respiration] state`` names."""
        return _site(experiment, experiment.respiration or RespirationSettings())

    def fit(self, experiments: Sequence[Experiment], out: Path, *, progress: Progress | None = None) -> Outcome:
        """Fit f and g to records of respiration."""
        from jules_ml.learned.respiration.fit import fit_respiration

        settings = experiments[0].respiration or RespirationSettings()
        fit = fit_respiration([_site(each, settings) for each in experiments], settings, out, progress=progress)
        return Outcome(out, fit.scores, _fit_rows(fit.scores), fit.warnings)

    def adapt(
        self,
        folder: Path,
        experiments: Sequence[Experiment],
        out: Path,
        *,
        days: AdaptationDays,
        progress: Progress | None = None,
    ) -> Outcome:
        """Estimate the base respiration of new sites."""
        from jules_ml.learned.respiration.adapt import adapt_respiration
        from jules_ml.learned.respiration.store import load_respiration

        of_module = load_respiration(folder)[1]
        sites = [_site(each, of_module) for each in experiments]
        adaptation = adapt_respiration(folder, sites, out, days=days)
        of_groups = (
            f"base respiration R0 of {group}: {value:.3g} umol m-2 s-1"
            for group, value in adaptation.base_respiration.items()
        )
        notes = (*_notes_of_records(sites), *adaptation.notes, *of_groups)
        return Outcome(out, adaptation.scores, _site_rows(adaptation.scores), notes)

    def evaluate(self, folder: Path, experiments: Sequence[Experiment], out: Path) -> Outcome:
        """Score a module on records that it was not fitted to."""
        from jules_ml.learned.respiration.evaluate import evaluate_respiration
        from jules_ml.learned.respiration.state_link import notes_of_run
        from jules_ml.learned.respiration.store import load_respiration

        settings = experiments[0].respiration
        years = settings.test_years if settings is not None else ()
        _, of_module, card = load_respiration(folder)
        sites = [_site(each, of_module) for each in experiments]
        scores = evaluate_respiration(folder, sites, out, years=years or None)
        notes = (*_notes_of_records(sites), *notes_of_run(Path(folder), card))
        notes += tuple(
            f"the module contains no base respiration of {site}, so the mean of its training sites was used: "
            f"adapt it with 'jules-ml fit respiration FILE --adapt {folder} --days 30 --out DIR'"
            for site in scores["sites_without_base_respiration"]
        )
        if not scores["baselines"]["all"]:
            notes += (
                "the folder was written by an earlier version: fit the module again to compare it with baselines",
            )
        return Outcome(out, scores, _site_rows(scores), notes)

    def load(self, folder: Path) -> tuple[LearnedRespiration, Mapping[str, Any]]:
        """Read a module folder."""
        from jules_ml.learned.respiration.store import load_respiration

        module, _, card = load_respiration(folder)
        return module, card

    def contents(self) -> Contents:
        """Return what a module folder must contain."""
        from jules_ml.learned.respiration.contents import CONTENTS

        return CONTENTS


def _site(experiment: Experiment, settings: RespirationSettings) -> xr.Dataset:
    """Read one site with the state and the layers that the experiment names; other ``settings`` apply to all sites."""
    from jules_ml.learned.respiration.state import with_soil_state

    record, own = experiment.record(), experiment.respiration
    if own is None or not isinstance(own.state, Path):
        return record
    return with_soil_state(record, own.state, settings.model_copy(update={"layers": own.layers}))


def _notes_of_records(sites: Sequence[xr.Dataset]) -> tuple[str, ...]:
    """Describe what is remarkable in the records."""
    from jules_ml.data.notes import notes_of_record

    return tuple(note for ds in sites for note in notes_of_record(ds))


def _fit_rows(scores: Mapping[str, Any]) -> tuple[ScoreRow, ...]:
    """Scores of the test period: the module and every baseline, by step and by night or day."""
    test = scores["test"]
    if test is None:
        return ()
    return tuple(
        score_row(period, source, values, _UNITS, without=_NOT_PRINTED)
        for period in test
        if isinstance(test[period], Mapping)
        for source, values in test[period].items()
    )


def _site_rows(scores: Mapping[str, Any]) -> tuple[ScoreRow, ...]:
    """Scores of the module and of every baseline, over all sites if there are several, and by site."""
    baselines = scores["baselines"]
    by_site = {site: {"learned": values, **baselines["sites"][site]} for site, values in scores["sites"].items()}
    if len(by_site) > 1:
        by_site = {"all": {"learned": scores["all"], **baselines["all"]}, **by_site}
    return tuple(
        score_row(site, source, values, _UNITS, without=_NOT_PRINTED)
        for site, of_site in by_site.items()
        for source, values in of_site.items()
    )


KIND = RespirationKind()
