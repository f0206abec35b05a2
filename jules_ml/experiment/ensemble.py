"""``[ensemble]``: an ensemble of runs, its parameters, statistics and weights."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from jules_ml.support.section import DataPath, Section


class ParameterSection(Section):
    """``[[ensemble.parameters]]``: a parameter that differs between members."""

    parameter: str = Field(description="key of this file, for example `soil.properties.sathh`, or entry of a namelist")
    group: str | None = Field(default=None, description="namelist group of JULES; not used for a key of this file")
    file: str | None = Field(default=None, description="namelist file, if several files contain the group")
    index: int | None = Field(
        default=None, ge=1, description="index of one value among several, counted from 1; default: all values"
    )
    name: str | None = Field(default=None, description="name in the output; default: parameter and index")
    prior: Literal["uniform", "loguniform", "normal", "lognormal"] = Field(
        default="uniform", description="prior distribution"
    )
    bounds: tuple[float, float] | None = Field(
        default=None, description="lower and upper bound; required for uniform priors, truncation of the others"
    )
    mean: float | None = Field(default=None, description="mean of `normal`, median of `lognormal`")
    sd: float | None = Field(
        default=None, gt=0.0, description="standard deviation of `normal`, or of the logarithm for `lognormal`"
    )
    factor: bool = Field(
        default=False, description="multiply the value in the file by the sample instead of replacing it"
    )
    values: tuple[float, ...] | None = Field(
        default=None, min_length=1, description='value of each member, for sampling = "listed"'
    )

    @model_validator(mode="after")
    def _prior_is_complete(self) -> Self:
        if self.bounds is not None and self.bounds[0] >= self.bounds[1]:
            raise ValueError(f"bounds are reversed or equal: [{self.bounds[0]:g}, {self.bounds[1]:g}]")
        if self.values is not None:
            return self
        if self.prior in ("uniform", "loguniform") and self.bounds is None:
            raise ValueError(f"a {self.prior} prior needs bounds")
        if self.prior in ("normal", "lognormal") and (self.mean is None or self.sd is None):
            raise ValueError(f"a {self.prior} prior needs mean and sd")
        positive = self.prior in ("loguniform", "lognormal")
        least = min([*(self.bounds or ()), *([] if self.mean is None else [self.mean])], default=1.0)
        if positive and least <= 0.0:
            raise ValueError(f"a {self.prior} prior needs positive bounds and mean")
        return self

    @property
    def label(self) -> str:
        """Name in the output."""
        last = self.parameter.rsplit(".", 1)[-1]
        return self.name or (last if self.index is None else f"{last}_{self.index}")


class WeightsSection(Section):
    """``[ensemble.weights]``: weights of the members from their agreement with observations."""

    variable: str = Field(description="output variable to compare with observations")
    layer: int | None = Field(default=None, ge=1, description="soil layer, counted from 1 at the top")
    sigma: float = Field(
        gt=0.0, description="standard error of one observation, including the model error, in the unit of the variable"
    )
    observations: DataPath | None = Field(
        default=None, description="netCDF file with the variable along `time`; default: the site's record"
    )
    periods: float = Field(default=1.0, ge=1.0, description="number of output periods per independent observation")


class EnsembleSection(Section):
    """``[ensemble]``: differences between the members, and output of the ensemble."""

    members: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="number of samples; default: number of listed values, or of draws in the module",
    )
    seed: int = Field(default=0, ge=0, description="seed of the samples and of the members")
    sampling: Literal["latin_hypercube", "sobol", "listed"] = Field(
        default="latin_hypercube", description="joint sampling of parameters and draws"
    )
    draws: tuple[str, ...] = Field(
        default=(),
        description="modules of which each member uses one draw instead of the median or mean: `respiration`, `hydraulics`",
    )
    parameters: tuple[ParameterSection, ...] = Field(default=(), description="parameters that differ between members")
    sites: tuple[DataPath, ...] = Field(
        default=(), description="other experiment files; their site, record, soil, surface, carbon and JULES are used"
    )
    forcing: tuple[DataPath, ...] = Field(
        default=(), description="files that replace the record, or the driving file of JULES"
    )
    batch: int = Field(default=250, ge=1, le=1_000_000, description="number of columns in one batch")
    profile: str | None = Field(default=None, description="output profile of JULES; needed if there are several")
    keep_runs: bool = Field(default=True, description="keep the JULES run folder of each member")
    quantiles: tuple[float, ...] = Field(
        default=(0.05, 0.25, 0.5, 0.75, 0.95), min_length=1, description="quantiles over the members"
    )
    format: Literal["netcdf", "zarr"] = Field(default="netcdf", description="format of the output file")
    weights: WeightsSection | None = Field(default=None, description="weights of the members from observations")

    @model_validator(mode="after")
    def _members_differ(self) -> Self:
        if not (self.draws or self.parameters or self.sites or self.forcing):
            raise ValueError("nothing differs between the members: give draws, parameters, sites or forcing")
        if any(not 0.0 < q < 1.0 for q in self.quantiles) or list(self.quantiles) != sorted(set(self.quantiles)):
            raise ValueError("quantiles must increase, and lie between 0 and 1")
        labels = [p.label for p in self.parameters]
        if len(labels) != len(set(labels)):
            raise ValueError(f"parameter names are not unique ({', '.join(labels)}): set name")
        return self

    @model_validator(mode="after")
    def _listed_or_sampled(self) -> Self:
        lengths = {p.label: len(p.values) for p in self.parameters if p.values is not None}
        if self.sampling == "listed":
            missing = [p.label for p in self.parameters if p.values is None]
            if missing:
                raise ValueError(f"sampling 'listed' needs values of {', '.join(missing)}")
            if len(set(lengths.values())) > 1:
                raise ValueError(f"lists of different lengths: {lengths}")
            if lengths and self.members is not None and self.members != next(iter(lengths.values())):
                raise ValueError(f"members is {self.members}, but the lists have {next(iter(lengths.values()))} values")
        elif lengths:
            raise ValueError(f"values of {', '.join(lengths)} need sampling = 'listed'")
        elif self.parameters and self.members is None:
            raise ValueError("members is missing: give the number of samples")
        return self
