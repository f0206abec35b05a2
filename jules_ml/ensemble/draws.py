"""Single draws of learned modules, used in place of their median."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.jules.export.map_file import member_maps
from jules_ml.learned.hydraulics.store import load_hydraulics
from jules_ml.learned.respiration.network import LearnedRespiration
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.learned.respiration.tables import CurveTable, learned_tables
from jules_ml.learned.store import read_module_folder, write_module_folder
from jules_ml.physics.column import Factors, RespirationFactors, SoilProperties

#: Parameters of learned respiration that have one row per draw.
_BY_DRAW = ("log_f", "log_g", "log_level")


def drawn_respiration(module: LearnedRespiration, draw: int) -> LearnedRespiration:
    """Return a module that has one draw's curves and base respiration as its median.

    Parameters
    ----------
    module : LearnedRespiration
    draw : int
        Number of the draw, from 0.
    """
    state = {name: value for name, value in module.state_dict().items() if not name.startswith("networks.")}
    state["level"] = torch.exp(module.log_level[draw])
    return LearnedRespiration.from_state(
        {name: value[draw : draw + 1] if name in _BY_DRAW else value for name, value in state.items()}
    )


def drawn_tables(folder: Path, draws: Sequence[int]) -> list[tuple[CurveTable, CurveTable]]:
    """Curve tables f and g of several draws of a module folder."""
    module, settings, _ = load_respiration(folder)
    return [learned_tables(drawn_respiration(module, draw), settings) for draw in draws]


def write_drawn_module(folder: Path, draw: int, out: Path) -> Path:
    """Write one draw of learned respiration as a module folder, which JULES can use."""
    import xarray as xr

    module, _, _ = load_respiration(folder)
    _, card = read_module_folder(folder, kind="respiration")
    entries = {key: value for key, value in card.items() if key != "card_version"}
    return write_module_folder(
        out,
        state=drawn_respiration(module, draw).state_dict(),
        card={**entries, "draw": draw},
        scores={},
        predictions=xr.Dataset(),
    )


def curves_by_column(tables: Sequence[tuple[CurveTable, CurveTable]], index: Sequence[int]) -> RespirationFactors:
    """Respiration factors of a batch in which each column has its own curves.

    Parameters
    ----------
    tables : sequence of (CurveTable, CurveTable)
        f and g of each draw, all on the same nodes.
    index : sequence of int, shape (column,)
        Index of each column's tables.

    Returns
    -------
    callable
        As returned by :func:`~jules_ml.column.learned_respiration.curve_factors`, for columns in this order.
    """
    variable = tables[0][0].x
    rows = torch.tensor(list(index))
    f, g = (_lookup([pair[k] for pair in tables], rows) for k in (0, 1))

    def factors(sthu: Tensor, sthf: Tensor, t_soil: Tensor, soil: SoilProperties) -> Factors:
        wetness = sthu * soil.sm_sat if variable == "theta" else sthu + sthf if variable == "sthu+sthf" else sthu
        return Factors(fsth=f(wetness), ftemp=g(t_soil))

    return factors


def _lookup(tables: Sequence[CurveTable], rows: Tensor) -> Callable[[Tensor], Tensor]:
    """Interpolate linearly, each column in its own table; the tables are concatenated."""
    first = tables[0]
    length = len(first.y)
    flat = torch.cat([torch.tensor(table.y) for table in tables])
    start = rows * length
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
        """Return the number of draws; see :class:`jules_ml.learned.uses.Draws`."""
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
    """Draws of learned hydraulics: one soil of its soil ensemble, or that of one member of its network ensemble."""

    ways = ("ancillary",)

    def count(self, folder: Path) -> int:
        """Return the number of draws; see :class:`jules_ml.learned.uses.Draws`."""
        return len(load_hydraulics(folder)[0].level)

    def check(self, experiment: Experiment) -> None:
        """Refuse an experiment that also names a file of soil properties, or a folder of a map without its members."""
        section, module = experiment.jules, experiment.modules.hydraulics
        if section is None or section.ancillary is None or module is None:
            return
        if not has_map(experiment):
            raise BadInput(
                f"soil properties are given twice: by draws of hydraulics and by {section.ancillary.name}",
                where=f"{experiment.file}, jules.ancillary",
                remedy="remove jules.ancillary, or 'hydraulics' from ensemble.draws; for draws of a map give the folder that "
                "'jules-ml export --to ancillary --grid --members' wrote",
            )
        maps, draws = len(member_maps(section.ancillary)), self.count(module)
        if maps != draws:
            raise BadInput(
                f"the folder has maps of {maps or 'no'} members, and {module.name} has {draws}",
                where=f"{experiment.file}, jules.ancillary",
                remedy=f"export {module.name} again with --to ancillary --grid and --members",
            )

    def put(self, experiment: Experiment, draw: int, folder: Path) -> Experiment:
        """Name the map of the draw; without maps ``[soil]`` of every member already has the soil of its draw."""
        section = experiment.jules
        if section is None or section.ancillary is None or not has_map(experiment):
            return experiment
        file = member_maps(section.ancillary)[draw]
        return experiment.model_copy(
            update={
                "jules": section.model_copy(update={"ancillary": file}),
                "modules": experiment.modules.model_copy(update={"hydraulics": None}),
            }
        )


def has_map(experiment: Experiment) -> bool:
    """Whether ``[jules] ancillary`` is the folder of an exported map."""
    section = experiment.jules
    return section is not None and section.ancillary is not None and section.ancillary.is_dir()


RESPIRATION = RespirationDraws()
HYDRAULICS = HydraulicsDraws()
