"""The part of the demonstration that learns: curves from the tower's night, and the column run again with them."""

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

#: Where the module lies in the folder of the demonstration.
MODULE = Path("modules") / "respiration"
_FLUX = "umol m-2 s-1"
#: Fewer nights have no score.
_LEAST_NIGHTS = 2


@dataclass(frozen=True)
class LearnedDemo:
    """What was learned, and the run with it.

    Attributes
    ----------
    fit : RespirationFit
    run : ColumnRun
        The same as the first, with learned curves.
    scores : tuple of ScoreRow
        Of night respiration with JULES's curves and with learned ones, in the years that were not learned from.
    nights : DataFrame, columns ('observed', 'jules', 'learned')
        Nightly means [umol m-2 s-1].
    files : tuple of Path
        The module's files, and the run's output.
    """

    fit: RespirationFit
    run: ColumnRun
    scores: tuple[ScoreRow, ...]
    nights: pd.DataFrame
    files: tuple[Path, ...]


def learn_and_rerun(
    record: xr.Dataset,
    experiment: Experiment,
    years: xr.Dataset,
    before: Comparison,
    folder: Path,
    *,
    say: Callable[[str], None],
    progress: Progress | None,
) -> LearnedDemo:
    """Learn f and g from the record's nights, and run the column with them.

    Parameters
    ----------
    record : xarray.Dataset
        The whole record, which is learned from.
    experiment : Experiment
        That the column was run by.
    years : xarray.Dataset
        The years that it was run through.
    before : Comparison
        Of the run with JULES's curves.
    folder : Path
        For the results.
    say : callable
        Takes each line that the user should see.
    progress : callable, optional
        As in :func:`~jules_ml.column.run.run_column`.
    """
    fit = fit_respiration(
        record, experiment.respiration or RespirationSettings(), folder / MODULE, progress=renamed(progress, "fit")
    )
    for line in fit.warnings:
        say(f"Learned respiration: {line}.")

    run = run_column(
        experiment, record=years, factors=learned_factors(folder / MODULE), progress=renamed(progress, "{} 2")
    )
    after = compare(run.output, run.record)
    unseen = _unseen_nights(fit)
    output = folder / "column_learned.nc"
    write_output(run.output, output)
    nights = pd.DataFrame(
        {
            "observed": before.nights["observed"],
            "jules": before.nights["predicted"],
            "learned": after.nights["predicted"],
        }
    )
    held_out = nights[nights.index >= unseen]
    scores = tuple(
        ScoreRow(
            f"night respiration, {label}",
            f"nights from {unseen:%Y}",
            _FLUX,
            score(held_out[name].to_numpy(), held_out["observed"].to_numpy()),
        )
        for name, label in (("jules", "JULES's curves"), ("learned", "learned curves"))
        if len(held_out) > _LEAST_NIGHTS
    )
    files = sorted(path for path in (folder / MODULE).rglob("*") if path.is_file())
    return LearnedDemo(fit, run, scores, nights, (output, *files))


def _unseen_nights(fit: RespirationFit) -> pd.Timestamp:
    """First night that was not learned from."""
    learned = fit.learned.rows
    return pd.Timestamp(learned.middle.max()).normalize() + pd.Timedelta(days=1)
