"""``jules-ml run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import Quiet, escaped, out_console, progress_bars, say_files, say_how_it_went
from jules_ml.support.files import ready_folder

if TYPE_CHECKING:
    from jules_ml.experiment import Experiment


@app.command(epilog="Example:  jules-ml run tower.toml --out runs/tower")
def run(
    experiment: Annotated[Path, typer.Argument(help="Experiment file (TOML).", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the results; runs/NAME of the experiment unless given, or for JULES beside its run folder."
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Run the model of an experiment: the soil column from its record, or JULES from its run folder with modules swapped in."""
    # the experiment is read before torch is loaded, so that a mistake in it is reported at once
    from jules_ml.experiment import load_experiment

    loaded = load_experiment(experiment)
    if loaded.run is not None and loaded.run.model == "jules":
        _run_jules(loaded, out, quiet)
        return
    if loaded.closed_loop is not None:
        _run_closed_loop(loaded, Path("runs") / experiment.stem if out is None else out, quiet)
        return
    _run_column(loaded, Path("runs") / experiment.stem if out is None else out, quiet)


def _run_column(experiment: Experiment, folder: Path, quiet: bool) -> None:
    from jules_ml.column.folder import run_figure, write_run
    from jules_ml.column.run import run_column
    from jules_ml.support.figures import save_figure

    ready_folder(folder)
    with progress_bars(quiet) as report:
        done = run_column(experiment, progress=report)
    files = write_run(done, folder)
    figure = run_figure(done)
    if figure is not None:
        files.append(save_figure(figure, folder / "figures" / "soil_moisture.png"))
    if not quiet:
        say_how_it_went(done)
        say_files(files)


def _run_closed_loop(experiment: Experiment, folder: Path, quiet: bool) -> None:
    from jules_ml.column.closed_loop.figures import loop_figure
    from jules_ml.column.closed_loop.run import run_closed_loop, write_closed_loop
    from jules_ml.support.figures import save_figure

    ready_folder(folder)
    with progress_bars(quiet) as report:
        done = run_closed_loop(experiment, progress=report)
    files = write_closed_loop(done, folder)
    figure = loop_figure(done.loop, years=done.years, thickness=float(done.output["dzsoil"][0]))
    files.append(save_figure(figure, folder / "figures" / "closed_loop.png"))
    if quiet:
        return
    for note in done.notes:
        out_console.print(f"[bold]loop[/] {escaped(note)}", soft_wrap=True)
    for warning in done.warnings:
        out_console.print(f"[yellow]loop warns[/] {escaped(warning)}", soft_wrap=True)
    out_console.print(
        f"[bold]budgets[/] carbon {done.loop.carbon.relative:.1e}, water {done.loop.water.relative:.1e} of what went through",
        soft_wrap=True,
    )
    say_files(files)


def _run_jules(experiment: Experiment, out: Path | None, quiet: bool) -> None:
    from jules_ml.jules.run import default_folder, run_jules

    folder = default_folder(experiment) if out is None else out
    with progress_bars(quiet) as report:
        done = run_jules(experiment, folder, progress=report)
    if quiet:
        return
    for note in done.notes:
        out_console.print(f"[bold]swapped[/] {escaped(note)}", soft_wrap=True)
    for warning in done.warnings:
        out_console.print(f"[yellow]JULES warns[/] {escaped(warning)}", soft_wrap=True)
    say_files(done.files)
