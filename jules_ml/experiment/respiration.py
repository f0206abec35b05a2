"""What a user may choose about learned respiration: the table ``[respiration]`` of an experiment."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from jules_ml.experiment.frost import FROZEN_BELOW, FrozenBelow
from jules_ml.support.section import Section

#: Which flux is learned from, by what it is.
FLUX = {"ecosystem": "nee", "soil": "resp_soil", "heterotrophic": "resp_het"}


class RowSettings(Section):
    """``[respiration.rows]``: which steps are learned from. Each is a rule with a name, and what it drops is counted in the card."""

    nee_is_measured: bool = Field(
        default=False, description="a record of NEE without quality codes holds nothing gap-filled: you say so"
    )
    ustar_min: Annotated[float, Field(ge=0.0, le=2.0)] | Literal["estimate"] | None = Field(
        default=0.3,
        description="least friction velocity of a night row [m s-1]; 'estimate': the threshold is estimated from each site's record; "
        "None: any",
    )
    ustar_method: Literal["change-point", "moving-point"] = Field(
        default="change-point",
        description="how `ustar_min = 'estimate'` finds the threshold: Barr et al. (2013), or Papale et al. (2006), which needs fewer rows",
    )
    night_max_potential: float | None = Field(
        default=1.0, ge=0.0, description="most potential radiation of a night [W m-2]; None: by the light seen alone"
    )
    night_max_sw_down: float = Field(default=10.0, gt=0.0, description="most shortwave radiation of a night [W m-2]")
    night_max_ppfd: float = Field(default=20.0, gt=0.0, description="most photon flux of a night [umol m-2 s-1]")
    frozen_below: FrozenBelow | None = Field(default=273.15, description=f"{FROZEN_BELOW}; None: none")
    stuck_after: str | None = Field(
        default="7D", description="a water content that repeats itself for longer than this is dropped; None: none"
    )
    least_flux: float | None = Field(
        default=-10.0, le=0.0, description="respiration below this is dropped as unphysical [umol m-2 s-1]; None: none"
    )
    most_flux: float | None = Field(
        default=60.0, gt=0.0, description="respiration above this is dropped as unphysical [umol m-2 s-1]; None: none"
    )


class RespirationSettings(Section):
    """How respiration is learned: ``R = R0 f(s) g(T)``."""

    target: Literal["ecosystem", "soil", "heterotrophic"] = Field(
        default="ecosystem",
        description="night-time NEE of a tower, soil respiration (Rs) or heterotrophic respiration (Rh)",
    )
    temperature: Literal["t_soil", "t_air"] = Field(default="t_soil", description="variable that g depends on")
    temperature_sensor: int = Field(default=0, ge=0, description="which of its depths, from the top")
    moisture: Literal["saturation", "theta", "relative", "potential", "none"] = Field(
        default="saturation",
        description="what f depends on: water as a fraction of saturation, water content, its place between the site's driest and "
        "wettest 1 % (for several sites whose sensors do not compare), matric potential, or nothing",
    )
    moisture_sensor: int = Field(default=0, ge=0, description="which depth of theta, from the top")
    wilting: float = Field(
        default=0.3,
        gt=0.0,
        lt=1.0,
        description="water at the wilting point as a fraction of saturation, for JULES's f [1]",
    )
    pools: Literal[1, 4] = Field(default=1, description="JULES's f of one pool or of four, beyond the data")
    jules_g: Literal["q10", "rothc"] = Field(default="q10", description="JULES's g beyond the data")
    q10: float = Field(default=2.0, gt=1.0, le=5.0, description="Q10 of JULES's g")
    retention: Literal["clapp_hornberger", "van_genuchten"] = Field(
        default="clapp_hornberger", description="water retention, for moisture = 'potential'"
    )
    b: float = Field(default=6.0, gt=0.0, description="its exponent b, or 1/(n-1) [1]")
    sathh: float = Field(default=0.2, gt=0.0, description="its suction at saturation, or 1/alpha [m]")
    chambers: Literal["mean", "each"] = Field(
        default="mean", description="chambers of a site: their mean, or each with a level of its own"
    )
    level: Literal["site", "site-year"] = Field(default="site", description="what has a level R0 of its own")

    hidden: tuple[Annotated[int, Field(ge=2, le=64)], ...] = Field(
        default=(12,), min_length=1, max_length=3, description="width of the hidden layers of f and of g"
    )
    monotone_temperature: bool = Field(default=False, description="g may not fall with temperature")
    f_max: float = Field(default=1.5, ge=1.0, le=3.0, description="f stays below this [1]")
    smoothness: tuple[float, float] = Field(
        default=(3e-4, 3e-3), description="least and most weight of roughness among the members [1]"
    )
    size: tuple[float, float] = Field(
        default=(0.03, 0.3),
        description="least and most weight of departure from Lloyd and Taylor among the members [1]",
    )
    free_smoothness: tuple[float, float] | None = Field(
        default=(1e-6, 3e-4),
        description="the same of freer members, taken where they do better in inner validation; None: never",
    )
    free_size: tuple[float, float] = Field(default=(3e-3, 3e-2), description="weight of departure of freer members [1]")
    likelihood: Literal["gaussian", "student_t"] | None = Field(
        default=None,
        description="tails of the errors, whose scale grows with the flux; unless given, `student_t` at towers and `gaussian` at chambers",
    )
    tempering: float = Field(
        default=1.0,
        ge=0.0,
        le=2.0,
        description="rows weigh by their error scale to minus this: 0 alike, 2 as if curves were right",
    )
    members: int = Field(default=8, ge=2, le=200, description="members of the ensemble")
    bootstrap_days: int = Field(default=30, ge=1, le=366, description="length of the blocks that members draw [d]")
    inner_folds: int = Field(default=6, ge=2, le=12, description="most folds of the inner validation")
    inner_rows: int = Field(
        default=6000, ge=500, description="most rows of the inner validation; more are thinned evenly"
    )
    interval: float = Field(
        default=0.9, gt=0.5, lt=1.0, description="share of observations that an interval is to cover"
    )
    test_fraction: float = Field(
        default=0.2, ge=0.0, le=0.5, description="last part of the record that is held out and scored; 0: none"
    )
    allow_lloyd_taylor: bool = Field(
        default=True,
        description="where inner validation does not find it better than Lloyd and Taylor's form, average the two, down to that form alone",
    )
    check_separability: bool = Field(
        default=False, description="fit a joint h(s, T) too, and score it on inner validation"
    )
    assimilation: bool = Field(
        default=False, description="learn photosynthesis along with it, from NEE of day and night (ecosystem only)"
    )
    exchange_rows: int = Field(
        default=20000,
        ge=1000,
        description="most rows of NEE that photosynthesis is learned from; more are thinned evenly",
    )
    seed: int = Field(default=0, ge=0, description="seed of everything random")
    rows: RowSettings = Field(
        default_factory=RowSettings, description="which rows are learned from: a table of its own"
    )

    @property
    def heavy_tails(self) -> bool:
        """Whether errors are taken to have heavy tails: those of eddy covariance have (Richardson et al. 2006)."""
        return (self.likelihood or ("student_t" if self.target == "ecosystem" else "gaussian")) == "student_t"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in ("smoothness", "size", "free_smoothness", "free_size"):
            pair = getattr(self, name)
            if pair is not None and not 0.0 < pair[0] <= pair[1]:
                raise ValueError(f"{name} must hold two numbers above zero, the smaller one first")
        if self.assimilation and self.target != "ecosystem":
            raise ValueError("assimilation is learned from NEE: set target = 'ecosystem'")
        return self

    @property
    def flux(self) -> str:
        """Variable of the site dataset that holds the flux."""
        return FLUX[self.target]
