"""Write the experiment of a kind from the user's files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from jules_ml.errors import BadInput
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


def start(kind: str, files: Sequence[Path], folder: Path, hints: Hints) -> Written:
    """Write one experiment for each site of the files, for ``jules-ml fit``; or the experiment of another kind.

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
