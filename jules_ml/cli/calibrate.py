"""``jules-ml calibrate``."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from jules_ml.cli.application import app
from jules_ml.cli.printing import (
    Json,
    ProgressBars,
    Quiet,
    escaped,
    in_place,
    out_console,
    print_outcome,
    progress_bars,
)
from jules_ml.support.output_folder import Staged, replaced_folder

if TYPE_CHECKING:
    from jules_ml.experiment import Experiment
    from jules_ml.learned.kind import Outcome


#: Rows of fitted values on the terminal, and columns of them that are text.
_MOST_ROWS, _TEXTS = 20, 4


@app.command(epilog="Example:  jules-ml calibrate tower.toml --out calibrations/tower")
def calibrate(
    experiment: Annotated[
        Path,
        typer.Argument(
            help="Experiment file (TOML). \\[calibration] contains parameters, observations and other sites; without it the soil of one "
            "site is calibrated to its soil moisture, with the settings of \\[hydraulics].",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder to write; without \\[calibration] a hydraulics module.", show_default=False)
    ],
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Fit parameters of the column to observations, by gradients through its time steps, and score them on the test period."""
    from jules_ml.experiment import load_experiment

    # the experiment is read before torch is imported, so that errors in it are reported quickly
    loaded = load_experiment(experiment)
    calibration = loaded.calibration is not None
    with _staged(out, calibration=calibration) as staged, progress_bars(quiet or json) as report:
        outcome = (_parameters if calibration else _soil)(loaded, staged.path, report)
    if calibration and not quiet and not json:
        _print_values(outcome)
    print_outcome(in_place(outcome, staged), quiet=quiet, json=json)


def _print_values(outcome: Outcome) -> None:
    """Print the fitted values, of many parameters the first."""
    from jules_ml.calibration.value_table import HEADERS, value_table

    rows = value_table(outcome.scores["parameters"])
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, header in enumerate(HEADERS):
        table.add_column(header, justify="left" if number < _TEXTS else "right", overflow="fold")
    for row in rows[:_MOST_ROWS]:
        table.add_row(*map(escaped, row))
    out_console.print(table)
    if len(rows) > _MOST_ROWS:
        out_console.print(f"{len(rows) - _MOST_ROWS} more fitted values are in report.html")


def _staged(out: Path, *, calibration: bool) -> AbstractContextManager[Staged]:
    """Output folder of a calibration or of a module."""
    from jules_ml.calibration.files import CALIBRATION
    from jules_ml.learned.store import MODULE

    return replaced_folder(out, CALIBRATION if calibration else MODULE)


def _parameters(experiment: Experiment, folder: Path, report: ProgressBars) -> Outcome:
    """Fit the parameters of ``[calibration]``."""
    from jules_ml.calibration.files import write_calibration
    from jules_ml.calibration.run import calibrate

    return write_calibration(calibrate(experiment, progress=report), folder)


def _soil(experiment: Experiment, folder: Path, report: ProgressBars) -> Outcome:
    """Calibrate the soil of one site, and write it as a module."""
    from jules_ml.experiment.inputs import input_paths
    from jules_ml.learned.hydraulics.site_calibration import calibrate_site
    from jules_ml.learned.page import write_report

    outcome = calibrate_site(experiment, folder, progress=report)
    title = f"Soil hydraulics: calibration of {folder.name}"
    write_report(outcome, title=title, inputs=input_paths([experiment]))
    return outcome
