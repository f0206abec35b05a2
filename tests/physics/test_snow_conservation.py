"""Water of five snowy days in the whole column, with JULES's snow and with the switch that makes it conserve water."""

from __future__ import annotations

import torch
from torch import Tensor

from jules_ml.column.surface_types import read_type_files
from jules_ml.physics.column import SoilColumn, SoilProperties
from jules_ml.physics.land_surface.properties import land_surface
from jules_ml.physics.land_surface.state import LandForcing
from jules_ml.physics.snowpack.parameters import SnowParameters
from jules_ml.physics.switches import Switches
from jules_ml.support.sources import POINT_RUN

STEPS = 5 * 48


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).unsqueeze(-1)


def column(*, nsmax: int, conserve_water: bool) -> SoilColumn:
    """Two columns, of trees and of all types."""
    switches = Switches(nsmax=nsmax)
    types = read_type_files(POINT_RUN / "pft_params.nml", POINT_RUN / "nveg_params.nml", switches=switches)
    types = types._replace(plants=types.plants._replace(cansnowpft=tensor(0.0, 1.0, 0.0, 0.0, 0.0)))
    frac = torch.tensor([[0.0, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.0], [0.125] * 8 + [0.0]], dtype=torch.float64).T
    dzsoil = tensor(0.1, 0.25, 0.65, 2.0)
    land = land_surface(
        types,
        frac,
        dzsoil=dzsoil,
        albsoil=tensor(0.11, 0.11)[:, 0],
        switches=switches,
        snow=SnowParameters(conserve_water=conserve_water),
    )
    values = (6.6, 0.05, 0.0047, 0.46, 0.24, 0.14, 1.2e6, 0.2)
    soil = SoilProperties(*(torch.full((4, 1), v, dtype=torch.float64) for v in values))
    return SoilColumn(soil, dzsoil, timestep=1800.0, surface=land)


def weather(step: int) -> LandForcing:
    """Snow and frost for three days, then a thaw with sun."""
    day, sun = step // 48, max(0.0, 0.9 - abs(step % 48 - 24) / 12.0)
    t_air = 268.0 if day < 3 else 277.0
    snowfall = 3e-4 if day < 3 and step % 5 == 0 else 0.0
    values = (400.0 * sun, 270.0, 0.0, snowfall, t_air, 3.0, 9.5e4, 2.3e-3, max(0.05, sun), 0.4)
    return LandForcing(*(torch.full((2,), v, dtype=torch.float64) for v in values))


def residuals(model: SoilColumn) -> tuple[float, float]:
    """Greatest water residual of a step, and the greatest snow mass [kg m-2]."""
    ones = torch.ones((4, 2), dtype=torch.float64)
    state = model.initial_state(0.7 * ones, 273.6 * ones)
    worst = most = 0.0
    for step in range(STEPS):
        state, outputs = model.step(state, weather(step))
        worst = max(worst, float(outputs["water_residual"].abs().max()))
        most = max(most, float(outputs["snow_mass_gb"].max()))
    return worst, most


def test_water_of_snow_is_conserved_with_the_switch() -> None:
    for nsmax in (0, 3):
        worst, most = residuals(column(nsmax=nsmax, conserve_water=True))
        assert most > 8.0
        assert worst < 1e-9
    jules, _ = residuals(column(nsmax=3, conserve_water=False))
    assert jules > 1e-3
