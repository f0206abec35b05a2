"""Notes on the respiration of the members of an ensemble with learned respiration."""

from __future__ import annotations

from jules_ml.column.antecedent import omitted_drivers
from jules_ml.column.learned_rate import with_learned_rate
from jules_ml.ensemble.member_experiment import site_experiment
from jules_ml.experiment import Experiment

#: Rates of ``JULES_SOIL_BIOGEOCHEM``.
_RATES = ("kaps", "kaps_4pool", "kaps_roth")


def rate_notes(experiment: Experiment) -> list[str]:
    """Describe the respiration rate of the members, and what they leave out of the module.

    Parameters
    ----------
    experiment : Experiment
        Experiment of the ensemble.

    Returns
    -------
    list of str
        Empty without learned respiration. For the column the rate at each site, by the median of the module; where a rate is a parameter
        of the ensemble, its effect on the learned rate.

    Raises
    ------
    BadInput
        If the module or an experiment file of a site cannot be read.
    """
    folder, section = experiment.modules.respiration, experiment.ensemble
    if folder is None or section is None:
        return []
    jules = experiment.run is not None and experiment.run.model == "jules"
    notes: list[str] = []
    if not jules:
        notes += omitted_drivers(folder)
        for site in section.sites or (None,):
            where = "" if site is None else f"{site.stem}: "
            notes += [f"{where}{note}" for note in with_learned_rate(site_experiment(experiment, site, None))[1]]
    if experiment.modules.base_rate == "jules":
        return notes
    for parameter in section.parameters:
        if jules and parameter.parameter.lower() in _RATES:
            by = "a factor of JULES's rate" if parameter.factor else "the rate"
            notes.append(
                f"{parameter.parameter} is a parameter, so that no member has the base rate of {folder.name}: its value is {by}"
            )
        elif not jules and parameter.parameter == "carbon.kaps":
            effect = "multiplies" if parameter.factor else "replaces"
            notes.append(f"carbon.kaps is a parameter, whose value {effect} the base rate of {folder.name}")
    return notes
