"""``jules-ml run``."""

from __future__ import annotations

import json as json_module
import shlex
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import (
    Json,
    Quiet,
    Shown,
    escaped,
    out_console,
    print_files,
    print_next,
    print_notes,
    print_result,
    print_run_summary,
    print_scores,
    print_warnings,
    progress_bars,
)
from jules_ml.cli.run_grid import run_experiment_on_grid, run_folder_on_grid
from jules_ml.errors import BadInput
from jules_ml.support.output_folder import replaced_folder

if TYPE_CHECKING:
    from jules_ml.column.closed_loop.run import ClosedLoopRun
    from jules_ml.column.run import ColumnRun
    from jules_ml.comparison.run_report import RunReport
    from jules_ml.experiment import Experiment
    from jules_ml.jules.run import JulesRun


class Precision(StrEnum):
    """Floating-point precision of a run."""

    float32 = "float32"
    float64 = "float64"


@app.command(
    epilog="Examples:  jules-ml run tower.toml --out runs/tower   |   jules-ml run swap.toml --prepare   |   "
    "jules-ml run --collect loobos_swap   |   jules-ml run --from-jules loobos --out runs/loobos"
)
def run(
    experiment: Annotated[Path | None, typer.Argument(help="Experiment file (TOML).", show_default=False)] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the results; by default runs/NAME of the experiment, or for JULES next to its run folder."
        ),
    ] = None,
    prepare: Annotated[
        bool,
        typer.Option(
            "--prepare",
            help="Only write the run folder of JULES, with a script submit.sh for a batch queue; needs no executable.",
        ),
    ] = False,
    collect: Annotated[
        Path | None,
        typer.Option(help="Collect a prepared run after its job: check log and output, write the summary."),
    ] = None,
    from_jules: Annotated[
        Path | None,
        typer.Option(
            "--from-jules",
            help="Run the column with the namelists (or Rose app) and inputs of this run folder of JULES.",
            metavar="FOLDER",
        ),
    ] = None,
    precision: Annotated[
        Precision | None,
        typer.Option(
            help="Floating-point precision with --from-jules; by default float64 at a point and float32, that of JULES, on a grid.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an unfinished run on a grid, with any number of ranks.")
    ] = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Run the model of an experiment: the soil column with a site's record or on a grid, or JULES with modules swapped in."""
    shown = Shown(quiet, json)
    if from_jules is not None:
        _refuse_beside("--from-jules", from_jules, " --out FOLDER", experiment, prepare, collect)
        folder = Path("runs") / from_jules.resolve().name if out is None else out
        return _run_from_jules(from_jules, folder, precision, resume=resume, shown=shown)
    if precision is not None:
        raise BadInput(
            "--precision is for --from-jules", where="jules-ml run", remedy="set precision in [run] of the experiment"
        )
    if collect is not None:
        _refuse_beside("--collect", collect, "", experiment, prepare, resume, out)
        return _collect_jules(collect, shown)
    if experiment is None:
        raise BadInput("no experiment is given", where="jules-ml run", remedy="'jules-ml run EXPERIMENT.toml'")
    _run_experiment(experiment, out, prepare=prepare, resume=resume, shown=shown)


def _run_experiment(experiment: Path, out: Path | None, *, prepare: bool, resume: bool, shown: Shown) -> None:
    # the experiment is read before torch is imported, so that errors in it are reported quickly
    from jules_ml.experiment import load_experiment
    from jules_ml.support.ranks import launched_size

    folder = Path("runs") / experiment.stem if out is None else out
    if launched_size() > 1:
        run_experiment_on_grid(experiment, folder, resume=resume, shown=shown)
        return
    loaded = load_experiment(experiment)
    if resume and loaded.grid is None:
        raise BadInput("only runs on a grid are continued", where=experiment, remedy="leave out --resume")
    if not shown.silent:
        _print_warnings_of_modules(loaded)
    if loaded.run is not None and loaded.run.model == "jules":
        (_prepare_jules if prepare else _run_jules)(loaded, out, shown)
        return
    if prepare:
        raise BadInput(
            "only runs of JULES are prepared for a queue",
            where=f"{experiment}, run.model",
            remedy="leave out --prepare: a job may call 'jules-ml run' itself; or set model = 'jules'",
        )
    if loaded.grid is not None:
        run_experiment_on_grid(experiment, folder, resume=resume, shown=shown)
        return
    if loaded.closed_loop is not None:
        _run_closed_loop(loaded, folder, shown)
        return
    _run_column(loaded, folder, shown)


def _refuse_beside(option: str, folder: Path, end: str, *others: Path | bool | None) -> None:
    """Refuse other arguments beside an option that names a folder."""
    if any(others):
        raise BadInput(
            f"{option} takes only the folder of a {'run of JULES' if end else 'prepared run'}{' and --out' if end else ''}",
            where="jules-ml run",
            remedy=f"'jules-ml run {option} {folder}{end}'",
        )


def _print_warnings_of_modules(experiment: Experiment) -> None:
    from jules_ml.learned.card import notes_without_checksums
    from jules_ml.learned.model_verdict import verdict_warnings
    from jules_ml.learned.ready import ready_notes

    moisture = None if experiment.closed_loop is None else experiment.closed_loop.moisture
    modules = [experiment.modules.respiration, experiment.modules.hydraulics, moisture]
    print_warnings([*verdict_warnings(modules, experiment), *notes_without_checksums(modules)])
    print_notes(note for module in modules for note in ready_notes(module))


def _run_column(experiment: Experiment, folder: Path, shown: Shown) -> None:
    from jules_ml.column.folder import RUN, run_figure, write_run
    from jules_ml.column.run import run_column
    from jules_ml.support.figures import save_figure

    with replaced_folder(folder, RUN) as staged:
        with progress_bars(shown.silent) as report:
            finished = run_column(experiment, progress=report)
        files = write_run(finished, staged.path)
        figure = run_figure(finished)
        if figure is not None:
            files.append(save_figure(figure, staged.path / "figures" / "soil_moisture.png"))
        report = _column_report(finished, staged.path)
    _print_column(finished, report, [*map(staged.final, [report.path, *files])], folder, shown)


def _column_report(finished: ColumnRun, folder: Path, inputs: Iterable[Path] | None = None) -> RunReport:
    from jules_ml.comparison.run_report import report_run
    from jules_ml.experiment.inputs import input_paths

    return report_run(
        folder,
        record=finished.record,
        notes=finished.notes,
        substitutions=[str(each) for each in finished.weather.substitutions],
        inputs=input_paths([finished.experiment]) if inputs is None else list(inputs),
    )


def _print_column(finished: ColumnRun, report: RunReport, files: list[Path], folder: Path, shown: Shown) -> None:
    """Print what came of a run of the column: its scores last, if there are observations."""
    if shown.json:
        _print_summary(folder, files, report)
    if shown.silent:
        return
    print_run_summary(finished)
    print_files(files)
    _print_scores(report)


def _print_scores(report: RunReport) -> None:
    print_scores(report.table)
    if report.sentence:
        out_console.print(f"[bold]{escaped(report.sentence)}[/]", soft_wrap=True)


def _run_from_jules(source: Path, folder: Path, precision: Precision | None, *, resume: bool, shown: Shown) -> None:
    from jules_ml.jules.column_run.folder_of_namelists import refuse_folder_of_namelists
    from jules_ml.jules.column_run.one_point import has_grid
    from jules_ml.support.ranks import launched_size

    refuse_folder_of_namelists(source)
    if launched_size() > 1 or has_grid(source):
        return run_folder_on_grid(source, folder, precision or Precision.float32, resume=resume, shown=shown)
    if resume:
        raise BadInput("only runs on a grid are continued", where=source, remedy="leave out --resume")
    return _run_point_from_jules(source, folder, precision or Precision.float64, shown)


def _run_point_from_jules(source: Path, folder: Path, precision: Precision, shown: Shown) -> None:
    import torch

    from jules_ml.column.folder import RUN, run_figure
    from jules_ml.jules.column_run.run import run_folder_as_column, write_folder_run
    from jules_ml.support.figures import save_figure

    with replaced_folder(folder, RUN) as staged:
        with progress_bars(shown.silent) as report:
            finished, run_folder = run_folder_as_column(source, precision=getattr(torch, precision), progress=report)
        files = write_folder_run(finished, run_folder, staged.path)
        figure = run_figure(finished)
        if figure is not None:
            files.append(save_figure(figure, staged.path / "figures" / "soil_moisture.png"))
        report = _column_report(finished, staged.path, ())
    shown_files = [staged.final(file) for file in (report.path, *files) if file.suffix != ".nml"]
    _print_column(finished, report, shown_files, folder, shown)


def _run_closed_loop(experiment: Experiment, folder: Path, shown: Shown) -> None:
    from jules_ml.column.closed_loop.figures import loop_figure
    from jules_ml.column.closed_loop.run import run_closed_loop, write_closed_loop
    from jules_ml.column.folder import RUN
    from jules_ml.support.figures import save_figure

    with replaced_folder(folder, RUN) as staged:
        with progress_bars(shown.silent) as report:
            finished = run_closed_loop(experiment, progress=report)
        files = write_closed_loop(finished, staged.path)
        figure = loop_figure(finished.loop, years=finished.years, thickness=float(finished.output["dzsoil"][0]))
        files.append(save_figure(figure, staged.path / "figures" / "closed_loop.png"))
        files.insert(0, _closed_loop_report(finished, staged.path))
    if shown.json:
        _print_summary(folder, map(staged.final, files))
    if shown.silent:
        return
    for note in finished.notes:
        out_console.print(f"[bold]closed loop[/] {escaped(note)}", soft_wrap=True)
    for warning in finished.warnings:
        out_console.print(f"[yellow]closed-loop warning[/] {escaped(warning)}", soft_wrap=True)
    out_console.print(
        f"[bold]budgets[/] relative residual of carbon {finished.loop.carbon.relative:.1e}, of water {finished.loop.water.relative:.1e}",
        soft_wrap=True,
    )
    print_files(map(staged.final, files))


def _closed_loop_report(finished: ClosedLoopRun, folder: Path) -> Path:
    from jules_ml.experiment.inputs import input_paths
    from jules_ml.learned.kind import Outcome
    from jules_ml.learned.page import write_report

    loop = finished.loop
    sentence = (
        f"Soil carbon changes from {float(loop.cs[0, 0]):.2f} to {float(loop.cs[-1, 0]):.2f} kg m-2 in {finished.years:.0f} years; "
        f"the carbon budget closes to {loop.carbon.relative:.0e} of the fluxes, the water budget to {loop.water.relative:.0e}."
    )
    return write_report(
        Outcome(folder, {"verdict": {"sentence": sentence}}, (), (*finished.notes, *finished.warnings)),
        title=f"Closed loop {folder.name}",
        contents="Series are in closed_loop.nc, budgets in run_summary.json of the folder {folder}.",
        inputs=input_paths([finished.experiment]),
    )


def _run_jules(experiment: Experiment, out: Path | None, shown: Shown) -> None:
    from jules_ml.jules.run import default_folder, run_jules

    folder = default_folder(experiment) if out is None else out
    with progress_bars(shown.silent) as report:
        finished = run_jules(experiment, folder, progress=report)
    _print_jules_run(finished, shown, experiment)


def _prepare_jules(experiment: Experiment, out: Path | None, shown: Shown) -> None:
    from jules_ml.jules.run import default_folder, prepare_run

    prepared = prepare_run(experiment, default_folder(experiment) if out is None else out)
    if shown.json:
        result = {"folder": str(prepared.folder), "script": str(prepared.script), "notes": list(prepared.notes)}
        print_result(result, prepared.files)
    if shown.silent:
        return
    _print_swapped(prepared.notes)
    print_files(prepared.files)
    print_next(f"sh {shlex.quote(str(prepared.script))}", "in a job")
    print_next(f"jules-ml run --collect {shlex.quote(str(prepared.folder))}", "after the job")


def _collect_jules(folder: Path, shown: Shown) -> None:
    from jules_ml.jules.run import collect_run

    _print_jules_run(collect_run(folder), shown)


def _print_summary(folder: Path, files: Iterable[Path], report: RunReport | None = None) -> None:
    """Print the summary of a run, with its scores, as JSON."""
    from jules_ml.jules.run_folder import SUMMARY

    summary = json_module.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    if report is not None:
        summary["scores"] = [vars(row) for row in report.table]
    print_result(summary, files)


def _print_jules_run(finished: JulesRun, shown: Shown, experiment: Experiment | None = None) -> None:
    from jules_ml.comparison.run_report import report_run
    from jules_ml.comparison.runs import residual_water
    from jules_ml.experiment.inputs import input_paths

    report = report_run(
        finished.folder,
        record=None if experiment is None or experiment.data is None else experiment.record(),
        notes=[*finished.notes, *finished.warnings],
        inputs=[] if experiment is None else input_paths([experiment]),
        theta_r=residual_water(experiment),
    )
    files = (report.path, *finished.files)
    if shown.json:
        _print_summary(finished.folder, files, report)
    if shown.silent:
        return
    _print_swapped(finished.notes)
    for warning in finished.warnings:
        out_console.print(f"[yellow]JULES warning[/] {escaped(warning)}", soft_wrap=True)
    print_files(files)
    _print_scores(report)


def _print_swapped(notes: Iterable[str]) -> None:
    for note in notes:
        label, colon, text = note.partition(": ")
        if colon and label in ("warning", "note"):
            out_console.print(f"[yellow]{label}[/] {escaped(text)}", soft_wrap=True)
        else:
            out_console.print(f"[bold]swapped in[/] {escaped(note)}", soft_wrap=True)
