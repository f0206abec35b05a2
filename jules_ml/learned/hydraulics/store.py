"""Reading of module folders of learned hydraulics."""

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


def properties_at(
    folder: str | Path, sites: Sequence[HydraulicSite], dzsoil: Sequence[float]
) -> dict[str, NDArray[np.float64]]:
    """Learned soil properties of any sites, measured or not.

    Parameters
    ----------
    folder : str or Path
        Module folder.
    sites : sequence of HydraulicSite
        Their static inputs and carbon are read.
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
