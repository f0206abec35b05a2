"""One draw of a learned module in the place of its median."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.learned.hydraulics.store import load_hydraulics
from jules_ml.learned.respiration.network import LearnedRespiration
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.learned.respiration.tables import CurveTable, learned_tables
from jules_ml.learned.store import read_module_folder, write_module_folder
from jules_ml.physics.column import Factors, RespirationFactors, SoilProperties

#: What of learned respiration has a row a draw.
_BY_DRAW = ("log_f", "log_g", "log_level")


def drawn_respiration(module: LearnedRespiration, draw: int) -> LearnedRespiration:
    """Give the module with one draw's curves as its median.

    Parameters
    ----------
    module : LearnedRespiration
    draw : int
        From 0.
    """
    state = {name: value for name, value in module.state_dict().items() if not name.startswith("networks.")}
    return LearnedRespiration.from_state(
        {name: value[draw : draw + 1] if name in _BY_DRAW else value for name, value in state.items()}
    )


def drawn_tables(folder: Path, draws: Sequence[int]) -> list[tuple[CurveTable, CurveTable]]:
    """Curve tables f and g of several draws of a module folder."""
    module, settings, _ = load_respiration(folder)
    return [learned_tables(drawn_respiration(module, draw), settings) for draw in draws]


def write_drawn_module(folder: Path, draw: int, out: Path) -> Path:
    """Write one draw of learned respiration as a module folder, for a model that reads one."""
    import xarray as xr

    module, _, _ = load_respiration(folder)
    _, card = read_module_folder(folder, kind="respiration")
    kept = {key: value for key, value in card.items() if key != "card_version"}
    return write_module_folder(
        out,
        state=drawn_respiration(module, draw).state_dict(),
        card={**kept, "draw": draw},
        scores={},
        predictions=xr.Dataset(),
    )


def many_curves(tables: Sequence[tuple[CurveTable, CurveTable]], which: Sequence[int]) -> RespirationFactors:
    """Respiration factors of columns that have a curve each.

    Parameters
    ----------
    tables : sequence of (CurveTable, CurveTable)
        f and g of each draw, all on the same nodes.
    which : sequence of int, shape (column,)
        Each column's among them.

    Returns
    -------
    callable
        As :func:`~jules_ml.column.learned_respiration.curve_factors` gives it, for columns in this order.
    """
    along = tables[0][0].x
    chosen = torch.tensor(list(which))
    f, g = (_lookup([pair[k] for pair in tables], chosen) for k in (0, 1))

    def factors(sthu: Tensor, sthf: Tensor, t_soil: Tensor, soil: SoilProperties) -> Factors:
        wetness = sthu * soil.sm_sat if along == "theta" else sthu + sthf if along == "sthu+sthf" else sthu
        return Factors(fsth=f(wetness), ftemp=g(t_soil))

    return factors


def _lookup(tables: Sequence[CurveTable], which: Tensor) -> Callable[[Tensor], Tensor]:
    """Linear interpolation as of one table, each column in its own row of a flat one."""
    first = tables[0]
    length = len(first.y)
    flat = torch.cat([torch.tensor(table.y) for table in tables])
    start = which * length
    per_unit = (length - 1) / (first.x_max - first.x_min)

    def value(x: Tensor) -> Tensor:
        position = torch.clamp((x - first.x_min) * per_unit, 0.0, float(length - 1))
        left = torch.clamp(position.long(), max=length - 2)
        values = flat.to(x.dtype)
        low = values[start + left]
        return low + (position - left) * (values[start + left + 1] - low)

    return value


class RespirationDraws:
    """Draws of learned respiration: the curves and base respiration of one member of its network ensemble."""

    ways = ("hooks", "namelist")

    def count(self, folder: Path) -> int:
        """Give the number of draws; see :class:`jules_ml.learned.uses.Draws`."""
        return len(load_respiration(folder)[0].log_f)

    def check(self, experiment: Experiment) -> None:
        """Accept any experiment."""

    def put(self, experiment: Experiment, draw: int, folder: Path) -> Experiment:
        """Write one draw as a module folder, and name it under ``[modules]``."""
        module = experiment.modules.respiration
        if module is None:
            return experiment
        modules = experiment.modules.model_copy(update={"respiration": write_drawn_module(module, draw, folder)})
        return experiment.model_copy(update={"modules": modules})


class HydraulicsDraws:
    """Draws of learned hydraulics: the soil of one member of its network ensemble."""

    ways = ("ancillary",)

    def count(self, folder: Path) -> int:
        """Give the number of draws; see :class:`jules_ml.learned.uses.Draws`."""
        return len(load_hydraulics(folder)[0].level)

    def check(self, experiment: Experiment) -> None:
        """Refuse an experiment that names soil properties beside the module."""
        section = experiment.jules
        if section is not None and section.ancillary is not None:
            raise BadInput(
                f"soil properties are given twice: by draws of hydraulics and by {section.ancillary.name}",
                where=f"{experiment.file}, jules.ancillary",
                remedy="leave it or the draws out",
            )

    def put(self, experiment: Experiment, draw: int, folder: Path) -> Experiment:
        """Leave the experiment as it is: the soil of the draw is in ``[soil]`` of every member already."""
        return experiment


RESPIRATION = RespirationDraws()
HYDRAULICS = HydraulicsDraws()
