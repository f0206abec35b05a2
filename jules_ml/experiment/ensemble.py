"""``[ensemble]``: many members of one experiment, and what is made of them together."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from jules_ml.support.section import DataPath, Section


class ParameterSection(Section):
    """``[[ensemble.parameters]]``: one number that differs from member to member."""

    parameter: str = Field(description="key of this file, as `soil.properties.sathh`, or entry of a namelist")
    group: str | None = Field(default=None, description="group of the namelist, for JULES; none for a key of this file")
    file: str | None = Field(default=None, description="file of the namelist, where the group's name is not enough")
    index: int | None = Field(default=None, ge=1, description="which of several values, from 1; all unless given")
    name: str | None = Field(
        default=None, description="name in the output; made of the parameter and its index unless given"
    )
    prior: Literal["uniform", "loguniform", "normal", "lognormal"] = Field(
        default="uniform", description="distribution that is drawn from"
    )
    bounds: tuple[float, float] | None = Field(
        default=None, description="least and most; needed by the uniform ones, where the others are cut"
    )
    mean: float | None = Field(default=None, description="mean of `normal`, median of `lognormal`")
    sd: float | None = Field(
        default=None, gt=0.0, description="standard deviation of `normal`, that of the logarithm of `lognormal`"
    )
    factor: bool = Field(default=False, description="what is drawn multiplies what stands there, in place of it")
    values: tuple[float, ...] | None = Field(
        default=None, min_length=1, description='values of the members in turn, for sampling = "listed"'
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
            raise ValueError(f"a {self.prior} prior is of positive numbers only")
        return self

    @property
    def label(self) -> str:
        """Name in the output."""
        last = self.parameter.rsplit(".", 1)[-1]
        return self.name or (last if self.index is None else f"{last}_{self.index}")


class WeightsSection(Section):
    """``[ensemble.weights]``: members weighed by how well they agree with what was measured."""

    variable: str = Field(description="variable of the output that was measured")
    layer: int | None = Field(default=None, ge=1, description="soil layer, from 1 at the top")
    sigma: float = Field(gt=0.0, description="standard error of one measurement, the model's own included")
    observations: DataPath | None = Field(
        default=None, description="netCDF file with that variable along `time`; the site's record unless given"
    )
    periods: float = Field(
        default=1.0, ge=1.0, description="periods of output that count as one independent measurement"
    )


class EnsembleSection(Section):
    """``[ensemble]``: what differs between members, and what is made of them."""

    members: int | None = Field(
        default=None, ge=1, description="samples; the values listed, or the draws of the module, unless given"
    )
    seed: int = Field(default=0, ge=0, description="seed of the samples, and of each member's own")
    sampling: Literal["latin_hypercube", "sobol", "listed"] = Field(
        default="latin_hypercube", description="how parameters and draws are sampled together"
    )
    draws: tuple[str, ...] = Field(
        default=(),
        description="modules of `[modules]` of which each member takes one draw in place of the median, or of the mean",
    )
    parameters: tuple[ParameterSection, ...] = Field(default=(), description="numbers that differ")
    sites: tuple[DataPath, ...] = Field(
        default=(), description="other experiment files, whose site, record, soil, surface, carbon and JULES are taken"
    )
    forcing: tuple[DataPath, ...] = Field(
        default=(), description="files in the place of the record, or of JULES's driving file"
    )
    batch: int = Field(default=250, ge=1, description="columns that are stepped together")
    profile: str | None = Field(default=None, description="output profile of JULES; the only one unless given")
    keep_runs: bool = Field(default=True, description="keep JULES's run folder of each member")
    quantiles: tuple[float, ...] = Field(
        default=(0.05, 0.25, 0.5, 0.75, 0.95), min_length=1, description="quantiles over the members"
    )
    format: Literal["netcdf", "zarr"] = Field(default="netcdf", description="format of the gathered file")
    weights: WeightsSection | None = Field(default=None, description="weights of the members by what was measured")

    @model_validator(mode="after")
    def _members_differ(self) -> Self:
        if not (self.draws or self.parameters or self.sites or self.forcing):
            raise ValueError("nothing differs between the members: give draws, parameters, sites or forcing")
        if any(not 0.0 < q < 1.0 for q in self.quantiles) or list(self.quantiles) != sorted(set(self.quantiles)):
            raise ValueError("quantiles rise from above 0 to below 1")
        labels = [p.label for p in self.parameters]
        if len(labels) != len(set(labels)):
            raise ValueError(f"two parameters bear one name ({', '.join(labels)}): give name")
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
                raise ValueError(f"members is {self.members}, and the lists have {next(iter(lengths.values()))} values")
        elif lengths:
            raise ValueError(f"values of {', '.join(lengths)} need sampling = 'listed'")
        elif self.parameters and self.members is None:
            raise ValueError("members is needed: how many samples")
        return self
