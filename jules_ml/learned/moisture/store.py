"""Conversion of a soil-moisture module to tensors and a card, and back; without netCDF, since a running JULES loads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.boosting import BOOSTING, BoostedTrees
from jules_ml.learned.moisture.combination import Combination
from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.moments_model import MomentsModel
from jules_ml.learned.moisture.moments_regression import MomentsRegression
from jules_ml.learned.moisture.network import LearnedMoisture
from jules_ml.learned.moisture.stored_site import StoredSite
from jules_ml.learned.store import read_module_folder

#: Distance within which a position is assigned to a site of the module [degree].
_NEAR = 0.1
#: Kind of module in the card.
KIND = "moisture"


def state_of(ensemble: MoistureEnsemble) -> dict[str, Tensor]:
    """Return the weights of all members by member and name, and the trees of gradient boosting."""
    weights = {
        f"{i}.{name}": value for i, member in enumerate(ensemble.members) for name, value in member.state_dict().items()
    }
    trees = {} if ensemble.boosting is None else ensemble.boosting.to_state()
    return weights | {f"{BOOSTING}.{name}": value for name, value in trees.items()}


def card_of_ensemble(ensemble: MoistureEnsemble) -> dict[str, Any]:
    """Return the entries of the card that are needed to load the ensemble, in addition to the weights."""
    return {
        "module": KIND,
        "settings": ensemble.settings.model_dump(mode="json"),
        "inputs": {"dynamic": list(ensemble.dynamic), "static": list(ensemble.static)},
        "known": {name: site.to_card() for name, site in ensemble.sites.items()},
        "level_guess": None
        if ensemble.moments_model is None
        else [each.to_card() for each in ensemble.moments_model.regressions],
        "level_fallbacks": None
        if ensemble.moments_model is None
        else [[each.to_card() for each in family] for family in ensemble.moments_model.fallbacks],
        "intervals": {
            "seen": list(ensemble.trained_quantiles),
            "unseen": list(ensemble.combination.new_site_quantiles),
        },
        BOOSTING: None
        if ensemble.boosting is None
        else {
            "names": list(ensemble.boosting.names),
            "baseline": ensemble.boosting.baseline,
            "depth": ensemble.boosting.depth,
            "deepest": ensemble.boosting.deepest,
        },
        "combination": ensemble.combination.to_card(),
        "validation": dict(ensemble.validation),
    }


def load_moisture(folder: str | Path) -> tuple[MoistureEnsemble, dict[str, Any]]:
    """Read a soil-moisture module.

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
    """Create the ensemble from the weights of :func:`state_of` and the card of :func:`card_of_ensemble`."""
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
    regressions = card["level_guess"]
    intervals = card["intervals"]
    return MoistureEnsemble(
        members=tuple(members),
        settings=settings,
        dynamic=dynamic,
        static=static,
        sites={name: StoredSite.from_card(entry) for name, entry in card["known"].items()},
        moments_model=None
        if regressions is None
        else MomentsModel(
            tuple(MomentsRegression.from_card(each) for each in regressions),
            # modules of earlier versions have none
            tuple(
                tuple(MomentsRegression.from_card(each) for each in family)
                for family in card.get("level_fallbacks") or ()
            ),
        ),
        boosting=_boosting(state, card),
        combination=_combination(card),
        trained_quantiles=(intervals["seen"][0], intervals["seen"][1]),
        validation=card["validation"],
    )


def _boosting(state: Mapping[str, Tensor], card: Mapping[str, Any]) -> BoostedTrees | None:
    """Gradient boosting of a module; modules of earlier versions have none."""
    entry = card.get(BOOSTING)
    if entry is None:
        return None
    prefix = f"{BOOSTING}."
    trees = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    return BoostedTrees.from_state(
        trees, names=entry["names"], baseline=entry["baseline"], depth=entry["depth"], deepest=entry["deepest"]
    )


def _combination(card: Mapping[str, Any]) -> Combination:
    """Weights and scales at sites that were not trained on; modules of earlier versions have quantiles alone."""
    unseen = (card["intervals"]["unseen"][0], card["intervals"]["unseen"][1])
    if card.get("combination") is not None:
        return Combination.from_card(card["combination"], unseen)
    return Combination(new_site_quantiles=unseen, adapted_quantiles=unseen)


def site_at(card: Mapping[str, Any], latitude: float, longitude: float) -> str | None:
    """Return the name of the module's site at a position [degree]; None where there is none within 0.1 degree."""
    for name, entry in card["sites"].items():
        if (
            entry["latitude"] is not None
            and abs(entry["latitude"] - latitude) < _NEAR
            and abs((entry["longitude"] - longitude + 180.0) % 360.0 - 180.0) < _NEAR
        ):
            return str(name)
    return None
