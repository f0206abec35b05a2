"""Report of one run: its scores against the record beside a baseline, interactive time series, substitutions and notes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.comparison.figures import COLOURS
from jules_ml.comparison.run_panels import run_panels
from jules_ml.comparison.run_verdict import NOT_COMPARED, run_numbers, run_sentence
from jules_ml.comparison.runs import Run, read_run
from jules_ml.comparison.scores import QuantityScore, score_runs
from jules_ml.errors import BadInput
from jules_ml.learned.kind import Outcome, ScoreRow
from jules_ml.learned.page import write_report
from jules_ml.scoring.scores import score

#: Baseline of a run: for each month of the year the mean of the observations, which it knows and the run does not.
MONTHLY = "monthly means of the observations"
#: Least length of the observations that have monthly means [d].
_YEAR = 365


class RunReport(NamedTuple):
    """Report of a run: its file, the printed scores, and the verdict, which is empty without observations."""

    path: Path
    table: tuple[ScoreRow, ...]
    sentence: str


def report_run(
    folder: Path,
    *,
    record: xr.Dataset | None,
    notes: Sequence[str] = (),
    substitutions: Sequence[str] = (),
    inputs: Sequence[Path] = (),
    theta_r: Sequence[float] | float = 0.0,
) -> RunReport:
    """Write ``report.html`` of a run of the column or of JULES.

    Parameters
    ----------
    folder : Path
        Folder of the run, with its output, ``run_summary.json`` and figures.
    record : xarray.Dataset or None
        Site dataset with the observations.
    notes, substitutions : sequence of str
        Messages of the run; gap-filling and substitutions of its weather.
    inputs : sequence of Path
        Files that the run was computed from.
    theta_r : float or sequence of float
        Residual water, see :func:`~jules_ml.comparison.runs.read_run`.

    Returns
    -------
    RunReport
    """
    try:
        run: Run | None = read_run(folder, theta_r=theta_r)
    except BadInput:
        # its output was chosen, and has none of the quantities that are compared
        run = None
    runs = [] if run is None else [run]
    scored = score_runs(runs, record)
    table = tuple(row for one in scored for row in _rows(one))
    sentence = run_sentence(scored)
    place = f" at {record.attrs['site']}" if record is not None and "site" in record.attrs else ""
    path = write_report(
        Outcome(folder, {"verdict": {"sentence": sentence}}, table, tuple(notes)),
        title=f"Run {folder.name}{place}",
        compared=f"The run and its baseline, {MONTHLY}, are scored on the same times. Gap-filled values are left out.",
        contents="Output and run_summary.json, with budgets and versions, are in the folder {folder}.",
        panels=run_panels(runs, scored, {each.name: COLOURS[0] for each in runs}),
        numbers=run_numbers(scored),
        inputs=inputs,
        substitutions=substitutions,
    )
    return RunReport(path, table, "" if sentence == NOT_COMPARED else sentence)


def _rows(one: QuantityScore) -> list[ScoreRow]:
    """Rows of a series: the run, and its baseline where the observations are long enough."""
    name = f"{one.quantity.name}{f', {one.sensor}' if one.sensor else ''}"
    rows = [ScoreRow(name, one.run, vars(one.scores), one.quantity.unit)]
    index = one.pairs.index
    if isinstance(index, pd.DatetimeIndex) and index[-1] - index[0] >= pd.Timedelta(days=_YEAR):
        observed = one.pairs["observed"]
        monthly = observed.groupby(index.month).transform("mean").to_numpy(dtype=np.float64)
        rows.append(ScoreRow(name, MONTHLY, vars(score(monthly, observed.to_numpy())), one.quantity.unit))
    return rows
