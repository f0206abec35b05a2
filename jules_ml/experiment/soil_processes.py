"""Sections for processes of the soil that JULES switches on and off: TOPMODEL and the four pools of soil carbon."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from jules_ml.support.section import Section

#: RothC's ratio of decomposable to resistant plant material in the litter of trees, JULES's ``dpm_rpm_ratio_io`` of its first types.
_TREES = 0.25


class TopmodelSection(Section):
    """``[soil.topmodel]``: TOPMODEL (JULES's ``l_top``), with one value of each property for the grid box."""

    ti_mean: float = Field(gt=0.0, le=50.0, description="mean of the topographic index [1]")
    ti_sig: float = Field(gt=0.0, le=50.0, description="standard deviation of the topographic index [1]")
    fexp: float = Field(
        gt=0.0, le=100.0, description="decrease of the saturated conductivity with depth below the soil layers [m-1]"
    )
    zw_max: float = Field(
        default=6.0, gt=0.0, le=1000.0, description="maximum depth of the water table, below the soil layers [m]"
    )
    ti_max: float = Field(default=10.0, gt=0.0, le=100.0, description="maximum critical topographic index [1]")
    nfita: int = Field(
        default=20, ge=1, le=1000, description="number of exponents that the fit of the saturated fraction chooses from"
    )
    l_wetland_unfrozen: bool = Field(default=False, description="saturated fraction of unfrozen ground, JULES's option")
    sthzw: float | None = Field(
        default=None,
        ge=0.0,
        le=1.0,
        description="initial water below the soil layers as a fraction of saturation [1]; default: that of the last layer",
    )
    zw: float | None = Field(
        default=None,
        ge=0.0,
        description="initial depth of the water table [m]; default: in equilibrium with the water",
    )

    @model_validator(mode="after")
    def _water_table_in_range(self) -> Self:
        if self.zw is not None and self.zw > self.zw_max:
            raise ValueError(f"zw is {self.zw:g} m, below zw_max at {self.zw_max:g} m")
        return self


class FourPoolsSection(Section):
    """``[carbon.four_pools]``: the four pools of RothC (JULES's ``soil_bgc_model = 2``) in place of a single constant one."""

    fractions: tuple[float, float, float, float] = Field(
        description="initial fractions of `cs` in decomposable and resistant plant material, biomass and humus [1]"
    )
    litter: float = Field(ge=0.0, le=20.0, description="litter fall, as carbon [kg m-2 a-1]")
    dpm_rpm_ratio: float = Field(
        default=_TREES,
        ge=0.0,
        le=100.0,
        description="ratio of decomposable to resistant plant material in litter [1]; "
        "in JULES 0.25 for trees, 0.33 for shrubs, 0.67 for grasses",
    )
    clay: float | None = Field(
        default=None,
        ge=0.0,
        le=1.0,
        description="clay fraction of the mineral soil [1]; default: that of the first layer of `[soil.texture]`",
    )
    kaps_4pool: tuple[float, float, float, float] = Field(
        default=(3.22e-7, 9.65e-9, 2.12e-8, 6.43e-10),
        description="specific respiration rates at 282.4 K and optimum soil moisture [s-1], in place of `kaps`",
    )
    l_q10: bool = Field(default=False, description="Q10 form of the temperature modifier in place of that of RothC")
    l_soil_resp_lev2: bool = Field(
        default=False,
        description="respiration at the conditions of the second soil layer, with ice as wetness; not with `l_layeredc`",
    )
    l_layeredc: bool = Field(default=False, description="pools in each soil layer")
    layers: tuple[float, ...] | None = Field(
        default=None, description="initial fraction of `cs` in each soil layer [1]; needed with `l_layeredc`"
    )
    tau_resp: float = Field(default=2.0, ge=0.0, description="decrease of respiration with depth, layered carbon [m-1]")
    tau_lit: float = Field(default=5.0, ge=0.0, description="decrease of litter with depth, layered carbon [m-1]")
    triffid_period: int = Field(default=10, ge=1, le=366, description="time between changes of the pools [d]")

    @model_validator(mode="after")
    def _fractions_add_up(self) -> Self:
        for name in ("fractions", "layers"):
            values = getattr(self, name)
            if values is not None and (min(values) < 0.0 or abs(sum(values) - 1.0) > 1e-3):
                raise ValueError(f"{name} must be 0 or more and add up to 1, not to {sum(values):g}")
        if self.l_layeredc and self.l_soil_resp_lev2:
            raise ValueError("with l_layeredc each layer respires at its own conditions: remove l_soil_resp_lev2")
        if self.l_layeredc != (self.layers is not None):
            raise ValueError("l_layeredc and layers go together: give both or neither")
        return self
