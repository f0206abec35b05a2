"""Learned respiration in the demonstration: curves fitted to the tower's nights, and a run of the column with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import xarray as xr

from jules_ml.column.learned_respiration import learned_factors
from jules_ml.column.output import write_output
from jules_ml.column.run import ColumnRun, run_column
from jules_ml.demo.compare import Comparison, ScoreRow, compare
from jules_ml.experiment import Experiment
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.fit import RespirationFit, fit_respiration
from jules_ml.scoring.scores import score
from jules_ml.support.progress import Progress, renamed

#: Module folder within the folder of the demonstration.
MODULE = Path("modules") / "respiration"
_FLUX = "umol m-2 s-1"
#: Scores need more nights than this.
_MIN_NIGHTS = 2


@dataclass(frozen=True)
class LearnedDemo:
    """Learned respiration, and the run of the column with it.

    Attributes
    ----------
    fit : RespirationFit
    run : ColumnRun
        Same as the first run, but with the learned curves.
    scores : tuple of ScoreRow
        Scores of night respiration in the test period, with JULES's and with the learned curves.
    nights : DataFrame, columns ('observed', 'jules', 'learned')
        Nightly means [umol m-2 s-1].
    files : tuple of Path
        Files of the module, and the output of the run.
    """

    fit: RespirationFit
    run: ColumnRun
    scores: tuple[ScoreRow, ...]
    nights: pd.DataFrame
    files: tuple[Path, ...]


def fit_and_rerun(
    record: xr.Dataset,
    experiment: Experiment,
    years: xr.Dataset,
    before: Comparison,
    folder: Path,
    *,
    message: Callable[[str], None],
    progress: Progress | None,
) -> LearnedDemo:
    """Fit f and g to the nights of the record, and run the column with them.

    Parameters
    ----------
    record : xarray.Dataset
        Complete record, which is the training data.
    experiment : Experiment
        Experiment of the first run.
    years : xarray.Dataset
        Record of the years of the run.
    before : Comparison
        Comparison of the run with JULES's curves.
    folder : Path
        Folder for the results.
    message : callable
        Receives each line of text for the user.
    progress : callable, optional
        As in :func:`~jules_ml.column.run.run_column`.
    """
    fit = fit_respiration(
        record, experiment.respiration or RespirationSettings(), folder / MODULE, progress=renamed(progress, "fit")
    )
    for line in fit.warnings:
        message(f"Learned respiration: {line}.")

    run = run_column(
        experiment, record=years, factors=learned_factors(folder / MODULE), progress=renamed(progress, "{} 2")
    )
    after = compare(run.output, run.record)
    test_start = _test_start(fit)
    output = folder / "column_learned.nc"
    write_output(run.output, output)
    nights = pd.DataFrame(
        {
            "observed": before.nights["observed"],
            "jules": before.nights["predicted"],
            "learned": after.nights["predicted"],
        }
    )
    test = nights[nights.index >= test_start]
    scores = tuple(
        ScoreRow(
            f"night respiration, {label}",
            f"nights from {test_start:%Y}",
            _FLUX,
            score(test[name].to_numpy(), test["observed"].to_numpy()),
        )
        for name, label in (("jules", "JULES's curves"), ("learned", "learned curves"))
        if len(test) > _MIN_NIGHTS
    )
    files = sorted(path for path in (folder / MODULE).rglob("*") if path.is_file())
    return LearnedDemo(fit, run, scores, nights, (output, *files))


def _test_start(fit: RespirationFit) -> pd.Timestamp:
    """Return the first night of the test period."""
    training = fit.learned.rows
    return pd.Timestamp(training.middle.max()).normalize() + pd.Timedelta(days=1)
