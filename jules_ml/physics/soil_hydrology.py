"""Water of the soil in one step, with or without TOPMODEL: infiltration, movement between the layers, drainage and base flow.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699; Gedney and Cox (2003), J. Hydrometeorol. 4, 1265-1275; JULES routine ``hydrol``.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.column_variables import SoilProperties
from jules_ml.physics.constants import RHO_WATER
from jules_ml.physics.hydraulics import HydraulicForm
from jules_ml.physics.increments import accumulated
from jules_ml.physics.layerwise import sum_over_layers
from jules_ml.physics.soil_water import DeepStore, richards_step
from jules_ml.physics.topmodel import (
    BaseFlow,
    Topmodel,
    TopmodelState,
    base_flow,
    deep_saturation,
    saturated_fraction,
    water_table,
)
from jules_ml.physics.wetland import unfrozen_wetland


class SoilHydrology(NamedTuple):
    """Result of a step.

    ``smcl`` [kg m-2], shape (layer, column), and ``w_flux`` [kg m-2 s-1], shape (layer + 1, column), as
    :class:`~jules_ml.physics.soil_water.SoilWaterStep`; ``topmodel``, the state of TOPMODEL or ``None``; ``surf_roff``, ``sub_surf_roff``
    [kg m-2 s-1], shape (column,); ``gain`` [kg m-2], shape (column,), water that layers and the store below gained; ``outputs``, further
    output variables of TOPMODEL by JULES's names.
    """

    smcl: Tensor
    w_flux: Tensor
    topmodel: TopmodelState | None
    surf_roff: Tensor
    sub_surf_roff: Tensor
    gain: Tensor
    outputs: dict[str, Tensor]


def soil_hydrology_step(
    smcl: Tensor,
    sthf: Tensor,
    infiltration: Tensor,
    ext: Tensor,
    *,
    soil: SoilProperties,
    dzsoil: Tensor,
    timestep: float,
    form: HydraulicForm,
    l_soil_sat_down: bool = True,
    l_holdwater: bool = False,
    l_dpsids_dsdz: bool = False,
    topmodel: Topmodel | None = None,
    topmodel_state: TopmodelState | None = None,
) -> SoilHydrology:
    """Step the water of the soil.

    With TOPMODEL (``l_top``), the saturated fraction of the step before lets no water in, drainage goes to the store below the layers, and
    base flow is the subsurface runoff. Without it, drainage is.

    Parameters
    ----------
    smcl, sthf : Tensor, shape (layer, column)
        Water [kg m-2], and ice as a fraction of saturation [1].
    infiltration : Tensor, shape (column,)
        Water that reaches the soil, less the excess over its capacity of infiltration [kg m-2 s-1].
    ext : Tensor, shape (layer, column)
        Extraction [kg m-2 s-1].
    soil : SoilProperties
        Shape (layer, column) or (layer, 1) each.
    dzsoil : Tensor, shape (layer, 1)
        Layer thicknesses [m].
    timestep : float
        Length of the step [s].
    form : HydraulicForm
        Van Genuchten or Clapp-Hornberger.
    l_soil_sat_down, l_holdwater, l_dpsids_dsdz : bool
        JULES's switches.
    topmodel : Topmodel, optional
        Properties for TOPMODEL; without them there is none.
    topmodel_state : TopmodelState, optional
        Its state at the start of the step.

    Returns
    -------
    SoilHydrology

    Raises
    ------
    ValueError
        If there are properties for TOPMODEL and no state, or the reverse.
    """
    b, sathh, satcon, sm_sat = soil.b, soil.sathh, soil.satcon, soil.sm_sat
    step = functools.partial(
        richards_step,
        smcl,
        sthf,
        b=b,
        sathh=sathh,
        satcon=satcon,
        sm_sat=sm_sat,
        dzsoil=dzsoil,
        timestep=timestep,
        form=form,
        l_soil_sat_down=l_soil_sat_down,
        l_holdwater=l_holdwater,
        l_dpsids_dsdz=l_dpsids_dsdz,
    )
    if topmodel is None or topmodel_state is None:
        if topmodel is not None or topmodel_state is not None:
            raise ValueError("a column with TOPMODEL needs a state with a water table, and one without it none")
        water = step(infiltration, ext)
        gain = sum_over_layers(water.smcl - smcl)
        return SoilHydrology(water.smcl, water.w_flux, None, water.saturation_excess, water.w_flux[-1], gain, {})
    sthzw, zw, fsat = topmodel_state
    saturated_roff = fsat * infiltration
    flow = base_flow(zw, sthf, topmodel, b=b, satcon=satcon, dzsoil=dzsoil, form=form)
    smclsatzw = deep_saturation(topmodel, sm_sat=sm_sat, dzsoil=dzsoil)
    deep = DeepStore(sthzw * smclsatzw, smclsatzw, flow.qbase_l)
    water = step(infiltration - saturated_roff, ext, deep=deep)
    deep_gain = (water.w_flux[-1] - flow.qbase_l[-1]) * timestep
    smclzw = deep.smclzw + deep_gain
    zw = water_table(zw, water.smcl, smclzw, topmodel, b=b, sathh=sathh, sm_sat=sm_sat, dzsoil=dzsoil)
    fsat = _fsat(flow, topmodel_state, smcl, sthf, topmodel, soil=soil, dzsoil=dzsoil, form=form)
    state = TopmodelState(accumulated(sthzw, deep_gain / smclsatzw), zw, fsat)
    return SoilHydrology(
        smcl=water.smcl,
        w_flux=water.w_flux,
        topmodel=state,
        surf_roff=water.saturation_excess + saturated_roff,
        sub_surf_roff=sum_over_layers(flow.qbase_l),
        gain=sum_over_layers(water.smcl - smcl) + deep_gain,
        outputs={"sat_excess_roff": saturated_roff, **state._asdict()},
    )


def _fsat(
    flow: BaseFlow,
    state: TopmodelState,
    smcl: Tensor,
    sthf: Tensor,
    topmodel: Topmodel,
    *,
    soil: SoilProperties,
    dzsoil: Tensor,
    form: HydraulicForm,
) -> Tensor:
    """Saturated fraction at the water table of the start of the step."""
    if not topmodel.l_wetland_unfrozen:
        return saturated_fraction(flow.top_crit, topmodel)
    sthu = smcl / (RHO_WATER * dzsoil * soil.sm_sat) - sthf
    wetland = unfrozen_wetland(state, sthu, sthf, topmodel, b=soil.b, sathh=soil.sathh, dzsoil=dzsoil)
    without_ice = base_flow(
        wetland.zw_inund,
        torch.zeros_like(sthf),
        topmodel,
        b=soil.b,
        satcon=soil.satcon,
        dzsoil=dzsoil,
        form=form,
    )
    return wetland.wutot * saturated_fraction(without_ice.top_crit, topmodel)
