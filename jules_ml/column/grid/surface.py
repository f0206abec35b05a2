"""Surface of all land points of a grid: the simple one, or JULES's land surface."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.column.land_setup import land_of_types, land_switches, land_types
from jules_ml.experiment import Experiment
from jules_ml.experiment.grid import GridSection
from jules_ml.experiment.physics import PhysicsSection
from jules_ml.experiment.surface import SIMPLE_TYPES
from jules_ml.physics import tiles
from jules_ml.physics.hydraulics import HydraulicForm
from jules_ml.physics.land_surface.properties import LandSurface
from jules_ml.physics.surface import SurfaceProperties
from jules_ml.physics.switches import Switches
from jules_ml.physics.tiles import TILES

_Array = NDArray[np.float64]


def available_types(experiment: Experiment, section: GridSection) -> tuple[str, ...]:
    """Names of the surface types that the column of an experiment has, but for land ice.

    Parameters
    ----------
    experiment : Experiment
    section : GridSection

    Returns
    -------
    tuple of str
        With ``[physics]`` those of the parameter files, and the names of the simple surface for them.
    """
    if experiment.physics is None:
        return tuple(TILES)
    types = land_types(section, Switches(), torch.float64)
    names = [name for row, name in enumerate(types.names) if row != types.ice]
    return (*names, *(simple for simple, name in SIMPLE_TYPES.items() if name in names and simple not in names))


def simple_surface(
    cover: Mapping[str, _Array], albsoil: _Array, section: GridSection, dzsoil: Tensor
) -> SurfaceProperties:
    """Make the simple surface: equal types at all points, with their own fractions and albedo of the soil.

    Parameters
    ----------
    cover : mapping of str to array, shape (point,)
        Fraction of each type [1].
    albsoil : array, shape (point,)
        Albedo of bare soil [1].
    section : GridSection
    dzsoil : Tensor, shape (layer, 1)
        Layer thicknesses [m].

    Returns
    -------
    SurfaceProperties
    """
    types = [TILES[name] for name in cover]
    equal = [1.0 / len(types)] * len(types)
    drive = section.drive

    def surface(albedo: float) -> SurfaceProperties:
        return tiles.surface_properties(
            types, equal, albsoil=albedo, dzsoil=dzsoil, height=drive.z1_tq_in, wind_height=drive.z1_uv_in
        )

    # the albedo of a tile is linear in that of the soil
    black, white = surface(0.0), surface(1.0).albedo
    albedo = black.albedo + (white - black.albedo) * torch.as_tensor(albsoil, dtype=dzsoil.dtype)
    return black._replace(frac=torch.as_tensor(np.stack(list(cover.values())), dtype=dzsoil.dtype), albedo=albedo)


def land_surface_of_grid(
    experiment: Experiment,
    physics: PhysicsSection,
    cover: Mapping[str, _Array],
    albsoil: _Array,
    section: GridSection,
    dzsoil: Tensor,
    *,
    form: HydraulicForm,
    l_top: bool,
) -> LandSurface:
    """Make JULES's land surface.

    Parameters
    ----------
    experiment : Experiment
        With ``[soil]``.
    physics : PhysicsSection
        ``[physics]`` of the experiment.
    cover, albsoil, section, dzsoil
        See :func:`simple_surface`.
    form : HydraulicForm
        Of the soil.
    l_top : bool
        Whether the column has TOPMODEL.

    Returns
    -------
    LandSurface

    Raises
    ------
    BadInput
        If the parameter files are incomplete.
    """
    switches = land_switches(experiment, physics, form=form, l_top=l_top)
    types = land_types(section, switches, dzsoil.dtype)
    frac = torch.zeros(len(types.names), len(albsoil), dtype=dzsoil.dtype)
    for name, values in cover.items():
        # a type may have two names
        row = types.names.index(name if name in types.names else SIMPLE_TYPES[name])
        frac[row] += torch.as_tensor(values, dtype=dzsoil.dtype)
    return land_of_types(
        types,
        frac,
        physics,
        switches,
        dzsoil=dzsoil,
        albsoil=torch.as_tensor(albsoil, dtype=dzsoil.dtype),
        z1_tq=section.drive.z1_tq_in,
        z1_uv=section.drive.z1_uv_in,
        co2=section.co2,
    )
