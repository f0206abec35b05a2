"""Sections of an experiment file: site, forcing, soil, surface, carbon, modules and run.

Keys that correspond to JULES's variables have JULES's names.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from jules_ml.experiment.jules import Via
from jules_ml.experiment.place import PROPERTIES
from jules_ml.experiment.ranges import in_range, layers_in_range
from jules_ml.experiment.soil_processes import FourPoolsSection, TopmodelSection
from jules_ml.support.section import ModulePath, PerLayer, Section


def _as_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        return moment
    offset = moment.utcoffset()
    assert offset is not None
    return moment.replace(tzinfo=None) - offset


#: A time in UTC; times with an offset from UTC are converted.
Moment = Annotated[datetime, AfterValidator(_as_utc)]


class SiteSection(Section):
    """``[site]``: name and position of the site. Values given here take precedence over those of the record."""

    name: str | None = Field(default=None, description="name of the site")
    latitude: float | None = Field(default=None, ge=-90.0, le=90.0, description="latitude [degree], north positive")
    longitude: float | None = Field(default=None, ge=-180.0, le=180.0, description="longitude [degree], east positive")
    elevation: float | None = Field(
        default=None,
        ge=PROPERTIES["elevation"].valid_min,
        le=PROPERTIES["elevation"].valid_max,
        description=PROPERTIES["elevation"].description,
    )


class ForcingSection(Section):
    """``[forcing]``: gap-filling and substitutions of the weather."""

    height: float = Field(
        default=10.0, gt=0.0, le=500.0, description="height of the weather data above the zero plane of the canopy [m]"
    )
    wind: float = Field(default=2.0, gt=0.0, le=30.0, description="wind speed where it was not measured [m s-1]")
    clear_sky: Literal["dilley_obrien", "brutsaert"] = Field(
        default="dilley_obrien",
        description="formula of clear-sky longwave radiation, used where longwave was not measured",
    )
    interpolate_hours: float = Field(default=2.0, ge=0.0, le=24.0, description="longest gap that is interpolated [h]")
    course_days: int = Field(
        default=14,
        ge=1,
        le=60,
        description="window on either side of a longer gap for the mean diurnal variation (MDV) [d]",
    )
    rain_hours: float = Field(
        default=5.0, gt=0.0, le=24.0, description="duration of a rain event, for daily records only [h]"
    )
    seed: int = Field(default=0, ge=0, description="seed of the starts of rain events, for daily records only")


class SoilValues(Section):
    """``[soil.properties]``: JULES's soil properties, one number for each layer or one for all layers."""

    b: PerLayer = Field(description="exponent [1]: Clapp and Hornberger's b, or 1/(n-1) of van Genuchten")
    sathh: PerLayer = Field(description="suction at saturation, or 1/alpha of van Genuchten [m]")
    satcon: PerLayer = Field(description="hydraulic conductivity at saturation [kg m-2 s-1]")
    sm_sat: PerLayer = Field(description="water content at saturation, minus the residual water content [m3 m-3]")
    sm_crit: PerLayer = Field(
        description="water content at the critical point, minus the residual water content [m3 m-3]"
    )
    sm_wilt: PerLayer = Field(
        description="water content at the wilting point, minus the residual water content [m3 m-3]"
    )
    hcap: PerLayer = Field(description="heat capacity of dry soil [J m-3 K-1]")
    hcon: PerLayer = Field(description="thermal conductivity of dry soil [W m-1 K-1]")
    theta_r: PerLayer = Field(
        default=(0.0,), description="residual water content, which sensors measure and JULES does not include [m3 m-3]"
    )

    @field_validator("*")
    @classmethod
    def _possible(cls, values: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        assert info.field_name is not None
        if info.field_name != "theta_r" and min(values) <= 0.0:
            raise ValueError(f"{info.field_name} must be positive")
        if info.field_name == "sm_sat" and max(values) >= 1.0:
            raise ValueError("sm_sat must be below 1; it is in m3 m-3")
        in_range(info.field_name, values)
        return values

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for low, high in (("sm_wilt", "sm_crit"), ("sm_crit", "sm_sat"), ("theta_r", "sm_sat")):
            for below, above in _layer_by_layer(getattr(self, low), getattr(self, high)):
                if below > above:
                    raise ValueError(
                        f"{low} is {below:g} in a layer where {high} is {above:g} m3 m-3: {low} must not exceed {high}"
                    )
        for residual, water in _layer_by_layer(self.theta_r, self.sm_sat):
            if residual + water >= 1.0:
                raise ValueError(f"theta_r and sm_sat add up to {residual + water:g} m3 m-3, which must be below 1")
        return self


def _layer_by_layer(first: tuple[float, ...], second: tuple[float, ...]) -> list[tuple[float, float]]:
    """Pairs of the values of each layer; one value is that of all layers. Different numbers of layers are refused elsewhere."""
    count = max(len(first), len(second))
    return list(zip(*(values * count if len(values) == 1 else values for values in (first, second)), strict=False))


class Texture(Section):
    """``[soil.texture]``: soil texture, from which a pedotransfer function calculates soil properties."""

    pedotransfer: Literal["cosby", "hypres"] = Field(
        description="pedotransfer function: Cosby et al. (1984) for Clapp and Hornberger, HYPRES (Wösten et al. 1999) for van Genuchten"
    )
    sand: PerLayer = Field(description=PROPERTIES["sand"].description)
    silt: PerLayer = Field(description=PROPERTIES["silt"].description)
    clay: PerLayer = Field(description=PROPERTIES["clay"].description)
    bulk_density: PerLayer | None = Field(
        default=None, description=f"{PROPERTIES['bulk_density'].description}; hypres needs it"
    )
    organic_carbon: PerLayer | None = Field(
        default=None, description=f"{PROPERTIES['organic_carbon'].description}; hypres needs it"
    )
    topsoil_depth: float = Field(
        default=0.3,
        ge=0.0,
        le=10.0,
        description="depth of the topsoil: layers with their middle above it are topsoil, for HYPRES only [m]",
    )

    @field_validator("sand", "silt", "clay", "bulk_density", "organic_carbon")
    @classmethod
    def _possible(cls, values: tuple[float, ...] | None, info: ValidationInfo) -> tuple[float, ...] | None:
        assert info.field_name is not None
        for value in values or ():
            problem = PROPERTIES[info.field_name].problem(value)
            if problem is not None:
                raise ValueError("; ".join(problem))
        return values

    @model_validator(mode="after")
    def _enough_for_hypres(self) -> Self:
        needed = self.bulk_density is not None and self.organic_carbon is not None
        if self.pedotransfer == "hypres" and not needed:
            raise ValueError("pedotransfer 'hypres' needs bulk_density and organic_carbon")
        return self

    def topsoil(self) -> dict[str, float]:
        """Properties of the first layer, by the names of :data:`~jules_ml.experiment.place.PROPERTIES`."""
        layers = {name: getattr(self, name) for name in ("sand", "silt", "clay", "bulk_density", "organic_carbon")}
        return {name: values[0] for name, values in layers.items() if values is not None}


class SoilSection(Section):
    """``[soil]``: soil layers, and their properties, given or calculated from texture."""

    dzsoil: tuple[float, ...] = Field(
        default=(0.1, 0.25, 0.65, 2.0),
        min_length=2,
        description="thickness of each layer from the top, two or more layers [m]",
    )
    form: Literal["van_genuchten", "clapp_hornberger"] | None = Field(
        default=None,
        description="hydraulic form; required with `[soil.properties]`, otherwise that of the pedotransfer function",
    )
    l_soil_sat_down: bool = Field(default=True, description="move water in excess of saturation downwards")
    l_holdwater: bool = Field(
        default=False, description="pass water that a layer has no room for, or lacks, to the next layer, as JULES does"
    )
    l_dpsids_dsdz: bool = Field(default=False, description="gradient of suction from that of wetness, JULES's option")
    soilhc_method: Literal[1, 2, 3] = Field(default=2, description="JULES's option for thermal conductivity")
    heat_solutions: int = Field(
        default=3,
        ge=3,
        le=50,
        description="maximum number of solutions of the heat balance in a step: 3 in JULES; "
        "12 close the heat budget where rain falls on frozen soil",
    )
    properties: SoilValues | None = Field(default=None, description="soil properties")
    texture: Texture | None = Field(default=None, description="soil texture, for a pedotransfer function")
    topmodel: TopmodelSection | None = Field(
        default=None, description="TOPMODEL, JULES's `l_top`; default: the soil drains freely"
    )

    @field_validator("dzsoil")
    @classmethod
    def _thicknesses(cls, dzsoil: tuple[float, ...]) -> tuple[float, ...]:
        return layers_in_range(dzsoil)

    @model_validator(mode="after")
    def _one_way_only(self) -> Self:
        # a grid may have them in a file instead
        if self.properties is not None and self.texture is not None:
            raise ValueError("give either [soil.properties] or [soil.texture]")
        if self.properties is not None and self.form is None:
            raise ValueError("form is needed with [soil.properties]: 'van_genuchten' or 'clapp_hornberger'")
        forms = {"cosby": "clapp_hornberger", "hypres": "van_genuchten"}
        if self.texture is not None and self.form not in (None, forms[self.texture.pedotransfer]):
            raise ValueError(
                f"pedotransfer '{self.texture.pedotransfer}' has the form {forms[self.texture.pedotransfer]}, not {self.form}: remove form"
            )
        for name, value in (*(self.properties or ()), *(self.texture or ())):
            if isinstance(value, tuple) and len(value) not in (1, len(self.dzsoil)):
                raise ValueError(
                    f"{name} has {len(value)} values for {len(self.dzsoil)} layers: give one value, or one for each layer"
                )
        if self.topmodel is not None and self.topmodel.zw_max <= sum(self.dzsoil):
            raise ValueError(f"topmodel.zw_max must be below the soil layers, which reach {sum(self.dzsoil):g} m")
        return self


class CarbonSection(Section):
    """``[carbon]``: soil carbon and its respiration rate, in JULES's one-pool scheme, or in four pools."""

    cs: float = Field(ge=0.0, le=500.0, description="soil carbon [kg m-2]")
    kaps: float = Field(
        default=0.5e-8,
        gt=0.0,
        le=1e-5,
        description="specific respiration rate at 282.4 K and optimum soil moisture [s-1]",
    )
    four_pools: FourPoolsSection | None = Field(
        default=None, description="four pools that gain litter and lose respiration; default: one constant pool"
    )


class ModulesSection(Section):
    """``[modules]``: learned modules that replace JULES's own functions in a run."""

    respiration: ModulePath | None = Field(
        default=None,
        description="module folder of learned respiration, or `ready:NAME`; its modifiers f(θ) and g(T) replace those of JULES",
    )
    hydraulics: ModulePath | None = Field(
        default=None,
        description="module folder of learned hydraulics, or `ready:NAME`; its soil properties at this site replace those of `[soil]`; "
        'for JULES with `via = "ancillary"`',
    )
    base_rate: Literal["learned", "jules"] = Field(
        default="learned",
        description="respiration rate at optimum moisture and 282.4 K: that of the learned base respiration R0, which replaces `kaps` or "
        "`kaps_4pool`, or that of JULES",
    )

    def folders(self) -> dict[str, Path | None]:
        """Module folders, by kind."""
        return {"respiration": self.respiration, "hydraulics": self.hydraulics}


class SpinUpSection(Section):
    """``[run.spin_up]``: repetition of the first years until soil water and temperature converge."""

    cycles: int = Field(default=5, ge=0, le=1000, description="maximum number of repetitions; 0: no spin-up")
    years: int = Field(default=1, ge=1, le=1000, description="number of years from the start that are repeated")
    water: float = Field(
        default=1.0, gt=0.0, le=1000.0, description="convergence tolerance of the water in any layer [kg m-2]"
    )
    temperature: float = Field(
        default=0.1, gt=0.0, le=50.0, description="convergence tolerance of the temperature of any layer [K]"
    )


class InitialSection(Section):
    """``[run.initial]``: the state at the start, before spin-up."""

    sthuf: PerLayer = Field(default=(0.7,), description="soil water as a fraction of saturation [1]")
    t_soil: PerLayer | None = Field(
        default=None, description="soil temperature [K]; default: mean air temperature of the record"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if min(self.sthuf) <= 0.0 or max(self.sthuf) > 1.0:
            raise ValueError("sthuf must be above 0 and at most 1; it is a fraction of saturation")
        if self.t_soil is not None and not 200.0 < min(self.t_soil) <= max(self.t_soil) < 350.0:
            raise ValueError("t_soil must be between 200 and 350; it is in K")
        return self


class RunSection(Section):
    """``[run]``: model, period, time step and output of a run."""

    model: Literal["column", "jules"] = Field(
        default="column", description="model: the soil column of this package, or a JULES executable"
    )
    via: Via = Field(
        default=(),
        description="how learned modules get into JULES: one or several of `ancillary`, `prescribed`, `namelist`, `hooks`; default: none",
    )
    start: Moment | None = Field(default=None, description="start, UTC; default: that of the record")
    end: Moment | None = Field(default=None, description="end, UTC; default: that of the record")
    timestep: float = Field(default=1800.0, ge=1.0, le=10800.0, description="time step [s]")
    mean_over: int = Field(default=48, ge=1, le=1_000_000, description="number of time steps in one output period")
    outputs: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="output variables, by JULES's names; default: all"
    )
    precision: Literal["float32", "float64"] = Field(
        default="float64", description="floating-point precision; a long run in `float32` needs a compiled step"
    )
    device: Literal["cpu", "cuda"] = Field(
        default="cpu", description="processor of a run on a grid: `cuda` is an NVIDIA GPU"
    )
    compiled: bool | None = Field(
        default=None, description="compile the time step; default: if a C++ compiler is available"
    )
    spin_up: SpinUpSection = Field(default=SpinUpSection(), description="spin-up by repeating the first years")
    initial: InitialSection = Field(default=InitialSection(), description="state before spin-up")

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError("end is not after start")
        return self
