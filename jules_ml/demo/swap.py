"""Learned respiration in the demonstration: fitted to the soil of the column, swapped into it, and judged by the tower."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jules_ml.column.output import write_output
from jules_ml.column.respiration_swap import with_module_respiration
from jules_ml.column.run import ColumnRun
from jules_ml.comparison.night_respiration import AS_RUN, FITTED_RATE
from jules_ml.comparison.runs import column_run
from jules_ml.comparison.swap_scores import SwapScore
from jules_ml.comparison.swapped_runs import STOCK, SWAPPED, SwappedRuns
from jules_ml.comparison.verdict import ModelVerdict, judge_runs
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.fit import RespirationFit, fit_respiration
from jules_ml.learned.respiration.state import with_soil_state
from jules_ml.support.progress import Progress, renamed

#: Module folder, output of the swapped run, and folder of the verdict, within the folder of the demonstration.
MODULE, OUTPUT, VERDICT = Path("modules") / "respiration", "column_learned.nc", "verdict"


@dataclass(frozen=True)
class Swap:
    """Learned respiration, the run with it, and the verdict.

    Attributes
    ----------
    fit : RespirationFit
    run : ColumnRun
        With the learned curves and base rate.
    verdict : ModelVerdict
        Both runs scored on the times that the fit did not use.
    files : tuple of Path
        Files of the module, output of the run, and files of the verdict.
    """

    fit: RespirationFit
    run: ColumnRun
    verdict: ModelVerdict
    files: tuple[Path, ...]

    @property
    def settings(self) -> RespirationSettings:
        """Settings of the fit."""
        return self.fit.learned.settings

    def nights(self, *, fitted_rate: bool) -> SwapScore | None:
        """Nightly means of respiration, with the base rate of both runs fitted or as run; None if there are too few nights."""
        label = FITTED_RATE if fitted_rate else AS_RUN
        scores = (each for each in self.verdict.scores if each.label == label and each.period == "nights")
        return next(scores, None)

    def daily(self, quantity: str) -> SwapScore | None:
        """Daily means of a quantity other than respiration; None if there are too few days."""
        return next((each for each in self.verdict.scores if each.quantity == quantity), None)


def fit_and_swap(run: ColumnRun, folder: Path, *, progress: Progress | None = None) -> Swap:
    """Fit f, g and the base rate to night NEE on the soil of a run of the column, and swap them into the run.

    Parameters
    ----------
    run : ColumnRun
        With JULES's own forms, and output at every time step.
    folder : Path
        Folder for the results.
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    Swap

    Raises
    ------
    BadInput
        If there are too few nights with measured NEE, or the folder cannot be written.
    """
    module = (folder / MODULE).absolute()
    record = with_soil_state(run.record, run.output).assign_attrs(soil_state="column.nc")
    fit = fit_respiration(
        record, run.experiment.respiration or RespirationSettings(), module, progress=renamed(progress, "fit")
    )
    modules = run.experiment.modules.model_copy(update={"respiration": module})
    swapped = with_module_respiration(run, run.experiment.model_copy(update={"modules": modules}))
    write_output(swapped.output, folder / OUTPUT)
    runs = SwappedRuns(column_run(run.output, STOCK, {}), column_run(swapped.output, SWAPPED, {}), swapped.notes)
    verdict = judge_runs(runs, module, run.experiment, run.record, folder / VERDICT)
    of_module = sorted(path for path in module.rglob("*") if path.is_file())
    return Swap(fit, swapped, verdict, tuple(dict.fromkeys((folder / OUTPUT, *verdict.files, *of_module))))
