"""``[jules]``: which JULES is run, in which folder, and where what is swapped in comes from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from jules_ml.support.plugins import plugin_names
from jules_ml.support.section import DataPath, Section


def _installed(ways: tuple[str, ...]) -> tuple[str, ...]:
    names = plugin_names("jules_ml.ways")
    for way in ways:
        if way not in names:
            raise ValueError(f"'{way}' is no way into JULES: use one or several of {', '.join(names)}")
    return ways


#: Ways into a JULES run, one or several: files that an unmodified JULES reads, or hooks.
Via = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    AfterValidator(_installed),
]
NamelistValue = bool | int | float | str | tuple[bool | int | float | str, ...]


class PrescribedSection(Section):
    """``[jules.prescribed]``: soil state or soil properties that JULES takes from a file through time."""

    file: DataPath = Field(description="netCDF file, as `jules-ml export --to prescribed` writes it")
    levels: tuple[int, ...] | None = Field(
        default=None, min_length=1, description="soil layers that are prescribed, from 1 at the top; all unless given"
    )
    interp: Literal["nf", "i"] = Field(
        default="nf", description="between the file's times: values held (`nf`), or linear (`i`)"
    )


class JulesSection(Section):
    """``[jules]``: a run folder of JULES and its executable."""

    folder: DataPath = Field(
        description="run folder, from which JULES is started, or a Rose application; never changed"
    )
    namelists: str | None = Field(
        default=None, description="folder of the namelists within it; found where there is one unless given"
    )
    executable: DataPath | None = Field(
        default=None, description="executable; that of the environment variable JULES_EXE unless given"
    )
    launcher: tuple[str, ...] = Field(
        default=(), description='what stands before the executable, as `["mpiexec", "-n", "4"]`'
    )
    ancillary: DataPath | None = Field(
        default=None,
        description="netCDF file of soil properties; those of `[modules] hydraulics` or `[soil]` unless given",
    )
    prescribed: PrescribedSection | None = Field(default=None, description="soil state through time")
    hooks: DataPath | None = Field(
        default=None,
        description="folder of `jules_ml.nml` and its files; made of `[modules] respiration` unless given",
    )
    set: dict[str, dict[str, NamelistValue]] = Field(
        default={}, description="other entries of the namelists, by group and entry"
    )

    @model_validator(mode="after")
    def _names_in_lower_case(self) -> JulesSection:
        for group, entries in self.set.items():
            for name in (group, *entries):
                if name != name.lower():
                    raise ValueError(f"write {name} in lower case")
        return self
