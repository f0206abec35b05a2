"""What decides which members an ensemble has, as one checksum: a run is gone on with only where all of it is as it was."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

from jules_ml.ensemble.member_experiment import site_experiment
from jules_ml.experiment import Experiment
from jules_ml.jules.run import jules_executable
from jules_ml.jules.run_folder import read_run_folder

#: Keys of ``[ensemble]`` that bear on what is made of the members, not on the members.
_AFTERWARDS = ("quantiles", "format", "weights", "keep_runs")


def fingerprint(experiment: Experiment) -> str:
    """Checksum of experiments, modules, records, forcing files, and JULES's executable and namelists.

    Parameters
    ----------
    experiment : Experiment
        With ``[ensemble]``, seen to by :func:`~jules_ml.ensemble.run.plan_ensemble`.

    Returns
    -------
    str
        Files that JULES's namelists name, driving data among them, do not count unless ``forcing`` names them.
    """
    found = hashlib.sha256()
    assert experiment.ensemble is not None
    raw = tomllib.loads(experiment.text)
    for key in _AFTERWARDS:
        raw.get("ensemble", {}).pop(key, None)
    found.update(json.dumps(raw, sort_keys=True, default=str).encode())
    for site in experiment.ensemble.sites or (None,):
        placed = site_experiment(experiment, site, None)
        for file in _files(placed):
            found.update(_checksum(file))
        for text in _namelists(placed):
            found.update(text.encode())
    return found.hexdigest()


def _files(experiment: Experiment) -> Iterator[Path]:
    """All that members of a site read, but for what JULES reads by itself."""
    assert experiment.ensemble is not None
    for _, module in experiment.modules:
        if module is not None:
            yield from (module / file for file in ("card.json", "model.safetensors"))
    named = [*experiment.ensemble.sites, *experiment.ensemble.forcing]
    named += [] if experiment.data is None or experiment.data.path is None else [experiment.data.path]
    if experiment.run is not None and experiment.run.model == "jules":
        section = experiment.required(experiment.jules, "jules")
        named.append(jules_executable(section, experiment.file))
        named += [] if section.ancillary is None else [section.ancillary]
        named += [] if section.prescribed is None else [section.prescribed.file]
        named += [] if section.hooks is None or not section.hooks.is_dir() else sorted(section.hooks.iterdir())
    # one that is missing is told, with a remedy, by who reads it
    yield from (path for path in named if path.is_file())


def _namelists(experiment: Experiment) -> Iterator[str]:
    if experiment.run is not None and experiment.run.model == "jules":
        section = experiment.required(experiment.jules, "jules")
        namelists = read_run_folder(section.folder, section.namelists).namelists
        yield from (f"{file}\n{namelists.text(file)}" for file in namelists.files)


def _checksum(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
