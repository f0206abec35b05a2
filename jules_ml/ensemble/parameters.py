"""Parameter values of a member, applied to keys of the experiment or to entries of JULES's namelists."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ValidationError

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.ensemble import ParameterSection
from jules_ml.experiment.jules import JulesSection
from jules_ml.jules.namelists import NamelistFolder

#: Sections whose numbers may differ between the columns of a batch.
PERTURBED = ("soil", "surface", "carbon", "run")
#: Keys in them that are common to all columns: structure and constants.
_FIXED = (
    *("soil.dzsoil", "soil.soilhc_method", "soil.l_soil_sat_down", "soil.l_holdwater", "soil.l_dpsids_dsdz"),
    *("soil.heat_solutions", "soil.topmodel.l_wetland_unfrozen", "surface.co2", "soil.texture.topsoil_depth"),
    *(f"carbon.four_pools.{name}" for name in ("kaps_4pool", "tau_resp", "tau_lit", "triffid_period")),
)


def with_parameter_values(
    experiment: Experiment, values: Mapping[str, float], namelists: NamelistFolder | None
) -> Experiment:
    """Apply the parameter values of a member to an experiment.

    Parameters
    ----------
    experiment : Experiment
        With ``[ensemble]``.
    values : mapping of str to float
        Values by the names of the parameters.
    namelists : NamelistFolder or None
        Namelists of the JULES run folder, for parameters in namelist groups.

    Returns
    -------
    Experiment

    Raises
    ------
    BadInput
        If a parameter is unknown, has no such index, or cannot have the value.
    """
    assert experiment.ensemble is not None
    for parameter in experiment.ensemble.parameters:
        value = values[parameter.label]
        if parameter.group is None:
            experiment = _with_key(experiment, parameter, value)
        else:
            experiment = _with_entry(experiment, parameter, value, namelists)
    return experiment


def check_parameters(experiment: Experiment, namelists: NamelistFolder | None) -> None:
    """Refuse unknown parameters and impossible values, before anything is run.

    Raises
    ------
    BadInput
        As :func:`with_parameter_values`.
    """
    assert experiment.ensemble is not None
    targets: set[tuple[str | None, str | None, str, int | None]] = set()
    for parameter in experiment.ensemble.parameters:
        target = (parameter.file, parameter.group, parameter.parameter, parameter.index)
        if target in targets and not parameter.factor:
            raise BadInput(
                f"{parameter.parameter} is given twice, and the last value would replace the others",
                where=_where(experiment, parameter),
                remedy="remove one of them, or set factor = true in the later one",
            )
        targets.add(target)
        jules = experiment.run is not None and experiment.run.model == "jules"
        if jules and parameter.group is None:
            raise BadInput(
                "a parameter of JULES needs the group of its namelist",
                where=_where(experiment, parameter),
                remedy="give group, such as jules_soil_props, and file if several files have this group",
            )
        if not jules and parameter.group is not None:
            raise BadInput(
                f"group {parameter.group} is a namelist group of JULES, but the model is the column",
                where=_where(experiment, parameter),
                remedy='give parameter as a key of this file, such as soil.properties.sathh, or set run.model = "jules"',
            )
        middle = 1.0 if parameter.mean is None else parameter.mean
        for value in parameter.values or parameter.bounds or (middle,):
            if parameter.group is None:
                _with_key(experiment, parameter, value)
            else:
                _with_entry(experiment, parameter, value, namelists)


def _where(experiment: Experiment, parameter: ParameterSection) -> str:
    return f"{experiment.file}, ensemble.parameters, {parameter.label}"


# --- keys of the experiment


def _with_key(experiment: Experiment, parameter: ParameterSection, value: float) -> Experiment:
    top, *path = parameter.parameter.split(".")
    within = top in PERTURBED and path and (top != "run" or path[0] == "initial")
    if not within or any(parameter.parameter == fixed for fixed in _FIXED):
        raise BadInput(
            f"'{parameter.parameter}' is not a parameter of the column",
            where=_where(experiment, parameter),
            remedy="give a key of soil.properties, soil.texture, surface.tiles, surface.albsoil, carbon or run.initial",
        )
    section = getattr(experiment, top)
    if section is None:
        experiment.required(section, top)
    tree = section.model_dump()
    layers = len(experiment.soil.dzsoil) if experiment.soil is not None else 1
    _change(tree, section, path, parameter, value, experiment, layers)
    try:
        changed = type(section).model_validate(tree)
    except ValidationError as error:
        details = error.errors()[0]
        message = details.get("ctx", {}).get("error") or details["msg"]
        raise BadInput(
            f"{parameter.parameter} cannot be {value:g}: {message}",
            where=_where(experiment, parameter),
            remedy="give bounds or values within the range of this key",
        ) from error
    return experiment.model_copy(update={top: changed})


def _change(
    node: dict[str, Any],
    model: BaseModel,
    path: list[str],
    parameter: ParameterSection,
    value: float,
    experiment: Experiment,
    layers: int,
    *,
    index_used: bool = False,
) -> None:
    """Change one value of a section; ``index_used`` if the index has already selected one of several tables."""
    name, *rest = path
    if name not in node:
        near = difflib.get_close_matches(name, list(node), n=1)
        raise BadInput(
            f"'{parameter.parameter}' is not a key of the experiment",
            where=_where(experiment, parameter),
            remedy=f"write '{near[0]}' instead of '{name}'" if near else f"use one of {', '.join(node)}",
        )
    below = node[name]
    if rest:
        tables = _selected_tables(below, getattr(model, name), parameter, experiment)
        several = isinstance(below, tuple)
        for tree, section in tables:
            _change(tree, section, rest, parameter, value, experiment, layers, index_used=several)
        return
    if isinstance(below, tuple) and not isinstance(getattr(model, name)[0], BaseModel):
        values = list(below) * layers if len(below) == 1 else list(below)
        indices = range(len(values)) if parameter.index is None else [parameter.index - 1]
        if parameter.index is not None and parameter.index > len(values):
            raise _no_such_index(parameter, len(values), experiment)
        for k in indices:
            values[k] = values[k] * value if parameter.factor else value
        node[name] = tuple(values)
        return
    if isinstance(below, dict | str | bool) or (below is None and parameter.factor) or isinstance(below, tuple):
        raise BadInput(
            f"'{parameter.parameter}' is not a number",
            where=_where(experiment, parameter),
            remedy="give it a number in the experiment, or choose another key",
        )
    # for a list of tables the index has selected the table; a single number takes no index
    if parameter.index is not None and not index_used:
        raise _no_such_index(parameter, 1, experiment)
    node[name] = below * value if parameter.factor else value


def _selected_tables(
    tree: Any, model: Any, parameter: ParameterSection, experiment: Experiment
) -> list[tuple[dict[str, Any], BaseModel]]:
    """Return the table below a key; of a list of tables, the one with the parameter's index, or all."""
    if isinstance(tree, dict):
        return [(tree, model)]
    if isinstance(tree, tuple) and tree and isinstance(tree[0], dict):
        pairs = list(zip(tree, model, strict=True))
        if parameter.index is None:
            return pairs
        if parameter.index > len(pairs):
            raise _no_such_index(parameter, len(pairs), experiment)
        return [pairs[parameter.index - 1]]
    raise BadInput(
        f"'{parameter.parameter}' is not a key of the experiment, or its section is missing",
        where=_where(experiment, parameter),
        remedy="add the section, or choose a key that the experiment has",
    )


def _no_such_index(parameter: ParameterSection, n: int, experiment: Experiment) -> BadInput:
    return BadInput(
        f"index is {parameter.index}, but {parameter.parameter} has {n} value{'s' if n > 1 else ''}",
        where=_where(experiment, parameter),
        remedy=f"give an index from 1 to {n}, or no index for all values",
    )


# --- entries of namelists


def _with_entry(
    experiment: Experiment, parameter: ParameterSection, value: float, namelists: NamelistFolder | None
) -> Experiment:
    section = experiment.required(experiment.jules, "jules")
    assert parameter.group is not None
    group, entry = parameter.group.lower(), parameter.parameter.lower()
    current = section.set.get(group, {}).get(entry)
    if current is None:
        assert namelists is not None
        current = _entry(experiment, parameter, namelists)
    values = list(current) if isinstance(current, list | tuple) else [current]
    if parameter.index is not None and parameter.index > len(values):
        raise _no_such_index(parameter, len(values), experiment)
    for k in range(len(values)) if parameter.index is None else [parameter.index - 1]:
        old = values[k]
        if isinstance(old, bool) or not isinstance(old, int | float):
            raise BadInput(
                f"{entry} of &{group.upper()} is not a number: it is {old!r}",
                where=_where(experiment, parameter),
                remedy="choose an entry that is a number",
            )
        values[k] = old * value if parameter.factor else value
    changed_entry = tuple(values) if len(values) > 1 else values[0]
    changed = {**section.set, group: {**section.set.get(group, {}), entry: changed_entry}}
    return experiment.model_copy(
        update={"jules": JulesSection.model_validate({**section.model_dump(), "set": changed})}
    )


@lru_cache(maxsize=16)
def _groups(namelists: NamelistFolder, file: str | None) -> dict[str, dict[str, Any]]:
    """Read the groups of a run folder, or of one of its files, parsed once for all members."""
    return {name: values for file_name, name, values in namelists.groups() if file in (None, file_name)}


def _entry(experiment: Experiment, parameter: ParameterSection, namelists: NamelistFolder) -> Any:
    """Return the value of a parameter in the namelists."""
    assert parameter.group is not None
    group, entry = parameter.group.lower(), parameter.parameter.lower()
    groups = _groups(namelists, parameter.file)
    if group not in groups:
        near = difflib.get_close_matches(group, list(groups), n=1)
        raise BadInput(
            f"there is no group &{group.upper()} in {parameter.file or 'the namelists'}",
            where=_where(experiment, parameter),
            remedy=f"write '{near[0]}' if you meant that" if near else f"choose a group of {namelists.where}",
        )
    name, bracket, _ = entry.partition("(")
    if bracket:
        raise BadInput(
            f"{entry} is an element of an array",
            where=_where(experiment, parameter),
            remedy=f'write parameter = "{name.strip()}", and the number of the element as index',
        )
    if entry not in groups[group]:
        near = difflib.get_close_matches(entry, list(groups[group]), n=1)
        raise BadInput(
            f"&{group.upper()} has no entry {entry}",
            where=f"{_where(experiment, parameter)}; {namelists.place(group)}",
            remedy=f"write '{near[0]}' if you meant that"
            if near
            else f"add {entry} with its usual value to the namelist, or choose one of {', '.join(groups[group])}",
        )
    return groups[group][entry]
