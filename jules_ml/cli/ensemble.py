"""``jules-ml ensemble``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import Quiet, escaped, out_console, print_files, print_notes, progress_bars
from jules_ml.errors import RunFailed

if TYPE_CHECKING:
    from jules_ml.ensemble.run import EnsembleRun


@app.command(epilog="Example:  jules-ml ensemble loobos_ensemble.toml --out runs/loobos --workers 4")
def ensemble(
    experiment: Annotated[Path, typer.Argument(help="Experiment file (TOML) with \\[ensemble].", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the ensemble; by default runs/NAME of the experiment.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Number of processes; under mpiexec each rank is a worker instead.")
    ] = 1,
    retry: Annotated[bool, typer.Option("--retry", help="Rerun failed members.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the members to run, their cost and disk space.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Run an ensemble of runs, continue it after an interruption, and gather it into one file."""
    from jules_ml.ensemble.mpi_pool import launched_size, ranks, serve, stop_ranks, world
    from jules_ml.ensemble.process_pool import pool
    from jules_ml.ensemble.schedule import serial_pool

    folder = Path("runs") / experiment.stem if out is None else out
    if launched_size() == 1:
        _run(experiment, folder, pool(workers) if workers > 1 else serial_pool, retry, dry_run, quiet)
        return
    comm = world()
    if comm.Get_rank() != 0:
        serve(comm)
        return
    try:
        _run(experiment, folder, ranks(comm), retry, dry_run, quiet)
    finally:
        stop_ranks(comm)


def _run(path: Path, folder: Path, start_pool: Any, retry: bool, dry_run: bool, quiet: bool) -> None:
    from jules_ml.experiment import load_experiment

    loaded = load_experiment(path)
    from jules_ml.ensemble.dry_run import estimate
    from jules_ml.ensemble.rate_notes import rate_notes
    from jules_ml.ensemble.results import write_results
    from jules_ml.ensemble.run import run_ensemble

    if dry_run:
        for name, text in estimate(loaded, folder, retry=retry).rows():
            out_console.print(f"[bold]{name}[/]  {escaped(text)}", soft_wrap=True)
        print_notes(rate_notes(loaded))
        return
    with progress_bars(quiet) as bars:
        finished = run_ensemble(
            loaded,
            folder,
            start_pool=start_pool,
            retry=retry,
            progress=bars,
            counts=lambda now: bars.note("members", f"{now.running} running, {now.failed} failed"),
        )
    files = write_results(finished) if finished.done else []
    if not quiet:
        _print_summary(finished)
        print_notes(rate_notes(loaded))
        print_files(files)
    if finished.failed:
        number, message = next(iter(finished.messages.items()), (0, "unknown"))
        raise RunFailed(
            f"{finished.failed} of {len(finished.members)} members failed, member {number} with: {message} "
            "(rerun them with --retry)"
        )


def _print_summary(run: EnsembleRun) -> None:
    earlier = f" ({run.done_before} of them earlier)" if run.done_before else ""
    out_console.print(f"[bold]members[/] {run.done} done{earlier}, {run.failed} failed, {run.wall_seconds:.0f} s")
    if run.damaged:
        out_console.print(f"[yellow]damaged[/] members were rerun: {', '.join(map(str, run.damaged[:10]))}")
