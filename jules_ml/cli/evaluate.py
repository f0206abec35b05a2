"""``jules-ml evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import Json, Quiet, print_outcome, progress_bars
from jules_ml.cli.soil_state import with_runs
from jules_ml.errors import BadInput
from jules_ml.support.files import writable_folder


@app.command(epilog="Example:  jules-ml evaluate modules/tower --data later.toml --out scores/tower")
def evaluate(
    module: Annotated[Path, typer.Argument(help="Module folder.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for scores, predictions and figures.", show_default=False)],
    data: Annotated[
        list[Path] | None,
        typer.Option(help="Experiment file whose \\[data] describes a record; once per site.", show_default=False),
    ] = None,
    others: Annotated[list[Path] | None, typer.Argument(hidden=True)] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Score a module on records that were not used to fit it."""
    from jules_ml.experiment import load_experiment

    experiments = [load_experiment(path) for path in data or []]
    from jules_ml.comparison.runs import is_run
    from jules_ml.learned.kind import kind_of_folder
    from jules_ml.learned.page import write_report

    folders = [module, *(others or [])]
    if any(is_run(folder) for folder in folders):
        raise BadInput(
            "the folder is a run, not a module",
            where=module,
            remedy=f"write 'jules-ml compare {' '.join(map(str, folders))} --out {out}{f' --data {data[0]}' if data else ''}'",
        )
    if others:
        raise BadInput(
            f"{len(folders)} module folders are given", remedy="give one module folder, and each record by --data FILE"
        )
    if not data:
        raise BadInput("no record is given", remedy="give --data FILE once per site")
    kind = kind_of_folder(module)
    writable_folder(out)
    with progress_bars(quiet or json) as report:
        experiments = with_runs(kind.name, experiments, out, module=module, progress=report)
    outcome = kind.evaluate(module, experiments, out)
    write_report(outcome, title=f"Learned {kind.name}: evaluation of {module.resolve().name}")
    print_outcome(outcome, quiet=quiet, json=json)
