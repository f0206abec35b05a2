"""``jules-ml convert``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import Quiet, print_files


class Layout(StrEnum):
    """Convention of the converted files."""

    ALMA = "alma"
    CMIP = "cmip"


@app.command(epilog="Example:  jules-ml convert runs/tower --to alma --out converted")
def convert(
    run: Annotated[
        Path,
        typer.Argument(
            help="Folder of 'jules-ml run', or run folder of JULES with its output.",
            show_default=False,
        ),
    ],
    to: Annotated[Layout, typer.Option(help="Names, units and signs of the files.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for the files.", show_default=False)],
    quiet: Quiet = False,
) -> None:
    """Write the output of a run with the names, units and signs that ILAMB and modelevaluation.org read."""
    from jules_ml.comparison.converted_files import write_converted
    from jules_ml.comparison.convertible import read_convertible

    written = [write_converted(read_convertible(run), to.value, out)]
    if not quiet:
        print_files(written)
