"""``jules-ml init``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from jules_ml.cli.application import app
from jules_ml.cli.printing import Json, Quiet, Shown, escaped, out_console, print_next, print_notes, print_result
from jules_ml.errors import BadInput
from jules_ml.support.output_folder import Contents, replaced_folder

if TYPE_CHECKING:
    from jules_ml.starters import Written

#: A template may have been edited, and is not replaced.
_SITE: Final = Contents("an empty folder", ("namelists",), ())
#: Kinds that are trained on records, and other starters.
_FITS: Final = ("respiration", "moisture", "hydraulics", "carbon")
_KINDS: Final = (*_FITS, "ensemble", "jules", "map")


_Files = Annotated[
    list[Path] | None, typer.Argument(help="Further files for --from.", show_default=False, metavar="[FILE]...")
]
_From = Annotated[
    list[Path] | None,
    typer.Option(
        "--from",
        help="File, or folder of JULES, that the experiment is written for; several may follow. For a new run folder of JULES: "
        "experiment file of a column run whose weather, soil, surface and carbon are used; by default the weather is synthetic.",
        show_default=False,
    ),
]
_Module = Annotated[
    list[Path] | None,
    typer.Option(help="Module folder that the run or the ensemble uses; may be repeated.", show_default=False),
]
_Site = Annotated[
    str | None,
    typer.Option(
        help="Site code, or station, tower or data set in the file; default: from the file.", show_default=False
    ),
]
_Offset = Annotated[
    float | None,
    typer.Option(
        min=-12.0, max=14.0, help="Local standard time minus UTC \\[h]; default: guessed.", show_default=False
    ),
]
_Latitude = Annotated[
    float | None,
    typer.Option(min=-90.0, max=90.0, help="Latitude \\[degree]; default: from the file.", show_default=False),
]
_Longitude = Annotated[
    float | None,
    typer.Option(min=-180.0, max=180.0, help="Longitude \\[degree]; default: from the file.", show_default=False),
]
_Elevation = Annotated[
    float | None,
    typer.Option(
        min=-500.0, max=9000.0, help="Height above sea level \\[m]; default: from the file.", show_default=False
    ),
]
_Version = Annotated[
    str | None,
    typer.Option(
        help="New run folder of JULES: version, 7.0 to 8.2; the namelists of 7.5 and later versions are the same.",
        show_default="8.2",
    ),
]


@app.command(
    epilog="Examples:  jules-ml init respiration --from tower.csv --out tower   |   "
    "jules-ml init jules --from loobos --module modules/tower --out swap   |   jules-ml init jules --out my_site --from tower.toml"
)
def init(
    kind: Annotated[
        str,
        typer.Argument(
            help="What to start: respiration, moisture, hydraulics, carbon (from records), ensemble (from an experiment), map (from netCDF "
            "files of a grid), or jules (from a run folder of JULES; from an experiment, or without --from, a new run folder).",
            show_default=False,
        ),
    ],
    files: _Files = None,
    source: _From = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write.", show_default=False)] = None,
    module: _Module = None,
    site: _Site = None,
    utc_offset: _Offset = None,
    latitude: _Latitude = None,
    longitude: _Longitude = None,
    elevation: _Elevation = None,
    jules_version: _Version = None,
    experiment: Annotated[Path | None, typer.Option(hidden=True)] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Write a complete experiment for your own files, with a comment on each line that you may want to change."""
    sources = [*(source or []), *(files or [])]
    if kind == "jules" and out is not None and not any(path.is_dir() for path in sources):
        _new_run_folder(sources, out, jules_version, Shown(quiet, json))
        return
    _check(kind, sources, out, experiment)
    assert out is not None
    if jules_version is not None:
        raise BadInput(
            "--jules-version is for a new run folder of JULES", remedy="leave it out; set version under [jules]"
        )
    from jules_ml.starters import Hints, start

    hints = Hints(site, utc_offset, latitude, longitude, elevation, tuple(module or ()))
    _print(start(kind, sources, out, hints), Shown(quiet, json))


def _check(kind: str, sources: list[Path], out: Path | None, experiment: Path | None) -> None:
    """Refuse an unknown kind, and a missing file or folder."""
    if kind not in _KINDS:
        folder = kind if out is None else out
        option = f" --from {experiment or sources[0]}" if experiment or sources else ""
        raise BadInput(
            f"'{kind}' is not something to start: it is one of {', '.join(_KINDS)}",
            remedy=f"write 'jules-ml init KIND --from FILE --out {folder}', or for a new run folder of JULES "
            f"'jules-ml init jules --out {folder}{option}'",
        )
    if out is None:
        given = f" --from {' '.join(map(str, sources))}" if sources else ""
        raise BadInput(
            f"'jules-ml init {kind}' needs --out", remedy=f"write 'jules-ml init {kind}{given} --out FOLDER'"
        )
    if not sources:
        raise BadInput(
            f"'jules-ml init {kind}' needs the files to start from",
            remedy=f"write 'jules-ml init {kind} --from FILE --out {out}'",
        )


def _print(written: Written, shown: Shown) -> None:
    if shown.json:
        commands = [{"command": command, "purpose": purpose} for command, purpose in written.commands]
        print_result({"notes": list(written.notes), "next": commands}, written.files)
    if shown.silent:
        return
    from jules_ml.starters import n_lines

    for path in written.files:
        lines = n_lines(path.read_text(encoding="utf-8"))
        out_console.print(f"[green]wrote[/] {escaped(str(path))} ({lines} lines of settings)", soft_wrap=True)
    print_notes(written.notes)
    for command, purpose in written.commands:
        print_next(command, purpose)


def _new_run_folder(sources: list[Path], out: Path, jules_version: str | None, shown: Shown) -> None:
    """Write a point run of JULES: namelists, weather, land cover, initial state."""
    from jules_ml.jules.template import write_site, write_template
    from jules_ml.jules.versions import VERSIONS

    if len(sources) > 1:
        raise BadInput("a new run folder of JULES is for one experiment", remedy="give one file with --from")
    version = jules_version or VERSIONS[-1]
    with replaced_folder(out, _SITE) as staged:
        if not sources:
            files = write_template(staged.path, version=version)
        else:
            from jules_ml.experiment import load_experiment

            files = write_site(load_experiment(sources[0]), staged.path, version=version)
    if shown.json:
        print_result({"folder": str(out)}, map(staged.final, files))
    elif not shown.quiet:
        out_console.print(f"[green]wrote[/] {len(files)} files into {escaped(str(out))}", soft_wrap=True)
        entry = f' and version = "{jules_version}"' if jules_version else ""
        out_console.print(
            f"Run it:  cd {escaped(str(out))} && mkdir -p output && JULES.EXE namelists\n"
            f'or with modules swapped in:  \\[jules] folder = "{escaped(str(out))}"{entry} in an experiment file, and jules-ml run',
            soft_wrap=True,
        )
