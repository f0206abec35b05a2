"""``jules-ml convert``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import Json, Quiet, print_files, print_result


class Layout(StrEnum):
    """Convention of the converted files."""

    ALMA = "alma"
    CMIP = "cmip"
    CALLMIP = "callmip"


@app.command(epilog="Example:  jules-ml convert runs/tower --to alma --out converted")
def convert(
    run: Annotated[
        Path,
        typer.Argument(
            help="Folder of 'jules-ml run', or run folder of JULES with its output; for callmip a folder of 'jules-ml calibrate'.",
            show_default=False,
        ),
    ],
    to: Annotated[
        Layout,
        typer.Option(
            help="Names, units and signs: those of ALMA or of CMIP, or a submission to CalLMIP Phase 1.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the files.", show_default=False)],
    model: Annotated[
        str, typer.Option(help="Name and version of the model in a submission, joined by a dot.")
    ] = "JULES-ML.v0-1",
    scenario: Annotated[int, typer.Option(min=1, max=6, help="Calibration scenario of a submission.")] = 1,
    validation: Annotated[
        bool, typer.Option("--validation", help="The sites of a submission are those of validation.")
    ] = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Write the output of a run with the names, units and signs that ILAMB, modelevaluation.org and CalLMIP read."""
    if to is Layout.CALLMIP:
        from jules_ml.comparison.callmip import Submission, write_submissions

        written = write_submissions(run, Submission(model, scenario, validation), out)
    else:
        from jules_ml.comparison.converted_files import converted_file, write_converted
        from jules_ml.comparison.converted_source import with_its_run
        from jules_ml.comparison.convertible import read_convertible

        names: Literal["alma", "cmip"] = "alma" if to is Layout.ALMA else "cmip"
        converted = read_convertible(run)
        path = converted_file(converted.site, names, out)
        written = [write_converted(with_its_run(converted, run, path), names, out)]
    if json:
        print_result({}, written)
    elif not quiet:
        print_files(written)
