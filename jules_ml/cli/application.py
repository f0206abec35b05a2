"""Typer application to which the commands are added."""

from __future__ import annotations

from typing import Annotated, Any

import typer

import jules_ml
from jules_ml.cli.printing import err_console, escaped, located, out_console
from jules_ml.errors import BadInput, RunFailed
from jules_ml.support.disk import DISK_FULL

_FAILED, _BAD_INPUT = 1, 2


class _Commands(typer.core.TyperGroup):
    """Group of commands that turns exceptions into messages and exit codes."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except BadInput as error:
            err_console.print(f"[bold red]Bad input:[/] {located(error.problem, error.where)}.", soft_wrap=True)
            err_console.print(f"[bold]Remedy:[/] {escaped(error.remedy)}.", soft_wrap=True)
            raise typer.Exit(_BAD_INPUT) from None
        except RunFailed as error:
            err_console.print(f"[bold red]Failed:[/] {escaped(str(error))}.", soft_wrap=True)
            raise typer.Exit(_FAILED) from None
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            place = "" if error.filename is None else f": {error.filename} cannot be written"
            err_console.print(
                f"[bold red]Failed:[/] {escaped(f'the disk is full{place}')}; free disk space and repeat the command.",
                soft_wrap=True,
            )
            raise typer.Exit(_FAILED) from None
        except KeyboardInterrupt:
            err_console.print("Stopped; there are no incomplete files.")
            raise typer.Exit(_FAILED) from None


app = typer.Typer(
    name="jules-ml",
    cls=_Commands,
    help="Learned soil modules for JULES, the Joint UK Land Environment Simulator.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(requested: bool) -> None:
    if requested:
        out_console.print(f"jules_ml {jules_ml.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Learned soil modules for JULES, the Joint UK Land Environment Simulator."""
