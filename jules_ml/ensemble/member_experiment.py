"""Experiment of one member: with its site, forcing file, learned soil and parameter values."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import TypeAlias

from jules_ml.column.learned_rate import with_learned_rate
from jules_ml.column.learned_soil import with_learned_soil
from jules_ml.ensemble.draws import drawn_respiration, has_map
from jules_ml.ensemble.members import Member
from jules_ml.ensemble.parameters import with_parameter_values
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.experiment.jules import JulesSection
from jules_ml.experiment.sections import CarbonSection, SoilSection
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.run_folder import read_run_folder

#: Learned soils by site, forcing file and draw, so that a worker computes each of them once.
Soils: TypeAlias = dict[tuple[Path | None, Path | None, int | None], SoilSection | None]
#: Carbon with the learned rate, likewise.
Carbons: TypeAlias = dict[tuple[Path | None, Path | None, int | None], CarbonSection | None]
#: Sections that are taken from a site's experiment file, if it has them.
_SITE_SECTIONS = ("site", "data", "forcing", "soil", "surface", "carbon", "jules")


def site_experiment(experiment: Experiment, site: Path | None, forcing: Path | None) -> Experiment:
    """Apply the sections of a site, and a forcing file, to an experiment.

    Parameters
    ----------
    experiment : Experiment
    site : Path or None
        Experiment file of the site.
    forcing : Path or None
        Replaces the record, and is read as ``[data]`` specifies; for JULES it replaces the driving file.

    Returns
    -------
    Experiment

    Raises
    ------
    BadInput
        If the site's file is not an experiment, or the forcing file has no record to replace.
    """
    if site is not None:
        own = load_experiment(site)
        sections = {name: getattr(own, name) for name in _SITE_SECTIONS if name in own.model_fields_set}
        experiment = experiment.model_copy(update=sections)
    if forcing is None:
        return experiment
    if experiment.run is not None and experiment.run.model == "jules":
        section = experiment.required(experiment.jules, "jules")
        drive = {**section.set.get("jules_drive", {}), "file": str(forcing.resolve())}
        changed = JulesSection.model_validate({**section.model_dump(), "set": {**section.set, "jules_drive": drive}})
        return experiment.model_copy(update={"jules": changed})
    if experiment.data is None:
        raise BadInput(
            "the forcing file has no record to replace",
            where=f"{experiment.file}, ensemble.forcing",
            remedy="add [data], which specifies how the files are read",
        )
    path = (forcing,) if isinstance(experiment.data.path, tuple) else forcing  # readers of several files have a tuple
    return experiment.model_copy(update={"data": experiment.data.model_copy(update={"path": path})})


def member_experiment(
    experiment: Experiment, member: Member, soils: Soils | None = None, carbons: Carbons | None = None
) -> Experiment:
    """Build the experiment of a member, except for the curves of its draw of respiration.

    Parameters
    ----------
    experiment : Experiment
        Experiment of the ensemble.
    member : Member
    soils : dict, optional
        Cache of learned soils for further members.
    carbons : dict, optional
        Cache of learned respiration rates for further members.

    Returns
    -------
    Experiment
        ``[soil]`` is the soil of the member's draw of learned hydraulics, with its parameter values; ``[modules]`` has no hydraulics. With
        a map of the members as ``[jules] ancillary`` both are unchanged.
        For the column, ``[carbon]`` has the learned rate, to which the parameter values are applied.

    Raises
    ------
    BadInput
        As :func:`site_experiment`, :func:`~jules_ml.column.learned_soil.with_learned_soil` and
        :func:`~jules_ml.ensemble.parameters.with_parameter_values`.
    """
    at_site = site_experiment(experiment, member.site, member.forcing)
    if at_site.modules.hydraulics is not None and not has_map(at_site):
        soils = {} if soils is None else soils
        draw = member.draws.get("hydraulics")
        key = (member.site, member.forcing, draw)
        if key not in soils:
            soils[key] = soil_experiment(at_site, draw).soil
        modules = at_site.modules.model_copy(update={"hydraulics": None})
        at_site = at_site.model_copy(update={"soil": soils[key], "modules": modules})
    if at_site.modules.respiration is not None and (at_site.run is None or at_site.run.model == "column"):
        carbons = {} if carbons is None else carbons
        draw = member.draws.get("respiration")
        key = (member.site, member.forcing, draw)
        if key not in carbons:
            drawn = None if draw is None else partial(drawn_respiration, draw=draw)
            carbons[key] = with_learned_rate(at_site, drawn=drawn)[0].carbon
        at_site = at_site.model_copy(update={"carbon": carbons[key]})
    return with_parameter_values(at_site, member.values, run_namelists(at_site))


def soil_experiment(experiment: Experiment, draw: int | None = None) -> Experiment:
    """Apply the soil of ``[modules] hydraulics``, or of one draw of it; without a module, or with a map, return the experiment unchanged.

    Raises
    ------
    BadInput
        As :func:`~jules_ml.column.learned_soil.with_learned_soil`.
    """
    if has_map(experiment):
        return experiment
    run, dzsoil = experiment.run, None
    if run is not None and run.model == "jules" and experiment.soil is None:
        section = experiment.required(experiment.jules, "jules")
        dzsoil = read_run_folder(section.folder, section.namelists).dzsoil
    return with_learned_soil(experiment, dzsoil=dzsoil, draw=draw)[0]


def run_namelists(experiment: Experiment) -> NamelistFolder | None:
    """Namelists of the JULES run folder; None if the model is the column."""
    if experiment.run is None or experiment.run.model != "jules":
        return None
    section = experiment.required(experiment.jules, "jules")
    return _namelists(section.folder, section.namelists)


@lru_cache(maxsize=16)
def _namelists(folder: Path, directory: str | None) -> NamelistFolder:
    return read_run_folder(folder, directory).namelists
