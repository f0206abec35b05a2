"""``jules-ml demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import (
    Json,
    Quiet,
    escaped,
    line_printer,
    out_console,
    print_files,
    print_notes,
    print_result,
    print_run_summary,
    print_scores,
    progress_bars,
)


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
    json: Json = False,
) -> None:
    """Download ten years of the flux tower Davos (Swiss Alps), run the column, fit respiration to its soil, and judge the swap."""
    from jules_ml.comparison.verdict_page import verdict_rows
    from jules_ml.demo import run_demo

    silent = quiet or json
    with progress_bars(silent) as report:
        demonstration = run_demo(out, data=data, years=years, message=line_printer(silent), progress=report)
    verdict = demonstration.swap.verdict
    if json:
        print_result(
            {
                "sentence": demonstration.sentence,
                "headlines": [vars(headline) for headline in demonstration.headlines],
                "verdict": verdict.document,
            },
            demonstration.files,
        )
    if silent:
        return
    print_run_summary(demonstration.run)
    print_notes((*demonstration.swap.fit.warnings, *verdict.notes))
    print_scores(verdict_rows(verdict))
    print_files(demonstration.files)
    for headline in demonstration.headlines:
        out_console.print(f"[bold]{escaped(headline.value)}[/]  {escaped(headline.label)}", soft_wrap=True)
    out_console.print(f"[bold]{escaped(demonstration.sentence)}[/]", soft_wrap=True)
