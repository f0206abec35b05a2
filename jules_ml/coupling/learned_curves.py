"""Learned curves as tables for JULES."""

from __future__ import annotations

from pathlib import Path

import torch

from jules_ml.coupling.curves import CurveTable, CurveX, write_curve
from jules_ml.errors import BadInput
from jules_ml.modules.respiration import MOISTURE_NODES, TEMPERATURE_NODES, LearnedRespiration
from jules_ml.modules.respiration_settings import RespirationSettings
from jules_ml.modules.store import ASSIMILATION_PREFIX, read_module_folder
from jules_ml.physics.respiration import T_REFERENCE

#: Points of a table for each interval of the learned curve, whose logarithm is linear in between: the two then differ by < 2e-5.
_FINER = 4
#: Names of the files in the folder that is written.
FSTH_FILE, FTEMP_FILE = "fsth.nml", "ftemp.nml"


def load_respiration(folder: str | Path) -> tuple[LearnedRespiration, RespirationSettings, dict[str, object]]:
    """Read a folder of learned respiration.

    Returns
    -------
    LearnedRespiration
        The module.
    RespirationSettings
        What it was learned with.
    dict
        Its card.

    Raises
    ------
    BadInput
        If the folder is none of learned respiration, or damaged.
    """
    state, card = read_module_folder(folder, kind="respiration")
    # photosynthesis, where it was learned along, has no part in the curves
    module = LearnedRespiration.from_state(
        {name: value for name, value in state.items() if not name.startswith(ASSIMILATION_PREFIX)}
    )
    return module, RespirationSettings.model_validate(card["settings"]), card


def learned_tables(
    module: LearnedRespiration, settings: RespirationSettings, *, x: CurveX | None = None
) -> tuple[CurveTable, CurveTable]:
    """Median curves f and g as tables.

    Parameters
    ----------
    module : LearnedRespiration
    settings : RespirationSettings
        What it was learned with.
    x : {'sthu', 'sthu+sthf', 'theta'}, optional
        What JULES is to take for f's moisture: by default unfrozen water, ``sthu``, or ``theta`` where f was learned along it.

    Returns
    -------
    fsth, ftemp : CurveTable

    Raises
    ------
    BadInput
        If f was learned along another moisture than ``x``.
    """
    if settings.moisture == "relative":
        raise BadInput(
            "f was learned along relative wetness, which JULES does not know",
            remedy="fit it with moisture = 'saturation' or 'theta', or use the module by the Python hook",
        )
    natural: CurveX = "theta" if settings.moisture == "theta" else "sthu"
    along: CurveX = natural if x is None else x
    if (along == "theta") != (natural == "theta"):
        raise BadInput(
            f"f was learned along {'water content' if natural == 'theta' else 'the fraction of saturation'}, not {along}",
            remedy=f"export it with x = '{natural}', or fit it with another 'moisture'",
        )
    with torch.no_grad():
        s, t = (_finer(nodes) for nodes in (MOISTURE_NODES, TEMPERATURE_NODES))
        f, g = module.f(s), module.g(t)
    seen_s, seen_t = module.seen_moisture.tolist(), module.seen_temperature.tolist()
    return (
        CurveTable("fsth", along, 0.0, 1.0, f.numpy(), seen_s[0], seen_s[1], float(module.reference)),
        CurveTable("ftemp", "t_soil", float(t[0]), float(t[-1]), g.numpy(), seen_t[0], seen_t[1], T_REFERENCE),
    )


def export_curves(folder: str | Path, out: Path, *, x: CurveX | None = None) -> list[Path]:
    """Write the curves of a module folder as ``fsth.nml`` and ``ftemp.nml``.

    Parameters
    ----------
    folder : str or Path
        That ``jules-ml fit respiration`` wrote.
    out : Path
        Folder to write to; made where it is missing.
    x : {'sthu', 'sthu+sthf', 'theta'}, optional
        As in :func:`learned_tables`.

    Returns
    -------
    list of Path
        The two files.

    Raises
    ------
    BadInput
        If the folder is none of learned respiration, or ``out`` cannot be written.
    """
    module, settings, _ = load_respiration(folder)
    fsth, ftemp = learned_tables(module, settings, x=x)
    return [write_curve(fsth, out / FSTH_FILE), write_curve(ftemp, out / FTEMP_FILE)]


def _finer(nodes: torch.Tensor) -> torch.Tensor:
    return torch.linspace(float(nodes[0]), float(nodes[-1]), _FINER * (len(nodes) - 1) + 1, dtype=torch.float64)
