"""The column against JULES, its budgets, and its gradients.

The whole year stands in ``benchmarks/column_fidelity.py``; here the first ten weeks, which hold the frost.
"""

from __future__ import annotations

from pathlib import Path

import _loobos
import numpy as np
import pytest
import torch

from jules_ml.physics.column import ColumnState, SoilColumn, freeze_soil
from jules_ml.physics.integration import integrate
from jules_ml.physics.surface import Forcing

WEEKS = 10 * 7 * 48


@pytest.mark.no_cover
@pytest.mark.parametrize("run", ["colvg", "colbc"])
def test_column_follows_jules_through_frost_with_prescribed_fluxes(shared_data: Path, run: str) -> None:
    jules = _loobos.jules_output(shared_data, run)
    column = _loobos.column(shared_data, run, jules)
    mine = _loobos.free_run(column, _loobos.first_state(jules), _loobos.given_fluxes(jules), WEEKS)
    assert float(jules.sthf.values[:WEEKS].max()) > 0.4
    assert np.abs(mine["smcl"] - jules.smcl.values[1:WEEKS]).max() < 0.1
    assert np.sqrt(np.mean((mine["t_soil"] - jules.t_soil.values[1:WEEKS]) ** 2)) < 0.02
    assert np.abs(mine["sthf"] - jules.sthf.values[1:WEEKS]).max() < 0.02
    assert np.abs(mine["water_residual"]).max() < 1e-6


def test_column_driven_by_weather_stays_near_jules(shared_data: Path) -> None:
    forcing, state, column = _loobos.standalone(shared_data)
    days = 20
    result = integrate(
        column,
        state,
        Forcing(*(x[: 48 * days] for x in forcing)),
        outputs=["smcl", "t_soil", "fqw_gb", "water_residual"],
        mean_over=48,
        compiled=False,
    )
    jules = _loobos.jules_output(shared_data, "colvg").isel(time=slice(0, 48 * days))
    daily = jules.smcl.values.reshape(days, 48, 4).mean(1)
    assert np.abs(result.outputs["smcl"].squeeze(-1).numpy() - daily).max() < 5.0
    assert float(result.outputs["fqw_gb"].mean()) == pytest.approx(float(jules.fqw_gb.mean()), abs=1e-6)
    assert float(result.outputs["water_residual"].abs().max()) < 1e-6


def test_initial_ice_is_that_of_jules(shared_data: Path) -> None:
    jules = _loobos.jules_output(shared_data, "colvg")
    column = _loobos.column(shared_data, "colvg", jules)
    k = int(jules.sthf.isel(soil=0).values.argmax())
    wet = torch.tensor(jules.soil_wet.values[k].astype(float)).unsqueeze(-1)
    t = torch.tensor(jules.t_soil.values[k].astype(float)).unsqueeze(-1)
    ice = freeze_soil(wet, t, column.soil).squeeze(-1).numpy()
    np.testing.assert_allclose(ice, jules.sthf.values[k], atol=2e-3)


def test_differentiable_through_48_steps_of_weather(shared_data: Path) -> None:
    forcing, state, column = _loobos.standalone(shared_data)
    column.soil = column.soil._replace(
        satcon=column.soil.satcon.clone().requires_grad_(), b=column.soil.b.clone().requires_grad_()
    )
    # from midnight at midsummer, so that roots and stomata are part of it
    day = Forcing(*(x[48 * 170 : 48 * 171] for x in forcing))
    result = integrate(column, state, day, outputs=["smcl"], compiled=False)
    result.outputs["smcl"][-1, 0].sum().backward()
    for gradient in (column.soil.satcon.grad, column.soil.b.grad):
        assert gradient is not None
        assert bool(torch.isfinite(gradient).all())
        assert float(gradient.abs().max()) > 0.0


def test_learned_modifiers_replace_those_of_jules(shared_data: Path) -> None:
    jules = _loobos.jules_output(shared_data, "colvg")
    column = _loobos.column(shared_data, "colvg", jules)
    state = _loobos.first_state(jules)
    fluxes = {name: series[1] for name, series in _loobos.given_fluxes(jules).items()}
    _, plain = column.soil_step(state, **fluxes)
    own = column.factors
    column.factors = lambda *x: own(*x)._replace(fsth=0.5 * own(*x).fsth)
    _, halved = column.soil_step(state, **fluxes)
    torch.testing.assert_close(halved["resp_s_gb"], 0.5 * plain["resp_s_gb"])
    assert float(plain["resp_s_gb"]) == pytest.approx(float(jules.resp_s_gb.values[1]), rel=1e-5)


def test_many_columns_equal_single_columns(shared_data: Path) -> None:
    forcing, state, column = _loobos.standalone(shared_data)
    spread = torch.tensor([0.8, 1.0, 1.2], dtype=torch.float64)
    week = Forcing(*(x[: 48 * 3] for x in forcing))

    def end(scale: torch.Tensor) -> torch.Tensor:
        soil = column.soil._replace(satcon=column.soil.satcon * scale)
        twin = SoilColumn(soil, column.dzsoil, timestep=1800.0, surface=column.surface, cs=12.1)
        with torch.no_grad():
            return integrate(twin, state, week, outputs=["smcl"], compiled=False).outputs["smcl"][-1]

    together = end(spread)
    for k in range(3):
        torch.testing.assert_close(together[:, k : k + 1], end(spread[k : k + 1]), rtol=1e-12, atol=0.0)


def test_inconsistent_shapes_are_refused(shared_data: Path) -> None:
    jules = _loobos.jules_output(shared_data, "colvg")
    column = _loobos.column(shared_data, "colvg", jules)
    with pytest.raises(ValueError, match="same number of layers"):
        SoilColumn(column.soil, column.dzsoil[:3], timestep=1800.0)
    bare = SoilColumn(column.soil, column.dzsoil, timestep=1800.0)
    state = bare.initial_state(0.5 * torch.ones(4, 1).double(), 280.0 * torch.ones(4, 1).double())
    assert isinstance(state, ColumnState)
    with pytest.raises(ValueError, match="soil_step"):
        bare.step(state, Forcing(*(torch.ones(1) for _ in range(8))))
