"""Settings of learned respiration: the table ``[respiration]`` of an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from jules_ml.data.quality import NIGHT_POTENTIAL, NIGHT_PPFD, NIGHT_SW_DOWN
from jules_ml.experiment.frost import FROZEN_BELOW, FrozenBelow
from jules_ml.experiment.ranges import in_range, layers_in_range
from jules_ml.physics.constants import KAPS_4POOL
from jules_ml.support.section import DataPath, PerLayer, Section

#: Variable of the site dataset for each target.
FLUX = {"ecosystem": "nee", "soil": "resp_soil", "heterotrophic": "resp_het"}
#: Soil respiration as a fraction of ecosystem respiration, mean of 18 European forests (Janssens et al. 2001), and heterotrophic as a
#: fraction of soil respiration, mean of forests (Hanson et al. 2000; 0.40 elsewhere). Bond-Lamberty et al. (2018) have 0.54 to 0.63.
_RS_RECO, _RH_RS = 0.69, 0.54
#: Default of the heterotrophic fraction of each target.
HETEROTROPHIC = {"ecosystem": round(_RS_RECO * _RH_RS, 2), "soil": _RH_RS, "heterotrophic": 1.0}

#: Respiration rate of a pool [s-1].
_Rate = Annotated[float, Field(gt=0.0, le=1e-4)]
#: Thickness of the layers of a model's output, which does not contain it [m].
_Layers = Annotated[PerLayer, AfterValidator(layers_in_range)]


class RowSettings(Section):
    """``[respiration.rows]``: selection of the training rows. Each key is a filter; the card counts the rows that it removes."""

    nee_is_measured: bool = Field(
        default=False, description="confirm that a record of NEE without quality codes contains no gap-filled values"
    )
    ustar_min: Annotated[float, Field(ge=0.0, le=2.0)] | Literal["estimate"] | None = Field(
        default=0.3,
        description="minimum friction velocity at night [m s-1]; 'estimate': estimated from the record of each site; "
        "'none': no minimum",
    )
    ustar_method: Literal["change-point", "moving-point"] = Field(
        default="change-point",
        description="method of `ustar_min = 'estimate'`: change point (Barr et al. 2013), or moving point (Papale et al. 2006), "
        "which needs fewer rows",
    )
    night_max_potential: float | None = Field(
        default=NIGHT_POTENTIAL,
        ge=0.0,
        le=500.0,
        description="maximum potential radiation at night [W m-2]; 'none', or where the position of the site is unknown: use measured "
        "radiation only",
    )
    night_max_sw_down: float = Field(
        default=NIGHT_SW_DOWN, gt=0.0, le=200.0, description="maximum shortwave radiation at night [W m-2]"
    )
    night_max_ppfd: float = Field(
        default=NIGHT_PPFD, gt=0.0, le=500.0, description="maximum photon flux density at night [umol m-2 s-1]"
    )
    frozen_below: FrozenBelow | None = Field(
        default=273.15, description=f"{FROZEN_BELOW}; sensors only, ignored with the soil of a model; 'none': no filter"
    )
    stuck_after: str | None = Field(
        default="7D",
        description="water contents that stay constant for longer than this are excluded; sensors only, ignored with the soil of a model; "
        "'none': no filter",
    )
    least_flux: float | None = Field(
        default=-10.0,
        ge=-150.0,
        le=0.0,
        description="respiration below this is excluded as unphysical [umol m-2 s-1]; 'none': no filter",
    )
    most_flux: float | None = Field(
        default=60.0,
        gt=0.0,
        le=1000.0,
        description="respiration above this is excluded as unphysical [umol m-2 s-1]; 'none': no filter",
    )


class LayerSettings(Section):
    """``[respiration.layers]``: layered soil carbon of the run that ``state`` names, for ``l_layeredc``. Each experiment has its own."""

    cs: tuple[Annotated[float, Field(ge=0.0, le=500.0)], ...] | None = Field(
        default=None,
        min_length=2,
        description="soil carbon of each layer, from the top [kg m-2]; default: `cs` of the output, with its pools",
    )
    kaps_4pool: tuple[_Rate, _Rate, _Rate, _Rate] = Field(
        default=KAPS_4POOL,
        description="rates of the four pools of the run [s-1]; default: those of JULES. Their ratios weight the pools of the output",
    )
    tau_resp: float = Field(
        default=2.0, ge=0.0, le=100.0, description="decline of respiration with depth [m-1]; default: that of JULES"
    )
    dzsoil: _Layers = Field(
        default=(0.1, 0.25, 0.65, 2.0),
        description="thickness of the soil layers, from the top [m], of an output that does not contain it",
    )


class RespirationSettings(Section):
    """Settings of the training of respiration, ``R = R0 f(s) g(T)``."""

    target: Literal["ecosystem", "soil", "heterotrophic"] = Field(
        default="ecosystem",
        description="flux to fit: night-time NEE of a tower, soil respiration (Rs) or heterotrophic respiration (Rh)",
    )
    state: Literal["sensors"] | DataPath | None = Field(
        default=None,
        description="soil that f and g are fitted to: a run folder of the column, an output file of the column or of JULES (`sthu`, "
        "`t_soil`, with `l_soil_resp_lev2` also `sthf`), or `'sensors'`. Default: the soil of the column, which the command runs, if the "
        "experiment has `[soil]`, `[surface]`, `[carbon]` and `[run]` with `model = 'column'`; else sensors",
    )
    l_soil_resp_lev2: bool = Field(
        default=False,
        description="with the soil of a model: use the second layer and all of its water, as JULES does with this switch",
    )
    l_layeredc: bool = Field(
        default=False,
        description="with the soil of a model: use all layers, weighted with the carbon that respires in them, as JULES with layered soil "
        "carbon; `l_soil_resp_lev2` then adds the frozen water only",
    )
    heterotrophic_fraction: float | None = Field(
        default=None,
        gt=0.0,
        le=1.0,
        description="heterotrophic respiration as a fraction of the target, for the rate that JULES gets [1]; default: 0.37 of ecosystem "
        "respiration (0.69 from soil, Janssens et al. 2001, times 0.54), 0.54 of soil respiration (Hanson et al. 2000), 1 of "
        "heterotrophic respiration",
    )
    temperature: Literal["t_soil", "t_air"] = Field(
        default="t_soil", description="variable of the temperature modifier g"
    )
    temperature_sensor: int = Field(
        default=0, ge=0, description="temperature sensor with values, counted from 0 at the top"
    )
    moisture: Literal["saturation", "theta", "relative", "potential", "none"] = Field(
        default="saturation",
        description="variable of the moisture modifier f: water content as a fraction of saturation, water content, water content scaled "
        "between the "
        "driest and wettest 1 % of the site (for sites whose sensors are not comparable), matric potential, or none",
    )
    moisture_sensor: int = Field(
        default=0, ge=0, description="soil-moisture sensor with values, counted from 0 at the top"
    )
    wilting: float = Field(
        default=0.3,
        gt=0.0,
        lt=1.0,
        description="wilting point as a fraction of saturation, for JULES's f [1]",
    )
    critical: float = Field(
        default=0.53,
        gt=0.0,
        le=1.0,
        description="critical point as a fraction of saturation, for JULES's f with `cs_decomp_soil_moist_func = 1` [1]",
    )
    pools: Literal[1, 4] = Field(default=1, description="number of carbon pools of JULES's f, with `outside = 'jules'`")
    jules_g: Literal["q10", "rothc"] = Field(
        default="q10", description="JULES's g, with `outside = 'jules'` or `l_layeredc`"
    )
    q10: float = Field(default=2.0, gt=1.0, le=5.0, description="Q10 of JULES's g")
    retention: Literal["clapp_hornberger", "van_genuchten"] = Field(
        default="clapp_hornberger", description="water retention curve, for `moisture = 'potential'`"
    )
    b: float = Field(default=6.0, gt=0.0, description="exponent of the retention curve: b, or 1/(n-1) [1]")
    sathh: float = Field(
        default=0.2, gt=0.0, description="suction at saturation of the retention curve, or 1/alpha [m]"
    )
    chambers: Literal["mean", "each"] = Field(
        default="mean",
        description="use the mean of the chambers of a site, or fit a base respiration R0 for each chamber",
    )
    level: Literal["site", "site-year"] = Field(
        default="site", description="fit a base respiration R0 for each site, or for each site and year"
    )

    base_respiration: Literal["varying", "constant"] = Field(
        default="varying",
        description="base respiration R0 in predictions: slowly varying in time, estimated from fluxes measured near in time, or constant; "
        "f, g and the mean R0 that a model uses are the same",
    )

    antecedent: bool = Field(
        default=True,
        description="also multiply predictions by factors of antecedent conditions (wetness and temperature minus their mean over a day or "
        "ten days, air minus soil temperature) that inner validation shows to be clearly useful; not with `l_layeredc` or `assimilation`",
    )

    hidden: tuple[Annotated[int, Field(ge=2, le=64)], ...] = Field(
        default=(12,), min_length=1, max_length=3, description="number of units in each hidden layer of f and g"
    )
    monotone_temperature: bool = Field(default=False, description="force g to increase with temperature")
    outside: Literal["edge", "jules"] = Field(
        default="edge",
        description="f and g outside the range that the data support: held at the value at its edge, or blended into JULES's curves",
    )
    shape: Literal["simple", "free"] = Field(
        default="simple",
        description="simple: f with a single maximum and g that does not decrease, unless free shapes are clearly better in inner "
        "validation; free: as fitted",
    )
    f_max: float = Field(default=1.5, ge=1.0, le=3.0, description="upper limit of f [1]")
    smoothness: tuple[float, float] = Field(
        default=(3e-4, 3e-3), description="range of the weight of the roughness penalty among the members [1]"
    )
    size: tuple[float, float] = Field(
        default=(0.03, 0.3),
        description="range of the weight of the penalty on departures from Lloyd and Taylor among the members [1]",
    )
    free_smoothness: tuple[float, float] | None = Field(
        default=(1e-6, 3e-4),
        description="`smoothness` of less constrained members, used where they score better in inner validation by more than one "
        "standard error; 'none': never",
    )
    free_size: tuple[float, float] = Field(default=(3e-3, 3e-2), description="`size` of less constrained members [1]")
    likelihood: Literal["gaussian", "student_t"] | None = Field(
        default=None,
        description="error distribution, whose scale increases with the flux; default: `student_t` for towers, `gaussian` for chambers",
    )
    tempering: float = Field(
        default=1.0,
        ge=0.0,
        le=2.0,
        description="exponent p of the weights 1/scale^p, with the error scale of each row: 0 equal weights, 2 weights of the likelihood",
    )
    members: int = Field(default=8, ge=2, le=200, description="number of members of the ensemble")
    bootstrap_days: int = Field(default=30, ge=1, le=366, description="block length of the bootstrap [d]")
    inner_folds: int = Field(default=6, ge=2, le=12, description="maximum number of folds of the inner validation")
    inner_rows: int = Field(
        default=6000,
        ge=500,
        description="maximum number of rows of the inner validation; longer records are thinned evenly",
    )
    interval: float = Field(
        default=0.9,
        gt=0.5,
        lt=1.0,
        description="nominal coverage of the prediction intervals, as a fraction of observations [1]",
    )
    test_fraction: float = Field(
        default=0.2, ge=0.0, le=0.5, description="fraction at the end of the record that is the test period; 0: none"
    )
    test_years: tuple[int, ...] = Field(
        default=(),
        description="calendar years that are the test period, at every site that has them, instead of `test_fraction`",
    )
    allow_lloyd_taylor: bool = Field(
        default=True,
        description="average the networks with the form of Lloyd and Taylor and with an f·g spline, or replace them, where inner "
        "validation shows that this is better; false: networks alone",
    )
    check_separability: bool = Field(
        default=False, description="also fit a joint function h(s, T) and score it in inner validation"
    )
    assimilation: bool = Field(
        default=False, description="also fit photosynthesis, from NEE of day and night (`target = 'ecosystem'` only)"
    )
    exchange_rows: int = Field(
        default=20000,
        ge=1000,
        description="maximum number of rows of NEE for photosynthesis; longer records are thinned evenly",
    )
    seed: int = Field(default=0, ge=0, description="seed of the random number generator")
    rows: RowSettings = Field(default_factory=RowSettings, description="selection of the training rows")
    layers: LayerSettings = Field(default_factory=LayerSettings, description="layered soil carbon, for `l_layeredc`")

    @property
    def heavy_tails(self) -> bool:
        """Whether errors have heavy tails, as those of eddy covariance do (Richardson et al. 2006)."""
        return (self.likelihood or ("student_t" if self.target == "ecosystem" else "gaussian")) == "student_t"

    @field_validator("b", "sathh")
    @classmethod
    def _possible(cls, value: float, info: ValidationInfo) -> float:
        assert info.field_name is not None
        in_range(info.field_name, value)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in ("smoothness", "size", "free_smoothness", "free_size"):
            pair = getattr(self, name)
            if pair is not None and not 0.0 < pair[0] <= pair[1]:
                raise ValueError(f"{name} needs two positive numbers, the smaller one first")
        if isinstance(self.state, Path) and self.temperature == "t_air":
            raise ValueError(
                "the soil of a model has its own temperature: leave out temperature, or set state = 'sensors'"
            )
        if isinstance(self.state, Path) and self.moisture == "relative":
            raise ValueError(
                "relative wetness is not a variable of a model: set moisture = 'saturation', or state = 'sensors'"
            )
        if self.l_layeredc and self.state == "sensors":
            raise ValueError("l_layeredc needs the soil of a model: give its output as state, or leave out l_layeredc")
        if self.assimilation and self.target != "ecosystem":
            raise ValueError("assimilation is fitted to NEE: set target = 'ecosystem'")
        return self

    @property
    def flux(self) -> str:
        """Variable of the flux in the site dataset."""
        return FLUX[self.target]

    @property
    def fraction(self) -> float:
        """Heterotrophic respiration as a fraction of the target flux: the setting, or the default of the target."""
        return HETEROTROPHIC[self.target] if self.heterotrophic_fraction is None else self.heterotrophic_fraction
