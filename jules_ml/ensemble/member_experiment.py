"""The experiment of one member: of its site, with its learned soil and its values."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from jules_ml.column.learned_soil import with_learned_soil
from jules_ml.ensemble.members import Member
from jules_ml.ensemble.parameters import with_values
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.experiment.jules import JulesSection
from jules_ml.experiment.sections import SoilSection
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.run_folder import read_run_folder

#: Learned soils by site, forcing and draw: a worker makes each of them once.
Soils: TypeAlias = dict[tuple[Path | None, Path | None, int | None], SoilSection | None]
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


def member_experiment(experiment: Experiment, member: Member, soils: Soils | None = None) -> Experiment:
    """Give the experiment of a member, but for its draws of respiration.

    Parameters
    ----------
    experiment : Experiment
        Of the ensemble.
    member : Member
    soils : dict, optional
        Remembers learned soils from one member to the next.

    Returns
    -------
    Experiment
        With the soil of its draw of learned hydraulics under ``[soil]``, on which parameters act, and no hydraulics in ``[modules]``.

    Raises
    ------
    BadInput
        As :func:`site_experiment`, :func:`~jules_ml.column.learned_soil.with_learned_soil` and
        :func:`~jules_ml.ensemble.parameters.with_values`.
    """
    placed = site_experiment(experiment, member.site, member.forcing)
    if placed.modules.hydraulics is not None:
        soils = {} if soils is None else soils
        draw = member.draws.get("hydraulics")
        key = (member.site, member.forcing, draw)
        if key not in soils:
            soils[key] = soil_experiment(placed, draw).soil
        modules = placed.modules.model_copy(update={"hydraulics": None})
        placed = placed.model_copy(update={"soil": soils[key], "modules": modules})
    return with_values(placed, member.values, run_namelists(placed))


def soil_experiment(experiment: Experiment, draw: int | None = None) -> Experiment:
    """Put the soil of ``[modules] hydraulics``, or of one draw of it, into an experiment; as it was where there is none.

    Raises
    ------
    BadInput
        As :func:`~jules_ml.column.learned_soil.with_learned_soil`.
    """
    run, dzsoil = experiment.run, None
    if run is not None and run.model == "jules" and experiment.soil is None:
        section = experiment.required(experiment.jules, "jules")
        dzsoil = read_run_folder(section.folder, section.namelists).dzsoil
    return with_learned_soil(experiment, dzsoil=dzsoil, draw=draw)[0]


def run_namelists(experiment: Experiment) -> NamelistFolder | None:
    """Namelists of the run folder, where the model is JULES."""
    if experiment.run is None or experiment.run.model != "jules":
        return None
    section = experiment.required(experiment.jules, "jules")
    return _namelists(section.folder, section.namelists)


@lru_cache(maxsize=16)
def _namelists(folder: Path, directory: str | None) -> NamelistFolder:
    return read_run_folder(folder, directory).namelists
