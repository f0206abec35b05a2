"""Curve tables: f and g at evenly spaced points, linear in between, as the column and the bridge evaluate them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.network import MOISTURE_NODES, TEMPERATURE_NODES, LearnedRespiration
from jules_ml.learned.respiration.nodes import place_on_line
from jules_ml.physics.respiration import T_REFERENCE

CurveName = Literal["fsth", "ftemp"]


CurveX = Literal["sthu", "sthu+sthf", "theta", "t_soil"]


#: Unit that each abscissa comes in.
UNITS: Final[dict[str, str]] = {"sthu": "1", "sthu+sthf": "1", "theta": "m3 m-3", "t_soil": "K"}


@dataclass(frozen=True, eq=False)
class CurveTable:
    """A curve at evenly spaced points.

    Attributes
    ----------
    name : {'fsth', 'ftemp'}
        Which of JULES's factors it stands for.
    x : {'sthu', 'sthu+sthf', 'theta', 't_soil'}
        What it depends on; its unit is in :data:`UNITS`.
    x_min, x_max : float
        First and last abscissa.
    y : array, shape (point,)
        Ordinates [1], finite and not negative.
    seen_min, seen_max : float
        Range of the data that it was learned from; of JULES's own curves the whole range.
    reference : float
        Abscissa at which it is one.
    """

    name: CurveName
    x: CurveX
    x_min: float
    x_max: float
    y: NDArray[np.float64]
    seen_min: float
    seen_max: float
    reference: float

    @property
    def nodes(self) -> Tensor:
        """Abscissae, shape (point,)."""
        return torch.linspace(self.x_min, self.x_max, len(self.y), dtype=torch.float64)

    def __call__(self, x: Tensor) -> Tensor:
        """Evaluate the curve.

        Parameters
        ----------
        x : Tensor
            Abscissae, in the unit of :data:`UNITS`.

        Returns
        -------
        Tensor, shape and type of ``x``
            Factor [1].
        """
        y = place_on_line(x.flatten(), self.nodes).at(torch.from_numpy(self.y))
        return y.reshape(x.shape).to(x.dtype)


#: Points of a table for each interval of the learned curve, whose logarithm is linear in between: the two then differ by < 2e-5.
_FINER = 4


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


def _finer(nodes: torch.Tensor) -> torch.Tensor:
    return torch.linspace(float(nodes[0]), float(nodes[-1]), _FINER * (len(nodes) - 1) + 1, dtype=torch.float64)
