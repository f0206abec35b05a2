"""``[moisture]``: how soil moisture is learned at a site, and what is known there beside the record."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from jules_ml.experiment.frost import FrozenBelow
from jules_ml.support.section import DataPath, PerLayer, Section

StaticKind = Literal["texture", "satellite", "both", "none"]


class MoistureSettings(Section):
    """How soil moisture is learned."""

    static: StaticKind = Field(
        default="both",
        description="what tells soils apart: maps or measurements of texture, surface temperature from satellites, both, or neither",
    )
    jules_channel: bool = Field(
        default=True, description="JULES's run is an input on every day, not on the first alone"
    )
    width: int = Field(default=24, ge=8, le=128, description="channels of the network")
    static_width: int = Field(default=6, ge=1, le=32, description="numbers that static inputs are brought to")
    dilations: tuple[Annotated[int, Field(ge=1, le=64)], ...] = Field(
        default=(1, 2, 4, 8, 16), min_length=1, description="steps of the convolutions over days [d]"
    )
    heads: int = Field(default=2, ge=1, le=8, description="heads of the attention")
    fortnights: int = Field(default=13, ge=2, le=52, description="fortnights that the attention looks back")
    dropout: float = Field(default=0.2, ge=0.0, lt=0.9, description="share of channels dropped while learning")
    members: int = Field(default=8, ge=1, le=50, description="networks in the ensemble")
    steps: int = Field(default=600, ge=1, description="steps of learning of each network")
    window: int | None = Field(
        default=None, ge=200, description="days of a record that a step learns from, drawn at random; all unless given"
    )
    rate: float = Field(default=4e-3, gt=0.0, description="greatest rate of learning")
    decay: float = Field(default=1e-2, ge=0.0, description="decay of weights")
    match_variance: float = Field(
        default=1.0,
        ge=0.0,
        le=1.0,
        description="how far the spread of predictions at sites learned from is drawn to that measured on training days",
    )
    level_weight: float = Field(
        default=0.01,
        ge=0.0,
        le=1.0,
        description="weight of what a sensor's errors have in common over all days, which at sites learned from is put right afterwards; "
        "not where `window` cuts them",
    )
    gradient_weight: float = Field(default=0.3, ge=0.0, description="weight of the change from one day to the next")
    start_weight: float = Field(default=0.1, ge=0.0, description="weight of invariance to a later start")
    initial_weight: float = Field(default=0.05, ge=0.0, description="weight of keeping to the initial condition")
    bounds_weight: float = Field(
        default=0.0, ge=0.0, description="weight of water content below residual or above saturation"
    )
    balance_weight: float = Field(default=0.0, ge=0.0, description="weight of water gained in a day beyond its rain")
    frozen_below: FrozenBelow = 274.15
    interval: float = Field(default=0.9, gt=0.5, lt=1.0, description="share of days that an interval is to cover")
    validation_fraction: float = Field(
        default=1.0 / 3.0,
        ge=0.0,
        lt=0.5,
        description="part of the training days at either end, each held out once, by which intervals are found; 0: none",
    )
    test_fraction: float = Field(
        default=0.3, ge=0.0, le=0.8, description="last part of each record that is held out and scored; 0: none"
    )
    site_folds: int = Field(
        default=0, ge=0, le=20, description="folds in which sites are held out, to score sites never seen; 0: none"
    )
    compare_static: bool = Field(
        default=False, description="hold sites out under every setting of `static`, and report paired differences"
    )
    seed: int = Field(default=0, ge=0, description="seed of everything random")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.width % self.heads:
            raise ValueError("width must be a multiple of heads")
        return self


class MoistureSection(MoistureSettings):
    """Settings of learning, and what a site has beside its record."""

    jules: DataPath | None = Field(
        default=None,
        description="output of a run at the site, with `smcl`: the first guess. JULES's own, or that of `jules-ml run`",
    )
    simulated: tuple[DataPath, ...] = Field(
        default=(),
        description="output of runs at the site with other soils, or ensembles of them, over more years than water content was "
        "measured: they are learned from beside it",
    )
    dzsoil: PerLayer = Field(
        default=(0.1, 0.25, 0.65, 2.0),
        description="thickness of the soil layers of JULES's output, which does not say it [m]",
    )
    lst: DataPath | None = Field(
        default=None,
        description="surface temperature of a satellite as point series, CSV or netCDF, in place of the record's",
    )
    swi: DataPath | None = Field(
        default=None,
        description="soil water index of Copernicus as point series, CSV or netCDF, or its surface soil moisture (SSM), which is filtered",
    )
    t_value: int = Field(default=20, ge=1, le=100, description="its T-value [d]")
    sm_sat: PerLayer | None = Field(
        default=None, description="JULES's water content at saturation, for `export --to prescribed` [m3 m-3]"
    )
    theta_r: PerLayer = Field(default=(0.0,), description="residual water, which JULES leaves out [m3 m-3]")
