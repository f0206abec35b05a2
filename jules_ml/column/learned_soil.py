"""The soil that learned hydraulics give a site, in place of what ``[soil]`` says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
import xarray as xr

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.sections import SoilSection, SoilValues
from jules_ml.learned.hydraulics.columns import TOPSOIL_DEPTH
from jules_ml.learned.hydraulics.network import LearnedHydraulics, input_table
from jules_ml.learned.hydraulics.site import (
    CARBON_UNKNOWN,
    SUBSOIL_CARBON,
    hourly_weather,
    network_inputs,
    weather_inputs,
)
from jules_ml.learned.hydraulics.soil import learned_soil, organic_fraction
from jules_ml.learned.hydraulics.store import load_hydraulics

#: Days of a record that tell of a climate; fewer are said.
_LEAST_DAYS: Final = 360


def with_learned_soil(
    experiment: Experiment,
    *,
    record: xr.Dataset | None = None,
    dzsoil: Sequence[float] | None = None,
    draw: int | None = None,
) -> tuple[Experiment, list[str]]:
    """Put the soil of ``[modules] hydraulics`` into an experiment, as if its file had said so under ``[soil.properties]``.

    A site that the module was learned from gets the soil that was learned there; any other, that of its static inputs: the record's
    weather, ``[place]``, ``[soil.texture]`` and ``[surface]``, as far as the experiment has them.

    Parameters
    ----------
    experiment : Experiment
    record : xarray.Dataset, optional
        Site dataset; read as ``[data]`` says, where there is that, unless given.
    dzsoil : sequence of float, optional
        Layer thicknesses [m] where there is no ``[soil]``.
    draw : int, optional
        Network, from 0, whose soil it is; that of the mean of all unless given.

    Returns
    -------
    Experiment
        As it was, where ``[modules]`` names no hydraulics.
    list of str
        What was done, for the user.

    Raises
    ------
    BadInput
        If the folder is none of learned hydraulics, or the record cannot be read.
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
        # what was not known stands in the card as null
        inputs = {key: np.nan if value is None else value for key, value in card["sites"][name]["inputs"].items()}
        notes = [f"soil of {folder.name}, as learned at {name}"]
    else:
        inputs, said = _inputs(experiment, record)
        notes = [f"soil of {folder.name}, by the static inputs of {name}", *said, *_beyond(network, inputs, card)]
        unknown = [each for each in network.inputs if not np.isfinite(inputs.get(each, np.nan))]
        if unknown:
            notes.append(f"not known, and taken as the mean of the sites learned from: {', '.join(unknown)}")
    standing = experiment.soil
    layers = standing.dzsoil if standing is not None else tuple(dzsoil or card["dzsoil"])
    middle = np.cumsum(layers) - 0.5 * np.asarray(layers)
    horizon = torch.tensor(middle > TOPSOIL_DEPTH).long()
    carbon = inputs.get("soc_density", np.nan)
    carbon = carbon if np.isfinite(carbon) else CARBON_UNKNOWN
    with torch.no_grad():
        each = network(torch.tensor(input_table([inputs], network.inputs)))
    raw = each.mean(0) if draw is None else each[draw]
    organic = organic_fraction(torch.tensor([[carbon], [SUBSOIL_CARBON * carbon]], dtype=raw.dtype))
    soil = learned_soil(raw[:, horizon], organic[horizon])
    values = {**soil.properties._asdict(), "theta_r": soil.theta_r}
    switches = {} if standing is None else standing.model_dump(include={"l_soil_sat_down", "soilhc_method"})
    section = SoilSection(
        dzsoil=layers,
        form="van_genuchten",
        properties=SoilValues(**{key: tuple(value.flatten().tolist()) for key, value in values.items()}),
        **switches,
    )
    return experiment.model_copy(update={"soil": section}), notes


def _beyond(network: LearnedHydraulics, inputs: dict[str, float], card: Mapping[str, Any]) -> list[str]:
    """What the user should know of a soil that is foretold where nothing was learned."""
    if len(card["sites"]) == 1:
        return [f"it was learned at {next(iter(card['sites']))} alone, and is the soil of that place"]
    row = input_table([inputs], network.inputs)[0]
    low, high = network.seen_min.numpy(), network.seen_max.numpy()
    beyond = [
        name for name, x, least, most in zip(network.inputs, row, low, high, strict=True) if x < least or x > most
    ]
    return [f"beyond what was learned from, and taken as the nearest that was: {', '.join(beyond)}"] if beyond else []


def _inputs(experiment: Experiment, record: xr.Dataset | None) -> tuple[dict[str, float], list[str]]:
    """Static inputs; the weather's of the whole record, whatever part of it is run."""
    found: dict[str, float] = {}
    notes = []
    if record is not None:
        try:
            forcing, start = hourly_weather(experiment.model_copy(update={"run": None}), record)
        except BadInput:
            forcing, start = hourly_weather(experiment, record)
            notes.append("the record's weather has gaps that nothing fills: its statistics are those of the run")
        found = weather_inputs(record, forcing, start)
        days = len(forcing.t_air) // 24
        if days < _LEAST_DAYS:
            notes.append(f"statistics of the weather are those of {days} days, and not of a year")
    return found | network_inputs(experiment.properties(record)), notes
