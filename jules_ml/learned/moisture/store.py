"""Learned soil moisture as tensors and a card, and back. Nothing here needs netCDF: a running JULES loads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.known import KnownSite
from jules_ml.learned.moisture.level import LevelGuess, LevelModel
from jules_ml.learned.moisture.network import LearnedMoisture
from jules_ml.learned.store import read_module_folder

#: A place this near to a site of the module is that site [degree].
_NEAR = 0.1
#: Kind of module that the card names.
KIND = "moisture"


def state_of(ensemble: MoistureEnsemble) -> dict[str, Tensor]:
    """Weights of all members, by member and name."""
    return {
        f"{i}.{name}": value for i, member in enumerate(ensemble.members) for name, value in member.state_dict().items()
    }


def card_of_ensemble(ensemble: MoistureEnsemble) -> dict[str, Any]:
    """What is needed beside the weights, for JSON."""
    return {
        "module": KIND,
        "settings": ensemble.settings.model_dump(mode="json"),
        "inputs": {"dynamic": list(ensemble.dynamic), "static": list(ensemble.static)},
        "known": {site: known.to_card() for site, known in ensemble.sites.items()},
        "level_guess": None
        if ensemble.level_guess is None
        else [model.to_card() for model in ensemble.level_guess.models],
        "intervals": {"seen": list(ensemble.seen), "unseen": list(ensemble.unseen)},
        "validation": dict(ensemble.validation),
    }


def load_moisture(folder: str | Path) -> tuple[MoistureEnsemble, dict[str, Any]]:
    """Read a module of soil moisture.

    Parameters
    ----------
    folder : str or Path
        Module folder.

    Returns
    -------
    ensemble : MoistureEnsemble
    card : dict

    Raises
    ------
    BadInput
        As :func:`~jules_ml.learned.store.read_module_folder`.
    """
    state, card = read_module_folder(folder, kind=KIND)
    return ensemble_of(state, card), card


def ensemble_of(state: Mapping[str, Tensor], card: Mapping[str, Any]) -> MoistureEnsemble:
    """What :func:`state_of` and :func:`card_of_ensemble` told."""
    settings = MoistureSettings.model_validate(
        {key: value for key, value in card["settings"].items() if key in MoistureSettings.model_fields}
    )
    dynamic, static = (tuple(card["inputs"][key]) for key in ("dynamic", "static"))
    members = []
    for i in range(settings.members):
        member = LearnedMoisture(len(dynamic), len(static), settings)
        prefix = f"{i}."
        member.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
        members.append(member.eval())
    guess = card["level_guess"]
    return MoistureEnsemble(
        members=tuple(members),
        settings=settings,
        dynamic=dynamic,
        static=static,
        sites={site: KnownSite.from_card(known) for site, known in card["known"].items()},
        level_guess=None if guess is None else LevelGuess(tuple(LevelModel.from_card(model) for model in guess)),
        seen=(card["intervals"]["seen"][0], card["intervals"]["seen"][1]),
        unseen=(card["intervals"]["unseen"][0], card["intervals"]["unseen"][1]),
        validation=card["validation"],
    )


def site_at(card: Mapping[str, Any], latitude: float, longitude: float) -> str | None:
    """Name of the module's site at a position [degree]; None where there is none within 0.1 degree."""
    for site, known in card["sites"].items():
        east = known["longitude"]
        if (
            known["latitude"] is not None
            and abs(known["latitude"] - latitude) < _NEAR
            and abs((east - longitude + 180.0) % 360.0 - 180.0) < _NEAR
        ):
            return str(site)
    return None
