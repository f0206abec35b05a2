"""``jules-ml demo``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from jules_ml.cli.application import app
from jules_ml.cli.printing import Quiet, out_console, progress_bars, say, say_files, say_how_it_went
from jules_ml.support.files import ready_folder

if TYPE_CHECKING:
    from jules_ml.demo.compare import ScoreRow


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
    """Ten years at a real tower, Davos in the Swiss Alps: fetched, run, learned from, compared and drawn."""
    from jules_ml.demo import run_demo

    ready_folder(out)
    with progress_bars(quiet) as report:
        done = run_demo(out, data=data, years=years, message=say(quiet), progress=report)
    if not quiet:
        say_how_it_went(done.run)
        _say_scores((*done.comparison.scores, *done.learned.scores))
        say_files(done.files)


def _say_scores(scores: Sequence[ScoreRow]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", overflow="fold")
    for name in ("n", "r", "KGE", "NSE", "RMSE", "bias"):
        table.add_column(name, justify="right", no_wrap=True, min_width=5)
    quantity = ""
    for row in scores:
        a = row.scores
        numbers = (str(a.n), f"{a.r:.2f}", f"{a.kge:.2f}", f"{a.nse:.2f}", f"{a.rmse:.3g}", f"{a.bias:+.3g}")
        if row.quantity != quantity:
            quantity = row.quantity
            table.add_row(f"[bold]{quantity}[/] \\[{row.unit}]")
        table.add_row(f"  {row.rows}", *numbers)
    out_console.print(table)
