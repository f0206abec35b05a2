"""``[jules]``: the JULES executable, its run folder, and the files that replace its soil, state and processes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from jules_ml.support.plugins import plugin_names
from jules_ml.support.section import DataPath, Section


def _installed(ways: tuple[str, ...]) -> tuple[str, ...]:
    names = plugin_names("jules_ml.ways")
    for way in ways:
        if way not in names:
            raise ValueError(f"'{way}' is not a way into JULES: use one or several of {', '.join(names)}")
    return ways


#: Ways into a JULES run, one or several: files that an unmodified JULES reads, or hooks.
Via = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    AfterValidator(_installed),
]
#: Versions of JULES whose namelist entries are known.
JulesVersion = Literal["7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "7.7", "7.8", "7.9", "8.0", "8.1", "8.2"]
#: Value of a namelist entry; None is an element without a value, which an array of the run folder may have.
NamelistValue = bool | int | float | str | tuple[bool | int | float | str | None, ...]


class PrescribedSection(Section):
    """``[jules.prescribed]``: soil state or soil properties that JULES reads from a file as time series."""

    file: DataPath = Field(description="netCDF file, as written by `jules-ml export --to prescribed`")
    levels: tuple[Annotated[int, Field(ge=1, le=1000)], ...] | None = Field(
        default=None,
        min_length=1,
        description="soil layers that are prescribed, counted from 1 at the top; default: all",
    )
    interp: Literal["nf", "i"] = Field(
        default="nf", description="interpolation in time: constant (`nf`) or linear (`i`)"
    )


class JulesSection(Section):
    """``[jules]``: a run folder of JULES and its executable."""

    folder: DataPath = Field(description="run folder of JULES, or a Rose application; it is not changed")
    namelists: str | None = Field(
        default=None, description="folder of the namelists within it; needed if there are several"
    )
    version: JulesVersion | None = Field(
        default=None,
        description="version of JULES, for the check of the namelists; default: from the hooks of the executable, the Rose application or "
        "the entries of the namelists",
    )
    executable: DataPath | None = Field(
        default=None, description="executable; default: environment variable `JULES_EXE`"
    )
    program: DataPath | None = Field(
        default=None,
        description="program that is checked for hooks, if the executable is a script that does not contain its path",
    )
    launcher: tuple[str, ...] = Field(
        default=(), description='command that starts the executable, for example `["mpiexec", "-n", "4"]`'
    )
    ancillary: DataPath | None = Field(
        default=None,
        description="netCDF file of soil properties, or folder of a map by `jules-ml export --grid`; default: written from "
        "`[modules] hydraulics` or `[soil]`",
    )
    prescribed: PrescribedSection | None = Field(default=None, description="soil state as time series")
    hooks: DataPath | None = Field(
        default=None,
        description="folder of `jules_ml.nml` and its files; default: written from `[modules] respiration`",
    )
    set: dict[str, dict[str, NamelistValue]] = Field(
        default={}, description="further namelist entries to change, by group and name"
    )

    branch_entries: tuple[str, ...] = Field(
        default=(),
        description="names of namelist entries that the executable of a branch has and no release of JULES, which are not checked",
    )

    @field_validator("set", mode="before")
    @classmethod
    def _entries_in_groups(cls, groups: Any) -> Any:
        for name, value in groups.items() if isinstance(groups, dict) else ():
            if not isinstance(value, dict):
                raise ValueError(
                    f"{name} needs its group: write set = {{GROUP = {{{name} = ...}}}}, for example "
                    "set = {jules_hydrology = {l_top = true}}"
                )
        return groups

    @model_validator(mode="after")
    def _names_in_lower_case(self) -> JulesSection:
        for group, entries in self.set.items():
            for name in (group, *entries):
                if name != name.lower():
                    raise ValueError(f"{name} is not in lower case: write {name.lower()}")
        return self
