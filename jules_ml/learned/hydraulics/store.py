"""Read module folders of learned hydraulics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.learned.hydraulics.columns import HydraulicSite, column_batch
from jules_ml.learned.hydraulics.network import LearnedHydraulics, input_table
from jules_ml.learned.hydraulics.report import soil_property
from jules_ml.learned.hydraulics.simulation import batch_soil
from jules_ml.learned.hydraulics.site import (
    TIMESTEP,
    common_layers,
)
from jules_ml.learned.store import (
    read_module_folder,
)
from jules_ml.physics.soil_names import LAYERED, RESIDUAL


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
    settings = HydraulicSettings(**card["settings"])
    network = LearnedHydraulics(list(card["inputs"]), members=settings.members, hidden=settings.hidden)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise BadInput(
            "the weights do not match the card", where=Path(folder), remedy="fit the module again"
        ) from error
    return network, card


def properties_at(
    folder: str | Path, sites: Sequence[HydraulicSite], dzsoil: Sequence[float]
) -> dict[str, NDArray[np.float64]]:
    """Learned soil properties of any sites, with or without measured soil moisture.

    Parameters
    ----------
    folder : str or Path
        Module folder.
    sites : sequence of HydraulicSite
        Only their static inputs and carbon are used.
    dzsoil : sequence of float
        Layer thicknesses [m].

    Returns
    -------
    dict of str to array, shape (soil, site)
        JULES's soil properties, and ``theta_r``.
    """
    network, _ = load_hydraulics(folder)
    batch = column_batch(sites, dzsoil=dzsoil, timestep=TIMESTEP, spin_up_days=0)
    with torch.no_grad():
        raw = network(torch.tensor(input_table([s.inputs for s in sites], network.inputs))).mean(0)
    soil = batch_soil(batch, raw.to(batch.dzsoil.dtype))
    return {name: soil_property(soil, name) for name in (*LAYERED, *RESIDUAL)}


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
