"""Module folders of every kind that need no training, and changes of their cards."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xarray as xr
from torch import Tensor

from helpers.moisture_site import QUICK
from helpers.respiration_folder import three_draws
from jules_ml.experiment.carbon_module import CarbonSettings
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.carbon.network import CarbonRegression
from jules_ml.learned.checksums import CHECKSUMS, with_checksums
from jules_ml.learned.hydraulics.network import LearnedHydraulics
from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.network import LearnedMoisture
from jules_ml.learned.moisture.store import card_of_ensemble, state_of
from jules_ml.learned.store import write_module_folder


def write_soils(folder: Path) -> Path:
    """Write two untrained networks with inputs of carbon and climate."""
    names = ["soc_density", "t_air_mean", "precip_annual"]
    return write_module_folder(
        folder,
        state=dict(LearnedHydraulics(names, members=2, hidden=4, seed=1).state_dict()),
        card={
            "module": "hydraulics",
            "inputs": {name: {} for name in names},
            "settings": HydraulicSettings(members=2, hidden=4).model_dump(),
        },
        scores={},
        predictions=xr.Dataset(),
    )


def write_cores(folder: Path, *, soc: float = 20.0) -> Path:
    """Write the site Somewhere with 7.5 kg m-2 in its cores, and its topsoil carbon ``soc`` [g kg-1]."""
    predictions = xr.Dataset(
        {
            "cs": ("site", [7.5]),
            **{name: ("site", [soc]) for name in ("predicted", "lower", "upper")},
            **{f"bulk_density{at}": ("site", [1300.0]) for at in ("", "_at_lower", "_at_upper")},
        },
        coords={"site": ["Somewhere"]},
    )
    return write_smallest(folder, "carbon", predictions)


def write_smallest(folder: Path, kind: str, predictions: xr.Dataset | None = None, **entries: Any) -> Path:
    """Write the smallest module of a kind, with these predictions and entries of the card."""
    state, card = smallest(kind)
    return write_module_folder(
        folder,
        state=state,
        card={"module": kind, **card, **entries},
        scores={},
        predictions=xr.Dataset() if predictions is None else predictions,
    )


def smallest(kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights and card of the smallest module of a kind."""
    if kind == "respiration":
        settings = RespirationSettings(target="soil").model_dump(mode="json")
        card: dict[str, Any] = {
            "settings": settings,
            "groups": ["a tower"],
            "sites": {"a tower": {}},
            "level_prior": None,
        }
        return dict(three_draws().state_dict()), card
    if kind == "hydraulics":
        hydraulic = HydraulicSettings(members=1, hidden=1)
        return dict(LearnedHydraulics([], members=1, hidden=1).state_dict()), {
            "settings": hydraulic.model_dump(),
            "inputs": {},
        }
    if kind == "moisture":
        ensemble = MoistureEnsemble((LearnedMoisture(1, 0, QUICK),), QUICK, ("precip",), (), {})
        return state_of(ensemble), {**card_of_ensemble(ensemble), "sites": {}}
    regression = CarbonRegression(0)
    return {f"soc.{name}": value for name, value in regression.state_dict().items()}, {
        "settings": CarbonSettings().model_dump(),
        "inputs": {},
        "interval": {"quantile": 1.6, "variance": 0.1},
        "sites": {},
        "mark": None,
    }


def edit_card(folder: Path, change: Callable[[dict[str, Any]], Any], *, sealed: bool = True) -> None:
    """Change the card of a module, given with its entries as a dict, and its checksums too unless ``sealed`` is False."""
    path = folder / "card.json"
    path.write_text(json.dumps(change(json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")
    if sealed:
        seal(folder)


def seal(folder: Path) -> None:
    """Write the checksums of the files of a module as they are now; a card that is not a JSON object remains as it is."""
    path = folder / "card.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return
    if not isinstance(card, dict):
        return
    files = [file for name in card.get(CHECKSUMS) or () if (file := folder / name).is_file() and file != path]
    path.write_text(json.dumps(with_checksums(card, files)), encoding="utf-8")


def edit_settings(folder: Path, **settings: Any) -> None:
    """Change settings of the fit in the card of a module, and its checksum."""
    edit_card(folder, lambda card: card | {"settings": card["settings"] | settings})


def without_checksums(card: dict[str, Any]) -> dict[str, Any]:
    """Card as versions before 4 wrote it."""
    return {key: value for key, value in card.items() if key != CHECKSUMS}
