"""``jules-ml calibrate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import Json, Quiet, in_place, print_outcome, progress_bars
from jules_ml.support.output_folder import replaced_folder


@app.command(epilog="Example:  jules-ml calibrate tower.toml --out modules/tower_soil")
def calibrate(
    experiment: Annotated[
        Path,
        typer.Argument(
            help="Experiment file (TOML) of one site with soil moisture; \\[hydraulics] contains the settings.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Hydraulics module folder to write.", show_default=False)],
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Calibrate the soil of one site to its sensors through the soil column, and score it on the test period."""
    from jules_ml.experiment import load_experiment

    # the experiment is read before torch is imported, so that errors in it are reported quickly
    loaded = load_experiment(experiment)
    from jules_ml.learned.hydraulics.site_calibration import calibrate_site
    from jules_ml.learned.page import write_report
    from jules_ml.learned.store import MODULE

    with replaced_folder(out, MODULE) as staged:
        with progress_bars(quiet or json) as report:
            outcome = calibrate_site(loaded, staged.path, progress=report)
        write_report(outcome, title=f"Soil hydraulics: calibration of {staged.path.name}")
    print_outcome(in_place(outcome, staged), quiet=quiet, json=json)
