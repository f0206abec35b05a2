"""Soil of ``[soil]`` of an experiment, from properties or from texture."""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from jules_ml.experiment.sections import SoilSection, Texture
from jules_ml.physics.column import SoilProperties
from jules_ml.physics.evaporation import check_stress_points
from jules_ml.physics.hydraulics import CLAPP_HORNBERGER, VAN_GENUCHTEN, HydraulicForm
from jules_ml.physics.pedotransfer import (
    check_hypres_range,
    check_texture,
    clapp_hornberger_cosby,
    soil_of_texture,
    van_genuchten_hypres,
)

_FORMS: Final = {"van_genuchten": VAN_GENUCHTEN, "clapp_hornberger": CLAPP_HORNBERGER}


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
