"""``[moisture]``: settings of learned soil moisture, and further data of the site."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from jules_ml.experiment.frost import FrozenBelow
from jules_ml.experiment.ranges import in_range, layers_in_range
from jules_ml.support.section import DataPath, PerLayer, Section

StaticKind = Literal["texture", "satellite", "both", "none"]


class MoistureSettings(Section):
    """Settings of the training of soil moisture."""

    static: StaticKind = Field(
        default="both",
        description="static inputs: soil texture, surface temperature from satellites, both, or none",
    )
    jules_channel: bool = Field(
        default=True, description="use the JULES run as an input on every day, not only on the first"
    )
    width: int = Field(default=24, ge=8, le=128, description="number of channels of the network")
    static_width: int = Field(
        default=6, ge=1, le=32, description="number of features into which the static inputs are encoded"
    )
    dilations: tuple[Annotated[int, Field(ge=1, le=64)], ...] = Field(
        default=(1, 2, 4, 8, 16), min_length=1, description="dilations of the convolutions in time [d]"
    )
    heads: int = Field(default=2, ge=1, le=8, description="number of attention heads")
    fortnights: int = Field(default=13, ge=2, le=52, description="number of past fortnights that the attention covers")
    dropout: float = Field(default=0.2, ge=0.0, lt=0.9, description="fraction of channels dropped during training [1]")
    members: int = Field(default=8, ge=1, le=50, description="number of networks in the ensemble")
    steps: int = Field(default=600, ge=1, le=100_000, description="number of training steps of each network")
    window: int | None = Field(
        default=None,
        ge=200,
        description="length of the randomly drawn period of each training step [d]; default: the complete record",
    )
    rate: float = Field(default=4e-3, gt=0.0, le=1.0, description="maximum learning rate")
    decay: float = Field(default=1e-2, ge=0.0, le=10.0, description="weight decay")
    match_variance: float = Field(
        default=1.0,
        ge=0.0,
        le=1.0,
        description="rescaling of predictions at training sites to the variance measured on training days: 0 none, 1 full",
    )
    level_weight: float = Field(
        default=0.01,
        ge=0.0,
        le=1.0,
        description="weight of the mean error of a sensor in the loss, since mean offsets at training sites are corrected afterwards; "
        "not used with `window`",
    )
    gradient_weight: float = Field(
        default=0.3, ge=0.0, le=1000.0, description="weight of day-to-day changes in the loss"
    )
    start_weight: float = Field(
        default=0.1, ge=0.0, le=1000.0, description="weight of the invariance to a later start in the loss"
    )
    initial_weight: float = Field(
        default=0.05, ge=0.0, le=1000.0, description="weight of the initial condition in the loss"
    )
    bounds_weight: float = Field(
        default=0.0,
        ge=0.0,
        le=1000.0,
        description="weight of the penalty on water contents below residual or above saturation",
    )
    balance_weight: float = Field(
        default=0.0, ge=0.0, le=1000.0, description="weight of the penalty on daily gains of water that exceed the rain"
    )
    frozen_below: FrozenBelow = 274.15
    interval: float = Field(
        default=0.9,
        gt=0.5,
        lt=1.0,
        description="nominal coverage of the prediction intervals, as a fraction of days [1]",
    )
    validation_fraction: float = Field(
        default=1.0 / 3.0,
        ge=0.0,
        lt=0.5,
        description="fraction of the training days at either end, each withheld once to calibrate the intervals; 0: none",
    )
    inner_folds: int = Field(
        default=3,
        ge=0,
        le=20,
        description="number of groups of training sites, each withheld once, by which predictions at other sites are combined, scaled and "
        "given intervals; 0: none",
    )
    test_fraction: float = Field(
        default=0.3, ge=0.0, le=0.8, description="fraction at the end of each record that is the test period; 0: none"
    )
    site_folds: int = Field(
        default=0, ge=0, le=20, description="number of folds of the cross-validation over sites; 0: none"
    )
    compare_static: bool = Field(
        default=False,
        description="repeat the cross-validation over sites for every setting of `static`, and report paired differences",
    )
    seed: int = Field(default=0, ge=0, description="seed of the random number generator")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.width % self.heads:
            raise ValueError("width must be a multiple of heads")
        return self


class MoistureSection(MoistureSettings):
    """Settings of the training, and further data of a site."""

    jules: DataPath | None = Field(
        default=None,
        description="first guess: output of a run at the site with `smcl`, from JULES or `jules-ml run`, or of an ensemble of runs with "
        "several soils",
    )
    simulated: tuple[DataPath, ...] = Field(
        default=(),
        description="additional training data: output of runs at the site with other soils, or of ensembles, that cover more years than "
        "the observations",
    )
    dzsoil: Annotated[PerLayer, AfterValidator(layers_in_range)] = Field(
        default=(0.1, 0.25, 0.65, 2.0),
        description="thickness of the soil layers of the JULES output, which does not contain it [m]",
    )
    lst: DataPath | None = Field(
        default=None,
        description="point series of surface temperature from a satellite, CSV or netCDF; replaces that of the record",
    )
    swi: DataPath | None = Field(
        default=None,
        description="point series of the Copernicus soil water index, or of its surface soil moisture (SSM), which is "
        "filtered; CSV or netCDF",
    )
    t_value: int = Field(default=20, ge=1, le=100, description="T-value of the soil water index [d]")
    sm_sat: PerLayer | None = Field(
        default=None, description="water content at saturation in JULES, for `export --to prescribed` [m3 m-3]"
    )
    theta_r: PerLayer = Field(
        default=(0.0,), description="residual water content, which JULES does not include [m3 m-3]"
    )

    @field_validator("sm_sat", "theta_r")
    @classmethod
    def _possible(cls, values: tuple[float, ...] | None, info: ValidationInfo) -> tuple[float, ...] | None:
        assert info.field_name is not None
        in_range(info.field_name, values)
        return values

    @model_validator(mode="after")
    def _residual_below_saturation(self) -> Self:
        if self.sm_sat is not None and max(self.theta_r) >= min(self.sm_sat):
            raise ValueError(f"theta_r of {max(self.theta_r):g} is not below sm_sat of {min(self.sm_sat):g}")
        return self
