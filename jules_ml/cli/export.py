"""``jules-ml export``."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import Quiet, say_files
from jules_ml.support.files import ready_folder


class _Form(StrEnum):
    """What a module can be exported to."""

    curves = "curves"
    ancillary = "ancillary"
    prescribed = "prescribed"
    initial = "initial"


@app.command(epilog="Example:  jules-ml export modules/tower --to curves --out curves/tower")
def export(
    module: Annotated[Path, typer.Argument(help="Module folder.", show_default=False)],
    to: Annotated[
        _Form,
        typer.Option(
            help="What it becomes: curves are namelist tables of f and g; ancillary is a file of soil properties for each site; "
            "prescribed is one of its soil water through time; initial is one of soil carbon that JULES starts from.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the files.", show_default=False)],
    predicted: Annotated[
        bool, typer.Option("--predicted", help="initial: what is predicted, even where a site has cores of its own.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Give a fitted module a form that JULES reads."""
    from jules_ml.jules.export.ancillary import export_ancillaries
    from jules_ml.jules.export.curves import export_curves
    from jules_ml.jules.export.initial import export_carbon
    from jules_ml.jules.export.prescribed import export_prescribed

    ready_folder(out)
    forms: dict[_Form, Callable[[Path, Path], list[Path]]] = {
        _Form.curves: export_curves,
        _Form.ancillary: export_ancillaries,
        _Form.prescribed: export_prescribed,
        _Form.initial: partial(export_carbon, predicted=predicted),
    }
    files = forms[to](module, out)
    if not quiet:
        say_files(files)
