"""What a user may choose about learned soil carbon, and how the cores of a site vary: the table ``[carbon_module]`` of an experiment."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from jules_ml.experiment.frost import FrozenBelow
from jules_ml.support.section import Section

#: Branches of the network.
Branch = Literal["static", "season", "event"]
BRANCHES: Final[tuple[Branch, ...]] = ("static", "season", "event")


class CarbonSettings(Section):
    """How soil carbon is learned. ``soc_spread`` and ``region`` are each site's own; the rest is taken from the first experiment.

    Organic carbon and bulk density of the cores are under ``[place]``.
    """

    soc_spread: float | None = Field(
        default=None,
        gt=0.0,
        le=3.0,
        description="this site's standard deviation of the logarithm of organic carbon among the cores [1]",
    )
    region: str = Field(default="", description="this site's region; sites of one are left out together")
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
