r"""Many sites as columns of one run, and how their soil moisture answers to each parameter of their soils.

Learning through the column needs :math:`\partial\theta(t)/\partial u` over years of steps. There are a handful of parameters :math:`u` a
site and tens of thousands of steps, so it is found forwards: each parameter is displaced in a copy of the column, and the copies run beside
the column itself, in the same compiled loop. A pass backwards through the steps would need their states kept or run twice, and would see
only as far as its window; this sees from spin-up to the end, and needs no more memory than a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.errors import BadInput
from jules_ml.learned.hydraulics.soil import PARAMETERS, LearnedSoil, bounded_parameters, learned_soil, organic_fraction
from jules_ml.physics.column import SoilColumn, SoilProperties
from jules_ml.physics.constants import RHO_WATER, SECONDS_PER_DAY
from jules_ml.physics.hydraulics import VAN_GENUCHTEN, HydraulicForm
from jules_ml.physics.integration import can_compile, integrate
from jules_ml.physics.photosynthesis import LeafParameters
from jules_ml.physics.surface import Forcing, SurfaceProperties
from jules_ml.physics.tiles import Tile, surface_properties
from jules_ml.support.progress import Progress, counted

#: Middle of the lowest layer that counts as topsoil [m]; topsoil and subsoil have parameters of their own.
TOPSOIL_DEPTH: Final = 0.3
#: Displacement that a derivative is taken over, in unbounded numbers [1]: well above what single precision blurs.
DISPLACEMENT: Final = 0.05


@dataclass(frozen=True, eq=False)
class HydraulicSite:
    """One site to learn from.

    Attributes
    ----------
    name : str
    forcing : Forcing
        Weather of every step, shape (step,) each; whole days.
    tiles : sequence of Tile
        What grows there.
    frac : sequence of float
        Share of each tile; together 1.
    observed : array, shape (day, sensor)
        Water content [m3 m-3], NaN where it is not to be learned from or scored.
    sensor_depth : array, shape (sensor,)
        Depth of each sensor [m].
    carbon_density : tuple of float
        Organic carbon of topsoil and subsoil [kg m-3].
    inputs : dict of str to float
        Static inputs by name; NaN where not known.
    albsoil : float
        Albedo of the bare ground [1].
    height : float
        Height of the weather [m].
    l_soil_sat_down : bool
        Whether water in excess of saturation goes down (JULES's switch).
    soilhc_method : {1, 2, 3}
        JULES's choice of thermal conductivity.
    start : Timestamp, optional
        Start of the first day, UTC.
    """

    name: str
    forcing: Forcing
    tiles: Sequence[Tile]
    frac: Sequence[float]
    observed: NDArray[np.floating]
    sensor_depth: NDArray[np.floating]
    carbon_density: tuple[float, float]
    inputs: dict[str, float]
    albsoil: float = 0.17
    height: float = 10.0
    l_soil_sat_down: bool = True
    soilhc_method: int = 2
    start: pd.Timestamp | None = None


@dataclass(frozen=True, eq=False)
class ColumnBatch:
    """Sites side by side, columns last.

    Attributes
    ----------
    sites : tuple of HydraulicSite
    forcing : Forcing
        Shape (step, column) each. Sites with shorter records have theirs repeated.
    surface : SurfaceProperties
        Shape (tile, column).
    dzsoil : Tensor, shape (layer, 1)
        [m].
    horizon : Tensor, shape (layer,)
        0 for topsoil and 1 for subsoil.
    organic : Tensor, shape (horizon, column)
        Organic share of topsoil and subsoil [1].
    observed : Tensor, shape (day, sensor)
        Sensors of all sites [m3 m-3]; NaN where there is nothing.
    sensor_column : Tensor, shape (sensor,)
        Which site each sensor stands at.
    sensor_layers : Tensor, shape (sensor, layer)
        Weight of each layer in what a sensor reads [1].
    timestep : float
        [s].
    spin_up : int
        Steps from the start that are run once before the record begins.
    """

    sites: tuple[HydraulicSite, ...]
    forcing: Forcing
    surface: SurfaceProperties
    dzsoil: Tensor
    horizon: Tensor
    organic: Tensor
    observed: Tensor
    sensor_column: Tensor
    sensor_layers: Tensor
    timestep: float
    spin_up: int

    @property
    def steps_a_day(self) -> int:
        """Time steps in a day."""
        return round(SECONDS_PER_DAY / self.timestep)


def layer_weights(depth: NDArray[np.floating], dzsoil: Sequence[float]) -> NDArray[np.float64]:
    """Weights that bring layers' water contents to sensors' depths, linearly between the layers' middles.

    Parameters
    ----------
    depth : array, shape (sensor,)
        [m].
    dzsoil : sequence of float
        Layer thicknesses [m].

    Returns
    -------
    array, shape (sensor, layer)
        They add to one; above the first middle and below the last, that layer's own.
    """
    thickness = np.asarray(dzsoil, dtype=np.float64)
    middle = np.cumsum(thickness) - 0.5 * thickness
    return np.stack([np.interp(depth, middle, row) for row in np.eye(len(thickness))], axis=1)


def column_batch(
    sites: Sequence[HydraulicSite],
    *,
    dzsoil: Sequence[float] = (0.1, 0.25, 0.65, 2.0),
    timestep: float = 3600.0,
    spin_up_days: int = 365,
    dtype: torch.dtype = torch.float32,
) -> ColumnBatch:
    """Put sites side by side.

    Parameters
    ----------
    sites : sequence of HydraulicSite
    dzsoil : sequence of float
        Layer thicknesses [m].
    timestep : float
        Of the weather [s]; a day is a whole number of steps.
    spin_up_days : int
        Days from the start that are run once beforehand; no more than there are.
    dtype : torch.dtype
        Precision.

    Returns
    -------
    ColumnBatch

    Raises
    ------
    BadInput
        If there is no site, the weather of one is not whole days or does not go with its observations, or sites differ in JULES's switches.
    """
    if not sites:
        raise BadInput("there is no site to learn from", remedy="give one at least")
    a_day = round(SECONDS_PER_DAY / timestep)
    for site in sites:
        steps = int(site.forcing.t_air.shape[0])
        if steps != a_day * len(site.observed):
            raise BadInput(
                f"the weather has {steps} steps and the observations {len(site.observed)} days of {a_day} steps",
                where=site.name,
                remedy="give both for the same whole days",
            )
    for name in ("l_soil_sat_down", "soilhc_method"):
        other = next((site for site in sites if getattr(site, name) != getattr(sites[0], name)), None)
        if other is not None:
            raise BadInput(
                f"{name} is {getattr(other, name)} here and {getattr(sites[0], name)} at {sites[0].name}",
                where=other.name,
                remedy=f"give all experiments the same {name} in [soil]",
            )
    n_days = max(len(site.observed) for site in sites)
    thickness = torch.tensor(dzsoil, dtype=dtype)[:, None]
    middle = (thickness.cumsum(0) - 0.5 * thickness).flatten()
    horizon = (middle > TOPSOIL_DEPTH).long()

    def whole_length(x: Tensor) -> Tensor:
        short = n_days * a_day - x.shape[0]
        return torch.cat([x] * (1 + -(-short // x.shape[0])))[: n_days * a_day] if short else x

    weather = zip(*(site.forcing for site in sites), strict=True)
    forcing = Forcing(*(torch.stack([whole_length(x.to(dtype)) for x in series], dim=1) for series in weather))
    observed = np.full((n_days, sum(site.observed.shape[1] for site in sites)), np.nan)
    at = 0
    for site in sites:
        n_sensors = site.observed.shape[1]
        observed[: len(site.observed), at : at + n_sensors] = site.observed
        at += n_sensors
    carbon = torch.tensor([site.carbon_density for site in sites], dtype=dtype)
    return ColumnBatch(
        sites=tuple(sites),
        forcing=forcing,
        surface=_side_by_side(
            [surface_properties(s.tiles, s.frac, albsoil=s.albsoil, dzsoil=thickness, height=s.height) for s in sites]
        ),
        dzsoil=thickness,
        horizon=horizon,
        organic=organic_fraction(carbon.T),
        observed=torch.tensor(observed, dtype=dtype),
        sensor_column=torch.tensor([n for n, site in enumerate(sites) for _ in range(site.observed.shape[1])]),
        sensor_layers=torch.tensor(
            np.concatenate([layer_weights(site.sensor_depth, dzsoil) for site in sites]), dtype=dtype
        ),
        timestep=timestep,
        spin_up=min(spin_up_days, n_days) * a_day,
    )


def _side_by_side(surfaces: Sequence[SurfaceProperties]) -> SurfaceProperties:
    """Surfaces of shape (tile, 1) as one of shape (tile, column); short ones are filled with tiles that have no share."""
    n_tiles = max(s.frac.shape[0] for s in surfaces)

    def filled(x: Tensor, *, share: bool = False) -> Tensor:
        missing = n_tiles - x.shape[0]
        more = torch.zeros_like(x[-1:]) if share else x[-1:]
        return torch.cat([x, *[more] * missing])

    plain = {
        name: torch.cat([filled(getattr(s, name), share=name == "frac") for s in surfaces], dim=-1)
        for name in SurfaceProperties._fields
        if name != "leaf"
    }
    leaves = zip(*(s.leaf for s in surfaces), strict=True)
    return SurfaceProperties(**plain, leaf=LeafParameters(*(torch.cat([filled(x) for x in p], -1) for p in leaves)))


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


def joined_soil(soils: Sequence[LearnedSoil]) -> LearnedSoil:
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
    joined = joined_soil([batch_soil(batch, each) for each in copies])
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
