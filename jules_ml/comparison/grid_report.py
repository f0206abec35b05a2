"""Report of a run on a grid: maps, interactive series of the means over the land, points that became unstable, and notes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from jules_ml.column.grid.figures import output_label, shown_outputs
from jules_ml.column.grid.run import GridRun
from jules_ml.comparison.run_verdict import NOT_COMPARED
from jules_ml.learned.kind import Outcome
from jules_ml.learned.page import write_report
from jules_ml.support.figures import BLUE
from jules_ml.support.headline import Headline
from jules_ml.support.interactive import Line, Panel


def grid_sentence(run: GridRun) -> str:
    """What was run, and at how many points it failed."""
    points, unstable = run.summary["points"], len(run.summary["unstable_points"])
    first, last = run.layout.bounds[0], run.layout.bounds[-1]
    ended = f"{unstable} became numerically unstable" if unstable else "none became numerically unstable"
    return f"{points} land points were run from {first.date()} to {last.date()}; {ended}. {NOT_COMPARED}"


def report_grid(run: GridRun, folder: Path, *, inputs: Sequence[Path] = ()) -> Path:
    """Write ``report.html`` into the folder of a run on a grid.

    Parameters
    ----------
    run : GridRun
    folder : Path
        Folder of the run, with its figures.
    inputs : sequence of Path
        Files that the run was computed from.

    Returns
    -------
    Path
    """
    numbers = [Headline(f"{run.summary['points']}", "land points")]
    for name in shown_outputs(list(run.layout.rows)):
        label, unit = output_label(run.layout, name)
        mean = f"{run.means.series[name].mean():.4g}"
        numbers.append(Headline(mean if unit == "1" else f"{mean} {unit}", f"{label}: mean over land and time"))
    return write_report(
        Outcome(folder, {"verdict": {"sentence": grid_sentence(run)}}, (), run.notes),
        title=f"Run {folder.name} on a grid",
        contents="All outputs are in grid.nc or grid.zarr, and run_summary.json has versions and means, in the folder {folder}.",
        titles={"grid": "Maps of means over the run, and means over the land"},
        panels=_panels(run),
        numbers=numbers,
        inputs=inputs,
    )


def _panels(run: GridRun) -> list[Panel]:
    """Means over the land of each output, at the ends of their periods."""
    times = pd.DatetimeIndex(run.layout.bounds[1:])
    if times.tz is not None:
        times = times.tz_convert("UTC").tz_localize(None)
    panels = []
    for name, series in run.means.series.items():
        label, unit = output_label(run.layout, name)
        panels.append(Panel(f"{label}: mean over the land", unit, [Line("run", pd.Series(series, index=times), BLUE)]))
    return panels
