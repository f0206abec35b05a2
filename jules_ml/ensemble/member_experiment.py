"""The experiment of one member, of its site and with its values."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from jules_ml.coupling.namelists import NamelistFolder
from jules_ml.coupling.run_folder import read_run_folder
from jules_ml.ensemble.members import Member
from jules_ml.ensemble.parameters import with_values
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.experiment.jules import JulesSection

#: Sections that a site brings along, where its file has them.
_OF_A_SITE = ("site", "data", "forcing", "soil", "surface", "carbon", "jules")


def site_experiment(experiment: Experiment, site: Path | None, forcing: Path | None) -> Experiment:
    """Put a site's sections, and a forcing file, into an experiment.

    Parameters
    ----------
    experiment : Experiment
    site : Path or None
        Experiment file of the site.
    forcing : Path or None
        In the place of the record, read as ``[data]`` says; for JULES in that of its driving file.

    Returns
    -------
    Experiment

    Raises
    ------
    BadInput
        If the site's file is none of an experiment, or there is no record whose place the file could take.
    """
    if site is not None:
        own = load_experiment(site)
        given = {name: getattr(own, name) for name in _OF_A_SITE if name in own.model_fields_set}
        experiment = experiment.model_copy(update=given)
    if forcing is None:
        return experiment
    if experiment.run is not None and experiment.run.model == "jules":
        section = experiment.required(experiment.jules, "jules")
        drive = {**section.set.get("jules_drive", {}), "file": str(forcing.resolve())}
        changed = JulesSection.model_validate({**section.model_dump(), "set": {**section.set, "jules_drive": drive}})
        return experiment.model_copy(update={"jules": changed})
    if experiment.data is None:
        raise BadInput(
            "there is no record whose place the forcing file could take",
            where=f"{experiment.file}, ensemble.forcing",
            remedy="add [data], which says how the files are read",
        )
    return experiment.model_copy(update={"data": experiment.data.model_copy(update={"path": forcing})})


def member_experiment(experiment: Experiment, member: Member) -> Experiment:
    """Give the experiment of a member, but for its draws.

    Raises
    ------
    BadInput
        As :func:`site_experiment` and :func:`~jules_ml.ensemble.parameters.with_values`.
    """
    placed = site_experiment(experiment, member.site, member.forcing)
    return with_values(placed, member.values, run_namelists(placed))


def run_namelists(experiment: Experiment) -> NamelistFolder | None:
    """Namelists of the run folder, where the model is JULES."""
    if experiment.run is None or experiment.run.model != "jules":
        return None
    section = experiment.required(experiment.jules, "jules")
    return _namelists(section.folder, section.namelists)


@lru_cache(maxsize=16)
def _namelists(folder: Path, directory: str | None) -> NamelistFolder:
    return read_run_folder(folder, directory).namelists
