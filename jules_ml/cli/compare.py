"""``jules-ml compare``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import Json, Quiet, escaped, out_console, print_files, print_json, print_notes, print_scores
from jules_ml.errors import BadInput
from jules_ml.support.output_folder import replaced_folder

if TYPE_CHECKING:
    from jules_ml.comparison.scores import QuantityScore
    from jules_ml.learned.kind import ScoreRow

#: Scores of a run against another run that the terminal shows.
_BETWEEN_RUNS: Final = ("n", "kge", "rmse", "bias")


@app.command(epilog="Example:  jules-ml compare runs/stock runs/swapped --data tower.toml --out compared")
def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Run folders of 'jules-ml run', or of JULES with its output; the reference run first.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for scores, budgets and figures.", show_default=False)],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Experiment file whose \\[data] describes the observations; without it the runs are compared with the first one.",
            show_default=False,
        ),
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Compare runs of the column or of JULES with each other and with observations."""
    from jules_ml.experiment import load_experiment

    experiment = None if data is None else load_experiment(data)
    from jules_ml.comparison.report import COMPARISON, compare_runs
    from jules_ml.comparison.runs import read_run, residual_water
    from jules_ml.data.record import record_notes
    from jules_ml.experiment.inputs import input_paths

    _check_runs(runs)
    theta_r = residual_water(experiment)
    loaded = [read_run(folder, theta_r=theta_r) for folder in runs]
    with replaced_folder(out, COMPARISON) as staged:
        record = None if experiment is None else experiment.record()
        comparison = compare_runs(
            loaded,
            record,
            staged.path,
            respiration=None if experiment is None else experiment.respiration,
            inputs=[] if experiment is None else input_paths([experiment]),
        )
    if comparison.scores:
        rows = [_row(s, s.run, vars(s.scores)) for s in comparison.scores]
    else:
        rows = [
            _row(s, f"{s.run} against {loaded[0].name}", {name: vars(s.scores)[name] for name in _BETWEEN_RUNS})
            for s in comparison.between_runs
        ]
    if json:
        print_json([vars(row) for row in rows])
    elif not quiet:
        print_scores(rows)
        print_notes(() if record is None else record_notes(record))
        if comparison.evaluation is not None:
            print_notes(comparison.evaluation.notes)
            for rank in comparison.evaluation.ranks:
                out_console.print(f"[bold]forcing[/] {escaped(rank.sentence)}", soft_wrap=True)
        print_files(map(staged.final, comparison.files))
        out_console.print(f"[bold]{escaped(comparison.sentence)}[/]", soft_wrap=True)


def _check_runs(folders: list[Path]) -> None:
    """Refuse folders that are no runs."""
    from jules_ml.comparison.jules_folder import is_jules_folder
    from jules_ml.comparison.runs import is_run

    for folder in folders:
        if not is_run(folder) and not is_jules_folder(folder):
            raise BadInput(
                "the folder is not a run",
                where=folder,
                remedy="give folders of 'jules-ml run' or run folders of JULES; modules are scored with 'jules-ml evaluate'",
            )


def _row(scored: QuantityScore, source: str, scores: Mapping[str, float]) -> ScoreRow:
    """Row of the printed table."""
    from jules_ml.learned.kind import ScoreRow

    place = f", {scored.sensor}" if scored.sensor else ""
    return ScoreRow(f"{scored.quantity.name}{place}", source, scores, scored.quantity.unit)
