"""``jules-ml hooks``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import Quiet, err_console, escaped, out_console
from jules_ml.errors import BadInput, RunFailed
from jules_ml.support.files import ready_folder


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
    from jules_ml.jules.hooks import build_hooks, check_executable

    if (jules_build is None) == (check is None):
        raise BadInput("neither or both of --jules-build and --check were given", remedy="give one of them")
    if check is not None:
        found = check_executable(check)
        if not quiet:
            out_console.print(escaped(found.report), soft_wrap=True)
        if not found.complete:
            raise RunFailed(
                "not all hooks are in this executable: link it with the flags of 'jules-ml hooks --jules-build', and without "
                "-flto or -ipo, which drop them"
            )
        return
    assert jules_build is not None
    ready_folder(out)
    built = build_hooks(jules_build, out=out, compiler=compiler)
    # the flags alone on standard output, for $(...); the rest beside it
    out_console.print(escaped(built.flags), soft_wrap=True)
    if not quiet:
        written = ", ".join(escaped(str(path)) for path in (built.object_file, built.flags_file, built.template))
        err_console.print(f"[green]wrote[/] {written}", soft_wrap=True)
        err_console.print(escaped(built.advice), soft_wrap=True)
