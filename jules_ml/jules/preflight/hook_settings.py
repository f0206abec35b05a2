"""Groups and entries of ``jules_ml.nml``, with the checks of the bridge (``jml_config.f90``), so that a job is not queued in vain."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from jules_ml.learned.respiration.antecedent import DRIVERS

#: Types of pydantic's errors for values, and the type that the message names.
_TYPES: Final = {"bool_type": "a logical", "int_type": "an integer", "float_type": "a number", "string_type": "a text"}


class HookGroup(BaseModel):
    """A group of ``jules_ml.nml``. Values have Fortran's types; a single value stands for a list of one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, entries: dict[str, Any]) -> dict[str, Any]:
        lists = {
            name
            for name, field in cls.model_fields.items()
            if isinstance(field.get_default(call_default_factory=True), list)
        }
        return {k: [v] if k in lists and not isinstance(v, list) else v for k, v in entries.items()}

    @property
    def callable(self) -> str:
        """Python callable, ``module:function``; empty if there is none."""
        return str(getattr(self, "python_callable", ""))

    def _require_callable(self) -> None:
        module, _, function = self.callable.partition(":")
        if not module or not function:
            problem = f"python_callable is '{self.callable}'" if self.callable else "python_callable is missing"
            raise ValueError(f"{problem}: give 'module:function'")


class General(HookGroup):
    """``&jules_ml``."""

    reproducible: bool = False


class Respiration(HookGroup):
    """``&jules_ml_respiration``."""

    backend: Literal["native", "python"] = "native"
    fsth_table: str = ""
    ftemp_table: str = ""
    net: str = ""
    python_callable: str = ""
    antecedent: list[str] = Field(default_factory=list)
    antecedent_tables: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> Respiration:
        native = self.fsth_table or self.ftemp_table or self.net
        if self.backend == "native" and self.python_callable:
            raise ValueError("python_callable is for backend = 'python' only: remove it, or set backend = 'python'")
        if self.backend == "native" and not native:
            raise ValueError("there is no table and no net: give fsth_table and ftemp_table, or net")
        if self.backend == "python":
            if native:
                raise ValueError(
                    "fsth_table, ftemp_table and net are for backend = 'native' only: remove them, or set backend = 'native'"
                )
            self._require_callable()
        if len(self.antecedent) != len(self.antecedent_tables):
            raise ValueError(
                f"antecedent has {len(self.antecedent)} drivers and antecedent_tables {len(self.antecedent_tables)} files: give one "
                "table for each driver, in the same order"
            )
        for name in self.antecedent:
            if name not in DRIVERS:
                raise ValueError(f"antecedent names '{name}', which is not a driver: give {', '.join(DRIVERS)}")
            if self.antecedent.count(name) > 1:
                raise ValueError(f"antecedent names '{name}' more than once: keep one of them")
        return self


class Properties(HookGroup):
    """``&jules_ml_properties``."""

    backend: Literal["python"] = "python"
    python_callable: str = ""
    every_days: int = 0
    static_file: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Properties:
        if self.every_days < 0:
            raise ValueError("every_days is negative: give 0 for a call at the start only")
        self._require_callable()
        return self


class Moisture(HookGroup):
    """``&jules_ml_moisture``."""

    backend: Literal["python"] = "python"
    python_callable: str = ""
    mode: Literal["replace", "nudge"]
    tau_hours: list[float] = Field(default_factory=list)
    levels: list[int] = Field(default_factory=list)
    every: Literal["day", "step"] = "day"

    @model_validator(mode="after")
    def _consistent(self) -> Moisture:
        if self.mode == "nudge" and not self.tau_hours:
            raise ValueError("tau_hours is missing: give the time scale of mode = 'nudge'")
        if self.mode == "replace" and self.tau_hours:
            raise ValueError("tau_hours is for mode = 'nudge' only: remove it, or set mode = 'nudge'")
        if any(tau <= 0.0 for tau in self.tau_hours):
            raise ValueError("tau_hours has a value that is not positive: give hours above 0")
        if any(level < 1 for level in self.levels):
            raise ValueError("levels has a value below 1: level 1 is the top layer")
        if self.levels and len(self.tau_hours) not in (0, 1, len(self.levels)):
            raise ValueError(
                f"tau_hours has {len(self.tau_hours)} values for {len(self.levels)} levels: give one value, or one for each level"
            )
        self._require_callable()
        return self


class Ledger(HookGroup):
    """``&jules_ml_ledger``."""

    content: Literal["auto", "off", "sums", "points", "full"] = "auto"
    regions: str = ""
    latitude: list[float] = Field(default_factory=list)
    longitude: list[float] = Field(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> Ledger:
        if self.regions and self.content != "sums":
            raise ValueError("regions is for content = 'sums' only: remove it, or set content = 'sums'")
        if (self.latitude or self.longitude) and self.content != "points":
            raise ValueError(
                "latitude and longitude are for content = 'points' only: remove them, or set content = 'points'"
            )
        if len(self.latitude) != len(self.longitude):
            raise ValueError(
                f"latitude has {len(self.latitude)} values and longitude {len(self.longitude)}: give both for each point"
            )
        return self


class Python(HookGroup):
    """``&jules_ml_python``."""

    venv: str = ""
    libpython: str = ""
    threads: int = Field(default=1, ge=1)


#: Groups of ``jules_ml.nml`` by name.
GROUPS: Final[Mapping[str, type[HookGroup]]] = {
    "jules_ml": General,
    "jules_ml_respiration": Respiration,
    "jules_ml_properties": Properties,
    "jules_ml_moisture": Moisture,
    "jules_ml_ledger": Ledger,
    "jules_ml_python": Python,
}
#: Entry, or an empty text for the group as a whole, with problem and remedy.
Mistake = tuple[str, str, str]


def read_group(name: str, entries: Mapping[str, Any]) -> tuple[HookGroup | None, list[Mistake]]:
    """Check a group of ``jules_ml.nml``.

    Parameters
    ----------
    name : str
        Group, one of :data:`GROUPS`.
    entries : mapping
        Values by name in lower case; None is an entry without a value, which keeps its default.

    Returns
    -------
    HookGroup or None
        None if there is a mistake.
    list of (str, str, str)
        Mistakes.
    """
    group = GROUPS[name]
    try:
        return group.model_validate({k: v for k, v in entries.items() if v is not None}), []
    except ValidationError as error:
        return None, list(_mistakes(group, error.errors()))


def similar(name: str, names: Sequence[str]) -> str:
    """Return a remedy with the name that is probably meant, or all names."""
    near = difflib.get_close_matches(name, names, n=1)
    return f"write {near[0]} if you meant that" if near else f"use only {', '.join(names)}"


def _mistakes(group: type[HookGroup], errors: Sequence[ErrorDetails]) -> Iterator[Mistake]:
    for error in errors:
        entry = str(error["loc"][0]) if error["loc"] else ""
        if error["type"] == "extra_forbidden":
            yield entry, f"there is no entry {entry}", similar(entry, list(group.model_fields))
        elif error["type"] == "missing":
            yield entry, f"{entry} is missing", f"give {entry}"
        elif error["type"] == "value_error":
            problem, _, remedy = str(error["ctx"]["error"]).rpartition(": ")
            yield entry, problem, remedy
        elif error["type"] == "literal_error":
            yield entry, f"{entry} is {error['input']!r}", f"give {error['ctx']['expected']}"
        elif error["type"] in _TYPES:
            yield entry, f"{entry} is {error['input']!r}, not {_TYPES[error['type']]}", f"correct {entry}"
        else:
            yield entry, f"{entry} is {error['input']!r}", error["msg"][0].lower() + error["msg"][1:]
