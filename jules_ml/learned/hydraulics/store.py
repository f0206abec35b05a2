"""Read module folders of learned hydraulics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.learned.hydraulics.correction import network_of_card
from jules_ml.learned.hydraulics.network import LearnedHydraulics
from jules_ml.learned.hydraulics.site import common_layers
from jules_ml.learned.store import read_module_folder


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
        If the folder has no learned hydraulics, or is damaged.
    """
    state, card = read_module_folder(folder, kind="hydraulics")
    network = network_of_card(card)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise BadInput(
            "the weights do not match the card", where=Path(folder), remedy="fit the module again"
        ) from error
    return network, card


def checked_layers(experiments: Sequence[Experiment], card: Mapping[str, Any]) -> tuple[float, ...]:
    """Soil layers of experiments, checked against those of a module.

    Parameters
    ----------
    experiments : sequence of Experiment
    card : mapping
        Card of the module.

    Returns
    -------
    tuple of float
        Thickness of the layers [m].

    Raises
    ------
    BadInput
        If the layers of the experiments and of the module differ.
    """
    dzsoil = common_layers(experiments)
    if list(dzsoil) != card["dzsoil"]:
        raise BadInput(
            f"the layers are {list(dzsoil)} m, and those of the module {card['dzsoil']} m",
            where=f"{experiments[0].file}, soil.dzsoil",
            remedy="give the experiment the layers of the module",
        )
    return dzsoil
