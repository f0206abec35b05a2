r"""Simulated soil moisture of many columns, and its sensitivity to each parameter of their soils.

Fitting through the column needs :math:`\partial\theta(t)/\partial u` over years of time steps. A site has ten parameters :math:`u` and
tens of thousands of time steps. The derivatives are therefore finite differences: each parameter is displaced in a copy of the column, and
all copies run in one batch, in the same compiled loop. Backpropagation would have to store or recompute the state of every time step, and
would be truncated to a window. Finite differences cover the whole run from spin-up on, and need no more memory than a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.learned.hydraulics.columns import ColumnBatch
from jules_ml.learned.hydraulics.soil import PARAMETERS, LearnedSoil, bounded_parameters, learned_soil
from jules_ml.physics.column import SoilColumn, SoilProperties
from jules_ml.physics.constants import RHO_WATER
from jules_ml.physics.hydraulics import VAN_GENUCHTEN, HydraulicForm
from jules_ml.physics.integration import can_compile, integrate
from jules_ml.physics.photosynthesis import LeafParameters
from jules_ml.physics.surface import Forcing, SurfaceProperties
from jules_ml.support.progress import Progress, counted

#: Displacement of an unbounded parameter for a finite difference [1]: well above the rounding error of single precision.
DISPLACEMENT: Final = 0.05


def _repeated(surface: SurfaceProperties, copies: int) -> SurfaceProperties:
    """The same surfaces once for every copy of the columns."""
    plain = {
        name: value.repeat(*[1] * (value.ndim - 1), copies)
        for name, value in surface._asdict().items()
        if name != "leaf"
    }
    return SurfaceProperties(**plain, leaf=LeafParameters(*(x.repeat(1, copies) for x in surface.leaf)))


def simulate(
    batch: ColumnBatch,
    soil: LearnedSoil,
    *,
    form: HydraulicForm = VAN_GENUCHTEN,
    progress: Progress | None = None,
) -> Tensor:
    """Run every column under its weather, from half-way between wilting and critical point.

    Parameters
    ----------
    batch : ColumnBatch
    soil : LearnedSoil
        Shape (layer, copy * column): all columns once, then all again, for as many copies as there are.
    form : HydraulicForm
        Van Genuchten or Clapp-Hornberger.
    progress : callable, optional
        Receives how far the work has got, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    Tensor, shape (day, layer, copy * column)
        Water content as a sensor reads it, residual water included [m3 m-3].
    """
    properties = soil.properties
    copies = properties.b.shape[1] // len(batch.sites)
    forcing = Forcing(*(x.repeat(1, copies) for x in batch.forcing))
    surface = _repeated(batch.surface, copies)
    column = SoilColumn(
        properties,
        batch.dzsoil,
        timestep=batch.timestep,
        form=form,
        surface=surface,
        height=_heights(batch, copies),
        l_soil_sat_down=batch.sites[0].l_soil_sat_down,
        soilhc_method=batch.sites[0].soilhc_method,
    )
    wetness = 0.5 * (properties.sm_wilt + properties.sm_crit) / properties.sm_sat
    state = column.initial_state(wetness, forcing.t_air.mean(0).expand_as(wetness))
    steps = forcing.t_air.shape[0] + batch.spin_up
    on_steps = counted(progress, "columns", steps)
    compiled = can_compile() and steps >= 2000
    with torch.no_grad():
        for series in (Forcing(*(x[: batch.spin_up] for x in forcing)), forcing):
            if not len(series.t_air):
                continue
            run = integrate(
                column,
                state,
                series,
                outputs=("smcl",),
                mean_over=batch.steps_a_day,
                compiled=compiled,
                on_steps=on_steps,
            )
            state = run.state
    return run.outputs["smcl"] / (RHO_WATER * batch.dzsoil) + soil.theta_r


def _heights(batch: ColumnBatch, copies: int) -> float | Tensor:
    """Height of the weather of every column [m]: a number where all have the same."""
    heights = [site.height for site in batch.sites]
    return heights[0] if len(set(heights)) == 1 else torch.tensor(heights, dtype=batch.dzsoil.dtype).repeat(copies)


class Response(NamedTuple):
    """What the sensors read, and how it answers to unbounded numbers.

    ``theta`` [m3 m-3], shape (day, sensor); ``slope`` [m3 m-3], shape (parameter * horizon, day, sensor), by the parameters of the
    sensor's own column in the order of :data:`~jules_ml.learned.hydraulics.soil.PARAMETERS`, topsoil before subsoil in each.
    """

    theta: Tensor
    slope: Tensor


def at_sensors(batch: ColumnBatch, theta: Tensor) -> Tensor:
    """Read the layers at the sensors' depths.

    Parameters
    ----------
    batch : ColumnBatch
    theta : Tensor, shape (day, layer, column)
        [m3 m-3].

    Returns
    -------
    Tensor, shape (day, sensor)
    """
    return torch.einsum("dls,sl->ds", theta[..., batch.sensor_column], batch.sensor_layers)


def batch_soil(batch: ColumnBatch, raw: Tensor) -> LearnedSoil:
    """Soil of all columns from the parameters of their two horizons.

    Parameters
    ----------
    batch : ColumnBatch
    raw : Tensor, shape (parameter, horizon, column)
        Unbounded [1].

    Returns
    -------
    LearnedSoil
        Shape (layer, column).
    """
    return learned_soil(raw[:, batch.horizon], batch.organic[batch.horizon])


def concatenate_soils(soils: Sequence[LearnedSoil]) -> LearnedSoil:
    """Put several soils of the same columns side by side, for :func:`simulate`.

    Parameters
    ----------
    soils : sequence of LearnedSoil
        Shape (layer, column) each.

    Returns
    -------
    LearnedSoil
        Shape (layer, copy * column).
    """
    rows = zip(*(soil.properties for soil in soils), strict=True)
    return LearnedSoil(
        SoilProperties(*(torch.cat(each, dim=1) for each in rows)), torch.cat([soil.theta_r for soil in soils], dim=1)
    )


def response(batch: ColumnBatch, raw: Tensor, *, progress: Progress | None = None) -> Response:
    """Run the columns, and beside them a displaced copy for each parameter.

    Residual water shifts what a sensor reads and does nothing else of weight, so that its slope needs no copy.

    Parameters
    ----------
    batch : ColumnBatch
    raw : Tensor, shape (parameter, horizon, column)
        Unbounded [1].
    progress : callable, optional
        Receives how far the work has got, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    Response
    """
    n_parameters, n_horizons, n_columns = raw.shape
    moving = (n_parameters - 1) * n_horizons
    # towards the middle of the range, so that no displaced soil leaves it
    step = torch.where(raw > 0.0, -DISPLACEMENT, DISPLACEMENT)
    copies = [raw]
    for k in range(moving):
        displaced = raw.clone()
        displaced[k // n_horizons, k % n_horizons] += step[k // n_horizons, k % n_horizons]
        copies.append(displaced)
    joined = concatenate_soils([batch_soil(batch, each) for each in copies])
    theta = simulate(batch, joined, progress=progress)
    each_copy = [at_sensors(batch, part) for part in theta.split(n_columns, dim=2)]
    by_column = step.reshape(-1, n_columns)[:moving, batch.sensor_column]
    slope = [(moved - each_copy[0]) / by_column[k] for k, moved in enumerate(each_copy[1:])]
    slope += [x.expand_as(each_copy[0]) for x in _residual_slope(batch, raw)]
    return Response(each_copy[0], torch.stack(slope))


def _residual_slope(batch: ColumnBatch, raw: Tensor) -> Tensor:
    """Slope of what each sensor reads by the residual water of either horizon, shape (horizon, sensor)."""
    assert PARAMETERS[-1] == "theta_r"
    inside = raw.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        bounded_parameters(inside, batch.organic)["theta_r"].sum().backward()
    assert inside.grad is not None
    shares = [batch.sensor_layers[:, batch.horizon == h].sum(1) for h in range(raw.shape[1])]
    return inside.grad[-1][:, batch.sensor_column] * torch.stack(shares)
