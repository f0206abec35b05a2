"""``[physics]``: JULES's full land surface in place of the simple one, by JULES's own switches."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from jules_ml.physics.switches import Switches
from jules_ml.support.section import Section


class PhysicsSection(Section):
    """``[physics]``: JULES's full land surface in place of the simple one, by JULES's own switches.

    Switches of the soil follow from ``[soil]``, and those of soil carbon from ``[carbon]``.
    """

    cor_mo_iter: Literal[1, 2, 3, 4] = Field(default=1, description="iteration of the Obukhov length")
    l_point_data: bool = Field(
        default=True, description="rain is uniform, as at a point; otherwise its intensity varies over the grid box"
    )
    l_epot_corr: bool = Field(default=True, description="correction of potential evaporation, which no flux depends on")
    can_model: Literal[1, 2, 3, 4] = Field(
        default=4,
        description="canopy: none (1), radiative (2), also with heat capacity (3), also with snow beneath it (4)",
    )
    can_rad_mod: Literal[1, 4, 5, 6] = Field(
        default=6,
        description="light in the canopy: a big leaf (1), layers (4), sunlit and shaded leaves (5), with nitrogen by leaf area (6)",
    )
    ilayers: int = Field(default=10, ge=1, le=100, description="layers of the canopy")
    fsmc_shape: Literal[0, 1] = Field(
        default=0, description="soil moisture stress by water content (0) or potential (1)"
    )
    l_use_pft_psi: bool = Field(
        default=False, description="potential at which stomata open and close from `psi_open_io` and `psi_close_io`"
    )
    l_limit_canhc: bool = Field(default=False, description="limit the heat capacity of the canopy")
    l_spec_veg_z0: bool = Field(
        default=False, description="roughness length of plants from `z0v_io` in place of their height"
    )
    stomata_model: Literal[1] = Field(default=1, description="stomatal conductance: Jacobs")
    photo_model: Literal[1] = Field(default=1, description="photosynthesis: Collatz")
    l_trait_phys: bool = Field(default=False, description="leaf nitrogen by traits: `nmass_io` and `lma_io`")
    l_leaf_n_resp_fix: bool = Field(
        default=False, description="leaf nitrogen in respiration with the profile of the canopy"
    )
    l_stem_resp_fix: bool = Field(default=False, description="stem nitrogen in respiration by balanced leaf area")
    l_scale_resp_pm: bool = Field(
        default=False, description="soil moisture stress reduces all respiration of maintenance"
    )
    l_cosz: bool = Field(
        default=True, description="solar zenith angle from time and position; otherwise the sun is at the zenith"
    )
    l_spec_albedo: bool = Field(default=False, description="albedo by visible and near-infrared light")
    l_snow_albedo: bool = Field(default=False, description="albedo of snow by grain size, with `l_spec_albedo`")
    nsmax: int = Field(
        default=3,
        ge=0,
        le=3,
        description="layers of snow, 0 to 3, at least 0.1, 0.2 and 0.2 m thick; 0: snow and the top soil layer are one",
    )
    frac_snow_subl_melt: Literal[0, 1] = Field(
        default=0, description="shallow snow sublimates and melts on the fraction of the tile that it covers (1)"
    )
    l_snowdep_surf: bool = Field(default=True, description="depth of snow in the surface exchange by its density")
    l_snow_infilt: bool = Field(default=False, description="rain enters the snow")
    l_snow_nocan_hc: bool = Field(default=False, description="no heat capacity of the canopy over snow")
    l_rho_snow_corr: bool = Field(default=True, description="keep the density of snow when layers change")
    l_et_metamorph: bool = Field(default=False, description="density of snow by equitemperature metamorphism")
    i_snow_cond_parm: Literal[0, 1] = Field(default=0, description="conductivity of snow: Yen (0) or Calonne (1)")
    i_grain_growth_opt: Literal[0, 1] = Field(
        default=0, description="growth of snow grains: Marshall (0) or Taillandier (1)"
    )
    i_relayer_opt: Literal[0, 1] = Field(
        default=0, description="grain size when layers change: by thickness (0) or its inverse (1)"
    )
    i_basal_melting_opt: Literal[0, 1] = Field(default=0, description="melt at the base of snow (1)")
    l_limit_gsoil: bool = Field(default=False, description="limit the conductance of bare soil")
    l_accurate_rho: bool = Field(default=False, description="density of moist air")
    l_dtcanfix: bool = Field(default=True, description="correction without effect under prescribed weather")
    l_fix_albsnow_ts: bool = Field(default=True, description="correction of the albedo of snow by two streams")
    l_fix_neg_snow: bool = Field(default=True, description="correction of negative snow mass")
    l_fix_snow_frac: bool = Field(default=False, description="correction of the snow fraction in evaporation")
    l_fix_wind_snow: Literal[True] = Field(
        default=True, description="correction of the wind that takes snow from canopies"
    )
    conserve_snow: bool = Field(
        default=False,
        description="conserve the water of snow, of which JULES loses or gains some kg m-2 in a year; not of JULES",
    )
    diff_frac_const: float = Field(
        default=0.4, ge=0.0, le=1.0, description="diffuse fraction of shortwave radiation [1]"
    )
    bl_height: float = Field(default=1000.0, gt=0.0, le=1e4, description="height of the boundary layer [m]")

    @model_validator(mode="after")
    def _with_what_they_need(self) -> Self:
        if self.fsmc_shape == 1 and not self.l_use_pft_psi:
            raise ValueError("fsmc_shape = 1 needs l_use_pft_psi = true")
        if self.l_snow_albedo and not self.l_spec_albedo:
            raise ValueError("l_snow_albedo needs l_spec_albedo = true")
        return self

    def switches(self, *, l_vg_soil: bool, l_soil_sat_down: bool, soilhc_method: int, l_top: bool) -> Switches:
        """Return the switches of the column.

        Parameters
        ----------
        l_vg_soil, l_soil_sat_down, soilhc_method, l_top
            Switches of the soil, from ``[soil]``.

        Returns
        -------
        Switches
        """
        names = {field.name for field in fields(Switches)} & set(PhysicsSection.model_fields)
        own: dict[str, Any] = {name: getattr(self, name) for name in names}
        return Switches(
            **own, l_vg_soil=l_vg_soil, l_soil_sat_down=l_soil_sat_down, soilhc_method=soilhc_method, l_top=l_top
        )
