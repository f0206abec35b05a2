"""``jules-ml run``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import Quiet, progress, say_files, say_how_it_went
from jules_ml.wholefile import ready_folder


@app.command(epilog="Example:  jules-ml run tower.toml --out runs/tower")
def run(
    experiment: Annotated[Path, typer.Argument(help="Experiment file (TOML).", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results; runs/NAME of the experiment unless given.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Run the model of an experiment: its record in, a CF netCDF file, a summary and a figure out."""
    from jules_ml.experiment import load_experiment
    from jules_ml.figures import save_figure
    from jules_ml.simulation.folder import run_figure, write_run
    from jules_ml.simulation.run import run_column

    loaded = load_experiment(experiment)
    folder = Path("runs") / experiment.stem if out is None else out
    ready_folder(folder)
    with progress(quiet) as report:
        done = run_column(loaded, progress=report)
    files = write_run(done, folder)
    figure = run_figure(done)
    if figure is not None:
        files.append(save_figure(figure, folder / "figures" / "soil_moisture.png"))
    if not quiet:
        say_how_it_went(done)
        say_files(files)
