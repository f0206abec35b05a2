"""What a user may choose about learned soil hydraulics: the table ``[hydraulics]`` of an experiment."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from jules_ml.experiment.frost import FrozenBelow
from jules_ml.support.section import Section


class HydraulicSettings(Section):
    """How JULES's soil properties are learned: taken from the first experiment. Static inputs are those of each site's ``[place]``."""

    texture: bool = Field(default=True, description="sand and clay are among the inputs")
    members: Annotated[int, Field(ge=1, le=50)] = Field(default=8, description="networks in the ensemble")
    hidden: int = Field(default=8, ge=1, le=64, description="units of each network's hidden layer")
    rounds: int = Field(default=6, ge=1, le=50, description="times that the columns are run")
    bias_weight: float = Field(
        default=0.1, ge=0.0, le=1.0, description="weight of a sensor's mean error beside that of its anomalies"
    )
    deep_weight: float = Field(
        default=0.5, ge=0.0, le=10.0, description="weight of a site's deeper sensors together, beside 1 of its first"
    )
    tie: float = Field(default=0.03, ge=0.0, description="how strongly weights are tied to the pre-trained ones")
    spin_up_days: int = Field(default=365, ge=0, description="days from the start that are run once beforehand")
    frozen_below: FrozenBelow = 274.15
    least_days: int = Field(default=60, ge=10, description="days that a sensor must have to be learned from")
    test_fraction: float = Field(
        default=0.3, ge=0.0, le=0.8, description="last part of each record that is held out and scored; 0: none"
    )
    seed: int = Field(default=0, ge=0, description="seed of everything random")
