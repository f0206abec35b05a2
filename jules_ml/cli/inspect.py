"""``jules-ml inspect``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from jules_ml.cli.application import app
from jules_ml.cli.printing import Quiet, escaped, out_console, print_files, print_notes
from jules_ml.errors import BadInput
from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.support.files import atomic_write

if TYPE_CHECKING:
    from jules_ml.data.inspection import Inspection
    from jules_ml.data.inspection.series import Summary

_BAD_INPUT = 2
#: Widths of the terminal below which columns of the table of variables are left out.
_WIDE, _MEDIUM = 118, 96
#: Days of the steps that are called months.
_MONTH = (28.0, 31.0)
#: Columns that a narrow terminal does without, the least important first.
_OPTIONAL = ("longest gap [d]", "median")


@app.command(
    epilog="Example:  jules-ml inspect AMF_US-Xyz_BASE_HH_1-5.csv --utc-offset -6 --out tower.toml --figure tower.png"
)
def inspect(
    files: Annotated[
        list[Path],
        typer.Argument(help="Files; those of one site and one format are one record.", show_default=False),
    ],
    out: Annotated[Path | None, typer.Option(help="TOML file for the drafted \\[data].", show_default=False)] = None,
    figure: Annotated[
        Path | None, typer.Option(help="PNG file for an overview of the variables over time.", show_default=False)
    ] = None,
    site: Annotated[
        str | None,
        typer.Option(help="Site code, or station or data set in the file; default: from the file.", show_default=False),
    ] = None,
    utc_offset: Annotated[
        float | None,
        typer.Option(
            min=-12.0, max=14.0, help="Local standard time minus UTC \\[h]; default: guessed.", show_default=False
        ),
    ] = None,
    quiet: Quiet = False,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Say what files contain and what is wrong or suspicious in them, and draft the section of an experiment that reads them.

    The exit code is 2 if a file has problems that must be corrected.
    """
    from jules_ml.data.inspection import file_text, inspect_files

    folder = None if out is None else out.parent
    inspections = inspect_files(files, site=site, utc_offset_hours=utc_offset, folder=folder)
    written = []
    if out is not None and any(one.section for one in inspections):
        written.append(_write_draft(out, file_text(inspections)))
    if json:
        _print_json(inspections)
    elif not quiet:
        for one in inspections:
            print_inspection(one, with_section=out is None)
    # after the report, which says why there may be nothing to draw
    if figure is not None:
        written += _write_figures(inspections, figure)
    if not (json or quiet):
        print_files(written)
    if any(one.problems for one in inspections):
        raise typer.Exit(_BAD_INPUT)


def _write_draft(out: Path, text: str) -> Path:
    """Write the draft; an experiment that was edited since is not replaced."""
    if out.is_dir() or (out.is_file() and out.read_bytes() != text.encode()):
        raise BadInput(
            "it already exists and has other contents than the draft",
            where=out,
            remedy="give a new file with --out, or remove this one",
        )
    with atomic_write(out) as part:
        part.write_text(text, encoding="utf-8")
    return out


def print_inspection(one: Inspection, *, with_section: bool) -> None:
    """Print what an inspection found."""
    names = ", ".join(path.name for path in one.paths)
    reader = f" (reader '{one.reader}')" if one.reader else ""
    out_console.print(f"\n[bold]{escaped(names)}[/]: {escaped(one.kind)}{reader}", soft_wrap=True)
    if one.use:
        out_console.print(escaped(f"{one.use[0].upper()}{one.use[1:]}."), soft_wrap=True)
    if one.period is not None:
        out_console.print(escaped(_period_text(one)), soft_wrap=True)
    if one.variables:
        _print_variables(one.variables)
    if one.problems:
        out_console.print(f"[bold red]{_count(one.problems, 'problem')} to be corrected[/]")
        for number, problem in enumerate(one.problems, start=1):
            where = "" if problem.where is None else f"{problem.where}: "
            _print_item(number, f"{where}{problem.problem}", problem.remedy)
    suspicions = [each for each in one.suspicions if each.problem]
    if suspicions:
        out_console.print("[bold yellow]suspicious[/]")
        for number, each in enumerate(suspicions, start=1):
            _print_item(number, f"{each.series}: {each.problem}", each.remedy)
    print_notes(one.notes)
    if one.left_out:
        columns = ", ".join(f"{name} ({reason})" for name, reason in one.left_out.items())
        out_console.print(f"[bold]not read:[/] {escaped(columns)}", soft_wrap=True)
    if one.checks:
        out_console.print("[bold]guessed in the section: check it[/]")
        for check in one.checks:
            out_console.print(f"  - {escaped(check)}", soft_wrap=True)
    if one.section and with_section:
        out_console.print(f"\n{escaped(one.section)}", soft_wrap=True, end="")


def _print_variables(variables: Sequence[Summary]) -> None:
    out_console.print(_table(variables))
    for each in variables:
        if each.annual is not None:
            out_console.print(escaped(f"{each.variable}: {each.annual:.4g} mm a year on average"), soft_wrap=True)


def _print_item(number: int, problem: str, remedy: str) -> None:
    out_console.print(f"  {number}. {escaped(problem)}.", soft_wrap=True)
    if remedy.startswith("no action needed"):
        out_console.print(f"     {escaped(remedy[0].upper() + remedy[1:])}.", soft_wrap=True)
    else:
        out_console.print(f"     [bold]Remedy:[/] {escaped(remedy)}.", soft_wrap=True)


def _count(items: Sequence[object], noun: str) -> str:
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"


def _period_text(one: Inspection) -> str:
    from jules_ml.data.inspection.table_times import interval_text

    period = one.period
    assert period is not None
    site = f"Site {one.site}, " if one.site else ""
    rows = {0: "no row is missing", 1: "1 row is missing"}.get(period.n_missing, f"{period.n_missing} rows are missing")
    days = period.interval.total_seconds() / SECONDS_PER_DAY
    step = "a month" if _MONTH[0] <= days <= _MONTH[1] else interval_text(period.interval)
    return f"{site}{period.start:%Y-%m-%d %H:%M} to {period.end:%Y-%m-%d %H:%M} UTC, {period.n_steps} steps of {step}; {rows}"


def _table(variables: Sequence[Summary]) -> Table:
    width = out_console.width
    columns: dict[str, list[str]] = {"variable": [one.variable for one in variables]}
    if width >= _MEDIUM and any(one.column for one in variables):
        columns["column"] = [one.column for one in variables]
    if any(one.depth is not None or one.layers is not None for one in variables):
        columns["depth [m]"] = [_depth_text(one) for one in variables]
    columns["missing"] = [f"{one.missing:.1%}" for one in variables]
    columns["longest gap [d]"] = [f"{one.longest_gap_days:.3g}" for one in variables]
    columns["min"] = [_number(one.minimum) for one in variables]
    columns["median"] = [_number(one.median) for one in variables]
    columns["max"] = [_number(one.maximum) for one in variables]
    if width >= _WIDE and any(one.measured is not None for one in variables):
        columns["measured"] = ["" if one.measured is None else f"{one.measured:.0%}" for one in variables]
    columns["unit"] = [one.units for one in variables]
    # headers are wrapped, names and numbers are not
    widths = {name: max(map(len, [*name.split(), *cells])) for name, cells in columns.items()}
    for name in _OPTIONAL:
        if sum(widths.values()) + len(widths) > width:
            widths.pop(name, None)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name, of_column in widths.items():
        is_text = name in ("variable", "column", "unit")
        least = None if name == "column" else of_column
        table.add_column(escaped(name), justify="left" if is_text else "right", overflow="fold", width=least)
    for row in zip(*(columns[name] for name in widths), strict=True):
        table.add_row(*map(escaped, row))
    return table


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4g}"


def _depth_text(one: Summary) -> str:
    if one.layers is not None:
        return f"{one.layers} layers"
    return "" if one.depth is None else "unknown" if math.isnan(one.depth) else f"{one.depth:g}"


def _write_figures(inspections: Sequence[Inspection], figure: Path) -> list[Path]:
    from jules_ml.data.inspection.figures import overview
    from jules_ml.support.figures import save_figure

    records = [one for one in inspections if one.record is not None]
    if not records:
        raise BadInput(
            "no record could be read, so there is nothing to draw",
            where=figure,
            remedy="correct the problems, or leave --figure out",
        )
    written = []
    for number, one in enumerate(records, start=1):
        path = figure if number == 1 else figure.with_stem(f"{figure.stem}_{number}")
        title = f"{', '.join(file.name for file in one.paths)}: {one.kind}"
        assert one.record is not None
        written.append(save_figure(overview(one.record, one.suspicions, title=title), path))
    return written


def _print_json(inspections: Sequence[Inspection]) -> None:
    import json

    typer.echo(json.dumps([_plain(one) for one in inspections], indent=2, ensure_ascii=False, allow_nan=False))


def _plain(one: Inspection) -> dict[str, Any]:
    period = one.period
    return {
        "files": [str(path) for path in one.paths],
        "kind": one.kind,
        "reader": one.reader,
        "use": one.use or None,
        "site": one.site,
        "period": None
        if period is None
        else {
            "start": period.start.isoformat(),
            "end": period.end.isoformat(),
            "interval_seconds": period.interval.total_seconds(),
            "steps": period.n_steps,
            "missing_rows": period.n_missing,
        },
        "variables": [
            {
                key: None if isinstance(value, float) and math.isnan(value) else value
                for key, value in vars(each).items()
            }
            for each in one.variables
        ],
        "problems": [
            {"where": each.where, "problem": each.problem, "remedy": each.remedy, "keys": each.keys}
            for each in one.problems
        ],
        "suspicions": [
            {
                "series": each.series,
                "problem": each.problem,
                "remedy": each.remedy,
                "start": None if each.start is None else each.start.isoformat(),
                "end": None if each.end is None else each.end.isoformat(),
            }
            for each in one.suspicions
            if each.problem
        ],
        "notes": list(one.notes),
        "not_read": dict(one.left_out),
        "checks": list(one.checks),
        "section": one.section,
    }
