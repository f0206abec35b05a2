"""``jules-ml export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import Quiet, escaped, out_console, print_files, print_warnings
from jules_ml.errors import BadInput
from jules_ml.support.output_folder import Contents, replaced_folder

#: Files that an earlier export may have, and a new one in its place not.
_OPTIONAL: Final = {"curves": ("fsth.nml", "ftemp.nml", "kaps.nml", "h_*.nml")}


@app.command(epilog="Example:  jules-ml export modules/tower --to curves --experiment tower.toml --out curves/tower")
def export(
    module: Annotated[Path, typer.Argument(help="Module folder.", show_default=False)],
    to: Annotated[
        str,
        typer.Option(
            help="Export form: curves (namelist tables of f and g), ancillary (soil properties), prescribed (time series of soil "
            "water), initial (soil carbon), or another that is installed.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the files.", show_default=False)],
    predicted: Annotated[
        bool, typer.Option("--predicted", help="With --to initial: predicted carbon, even at sites with soil cores.")
    ] = False,
    experiment: Annotated[
        Path | None,
        typer.Option(
            help="With --to curves: experiment file (TOML) of the run that the curves are for. Its soil carbon, \\[carbon] cs or that of "
            "\\[jules] folder, gives the respiration rate (kaps.nml).",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Export a module to files that JULES reads."""
    from jules_ml.experiment import load_experiment
    from jules_ml.learned.card import module_kind, notes_without_checksums
    from jules_ml.learned.model_verdict import JUDGED, verdict_warnings
    from jules_ml.learned.uses import export_names, export_of

    form = export_of(to)
    kind = module_kind(module)
    if kind != form.kind:
        forms = [name for name in export_names() if export_of(name).kind == kind]
        raise BadInput(
            f"the folder contains a {kind} module, but --to {to} needs a {form.kind} module",
            where=module,
            remedy=f"give --to {' or '.join(forms)}" if forms else f"give a {form.kind} module",
        )
    for name, value in (("predicted", predicted), ("experiment", experiment is not None)):
        if value and name not in form.options:
            raise BadInput(f"--{name} is not an option of {to}", remedy=f"leave out --{name}")
    loaded = None if experiment is None else load_experiment(experiment)
    with replaced_folder(out, Contents(f"an export to {to}", (), _OPTIONAL.get(to, ()))) as staged:
        files, notes = form.write(module, staged.path, predicted=predicted, experiment=loaded)
    if quiet:
        return
    print_warnings([*verdict_warnings([module] if kind in JUDGED else [], loaded), *notes_without_checksums([module])])
    for note in notes:
        out_console.print(f"[bold]note[/] {escaped(staged.text(note))}", soft_wrap=True)
    print_files(map(staged.final, files))
