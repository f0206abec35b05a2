"""The command line: it reads what was typed, calls, and prints. Each command is one function of another module.

Exit codes: 0 done, 1 failed, 2 bad input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

import jules_ml
from jules_ml.errors import BadInput, RunFailed
from jules_ml.wholefile import ready_folder

if TYPE_CHECKING:
    from jules_ml.demo.compare import Comparison
    from jules_ml.simulation.run import ColumnRun
    from jules_ml.simulation.run import Progress as Report

_FAILED, _BAD_INPUT = 1, 2

_out = Console(highlight=False)
_err = Console(stderr=True, highlight=False)


class _Commands(typer.core.TyperGroup):
    """Commands whose errors are one message and an exit code, not a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was typed."""
        try:
            return super().invoke(ctx)
        except BadInput as error:
            _err.print(f"[bold red]Bad input:[/] {_plain(error.problem, error.where)}.", soft_wrap=True)
            _err.print(f"[bold]Remedy:[/] {_escaped(error.remedy)}.", soft_wrap=True)
            raise typer.Exit(_BAD_INPUT) from None
        except RunFailed as error:
            _err.print(f"[bold red]Failed:[/] {_escaped(str(error))}.", soft_wrap=True)
            raise typer.Exit(_FAILED) from None
        except KeyboardInterrupt:
            _err.print("Stopped; no file was left half-written.")
            raise typer.Exit(_FAILED) from None


app = typer.Typer(
    name="jules-ml",
    cls=_Commands,
    help="Learned soil modules for JULES, the Joint UK Land Environment Simulator.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class _Form(StrEnum):
    """What a module can be exported to."""

    curves = "curves"


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


def _version(wanted: bool) -> None:
    if wanted:
        _out.print(f"jules_ml {jules_ml.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Learned soil modules for JULES, the Joint UK Land Environment Simulator."""


@app.command(epilog="Example:  jules-ml run tower.toml --out runs/tower")
def run(
    experiment: Annotated[Path, typer.Argument(help="Experiment file (TOML).", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results; runs/NAME of the experiment unless given.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Run the model of an experiment: its record in, a CF netCDF file, a summary and a figure out."""
    from jules_ml.experiment import load_experiment
    from jules_ml.figures import save_figure
    from jules_ml.simulation.folder import run_figure, write_run
    from jules_ml.simulation.run import run_column

    loaded = load_experiment(experiment)
    folder = Path("runs") / experiment.stem if out is None else out
    ready_folder(folder)
    with _progress(quiet) as report:
        done = run_column(loaded, progress=report)
    files = write_run(done, folder)
    figure = run_figure(done)
    if figure is not None:
        files.append(save_figure(figure, folder / "figures" / "soil_moisture.png"))
    if not quiet:
        _say_how_it_went(done)
        _say_files(files)


@app.command(epilog="Example:  jules-ml demo --out demo_output")
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("demo_output"),
    data: Annotated[
        Path | None,
        typer.Option(
            help="The wheel of diive 0.90.0, or the Parquet file in it, where there is no network.", show_default=False
        ),
    ] = None,
    years: Annotated[int, typer.Option(min=1, max=10, help="How many years to run, the last of the record.")] = 10,
    quiet: Quiet = False,
) -> None:
    """Ten years at a real tower, Davos in the Swiss Alps: fetched, run, compared with what was measured, and drawn."""
    from jules_ml.demo import run_demo

    ready_folder(out)
    with _progress(quiet) as report:
        done = run_demo(out, data=data, years=years, say=_say(quiet), progress=report)
    if not quiet:
        _say_how_it_went(done.run)
        _say_scores(done.comparison)
        _say_files(done.files)


fit = typer.Typer(no_args_is_help=True, help="Learn a module from records.", rich_markup_mode="rich")
app.add_typer(fit, name="fit")


@fit.command("respiration", epilog="Example:  jules-ml fit respiration tower.toml --out modules/tower")
def fit_respiration(
    experiments: Annotated[
        list[Path],
        typer.Argument(
            help="Experiment files (TOML), one a site; the first one's \\[respiration] holds for all.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Module folder to write.", show_default=False)],
    quiet: Quiet = False,
) -> None:
    """Learn how respiration depends on soil moisture and temperature, score it on what was held out, and draw both curves."""
    from jules_ml.experiment import load_experiment
    from jules_ml.modules.respiration_settings import RespirationSettings
    from jules_ml.respiration_fit import fit_respiration

    loaded = [load_experiment(path) for path in experiments]
    settings = loaded[0].respiration or RespirationSettings()
    ready_folder(out)
    with _share(quiet, "fit") as report:
        done = fit_respiration([each.record() for each in loaded], settings, out, progress=report)
    if not quiet:
        for line in done.warnings:
            _out.print(f"[yellow]note[/] {_escaped(line)}", soft_wrap=True)
        _say_files(sorted(path for path in out.rglob("*") if path.is_file()))


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
    from jules_ml.respiration_fit import evaluate_respiration

    records = [load_experiment(path).record() for path in data]
    ready_folder(out)
    scores = evaluate_respiration(module, records, out)
    if not quiet:
        for site, found in {"all": scores["all"], **scores["sites"]}.items():
            numbers = ", ".join(f"{name} {value:.3g}" for name, value in found.items())
            _out.print(f"[bold]{_escaped(site)}[/] {numbers}", soft_wrap=True)
        _say_files(sorted(path for path in out.rglob("*") if path.is_file()))


@app.command(epilog="Example:  jules-ml export modules/tower --to curves --out curves/tower")
def export(
    module: Annotated[Path, typer.Argument(help="Module folder.", show_default=False)],
    to: Annotated[
        _Form, typer.Option(help="What it becomes: curves are namelist tables of f and g.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder for the files.", show_default=False)],
    quiet: Quiet = False,
) -> None:
    """Give a fitted module a form that JULES reads."""
    from jules_ml.coupling.learned_curves import export_curves

    ready_folder(out)
    files = {_Form.curves: export_curves}[to](module, out)
    if not quiet:
        _say_files(files)


@app.command(epilog="Example:  jules-ml hooks --jules-build ~/jules_build   then   jules-ml hooks --check jules_ml.exe")
def hooks(
    jules_build: Annotated[
        Path | None,
        typer.Option(
            help="Folder where JULES was built: build the hooks against it, print the link flags.", show_default=False
        ),
    ] = None,
    check: Annotated[
        Path | None, typer.Option(help="A JULES executable: say whether the hooks are in it.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to build in.")] = Path("jules_ml_hooks"),
    compiler: Annotated[
        str | None, typer.Option(help="Fortran compiler, that of JULES in the same version.", show_default=False)
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Build the hooks that put learned modules into a running JULES, or look for them in an executable."""
    from jules_ml.coupling.hooks import Hook, build_hooks, check_executable

    if (jules_build is None) == (check is None):
        raise BadInput("neither or both of --jules-build and --check were given", remedy="give one of them")
    if check is not None:
        found = check_executable(check)
        if not quiet:
            for procedure, state in found.hooks.items():
                _out.print(f"{procedure:<24} {state.value}")
        if any(state is not Hook.IN for state in found.hooks.values()):
            raise RunFailed(
                "not all hooks are in this executable: link it with the flags of 'jules-ml hooks --jules-build', and without "
                "-flto or -ipo, which drop them"
            )
        return
    assert jules_build is not None
    ready_folder(out)
    built = build_hooks(jules_build, out=out, compiler=compiler)
    # the flags alone on standard output, for $(...); the rest beside it
    _out.print(_escaped(built.flags), soft_wrap=True)
    if not quiet:
        _err.print(
            f"[green]wrote[/] {_escaped(str(built.object_file))} and {_escaped(str(built.flags_file))}", soft_wrap=True
        )


def _say(quiet: bool) -> Callable[[str], None]:
    def line(text: str) -> None:
        if not quiet:
            _out.print(_escaped(text))

    return line


def _say_files(files: Iterable[Path]) -> None:
    for file in files:
        _out.print(f"[green]wrote[/] {_escaped(str(file))}", soft_wrap=True)


def _say_scores(comparison: Comparison) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    for name in ("n", "r", "KGE", "NSE", "RMSE", "bias"):
        table.add_column(name, justify="right", no_wrap=True)
    quantity = ""
    for score in comparison.scores:
        a = score.agreement
        numbers = (str(a.n), f"{a.r:.2f}", f"{a.kge:.2f}", f"{a.nse:.2f}", f"{a.rmse:.3g}", f"{a.bias:+.3g}")
        if score.quantity != quantity:
            quantity = score.quantity
            table.add_row(f"[bold]{quantity}[/] \\[{score.unit}]")
        table.add_row(f"  {score.rows}", *numbers)
    _out.print(table)


@contextmanager
def _share(quiet: bool, stage: str) -> Iterator[Callable[[float], None]]:
    """A bar for work that tells how much of it is done, 0 to 1."""
    with Progress(*Progress.get_default_columns(), console=_err, disable=quiet) as bars:
        task = bars.add_task(stage, total=1.0)
        yield lambda share: bars.update(task, completed=share)


@contextmanager
def _progress(quiet: bool) -> Iterator[Report]:
    """A bar for each stage of long work."""
    columns = (
        TextColumn("{task.description:<8}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_err, disable=quiet, transient=False) as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield report


def _say_how_it_went(done: ColumnRun) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    budgets = done.budgets
    table.add_row("spin-up", str(done.spin_up))
    table.add_row(
        "water",
        f"gained {budgets.water_stored:.4g} kg m-2; residual of the budget {budgets.water_sum:.1e} kg m-2 in all, "
        f"{budgets.water_max:.1e} a step at most",
    )
    table.add_row(
        "heat", f"residual {budgets.heat_mean:.1e} W m-2 on average, {budgets.heat_max:.1e} in one period at most"
    )
    for number, substitution in enumerate(done.weather.substitutions):
        table.add_row("" if number else "not measured", _escaped(str(substitution)))
    for number, note in enumerate(done.notes):
        table.add_row("" if number else "note", _escaped(note))
    table.add_row("time", f"{done.wall_seconds:.0f} s{', compiled' if done.compiled else ''}")
    _out.print(table)


def _plain(problem: str, where: str | None) -> str:
    return _escaped(problem if where is None else f"{where}: {problem}")


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")


def main() -> None:
    """Entry point of ``jules-ml``."""
    app()
