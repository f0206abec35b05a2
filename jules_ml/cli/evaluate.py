"""``jules-ml evaluate``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import Json, Quiet, in_place, print_outcome, print_verdict, progress_bars
from jules_ml.cli.soil_state import with_runs
from jules_ml.errors import BadInput
from jules_ml.support.output_folder import replaced_folder
from jules_ml.support.ready import module_folder

if TYPE_CHECKING:
    from jules_ml.experiment import Experiment


@app.command(
    epilog="Examples:  jules-ml evaluate modules/tower --data later.toml --out scores/tower   and, to compare runs with and without the "
    "module,   jules-ml evaluate modules/tower --in-model tower.toml --out verdict/tower",
    # run folders may be given by mistake: they are arguments that the usage does not show
    context_settings={"allow_extra_args": True},
)
def evaluate(
    context: typer.Context,
    module: Annotated[Path, typer.Argument(help="Module folder, or ready:NAME.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for scores, predictions and figures.", show_default=False)],
    data: Annotated[
        list[Path] | None,
        typer.Option(help="Experiment file whose \\[data] describes a record; once per site.", show_default=False),
    ] = None,
    in_model: Annotated[
        Path | None,
        typer.Option(
            help="Experiment file of a run: run it with JULES's own forms and with the module, and score both against the record.",
            show_default=False,
        ),
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Score a module on records that were not used to fit it, or in the model that it is swapped into."""
    from jules_ml.experiment import load_experiment

    module = module_folder(module)
    experiments = [load_experiment(path) for path in data or []]
    run = None if in_model is None else load_experiment(in_model)
    from jules_ml.comparison.runs import is_run
    from jules_ml.experiment.inputs import input_paths
    from jules_ml.learned.card import notes_without_checksums
    from jules_ml.learned.kind import kind_of_folder
    from jules_ml.learned.page import write_report
    from jules_ml.learned.store import EVALUATION

    folders = [module, *map(Path, context.args)]
    if any(is_run(folder) for folder in folders):
        raise BadInput(
            "the folder is a run, not a module",
            where=module,
            remedy=f"write 'jules-ml compare {' '.join(map(str, folders))} --out {out}{f' --data {data[0]}' if data else ''}'",
        )
    if context.args:
        raise BadInput(
            f"{len(folders)} module folders are given", remedy="give one module folder, and each record by --data FILE"
        )
    if run is not None:
        if data:
            raise BadInput("both --data and --in-model are given", remedy="give one of them")
        _judge(module, run, out, quiet=quiet, json=json)
        return
    if not data:
        raise BadInput("no record is given", remedy="give --data FILE once per site, or --in-model FILE")
    kind = kind_of_folder(module)
    with replaced_folder(out, EVALUATION) as staged:
        with progress_bars(quiet or json) as report:
            experiments, run_notes = with_runs(kind.name, experiments, out, module=module, progress=report)
        outcome = kind.evaluate(module, experiments, staged.path)
        outcome = replace(outcome, notes=(*run_notes, *outcome.notes, *notes_without_checksums([module])))
        title = f"Learned {kind.name}: evaluation of {module.resolve().name}"
        write_report(outcome, title=title, inputs=input_paths(experiments))
    print_outcome(in_place(outcome, staged), quiet=quiet, json=json)


def _judge(module: Path, experiment: Experiment, out: Path, *, quiet: bool, json: bool) -> None:
    """Compare the runs with and without the module."""
    from jules_ml.comparison.verdict import judge_in_model
    from jules_ml.comparison.verdict_page import verdict_page
    from jules_ml.experiment.inputs import input_paths
    from jules_ml.learned.store import EVALUATION

    with replaced_folder(out, EVALUATION) as staged:
        with progress_bars(quiet or json) as report:
            verdict = judge_in_model(module, experiment, staged.path, progress=report)
        title = f"{module.resolve().name} in the model: {verdict.document['site']}"
        files = (verdict_page(verdict, staged.path, title=title, inputs=input_paths([experiment])), *verdict.files)
    notes = tuple(map(staged.text, verdict.notes))
    print_verdict(replace(verdict, notes=notes, files=tuple(map(staged.final, files))), quiet=quiet, json=json)
