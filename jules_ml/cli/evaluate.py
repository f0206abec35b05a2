"""``jules-ml evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import Quiet, escaped, out_console, say_files
from jules_ml.wholefile import ready_folder

if TYPE_CHECKING:
    from jules_ml.experiment import Experiment


@app.command(epilog="Example:  jules-ml evaluate modules/tower --data later.toml --out scores/tower")
def evaluate(
    module: Annotated[Path, typer.Argument(help="Module folder.", show_default=False)],
    data: Annotated[
        list[Path],
        typer.Option(help="Experiment file whose \\[data] says how a record is read; once a site.", show_default=False),
    ],
    out: Annotated[Path, typer.Option(help="Folder for scores, predictions and the figure.", show_default=False)],
    quiet: Quiet = False,
) -> None:
    """Score a fitted module on records that it has never seen."""
    from jules_ml.experiment import load_experiment
    from jules_ml.modules.store import module_kind
    from jules_ml.respiration_fit import evaluate_respiration

    experiments = [load_experiment(path) for path in data]
    if module_kind(module) == "hydraulics":
        _evaluate_hydraulics(module, experiments, out, quiet)
        return
    records = [each.record() for each in experiments]
    ready_folder(out)
    scores = evaluate_respiration(module, records, out)
    if not quiet:
        for site, found in {"all": scores["all"], **scores["sites"]}.items():
            numbers = ", ".join(f"{name} {value:.3g}" for name, value in found.items())
            out_console.print(f"[bold]{escaped(site)}[/] {numbers}", soft_wrap=True)
        say_files(sorted(path for path in out.rglob("*") if path.is_file()))


def _evaluate_hydraulics(module: Path, experiments: list[Experiment], out: Path, quiet: bool) -> None:
    from jules_ml.hydraulics_fit import evaluate_hydraulics

    ready_folder(out)
    scores = evaluate_hydraulics(module, experiments, out)
    if not quiet:
        for entry in scores["sensors"]:
            numbers = "; ".join(
                f"{soil} ubRMSE {entry[soil]['ubrmse']:.3f}, RMSE {entry[soil]['rmse']:.3f} m3 m-3"
                for soil in ("learned", "texture")
            )
            out_console.print(f"[bold]{escaped(entry['site'])}[/] {entry['depth']:g} m: {numbers}", soft_wrap=True)
        say_files(sorted(path for path in out.rglob("*") if path.is_file()))
