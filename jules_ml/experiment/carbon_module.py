"""Settings of learned soil carbon, and the variability of a site's soil cores: the table ``[carbon_module]`` of an experiment."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from jules_ml.experiment.frost import FrozenBelow
from jules_ml.support.section import Section

#: Branches of the network.
Branch = Literal["static", "season", "event"]
BRANCHES: Final[tuple[Branch, ...]] = ("static", "season", "event")


class CarbonSettings(Section):
    """Settings of the training of soil carbon.

    ``soc_spread`` and ``region`` are set for each site; all other settings come from the first experiment file. Organic carbon and bulk
    density of the cores are given under ``[place]``.
    """

    soc_spread: float | None = Field(
        default=None,
        gt=0.0,
        le=3.0,
        description="standard deviation of the logarithm of organic carbon among the soil cores of this site [1]",
    )
    region: str = Field(
        default="", description="region of this site; the sites of a region are left out together in cross-validation"
    )
    allow_cosmos_vwc: bool = Field(
        default=False,
        description="use COSMOS_VWC although it is calculated with organic carbon; all results then carry a note",
    )
    frozen_below: FrozenBelow = 274.15
    learner: Literal["regression", "network"] = Field(
        default="regression", description="model that is saved in the module folder and exported"
    )
    branches: Annotated[tuple[Branch, ...], Field(min_length=1)] = Field(
        default=BRANCHES, description="branches of the network"
    )
    members: int = Field(default=4, ge=1, le=50, description="number of networks in the ensemble")
    steps: int = Field(default=250, ge=1, le=5000, description="number of training steps of each network")
    cover: float = Field(
        default=0.9,
        gt=0.5,
        lt=0.99,
        description="nominal coverage of the prediction intervals, as a fraction of sites [1]",
    )
    topsoil_share: float = Field(
        default=0.55,
        gt=0.0,
        le=1.0,
        description="fraction of the column's carbon in 0-30 cm, for the calculation of `cs` [1]",
    )
    seed: int = Field(default=0, ge=0, description="seed of the random number generator")
