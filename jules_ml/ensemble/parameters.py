"""What a member's values change: keys of the experiment, or entries of JULES's namelists."""

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

#: Sections whose numbers may differ within a batch of columns; all others are the same for all columns.
PERTURBED = ("soil", "surface", "carbon", "run")
#: Keys in them that are not the column's own: its structure, and constants of all columns.
_FIXED = ("soil.dzsoil", "soil.soilhc_method", "soil.l_soil_sat_down", "surface.co2", "soil.texture.topsoil_depth")


def with_values(experiment: Experiment, values: Mapping[str, float], namelists: NamelistFolder | None) -> Experiment:
    """Give the experiment of a member.

    Parameters
    ----------
    experiment : Experiment
        With ``[ensemble]``.
    values : mapping of str to float
        By the names of its parameters.
    namelists : NamelistFolder or None
        Of the run folder of JULES, for parameters in groups.

    Returns
    -------
    Experiment

    Raises
    ------
    BadInput
        If a parameter is not known, has no such index, or may not have the value.
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
    """Refuse parameters that are not known, before anything is run.

    Raises
    ------
    BadInput
        As :func:`with_values`.
    """
    assert experiment.ensemble is not None
    seen: set[tuple[str | None, str | None, str, int | None]] = set()
    for parameter in experiment.ensemble.parameters:
        target = (parameter.file, parameter.group, parameter.parameter, parameter.index)
        if target in seen and not parameter.factor:
            raise BadInput(
                f"{parameter.parameter} is given twice, and the last would undo the others",
                where=_place(experiment, parameter),
                remedy="leave one out, or have the later one multiply by factor = true",
            )
        seen.add(target)
        jules = experiment.run is not None and experiment.run.model == "jules"
        if jules and parameter.group is None:
            raise BadInput(
                "a parameter of JULES needs the group of its namelist",
                where=_place(experiment, parameter),
                remedy="give group, as jules_soil_props, and file where that is not enough",
            )
        if not jules and parameter.group is not None:
            raise BadInput(
                f"group {parameter.group} is of JULES's namelists, and the model is the column",
                where=_place(experiment, parameter),
                remedy='give parameter as a key of this file, as soil.properties.sathh, or set run.model = "jules"',
            )
        middle = 1.0 if parameter.mean is None else parameter.mean
        for value in parameter.values or parameter.bounds or (middle,):
            if parameter.group is None:
                _with_key(experiment, parameter, value)
            else:
                _with_entry(experiment, parameter, value, namelists)


def _place(experiment: Experiment, parameter: ParameterSection) -> str:
    return f"{experiment.file}, ensemble.parameters, {parameter.label}"


# --- keys of the experiment


def _with_key(experiment: Experiment, parameter: ParameterSection, value: float) -> Experiment:
    top, *path = parameter.parameter.split(".")
    within = top in PERTURBED and path and (top != "run" or path[0] == "initial")
    if not within or any(parameter.parameter == fixed for fixed in _FIXED):
        raise BadInput(
            f"'{parameter.parameter}' is no parameter of the column",
            where=_place(experiment, parameter),
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
            where=_place(experiment, parameter),
            remedy="give bounds within what the key may be",
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
    chosen_above: bool = False,
) -> None:
    """Change one leaf of a section's tree; ``chosen_above`` where the index has chosen one of several tables."""
    name, *rest = path
    if name not in node:
        near = difflib.get_close_matches(name, list(node), n=1)
        raise BadInput(
            f"'{parameter.parameter}' is no key of the experiment",
            where=_place(experiment, parameter),
            remedy=f"write '{near[0]}' for '{name}', if that was meant" if near else f"use one of {', '.join(node)}",
        )
    below = node[name]
    if rest:
        chosen = _chosen(below, getattr(model, name), parameter, experiment)
        several = isinstance(below, tuple)
        for tree, section in chosen:
            _change(tree, section, rest, parameter, value, experiment, layers, chosen_above=several)
        return
    if isinstance(below, tuple) and not isinstance(getattr(model, name)[0], BaseModel):
        full = list(below) * layers if len(below) == 1 else list(below)
        at = range(len(full)) if parameter.index is None else [parameter.index - 1]
        if parameter.index is not None and parameter.index > len(full):
            raise _no_such_index(parameter, len(full), experiment)
        for k in at:
            full[k] = full[k] * value if parameter.factor else value
        node[name] = tuple(full)
        return
    if isinstance(below, dict | str | bool) or (below is None and parameter.factor) or isinstance(below, tuple):
        raise BadInput(
            f"'{parameter.parameter}' is no number",
            where=_place(experiment, parameter),
            remedy="give it a value in the experiment, or another key",
        )
    # of a tile the index has chosen which; a number by itself has none to choose from
    if parameter.index is not None and not chosen_above:
        raise _no_such_index(parameter, 1, experiment)
    node[name] = below * value if parameter.factor else value


def _chosen(
    tree: Any, model: Any, parameter: ParameterSection, experiment: Experiment
) -> list[tuple[dict[str, Any], BaseModel]]:
    """The table below a key; of a list of tables, the one by its index, or all."""
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
        f"'{parameter.parameter}' is no key of the experiment, or its section is not given",
        where=_place(experiment, parameter),
        remedy="give that section, or perturb what stands there",
    )


def _no_such_index(parameter: ParameterSection, n: int, experiment: Experiment) -> BadInput:
    return BadInput(
        f"index is {parameter.index}, and {parameter.parameter} has {n} values",
        where=_place(experiment, parameter),
        remedy=f"give an index from 1 to {n}, or none for all of them",
    )


# --- entries of namelists


def _with_entry(
    experiment: Experiment, parameter: ParameterSection, value: float, namelists: NamelistFolder | None
) -> Experiment:
    section = experiment.required(experiment.jules, "jules")
    assert parameter.group is not None
    group, entry = parameter.group.lower(), parameter.parameter.lower()
    there = section.set.get(group, {}).get(entry)
    if there is None:
        assert namelists is not None
        there = _entry(experiment, parameter, namelists)
    values = list(there) if isinstance(there, list | tuple) else [there]
    if parameter.index is not None and parameter.index > len(values):
        raise _no_such_index(parameter, len(values), experiment)
    for k in range(len(values)) if parameter.index is None else [parameter.index - 1]:
        old = values[k]
        if isinstance(old, bool) or not isinstance(old, int | float):
            raise BadInput(
                f"{entry} of &{group.upper()} is no number, but {old!r}",
                where=_place(experiment, parameter),
                remedy="perturb an entry that holds a number",
            )
        values[k] = old * value if parameter.factor else value
    changed = {**section.set, group: {**section.set.get(group, {}), entry: tuple(values)}}
    if len(values) == 1:
        changed[group][entry] = values[0]
    return experiment.model_copy(
        update={"jules": JulesSection.model_validate({**section.model_dump(), "set": changed})}
    )


@lru_cache(maxsize=16)
def _groups(namelists: NamelistFolder, file: str | None) -> dict[str, dict[str, Any]]:
    """Groups of a run folder, or of one of its files: parsed once for all members."""
    return {name: values for found, name, values in namelists.groups() if file in (None, found)}


def _entry(experiment: Experiment, parameter: ParameterSection, namelists: NamelistFolder) -> Any:
    """What stands in the namelists."""
    assert parameter.group is not None
    group, entry = parameter.group.lower(), parameter.parameter.lower()
    groups = _groups(namelists, parameter.file)
    if group not in groups:
        near = difflib.get_close_matches(group, list(groups), n=1)
        raise BadInput(
            f"there is no group &{group.upper()} in {parameter.file or 'the namelists'}",
            where=_place(experiment, parameter),
            remedy=f"write '{near[0]}', if that was meant" if near else f"look into {namelists.where}",
        )
    if entry not in groups[group]:
        near = difflib.get_close_matches(entry, list(groups[group]), n=1)
        raise BadInput(
            f"&{group.upper()} has no entry {entry}",
            where=f"{_place(experiment, parameter)}; {namelists.place(group)}",
            remedy=f"write '{near[0]}', if that was meant"
            if near
            else f"write {entry} with its usual value into the namelist, or perturb one of {', '.join(groups[group])}",
        )
    return groups[group][entry]
