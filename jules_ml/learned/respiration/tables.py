"""Curve tables at evenly spaced points with linear interpolation, as evaluated by the column and the bridge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.antecedent import AntecedentDriver
from jules_ml.learned.respiration.network import MOISTURE_NODES, TEMPERATURE_NODES, LearnedRespiration
from jules_ml.learned.respiration.nodes import place_on_line
from jules_ml.physics.respiration import T_REFERENCE

#: JULES's names of f and g, ``antecedent`` for a curve that multiplies f, and the variables that they depend on.
CurveName = Literal["fsth", "ftemp", "antecedent"]
CurveX = Literal["sthu", "sthu+sthf", "theta", "theta/v_crit", "t_soil", AntecedentDriver]

#: Unit of each abscissa.
UNITS: Final[dict[str, str]] = {
    "sthu": "1",
    "sthu+sthf": "1",
    "theta": "m3 m-3",
    "theta/v_crit": "1",
    "t_soil": "K",
    "wetness_1d": "1",
    "wetness_10d": "1",
    "temperature_1d": "K",
    "temperature_10d": "K",
    "air_temperature": "K",
}


@dataclass(frozen=True, eq=False)
class CurveTable:
    """A curve at evenly spaced points.

    Attributes
    ----------
    name : {'fsth', 'ftemp', 'antecedent'}
        Modifier of JULES that the curve replaces, f or g; or ``antecedent``, a factor of f.
    x : {'sthu', 'sthu+sthf', 'theta', 'theta/v_crit', 't_soil'} or an antecedent driver
        Variable that the curve depends on; its unit is in :data:`UNITS`.
    x_min, x_max : float
        First and last abscissa.
    y : array, shape (point,)
        Ordinates [1], finite and not negative.
    seen_min, seen_max : float
        Training range; for JULES's own curves the complete range.
    reference : float
        Abscissa at which the curve is one; for an antecedent driver zero, whatever the curve is there.
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


#: Intervals of a table per interval of the learned curve, whose logarithm is linear between nodes: the two differ by less than 2e-5.
_FINER = 4


def learned_tables(
    module: LearnedRespiration, settings: RespirationSettings, *, x: CurveX | None = None
) -> tuple[CurveTable, CurveTable]:
    """Tabulate the median curves f and g.

    Parameters
    ----------
    module : LearnedRespiration
    settings : RespirationSettings
        Settings of the fit.
    x : {'sthu', 'sthu+sthf', 'theta'}, optional
        Moisture variable of JULES for f: by default the one that f was fitted to, and unfrozen water, ``sthu``, for sensors.

    Returns
    -------
    fsth, ftemp : CurveTable

    Raises
    ------
    BadInput
        If f was fitted to another moisture variable than ``x``.
    """
    if settings.moisture == "relative":
        raise BadInput(
            "f was fitted to relative wetness, which is not a variable of JULES",
            remedy="fit it with moisture = 'saturation' or 'theta', or use the module through the Python hook",
        )
    natural: CurveX = "theta" if settings.moisture == "theta" else "sthu+sthf" if settings.l_soil_resp_lev2 else "sthu"
    abscissa: CurveX = natural if x is None else x
    if abscissa != natural and not {abscissa, natural} <= {"sthu", "sthu+sthf"}:
        raise BadInput(
            f"f was fitted to {'water content' if natural == 'theta' else 'the fraction of saturation'}, not {abscissa}",
            remedy=f"export it with x = '{natural}', or fit it with another 'moisture'",
        )
    with torch.no_grad():
        s, t = (_finer(nodes) for nodes in (MOISTURE_NODES, TEMPERATURE_NODES))
        f, g = module.f(s), module.g(t)
    range_s, range_t = module.seen_moisture.tolist(), module.seen_temperature.tolist()
    return (
        CurveTable("fsth", abscissa, 0.0, 1.0, f.numpy(), range_s[0], range_s[1], float(module.reference)),
        CurveTable("ftemp", "t_soil", float(t[0]), float(t[-1]), g.numpy(), range_t[0], range_t[1], T_REFERENCE),
    )


def antecedent_tables(module: LearnedRespiration) -> dict[AntecedentDriver, CurveTable]:
    """Tabulate the factors of antecedent drivers.

    Parameters
    ----------
    module : LearnedRespiration

    Returns
    -------
    dict of str to CurveTable
        Factor h of each driver of the module, by its name; empty without drivers.
    """
    tables: dict[AntecedentDriver, CurveTable] = {}
    for driver, x, log_h in zip(module.antecedent.drivers, module.antecedent_x, module.antecedent_log_h, strict=True):
        h = torch.exp(place_on_line(_finer(x), x).at(log_h)).numpy()
        first, last = float(x[0]), float(x[-1])
        tables[driver] = CurveTable("antecedent", driver, first, last, h, first, last, 0.0)
    return tables


def _finer(nodes: torch.Tensor) -> torch.Tensor:
    """Evenly spaced nodes with each interval divided by :data:`_FINER`."""
    return torch.linspace(float(nodes[0]), float(nodes[-1]), _FINER * (len(nodes) - 1) + 1, dtype=torch.float64)
