"""Write the experiment of a kind from the user's files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from jules_ml.errors import BadInput
from jules_ml.learned.card import CARD
from jules_ml.starters.ensemble import ensemble_starter
from jules_ml.starters.jules_folder import jules_starter
from jules_ml.starters.map import map_starter
from jules_ml.starters.records import SiteRecord, site_records
from jules_ml.starters.respiration import respiration_starter
from jules_ml.starters.soil_table import soil_of_site
from jules_ml.starters.starter import Hints, Starter, Written, write_starters
from jules_ml.starters.weather_kinds import carbon_starter, hydraulics_starter, moisture_starter
from jules_ml.support.files import safe_file_names

#: Starters of the kinds that are trained on records.
_OF_RECORDS: Final[dict[str, Callable[..., Starter]]] = {
    "respiration": respiration_starter,
    "moisture": moisture_starter,
    "hydraulics": hydraulics_starter,
    "carbon": carbon_starter,
}

#: Starters of runs, and the commands that follow.
_OTHERS: Final[dict[str, tuple[Callable[..., Starter], tuple[tuple[str, str], ...]]]] = {
    "jules": (
        jules_starter,
        (
            ("jules-ml run {file} --prepare", "writes the run folder with the modules in it, for a batch queue"),
            ("jules-ml run {file}", "runs JULES"),
        ),
    ),
    "ensemble": (
        ensemble_starter,
        (
            ("jules-ml ensemble {file} --dry-run", "tells members, time and disk"),
            ("jules-ml ensemble {file}", "runs them; under mpiexec or srun on all ranks"),
        ),
    ),
    "map": (map_starter, (("jules-ml run {file} --out {folder}/runs/map", "runs the column at all land points"),)),
}

_NEEDS: Final = {"jules": "a run folder of JULES", "ensemble": "an experiment that runs", "map": "the files of a grid"}


def start(kind: str, files: Sequence[Path], folder: Path, hints: Hints) -> Written:
    """Write the experiments of a kind.

    Parameters
    ----------
    kind : str
        Kind of module, ``ensemble``, ``jules`` or ``map``.
    files : sequence of Path
        Files or folders of the user.
    folder : Path
        Folder to write to.
    hints : Hints
        What the user states.

    Raises
    ------
    BadInput
        If a file is missing or cannot be used, or the file to write exists with other contents.
    """
    for file in files:
        if not file.exists():
            raise BadInput("there is no such file", where=file, remedy="correct the path")
    if kind in _OF_RECORDS:
        return _start_fit(kind, files, folder, hints)
    starter, command = _OTHERS[kind]
    modules = [file for file in files if (file / CARD).is_file()]
    files = [file for file in files if file not in modules]
    hints = replace(hints, modules=(*hints.modules, *modules))
    if not files:
        raise BadInput(
            f"'jules-ml init {kind}' needs {_NEEDS[kind]} beside the module",
            where=modules[0],
            remedy=f"write 'jules-ml init {kind} --from PATH --module {modules[0]} --out {folder}'",
        )
    if kind != "map" and len(files) > 1:
        raise BadInput(f"'jules-ml init {kind}' starts from one path", where=files[1], remedy="leave it out")
    one = starter(files if kind == "map" else files[0], hints, folder)
    (path,) = write_starters([one], folder)
    return Written(
        (path,), one.notes, tuple((text.format(file=path, folder=folder), purpose) for text, purpose in command)
    )


def _start_fit(kind: str, files: Sequence[Path], folder: Path, hints: Hints) -> Written:
    """Write one experiment for each site of the files, for ``jules-ml fit``.

    Parameters
    ----------
    kind : str
        Kind of module.
    files : sequence of Path
        Records.
    folder : Path
        Folder to write to.
    hints : Hints
        What the user states.

    Raises
    ------
    BadInput
        As :func:`~jules_ml.starters.records.site_records`, and if the records lack what the kind needs.
    """
    records, others = site_records(files, hints)
    names = _names(records)
    starters = []
    for record, name in zip(records, names, strict=True):
        soil = {} if kind == "respiration" else {"soil": soil_of_site(others, record.site)}
        starters.append(_OF_RECORDS[kind](record, hints, folder, name=name, **soil))
    paths = write_starters(starters, folder)
    shown = " ".join(str(path) for path in paths)
    commands = [(f"jules-ml fit {kind} {shown} --out {folder / 'modules' / kind}", "fits the module and scores it")]
    return Written(paths, tuple(note for one in starters for note in one.notes), tuple(commands))


def _names(records: Sequence[SiteRecord]) -> list[str]:
    """Name of the file of each site."""
    sites = [record.site for record in records]
    duplicate = next((site for site in sites if sites.count(site) > 1), None)
    if duplicate is not None:
        files = [", ".join(path.name for path in record.paths) for record in records if record.site == duplicate]
        raise BadInput(
            f"the files are two records of site {duplicate} ({'; '.join(files)})",
            where=str(records[0].paths[0]),
            remedy="give files of one reader and one interval for a site, or start one experiment for each with --site",
        )
    if len(records) == 1:
        return ["experiment.toml"]
    files_of = safe_file_names(sites)
    return [f"{files_of[site]}.toml" for site in sites]
