"""Soil properties by learned hydraulics, which replace those of ``[soil]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import xarray as xr

from jules_ml.column.soil_processes import soil_switches
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.sections import SoilSection, SoilValues
from jules_ml.learned.hydraulics.network import LearnedHydraulics, input_table
from jules_ml.learned.hydraulics.places import properties_at
from jules_ml.learned.hydraulics.site import hourly_weather, network_inputs, weather_inputs
from jules_ml.learned.hydraulics.store import load_hydraulics

#: Days of a record below which the user is warned that climate statistics are not those of a year.
_LEAST_DAYS: Final = 360


def with_learned_soil(
    experiment: Experiment,
    *,
    record: xr.Dataset | None = None,
    dzsoil: Sequence[float] | None = None,
    draw: int | None = None,
) -> tuple[Experiment, list[str]]:
    """Replace ``[soil.properties]`` of an experiment by the soil of ``[modules] hydraulics``.

    A training site of the module gets the soil that was fitted there. Any other site gets the soil predicted from its static inputs: the
    record's weather, ``[place]``, ``[soil.texture]`` and ``[surface]``, as far as the experiment has them.

    Parameters
    ----------
    experiment : Experiment
        With or without ``[modules] hydraulics``.
    record : xarray.Dataset, optional
        Site dataset; by default that of ``[data]`` if the experiment has this section.
    dzsoil : sequence of float, optional
        Layer thicknesses [m] for an experiment without ``[soil]``.
    draw : int, optional
        Index of a soil of the soil ensemble, or of a member of the network ensemble; by default the learned soil, the mean of all members.

    Returns
    -------
    Experiment
        Unchanged if ``[modules]`` names no hydraulics.
    list of str
        Notes for the user.

    Raises
    ------
    BadInput
        If the folder has no learned hydraulics, or the record cannot be read.
    """
    folder = experiment.modules.hydraulics
    if folder is None:
        return experiment, []
    network, card = load_hydraulics(folder)
    if record is None and experiment.data is not None:
        record = experiment.record()
    name = experiment.file.stem if record is None else str(record.attrs.get("site", experiment.file.stem))
    name = experiment.site.name or name
    if name in card["sites"]:
        # unknown inputs are null in the card
        inputs = {key: np.nan if value is None else value for key, value in card["sites"][name]["inputs"].items()}
        notes = [f"soil of {folder.name}, as fitted at {name}"]
    else:
        inputs, input_notes = _inputs(experiment, record)
        range_notes = _outside_training_range(network, inputs, card)
        notes = [f"soil of {folder.name}, predicted from the static inputs of {name}", *input_notes, *range_notes]
        unknown = [each for each in network.inputs if not np.isfinite(inputs.get(each, np.nan))]
        if unknown:
            notes.append(f"unknown inputs, replaced by the mean of the training sites: {', '.join(unknown)}")
    replaced = experiment.soil
    layers = replaced.dzsoil if replaced is not None else tuple(dzsoil or card["dzsoil"])
    places = {key: np.array([inputs.get(key, np.nan)]) for key in (*network.inputs, "soc_density")}
    soils = properties_at(network, places, layers, members=draw is not None)
    values = soils.mean if draw is None else {key: value[draw] for key, value in soils.members.items()}
    switches = {} if replaced is None else soil_switches(replaced)
    section = SoilSection(
        dzsoil=layers,
        form="van_genuchten",
        properties=SoilValues(**{key: tuple(value[:, 0].tolist()) for key, value in values.items()}),
        topmodel=None if replaced is None else replaced.topmodel,
        **switches,
    )
    return experiment.model_copy(update={"soil": section}), notes


def _outside_training_range(network: LearnedHydraulics, inputs: dict[str, float], card: Mapping[str, Any]) -> list[str]:
    """Note inputs of an untrained site that are outside the training range."""
    if len(card["sites"]) == 1:
        return [f"the module has one training site, {next(iter(card['sites']))}, and predicts the soil of that site"]
    row = input_table([inputs], network.inputs)[0]
    low, high = network.seen_min.numpy(), network.seen_max.numpy()
    outside = [
        name for name, x, least, most in zip(network.inputs, row, low, high, strict=True) if x < least or x > most
    ]
    return (
        [f"outside the training range, replaced by the nearest value within: {', '.join(outside)}"] if outside else []
    )


def _inputs(experiment: Experiment, record: xr.Dataset | None) -> tuple[dict[str, float], list[str]]:
    """Collect the static inputs of a site and notes on them; weather statistics are those of the whole record, also for a shorter run."""
    inputs: dict[str, float] = {}
    notes = []
    if record is not None:
        try:
            forcing, start = hourly_weather(experiment.model_copy(update={"run": None}), record)
        except BadInput:
            forcing, start = hourly_weather(experiment, record)
            notes.append("the record has gaps that cannot be filled: the weather statistics are those of the run")
        inputs = weather_inputs(record, forcing, start)
        days = len(forcing.t_air) // 24
        if days < _LEAST_DAYS:
            notes.append(f"the weather statistics are those of {days} days, less than a year")
    return inputs | network_inputs(experiment.properties(record)), notes
