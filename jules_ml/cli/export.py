"""``jules-ml export``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import (
    Json,
    Quiet,
    escaped,
    out_console,
    print_files,
    print_result,
    print_warnings,
    progress_bars,
)
from jules_ml.errors import BadInput
from jules_ml.support.output_folder import Contents, replaced_folder
from jules_ml.support.ready import module_folder

if TYPE_CHECKING:
    from jules_ml.learned.uses import Export, Exported, MapExport, MapRequest

#: Files that an earlier export may have, and a new one in its place not.
_OPTIONAL: Final = {
    "curves": ("fsth.nml", "ftemp.nml", "kaps.nml", "h_*.nml"),
    "ancillary": ("soil_properties*.nc", "training_range.nc", "figures"),
    "initial": ("soil_carbon.nc", "training_range.nc", "figures"),
    "prescribed": ("sthuf.nc",),
}
_MAP: Final = "Map"

Grid = Annotated[
    list[Path] | None,
    typer.Option(
        help="With --to ancillary, initial and prescribed: netCDF map of the static inputs, instead of the sites of the module. "
        "May be repeated for files with the same points.",
        show_default=False,
        rich_help_panel=_MAP,
    ),
]
Like = Annotated[
    Path | None,
    typer.Option(
        help="With --to ancillary: ancillary whose points, dimensions, names and other variables the exported one has.",
        rich_help_panel=_MAP,
    ),
]
Members = Annotated[
    bool,
    typer.Option("--members", help="With --to ancillary: also write a file for each member.", rich_help_panel=_MAP),
]
Layers = Annotated[
    str | None,
    typer.Option(
        help="With --to ancillary: thickness of the soil layers \\[m], e.g. 0.1,0.25,0.65,2; by default that of the module.",
        rich_help_panel=_MAP,
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PROPERTY=VARIABLE",
        help="Name of a property of \\[place] in the map, e.g. sand=SNDPPT; may be repeated.",
        show_default=False,
        rich_help_panel=_MAP,
    ),
]
Run = Annotated[
    Path | None,
    typer.Option(
        help="With --to prescribed: folder of a daily run on a grid with its weather (grid.weather), the first guess at its points.",
        show_default=False,
        rich_help_panel=_MAP,
    ),
]
LeaveOut = Annotated[
    list[str] | None,
    typer.Option(
        metavar="VARIABLE",
        help="Variable of the map that is not used, or a pattern such as '*_Q05'; '*' for all with unknown names; may be repeated.",
        show_default=False,
        rich_help_panel=_MAP,
    ),
]


@app.command(
    epilog="Examples:  jules-ml export modules/tower --to curves --experiment tower.toml --out curves/tower   |   "
    "jules-ml export modules/soils --to ancillary --grid static.nc --out maps/soils"
)
def export(
    module: Annotated[Path, typer.Argument(help="Module folder, or ready:NAME.", show_default=False)],
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
    grid: Grid = None,
    like: Like = None,
    members: Members = False,
    dzsoil: Layers = None,
    name: Names = None,
    leave_out: LeaveOut = None,
    run: Run = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Export a module to files that JULES reads, for its sites or for a map."""
    module = module_folder(module)
    options = _MapOptions(tuple(grid or ()), like, members, dzsoil, tuple(name or ()), tuple(leave_out or ()), run)
    _export(module, to, out, predicted, experiment, options, quiet=quiet, json=json)


@dataclass(frozen=True)
class _MapOptions:
    """Options of the command for a map, as typed."""

    grid: tuple[Path, ...]
    like: Path | None
    members: bool
    dzsoil: str | None
    name: tuple[str, ...]
    leave_out: tuple[str, ...]
    run: Path | None

    def typed(self) -> dict[str, bool]:
        """Whether each option that belongs to ``grid`` was typed."""
        return {
            "like": self.like is not None,
            "members": self.members,
            "dzsoil": self.dzsoil is not None,
            "name": bool(self.name),
            "leave-out": bool(self.leave_out),
            "run": self.run is not None,
        }

    def request(self) -> MapRequest:
        """Parse the options."""
        from jules_ml.learned.uses import MapRequest

        names = {}
        for each in self.name:
            quantity, _, variable = each.partition("=")
            if not quantity or not variable:
                raise BadInput(f"--name {each} has no '='", remedy="write --name PROPERTY=VARIABLE")
            names[variable] = quantity
        return MapRequest(self.grid, self.like, self.members, _layers(self.dzsoil), names, self.leave_out, self.run)


def _layers(text: str | None) -> tuple[float, ...] | None:
    """Parse the thickness of soil layers."""
    if text is None:
        return None
    from jules_ml.experiment.ranges import layers_in_range

    try:
        return layers_in_range(tuple(float(each) for each in text.split(",")))
    except ValueError as error:
        raise BadInput(
            f"--dzsoil {text} is not a list of thicknesses ({error})", remedy="write e.g. --dzsoil 0.1,0.25,0.65,2"
        ) from error


def _export(
    module: Path,
    to: str,
    out: Path,
    predicted: bool,
    experiment: Path | None,
    options: _MapOptions,
    *,
    quiet: bool,
    json: bool,
) -> None:
    from jules_ml.experiment import load_experiment
    from jules_ml.learned.card import module_kind, notes_without_checksums
    from jules_ml.learned.model_verdict import JUDGED, verdict_warnings
    from jules_ml.learned.ready import ready_notes
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
    _check_options(to, form, predicted, experiment, options)
    loaded = None if experiment is None else load_experiment(experiment)
    request = options.request() if options.grid else None
    with replaced_folder(out, Contents(f"an export to {to}", (), _OPTIONAL.get(to, ()))) as staged:
        done: Exported
        if request is None:
            done = form.write(module, staged.path, predicted=predicted, experiment=loaded)
        else:
            with progress_bars(quiet or json) as report:
                done = cast("MapExport", form).write_map(module, staged.path, request, progress=report)
    warnings = [*verdict_warnings([module] if kind in JUDGED else [], loaded), *notes_without_checksums([module])]
    notes = [staged.text(note) for note in (*ready_notes(module), *done.notes)]
    if json:
        print_result({"warnings": warnings, "notes": notes}, map(staged.final, done.files))
    elif not quiet:
        print_warnings(warnings)
        for note in notes:
            out_console.print(f"[bold]note[/] {escaped(note)}", soft_wrap=True)
        print_files(map(staged.final, done.files))


def _check_options(to: str, form: Export, predicted: bool, experiment: Path | None, options: _MapOptions) -> None:
    """Refuse options that the form does not have, and options of maps without a map."""
    typed = {"predicted": predicted, "experiment": experiment is not None, "grid": bool(options.grid)}
    in_maps = options.typed()
    for name, value in (typed | in_maps).items():
        if value and name not in (*form.options, "name", "leave-out"):
            raise BadInput(f"--{name} is not an option of {to}", remedy=f"leave out --{name}")
    lonely = [name for name, value in in_maps.items() if value and not options.grid]
    if lonely:
        raise BadInput(f"--{lonely[0]} needs --grid", remedy="give --grid with a map of the static inputs")
    if options.grid and predicted:
        raise BadInput("--predicted is for sites, and a map is always predicted", remedy="leave out --predicted")
