"""``jules-ml demo``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from jules_ml.cli.application import app
from jules_ml.cli.printing import Quiet, line_printer, out_console, print_files, print_run_summary, progress_bars
from jules_ml.support.files import writable_folder

if TYPE_CHECKING:
    from jules_ml.demo.compare import ScoreRow


@app.command(epilog="Example:  jules-ml demo --out demo_output")
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("demo_output"),
    data: Annotated[
        Path | None,
        typer.Option(help="The wheel of diive 0.90.0 or its Parquet file, instead of a download.", show_default=False),
    ] = None,
    years: Annotated[
        int, typer.Option(min=1, max=10, help="Number of years to run, the last ones of the record.")
    ] = 10,
    quiet: Quiet = False,
) -> None:
    """Download ten years of data of the flux tower Davos (Swiss Alps), run the column, fit respiration and compare."""
    from jules_ml.demo import run_demo

    writable_folder(out)
    with progress_bars(quiet) as report:
        demonstration = run_demo(out, data=data, years=years, say=line_printer(quiet), progress=report)
    if not quiet:
        print_run_summary(demonstration.run)
        _print_scores((*demonstration.comparison.scores, *demonstration.learned.scores))
        print_files(demonstration.files)


def _print_scores(scores: Sequence[ScoreRow]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", overflow="fold")
    for name in ("n", "r", "KGE", "NSE", "RMSE", "bias"):
        table.add_column(name, justify="right", no_wrap=True, min_width=5)
    quantity = ""
    for row in scores:
        s = row.scores
        numbers = (str(s.n), f"{s.r:.2f}", f"{s.kge:.2f}", f"{s.nse:.2f}", f"{s.rmse:.3g}", f"{s.bias:+.3g}")
        if row.quantity != quantity:
            quantity = row.quantity
            table.add_row(f"[bold]{quantity}[/] \\[{row.unit}]")
        table.add_row(f"  {row.rows}", *numbers)
    out_console.print(table)
