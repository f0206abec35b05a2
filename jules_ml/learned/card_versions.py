"""Conversion of the cards of earlier versions to the current version when a module folder is read.

Version 2 has static inputs by the names and in the units of :data:`~jules_ml.experiment.place.PROPERTIES`. Version 3 has the training
days of each site, see :mod:`jules_ml.learned.training_days`. Version 4 has checksums, see :mod:`jules_ml.learned.checksums`. Weights
need no conversion, since the scaled inputs of a network are unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pandas as pd

from jules_ml.learned.training_days import TRAINING_DAYS

#: Version of the card.
CARD_VERSION: Final = 4
#: First version with checksums.
FIRST_WITH_CHECKSUMS: Final = 4

#: Static inputs of version 1 by kind: current name, and the factor that converts a value to the current unit.
_MOISTURE: Final[Mapping[str, tuple[str, float]]] = {
    "clay": ("clay", 0.01),
    "sand": ("sand", 0.01),
    "bulk_density": ("bulk_density", 1000.0),
    "soc": ("soc_stock", 1.0),
    "precip_year": ("precip_annual", 1.0),
    "trees": ("frac_tree", 1.0),
    "grass": ("frac_grass", 1.0),
    "bare": ("frac_bare", 1.0),
    "lst_excess": ("lst_excess_mean", 1.0),
    "lst_range": ("lst_excess_std", 1.0),
}
_HYDRAULICS: Final[Mapping[str, tuple[str, float]]] = {
    "soc": ("soc_density", 1.0),
    "t_air": ("t_air_mean", 1.0),
    "precip": ("precip_annual", 1.0),
    "dryness": ("dryness_index", 1.0),
    "t_range": ("t_air_diurnal_range", 1.0),
    "swi": ("swi_variation", 1.0),
    "lst_excess": ("lst_excess_warm_mean", 1.0),
    "lst_spread": ("lst_excess_warm_std", 1.0),
    "tree": ("frac_tree", 1.0),
    "bare": ("frac_bare", 1.0),
}
_CARBON: Final[Mapping[str, tuple[str, float]]] = {
    "t_mean": ("t_air_mean", 1.0),
    "t_season": ("t_air_seasonality", 1.0),
    "precip": ("precip_annual", 1.0),
    "tree": ("frac_tree", 1.0),
    "bare": ("frac_bare", 1.0),
}

_Table = Mapping[str, tuple[str, float]]


def current_card(card: Mapping[str, Any]) -> dict[str, Any] | None:
    """Convert a card to the current version.

    Parameters
    ----------
    card : mapping
        Contents of ``card.json``.

    Returns
    -------
    dict or None
        None where the version is unknown.
    """
    version, kind, converted = card.get("card_version"), str(card.get("module")), dict(card)
    # True and 1.0 are equal to 1
    if type(version) is not int or version not in range(1, CARD_VERSION + 1):
        return None
    if version == 1 and kind in _FROM_VERSION_1:
        converted = _FROM_VERSION_1[kind](converted)
    if version in (1, 2) and kind in _TRAINING_DAYS_OF:
        days_of = _TRAINING_DAYS_OF[kind]
        sites = {site: {TRAINING_DAYS: days_of(entry), **entry} for site, entry in converted.get("sites", {}).items()}
        converted |= {"sites": sites} if "sites" in converted else {}
    return converted | {"card_version": CARD_VERSION}


def _moisture(card: dict[str, Any]) -> dict[str, Any]:
    inputs = card["inputs"]
    inputs = {**inputs, "static": [_name(name, _MOISTURE) for name in inputs["static"]]}
    sites = {
        key: {site: entry | {"static": _values(entry["static"], _MOISTURE)} for site, entry in card[key].items()}
        for key in ("known", "sites")
    }
    regressions = card["level_guess"]
    return card | {
        "inputs": inputs,
        **sites,
        "level_guess": None if regressions is None else [_moments_regression(each) for each in regressions],
    }


def _moments_regression(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Regression of the moments of soil moisture: the scaling of its predictors has their units."""
    factors = [_MOISTURE.get(name, ("", 1.0))[1] for name in entry["names"]]
    scaling = {
        key: [factor * value for factor, value in zip(factors, entry[key], strict=True)] for key in ("centre", "width")
    }
    return {**entry, **scaling, "names": [_name(name, _MOISTURE) for name in entry["names"]]}


def _hydraulics(card: dict[str, Any]) -> dict[str, Any]:
    sites = {
        site: entry | {"inputs": _values(entry["inputs"], _HYDRAULICS)} for site, entry in card.get("sites", {}).items()
    }
    card = _without(card, "inputs", "t_air_above")
    if "t_soil_above" in card["settings"]:
        frozen_below = card["settings"]["t_soil_above"]
        card = _without(card, "t_soil_above")
        card["settings"]["frozen_below"] = frozen_below
    return card | {
        "inputs": {_name(name, _HYDRAULICS): entry for name, entry in card["inputs"].items()},
        **({"sites": sites} if "sites" in card else {}),
    }


def _carbon(card: dict[str, Any]) -> dict[str, Any]:
    if "settings" not in card:
        return card
    sites = {
        site: entry | {"soc": None if entry["soc"] is None else 0.001 * entry["soc"]}
        for site, entry in card["sites"].items()
    }
    return _without(card, "soc", "soc_units", "bulk_density", "tree", "bare") | {
        "inputs": {_name(name, _CARBON): entry for name, entry in card["inputs"].items()},
        "sites": sites,
    }


def _respiration(card: dict[str, Any]) -> dict[str, Any]:
    porosity = card["settings"].get("porosity", {})
    return _without(card, "porosity") | {"porosity": {**card["porosity"], **porosity}}


def _without(card: dict[str, Any], *names: str) -> dict[str, Any]:
    """Card without some of its settings."""
    return card | {"settings": {name: value for name, value in card["settings"].items() if name not in names}}


def _name(name: str, table: _Table) -> str:
    return table.get(name, (name, 1.0))[0]


def _values(values: Mapping[str, float | None], table: _Table) -> dict[str, float | None]:
    """Properties of a site by their current names, in their current units."""
    converted: dict[str, float | None] = {}
    for old, value in values.items():
        name, factor = table.get(old, (old, 1.0))
        converted[name] = None if value is None else factor * value
    return converted


def _first_to_last(entry: Mapping[str, Any]) -> list[list[str]]:
    """Training days of a site of version 2 of respiration or moisture: listed days, or all from the first to the last."""
    if "days" in entry:
        return [[day, day] for day in entry["days"]]
    if "first" not in entry:
        return []
    first, last = (pd.Timestamp(entry[key]) for key in ("first", "last"))
    return [[f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"]]


def _from_start(entry: Mapping[str, Any]) -> list[list[str]]:
    """Training days of a site of version 2 of hydraulics: all days of the record, which starts with a local day at a time in UTC."""
    first = (pd.Timestamp(entry["start"]) + pd.Timedelta(hours=12)).floor("D")
    # a card of version 1 has no length
    last = first + pd.Timedelta(days=max(entry.get("days", 1) - 1, 0))
    return [[f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"]]


_TRAINING_DAYS_OF: Final[Mapping[str, Callable[[Mapping[str, Any]], list[list[str]]]]] = {
    "respiration": _first_to_last,
    "moisture": _first_to_last,
    "hydraulics": _from_start,
}
_FROM_VERSION_1: Final[Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "respiration": _respiration,
    "moisture": _moisture,
    "hydraulics": _hydraulics,
    "carbon": _carbon,
}
