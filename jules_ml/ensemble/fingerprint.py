"""Checksum of all inputs of an ensemble: a run is continued only if none of them has changed."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

from jules_ml.ensemble.member_experiment import site_experiment
from jules_ml.experiment import Experiment
from jules_ml.jules.program import jules_executable, program_of
from jules_ml.jules.run_folder import read_run_folder

#: Keys of ``[ensemble]`` that do not affect the members, only the results computed from them.
_KEYS_OF_RESULTS = ("quantiles", "format", "weights", "keep_runs")


def fingerprint(experiment: Experiment) -> str:
    """Compute the checksum of experiments, modules, records, forcing files, and JULES's executable and namelists.

    Parameters
    ----------
    experiment : Experiment
        With ``[ensemble]``, checked by :func:`~jules_ml.ensemble.run.plan_ensemble`.

    Returns
    -------
    str
        SHA-256. Files paths in JULES's namelists, such as driving data, are not included unless ``forcing`` names them.
    """
    digest = hashlib.sha256()
    assert experiment.ensemble is not None
    raw = tomllib.loads(experiment.text)
    for key in _KEYS_OF_RESULTS:
        raw.get("ensemble", {}).pop(key, None)
    digest.update(json.dumps(raw, sort_keys=True, default=str).encode())
    for site in experiment.ensemble.sites or (None,):
        at_site = site_experiment(experiment, site, None)
        for file in _files(at_site):
            digest.update(_checksum(file))
        for text in _namelists(at_site):
            digest.update(text.encode())
    return digest.hexdigest()


def _files(experiment: Experiment) -> Iterator[Path]:
    """Files that members of a site read, except those that JULES reads itself."""
    assert experiment.ensemble is not None
    for module in experiment.modules.folders().values():
        if module is not None:
            yield from (module / file for file in ("card.json", "model.safetensors"))
    paths = [*experiment.ensemble.sites, *experiment.ensemble.forcing]
    paths += [] if experiment.data is None else experiment.data.files
    if experiment.run is not None and experiment.run.model == "jules":
        section = experiment.required(experiment.jules, "jules")
        executable = jules_executable(section, experiment.file)
        program = program_of(executable, section.program)
        paths += [executable] if program in (None, executable) else [executable, program]
        if section.ancillary is not None:
            paths += sorted(section.ancillary.glob("*.nc")) if section.ancillary.is_dir() else [section.ancillary]
        paths += [] if section.prescribed is None else [section.prescribed.file]
        paths += [] if section.hooks is None or not section.hooks.is_dir() else sorted(section.hooks.iterdir())
    # a missing file is reported, with a remedy, by the code that reads it
    yield from (path for path in paths if path.is_file())


def _namelists(experiment: Experiment) -> Iterator[str]:
    if experiment.run is not None and experiment.run.model == "jules":
        section = experiment.required(experiment.jules, "jules")
        namelists = read_run_folder(section.folder, section.namelists).namelists
        yield from (f"{file}\n{namelists.text(file)}" for file in namelists.files)


def _checksum(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
