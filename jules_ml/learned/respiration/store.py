"""Reading of module folders of learned respiration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.network import LearnedRespiration
from jules_ml.learned.store import ASSIMILATION_PREFIX, read_module_folder


def load_respiration(folder: str | Path) -> tuple[LearnedRespiration, RespirationSettings, dict[str, Any]]:
    """Read a folder of learned respiration.

    Returns
    -------
    LearnedRespiration
        The module.
    RespirationSettings
        Settings of the fit.
    dict
        Card of the module.

    Raises
    ------
    BadInput
        If the folder contains no module of learned respiration, or is damaged.
    """
    state, card = read_module_folder(folder, kind="respiration")
    # tables of photosynthesis, where it was fitted too, are not part of the respiration curves
    module = LearnedRespiration.from_state(
        {name: value for name, value in state.items() if not name.startswith(ASSIMILATION_PREFIX)}
    )
    return module, RespirationSettings.model_validate(card["settings"]), card
