"""What a user may choose about learned soil carbon, and what the cores of a site gave: the table ``[carbon_module]`` of an experiment."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from jules_ml.experiment.frost import FrozenBelow
from jules_ml.support.section import Section

#: Branches of the network.
Branch = Literal["static", "season", "event"]
BRANCHES: Final[tuple[Branch, ...]] = ("static", "season", "event")


class CarbonSettings(Section):
    """How soil carbon is learned. What the cores gave is each site's own; all else is taken from the first experiment."""

    soc: float | None = Field(
        default=None, gt=0.0, description="this site's organic carbon of 0-30 cm, median of its cores, in soc_units"
    )
    soc_units: str | None = Field(default=None, description='unit of soc, needed with it: "g kg-1"')
    soc_spread: float | None = Field(
        default=None, gt=0.0, le=3.0, description="standard deviation of its logarithm among the cores [1]"
    )
    bulk_density: float | None = Field(
        default=None, ge=50.0, le=2200.0, description="this site's dry bulk density of 0-30 cm [kg m-3]"
    )
    region: str = Field(default="", description="this site's region; sites of one are left out together")
    tree: float | None = Field(default=None, ge=0.0, le=1.0, description="share of the ground under trees [1]")
    bare: float | None = Field(default=None, ge=0.0, le=1.0, description="share of bare ground [1]")
    allow_cosmos_vwc: bool = Field(
        default=False, description="let in COSMOS_VWC, which is computed with carbon; every result is then marked"
    )
    frozen_below: FrozenBelow = 274.15
    learner: Literal["regression", "network"] = Field(
        default="regression", description="what the module folder keeps and export uses"
    )
    branches: Annotated[tuple[Branch, ...], Field(min_length=1)] = Field(
        default=BRANCHES, description="branches of the network"
    )
    members: int = Field(default=4, ge=1, le=50, description="networks in the ensemble")
    steps: int = Field(default=250, ge=1, le=5000, description="steps that the networks are trained for")
    cover: float = Field(default=0.9, gt=0.5, lt=0.99, description="share of sites that intervals are to cover")
    topsoil_share: float = Field(
        default=0.55, gt=0.0, le=1.0, description="share of the column's carbon that lies in 0-30 cm, for cs"
    )
    seed: int = Field(default=0, ge=0, description="seed of everything random")

    @model_validator(mode="after")
    def _unit_is_told(self) -> Self:
        if self.soc is None:
            return self
        if self.soc_units is None:
            raise ValueError("soc has no unit: give soc_units = 'g kg-1', grams of carbon for each kg of soil")
        if self.soc_units in ("%", "percent"):
            raise ValueError("soc is in %: multiply it by 10 and give soc_units = 'g kg-1'")
        if self.soc_units not in ("g kg-1", "g/kg"):
            raise ValueError(f"soc_units is '{self.soc_units}': bring soc to 'g kg-1' (1 % is 10 g kg-1)")
        return self
