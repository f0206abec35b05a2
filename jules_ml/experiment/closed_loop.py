"""``[closed_loop]``: carbon, soil, moisture and temperature bearing on one another over decades."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from jules_ml.support.section import DataPath, Section


class ClosedLoopSection(Section):
    """What closes, and for how long. Learned respiration is named in ``[modules]``, as ever."""

    years: float = Field(default=50.0, gt=0.0, le=10000.0, description="years; the weather of the run is repeated")
    period_days: int = Field(default=5, ge=1, le=365, description="days after which carbon moves")
    litter: float | None = Field(
        default=None, ge=0.0, le=20.0, description="litter [kg m-2 a-1]; what the first pass respires unless given"
    )
    carbon_moves: bool = Field(default=True, description="carbon changes by litter and respiration")
    soil_follows: bool = Field(
        default=True, description="soil properties follow carbon, by learned hydraulics or else by hypres"
    )
    hydraulics: DataPath | None = Field(
        default=None, description="module folder of learned hydraulics that were learned with soc"
    )
    carbon: DataPath | None = Field(
        default=None, description="module folder of learned carbon, whose `cs` of this site replaces that of [carbon]"
    )
    moisture: DataPath | None = Field(
        default=None,
        description="module folder of learned soil moisture, which the column is nudged towards day by day",
    )
    moisture_tau_hours: float = Field(default=24.0, gt=0.0, le=8760.0, description="time scale of that nudging [h]")
    moisture_levels: tuple[int, ...] = Field(
        default=(1, 2), min_length=1, description="soil levels that are nudged, from 1 at the top"
    )
    moisture_level: Literal["matched", "learned"] = Field(
        default="matched",
        description="mean and spread of what it is nudged towards: those of the column's own first pass, or as learned",
    )

    @model_validator(mode="after")
    def _soil_that_stays_is_not_learned(self) -> Self:
        if self.hydraulics is not None and not self.soil_follows:
            raise ValueError(
                "hydraulics are given for a soil that stays as it is: leave them out, or soil_follows = false"
            )
        return self
