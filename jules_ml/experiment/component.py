"""Section ``[component]``: the column as a component of a coupling framework."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from jules_ml.experiment.sections import Moment
from jules_ml.support.section import DataPath, Section

_Latitude = Annotated[float, Field(ge=-90.0, le=90.0)]
_Longitude = Annotated[float, Field(ge=-180.0, le=360.0)]
#: Part of the spacing by which an evenly spaced axis may deviate.
_EVEN = 1e-6


class ComponentSection(Section):
    """``[component]``: inputs, time axis and places of the column in a coupling framework."""

    mode: Literal["record", "coupled", "mixed"] = Field(
        default="record",
        description="source of the inputs: the record, unless they are set; other components, which must set all in each step; or other "
        "components for those of `coupled`, and the record",
    )
    coupled: tuple[str, ...] = Field(
        default=(), description="inputs that other components set in the mode `mixed`, by JULES's or CSDMS's names"
    )
    epoch: Moment | None = Field(
        default=None, description="date from which times count [s], UTC; default: times count from the start"
    )
    layout: Literal["points", "rectilinear", "uniform_rectilinear"] = Field(
        default="points", description="arrangement of the columns: at points, or on a grid of latitudes and longitudes"
    )
    latitude: tuple[_Latitude, ...] = Field(
        default=(), description="latitudes of points, or of the rows of the grid [degree]; default: a single column"
    )
    longitude: tuple[_Longitude, ...] = Field(
        default=(), description="longitudes of points, or of the columns of the grid [degree]"
    )
    state: DataPath | None = Field(
        default=None, description="state of an earlier run (`save_state`), with which the run continues"
    )
    rooting_depth: float = Field(
        default=0.5, gt=0.0, le=20.0, description="e-folding depth of roots of the soil alone [m]"
    )
    infil: float = Field(
        default=1.0,
        gt=0.0,
        le=100.0,
        description="infiltration capacity of the soil alone, as a multiple of `satcon` [1]",
    )

    @model_validator(mode="after")
    def _list_for_mixed(self) -> Self:
        if (self.mode == "mixed") != bool(self.coupled):
            raise ValueError('coupled lists the inputs of mode = "mixed", and of no other mode')
        return self

    @model_validator(mode="after")
    def _axes(self) -> Self:
        if bool(self.latitude) != bool(self.longitude):
            raise ValueError("give both latitude and longitude, or neither")
        if self.layout == "points":
            if len(self.latitude) != len(self.longitude):
                raise ValueError(f"{len(self.latitude)} latitudes and {len(self.longitude)} longitudes make no points")
            return self
        for name in ("latitude", "longitude"):
            steps = np.diff(getattr(self, name))
            if not len(steps) or not ((steps > 0).all() or (steps < 0).all()):
                raise ValueError(f"{name} of a grid must increase or decrease, and have two values or more")
            if self.layout == "uniform_rectilinear" and np.ptp(steps) > _EVEN * abs(steps[0]):
                raise ValueError(f'{name} is not evenly spaced: set layout = "rectilinear"')
        return self

    def seconds_since_epoch(self, start: datetime | None) -> float:
        """Start time [s] since :attr:`epoch`; 0 if there is no epoch or no start."""
        return 0.0 if self.epoch is None or start is None else (start - self.epoch).total_seconds()

    @property
    def time_units(self) -> str:
        """Unit of time."""
        return "s" if self.epoch is None else f"seconds since {self.epoch:%Y-%m-%d %H:%M:%S}"
