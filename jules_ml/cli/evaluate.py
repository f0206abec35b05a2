"""``jules-ml evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import Quiet, escaped, out_console, say_files, say_folder, say_moisture_scores
from jules_ml.errors import BadInput
from jules_ml.support.files import ready_folder

if TYPE_CHECKING:
    from jules_ml.experiment import Experiment


@app.command(
    epilog="Examples:  jules-ml evaluate modules/tower --data later.toml --out scores/tower   and of runs   "
    "jules-ml evaluate runs/stock runs/swapped --data tower.toml --out compared"
)
def evaluate(
    folders: Annotated[
        list[Path], typer.Argument(help="Module folder, or folders of runs, the stock one first.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder for scores, predictions and figures.", show_default=False)],
    data: Annotated[
        list[Path] | None,
        typer.Option(
            help="Experiment file whose \\[data] says how a record is read; once a site. Runs do without.",
            show_default=False,
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Score a fitted module on records that it has never seen, or set runs side by side with what was measured."""
    from jules_ml.comparison.runs import is_run

    data = [] if data is None else data
    if any(is_run(folder) for folder in folders):
        _evaluate_runs(folders, data, out, quiet)
        return
    if len(folders) != 1 or not data:
        raise BadInput(
            f"{len(folders)} module folders and {len(data)} records were given",
            remedy="give one module folder, and --data once for each record",
        )
    module = folders[0]
    from jules_ml.experiment import load_experiment
    from jules_ml.learned.respiration.evaluate import evaluate_respiration
    from jules_ml.learned.store import module_kind

    experiments = [load_experiment(path) for path in data]
    if module_kind(module) == "hydraulics":
        _evaluate_hydraulics(module, experiments, out, quiet)
        return
    if module_kind(module) == "moisture":
        _evaluate_moisture(module, experiments, out, quiet)
        return
    if module_kind(module) == "carbon":
        _evaluate_carbon(module, experiments, out, quiet)
        return
    records = [each.record() for each in experiments]
    ready_folder(out)
    scores = evaluate_respiration(module, records, out)
    if not quiet:
        for site, found in {"all": scores["all"], **scores["sites"]}.items():
            numbers = ", ".join(f"{name} {value:.3g}" for name, value in found.items())
            out_console.print(f"[bold]{escaped(site)}[/] {numbers}", soft_wrap=True)
        say_folder(out)


def _evaluate_hydraulics(module: Path, experiments: list[Experiment], out: Path, quiet: bool) -> None:
    from jules_ml.learned.hydraulics.evaluate import evaluate_hydraulics

    ready_folder(out)
    scores = evaluate_hydraulics(module, experiments, out)
    if not quiet:
        for entry in scores["sensors"]:
            numbers = "; ".join(
                f"{soil} ubRMSE {entry[soil]['ubrmse']:.3f}, RMSE {entry[soil]['rmse']:.3f} m3 m-3"
                for soil in ("learned", "texture")
            )
            out_console.print(f"[bold]{escaped(entry['site'])}[/] {entry['depth']:g} m: {numbers}", soft_wrap=True)
        say_folder(out)


def _evaluate_moisture(module: Path, experiments: list[Experiment], out: Path, quiet: bool) -> None:
    from jules_ml.learned.moisture.evaluate import evaluate_moisture
    from jules_ml.learned.moisture.site import moisture_site

    sites = [moisture_site(each, to_learn=False) for each in experiments]
    ready_folder(out)
    scores = evaluate_moisture(module, sites, out)
    if not quiet:
        say_moisture_scores(scores)
        say_folder(out)


def _evaluate_carbon(module: Path, experiments: list[Experiment], out: Path, quiet: bool) -> None:
    from jules_ml.learned.carbon.evaluate import evaluate_carbon

    ready_folder(out)
    scores = evaluate_carbon(module, experiments, out)
    if quiet:
        return
    if scores["mark"]:
        out_console.print(f"[yellow]marked[/] {escaped(scores['mark'])}", soft_wrap=True)
    for site, found in scores["sites"].items():
        out_console.print(
            f"[bold]{escaped(site)}[/] predicted {found['predicted']:.3g} ({found['low']:.3g} to {found['high']:.3g}), "
            f"cored {found['observed']:.3g} g kg-1",
            soft_wrap=True,
        )
    say_folder(out)


def _evaluate_runs(folders: list[Path], data: list[Path], out: Path, quiet: bool) -> None:
    import torch

    from jules_ml.column.setup import column_soil
    from jules_ml.comparison.report import compare_runs
    from jules_ml.comparison.runs import read_run
    from jules_ml.experiment import load_experiment

    if len(data) > 1:
        raise BadInput(
            "runs of one site are compared, and several records were given", remedy="give --data once, or not at all"
        )
    loaded = load_experiment(data[0]) if data else None
    residual: tuple[float, ...] | float = 0.0
    if loaded is not None and loaded.soil is not None:
        soil = column_soil(loaded.soil, torch.float64, where=str(loaded.file))
        residual = tuple(soil.theta_r.flatten().tolist())
    runs = [read_run(folder, theta_r=residual) for folder in folders]
    ready_folder(out)
    done = compare_runs(runs, None if loaded is None else loaded.record(), out)
    if quiet:
        return
    for s in done.scores:
        a = s.agreement
        place = f"{s.quantity.name}{f' at {s.sensor}' if s.sensor else ''}"
        out_console.print(
            f"[bold]{escaped(s.run)}[/] {place}: n {a.n}, r {a.r:.2f}, KGE {a.kge:.2f}, RMSE {a.rmse:.3g}, "
            f"ubRMSE {s.ubrmse:.3g}, bias {a.bias:+.3g} {s.quantity.unit}",
            soft_wrap=True,
        )
    say_files(done.files)
