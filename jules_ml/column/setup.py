"""Set-up of a soil column from the sections of an experiment."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from jules_ml.column.land_setup import experiment_land
from jules_ml.column.soil_processes import (
    column_four_pools,
    column_topmodel,
    initial_four_pools,
    initial_topmodel,
    jules_factors_of,
    soil_switches,
)
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.sections import InitialSection
from jules_ml.experiment.surface import SurfaceSection, TileSection
from jules_ml.learned.hydraulics.soil_section import Soil, column_soil
from jules_ml.physics import tiles
from jules_ml.physics.column import (
    ColumnState,
    RespirationFactors,
    SoilColumn,
    jules_one_pool_factors,
)
from jules_ml.physics.land_surface.properties import LandSurface
from jules_ml.physics.surface import SurfaceProperties
from jules_ml.physics.tiles import TILES, Tile


def column_surface(section: SurfaceSection, dzsoil: Tensor, *, height: float) -> SurfaceProperties:
    """Make the surface from tiles with JULES's parameters, except those that the experiment sets.

    Parameters
    ----------
    section : SurfaceSection
        ``[surface]`` of the experiment.
    dzsoil : Tensor, shape (layer, 1)
        Layer thicknesses [m].
    height : float
        Height of the forcing [m].

    Returns
    -------
    SurfaceProperties
    """
    types = [type_with(tile) for tile in section.tiles]
    fractions = [tile.frac for tile in section.tiles]
    return tiles.surface_properties(
        types, [f / sum(fractions) for f in fractions], albsoil=section.albsoil, dzsoil=dzsoil, height=height
    )


def type_with(section: TileSection) -> Tile:
    """Surface type with the parameters that a tile of the experiment sets."""
    return replace(TILES[str(section.type)], **section.changes)


def experiment_column(
    experiment: Experiment, *, timestep: float, dtype: torch.dtype, factors: RespirationFactors = jules_one_pool_factors
) -> tuple[SoilColumn, Soil]:
    """Make the column of an experiment.

    Parameters
    ----------
    experiment : Experiment
        With ``[soil]``, ``[surface]`` and ``[carbon]``.
    timestep : float
        Length of a step [s].
    dtype : torch.dtype
        Precision.
    factors : callable, optional
        Modifiers of respiration, by default those of JULES's scheme with the pools of ``[carbon]``.

    Returns
    -------
    SoilColumn
        With a surface.
    Soil
        Its soil, with residual water.

    Raises
    ------
    BadInput
        If a section is missing, the soil properties are invalid, or the forcing height is within the canopy.
    """
    soil_section = experiment.required(experiment.soil, "soil")
    surface_section = experiment.required(experiment.surface, "surface")
    carbon = experiment.required(experiment.carbon, "carbon")
    soil = column_soil(soil_section, dtype, where=str(experiment.file))
    height = experiment.forcing.height
    topmodel = column_topmodel(soil_section, soil.dzsoil)
    surface: SurfaceProperties | LandSurface
    if experiment.physics is None:
        surface = column_surface(surface_section, soil.dzsoil, height=height)
    else:
        surface = experiment_land(
            experiment, experiment.physics, soil.dzsoil, form=soil.form, l_top=topmodel is not None
        )
    _refuse_low_instruments(surface, height, experiment)
    if factors is jules_one_pool_factors:
        factors = jules_factors_of(experiment)
    column = SoilColumn(
        soil.properties,
        soil.dzsoil,
        timestep=timestep,
        form=soil.form,
        surface=surface,
        factors=factors,
        cs=torch.tensor(carbon.cs, dtype=dtype),
        kaps=carbon.kaps,
        co2=surface_section.co2,
        height=height,
        **soil_switches(soil_section),
        topmodel=topmodel,
        carbon=column_four_pools(experiment, dtype),
    )
    return column, soil


def _refuse_low_instruments(surface: SurfaceProperties | LandSurface, height: float, experiment: Experiment) -> None:
    """Refuse a height of the weather within the roughness length of the canopy."""
    if isinstance(surface, LandSurface):
        within = bool((height <= surface.tiles.z0 * surface.tiles.z0h_z0m - surface.tiles.z0).any())
    else:
        within = float(surface.log_h.min()) <= 0.0
    if within:
        raise BadInput(
            f"a forcing height of {height:g} m is within the roughness length of the canopy",
            where=f"{experiment.file}, forcing.height",
            remedy="give the height of the instruments above the zero-plane displacement, some metres over tall canopies",
        )


def initial_state(
    column: SoilColumn, section: InitialSection, *, t_air_mean: float, experiment: Experiment | None = None
) -> ColumnState:
    """Make the initial state of the experiment, before spin-up.

    Parameters
    ----------
    column : SoilColumn
        Column of the experiment.
    section : InitialSection
        ``[run.initial]`` of the experiment.
    t_air_mean : float
        Mean air temperature [K], the default of soil temperature.
    experiment : Experiment, optional
        Has the initial water table and pools of soil carbon, with ``[soil.topmodel]`` and ``[carbon.four_pools]``.

    Returns
    -------
    ColumnState

    Raises
    ------
    BadInput
        If the pools are for another number of layers.
    """
    shape = column.dzsoil.shape
    dtype = column.dzsoil.dtype

    def layers(values: tuple[float, ...]) -> Tensor:
        return torch.tensor(values, dtype=dtype).expand(shape[0]).reshape(shape).clone()

    t_soil = section.t_soil if section.t_soil is not None else (t_air_mean,)
    water_table = {} if experiment is None else initial_topmodel(experiment.soil, dtype)
    state = column.initial_state(layers(section.sthuf), layers(t_soil), **water_table)
    return state if experiment is None else state._replace(carbon=initial_four_pools(experiment, column.dzsoil))
