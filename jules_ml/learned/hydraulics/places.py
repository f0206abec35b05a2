"""Soil of many places at once, from their static inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.learned.hydraulics.columns import TOPSOIL_DEPTH
from jules_ml.learned.hydraulics.network import LearnedHydraulics, column_table
from jules_ml.learned.hydraulics.site import DEFAULT_CARBON, SUBSOIL_CARBON
from jules_ml.learned.hydraulics.soil import LearnedSoil, learned_soil, organic_fraction
from jules_ml.learned.maps.flags import ABOVE, BELOW, INSIDE, MISSING
from jules_ml.physics.soil_names import LAYERED, RESIDUAL

_Array = NDArray[np.float64]

_NAMES: Final = (*LAYERED, *RESIDUAL)


class PlaceSoils(NamedTuple):
    """Soil properties of many places, and ``theta_r``, by JULES's names.

    Attributes
    ----------
    mean : dict of str to array, shape (layer, place)
        Soil of the ensemble: of the mean of the members' parameters.
    members : dict of str to array, shape (member, layer, place)
        Soil of each member; empty if not requested.
    """

    mean: dict[str, _Array]
    members: dict[str, _Array]


def properties_at(
    network: LearnedHydraulics,
    inputs: Mapping[str, _Array],
    dzsoil: Sequence[float],
    *,
    members: bool = False,
) -> PlaceSoils:
    """Predict the soil properties of many places.

    Parameters
    ----------
    network : LearnedHydraulics
    inputs : mapping of str to array, shape (place,)
        Static inputs by the names and in the units of :data:`~jules_ml.experiment.place.PROPERTIES`; others are ignored. An input that is
        absent or NaN is unknown.
    dzsoil : sequence of float
        Thickness of the layers [m].
    members : bool
        Also return the soil of each member of the ensemble.

    Returns
    -------
    PlaceSoils
        In JULES's units, as at a site: see :func:`~jules_ml.column.learned_soil.with_learned_soil`.
    """
    table = _table(network, inputs)
    middle = np.cumsum(dzsoil) - 0.5 * np.asarray(dzsoil)
    horizon = (middle > TOPSOIL_DEPTH).astype(np.int64)
    density = torch.tensor(np.asarray(inputs.get("soc_density", np.full(len(table), np.nan)), dtype=np.float64))
    carbon = torch.where(torch.isfinite(density), density, torch.full_like(density, DEFAULT_CARBON))
    organic = organic_fraction(torch.stack([carbon, SUBSOIL_CARBON * carbon]))
    rows = torch.tensor(table)
    with torch.no_grad():
        mean = _by_layer(learned_soil(network(rows).mean(0), organic), horizon)
        if not members:
            return PlaceSoils(mean, {})
        each = [_by_layer(learned_soil(member, organic), horizon) for member in network.draws(rows)]
    return PlaceSoils(mean, {name: np.stack([soil[name] for soil in each]) for name in _NAMES})


def _by_layer(soil: LearnedSoil, horizon: NDArray[np.int64]) -> dict[str, _Array]:
    """Values of the layers from those of topsoil and subsoil."""
    values: dict[str, Tensor] = {**soil.properties._asdict(), "theta_r": soil.theta_r}
    return {name: values[name].numpy()[horizon] for name in _NAMES}


def _table(network: LearnedHydraulics, inputs: Mapping[str, _Array]) -> _Array:
    """Array of static inputs for the network, shape (place, input); NaN where unknown."""
    count = max((len(values) for values in inputs.values()), default=0)
    return column_table(inputs, network.inputs, count=count)


def training_range(network: LearnedHydraulics, inputs: Mapping[str, _Array]) -> NDArray[np.int8]:
    """Compare static inputs with their range at the training sites.

    Parameters
    ----------
    network : LearnedHydraulics
    inputs : mapping of str to array, shape (place,)
        See :func:`properties_at`.

    Returns
    -------
    array of int8, shape (input, place)
        :data:`INSIDE`, :data:`BELOW` or :data:`ABOVE`, where the network takes the nearest value within, or :data:`MISSING`, where it takes
        the mean of the training sites.
    """
    table = _table(network, inputs)
    # maps in single precision round the value of a training site
    slack = 1e-5 * (network.seen_max - network.seen_min).numpy()
    low, high = network.seen_min.numpy() - slack, network.seen_max.numpy() + slack
    with np.errstate(invalid="ignore"):
        flags = np.select([np.isnan(table), table < low, table > high], [MISSING, BELOW, ABOVE], INSIDE)
    return flags.T.astype(np.int8)
