"""``[calibration]``: parameters of the column that are fitted to the observations of one or several sites."""

from __future__ import annotations

import difflib
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from jules_ml.experiment.frost import FrozenBelow
from jules_ml.experiment.sections import Moment
from jules_ml.physics.parameter_names import PARAMETERS
from jules_ml.support.section import DataPath, Section

#: Standard error of a daily mean of each observed variable, in its unit: that of the sensor and that of the model together.
ERRORS = {"theta": 0.03, "t_soil": 1.0, "le": 20.0, "h": 25.0, "gpp": 1.5, "night_nee": 1.0, "nee": 1.0}


class CalibratedSection(Section):
    """``[[calibration.parameters]]``: a parameter, its bounds and its prior."""

    name: str = Field(description="parameter, by JULES's name without `_io`")
    lower: float | None = Field(default=None, description="lower bound; default: that of the table of parameters")
    upper: float | None = Field(default=None, description="upper bound; default: that of the table of parameters")
    scale: Literal["log", "linear"] | None = Field(
        default=None,
        description="scale on which the parameter is transformed; default: that of the table of parameters",
    )
    prior: float | None = Field(
        default=None,
        description="median of the prior; default: the value of each layer, type and site of the experiment",
    )
    prior_sd: float = Field(
        default=1.0, gt=0.0, le=100.0, description="standard deviation of the normal prior of the transformed parameter"
    )
    separate: tuple[Literal["layer", "type", "site"], ...] = Field(
        default=(),
        description="dimensions along which the change differs: `layer`, `type`, `site`; default: one change for all",
    )
    layers: tuple[int, ...] | None = Field(
        default=None, min_length=1, description="soil layers that change, counted from 1 at the top; default: all"
    )
    types: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="surface types that change; default: all plant types"
    )

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in PARAMETERS:
            near = difflib.get_close_matches(name.removesuffix("_io"), PARAMETERS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ValueError(f"'{name}' is not a parameter of the column: {hint}choose among {', '.join(PARAMETERS)}")
        return name

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        lower, upper = self.bounds
        if lower >= upper:
            raise ValueError(
                f"the bounds of {self.name} are reversed or equal, {lower:g} and {upper:g}: give lower below upper"
            )
        if self.log and lower <= 0.0:
            raise ValueError(
                f"lower is {lower:g}, and a logarithmic scale needs positive bounds: give scale = 'linear'"
            )
        if self.prior is not None and not lower < self.prior < upper:
            raise ValueError(f"the prior of {self.name}, {self.prior:g}, is not between {lower:g} and {upper:g}")
        return self

    @model_validator(mode="after")
    def _dimensions_exist(self) -> Self:
        dimension = PARAMETERS[self.name].dimension
        for key, needed in (("layers", "layer"), ("types", "type")):
            if getattr(self, key) is not None and dimension != needed:
                raise ValueError(f"{self.name} has no {key}: remove {key}")
        for each in self.separate:
            if each not in ("site", dimension):
                raise ValueError(f"{self.name} does not differ by {each}: remove '{each}' from separate")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """Lower and upper bound."""
        known = PARAMETERS[self.name]
        return (
            known.lower if self.lower is None else self.lower,
            known.upper if self.upper is None else self.upper,
        )

    @property
    def log(self) -> bool:
        """Whether the scale is logarithmic."""
        return PARAMETERS[self.name].log if self.scale is None else self.scale == "log"


class ObservedSection(Section):
    """``[[calibration.observations]]``: a variable of the record, and its error."""

    variable: Literal["theta", "t_soil", "le", "h", "gpp", "night_nee", "nee"] = Field(
        description="observed variable: soil moisture, soil temperature, latent and sensible heat, gross primary productivity, "
        "night-time NEE as ecosystem respiration, or NEE of day and night"
    )
    error: float | Literal["estimated"] | None = Field(
        default=None,
        description="standard error of a daily mean, in the unit of the variable; `estimated`: the residual standard deviation of the "
        "fit; default: theta 0.03, t_soil 1, le 20, h 25, gpp 1.5, night_nee 1, nee 1",
    )
    offset: float = Field(
        default=0.0,
        ge=0.0,
        description="standard deviation of an unknown constant offset of each sensor, in the unit of the variable",
    )
    deep_offset: float = Field(
        default=0.0,
        ge=0.0,
        description="the same for the sensors of a site below its shallowest one, if it is larger than `offset`",
    )
    independent_days: float = Field(
        default=10.0,
        ge=1.0,
        description="number of days per independent observation: neighbouring days are not independent",
    )
    depths: tuple[float, float] | None = Field(
        default=None, description="range of the depths of the sensors that are used [m]; default: all within the layers"
    )
    least_days: int = Field(default=20, ge=1, description="minimum number of days of a sensor in the fitting period")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if isinstance(self.error, float) and self.error <= 0.0:
            raise ValueError(f"the error of {self.variable} must be positive: give error above 0")
        if self.deep_offset > 0.0 and self.variable not in ("theta", "t_soil"):
            raise ValueError(f"{self.variable} has no depth: remove deep_offset")
        if self.depths is not None and self.variable not in ("theta", "t_soil"):
            raise ValueError(f"{self.variable} has no depth: remove depths")
        if self.depths is not None and self.depths[0] > self.depths[1]:
            raise ValueError(
                f"depths are reversed, [{self.depths[0]:g}, {self.depths[1]:g}]: give the smaller one first"
            )
        return self

    @property
    def first_error(self) -> float:
        """Standard error at the start of the fit, in the unit of the variable."""
        return self.error if isinstance(self.error, float) else ERRORS[self.variable]


class CalibrationSection(Section):
    """``[calibration]``: parameters, observations and method of a calibration."""

    parameters: tuple[CalibratedSection, ...] = Field(min_length=1, description="parameters that are fitted")
    observations: tuple[ObservedSection, ...] = Field(min_length=1, description="observations that they are fitted to")
    sites: tuple[DataPath, ...] = Field(
        default=(),
        description="experiment files of other sites; their site, record, soil, surface and carbon are used, and the periods of "
        "their own `[calibration]` if they have one",
    )
    flux_file: DataPath | None = Field(
        default=None,
        description="netCDF file of CalLMIP Phase 1 with daily NEE, latent and sensible heat and their uncertainty, which replace those of "
        "the record; default: none",
    )
    simulations: bool = Field(
        default=False,
        description="write daily means of all outputs with the prior and the fitted parameters, and their spread over the draws: "
        "`jules-ml convert` makes a submission to CalLMIP of them",
    )
    method: Literal["lbfgs", "gauss_newton"] = Field(
        default="lbfgs",
        description="L-BFGS with gradients through the time steps, or Gauss-Newton with displaced copies of the columns",
    )
    iterations: int = Field(default=20, ge=1, le=1000, description="maximum number of iterations")
    spin_up_days: int = Field(
        default=365,
        ge=0,
        description="number of days from the start whose weather is run once before the run, as spin-up; 0: the state at the start "
        "is known",
    )
    stress_points: Literal["fixed", "curve"] = Field(
        default="fixed",
        description="`sm_crit` and `sm_wilt` where they are not fitted: constant fractions of `sm_sat`, or points of the fitted "
        "retention curve, at 33 kPa and 1.5 MPa",
    )
    fit_start: Moment | None = Field(
        default=None, description="start of the fitting period, UTC; default: that of the run"
    )
    fit_end: Moment | None = Field(
        default=None, description="end of the fitting period, UTC; the test period follows; default: by `test_fraction`"
    )
    test_fraction: float = Field(
        default=0.3,
        ge=0.0,
        le=0.8,
        description="fraction of the days with an observation that are the test period, at the end of each record; 0: none",
    )
    segment_days: int = Field(
        default=10, ge=1, le=1000, description="number of days between two stored states; more need more memory"
    )
    frozen_below: FrozenBelow = 274.15
    draws: int = Field(
        default=0, ge=0, le=1000, description="number of parameter sets drawn from the posterior; 0: none"
    )
    seed: int = Field(default=0, ge=0, description="seed of the draws")

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        observed = [each.variable for each in self.observations]
        for name in observed:
            if observed.count(name) > 1:
                raise ValueError(
                    f"observations of {name} are given twice: remove one of the two [[calibration.observations]]"
                )
        if self.flux_file is not None and any(each.offset > 0.0 for each in self.observations):
            raise ValueError(
                "offset cannot be given with flux_file, whose uncertainty differs from day to day: remove offset"
            )
        if self.fit_start is not None and self.fit_end is not None and self.fit_end <= self.fit_start:
            raise ValueError("fit_end is not after fit_start: give a later fit_end")
        return self
