"""``jules-ml fit``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import Json, Quiet, in_place, print_next, print_outcome, progress_bars
from jules_ml.cli.soil_state import with_runs
from jules_ml.errors import BadInput
from jules_ml.support.output_folder import replaced_folder
from jules_ml.support.plugins import check_plugin
from jules_ml.support.progress import renamed
from jules_ml.support.ready import module_folder

if TYPE_CHECKING:
    from jules_ml.learned.adaptation import AdaptationDays
    from jules_ml.learned.kind import Outcome


@app.command(
    epilog="Examples:  jules-ml fit respiration tower.toml --out modules/tower   and, to adapt a module to a new site,   "
    "jules-ml fit moisture new.toml --adapt modules/theta --days 30 --out modules/new"
)
def fit(
    kind: Annotated[
        str,
        typer.Argument(
            help="Kind of module: respiration, moisture, hydraulics, carbon, or another that is installed.",
            show_default=False,
        ),
    ],
    experiments: Annotated[
        list[Path],
        typer.Argument(
            help="Experiment files (TOML), one per site; the settings of the first one apply to all.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Module folder to write.", show_default=False)],
    adapt: Annotated[
        Path | None,
        typer.Option(help="Adapt this module to the sites instead of fitting a new one.", show_default=False),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(min=1, help="With --adapt: use the first N days with observations.", show_default=False),
    ] = None,
    days_at: Annotated[
        str | None,
        typer.Option(
            help="With --adapt: use these days, e.g. 2019-03-01,2019-06-01 or a file with one date per line.",
            show_default=False,
        ),
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Fit a module to records, score it and its baselines on the test period, and write the module folder."""
    from jules_ml.experiment import load_experiment
    from jules_ml.experiment.other_kinds import KINDS

    if adapt is None and (days is not None or days_at is not None):
        raise BadInput("--days and --days-at need --adapt", remedy="give --adapt DIR too, or leave them out")
    # the kind and the experiments are checked before torch is imported, so that errors in them are reported quickly
    check_plugin(KINDS, kind)
    adapt = _folder_of_kind(adapt, kind)
    loaded = [load_experiment(path) for path in experiments]
    from jules_ml.experiment.inputs import input_paths
    from jules_ml.learned.kind import kind_of
    from jules_ml.learned.page import write_report
    from jules_ml.learned.store import MODULE

    chosen = kind_of(kind)
    with replaced_folder(out, MODULE) as staged:
        with progress_bars(quiet or json) as report:
            loaded, run_notes = with_runs(kind, loaded, out, module=adapt, progress=report)
            if adapt is None:
                outcome = chosen.fit(loaded, staged.path, progress=report)
            else:
                chosen_days = _adaptation_days(days, days_at)
                outcome = chosen.adapt(adapt, loaded, staged.path, days=chosen_days, progress=renamed(report, "adapt"))
        if adapt is not None and days is None and days_at is None:
            outcome = _without_scores(outcome)
        outcome = replace(outcome, notes=(*run_notes, *outcome.notes))
        title = f"Learned {kind}: {'fit' if adapt is None else 'adaptation'} of {staged.path.name}"
        write_report(outcome, title=title, inputs=input_paths(loaded))
    _print(in_place(outcome, staged), kind, None if loaded[0].run is None else experiments[0], quiet=quiet, json=json)


def _adaptation_days(days: int | None, days_at: str | None) -> AdaptationDays:
    from jules_ml.learned.adaptation import AdaptationDays, read_days

    return AdaptationDays(days, None if days_at is None else read_days(days_at))


def _print(outcome: Outcome, kind: str, file: Path | None, *, quiet: bool, json: bool) -> None:
    """Print the outcome, and the command that judges the module in a model, for the kinds that have one."""
    from jules_ml.learned.model_verdict import JUDGED, judging_command

    print_outcome(outcome, quiet=quiet, json=json)
    if kind in JUDGED and not (quiet or json):
        print_next(judging_command(outcome.folder, file), "compares runs with and without the module")


def _without_scores(outcome: Outcome) -> Outcome:
    """Outcome of an adaptation that leaves no day to score."""
    note = "all days with observations were used, and none is left to score: give --days or --days-at for scores"
    return replace(outcome, table=(), notes=(*outcome.notes, note))


def _folder_of_kind(path: Path | None, kind: str) -> Path | None:
    """Folder of the module to adapt; refuse one of another kind."""
    from jules_ml.learned.card import module_kind

    if path is None:
        return None
    folder = module_folder(path)
    other = module_kind(folder)
    if other != kind:
        raise BadInput(
            f"the folder contains a module of kind {other}, not {kind}",
            where=folder,
            remedy=f"write 'jules-ml fit {other}', or give a folder of kind {kind}",
        )
    return folder
