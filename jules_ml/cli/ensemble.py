"""``jules-ml ensemble``."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import (
    Json,
    Quiet,
    escaped,
    out_console,
    print_files,
    print_json,
    print_next,
    print_notes,
    print_result,
    progress_bars,
)
from jules_ml.errors import RunFailed

if TYPE_CHECKING:
    from jules_ml.ensemble.run import EnsembleRun
    from jules_ml.ensemble.shard import Shard
    from jules_ml.experiment import Experiment


@app.command(epilog="Example:  jules-ml ensemble loobos_ensemble.toml --out runs/loobos --workers 4")
def ensemble(
    experiment: Annotated[Path, typer.Argument(help="Experiment file (TOML) with \\[ensemble].", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the ensemble; by default runs/NAME of the experiment.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Number of processes; under mpiexec each rank is a worker instead.")
    ] = 1,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Run only shard I of N, for job arrays; the shards may run at once, and 'jules-ml gather' follows.",
            show_default=False,
        ),
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Rerun failed members.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the members to run, their cost and disk space.")
    ] = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Run an ensemble of runs, continue it after an interruption, and gather it into one file."""
    from jules_ml.ensemble.mpi_pool import ranks, serve, stop_ranks
    from jules_ml.ensemble.process_pool import pool
    from jules_ml.ensemble.schedule import serial_pool
    from jules_ml.support.ranks import launched_size, world

    folder = Path("runs") / experiment.stem if out is None else out
    request = _Request(experiment, folder, workers, shard, retry, dry_run, quiet, json)
    if launched_size() == 1:
        _run(request, pool(workers) if workers > 1 else serial_pool)
        return
    comm = world()
    if comm.Get_rank() != 0:
        serve(comm)
        return
    try:
        _run(request, ranks(comm))
    finally:
        stop_ranks(comm)


@dataclass(frozen=True)
class _Request:
    """Arguments of the command."""

    experiment: Path
    folder: Path
    workers: int
    shard: str | None
    retry: bool
    dry_run: bool
    quiet: bool
    json: bool

    @property
    def silent(self) -> bool:
        """Whether no bars are shown."""
        return self.quiet or self.json


def _run(request: _Request, start_pool: Any) -> None:
    from jules_ml.experiment import load_experiment

    loaded = load_experiment(request.experiment)
    from jules_ml.ensemble.rate_notes import rate_notes
    from jules_ml.ensemble.results import write_results
    from jules_ml.ensemble.run import run_ensemble
    from jules_ml.ensemble.shard import Shard

    shard = None if request.shard is None else Shard.parse(request.shard)
    if request.dry_run:
        _print_estimate(list(_estimate(loaded, request, shard)), rate_notes(loaded), json=request.json)
        return
    with progress_bars(request.silent) as bars:
        finished = run_ensemble(
            loaded,
            request.folder,
            start_pool=start_pool,
            retry=request.retry,
            shard=shard,
            progress=bars,
            counts=lambda now: bars.note("members", f"{now.running} running, {now.failed} failed"),
        )
    files = write_results(finished) if finished.done and shard is None else []
    if request.json:
        print_result({**members_document(finished), "notes": list(rate_notes(loaded))}, files)
    elif not request.quiet:
        _print_members(finished)
        print_notes(rate_notes(loaded))
        print_files(files)
        if shard is not None:
            _print_shard(finished, shard)
    fail_if_members_failed(finished)


def _print_estimate(rows: list[tuple[str, str]], notes: Iterable[str], *, json: bool) -> None:
    if json:
        texts: dict[str, list[str]] = {}
        for name, text in rows:
            texts.setdefault(name, []).append(text)
        print_json({**{name: "; ".join(of_name) for name, of_name in texts.items()}, "notes": list(notes)})
        return
    for name, text in rows:
        out_console.print(f"[bold]{name}[/]  {escaped(text)}", soft_wrap=True)
    print_notes(notes)


def members_document(run: EnsembleRun) -> dict[str, Any]:
    """Counts of the members of an ensemble, for ``--json``."""
    return {
        "folder": str(run.folder),
        "members": len(run.members),
        "done": run.done,
        "done_before": run.done_before,
        "failed": run.failed,
        "missing": list(run.missing),
        "damaged": list(run.damaged),
        "messages": run.messages,
        "wall_seconds": run.wall_seconds,
    }


def _estimate(experiment: Experiment, request: _Request, shard: Shard | None) -> Iterator[tuple[str, str]]:
    from jules_ml.ensemble.dry_run import estimate

    with progress_bars(request.silent) as bars:
        bars.note("measure", "start-up of a worker")
        estimated = estimate(experiment, request.folder, retry=request.retry, workers=request.workers, shard=shard)
    yield from estimated.rows()


def _print_members(run: EnsembleRun) -> None:
    earlier = f" ({run.done_before} of them earlier)" if run.done_before else ""
    out_console.print(f"[bold]members[/] {run.done} done{earlier}, {run.failed} failed, {run.wall_seconds:.0f} s")
    if run.damaged:
        out_console.print(f"[yellow]damaged[/] members were rerun: {', '.join(map(str, run.damaged[:10]))}")


def _print_shard(run: EnsembleRun, shard: Shard) -> None:
    if not run.numbers:
        print_notes(
            [
                f"shard {shard} has no members: there are more shards than batches; fewer shards, or a smaller ensemble.batch"
            ]
        )
    print_next(f"jules-ml gather {shlex.quote(str(run.folder))}", "when all shards are done")


def fail_if_members_failed(run: EnsembleRun) -> None:
    """Raise an error if members have failed; those that are done remain.

    Raises
    ------
    RunFailed
        With the first message.
    """
    if run.failed:
        number, message = next(iter(run.messages.items()), (0, "unknown"))
        raise RunFailed(
            f"{run.failed} of {len(run.numbers)} members failed, member {number} with: {message} (rerun them with --retry)"
        )
