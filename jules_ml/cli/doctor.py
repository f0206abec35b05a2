"""``jules-ml doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from jules_ml.cli.application import app
from jules_ml.cli.printing import Json, Quiet, escaped, out_console, print_json
from jules_ml.errors import RunFailed


@app.command(epilog="Examples:  jules-ml doctor   |   jules-ml doctor --json --strict")
def doctor(
    jules: Annotated[
        Path | None,
        typer.Option(
            help="Executable of JULES to look at; by default that of the environment variable JULES_EXE.",
            show_default=False,
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail if something that is installed does not work.")
    ] = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Show what is installed, what is missing, what does not work without it, and the remedy."""
    from jules_ml.cli.installation import State, installation

    found = list(installation(jules))
    if json:
        print_json({"checks": [check.to_json() for check in found]})
    elif not quiet:
        table = Table(box=None, pad_edge=False, show_header=False)
        for style in ("bold", None, None):
            table.add_column(style=style, overflow="fold")
        for check in found:
            colour = {State.OK: "green", State.MISSING: "yellow", State.BROKEN: "red"}[check.state]
            table.add_row(escaped(check.name), f"[{colour}]{check.state}[/]", escaped(check.text))
        out_console.print(table)
    broken = [check.name for check in found if check.state is State.BROKEN]
    if strict and broken:
        raise RunFailed(f"installed, but not working: {', '.join(broken)} (jules-ml doctor shows the remedies)")
