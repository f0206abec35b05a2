"""``jules-ml run`` with ``[grid]``, under mpiexec or not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jules_ml.cli.printing import out_console, print_files, print_notes, progress_bars
from jules_ml.errors import BadInput

if TYPE_CHECKING:
    from jules_ml.column.grid.team import Team
    from jules_ml.experiment import Experiment


def run_on_ranks(experiment: Path, out: Path | None, *, resume: bool, quiet: bool) -> None:
    """Run a grid on all ranks that an MPI launcher has started."""
    from jules_ml.column.grid.team import Team
    from jules_ml.experiment import load_experiment
    from jules_ml.support.ranks import world

    team = Team(world())
    with team.one_for_all():
        loaded = load_experiment(experiment)
        if loaded.grid is None:
            raise BadInput(
                "only runs on a grid and ensembles are shared among ranks",
                where=experiment,
                remedy="run it without mpiexec; JULES itself is started with MPI by jules.launcher",
            )
        run_on_grid(loaded, Path("runs") / experiment.stem if out is None else out, team, resume=resume, quiet=quiet)


def run_on_grid(experiment: Experiment, folder: Path, team: Team | None, *, resume: bool, quiet: bool) -> None:
    """Run a grid, alone or as one of several ranks, and print what came of it."""
    from jules_ml.column.grid.model import experiment_model
    from jules_ml.column.grid.run import run_grid

    silent = quiet or (team is not None and not team.leads)
    model = experiment_model(experiment)
    with progress_bars(silent) as report:
        finished = run_grid(model, folder, team=team, resume=resume, text=experiment.text, progress=report)
    if finished is None or quiet:
        return
    print_notes(finished.notes)
    summary = finished.summary
    out_console.print(
        f"[bold]grid[/] {summary['points']} land points, {summary['periods']} periods, {summary['wall_seconds']:.0f} s on "
        f"{summary['ranks']} {'rank' if summary['ranks'] == 1 else 'ranks'}{', compiled' if summary['compiled'] else ''}"
    )
    print_files(finished.files)
