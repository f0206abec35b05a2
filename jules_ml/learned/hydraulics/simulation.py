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
from jules_ml.physics.compilation import can_compile
from jules_ml.physics.constants import RHO_WATER
from jules_ml.physics.hydraulics import VAN_GENUCHTEN, HydraulicForm
from jules_ml.physics.integration import integrate
from jules_ml.physics.photosynthesis import LeafParameters
from jules_ml.physics.surface import Forcing, SurfaceProperties
from jules_ml.physics.topmodel import Topmodel
from jules_ml.physics.topographic_index import topmodel_properties
from jules_ml.support.progress import Progress, counted

#: Displacement of an unbounded parameter for a finite difference [1]: well above the rounding error of single precision.
DISPLACEMENT: Final = 0.05


def _repeated(surface: SurfaceProperties, copies: int) -> SurfaceProperties:
    """Repeat surfaces for each copy of the columns."""
    properties = {
        name: value.repeat(*[1] * (value.ndim - 1), copies)
        for name, value in surface._asdict().items()
        if name != "leaf"
    }
    return SurfaceProperties(**properties, leaf=LeafParameters(*(x.repeat(1, copies) for x in surface.leaf)))


def simulate(
    batch: ColumnBatch,
    soil: LearnedSoil,
    *,
    form: HydraulicForm = VAN_GENUCHTEN,
    progress: Progress | None = None,
) -> Tensor:
    """Run all columns with their weather; initial moisture is half-way between the wilting and the critical point.

    Parameters
    ----------
    batch : ColumnBatch
    soil : LearnedSoil
        Shape (layer, copy * column): all columns of the first copy, then all columns of the second, and so on.
    form : HydraulicForm
        Hydraulic curves: van Genuchten or Clapp-Hornberger.
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    Tensor, shape (day, layer, copy * column)
        Daily mean water content with residual water, as a sensor measures it [m3 m-3].
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
        height=_by_column([site.height for site in batch.sites], copies, batch.dzsoil.dtype),
        co2=_by_column([site.co2 for site in batch.sites], copies, batch.dzsoil.dtype),
        l_soil_sat_down=batch.sites[0].l_soil_sat_down,
        soilhc_method=batch.sites[0].soilhc_method,
        topmodel=_topmodel(batch, copies),
    )
    wetness = 0.5 * (properties.sm_wilt + properties.sm_crit) / properties.sm_sat
    sthzw = _initial_sthzw(batch, wetness[-1], copies)
    state = column.initial_state(wetness, forcing.t_air.mean(0).expand_as(wetness), sthzw=sthzw)
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
                mean_over=batch.steps_per_day,
                compiled=compiled,
                on_steps=on_steps,
            )
            state = run.state
    return run.outputs["smcl"] / (RHO_WATER * batch.dzsoil) + soil.theta_r


def _topmodel(batch: ColumnBatch, copies: int) -> Topmodel | None:
    """Properties for TOPMODEL of each column of all copies, if the sites have them."""
    sections = [site.topmodel for site in batch.sites if site.topmodel is not None]
    if not sections:
        return None
    values = [[getattr(section, name) for section in sections] for name in ("fexp", "ti_mean", "ti_sig")]
    fexp, ti_mean, ti_sig = (torch.tensor(x, dtype=batch.dzsoil.dtype).repeat(copies) for x in values)
    first = sections[0]
    return topmodel_properties(
        fexp,
        ti_mean,
        ti_sig,
        batch.dzsoil,
        zw_max=first.zw_max,
        ti_max=first.ti_max,
        nfita=first.nfita,
        l_wetland_unfrozen=first.l_wetland_unfrozen,
    )


def _initial_sthzw(batch: ColumnBatch, default: Tensor, copies: int) -> Tensor:
    """Water below the soil layers as a fraction of saturation, ``sthzw`` of a site or else the default [1]."""
    given = [None if site.topmodel is None else site.topmodel.sthzw for site in batch.sites]
    values = torch.tensor([torch.nan if value is None else value for value in given], dtype=default.dtype).repeat(
        copies
    )
    return torch.where(values.isnan(), default, values)


def _by_column(values: Sequence[float], copies: int, dtype: torch.dtype) -> float | Tensor:
    """Value of each column of all copies, shape (copy * column,): a number if it is the same for all."""
    return values[0] if len(set(values)) == 1 else torch.tensor(values, dtype=dtype).repeat(copies)


class Response(NamedTuple):
    """Simulated sensor readings and their sensitivity to the unbounded parameters.

    ``theta`` [m3 m-3], shape (day, sensor); ``slope`` [m3 m-3], shape (parameter * horizon, day, sensor), derivatives with respect to the
    parameters of the column of the sensor, in the order of :data:`~jules_ml.learned.hydraulics.soil.PARAMETERS`, each for topsoil and then
    subsoil.
    """

    theta: Tensor
    slope: Tensor


def at_sensors(batch: ColumnBatch, theta: Tensor) -> Tensor:
    """Interpolate the water content of layers to the depths of the sensors.

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
    """Soil of all columns from the parameters of topsoil and subsoil.

    Parameters
    ----------
    batch : ColumnBatch
    raw : Tensor, shape (parameter, horizon, column)
        Unbounded parameters [1].

    Returns
    -------
    LearnedSoil
        Shape (layer, column).
    """
    return learned_soil(raw[:, batch.horizon], batch.organic[batch.horizon])


def concatenate_soils(soils: Sequence[LearnedSoil]) -> LearnedSoil:
    """Concatenate several soils of the same columns, for :func:`simulate`.

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
    """Run the columns and a displaced copy of them for each parameter.

    Residual water shifts the sensor reading and has hardly any other effect: its derivative is analytical and needs no copy.

    Parameters
    ----------
    batch : ColumnBatch
    raw : Tensor, shape (parameter, horizon, column)
        Unbounded parameters [1].
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    Response
    """
    n_parameters, n_horizons, n_columns = raw.shape
    n_copies = (n_parameters - 1) * n_horizons
    # towards the middle of the range, so that no displaced parameter leaves it
    step = torch.where(raw > 0.0, -DISPLACEMENT, DISPLACEMENT)
    copies = [raw]
    for k in range(n_copies):
        displaced = raw.clone()
        displaced[k // n_horizons, k % n_horizons] += step[k // n_horizons, k % n_horizons]
        copies.append(displaced)
    soils = concatenate_soils([batch_soil(batch, each) for each in copies])
    theta = simulate(batch, soils, progress=progress)
    readings = [at_sensors(batch, part) for part in theta.split(n_columns, dim=2)]
    displacement = step.reshape(-1, n_columns)[:n_copies, batch.sensor_column]
    slope = [(displaced - readings[0]) / displacement[k] for k, displaced in enumerate(readings[1:])]
    slope += [x.expand_as(readings[0]) for x in _residual_slope(batch, raw)]
    return Response(readings[0], torch.stack(slope))


def _residual_slope(batch: ColumnBatch, raw: Tensor) -> Tensor:
    """Compute the derivative of sensor readings with respect to residual water of each horizon, shape (horizon, sensor)."""
    assert PARAMETERS[-1] == "theta_r"
    parameters = raw.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        bounded_parameters(parameters, batch.organic)["theta_r"].sum().backward()
    assert parameters.grad is not None
    fractions = [batch.sensor_layers[:, batch.horizon == h].sum(1) for h in range(raw.shape[1])]
    return parameters.grad[-1][:, batch.sensor_column] * torch.stack(fractions)
