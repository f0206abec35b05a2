r"""Time steps of one or many soil columns: JULES's soil, driven by prescribed fluxes or by weather.

:class:`SoilColumn` calls the parts of this package in JULES's order: respiration from the state at the end of the last step,
surface exchange, Richards step, heat step. The first dimension of every state variable is the layer (or tile) and the last one the column,
so that many columns are stepped by the same operations.

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699; Clark et al. (2011), Geosci. Model Dev. 4, 701-722.
"""

from __future__ import annotations

import torch
from torch import Tensor

from jules_ml.physics.column_outputs import outputs_with_surface
from jules_ml.physics.column_variables import (
    ColumnState,
    Factors,
    RespirationFactors,
    SoilProperties,
    freeze_soil,
    jules_one_pool_factors,
)
from jules_ml.physics.constants import RHO_WATER
from jules_ml.physics.hydraulics import VAN_GENUCHTEN, HydraulicForm
from jules_ml.physics.land_surface.conductance import SoilBelow
from jules_ml.physics.land_surface.initial import initial_surface
from jules_ml.physics.land_surface.properties import LandSurface
from jules_ml.physics.land_surface.state import LandForcing, LandSurfaceState
from jules_ml.physics.land_surface.step import land_surface_step
from jules_ml.physics.layerwise import sum_over_layers
from jules_ml.physics.respiration import KAPS, respiration_one_pool
from jules_ml.physics.snow import SnowCover
from jules_ml.physics.soil_carbon import FourPoolCarbon, SoilCarbonState, soil_carbon_step
from jules_ml.physics.soil_heat import MMAX, soil_heat_step
from jules_ml.physics.soil_hydrology import SoilHydrology, soil_hydrology_step
from jules_ml.physics.surface import Forcing, SurfaceProperties, SurfaceState, surface_step
from jules_ml.physics.thermal import soil_thermal_conductivity
from jules_ml.physics.topmodel import Topmodel, initial_water_table

__all__ = [
    "ColumnState",
    "Factors",
    "RespirationFactors",
    "SoilColumn",
    "SoilProperties",
    "freeze_soil",
    "jules_one_pool_factors",
]


class SoilColumn:
    """JULES's soil, with or without its surface, for any number of columns.

    Parameters
    ----------
    soil : SoilProperties
        Shape (layer, column) or (layer, 1) each; gradients flow through them.
    dzsoil : Tensor, shape (layer, 1)
        Layer thicknesses [m].
    timestep : float
        Length of a step [s].
    form : HydraulicForm
        Van Genuchten or Clapp-Hornberger.
    surface : SurfaceProperties or LandSurface, optional
        The simple surface or that of JULES; needed by :meth:`step`, not by :meth:`soil_step`.
    factors : callable
        Modifiers of respiration: those of JULES's one-pool scheme, or of a learned module.
    cs : float or Tensor, shape (column,)
        Soil carbon that respires [kg m-2].
    kaps : float
        Specific rate of respiration at 282.4 K and optimal wetness [s-1].
    co2 : float or Tensor, shape (column,)
        Mole fraction of carbon dioxide [1].
    height : float or Tensor, shape (column,)
        Height of the forcing [m].
    l_soil_sat_down : bool
        Whether water in excess of saturation moves down (JULES's switch).
    l_holdwater, l_dpsids_dsdz : bool
        JULES's switches of the Richards step, see :func:`~jules_ml.physics.soil_water.richards_step`.
    soilhc_method : {1, 2, 3}
        JULES's choice of thermal conductivity.
    topmodel : Topmodel, optional
        Properties of the grid box for TOPMODEL (JULES's ``l_top``); without them the soil drains freely.
    carbon : FourPoolCarbon, optional
        Four pools as state (``soil_bgc_model`` 2) in place of ``cs`` and ``kaps``; ``factors`` must suit them (``jules_factors``).
    l_soil_resp_lev2 : bool
        Whether a single pool respires at the conditions of the second layer, as in JULES.
    heat_solutions : int
        Maximum number of solutions of the soil's heat balance in a step, three in JULES.

    Raises
    ------
    ValueError
        If the shapes of properties and layers disagree, or there are fewer than two layers.
    """

    def __init__(
        self,
        soil: SoilProperties,
        dzsoil: Tensor,
        *,
        timestep: float,
        form: HydraulicForm = VAN_GENUCHTEN,
        surface: SurfaceProperties | LandSurface | None = None,
        factors: RespirationFactors = jules_one_pool_factors,
        cs: Tensor | float = 0.0,
        kaps: float = KAPS,
        co2: float | Tensor = 391.0e-6,
        height: float | Tensor = 10.0,
        l_soil_sat_down: bool = True,
        l_holdwater: bool = False,
        l_dpsids_dsdz: bool = False,
        soilhc_method: int = 2,
        topmodel: Topmodel | None = None,
        carbon: FourPoolCarbon | None = None,
        l_soil_resp_lev2: bool = False,
        heat_solutions: int = MMAX,
    ) -> None:
        if dzsoil.ndim != 2 or any(p.ndim != 2 or p.shape[0] != dzsoil.shape[0] for p in soil):
            raise ValueError(
                "soil properties and dzsoil must have shape (layer, column) with the same number of layers"
            )
        if dzsoil.shape[0] < 2:
            raise ValueError("a soil column needs two layers or more")
        self.soil = soil
        self.dzsoil = dzsoil
        self.timestep = float(timestep)
        self.form = form
        self.surface = surface
        self.factors = factors
        self.cs = cs
        self.kaps = kaps
        self.co2 = co2
        self.height = height
        self.l_soil_sat_down = l_soil_sat_down
        self.l_holdwater, self.l_dpsids_dsdz = l_holdwater, l_dpsids_dsdz
        self.soilhc_method = soilhc_method
        self.topmodel = topmodel
        self.carbon = carbon
        self.l_soil_resp_lev2 = l_soil_resp_lev2
        self.heat_solutions = heat_solutions

    def initial_state(
        self, sthuf: Tensor, t_soil: Tensor, *, sthzw: Tensor | None = None, zw: Tensor | None = None
    ) -> ColumnState:
        """Make a state of wetness and temperature, with ice in equilibrium, and without snow or water on leaves.

        Parameters
        ----------
        sthuf : Tensor, shape (layer, column)
            All water as a fraction of saturation [1].
        t_soil : Tensor, shape (layer, column)
            Soil temperature [K].
        sthzw : Tensor, shape (column,), optional
            With TOPMODEL, water below the layers as a fraction of saturation [1]; default: that of the last layer.
        zw : Tensor, shape (column,), optional
            With TOPMODEL, depth of the water table [m]; default: in equilibrium with the water.

        Returns
        -------
        ColumnState
            With a surface at the temperature of the top layer if the column has one.
        """
        soil = self.soil
        smcl = sthuf * RHO_WATER * self.dzsoil * soil.sm_sat
        state = ColumnState(smcl=smcl, sthf=freeze_soil(sthuf, t_soil, soil), t_soil=t_soil, surface=None)
        if self.topmodel is not None:
            water_table = initial_water_table(
                smcl,
                state.sthf,
                self.topmodel,
                sthzw=sthuf[-1] if sthzw is None else sthzw,
                zw=zw,
                b=soil.b,
                sathh=soil.sathh,
                satcon=soil.satcon,
                sm_sat=soil.sm_sat,
                dzsoil=self.dzsoil,
                form=self.form,
            )
            state = state._replace(topmodel=water_table)
        if self.surface is None:
            return state
        if isinstance(self.surface, LandSurface):
            return state._replace(surface=initial_surface(self.surface, t_soil[0]))
        nothing = (self.surface.frac * t_soil[0]) * 0.0
        return state._replace(surface=SurfaceState(tstar=nothing + t_soil[0], canopy=nothing, snow=nothing, gc=nothing))

    def soil_step(
        self,
        state: ColumnState,
        infiltration: Tensor,
        ext: Tensor,
        surf_ht_flux: Tensor,
        snow_depth: Tensor | SnowCover,
        t_soil1: Tensor | None = None,
        litter: Tensor | None = None,
    ) -> tuple[ColumnState, dict[str, Tensor]]:
        """Step the soil alone, with prescribed fluxes at its surface.

        Parameters
        ----------
        state : ColumnState
            At the start of the step.
        infiltration : Tensor, shape (column,)
            Infiltration into the soil [kg m-2 s-1].
        ext : Tensor, shape (layer, column)
            Extraction by roots and bare-soil evaporation [kg m-2 s-1].
        surf_ht_flux : Tensor, shape (column,)
            Heat into the soil [W m-2].
        snow_depth : Tensor, shape (column,), or SnowCover
            Snow depth [m], or that of each tile.
        t_soil1 : Tensor, shape (column,), optional
            Temperature of the top layer if it has changed since the start of the step by melt of snow [K].
        litter : Tensor, shape (column,), optional
            Litter fall [kg m-2 s-1]; default: that of ``carbon``.

        Returns
        -------
        ColumnState
            At the end of the step.
        dict of str to Tensor
            JULES's output variables, and the residuals of the budgets: ``water_residual`` [kg m-2] and
            ``heat_residual`` [W m-2], the residual of JULES's iteration.
        """
        f = self.factors(self._wetness(state.smcl) - state.sthf, state.sthf, state.t_soil, self.soil)
        water = self._hydrology(state, infiltration, ext)
        soil = self.soil
        heat = soil_heat_step(
            state.t_soil,
            water.smcl,
            state.sthf,
            surf_ht_flux,
            water.w_flux,
            snow_depth,
            b=soil.b,
            sathh=soil.sathh,
            sm_sat=soil.sm_sat,
            hcap=soil.hcap,
            hcon=soil.hcon,
            dzsoil=self.dzsoil,
            timestep=self.timestep,
            soilhc_method=self.soilhc_method,
            solutions=self.heat_solutions,
            t_soil1=t_soil1,
        )
        runoff = water.surf_roff + water.sub_surf_roff
        outputs = {
            "smcl": water.smcl,
            "sthu": self._wetness(water.smcl) - heat.sthf,
            "sthf": heat.sthf,
            "t_soil": heat.t_soil,
            "fsth": f.fsth,
            "ftemp": f.ftemp,
            "ext": ext,
            "surf_roff": water.surf_roff,
            "sub_surf_roff": water.sub_surf_roff,
            "runoff": runoff,
            "drain": water.w_flux[-1],
            "water_residual": water.gain - self.timestep * (infiltration - sum_over_layers(ext) - runoff),
            "heat_residual": heat.unaccounted,
        }
        carbon, respiration = self._respire(state.carbon, f, heat.t_soil, litter)
        new = state._replace(
            smcl=water.smcl, sthf=heat.sthf, t_soil=heat.t_soil, topmodel=water.topmodel, carbon=carbon
        )
        return new, outputs | water.outputs | respiration

    def _wetness(self, smcl: Tensor) -> Tensor:
        """Water of the layers as a fraction of saturation [1]."""
        return smcl / (RHO_WATER * self.dzsoil * self.soil.sm_sat)

    def _hydrology(self, state: ColumnState, infiltration: Tensor, ext: Tensor) -> SoilHydrology:
        """Step the water of the soil."""
        return soil_hydrology_step(
            state.smcl,
            state.sthf,
            infiltration,
            ext,
            soil=self.soil,
            dzsoil=self.dzsoil,
            timestep=self.timestep,
            form=self.form,
            l_soil_sat_down=self.l_soil_sat_down,
            l_holdwater=self.l_holdwater,
            l_dpsids_dsdz=self.l_dpsids_dsdz,
            topmodel=self.topmodel,
            topmodel_state=state.topmodel,
        )

    def _respire(
        self, state: SoilCarbonState | None, f: Factors, t_soil: Tensor, litter: Tensor | None
    ) -> tuple[SoilCarbonState | None, dict[str, Tensor]]:
        """Pools of carbon at the end of a step with temperature ``t_soil``, and outputs."""
        if self.carbon is not None:
            return soil_carbon_step(
                state, *f, t_soil, litter, carbon=self.carbon, dzsoil=self.dzsoil, timestep=self.timestep
            )
        level = 1 if self.l_soil_resp_lev2 else 0
        resp_s = respiration_one_pool(torch.as_tensor(self.cs), f.fsth[level], f.ftemp[level], kaps=self.kaps)
        return None, {"resp_s_gb": resp_s}

    def step(self, state: ColumnState, forcing: Forcing | LandForcing) -> tuple[ColumnState, dict[str, Tensor]]:
        """Step surface and soil, driven by weather.

        Parameters
        ----------
        state : ColumnState
            With a surface, at the start of the step.
        forcing : Forcing or LandForcing
            Weather over the step, shape (column,) each; a :class:`LandForcing` for JULES's surface.

        Returns
        -------
        ColumnState
            At the end of the step.
        dict of str to Tensor
            As :meth:`soil_step`, and the fluxes of the surface; ``water_residual`` includes water on leaves and snow.

        Raises
        ------
        ValueError
            If the column or the state has no surface.
        """
        if isinstance(self.surface, LandSurface) and isinstance(forcing, LandForcing):
            return self._land_step(state, forcing, self.surface)
        if not isinstance(self.surface, SurfaceProperties) or not isinstance(state.surface, SurfaceState):
            raise ValueError("step needs a column and a state with a surface; use soil_step")
        assert isinstance(forcing, Forcing)
        soil = self.soil
        surface, flux = surface_step(
            state.surface,
            forcing,
            state.smcl,
            state.sthf,
            state.t_soil,
            sm_sat=soil.sm_sat,
            sm_crit=soil.sm_crit,
            sm_wilt=soil.sm_wilt,
            satcon=soil.satcon,
            hcon=soil.hcon,
            dzsoil=self.dzsoil,
            surface=self.surface,
            co2=self.co2,
            height=self.height,
            timestep=self.timestep,
            soilhc_method=self.soilhc_method,
        )
        new, outputs = self.soil_step(state, flux.infiltration, flux.ext, flux.surf_ht_flux_gb, flux.snow_depth_gb)
        above_ground = surface.canopy + surface.snow - state.surface.canopy - state.surface.snow
        gain = sum_over_layers(self.surface.frac * above_ground)
        return new._replace(surface=surface), outputs_with_surface(
            outputs, flux, forcing, gain=gain, evaporated=flux.fqw_gb, timestep=self.timestep
        )

    def _land_step(
        self, state: ColumnState, forcing: LandForcing, land: LandSurface
    ) -> tuple[ColumnState, dict[str, Tensor]]:
        """Step JULES's land surface and the soil."""
        soil, old = self.soil, state.surface
        assert isinstance(old, LandSurfaceState)
        sthu = self._wetness(state.smcl) - state.sthf
        hcons = soil_thermal_conductivity(
            soil.hcon[0], sthu[0], state.sthf[0], soil.sm_sat[0], method=self.soilhc_method
        )
        properties = {name: getattr(soil, name) for name in SoilProperties._fields if name != "hcon"}
        below = SoilBelow(state.smcl, sthu, state.sthf, state.t_soil, hcons=hcons, dzsoil=self.dzsoil, **properties)
        surface, boundary, flux = land_surface_step(old, forcing, below, land, timestep=self.timestep)
        new, outputs = self.soil_step(
            state,
            boundary.infiltration,
            boundary.ext,
            boundary.surf_ht_flux,
            boundary.snow,
            boundary.t_soil1,
            forcing.litter,
        )
        stored = surface.canopy + surface.snow.snow_tile + surface.snow.snow_grnd
        before = old.canopy + old.snow.snow_tile + old.snow.snow_grnd
        gain = sum_over_layers(land.frac * (stored - before))
        # lakes evaporate water that they do not lose
        evaporated = flux.fqw_gb - sum_over_layers(land.frac * flux.elake)
        return new._replace(surface=surface), outputs_with_surface(
            outputs, flux, forcing, gain=gain, evaporated=evaporated, timestep=self.timestep
        )
