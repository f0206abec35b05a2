"""Settings of learned soil hydraulics: the table ``[hydraulics]`` of an experiment."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from jules_ml.experiment.frost import FrozenBelow
from jules_ml.support.section import Section


class HydraulicSettings(Section):
    """Settings of the training of soil hydraulics, from the first experiment file. Static inputs come from ``[place]`` of each site."""

    texture: bool = Field(default=True, description="use sand and clay as inputs")
    members: Annotated[int, Field(ge=1, le=50)] = Field(default=8, description="number of networks in the ensemble")
    hidden: int = Field(default=8, ge=1, le=64, description="number of units in the hidden layer of each network")
    rounds: int = Field(
        default=6, ge=1, le=50, description="number of training rounds; the columns are run once in each"
    )
    bias_weight: float | None = Field(
        default=None,
        ge=0.0,
        le=1.0,
        description="weight of the mean error of a sensor, relative to 1 for its anomalies; default: 0.1, and 1 for one site",
    )
    deep_weight: float = Field(
        default=0.5,
        ge=0.0,
        le=10.0,
        description="total weight of the deeper sensors of a site, relative to 1 for its first",
    )
    tie: float | None = Field(
        default=None,
        ge=0.0,
        le=1000.0,
        description="weight of the penalty on departures from the pre-trained network, for one site from the soil of `[soil]`; "
        "default: 0.03, and 1 for one site",
    )
    spin_up_days: int = Field(
        default=365,
        ge=0,
        description="number of days from the start whose weather is run once before the run, as spin-up; 0: the state at the start "
        "is known",
    )
    frozen_below: FrozenBelow = 274.15
    least_days: int = Field(default=60, ge=10, description="minimum number of days of a sensor in the training data")
    test_fraction: float = Field(
        default=0.3, ge=0.0, le=0.8, description="fraction at the end of each record that is the test period; 0: none"
    )
    seed: int = Field(default=0, ge=0, description="seed of the random number generator")
