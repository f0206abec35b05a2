"""Set-up of a soil column from the sections of an experiment."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.sections import InitialSection, SoilSection, SurfaceSection, Texture
from jules_ml.physics import tiles
from jules_ml.physics.column import (
    ColumnState,
    RespirationFactors,
    SoilColumn,
    SoilProperties,
    jules_one_pool_factors,
)
from jules_ml.physics.evaporation import check_stress_points
from jules_ml.physics.hydraulics import (
    CLAPP_HORNBERGER,
    VAN_GENUCHTEN,
    HydraulicForm,
)
from jules_ml.physics.pedotransfer import (
    check_hypres_range,
    check_texture,
    clapp_hornberger_cosby,
    soil_of_texture,
    van_genuchten_hypres,
)
from jules_ml.physics.surface import SurfaceProperties
from jules_ml.physics.tiles import TILES

_FORMS = {"van_genuchten": VAN_GENUCHTEN, "clapp_hornberger": CLAPP_HORNBERGER}


class Soil(NamedTuple):
    """Soil of one column: properties of shape (layer, 1), form of the curves, ``dzsoil`` [m] and residual water ``theta_r`` [m3 m-3]."""

    properties: SoilProperties
    form: HydraulicForm
    dzsoil: Tensor
    theta_r: Tensor


def column_soil(section: SoilSection, dtype: torch.dtype, *, where: str) -> Soil:
    """Make the soil from properties or from texture.

    Parameters
    ----------
    section : SoilSection
        ``[soil]`` of the experiment.
    dtype : torch.dtype
        Of the tensors.
    where : str
        File, for error messages.

    Returns
    -------
    Soil

    Raises
    ------
    BadInput
        If the critical point is not between the wilting point and saturation; if the texture is invalid, or outside the range of the
        pedotransfer function.
    """
    n_layers = len(section.dzsoil)

    def layers(values: tuple[float, ...]) -> Tensor:
        return torch.tensor(values, dtype=dtype).expand(n_layers).reshape(n_layers, 1).clone()

    dzsoil = layers(section.dzsoil)
    if section.properties is not None:
        assert section.form is not None
        values = section.properties
        properties = SoilProperties(*(layers(getattr(values, name)) for name in SoilProperties._fields))
        check_stress_points(
            properties.sm_wilt, properties.sm_crit, properties.sm_sat, where=f"{where}, soil.properties"
        )
        return Soil(properties, _FORMS[section.form], dzsoil, layers(values.theta_r))
    assert section.texture is not None
    return _from_texture(
        section.texture, {name: layers(v) for name, v in section.texture if isinstance(v, tuple)}, dzsoil, where
    )


def _from_texture(texture: Texture, layer: dict[str, Tensor], dzsoil: Tensor, where: str) -> Soil:
    """Make the soil with a pedotransfer function, with wilting and critical points at JULES's suctions."""
    sand, silt, clay = layer["sand"], layer["silt"], layer["clay"]
    check_texture(sand, silt, clay, where=f"{where}, soil.texture")
    if texture.pedotransfer == "hypres":
        bulk_density, organic_carbon = layer["bulk_density"], layer["organic_carbon"]
        check_hypres_range(bulk_density, organic_carbon, where=f"{where}, soil.texture")
        middle = dzsoil.cumsum(0) - 0.5 * dzsoil
        topsoil = (middle <= texture.topsoil_depth).to(dzsoil.dtype)
        hypres = van_genuchten_hypres(silt, clay, bulk_density, organic_carbon, topsoil)
        return Soil(soil_of_texture(hypres, clay), VAN_GENUCHTEN, dzsoil, hypres.theta_r)
    return Soil(
        soil_of_texture(clapp_hornberger_cosby(sand, clay), clay), CLAPP_HORNBERGER, dzsoil, torch.zeros_like(sand)
    )


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
    types = []
    for tile in section.tiles:
        changes = tile.model_dump(include={"lai", "canht_ft", "rootd_ft"}, exclude_none=True)
        types.append(replace(TILES[tile.type], **changes))
    fractions = [tile.frac for tile in section.tiles]
    return tiles.surface_properties(
        types, [f / sum(fractions) for f in fractions], albsoil=section.albsoil, dzsoil=dzsoil, height=height
    )


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
        Modifiers of respiration, JULES's by default.

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
    surface = column_surface(surface_section, soil.dzsoil, height=height)
    if float(surface.log_h.min()) <= 0.0:
        raise BadInput(
            f"a forcing height of {height:g} m is within the roughness length of the canopy",
            where=f"{experiment.file}, forcing.height",
            remedy="give the height of the instruments above the zero-plane displacement, some metres over tall canopies",
        )
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
        l_soil_sat_down=soil_section.l_soil_sat_down,
        soilhc_method=soil_section.soilhc_method,
    )
    return column, soil


def initial_state(column: SoilColumn, section: InitialSection, *, t_air_mean: float) -> ColumnState:
    """Make the initial state of the experiment, before spin-up.

    Parameters
    ----------
    column : SoilColumn
        Column of the experiment.
    section : InitialSection
        ``[run.initial]`` of the experiment.
    t_air_mean : float
        Mean air temperature [K], the default of soil temperature.

    Returns
    -------
    ColumnState
    """
    shape = column.dzsoil.shape
    dtype = column.dzsoil.dtype

    def layers(values: tuple[float, ...]) -> Tensor:
        return torch.tensor(values, dtype=dtype).expand(shape[0]).reshape(shape).clone()

    t_soil = section.t_soil if section.t_soil is not None else (t_air_mean,)
    return column.initial_state(layers(section.sthuf), layers(t_soil))
