"""``jules-ml hooks``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import Json, Quiet, Shown, err_console, escaped, out_console, print_result
from jules_ml.errors import BadInput, RunFailed
from jules_ml.support.output_folder import Contents, filled_folder

#: A build folder is used again, and its files are of any name.
_BUILD: Final = Contents("a build of the hooks", ("CMakeCache.txt", "jules_ml_hooks.flags"), ("*",))


@app.command(epilog="Example:  jules-ml hooks --jules-build ~/jules_build   then   jules-ml hooks --check jules_ml.exe")
def hooks(
    jules_build: Annotated[
        Path | None,
        typer.Option(
            help="Build folder of JULES: build the hooks against it and print the link flags.", show_default=False
        ),
    ] = None,
    check: Annotated[
        Path | None, typer.Option(help="Executable of JULES: check whether it contains the hooks.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to build in.")] = Path("jules_ml_hooks"),
    compiler: Annotated[
        str | None,
        typer.Option(
            "--compiler",
            "--fc",
            help="Fortran compiler that built JULES, in the same version; with MPI its compiler command, such as mpif90. "
            "By default read from the build of JULES.",
            show_default=False,
        ),
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Build the hooks for learned modules in a running JULES, or check an executable for them."""
    if (jules_build is None) == (check is None):
        raise BadInput("neither or both of --jules-build and --check are given", remedy="give one of them")
    if check is not None:
        _check(check, Shown(quiet, json))
        return
    assert jules_build is not None
    _build(jules_build, out, compiler, Shown(quiet, json))


def _check(check: Path, shown: Shown) -> None:
    """Check an executable of JULES for the hooks."""
    from jules_ml.jules.hooks.check import check_executable

    checked = check_executable(check)
    if shown.json:
        print_result(
            {
                "compiler": checked.compiler,
                "hooks": {procedure: state.value for procedure, state in checked.hooks.items()},
                "built_for": None if checked.stamp is None else vars(checked.stamp),
                "problems": list(checked.problems),
                "complete": checked.complete,
            }
        )
    elif not shown.quiet:
        out_console.print(escaped(checked.report), soft_wrap=True)
    if checked.problems:
        raise RunFailed(f"the hooks do not fit this executable: {'; '.join(checked.problems)}")
    if not checked.complete:
        raise RunFailed(
            "hooks are missing from this executable: link it with the flags of 'jules-ml hooks --jules-build', and without "
            "-flto or -ipo, which remove them"
        )


def _build(jules_build: Path, out: Path, compiler: str | None, shown: Shown) -> None:
    """Build the hooks against a build of JULES."""
    from jules_ml.jules.hooks.build import build_hooks

    with filled_folder(out, _BUILD):
        hooks_built = build_hooks(jules_build, out=out, compiler=compiler)
    files = (hooks_built.object_file, hooks_built.flags_file, hooks_built.template)
    if shown.json:
        print_result(
            {
                "flags": hooks_built.flags,
                "toolchain": hooks_built.toolchain.description,
                "notes": list(hooks_built.toolchain.notes),
                "built_for": vars(hooks_built.stamp),
                "advice": hooks_built.advice,
            },
            files,
        )
        return
    # standard output contains only the flags, for $(...); other messages go to standard error
    out_console.print(escaped(hooks_built.flags), soft_wrap=True)
    if not shown.quiet:
        written = ", ".join(escaped(str(path)) for path in files)
        err_console.print(escaped(hooks_built.toolchain.description), soft_wrap=True)
        for note in hooks_built.toolchain.notes:
            err_console.print(f"[yellow]note:[/] {escaped(note)}", soft_wrap=True)
        err_console.print(f"[green]wrote[/] {written}", soft_wrap=True)
        for line in hooks_built.stamp.lines:
            err_console.print(escaped(line), soft_wrap=True)
        err_console.print(escaped(hooks_built.advice), soft_wrap=True)
