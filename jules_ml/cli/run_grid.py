"""``jules-ml run`` on a grid, of an experiment or of a run folder of JULES, under mpiexec or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from jules_ml.cli.printing import Shown, out_console, print_files, print_notes, print_result, progress_bars
from jules_ml.errors import BadInput

if TYPE_CHECKING:
    from jules_ml.column.grid.model import GridModel


def run_experiment_on_grid(experiment: Path, folder: Path, *, resume: bool, shown: Shown) -> None:
    """Run the grid of an experiment, alone or as one of several ranks, and print what came of it."""

    def read() -> tuple[GridModel, str, list[Path]]:
        from jules_ml.experiment import load_experiment

        loaded = load_experiment(experiment)
        if loaded.grid is None:
            raise BadInput(
                "only runs on a grid and ensembles are shared among ranks",
                where=experiment,
                remedy="run it without mpiexec; JULES itself is started with MPI by jules.launcher",
            )
        from jules_ml.column.grid.model import experiment_model
        from jules_ml.experiment.inputs import input_paths

        return experiment_model(loaded), loaded.text, input_paths([loaded])

    _run(read, folder, resume=resume, shown=shown)


def run_folder_on_grid(source: Path, folder: Path, precision: str, *, resume: bool, shown: Shown) -> None:
    """Run the column at the points of a run folder of JULES, alone or as one of several ranks."""

    def read() -> tuple[GridModel, str, list[Path]]:
        import torch

        from jules_ml.jules.column_run.grid import folder_model

        model = folder_model(source, precision=getattr(torch, precision))
        return model, "", sorted(source.glob("*.nml"))

    _run(read, folder, resume=resume, shown=shown)


def _run(read: Callable[[], tuple[GridModel, str, list[Path]]], folder: Path, *, resume: bool, shown: Shown) -> None:
    from jules_ml.column.grid.run import run_grid
    from jules_ml.column.grid.team import Team
    from jules_ml.support.ranks import launched_size, world

    team = Team(world() if launched_size() > 1 else None)
    with team.one_for_all():
        model, text, inputs = read()
        with progress_bars(shown.silent or not team.leads) as report:
            finished = run_grid(model, folder, team=team, resume=resume, text=text, progress=report)
    if finished is None:
        return
    from jules_ml.comparison.grid_report import grid_sentence, report_grid

    files = (report_grid(finished, folder, inputs=inputs), *finished.files)
    if shown.json:
        print_result({**finished.summary, "verdict": grid_sentence(finished), "notes": list(finished.notes)}, files)
    if shown.silent:
        return
    print_notes(finished.notes)
    summary = finished.summary
    out_console.print(
        f"[bold]grid[/] {summary['points']} land points, {summary['periods']} periods, {summary['wall_seconds']:.0f} s on "
        f"{summary['ranks']} {'rank' if summary['ranks'] == 1 else 'ranks'}{', compiled' if summary['compiled'] else ''}"
    )
    print_files(files)
