"""``[closed_loop]``: the coupled simulation of soil carbon, soil properties, moisture and temperature over decades."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from jules_ml.support.section import ModulePath, Section


class ClosedLoopSection(Section):
    """Processes that are coupled, and the length of the simulation. Learned respiration is set in ``[modules]``."""

    years: float = Field(
        default=50.0, gt=0.0, le=10000.0, description="length of the simulation [a]; the weather of the run is repeated"
    )
    period_days: int = Field(default=5, ge=1, le=365, description="interval between updates of soil carbon [d]")
    litter: float | None = Field(
        default=None,
        ge=0.0,
        le=20.0,
        description="litter input [kg m-2 a-1]; default: the respiration of the first pass",
    )
    carbon_moves: bool = Field(default=True, description="soil carbon changes with litter input and respiration")
    soil_follows: bool = Field(
        default=True,
        description="soil properties change with soil carbon, by `hydraulics` if given, otherwise by HYPRES",
    )
    hydraulics: ModulePath | None = Field(
        default=None, description="module folder of learned hydraulics, trained with organic carbon as an input"
    )
    carbon: ModulePath | None = Field(
        default=None,
        description="module folder of learned soil carbon; its `cs` of this site replaces that of `[carbon]`",
    )
    moisture: ModulePath | None = Field(
        default=None,
        description="module folder of learned soil moisture, towards which the column is nudged every day",
    )
    moisture_tau_hours: float = Field(default=24.0, gt=0.0, le=8760.0, description="time scale of the nudging [h]")
    moisture_levels: tuple[Annotated[int, Field(ge=1, le=1000)], ...] = Field(
        default=(1, 2), min_length=1, description="soil layers that are nudged, counted from 1 at the top"
    )
    moisture_level: Literal["matched", "learned"] = Field(
        default="matched",
        description="nudging target: rescaled to the mean and variance of the column's first pass, or as predicted",
    )

    @model_validator(mode="after")
    def _hydraulics_need_changing_soil(self) -> Self:
        if self.hydraulics is not None and not self.soil_follows:
            raise ValueError(
                "hydraulics are given but soil_follows is false: remove hydraulics, or set soil_follows = true"
            )
        return self
