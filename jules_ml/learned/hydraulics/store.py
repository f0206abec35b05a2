"""Reading of module folders of learned hydraulics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.learned.hydraulics.network import LearnedHydraulics
from jules_ml.learned.hydraulics.site import (
    common_layers,
)
from jules_ml.learned.store import (
    read_module_folder,
)


def load_hydraulics(folder: str | Path) -> tuple[LearnedHydraulics, dict[str, Any]]:
    """Read a fitted network and its card.

    Parameters
    ----------
    folder : str or Path
        Module folder.

    Returns
    -------
    LearnedHydraulics, dict

    Raises
    ------
    BadInput
        If the folder is none of learned hydraulics, or damaged.
    """
    state, card = read_module_folder(folder, kind="hydraulics")
    settings = HydraulicSettings(**card["settings"])
    network = LearnedHydraulics(list(card["inputs"]), members=settings.members, hidden=settings.hidden)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise BadInput(
            "weights and card do not go together", where=Path(folder), remedy="fit the module again"
        ) from error
    return network, card


def refuse_other_layers(experiments: Sequence[Experiment], card: Mapping[str, Any]) -> tuple[float, ...]:
    """Give the soil layers that experiments and a module share.

    Parameters
    ----------
    experiments : sequence of Experiment
    card : mapping
        Of the module folder.

    Returns
    -------
    tuple of float
        Thickness of the layers [m].

    Raises
    ------
    BadInput
        If the layers of the experiments are not those that the module was fitted with.
    """
    dzsoil = common_layers(experiments)
    if list(dzsoil) != card["dzsoil"]:
        raise BadInput(
            f"the layers are {list(dzsoil)} m, and the module was fitted with {card['dzsoil']} m",
            where=f"{experiments[0].file}, soil.dzsoil",
            remedy="give the layers that the module was fitted with",
        )
    return dzsoil
