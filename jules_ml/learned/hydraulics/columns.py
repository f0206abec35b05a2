"""Training sites of learned hydraulics, and their columns as one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.errors import BadInput
from jules_ml.experiment.soil_processes import TopmodelSection
from jules_ml.learned.hydraulics.soil import organic_fraction
from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.physics.photosynthesis import LeafParameters
from jules_ml.physics.surface import Forcing, SurfaceProperties
from jules_ml.physics.tiles import Tile, surface_properties

#: Greatest depth of the middle of a topsoil layer [m]; topsoil and subsoil have separate parameters.
TOPSOIL_DEPTH: Final = 0.3


@dataclass(frozen=True, eq=False)
class HydraulicSite:
    """A site with weather, soil moisture and static inputs.

    Attributes
    ----------
    name : str
    forcing : Forcing
        Weather of whole days, shape (step,) each.
    tiles : sequence of Tile
        Surface tiles.
    frac : sequence of float
        Fraction of each tile [1]; the sum is 1.
    observed : array, shape (day, sensor)
        Water content [m3 m-3]; NaN where it is missing or excluded.
    sensor_depth : array, shape (sensor,)
        Depth of each sensor [m].
    carbon_density : tuple of float
        Organic carbon of topsoil and subsoil [kg m-3].
    inputs : dict of str to float
        Static inputs by name; NaN if unknown.
    albsoil : float
        Albedo of the bare ground [1].
    height : float
        Height of the weather measurements [m].
    co2 : float
        Mole fraction of carbon dioxide [1].
    l_soil_sat_down : bool
        Whether water in excess of saturation moves down (JULES's switch).
    soilhc_method : {1, 2, 3}
        JULES's scheme of thermal conductivity.
    topmodel : TopmodelSection, optional
        ``[soil.topmodel]``; without it the soil drains freely.
    start : Timestamp, optional
        Start of the first day (UTC).
    notes : tuple of str
        What is remarkable in the record, for the user.
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
    co2: float = 391.0e-6
    l_soil_sat_down: bool = True
    soilhc_method: int = 2
    topmodel: TopmodelSection | None = None
    start: pd.Timestamp | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ColumnBatch:
    """Columns of several sites, along the last dimension.

    Attributes
    ----------
    sites : tuple of HydraulicSite
    forcing : Forcing
        Shape (step, column) each. Shorter records are repeated to the length of the longest.
    surface : SurfaceProperties
        Shape (tile, column).
    dzsoil : Tensor, shape (layer, 1)
        [m].
    horizon : Tensor, shape (layer,)
        0 for topsoil and 1 for subsoil.
    organic : Tensor, shape (horizon, column)
        Organic fraction of topsoil and subsoil [1].
    observed : Tensor, shape (day, sensor)
        Water content at the sensors of all sites [m3 m-3]; NaN where missing.
    sensor_column : Tensor, shape (sensor,)
        Index of the column of each sensor.
    sensor_layers : Tensor, shape (sensor, layer)
        Weight of each layer in the reading of a sensor [1].
    timestep : float
        [s].
    spin_up : int
        Number of first time steps that are run once more before the record, for spin-up.
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
    def steps_per_day(self) -> int:
        """Number of time steps per day."""
        return round(SECONDS_PER_DAY / self.timestep)


def layer_weights(depth: NDArray[np.floating], dzsoil: Sequence[float]) -> NDArray[np.float64]:
    """Weights that interpolate the water content of layers linearly to the depths of sensors.

    Parameters
    ----------
    depth : array, shape (sensor,)
        [m].
    dzsoil : sequence of float
        Layer thicknesses [m].

    Returns
    -------
    array, shape (sensor, layer)
        Each row adds to 1. Above the middle of the first layer and below that of the last, that layer has weight 1.
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
    """Combine sites as columns of one batch.

    Parameters
    ----------
    sites : sequence of HydraulicSite
    dzsoil : sequence of float
        Layer thicknesses [m].
    timestep : float
        Time step of the weather [s]; a day must be a whole number of time steps.
    spin_up_days : int
        Number of first days that are run once more before the record, at most all.
    dtype : torch.dtype
        Precision.

    Returns
    -------
    ColumnBatch

    Raises
    ------
    BadInput
        If there is no site, weather and observations of a site differ in length, or JULES's switches differ between sites.
    """
    if not sites:
        raise BadInput("there is no site", remedy="give at least one site")
    per_day = round(SECONDS_PER_DAY / timestep)
    for site in sites:
        steps = int(site.forcing.t_air.shape[0])
        if steps != per_day * len(site.observed):
            raise BadInput(
                f"the weather has {steps} steps and the observations {len(site.observed)} days of {per_day} steps",
                where=site.name,
                remedy="give weather and observations for the same whole days",
            )
    _refuse_different_switches(sites)
    n_days = max(len(site.observed) for site in sites)
    thickness = torch.tensor(dzsoil, dtype=dtype)[:, None]
    middle = (thickness.cumsum(0) - 0.5 * thickness).flatten()
    horizon = (middle > TOPSOIL_DEPTH).long()

    def repeated(x: Tensor) -> Tensor:
        missing = n_days * per_day - x.shape[0]
        return torch.cat([x] * (1 + -(-missing // x.shape[0])))[: n_days * per_day] if missing else x

    weather = zip(*(site.forcing for site in sites), strict=True)
    forcing = Forcing(*(torch.stack([repeated(x.to(dtype)) for x in series], dim=1) for series in weather))
    observed = np.full((n_days, sum(site.observed.shape[1] for site in sites)), np.nan)
    first = 0
    for site in sites:
        n_sensors = site.observed.shape[1]
        observed[: len(site.observed), first : first + n_sensors] = site.observed
        first += n_sensors
    carbon = torch.tensor([site.carbon_density for site in sites], dtype=dtype)
    return ColumnBatch(
        sites=tuple(sites),
        forcing=forcing,
        surface=_joined_surfaces(
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
        spin_up=min(spin_up_days, n_days) * per_day,
    )


def _joined_surfaces(surfaces: Sequence[SurfaceProperties]) -> SurfaceProperties:
    """Join surfaces of shape (tile, 1) to one of shape (tile, column); missing tiles are added with fraction 0."""
    n_tiles = max(s.frac.shape[0] for s in surfaces)

    def padded(x: Tensor, *, zero: bool = False) -> Tensor:
        missing = n_tiles - x.shape[0]
        tile = torch.zeros_like(x[-1:]) if zero else x[-1:]
        return torch.cat([x, *[tile] * missing])

    properties = {
        name: torch.cat([padded(getattr(s, name), zero=name == "frac") for s in surfaces], dim=-1)
        for name in SurfaceProperties._fields
        if name != "leaf"
    }
    leaves = zip(*(s.leaf for s in surfaces), strict=True)
    return SurfaceProperties(
        **properties, leaf=LeafParameters(*(torch.cat([padded(x) for x in p], -1) for p in leaves))
    )


def _refuse_different_switches(sites: Sequence[HydraulicSite]) -> None:
    """Refuse sites of one batch with different switches of the soil."""
    for name in ("l_soil_sat_down", "soilhc_method"):
        other = next((site for site in sites if getattr(site, name) != getattr(sites[0], name)), None)
        if other is not None:
            raise BadInput(
                f"{name} is {getattr(other, name)} here and {getattr(sites[0], name)} at {sites[0].name}",
                where=other.name,
                remedy=f"give all experiments the same {name} in [soil]",
            )

    def common(site: HydraulicSite) -> tuple[float, ...] | None:
        top = site.topmodel
        return None if top is None else (top.zw_max, top.ti_max, top.nfita, top.l_wetland_unfrozen)

    other = next((site for site in sites if common(site) != common(sites[0])), None)
    if other is not None:
        raise BadInput(
            f"TOPMODEL is not the same as at {sites[0].name}",
            where=other.name,
            remedy="give [soil.topmodel] in all experiments or in none, with the same zw_max, ti_max, nfita and l_wetland_unfrozen",
        )
