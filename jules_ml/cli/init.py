"""``jules-ml init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import Quiet, escaped, out_console


@app.command(epilog="Example:  jules-ml init my_site --experiment tower.toml")
def init(
    folder: Annotated[Path, typer.Argument(help="Folder to write; new or empty.", show_default=False)],
    experiment: Annotated[
        Path | None,
        typer.Option(
            help="Experiment file of a column, whose weather, soil, surface and carbon the point run gets; made-up weather unless given.",
            show_default=False,
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write a complete point run of JULES to start from: namelists, weather, cover, initial state."""
    from jules_ml.jules.template import write_site, write_template

    if experiment is None:
        files = write_template(folder)
    else:
        from jules_ml.experiment import load_experiment

        files = write_site(load_experiment(experiment), folder)
    if not quiet:
        out_console.print(f"[green]wrote[/] {len(files)} files into {escaped(str(folder))}", soft_wrap=True)
        out_console.print(
            f"Run it:  cd {escaped(str(folder))} && mkdir -p output && JULES.EXE namelists\n"
            f'or with modules swapped in:  \\[jules] folder = "{escaped(str(folder))}" in an experiment file, and jules-ml run',
            soft_wrap=True,
        )
