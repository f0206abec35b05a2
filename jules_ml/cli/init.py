"""``jules-ml init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import Quiet, escaped, out_console
from jules_ml.errors import BadInput
from jules_ml.support.output_folder import Contents, replaced_folder

#: A template may have been edited, and is not replaced.
_SITE: Final = Contents("an empty folder", ("namelists",), ())


@app.command(epilog="Example:  jules-ml init jules --out my_site --from tower.toml")
def init(
    template: Annotated[str, typer.Argument(help="Template: jules, a point run of JULES.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="Folder to write; new or empty.", show_default=False)] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Experiment file of a column run whose weather, soil, surface and carbon are used; by default the weather is synthetic.",
            show_default=False,
        ),
    ] = None,
    jules_version: Annotated[
        str | None,
        typer.Option(
            help="Version of JULES, 7.0 to 8.2; the namelists of 7.5 and later versions are the same.",
            show_default="8.2",
        ),
    ] = None,
    experiment: Annotated[Path | None, typer.Option(hidden=True)] = None,
    quiet: Quiet = False,
) -> None:
    """Write a complete point run of JULES as a template: namelists, weather, land cover, initial state."""
    from jules_ml.jules.template import write_site, write_template
    from jules_ml.jules.versions import VERSIONS

    if template != "jules" or out is None or experiment is not None:
        folder = template if out is None else out
        option = f" --from {experiment or source}" if experiment or source else ""
        raise BadInput(
            f"'jules-ml init {template}' needs --out" if template == "jules" else f"'{template}' is not a template",
            remedy=f"write 'jules-ml init jules --out {'FOLDER' if folder == 'jules' else folder}{option}'",
        )
    version = jules_version or VERSIONS[-1]
    with replaced_folder(out, _SITE) as staged:
        if source is None:
            files = write_template(staged.path, version=version)
        else:
            from jules_ml.experiment import load_experiment

            files = write_site(load_experiment(source), staged.path, version=version)
    if not quiet:
        out_console.print(f"[green]wrote[/] {len(files)} files into {escaped(str(out))}", soft_wrap=True)
        entry = f' and version = "{jules_version}"' if jules_version else ""
        out_console.print(
            f"Run it:  cd {escaped(str(out))} && mkdir -p output && JULES.EXE namelists\n"
            f'or with modules swapped in:  \\[jules] folder = "{escaped(str(out))}"{entry} in an experiment file, and jules-ml run',
            soft_wrap=True,
        )
