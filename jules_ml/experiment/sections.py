"""The sections of an experiment file, apart from ``[data]``: site, forcing, soil, surface, carbon,
modules, run.

Keys that JULES has too bear JULES's names.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from jules_ml.experiment.jules import Via
from jules_ml.experiment.place import PROPERTIES
from jules_ml.support.section import DataPath, PerLayer, Section


def _as_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        return moment
    offset = moment.utcoffset()
    assert offset is not None
    return moment.replace(tzinfo=None) - offset


#: A moment; one that carries an offset from UTC is brought to UTC, one without is UTC.
Moment = Annotated[datetime, AfterValidator(_as_utc)]


class SiteSection(Section):
    """``[site]``: where the record was taken. What is given here goes before what the record says."""

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
    """``[forcing]``: what stands in for weather that was not measured."""

    height: float = Field(default=10.0, gt=0.0, description="height of the weather above the canopy's zero plane [m]")
    wind: float = Field(default=2.0, gt=0.0, le=30.0, description="wind speed where none was measured [m s-1]")
    clear_sky: Literal["dilley_obrien", "brutsaert"] = Field(
        default="dilley_obrien", description="longwave radiation of a clear sky, where longwave was not measured"
    )
    interpolate_hours: float = Field(default=2.0, ge=0.0, le=24.0, description="longest gap that is interpolated [h]")
    course_days: int = Field(
        default=14, ge=1, le=60, description="days on either side that give the mean diurnal course in longer gaps"
    )
    rain_hours: float = Field(
        default=5.0, gt=0.0, le=24.0, description="length of a rain event, daily records only [h]"
    )
    seed: int = Field(default=0, ge=0, description="seed of the rain events' starts, daily records only")


class SoilValues(Section):
    """``[soil.properties]``: JULES's soil properties, a number for each layer or one for all."""

    b: PerLayer = Field(description="exponent [1]: Clapp and Hornberger's b, or 1/(n-1) of van Genuchten")
    sathh: PerLayer = Field(description="suction at saturation, or 1/alpha of van Genuchten [m]")
    satcon: PerLayer = Field(description="hydraulic conductivity at saturation [kg m-2 s-1]")
    sm_sat: PerLayer = Field(description="water content at saturation, without residual water [m3 m-3]")
    sm_crit: PerLayer = Field(description="water content at the critical point [m3 m-3]")
    sm_wilt: PerLayer = Field(description="water content at the wilting point [m3 m-3]")
    hcap: PerLayer = Field(description="heat capacity of dry soil [J m-3 K-1]")
    hcon: PerLayer = Field(description="thermal conductivity of dry soil [W m-1 K-1]")
    theta_r: PerLayer = Field(
        default=(0.0,), description="residual water, which sensors see and JULES leaves out [m3 m-3]"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for name in ("b", "sathh", "satcon", "sm_wilt", "hcap", "hcon"):
            if min(getattr(self, name)) <= 0.0:
                raise ValueError(f"{name} must be positive")
        if max(self.sm_sat) >= 1.0:
            raise ValueError("sm_sat must be below 1; it is in m3 m-3")
        if min(self.theta_r) < 0.0:
            raise ValueError("theta_r must not be negative")
        return self


class Texture(Section):
    """``[soil.texture]``: the texture that a pedotransfer function makes soil properties of."""

    pedotransfer: Literal["cosby", "hypres"] = Field(
        description="Cosby et al. (1984), Clapp and Hornberger's form, or Wösten et al. (1999), van Genuchten's"
    )
    sand: PerLayer = Field(description=PROPERTIES["sand"].description)
    silt: PerLayer = Field(description=PROPERTIES["silt"].description)
    clay: PerLayer = Field(description=PROPERTIES["clay"].description)
    bulk_density: PerLayer | None = Field(
        default=None, description=f"{PROPERTIES['bulk_density'].description}; hypres needs it"
    )
    soc: PerLayer | None = Field(default=None, description=f"{PROPERTIES['soc'].description}; hypres needs it")
    topsoil_depth: float = Field(
        default=0.3, ge=0.0, description="depth above which a layer's middle counts as topsoil, hypres only [m]"
    )

    @model_validator(mode="after")
    def _enough_for_hypres(self) -> Self:
        needed = self.bulk_density is not None and self.soc is not None
        if self.pedotransfer == "hypres" and not needed:
            raise ValueError("pedotransfer 'hypres' needs bulk_density and soc")
        return self

    def topsoil(self) -> dict[str, float]:
        """Properties of the first layer, by the names of :data:`~jules_ml.experiment.place.PROPERTIES`."""
        layers = {name: getattr(self, name) for name in ("sand", "silt", "clay", "bulk_density", "soc")}
        return {name: values[0] for name, values in layers.items() if values is not None}


class SoilSection(Section):
    """``[soil]``: layers, and their properties, given or from texture."""

    dzsoil: tuple[float, ...] = Field(
        default=(0.1, 0.25, 0.65, 2.0),
        min_length=2,
        description="thickness of each layer from the top, two or more [m]",
    )
    form: Literal["van_genuchten", "clapp_hornberger"] | None = Field(
        default=None, description="hydraulic form; needed with given properties, follows from the pedotransfer function"
    )
    l_soil_sat_down: bool = Field(default=True, description="water in excess of saturation goes down")
    soilhc_method: Literal[1, 2, 3] = Field(default=2, description="JULES's choice of thermal conductivity")
    properties: SoilValues | None = Field(default=None, description="soil properties as given")
    texture: Texture | None = Field(default=None, description="texture that soil properties are made of")

    @model_validator(mode="after")
    def _one_way_only(self) -> Self:
        if min(self.dzsoil) <= 0.0:
            raise ValueError("dzsoil must be positive")
        if (self.properties is None) == (self.texture is None):
            raise ValueError("give either [soil.properties] or [soil.texture]")
        if self.properties is not None and self.form is None:
            raise ValueError("form is needed with given properties: 'van_genuchten' or 'clapp_hornberger'")
        made = {"cosby": "clapp_hornberger", "hypres": "van_genuchten"}
        if self.texture is not None and self.form not in (None, made[self.texture.pedotransfer]):
            raise ValueError(
                f"pedotransfer '{self.texture.pedotransfer}' makes properties of another form than {self.form}"
            )
        for name, value in (*(self.properties or ()), *(self.texture or ())):
            if isinstance(value, tuple) and len(value) not in (1, len(self.dzsoil)):
                raise ValueError(
                    f"{name} has {len(value)} values for {len(self.dzsoil)} layers: give one, or one a layer"
                )
        return self


class TileSection(Section):
    """``[[surface.tiles]]``: one surface type and its share; what is not given is JULES's own."""

    type: Literal["broadleaf_tree", "needleleaf_tree", "c3_grass", "c4_grass", "shrub", "bare_soil"] = Field(
        description="surface type of JULES"
    )
    frac: float = Field(gt=0.0, le=1.0, description="share of the ground [1]; together they are 1")
    lai: float | None = Field(default=None, gt=0.0, le=15.0, description="leaf area index [1]")
    canht_ft: float | None = Field(default=None, gt=0.0, le=100.0, description="height of the canopy [m]")
    rootd_ft: float | None = Field(default=None, gt=0.0, le=10.0, description="e-folding depth of the roots [m]")

    @model_validator(mode="after")
    def _bare_is_bare(self) -> Self:
        if self.type == "bare_soil" and (self.lai is not None or self.canht_ft is not None):
            raise ValueError("bare_soil has neither lai nor canht_ft")
        return self


class SurfaceSection(Section):
    """``[surface]``: what grows on the soil."""

    tiles: tuple[TileSection, ...] = Field(min_length=1, description="surface types")
    albsoil: float = Field(default=0.11, gt=0.0, lt=1.0, description="albedo of bare soil [1]")
    co2: float = Field(default=4.0e-4, gt=0.0, lt=0.01, description="mole fraction of carbon dioxide in air [1]")

    @model_validator(mode="after")
    def _shares_add_up(self) -> Self:
        total = sum(tile.frac for tile in self.tiles)
        if abs(total - 1.0) > 1e-3:
            raise ValueError(f"the shares of the tiles add up to {total:g}, not to 1")
        return self

    def cover(self) -> dict[str, float]:
        """Cover fractions, by the names of :data:`~jules_ml.experiment.place.PROPERTIES`."""
        ground = sum(tile.frac for tile in self.tiles)
        return {
            "frac_tree": sum(tile.frac for tile in self.tiles if "tree" in tile.type) / ground,
            "frac_grass": sum(tile.frac for tile in self.tiles if "grass" in tile.type) / ground,
            "frac_bare": sum(tile.frac for tile in self.tiles if tile.type == "bare_soil") / ground,
        }


class CarbonSection(Section):
    """``[carbon]``: the soil carbon that respires, in JULES's one-pool scheme."""

    cs: float = Field(ge=0.0, le=500.0, description="soil carbon [kg m-2]")
    kaps: float = Field(default=0.5e-8, gt=0.0, description="rate of respiration at 282.4 K and best wetness [s-1]")


class ModulesSection(Section):
    """``[modules]``: learned modules that take the place of JULES's own forms in a run."""

    respiration: DataPath | None = Field(
        default=None, description="module folder of learned respiration, whose curves f and g replace JULES's"
    )
    hydraulics: DataPath | None = Field(
        default=None,
        description="module folder of learned hydraulics, whose soil at this site replaces that of `[soil]`; "
        'JULES takes it `via = "ancillary"`',
    )


class SpinUpSection(Section):
    """``[run.spin_up]``: the first years are repeated until water and temperature come round to themselves."""

    cycles: int = Field(default=5, ge=0, le=1000, description="most repetitions; 0 for none")
    years: int = Field(default=1, ge=1, le=1000, description="years from the start that are repeated")
    water: float = Field(default=1.0, gt=0.0, description="change of any layer's water that counts as none [kg m-2]")
    temperature: float = Field(
        default=0.1, gt=0.0, description="change of any layer's temperature that counts as none [K]"
    )


class InitialSection(Section):
    """``[run.initial]``: the state at the start, before spin-up."""

    sthuf: PerLayer = Field(default=(0.7,), description="soil water as a fraction of saturation [1]")
    t_soil: PerLayer | None = Field(
        default=None, description="soil temperature [K]; the record's mean air temperature unless given"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if min(self.sthuf) <= 0.0 or max(self.sthuf) > 1.0:
            raise ValueError("sthuf must be above 0 and not above 1; it is a fraction of saturation")
        if self.t_soil is not None and not 200.0 < min(self.t_soil) <= max(self.t_soil) < 350.0:
            raise ValueError("t_soil must be between 200 and 350; it is in K")
        return self


class RunSection(Section):
    """``[run]``: what is run, from when to when, and what is kept of it."""

    model: Literal["column", "jules"] = Field(
        default="column", description="what is run, the soil column in this package or a JULES executable"
    )
    via: Via = Field(default=(), description="ways by which learned modules get into JULES; none runs it as it is")
    start: Moment | None = Field(default=None, description="start, UTC; that of the record unless given")
    end: Moment | None = Field(default=None, description="end, UTC; that of the record unless given")
    timestep: float = Field(default=1800.0, ge=1.0, le=10800.0, description="time step [s]")
    mean_over: int = Field(default=48, ge=1, description="time steps that make one period of output")
    outputs: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="variables to keep, by JULES's names; all unless given"
    )
    precision: Literal["float32", "float64"] = Field(default="float64", description="precision of the arithmetic")
    compiled: bool | None = Field(
        default=None, description="compile the step; where a C++ compiler is at hand unless given"
    )
    spin_up: SpinUpSection = Field(default=SpinUpSection(), description="repetition of the first years")
    initial: InitialSection = Field(default=InitialSection(), description="state before spin-up")

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError("end is not after start")
        return self
