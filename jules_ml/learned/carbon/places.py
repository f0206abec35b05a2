"""Soil carbon of many places at once, from climate, topography and land cover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.experiment.carbon_module import CarbonSettings
from jules_ml.experiment.place import TOPSOIL_DEPTH
from jules_ml.learned.carbon.comparison import CLIMATE
from jules_ml.learned.carbon.network import CarbonRegression
from jules_ml.learned.carbon.report import mixed_density
from jules_ml.learned.carbon.signatures import SIGNATURES
from jules_ml.learned.carbon.skill import CarbonInterval
from jules_ml.learned.carbon.table import DEFAULT_SPREAD, GRAMS, LOGARITHMIC, MAX_CARBON, MIN_CARBON
from jules_ml.learned.maps.flags import ABOVE, BELOW, INSIDE, MISSING

_Array = NDArray[np.float64]

#: Standard deviations from the mean of the training sites within which an input is used.
FARTHEST: Final = 3.0


def static_inputs(card: Mapping[str, Any]) -> tuple[str, ...]:
    """Inputs of a module that do not need soil moisture."""
    return tuple(name for name in card["inputs"] if name not in SIGNATURES)


def carbon_at(state: Mapping[str, Tensor], card: Mapping[str, Any], inputs: Mapping[str, _Array]) -> dict[str, _Array]:
    """Predict the soil carbon of many places without soil moisture.

    Parameters
    ----------
    state, card : mapping
        Content of the module folder. Its regression without soil moisture is used; a module of an earlier version has none, and its
        signatures of soil moisture are replaced by their medians.
    inputs : mapping of str to array, shape (place,)
        Static inputs by the names and in the units of :data:`~jules_ml.experiment.place.PROPERTIES`; others are ignored. An input that is
        absent or NaN is unknown: the median of the training sites. One farther than :data:`FARTHEST` from their mean is the value there.
        ``bulk_density`` takes precedence over that of a mixture of organic and mineral matter.

    Returns
    -------
    dict of str to array, shape (place,)
        ``cs`` of the column [kg m-2], and ``soc_density``, ``soc_density_low`` and ``soc_density_high`` of the topsoil [kg m-3].
    """
    regression, names = _regression(state, card)
    table = _table(regression, names, inputs)
    settings = CarbonSettings(**card["settings"])
    log_soc = regression(torch.tensor(table)).numpy()
    width = card.get("climate_interval") or card["interval"]
    half = CarbonInterval(width["quantile"], width["variance"]).half_width(np.full(1, DEFAULT_SPREAD))
    measured = inputs.get("bulk_density", np.full(len(table), np.nan))

    def soc_and_density(log_value: _Array) -> tuple[_Array, _Array]:
        soc = np.clip(np.exp(log_value), GRAMS * MIN_CARBON, GRAMS * MAX_CARBON)
        return soc, np.where(np.isfinite(measured), measured, mixed_density(soc))

    (soc, density), low, high = (soc_and_density(log_soc + shift) for shift in (0.0, -half, half))
    return {
        "cs": soc * density * TOPSOIL_DEPTH / (GRAMS * settings.topsoil_share),
        "soc_density": soc * density / GRAMS,
        "soc_density_low": low[0] * low[1] / GRAMS,
        "soc_density_high": high[0] * high[1] / GRAMS,
    }


def training_range(
    state: Mapping[str, Tensor], card: Mapping[str, Any], inputs: Mapping[str, _Array]
) -> NDArray[np.int8]:
    """Compare static inputs with those of the training sites.

    Parameters
    ----------
    state, card, inputs
        As those of :func:`carbon_at`.

    Returns
    -------
    array of int8, shape (input, place)
        For :func:`static_inputs`: :data:`INSIDE`; :data:`BELOW` or :data:`ABOVE`, farther than :data:`FARTHEST` from the mean; or
        :data:`MISSING`.
    """
    regression, names = _regression(state, card)
    static = static_inputs(card)
    z = (_raw_table(names, inputs) - regression.mean.numpy()) / regression.sd.numpy()
    with np.errstate(invalid="ignore"):
        flags = np.select([np.isnan(z), z < -FARTHEST, z > FARTHEST], [MISSING, BELOW, ABOVE], INSIDE)
    return flags.T[[names.index(name) for name in static]].astype(np.int8)


def _regression(state: Mapping[str, Tensor], card: Mapping[str, Any]) -> tuple[CarbonRegression, list[str]]:
    """Regression without soil moisture, or else with it, and its inputs."""
    of = CLIMATE if any(name.startswith(f"{CLIMATE}.") for name in state) else "soc"
    names = list(static_inputs(card)) if of == CLIMATE else list(card["inputs"])
    regression = CarbonRegression(len(names))
    regression.load_state_dict({k.removeprefix(f"{of}."): v for k, v in state.items() if k.startswith(f"{of}.")})
    return regression, names


def _raw_table(names: Sequence[str], inputs: Mapping[str, _Array]) -> _Array:
    """Array of inputs, shape (place, input); NaN where unknown."""
    count = max((len(values) for values in inputs.values()), default=0)
    table = np.full((count, len(names)), np.nan)
    for k, name in enumerate(names):
        if name in inputs:
            table[:, k] = np.log(np.maximum(inputs[name], 1.0)) if name in LOGARITHMIC else inputs[name]
    return table


def _table(regression: CarbonRegression, names: Sequence[str], inputs: Mapping[str, _Array]) -> _Array:
    """Array of inputs within :data:`FARTHEST` standard deviations; NaN where unknown."""
    mean, sd = regression.mean.numpy(), regression.sd.numpy()
    return np.clip(_raw_table(names, inputs), mean - FARTHEST * sd, mean + FARTHEST * sd)
