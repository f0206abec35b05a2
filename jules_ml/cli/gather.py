"""``jules-ml gather``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jules_ml.cli.application import app
from jules_ml.cli.ensemble import fail_if_members_failed, members_document
from jules_ml.cli.printing import Json, Quiet, out_console, print_files, print_notes, print_result


@app.command(epilog="Example:  jules-ml gather runs/loobos")
def gather(
    folder: Annotated[Path, typer.Argument(help="Folder of the ensemble (--out).", show_default=False)],
    experiment: Annotated[
        Path | None,
        typer.Option(help="Experiment file, if it was moved since the ensemble was started.", show_default=False),
    ] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Gather although members are missing.")] = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Gather the members of an ensemble that shards have run into one file, with quantiles, weights and figures."""
    from jules_ml.ensemble.gather_folder import gather_folder, missing_text

    run, files = gather_folder(folder, experiment=experiment, partial=partial)
    if json:
        print_result(members_document(run), files)
    elif not quiet:
        out_console.print(f"[bold]members[/] {run.done} done, {run.failed} failed, of {len(run.members)}")
        if run.missing:
            print_notes([missing_text(run.missing, len(run.members))])
        print_files(files)
    fail_if_members_failed(run)
