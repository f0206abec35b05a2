"""Output of the commands: consoles, tables of scores, lists of files and progress bars."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from jules_ml.column.run import ColumnRun
    from jules_ml.comparison.verdict import ModelVerdict
    from jules_ml.learned.kind import Outcome, ScoreRow
    from jules_ml.support.output_folder import Staged

out_console = Console(highlight=False)
err_console = Console(stderr=True, highlight=False)

#: Width of the column with the names of the module and the baselines.
_SOURCE_WIDTH = 24
#: Columns that a narrow terminal does without, the least important first.
_OPTIONAL = ("interval_width", "r", "kge", "ubrmse", "interval_score", "coverage")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, and nothing else, on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")]


class Shown(NamedTuple):
    """What a command prints: everything, only errors, or one JSON document."""

    quiet: bool
    json: bool

    @property
    def silent(self) -> bool:
        """Whether neither bars nor text are shown."""
        return self.quiet or self.json


def line_printer(quiet: bool) -> Callable[[str], None]:
    """Return a function that prints a line; it prints nothing if ``quiet``."""

    def print_line(text: str) -> None:
        if not quiet:
            out_console.print(escaped(text))

    return print_line


def print_files(files: Iterable[Path]) -> None:
    """Print the paths of files that a command has written."""
    for file in files:
        out_console.print(f"[green]wrote[/] {escaped(str(file))}", soft_wrap=True)


def print_outcome(outcome: Outcome, *, quiet: bool, json: bool) -> None:
    """Print the outcome of a fit, an adaptation or an evaluation: notes, scores of module and baselines, files, verdict."""
    if json:
        print_json(outcome.scores)
    elif not quiet:
        print_notes(outcome.notes)
        print_scores(outcome.table)
        print_folder(outcome.folder)
        if outcome.verdict:
            out_console.print(f"[bold]{escaped(outcome.verdict)}[/]", soft_wrap=True)


def in_place(outcome: Outcome, staged: Staged) -> Outcome:
    """Return an outcome with the paths that its files have in the output folder."""
    return replace(outcome, folder=staged.out, notes=tuple(map(staged.text, outcome.notes)))


def print_next(command: str, purpose: str) -> None:
    """Print the command that follows on this one."""
    out_console.print(f"[bold]next[/] '{escaped(command)}' {escaped(purpose)}", soft_wrap=True)


def print_verdict(verdict: ModelVerdict, *, quiet: bool, json: bool) -> None:
    """Print a verdict in the model: notes, scores of both runs, files, and the sentence."""
    from jules_ml.comparison.verdict_page import verdict_rows

    if json:
        print_json(verdict.document)
    elif not quiet:
        print_notes(verdict.notes)
        print_scores(verdict_rows(verdict))
        print_files(verdict.files)
        out_console.print(f"[bold]verdict[/] {escaped(verdict.sentence)}", soft_wrap=True)


def print_notes(notes: Iterable[str]) -> None:
    """Print notes on the results of a command."""
    for note in notes:
        out_console.print(f"[yellow]note[/] {escaped(note)}", soft_wrap=True)


def print_warnings(warnings: Iterable[str]) -> None:
    """Print warnings before the work of a command."""
    for warning in warnings:
        out_console.print(f"[yellow]warning[/] {escaped(warning)}", soft_wrap=True)


def print_scores(rows: Iterable[ScoreRow]) -> None:
    """Print a table of scores, grouped by site."""
    from jules_ml.learned.score_table import by_site, cells_of, headers_of

    rows = list(rows)
    headers = headers_of(rows)
    cells = {id(row): cells_of(row, headers) for row in rows}
    # long headers are wrapped, numbers are not
    widths = [
        max(map(len, [*header.split(), *(of_row[k] for of_row in cells.values())]))
        for k, header in enumerate(headers.values())
    ]
    shown = _fitting(dict(zip(headers, widths, strict=True)), out_console.width - _SOURCE_WIDTH)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", min_width=_SOURCE_WIDTH, overflow="fold")
    for (name, header), width in zip(headers.items(), widths, strict=True):
        if name in shown:
            table.add_column(escaped(header), justify="right", width=width)
    for site, of_site in by_site(rows):
        table.add_row(f"[bold]{escaped(site)}[/] \\[{escaped(of_site[0].units)}]")
        for row in of_site:
            texts = (text for name, text in zip(headers, cells[id(row)], strict=True) if name in shown)
            table.add_row(f"  {escaped(row.source)}", *map(escaped, texts))
    if table.row_count:
        out_console.print(table)


def _fitting(widths: dict[str, int], available: int) -> list[str]:
    """Columns of a table that fit on a terminal; the others are in the report and in ``scores.json``."""
    shown = list(widths)
    for name in _OPTIONAL:
        if sum(widths[each] + 2 for each in shown) <= available:
            break
        if name in shown:
            shown.remove(name)
    return shown


def print_json(content: Any) -> None:
    """Print scores as JSON on standard output."""
    from jules_ml.learned.store import json_text

    typer.echo(json_text(content), nl=False)


def print_result(result: Mapping[str, Any], files: Iterable[Path] = ()) -> None:
    """Print what a command did as one JSON document: the entries of ``result``, and the paths of ``files``."""
    print_json({**result, "files": [str(file) for file in files]})


def print_folder(folder: Path) -> None:
    """Print the paths of all files in a folder."""
    print_files(sorted(path for path in folder.rglob("*") if path.is_file()))


class ProgressBars:
    """Bars on the terminal, one per stage of long work; a receiver of :class:`~jules_ml.support.progress.Progress`."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._total: dict[str, int] = {}

    def __call__(self, stage: str, done: int, total: int, /) -> None:
        """Show that so many steps of a stage are done."""
        if stage not in self._total:
            # stages follow each other, and an earlier one may have ended early
            self.complete()
        self._total[stage] = total
        self._bars.update(self._task(stage), completed=done, total=total)

    def note(self, stage: str, text: str) -> None:
        """Show a text after the bar of a stage."""
        self._bars.update(self._task(stage), note=text)

    def complete(self) -> None:
        """Show that all stages so far have ended."""
        for stage, task in self._tasks.items():
            total = max(self._total.get(stage, 1), 1)
            self._bars.update(task, completed=total, total=total)

    def _task(self, stage: str) -> TaskID:
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=None, note="")
        return self._tasks[stage]


@contextmanager
def progress_bars(quiet: bool) -> Iterator[ProgressBars]:
    """Give bars for the stages of long work; they stay hidden where ``quiet`` is true."""
    columns = (
        TextColumn("{task.description:<8}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err_console, disable=quiet) as bars:
        shown = ProgressBars(bars)
        yield shown
        shown.complete()


def print_run_summary(run: ColumnRun) -> None:
    """Print spin-up, budgets, gap-filling, notes and time of a run of the column."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    budgets = run.budgets
    table.add_row("spin-up", escaped(str(run.spin_up)))
    table.add_row(
        "water",
        f"change in storage {budgets.water_stored:.4g} kg m-2; residual of the budget {budgets.water_sum:.1e} kg m-2 in total, "
        f"at most {budgets.water_max:.1e} kg m-2 per step",
    )
    table.add_row(
        "heat",
        f"residual of the budget {budgets.heat_mean:.1e} W m-2 on average, at most {budgets.heat_max:.1e} W m-2 in a period",
    )
    for number, substitution in enumerate(run.weather.substitutions):
        table.add_row("" if number else "gap-filling", escaped(str(substitution)))
    for number, note in enumerate(run.notes):
        table.add_row("" if number else "note", escaped(note))
    table.add_row("time", f"{run.wall_seconds:.0f} s{', compiled' if run.compiled else ''}")
    out_console.print(table)


def located(problem: str, where: str | None) -> str:
    """Return a problem with its place, escaped for the console."""
    return escaped(problem if where is None else f"{where}: {problem}")


def escaped(text: str) -> str:
    """Return a text whose brackets the console prints literally."""
    # a backslash before a bracket would escape the escape
    return re.sub(r"(\\*)\[", r"\1\1\\[", text)
